"""Any conversation in which agents hand over and run tasks, whatever its timing, on the real core."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio.providers.openai_messages import messages_of
from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS, run
from rtaudio.voice import (
    Agent,
    AgentChanged,
    ChatContext,
    ChatMessage,
    Handoff,
    Session,
    SessionClosed,
    Task,
    TaskCancelled,
    ToolCall,
    ToolFinished,
    ToolStarted,
    TranscriptUpdated,
)
from rtaudio.voice.history_policy import HistoryPolicy, copy, fresh, last, share, summarised
from rtaudio.voice.tools import ToolContext, tool
from tests.voice.conversations import LONG, Cast, conversation
from tests.voice.message_rules import anthropic_messages, anthropic_problems, openai_problems
from tests.voice.test_any_conversation import CUES, FAILURES, QUICK, TENTHS, WAITS, script

NAMES = ("work", "hand", "late_hand", "ask", "finish")
STEPS = st.lists(
    st.tuples(st.sampled_from(["", "Let me see. ", LONG]), st.lists(st.sampled_from(NAMES), max_size=2)),
    min_size=1,
    max_size=6,
)
TOOK = st.sampled_from([0.0, 0.3, 2.0])
POLICIES: tuple[HistoryPolicy, ...] = (share, copy, last(2), fresh, summarised(timeout_s=0.5))


class World:
    """What the agents have in common; `made` counts them, and says which they are."""

    def __init__(self, took_s: float, hooked: bool) -> None:
        self.took_s, self.hooked = took_s, hooked
        self.made = self.waiting = 0

    def agent(self) -> Agent:
        self.made += 1
        kind = Hooked if self.hooked and self.made % 2 else Plain
        greeting = "Hello from me." if self.made % 3 == 0 else None
        voice = FakeTTS(char_s=0.03, rate=16000) if self.made % 4 == 0 else None
        return kind(self, name=f"n{self.made}", greeting=greeting, tts=voice)

    async def ask(self, session: Any) -> str:
        """Runs a task; however it ends."""
        self.made += 1
        self.waiting += 1
        try:
            task = Question(self, name=f"q{self.made}", timeout_s=20.0 if self.made % 2 else None)
            return str(await session.run_task(task, history=POLICIES[self.made % 5]))
        except (TaskCancelled, TimeoutError) as error:
            return f"Nothing: {error}"
        finally:
            self.waiting -= 1


class Plain(Agent):
    def __init__(self, world: World, **more: Any) -> None:
        super().__init__("Be brief.", **more)
        self.world = world

    @tool
    async def work(self) -> str:
        """Takes a while."""
        await asyncio.sleep(self.world.took_s)
        return "Done."

    @tool
    async def hand(self) -> Handoff:
        """Hands over."""
        await asyncio.sleep(self.world.took_s / 2)
        return Handoff(self.world.agent(), history=POLICIES[self.world.made % 5])

    @tool(detach_after_s=0.2)
    async def late_hand(self) -> Agent:
        """Hands over, some time."""
        await asyncio.sleep(self.world.took_s)
        return self.world.agent()

    @tool(timeout_s=3.0)
    async def ask(self, context: ToolContext) -> str:
        """Has something asked."""
        return await self.world.ask(context)

    @tool
    def finish(self) -> str:
        """Is of use in a task only."""
        return "Nothing to finish."


class Hooked(Plain):
    async def on_enter(self, session: Session) -> None:
        await asyncio.sleep(self.world.took_s / 3)
        if self.world.made % 3 == 1:
            await session.say("Here I am.")

    async def on_exit(self, session: Session) -> None:
        await asyncio.sleep(self.world.took_s / 3)

    async def on_turn(self, session: Session, message: ChatMessage) -> str | None:
        await asyncio.sleep(self.world.took_s / 3)
        return f"Known of {message.text}."


class Question(Task[str]):
    def __init__(self, world: World, name: str, timeout_s: float | None) -> None:
        super().__init__("You ask.", name=name)
        self.world, self.timeout_s = world, timeout_s

    @tool
    async def finish(self) -> str:
        """Brings the result."""
        if not self.over:
            self.complete("result")
        await asyncio.sleep(self.world.took_s / 2)
        return "Noted."

    @tool
    async def hand(self) -> Agent:
        """Hands over."""
        return self.world.agent()

    @tool
    async def ask(self, context: ToolContext) -> str:
        """Asks further."""
        return await self.world.ask(context)


@settings(max_examples=10, deadline=None)
@given(
    cues=CUES,
    steps=STEPS,
    took_s=TOOK,
    hooked=st.booleans(),
    waits=st.tuples(WAITS, WAITS, WAITS),
    failures=st.tuples(st.none() | FAILURES, st.none() | FAILURES),
    acts=st.lists(st.tuples(TENTHS, st.sampled_from(["interrupt", "hand over", "ask", "give up"])), max_size=3),
    closes=st.booleans(),
)
def test_whoever_is_in_charge_no_turn_is_lost_no_call_without_a_result_and_nobody_left(
    cues: list[tuple[float, str, float]],
    steps: list[tuple[str, list[str]]],
    took_s: float,
    hooked: bool,
    waits: tuple[float, float, float],
    failures: tuple[Any, Any],
    acts: list[tuple[float, str]],
    closes: bool,
) -> None:
    """Laws 9, 10 and 11."""

    async def main() -> None:
        number = 0

        def reply(chat: ChatContext) -> Any:
            assert openai_problems(messages_of(chat)) == [], "what the model sees is right at every moment"
            assert anthropic_problems(anthropic_messages(chat)) == []
            if chat.instructions not in ("Be brief.", "You ask."):
                return "In short, nothing." if "Sum up" in chat.instructions else "Enough."
            nonlocal number
            number += 1
            text, names = steps[number % len(steps)]
            if world.made > 6:
                names = ["finish"] if "finish" in names else []
            return [text, *(ToolCall("c", name, "{}") for name in names)] if names else text or "Very well."

        world = World(took_s, hooked)
        stt_s, llm_s, tts_s = waits
        llm, tts = failures
        cast = Cast(
            stt=FakeSTT([f"turn{turn}" for turn in range(20)], final_after_s=stt_s),
            llm=FakeLLM(reply, first_after_s=llm_s, failure=llm),
            tts=FakeTTS(char_s=0.03, first_after_s=tts_s, failure=tts),
        )
        asking: list[asyncio.Task[str]] = []
        agent = world.agent()
        async with conversation(cast, script(cues), agent=agent, options=replace(QUICK, tool_steps=3)) as sim:
            for after_s, act in acts:
                await sim.advance(after_s)
                if act == "interrupt":
                    sim.session.interrupt()
                elif act == "hand over":
                    sim.session.hand_over(world.agent())
                elif act == "ask":
                    asking.append(asyncio.ensure_future(world.ask(sim.session)))
                elif asking:
                    asking.pop().cancel()
            if not closes:
                try:
                    await sim.finish(idle_s=took_s + 2, limit_s=40)
                except TimeoutError:  # a cue that waits for an agent who has nothing more to say
                    assert not sim.caller.done
            await sim.session.aclose()
            await asyncio.gather(*asking, return_exceptions=True)
            await asyncio.sleep(0)
        assert world.waiting == 0, "nobody waits for a task"
        machine = sim.session._machine
        assert not machine._left
        assert not machine._switches
        history = sim.session.history
        assert openai_problems(messages_of(history)) == []
        assert anthropic_problems(anthropic_messages(history)) == []
        started = [event.call_id for event in sim.told(ToolStarted)]
        assert sorted(started) == sorted(event.call_id for event in sim.told(ToolFinished))
        uses = [use.id for message in history for use in message.tools]
        assert sorted(started) == sorted(use for use in uses if "_late" not in use), "each in the history, once"
        finals = {event.turn: event.text for event in sim.told(TranscriptUpdated) if event.final}
        said = [word for message in history if message.role == "user" for word in message.text.split()]
        assert [word for text in finals.values() for word in text.split() if word not in said] == [], "law 10"
        assert len(said) == len(set(said)), "none is there twice"
        changes = sim.told(AgentChanged)
        assert [event.before for event in changes] == [agent.name, *(event.after for event in changes)][: len(changes)]
        assert len(sim.sink.agent) == len(sim.sink.caller)
        assert isinstance(sim.events[-1], SessionClosed)

    run(main())
