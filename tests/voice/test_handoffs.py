"""Handoffs on the real core: another agent, its tools and providers, and no turn lost (law 10)."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtaudio import AudioPort, TurnConfig
from rtaudio.core.journal import Journal, read_journal
from rtaudio.providers.fallback import FallbackLLM
from rtaudio.testing import Failure, FakeLLM, FakeSTT, FakeTTS, numbers_of, run
from rtaudio.voice import (
    Agent,
    AgentChanged,
    ChatContext,
    ChatMessage,
    Handoff,
    HookFailed,
    ProviderFailed,
    ToolCall,
    ToolFinished,
    TurnEnded,
)
from rtaudio.voice.history_policy import HistoryPolicy, copy, filtered, fresh, last, share, summarised
from rtaudio.voice.journaling import replay_session, session_differences, session_recorder
from rtaudio.voice.machine_agents import MOST_KNOWN
from rtaudio.voice.tools import ToolContext, ToolRunner, Toolset, tool
from tests.voice.conversations import LONG, Cast, caller_with, conversation
from tests.voice.handoff_talks import TO_BILLING, Billing, Front, Hooked, lines, outputs, sound, talk


def test_a_tool_returns_an_agent_and_the_model_goes_on_from_the_result_as_that_agent() -> None:
    async def main() -> None:
        billing = Billing()
        sim, llm = await talk(Front(billing), [["One moment. ", TO_BILLING], "You owe twelve."])
        assert lines(sim.session.history) == [
            "user: first question",
            "assistant: One moment. +",
            "assistant: You owe twelve.",
        ]
        assert outputs(sim.session.history) == ["The conversation was handed over to billing."]
        assert [chat.instructions for chat in llm.asked] == ["You are the front desk.", "You are billing."]
        assert [[spec.name for spec in specs] for specs in llm.offered] == [
            ["to_billing", "slowly", "look"],
            ["balance"],
        ]
        assert [(e.before, e.after, e.why) for e in sim.told(AgentChanged)] == [("front", "billing", "handoff")]
        assert sim.session.agent is billing

    run(main())


@pytest.mark.parametrize(
    "returned",
    [(Billing(), "Verified: Ann."), Handoff(Billing(), "Verified: Ann.")],
)
def test_the_message_is_what_the_model_reads(returned: object) -> None:
    async def main() -> None:
        sim, llm = await talk(Front(returned), [[TO_BILLING], "Hello Ann."])
        assert outputs(llm.asked[1]) == ["Verified: Ann."]
        assert sim.session.history[-1].text == "Hello Ann."

    run(main())


def test_a_greeting_is_said_by_the_new_voice_at_another_rate_and_the_port_stays_as_it_is() -> None:
    """Law 10, and nothing of it is seen by the transport: one port, one rate, one stream of samples."""

    async def main() -> None:
        voice, ears = FakeTTS(rate=16000), FakeSTT(["the second"])
        billing = Billing(greeting="Billing, hello.", tts=voice, stt=ears)
        cast = Cast()
        sim, _ = await talk(
            Front(billing), [["One moment. ", TO_BILLING], "Yes."], cast=cast, cues=[{"at_s": 0.3}, {"at_s": 5.0}]
        )
        assert lines(sim.session.history) == [
            "user: first question",
            "assistant: One moment. +",
            "assistant: Billing, hello.",
            "user: the second",
            "assistant: Yes.",
        ]
        assert [text for text, _, _ in cast.tts.spoken] == ["One moment."]
        assert [text for text, _, _ in voice.spoken] == ["Billing, hello.", "Yes."]
        assert voice.warm
        assert ears.warm
        assert (cast.stt.opened, ears.opened) == (1, 1)
        assert (voice.open, ears.open) == (0, 0)
        assert sim.port.rate == 24000
        assert len(sim.sink.agent) == len(sim.sink.caller)

    run(main())


@pytest.mark.parametrize("at_s", [1.4, 1.7, 2.0, 2.2, 2.4, 2.6, 2.8, 3.2])
def test_the_user_may_speak_through_the_handoff_and_no_sample_of_it_is_lost(at_s: float) -> None:
    """Law 10: what was begun to be recognised goes on with the STT that it began with."""

    def reply(chat: ChatContext) -> Any:
        if chat.instructions == "You are billing.":
            return "You owe twelve."
        return ["Yes, one moment please. ", ToolCall("c", "to_billing", "{}")]

    async def main() -> None:
        before, after = FakeSTT(["first", "second"]), FakeSTT(["third", "fourth"])
        sim, llm = await talk(
            Front(Billing(stt=after), took_s=0.3),
            reply,
            cast=Cast(stt=before),
            cues=[{"at_s": 0.3}, {"at_s": at_s}],
        )
        assert sim.session.agent.name == "billing"
        said = " ".join(message.text for message in sim.session.history if message.role == "user").split()
        assert said == ["first", "second"][: before.opened] + ["third"][: after.opened], "each once, in order"
        assert llm.asked[-1].instructions == "You are billing."
        assert said[-1] in " ".join(message.text for message in llm.asked[-1] if message.role == "user")
        heard = np.concatenate([*before.heard, *after.heard])
        assert np.count_nonzero(np.abs(heard) > 0.01) >= 30000, "all of the two seconds"
        assert sim.session.history[-1].role == "assistant"
        assert sim.told(TurnEnded)[-1].turn == len({event.turn for event in sim.told(TurnEnded)})

    run(main())


def test_of_two_handoffs_in_a_step_the_first_takes_place_and_the_model_is_told_of_the_other() -> None:
    class Two(Agent):
        name = "two"

        @tool
        async def a(self) -> Agent:
            """To a."""
            await asyncio.sleep(1)
            return Agent("I am a.", name="a")

        @tool
        def b(self) -> Agent:
            """To b."""
            return Agent("I am b.", name="b")

    async def main() -> None:
        sim, llm = await talk(Two(), [[ToolCall("1", "a", "{}"), ToolCall("2", "b", "{}")], "I am here."])
        assert sim.session.agent.name == "a"
        assert outputs(sim.session.history) == [
            "The conversation was handed over to a.",
            "Not handed over to b: a takes over.",
        ]
        assert [use.failed for use in sim.session.history[1].tools] == [False, True]
        assert llm.asked[1].instructions == "I am a."

    run(main())


def test_a_handoff_among_other_calls_waits_for_them_and_takes_place() -> None:
    async def main() -> None:
        calls = [ToolCall("1", "look", "{}"), ToolCall("2", "to_billing", "{}"), ToolCall("3", "none", "{}")]
        sim, llm = await talk(Front(Billing(), took_s=1.0), [calls, "Here."])
        assert outputs(llm.asked[1])[:2] == ["Found.", "The conversation was handed over to billing."]
        assert sim.session.agent.name == "billing"

    run(main())


def test_the_text_before_is_interrupted_and_the_handoff_takes_place_all_the_same() -> None:
    async def main() -> None:
        sim, llm = await talk(
            Front(Billing()),
            [[LONG, TO_BILLING], "You owe twelve."],
            cues=[{"at_s": 0.3}, {"after_agent_starts_s": 1.5}],
        )
        history = sim.session.history
        assert [message.interrupted for message in history][:2] == [False, True]
        assert outputs(history) == ["The conversation was handed over to billing."]
        assert sim.session.agent.name == "billing"
        assert llm.asked[-1].last_user_text() == "second question"
        assert history[-1].text == "You owe twelve."

    run(main())


def test_a_late_handoff_takes_place_when_its_result_is_told() -> None:
    async def main() -> None:
        sim, llm = await talk(
            Front(Billing(), took_s=4.0), [[ToolCall("1", "slowly", "{}")], "I am on it.", "Billing here."]
        )
        assert lines(sim.session.history) == [
            "user: first question",
            "assistant:  +",
            "assistant: I am on it.",
            "assistant:  +",
            "assistant: Billing here.",
        ]
        assert llm.asked[-1].instructions == "You are billing."
        assert "from before: The conversation was handed over to billing." in outputs(llm.asked[-1])[-1]

    run(main())


def test_a_late_handoff_of_an_agent_that_is_not_in_charge_any_more_is_refused_and_told() -> None:
    class Busy(Front):
        @tool
        def elsewhere(self) -> Agent:
            """To somebody else."""
            return Agent("I am else.", name="else")

    async def main() -> None:
        calls = [ToolCall("1", "slowly", "{}"), ToolCall("2", "elsewhere", "{}")]
        sim, llm = await talk(Busy(Billing(), took_s=3.0), [calls, "Hello.", "So be it."])
        assert sim.session.agent.name == "else"
        assert outputs(llm.asked[-1])[-1] == "Not handed over to billing: else has taken over meanwhile."
        assert sim.session.history[-1].text == "So be it."

    run(main())


def test_interrupt_meanwhile_leaves_the_handoff_and_the_new_agent_listens() -> None:
    """The program's word stops what would be said, its greeting too; it drops no handoff."""

    async def main() -> None:
        llm = FakeLLM([[LONG, TO_BILLING], "Yes."])
        agent = Front(Billing(greeting="Hello from billing."))
        async with conversation(Cast(llm=llm), caller_with({"at_s": 0.3}, {"at_s": 6.0}), agent=agent) as sim:
            await sim.until(lambda: bool(sim.told(ToolFinished)))
            sim.session.interrupt()
            await sim.advance(1)
            assert (sim.session.agent.name, sim.session.state) == ("billing", "listening")
            await sim.finish()
        assert lines(sim.session.history)[2:] == ["user: second question", "assistant: Yes."]
        assert outputs(sim.session.history) == ["The conversation was handed over to billing."]
        sound(sim.session.history)

    run(main())


