"""What is said while a tool takes long: once, when nobody speaks, and not after its result."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rtaudio.testing import FakeLLM, FakeSTT, run
from rtaudio.voice import Agent, AgentSpeechStarted, ToolCall, ToolFinished
from rtaudio.voice.tools import Tool, ToolDefinitionError, tool
from rtaudio.voice.tools import call_effects as do
from rtaudio.voice.tools import call_items as it
from rtaudio.voice.tools.calls import Calls
from rtaudio.voice.tools.policy import ToolPolicy
from tests.voice.conversations import LONG, Cast, caller_with, conversation

PLAIN = "It is done."


def taking(seconds: float, **policy: Any) -> Tool[..., Any]:
    @tool(**policy)
    async def work() -> str:
        """Works."""
        await asyncio.sleep(seconds)
        return "done"

    return work


def said(work: Tool[..., Any], before: str = "", calls: int = 1, times: int = 1) -> list[str]:
    """The agent's messages of that many answers that call the tool."""

    async def main() -> list[str]:
        step = [before, *(ToolCall(f"c{number}", "work", "{}") for number in range(calls))]
        cast = Cast(llm=FakeLLM([step, PLAIN] * times))
        async with conversation(cast, agent=Agent(tools=[work])) as sim:
            for _ in range(times):
                await sim.until(sim.session.generate_reply(user_input="go").done)
            assert len(sim.told(ToolFinished)) == calls * times
        return [message.text for message in sim.session.history if message.role == "assistant" and message.text]

    return run(main())


def test_it_is_said_once_when_a_call_takes_long() -> None:
    assert said(taking(6.0, filler="One moment.")) == ["One moment.", PLAIN]
    assert said(taking(1.0, filler="One moment.")) == [PLAIN], "nothing for one that is done soon"
    assert said(taking(1.0, filler="One moment.", filler_after_s=0.5)) == ["One moment.", PLAIN]
    assert said(taking(6.0)) == [PLAIN]


def test_one_is_enough_for_all_calls_of_a_reply() -> None:
    assert said(taking(6.0, filler="One moment."), calls=3) == ["One moment.", PLAIN]


def test_several_texts_are_taken_in_turn() -> None:
    work = taking(6.0, filler=["One moment.", "Just a second."])
    assert said(work, times=3) == ["One moment.", PLAIN, "Just a second.", PLAIN, "One moment.", PLAIN]


def test_it_waits_for_the_agents_own_words_and_is_dropped_if_the_result_came_first() -> None:
    assert said(taking(20.0, filler="One moment."), before=LONG) == [LONG, "One moment.", PLAIN]
    assert said(taking(3.0, filler="One moment."), before=LONG) == [LONG, PLAIN]


def test_a_call_that_was_moved_on_from_says_nothing() -> None:
    async def main() -> None:
        cast = Cast(stt=FakeSTT(["wait, what?"]), llm=FakeLLM([[ToolCall("c1", "work", "{}")], "Yes?", PLAIN]))
        agent = Agent(tools=[taking(8.0, filler="One moment.", filler_after_s=2.0)])
        async with conversation(cast, caller_with({"at_s": 1.0}), agent=agent) as sim:
            sim.session.generate_reply(user_input="go")
            await sim.finish(idle_s=9.0)  # its result comes late
        assert [message.text for message in sim.session.history if message.text] == ["go", "wait, what?", "Yes?", PLAIN]

    run(main())


def test_a_user_who_speaks_into_it_is_answered() -> None:
    """Law 10."""

    async def main() -> None:
        cast = Cast(
            stt=FakeSTT(["and make it quick"]),
            llm=FakeLLM([[ToolCall("c1", "work", "{}")], "I will.", PLAIN]),
        )
        agent = Agent(tools=[taking(8.0, filler="One moment please, I am looking for it.")])
        async with conversation(cast, caller_with({"after_agent_starts_s": 0.5}), agent=agent) as sim:
            sim.session.generate_reply(user_input="go")
            await sim.finish(idle_s=9.0)  # its result comes late
            history = sim.session.history
        assert len(sim.told(AgentSpeechStarted)) == 3
        texts = [message.text for message in history if message.text]
        assert texts[0] == "go"
        assert "One moment please, I am looking for it.".startswith(texts[1])
        assert texts[2:] == ["and make it quick", "I will.", PLAIN]

    run(main())


def test_the_machine_asks_for_it_by_a_clock_of_its_own() -> None:
    """Law 5: by an item like any other."""
    calls, policy = Calls(), ToolPolicy(filler=("One moment.",), detach_after_s=5.0)
    calls.handle(it.Called(1, (ToolCall("c1", "work", "{}"),)))
    effects = calls.handle(it.decode(it.encode(it.Prepared(1, policy, None, "work:{}", False))))
    filler, detach = (effect for effect in effects if isinstance(effect, do.Wake) and effect.after_s in (1.5, 5.0))
    assert calls.handle(it.Woke(filler.timer)) == [do.Fill("c1", "work", "One moment.")]
    assert do.Deliver in map(type, calls.handle(it.Woke(detach.timer)))


@pytest.mark.parametrize(
    ("policy", "wrong"),
    [
        ({"filler": "..."}, "a text that can be spoken"),
        ({"filler": ["One moment.", 1]}, "a text that can be spoken"),
        ({"filler": "One moment.", "filler_after_s": 0}, "must be positive"),
        ({"filler": "One moment.", "timeout_s": 1.0}, "never be said"),
        ({"filler": "One moment.", "detach_after_s": 1.0}, "never be said"),
    ],
)
def test_a_filler_that_makes_no_sense_is_refused(policy: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ToolDefinitionError, match=wrong):
        taking(1.0, **policy)
