"""A front desk that hands over to billing, and one conversation with it on the real core."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from rtaudio.providers.openai_messages import messages_of
from rtaudio.testing import FakeLLM, Simulation
from rtaudio.voice import (
    Agent,
    ChatContext,
    Session,
    ToolCall,
)
from rtaudio.voice.tools import tool
from tests.voice.conversations import Cast, caller_with, conversation
from tests.voice.message_rules import anthropic_messages, anthropic_problems, openai_problems

TO_BILLING = ToolCall("c1", "to_billing", "{}")


class Billing(Agent):
    instructions = "You are billing."
    name = "billing"

    @tool
    def balance(self) -> str:
        """What is owed."""
        return "Twelve."


class Front(Agent):
    """Hands over to `to`, however the test wants it."""

    instructions = "You are the front desk."
    name = "front"

    def __init__(self, to: object, took_s: float = 0.0, **more: Any) -> None:
        super().__init__(**more)
        self.to, self.took_s = to, took_s
        self.cancelled = False

    @tool
    async def to_billing(self) -> object:
        """Hands over to billing."""
        try:
            await asyncio.sleep(self.took_s)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return self.to

    @tool(detach_after_s=0.5)
    async def slowly(self) -> object:
        """Hands over, some time."""
        await asyncio.sleep(self.took_s)
        return self.to

    @tool
    async def look(self) -> str:
        """Looks."""
        await asyncio.sleep(self.took_s)
        return "Found."


class Hooked(Agent):
    """Keeps what happened to it, in `log` of all."""

    def __init__(self, name: str, log: list[str], **more: Any) -> None:
        super().__init__(f"You are {name}.", name=name, **more)
        self.log = log

    async def on_enter(self, session: Session) -> None:
        self.log.append(f"{self.name} enters")

    async def on_exit(self, session: Session) -> None:
        await asyncio.sleep(0.3)
        self.log.append(f"{self.name} has left")

    @tool
    def to_billing(self) -> Agent:
        """Hands over."""
        return Hooked("billing", self.log)


def lines(history: ChatContext) -> list[str]:
    return [f"{message.role}: {message.text}{' +' if message.tools else ''}" for message in history]


def outputs(history: ChatContext) -> list[str]:
    return [use.output for message in history for use in message.tools]


def sound(history: ChatContext) -> None:
    assert openai_problems(messages_of(history)) == []
    assert anthropic_problems(anthropic_messages(history)) == []


async def talk(agent: Agent, replies: Sequence[Any], **settings: Any) -> tuple[Simulation, FakeLLM]:
    llm = FakeLLM(replies)
    cues = settings.pop("cues", [{"at_s": 0.3}])
    cast = settings.pop("cast", None) or Cast()
    cast.llm = llm
    async with conversation(cast, caller_with(*cues), agent=agent, **settings) as sim:
        await sim.finish(idle_s=3.0)
    sound(sim.session.history)
    for chat in llm.asked:
        sound(chat)
    return sim, llm