def test_the_program_hands_over_and_results_of_tools_under_way_come_to_the_new_agent() -> None:
    async def main() -> None:
        llm = FakeLLM([[ToolCall("1", "look", "{}")], "It was found."])
        async with conversation(Cast(llm=llm), caller_with({"at_s": 0.3}), agent=Front(None, took_s=3.0)) as sim:
            await sim.until(lambda: sim.session.state == "thinking" and len(llm.asked) == 1)
            await sim.advance(0.5)
            sim.session.hand_over(Billing(greeting="Billing, hello."))
            await sim.finish()
        assert lines(sim.session.history) == [
            "user: first question",
            "assistant:  +",
            "assistant: Billing, hello.",
            "assistant:  +",
            "assistant: It was found.",
        ]
        assert [(e.after, e.why) for e in sim.told(AgentChanged)] == [("billing", "program")]
        assert [e.outcome for e in sim.told(ToolFinished)] == ["done"]
        with pytest.raises(TypeError, match="an Agent is wanted, not str"):
            sim.session._hands.agents.come("billing")  # type: ignore[arg-type]

    run(main())


def test_a_provider_of_the_new_agent_fails_and_the_session_listens_again() -> None:
    async def main() -> None:
        broken = FakeLLM(["?"], failure=Failure("raise"))
        sim, _ = await talk(Front(Billing(llm=broken)), [[TO_BILLING], "?"])
        assert [event.provider for event in sim.told(ProviderFailed)] == ["fake-llm"]
        assert sim.session.history[-1].text == "Sorry, I cannot answer right now."
        assert (broken.opened, sim.session.agent.name) == (1, "billing")

    run(main())


