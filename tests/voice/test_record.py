"""One record for each answer: when it reached its steps, and what it used; nothing is counted twice or left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio.testing import Failure, FakeLLM, FakeSTT, FakeTTS, Simulation, run
from rtaudio.voice import (
    Agent,
    ReplyText,
    SessionClosed,
    ToolCall,
    ToolStarted,
    TranscriptUpdated,
    TurnEnded,
    TurnMetrics,
    TurnRecord,
    Usage,
)
from rtaudio.voice import effects as do
from rtaudio.voice import items as it
from rtaudio.voice.tools import tool
from tests.voice.conversations import LONG, Cast, caller_with, conversation
from tests.voice.test_any_conversation import CUES, FAILURES, QUICK, TENTHS, WAITS, script
from tests.voice.test_any_tools import STEPS, TOOK, Tools


def total(records: Sequence[TurnRecord], name: str) -> float:
    return sum(getattr(record, name) or 0 for record in records)


def played_s(sim: Simulation) -> float:
    return sim.port.playout.ledger().played / sim.port.rate


def test_an_answer_is_recorded_on_the_media_clock_with_what_it_used() -> None:
    async def main() -> None:
        llm = FakeLLM(["Yes, it is."], first_after_s=0.5, token_every_s=0.0, usage=Usage(40, 5, 16))
        cast = Cast(stt=FakeSTT(["question"], final_after_s=0.25), llm=llm, tts=FakeTTS(first_after_s=0.125))
        async with conversation(cast, caller_with({"at_s": 0.5}), latency_s=0.05) as sim:
            await sim.finish()
            played = played_s(sim)
        (record,), (ended,), (metrics,) = sim.told(TurnRecord), sim.told(TurnEnded), sim.told(TurnMetrics)
        assert (record.turn, record.reply, record.outcome, record.steps) == (1, 1, "heard", (metrics,))
        moments = record.moments
        assert moments.speech_ended_s == ended.ended_s
        assert moments.turn_decided_s == ended.decided_s
        assert moments.stt_final_s == sim.told(TranscriptUpdated)[-1].at_s
        assert moments.first_clause_s == sim.told(ReplyText)[0].at_s
        assert moments.ended_s == record.at_s
        for name in ("first_token_s", "first_clause_s", "first_audio_s", "first_sample_s", "heard_s"):
            position, latency = getattr(moments, name), getattr(metrics, name)
            assert position - ended.ended_s == pytest.approx(latency, abs=0.01 + 1e-6), (
                "within a tick of the media clock"
            )
        assert record.user_for_s == pytest.approx(len(cast.stt.heard[0]) / 16000)
        assert record.characters == len("Yes, it is.")
        assert record.pieces == 3
        assert (record.prompt_tokens, record.completion_tokens, record.cached_tokens) == (40, 5, 16)
        assert record.synthesised_for_s == pytest.approx(11 * 0.06)
        assert record.heard_for_s == played
        assert record.synthesised_for_s == pytest.approx(played)

    run(main())


def test_what_was_synthesised_for_nothing_is_told_of_an_interrupted_answer() -> None:
    """The audio heard is what the ledger says was played."""

    async def main() -> None:
        cast = Cast()
        async with conversation(cast, caller_with({"at_s": 0.5}, {"at_s": 4.0})) as sim:
            await sim.finish()
            played = played_s(sim)
        first, second = sim.told(TurnRecord)
        assert (first.outcome, second.outcome) == ("interrupted", "heard")
        assert 0 < first.heard_for_s < first.synthesised_for_s
        assert first.heard_for_s + second.heard_for_s == pytest.approx(played, abs=1e-9)
        spoken = sum(count for _, _, count in cast.tts.spoken) / 24000
        assert first.synthesised_for_s + second.synthesised_for_s <= spoken + 1e-9
        assert first.completion_tokens is None, "a reply that is stopped does not say"

    run(main())


def test_a_reply_given_up_for_a_turn_that_goes_on_is_in_the_record_of_its_answer() -> None:
    async def main() -> None:
        cast = Cast(llm=FakeLLM(["Never said.", "The answer."], first_after_s=1.0))
        async with conversation(cast, caller_with({"at_s": 0.5}, {"at_s": 2.5})) as sim:
            await sim.finish()
        (record,) = sim.told(TurnRecord)
        assert (record.turn, record.outcome, record.given_up, len(record.steps)) == (1, "heard", 1, 1)
        assert record.user_for_s == pytest.approx(sum(map(len, cast.stt.heard)) / 16000)
        assert record.moments.speech_ended_s == sim.told(TurnEnded)[-1].ended_s

    run(main())


@pytest.mark.parametrize(
    ("llm", "outcome"),
    [
        (FakeLLM(["Never."], failure=Failure("raise")), "failed"),
        (FakeLLM([LONG], failure=Failure("raise", after=12)), "failed"),
    ],
)
def test_a_failed_answer_is_recorded_and_what_is_said_instead_by_itself(llm: FakeLLM, outcome: str) -> None:
    async def main() -> None:
        async with conversation(Cast(llm=llm), caller_with({"at_s": 0.5})) as sim:
            await sim.finish()
            played = played_s(sim)
        records = sim.told(TurnRecord)
        assert (records[0].turn, records[0].outcome) == (1, outcome)
        assert [record.turn for record in records[1:]] == ([] if records[0].heard_for_s else [0])
        assert total(records, "heard_for_s") == pytest.approx(played, abs=1e-9)

    run(main())


def test_an_answer_with_tools_has_one_record_of_all_its_steps() -> None:
    @tool
    async def look() -> str:
        """Looks."""
        return "found"

    async def main() -> None:
        cast = Cast(llm=FakeLLM([["Let me see. ", ToolCall("c", "look", "{}")], "Found it."], usage=Usage(10, 4)))
        async with conversation(cast, caller_with({"at_s": 0.5}), agent=Agent(tools=[look])) as sim:
            await sim.finish()
        (record,) = sim.told(TurnRecord)
        assert (record.turn, record.reply, record.outcome, record.tools) == (1, 2, "heard", 1)
        assert [metrics.step for metrics in record.steps] == [0, 1]
        assert (record.prompt_tokens, record.completion_tokens) == (20, 8), "of both steps"
        assert record.heard_for_s == pytest.approx(record.synthesised_for_s)

    run(main())


def test_what_the_agent_says_by_itself_has_a_record_of_its_own() -> None:
    async def main() -> None:
        async with conversation(Cast(), agent=Agent(greeting="Hello there.")) as sim:
            await sim.finish()
        (record,) = sim.told(TurnRecord)
        assert (record.turn, record.outcome, record.characters, record.pieces) == (0, "heard", 12, 0)

    run(main())


def test_what_was_begun_when_the_session_closes_is_recorded() -> None:
    async def main() -> None:
        cast = Cast(llm=FakeLLM(["Never said."], first_after_s=5.0))
        async with conversation(cast, caller_with({"at_s": 0.5})) as sim:
            await sim.until(lambda: sim.session.state == "thinking" and cast.llm.open == 1)
        (record,) = sim.told(TurnRecord)
        assert (record.turn, record.outcome, record.heard_for_s) == (1, "given_up", 0.0)
        assert record.user_for_s == pytest.approx(len(cast.stt.heard[0]) / 16000)

    run(main())


@settings(max_examples=25, deadline=None)
@given(
    cues=CUES,
    steps=STEPS,
    took_s=TOOK,
    waits=st.tuples(WAITS, WAITS, WAITS),
    failures=st.tuples(st.none() | FAILURES, st.none() | FAILURES),
    acts=st.lists(st.tuples(TENTHS, st.sampled_from(["interrupt", "say"])), max_size=3),
    closes=st.booleans(),
)
def test_in_any_conversation_all_that_was_used_is_in_exactly_one_record(
    cues: list[tuple[float, str, float]],
    steps: list[tuple[str, list[str]]],
    took_s: float,
    waits: tuple[float, float, float],
    failures: tuple[Any, Any],
    acts: list[tuple[float, str]],
    closes: bool,
) -> None:
    """Laws 1 and 5: sums of the records are what went through the session; moments are in order."""

    async def main() -> None:
        number = 0
        seen: list[Any] = []

        def reply(chat: Any) -> Any:
            nonlocal number
            number += 1
            text, names = steps[number % len(steps)]
            if not names or "cannot call any more" in chat.instructions:
                return text or "Very well."
            return [text, *(ToolCall("c", name, "{}") for name in names)]

        stt_s, llm_s, tts_s = waits
        llm, tts = failures
        cast = Cast(
            stt=FakeSTT([f"turn{turn}" for turn in range(20)], final_after_s=stt_s),
            llm=FakeLLM(reply, first_after_s=llm_s, failure=llm, usage=Usage(7, 3, 1)),
            tts=FakeTTS(char_s=0.03, first_after_s=tts_s, failure=tts),
        )
        agent, options = Agent(tools=[Tools(took_s)]), replace(QUICK, tool_steps=3)
        async with conversation(cast, script(cues), agent=agent, options=options, recorder=seen.append) as sim:
            for after_s, act in acts:
                await sim.advance(after_s)
                if act == "say":
                    sim.session.say("By the way, hello.")
                else:
                    sim.session.interrupt()
            if not closes:
                try:
                    await sim.finish(idle_s=took_s + 2, limit_s=120)
                except TimeoutError:
                    assert not sim.caller.done
            await sim.advance(0.0)
            played, replayed = played_s(sim), sim.port.playout.ledger().replayed / sim.port.rate
        records = sim.told(TurnRecord)
        assert isinstance(sim.events[-1], SessionClosed)
        closed_at = next(at for at, one in enumerate(seen) if isinstance(one, it.CloseAsked))
        taken = seen[:closed_at]
        assert total(records, "pieces") == sum(isinstance(item, it.TokenCame) for item in taken)
        used = [item for item in taken if isinstance(item, it.UsageCame)]
        assert total(records, "prompt_tokens") == 7 * len(used)
        audio = [item for item in taken if isinstance(item, it.AudioCame)]
        assert total(records, "synthesised_for_s") == pytest.approx(sum(item.samples for item in audio) / 24000)
        asked = [item for item in taken if isinstance(item, it.VoiceAsked)]
        assert total(records, "characters") == sum(item.characters for item in asked)
        if tts is None:
            assert total(records, "characters") == sum(len(text) for text, _, _ in cast.tts.spoken)
        assert total(records, "user_for_s") == pytest.approx(sum(map(len, cast.stt.heard)) / 16000, abs=0.011)
        heard = total(records, "heard_for_s")  # what is played again from the start of a word is heard once
        assert played - replayed - 0.011 <= heard <= played + 0.011
        assert total(records, "tools") == len(sim.told(ToolStarted))
        begun = [effect.reply for effect in seen if isinstance(effect, do.BeginReply)]
        assert sum(len(record.steps) + record.given_up for record in records) == len(begun)
        assert len({record.reply for record in records if record.reply}) == sum(record.reply > 0 for record in records)
        for record in records:
            assert record.heard_for_s <= record.synthesised_for_s + 1e-9
            moments = [getattr(record.moments, name) for name in ORDERED]
            known = [moment for moment in moments if moment is not None]
            assert known == sorted(known)

    run(main())


ORDERED = (
    *("speech_ended_s", "turn_decided_s", "first_token_s", "first_clause_s", "first_audio_s"),
    *("first_sample_s", "heard_s", "ended_s"),
)
