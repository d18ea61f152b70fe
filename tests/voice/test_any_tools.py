"""Any conversation with tools in it, whatever its timing, on the real core and on virtual time."""

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
    ChatContext,
    SessionClosed,
    ToolCall,
    ToolFinished,
    ToolStarted,
    TranscriptUpdated,
)
from rtaudio.voice.tools import ToolContext, ToolError, tool
from tests.voice.conversations import LONG, Cast, conversation
from tests.voice.message_rules import anthropic_messages, anthropic_problems, openai_problems
from tests.voice.test_any_conversation import CUES, FAILURES, QUICK, TENTHS, WAITS, script

NAMES = ("keep", "cancel", "ask", "slow", "fail", "speak", "none")
STEPS = st.lists(
    st.tuples(st.sampled_from(["", "Let me see. ", LONG]), st.lists(st.sampled_from(NAMES), max_size=3)),
    min_size=1,
    max_size=6,
)
TOOK = st.sampled_from([0.0, 0.3, 2.0, 7.0])


class Tools:
    """All of them take `took_s`, or fail."""

    def __init__(self, took_s: float) -> None:
        self.took_s = took_s
        self.running = 0

    async def _work(self) -> str:
        self.running += 1
        try:
            await asyncio.sleep(self.took_s)
        finally:
            self.running -= 1
        return "Done."

    @tool
    async def keep(self) -> str:
        """Goes on."""
        return await self._work()

    @tool(on_interruption="cancel")
    async def cancel(self) -> str:
        """Is cancelled."""
        return await self._work()

    @tool(on_interruption="ask", timeout_s=1.0)
    async def ask(self, context: ToolContext) -> str:
        """Is asked."""
        context.may_cancel = self.took_s < 1
        return await self._work()

    @tool(detach_after_s=0.5, at_once=1)
    async def slow(self) -> str:
        """Takes long."""
        return await self._work()

    @tool
    def fail(self) -> str:
        """Fails."""
        raise ToolError("No.")

    @tool
    async def speak(self, context: ToolContext) -> str:
        """Says so."""
        context.say("One moment, please.")
        return await self._work()


@settings(max_examples=40, deadline=None)
@given(
    cues=CUES,
    steps=STEPS,
    took_s=TOOK,
    waits=st.tuples(WAITS, WAITS, WAITS),
    failures=st.tuples(st.none() | FAILURES, st.none() | FAILURES),
    interrupts=st.lists(TENTHS, max_size=2),
    closes=st.booleans(),
)
def test_no_call_is_without_a_result_and_nothing_is_left(
    cues: list[tuple[float, str, float]],
    steps: list[tuple[str, list[str]]],
    took_s: float,
    waits: tuple[float, float, float],
    failures: tuple[Any, Any],
    interrupts: list[float],
    closes: bool,
) -> None:
    """Laws 9, 10 and 11."""

    async def main() -> None:
        number = 0

        def reply(chat: ChatContext) -> Any:
            assert openai_problems(messages_of(chat)) == [], "what the model sees is right at every moment"
            assert anthropic_problems(anthropic_messages(chat)) == []
            nonlocal number
            number += 1
            text, names = steps[number % len(steps)]
            if not names or "cannot call any more" in chat.instructions:
                return text or "Very well."
            return [text, *(ToolCall("c", name, "{}") for name in names)]

        tools = Tools(took_s)
        stt_s, llm_s, tts_s = waits
        llm, tts = failures
        cast = Cast(
            stt=FakeSTT([f"turn{turn}" for turn in range(20)], final_after_s=stt_s),
            llm=FakeLLM(reply, first_after_s=llm_s, failure=llm),
            tts=FakeTTS(char_s=0.03, first_after_s=tts_s, failure=tts),
        )
        options = replace(QUICK, tool_steps=3)
        async with conversation(cast, script(cues), agent=Agent(tools=[tools]), options=options) as sim:
            for after_s in interrupts:
                await sim.advance(after_s)
                sim.session.interrupt()
            if not closes:
                try:
                    await sim.finish(idle_s=took_s + 2, limit_s=120)
                except TimeoutError:  # a cue that waits for an agent who has nothing more to say
                    assert not sim.caller.done
                assert sim.session.state == "listening"
        assert tools.running == 0
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
        assert isinstance(sim.events[-1], SessionClosed)

    run(main())