def test_an_agent_whose_tools_are_none_is_not_put_in_charge_and_the_model_is_told() -> None:
    async def main() -> None:
        sim, llm = await talk(Front(Agent("Broken.", tools=[3])), [[TO_BILLING], "Sorry."])
        assert outputs(llm.asked[1]) == ["The tool ran, but its result cannot be shown."]
        assert sim.session.agent.name == "front"

    run(main())


def test_a_runner_without_a_session_has_nobody_to_hand_over() -> None:
    async def main() -> None:
        async with ToolRunner(Toolset(Front(Billing())), failed=lambda where, error: None) as runner:
            (use,) = await runner.run([TO_BILLING])
        assert (use.failed, use.output) == (True, "The tool ran, but its result cannot be shown.")

    run(main())


def test_agents_may_hand_the_talk_to_and_fro_as_often_as_tools_may_be_called() -> None:
    class Ping(Agent):
        def __init__(self, number: int) -> None:
            super().__init__(f"Number {number}.", name=f"n{number}")
            self.number = number

        @tool
        def on(self) -> Agent:
            """Hands over."""
            return Ping(self.number + 1)

    async def main() -> None:
        def reply(chat: ChatContext) -> Any:
            return "Enough." if "cannot call any more" in chat.instructions else [ToolCall("c", "on", "{}")]

        sim = (await talk(Ping(0), reply))[0]  # type: ignore[arg-type]
        assert len(sim.told(AgentChanged)) == 8
        assert sim.session.agent.name == "n8"
        assert sim.session.history[-1].text == "Enough."

    run(main())


