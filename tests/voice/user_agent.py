"""A user's agents, as somebody writes them who has read the docs: all that an agent can have, for `mypy --strict`.

tests/test_examples.py has mypy read it, tests/voice/test_user_agent.py runs it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Annotated, Literal

from rtaudio import TurnConfig
from rtaudio.voice import (
    LLM,
    STT,
    TTS,
    Agent,
    AgentChanged,
    AgentSpeechInterrupted,
    Audio,
    ChatContext,
    ChatMessage,
    Handoff,
    ProviderFailed,
    Session,
    SessionEvent,
    SessionOptions,
    Speech,
    SpeechHandle,
    StopReply,
    Task,
    TaskCancelled,
    Token,
    ToolCall,
    ToolSpec,
    Transcript,
    TurnRecord,
    Usage,
)
from rtaudio.voice.history_policy import last, summarised
from rtaudio.voice.tools import (
    ClientError,
    ToolContext,
    ToolError,
    Toolset,
    client_method,
    client_tool,
    session_methods,
    tool,
)


class Kind(Enum):
    """Of a room."""

    SINGLE = "single"
    DOUBLE = "double"


@dataclass
class Guest:
    """Who stays."""

    name: str
    age: int | None = None


@dataclass
class Bookings:
    """The program's own, beside the talk: `ToolContext.data`."""

    made: list[str] = field(default_factory=list)
    colour: str = "white"


@client_tool(timeout_s=30, on_interruption="cancel")
async def show_rooms(choices: list[str]) -> str:
    """Shows rooms on the page, and gives the one that is chosen."""
    raise NotImplementedError


@client_method
async def set_colour(context: ToolContext[Bookings], colour: Literal["white", "blue"]) -> None:
    """Of the page."""
    context.data.colour = colour


@tool(timeout_s=5, retries=1, retry_on=ConnectionError)
async def weather(town: Annotated[str, "as it is written on a map"], day: date | None = None) -> str:
    """What the weather will be.

    Args:
        day: Today, if it is not said.
    """
    return f"Fine in {town}."


def booking_of(guest: Guest, **_: object) -> str:
    """What must not be booked twice."""
    return guest.name


class AskName(Task[Guest]):
    instructions = "Find out who is going to stay."
    greeting = "Who is going to stay?"
    timeout_s = 60.0

    @tool
    def note(self, name: str, age: int | None = None) -> str:
        """Notes who it is."""
        self.complete(Guest(name, age))
        return "Noted."


class Complaints(Agent):
    instructions = "You take complaints."
    turns = TurnConfig(max_delay_s=2.0)

    async def on_enter(self, session: Session) -> None:
        handle: SpeechHandle = session.say("I am sorry to hear that.", interruption="off", priority="high")
        message: ChatMessage = await handle
        assert message.role == "assistant"

    async def on_exit(self, session: Session) -> None:
        await asyncio.sleep(0)


class Hotel(Agent):
    """The one that answers."""

    instructions = "You answer for a hotel."
    history = last(8)

    def __init__(self, complaints: TTS | None = None) -> None:
        super().__init__(tools=[weather, show_rooms])
        self.complaints = complaints

    @tool(on_interruption="keep", key=booking_of, filler="One moment.")
    async def book(
        self, context: ToolContext[Bookings], guest: Guest, nights: int = 1, kind: Kind = Kind.SINGLE
    ) -> str:
        """Books a room.

        Args:
            guest: Who stays.
            nights: How many.
        """
        if nights < 1:
            raise ToolError("at least one night")
        context.progress("looking")
        try:
            shown: object = await context.call_client("rooms", {"kind": kind.value}, timeout_s=2.0)
        except ClientError:
            shown = None
        context.data.made.append(f"{guest.name}: {nights}")
        return f"Booked{' as shown' if shown else ''}."

    @tool(detach_after_s=10.0)
    async def who(self, context: ToolContext[Bookings]) -> str:
        """Asks who is going to stay."""
        try:
            guest = await context.run_task(AskName())
        except TaskCancelled as why:
            return str(why)
        context.data.made.append(guest.name)
        return guest.name

    @tool
    def complain(self, about: str) -> tuple[Agent, str] | Handoff:
        """Puts the caller through to complaints."""
        agent = Complaints(tts=self.complaints)
        if len(about) > 100:
            return Handoff(agent, "It is a long story.", history=summarised(recent=2))
        return agent, f"It is about {about}."

    async def on_turn(self, session: Session, message: ChatMessage) -> str | None:
        if message.text == "never mind":
            raise StopReply
        return f"The bookings so far: {len(session.history)}." if message.text else None

    async def stt(self, audio: AsyncIterator[Audio]) -> AsyncIterator[Transcript]:
        async for transcript in super().stt(audio):
            yield Transcript(transcript.text.replace("hotell", "hotel"), transcript.final, transcript.complete)

    async def llm(self, chat: ChatContext, tools: Sequence[ToolSpec]) -> AsyncIterator[Token | ToolCall | Usage]:
        chat.instructions += " Be brief."
        async for piece in super().llm(chat, tools):
            yield piece

    async def tts(self, text: str) -> AsyncIterator[Speech]:
        async for speech in super().tts(text):
            yield Speech(speech.samples * 0.5, speech.rate, speech.words)

    async def transcription(self, text: AsyncIterator[str]) -> AsyncIterator[str]:
        async for piece in text:
            yield piece.upper()


def options() -> SessionOptions:
    """Of every call."""
    return SessionOptions(eager="speech", interruption="after_sentence", tool_steps=4)


def told(event: SessionEvent) -> str | None:
    """A line for the log."""
    match event:
        case AgentChanged():
            return f"{event.before} -> {event.after} ({event.why})"
        case AgentSpeechInterrupted(heard=heard, cut=cut):
            return f"{heard}|{cut}"
        case ProviderFailed():
            return f"{event.kind} {event.provider}: {event.what}"
        case TurnRecord(outcome="heard"):
            return f"{event.reply}: {event.heard_for_s:.1f} s"
    return None


async def drive(session: Session) -> tuple[ChatMessage, Guest]:
    """What the program itself wants of a call."""
    session.expose(set_colour, *session_methods("user_text", "history"))
    reply = session.generate_reply(
        user_input="I want a room", instructions="Ask for the nights.", tools=["book"], priority="high"
    )
    message = await reply
    guest: Guest = await session.run_task(AskName(), timeout_s=30.0, history=last(2))
    session.hand_over(Complaints(), history=last(4))
    return message, guest


def providers(stt: STT, llm: LLM, tts: TTS) -> dict[str, STT | LLM | TTS]:
    """By name."""
    return {provider.name: provider for provider in (stt, llm, tts)}


TOOLS = Toolset(weather, Hotel())