def test_a_handoff_is_in_the_journal_and_replays_without_any_agent(tmp_path: Path) -> None:
    """Law 5."""

    async def main() -> ChatContext:
        port = AudioPort(24000)
        agent = Hooked("front", [], greeting="Hello.", history=last(2))
        cast = Cast(llm=FakeLLM([["One moment. ", TO_BILLING], "Yes."]))
        caller = caller_with({"at_s": 0.3}, {"at_s": 9.0})
        with Journal(tmp_path / "call", port, input_rate=caller.rate) as journal:
            recorder = session_recorder(journal, agent, 24000)
            async with conversation(cast, caller, agent=agent, port=port, recorder=recorder) as sim:
                await sim.finish()
        return sim.session.history

    history = run(main())
    journal = read_journal(tmp_path / "call")
    assert session_differences(journal) == []
    assert replay_session(journal)[0].history == history


# ---- What the new agent is shown.

BEFORE = [
    ChatMessage("user", "one"),
    ChatMessage("assistant", "two"),
    ChatMessage("user", "three"),
    ChatMessage("assistant", "four"),
]


async def summary(messages: Sequence[ChatMessage]) -> str:
    await asyncio.sleep(1)
    return f"{len(messages)} messages"


async def hangs(messages: Sequence[ChatMessage]) -> str:
    await asyncio.sleep(100)
    return ""


def raises(message: ChatMessage) -> bool:
    raise KeyError("no")


FIRST_STEP = ["user: first question", "assistant:  +"]
ALL = ["user: one", "assistant: two", "user: three", "assistant: four", *FIRST_STEP]


@pytest.mark.parametrize(
    ("policy", "seen", "trouble"),
    [
        (share, ALL, []),
        (copy, ALL, []),
        (fresh, FIRST_STEP[1:], []),
        (last(1), FIRST_STEP[1:], []),
        (last(3), ["assistant: four", *FIRST_STEP], []),
        (filtered(lambda message: message.role == "user"), ["user: one", "user: three", *FIRST_STEP], []),
        (filtered(raises, otherwise=last(1)), FIRST_STEP, ["KeyError: 'no'"]),
        (
            summarised(summary),
            ["system: What was said before, in short: 5 messages", *FIRST_STEP[1:]],
            [],
        ),
        (
            summarised(summary, recent=1),
            ["system: What was said before, in short: 5 messages", *FIRST_STEP],
            [],
        ),
        (summarised(hangs, timeout_s=2, otherwise=fresh), FIRST_STEP[1:], ["no summary within 2 s"]),
    ],
)
def test_what_an_agent_is_shown_is_as_its_policy_says_and_calls_stay_paired(
    policy: HistoryPolicy, seen: list[str], trouble: list[str]
) -> None:
    async def main() -> None:
        to = Billing(history=policy) if policy == last(3) else Handoff(Billing(), history=policy)
        history = ChatContext(messages=BEFORE)
        cues = [{"at_s": 0.3}, {"at_s": 9.0}]
        sim, llm = await talk(Front(to), [[TO_BILLING], "Here.", "Then."], history=history, cues=cues)
        assert lines(llm.asked[1]) == seen
        assert lines(llm.asked[2]) == [*seen, "assistant: Here.", "user: second question"]
        assert lines(sim.session.history) == [*ALL, "assistant: Here.", "user: second question", "assistant: Then."]
        assert [event.what for event in sim.told(HookFailed)] == trouble

    run(main())


def test_a_model_that_was_replaced_while_it_summed_up_is_told() -> None:
    """Law 11: the summary is another model's, and the operator hears of the one that failed."""

    async def main() -> None:
        broken = FakeLLM(["Never."], failure=Failure("raise"))
        both = FallbackLLM([broken, FakeLLM(["The caller wants to pay.", "You owe twelve."])])
        billing = Billing(llm=both, history=summarised())
        sim, _ = await talk(Front(billing), [["One moment. ", TO_BILLING]])
        told = [event for event in sim.told(ProviderFailed) if event.provider == "fake-llm #1"]
        assert told
        assert sim.session.history[-1].text == "You owe twelve."
        assert sim.told(HookFailed) == []

    run(main())


def test_by_default_the_model_of_the_new_agent_makes_the_summary_while_the_greeting_is_said() -> None:
    async def main() -> None:
        own = FakeLLM(["The user wants an invoice.", "Here it is."])
        billing = Billing(greeting="Billing, hello.", llm=own, history=summarised())
        sim, _ = await talk(Front(billing), [[TO_BILLING], "?"], cues=[{"at_s": 0.3}, {"at_s": 6.0}])
        assert own.asked[0].last_user_text().endswith(own.asked[0].instructions)
        assert lines(own.asked[1]) == [
            "system: What was said before, in short: The user wants an invoice.",
            "assistant:  +",
            "assistant: Billing, hello.",
            "user: second question",
        ]
        assert (own.open, sim.session.history[-1].text) == (0, "Here it is.")

    run(main())


def test_policies_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 message"):
        last(0)
    with pytest.raises(ValueError, match="timeout_s = 0"):
        summarised(timeout_s=0)


def test_the_new_voice_is_heard_whole() -> None:
    """Law 2 across agents: of each only its own samples, in order."""

    async def main() -> None:
        voice = FakeTTS()
        cast = Cast()
        sim, _ = await talk(Front(Billing(tts=voice)), [["One moment. ", TO_BILLING], "You owe twelve."], cast=cast)
        played = numbers_of(sim.sink.agent)
        ours, theirs = (sum(count for _, _, count in one.spoken) for one in (cast.tts, voice))
        assert played == [*range(ours), *range(theirs)]

    run(main())


def test_a_tool_may_see_who_is_in_charge_and_say_something_before_it_hands_over() -> None:
    class Polite(Agent):
        name = "polite"

        @tool
        async def to_billing(self, context: ToolContext) -> Agent:
            """Hands over."""
            context.say("I put you through.")
            await asyncio.sleep(0)
            return Billing(tts=voice)

    voice = FakeTTS()

    async def main() -> None:
        cast = Cast()
        sim, _ = await talk(Polite("Be polite."), [[TO_BILLING], "Billing."], cast=cast)
        assert [text for text, _, _ in cast.tts.spoken] == ["I put you through."]
        assert [text for text, _, _ in voice.spoken] == ["Billing."]
        assert sim.session.agent.name == "billing"

    run(main())


def test_the_end_of_a_turn_is_decided_as_the_agent_in_charge_says() -> None:
    """One that is patient waits longer; the one after it no longer than was usual."""

    class Patient(Agent):
        name = "patient"
        turns = TurnConfig(silence_s=2.0)

        @tool
        def back(self) -> Agent:
            """Hands back."""
            return Agent("You are back.", name="back")

    async def main() -> None:
        cues = [{"at_s": 0.3}, {"at_s": 5.0}, {"at_s": 12.0}]
        replies = [[TO_BILLING], "Go on.", [ToolCall("c2", "back", "{}")], "Back.", "Yes."]
        sim, _ = await talk(Front(Patient()), replies, cues=cues)
        ends = sim.told(TurnEnded)
        waited = [event.decided_s - event.ended_s for event in ends]
        assert waited[1] == pytest.approx(2.0, abs=0.1)
        assert waited[0] == pytest.approx(waited[2], abs=0.1)
        assert waited[0] < 1.0
        assert [event.after for event in sim.told(AgentChanged)] == ["patient", "back"]

    run(main())


def test_nothing_is_kept_of_the_voices_of_agents_that_have_left() -> None:
    """Law 8: a call of a day may have as many agents as it likes."""

    async def main() -> None:
        voices = list[weakref.ref[FakeTTS]]()
        async with conversation(Cast()) as sim:
            for _ in range(100):
                voice = FakeTTS()
                voices.append(weakref.ref(voice))
                sim.session.hand_over(Agent(tts=voice))
                await sim.advance(0.05)
            del voice
            gc.collect()
            assert sum(voice() is not None for voice in voices) <= MOST_KNOWN + 1

    run(main())
