"""Sounds without words, and words without a sound that anybody heard: an answer waits for the first, the second are a
turn. Also the ear for barge-in while it warms up, and words that are counted over several turns."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio.bench.scenario_fakes import LOUD
from rtaudio.bench.scenario_form import Steps
from rtaudio.bench.scenario_steps import SteppedSTT, Switched, _detector, _do
from rtaudio.testing import EnergyVad, FakeLLM, FakeSTT, FakeTTS, SimulatedCaller, Simulation, run, speech
from rtaudio.voice import (
    Agent,
    AgentSpeechInterrupted,
    AgentSpeechStarted,
    EagerReply,
    SessionOptions,
    TranscriptUpdated,
    TurnEnded,
)
from tests.voice.conversations import LONG, Cast, conversation
from tests.voice.test_any_conversation import CUES, WAITS, script

HOLD = SessionOptions(hold_thinking=True)


def two(first_s: float, second_s: float, at_s: float) -> SimulatedCaller:
    caller = SimulatedCaller()
    caller.say(speech(first_s), at_s=0.5)
    caller.say(speech(second_s), at_s=at_s)
    return caller


def held(told: list[EagerReply]) -> list[str]:
    return [event.state for event in told]


@pytest.mark.parametrize(("text", "states"), [("", ["held", "kept"]), ("and then", ["held", "dropped"])])
def test_an_answer_waits_for_whether_what_is_heard_has_words(text: str, states: list[str]) -> None:
    """Law 10: it is answered once, with the words or without; law 9: nothing of a dropped one is in the history."""

    async def main() -> None:
        cast = Cast(stt=FakeSTT(["question", text]), llm=FakeLLM(["Answer."], first_after_s=2.0))
        async with conversation(cast, two(1.0, 0.3, 3.4), options=HOLD) as sim:
            await sim.finish()
            said = [(message.role, message.text) for message in sim.session.history]
        assert held(sim.told(EagerReply)) == states
        assert said == [("user", f"question {text}".strip()), ("assistant", "Answer.")]
        assert len(cast.llm.asked) == (1 if not text else 2)
        assert len(sim.told(AgentSpeechStarted)) == 1

    run(main())


def test_a_noise_costs_no_time_where_the_answer_waits() -> None:
    async def began_s(options: SessionOptions) -> float:
        cast = Cast(stt=FakeSTT(["question", ""]), llm=FakeLLM(["Answer."], first_after_s=2.0))
        async with conversation(cast, two(1.0, 0.3, 3.4), options=options) as sim:
            await sim.finish()
        return sim.told(AgentSpeechStarted)[0].at_s

    kept, again = run(began_s(HOLD)), run(began_s(SessionOptions()))
    assert again - kept >= 1.5


def test_interrupt_gives_up_what_waits() -> None:
    async def main() -> None:
        cast = Cast(stt=FakeSTT(["question", ""]), llm=FakeLLM(["Answer."], first_after_s=2.0))
        async with conversation(cast, two(1.0, 1.0, 3.0), options=HOLD) as sim:
            await sim.until(lambda: bool(sim.told(EagerReply)))
            sim.session.interrupt()
            await sim.finish()
        assert held(sim.told(EagerReply)) == ["held", "dropped"]
        assert not sim.told(AgentSpeechStarted)

    run(main())


@settings(max_examples=25, deadline=None)
@given(
    cues=CUES,
    words=st.lists(st.sampled_from(["", "", "when", "and why", "mhm"]), min_size=12, max_size=12),
    stt_s=WAITS,
    llm_s=st.sampled_from([0.05, 0.9, 2.5]),
    tts_s=WAITS,
    eager=st.sampled_from(["off", "text"]),
    warm_up_s=st.sampled_from([None, 2.0]),
)
def test_with_noises_every_turn_is_in_the_history_once(
    cues: list[tuple[float, str, float]],
    words: list[str],
    stt_s: float,
    llm_s: float,
    tts_s: float,
    eager: Any,
    warm_up_s: float | None,
) -> None:
    """Law 10, with answers that wait and an ear that warms up."""

    async def main() -> None:
        cast = Cast(
            stt=FakeSTT([f"{word} {number}" if word == "when" else word for number, word in enumerate(words)] * 2),
            llm=FakeLLM([LONG, "Short."], first_after_s=llm_s),
            tts=FakeTTS(first_after_s=tts_s, char_s=0.03),
        )
        cast.stt.final_after_s = stt_s
        options = SessionOptions(hold_thinking=True, eager=eager, aec_warmup_s=warm_up_s)
        async with conversation(cast, script(cues), options=options) as sim:
            try:
                await sim.finish(limit_s=90)
            except TimeoutError:  # a cue that waits for an agent who has nothing more to say
                assert not sim.caller.done
            assert sim.session.state == "listening"
            history = sim.session.history
        finals = {event.turn: event.text for event in sim.told(TranscriptUpdated) if event.final}
        said = " ".join(message.text for message in history if message.role == "user")
        assert said == " ".join(text for _, text in sorted(finals.items()) if text)
        states = held(sim.told(EagerReply))
        begun = sum(state in ("begun", "held") for state in states)
        assert begun == sum(state in ("kept", "dropped") for state in states)

    run(main())


def test_while_the_ear_warms_up_only_a_turn_stops_the_agent() -> None:
    async def cut_s(options: SessionOptions, at_s: float, text: str) -> float | None:
        cast = Cast(stt=FakeSTT(["question", text]), llm=FakeLLM([LONG, "Short."]), tts=FakeTTS(char_s=0.1))
        async with conversation(cast, two(0.5, 1.0, at_s), options=options) as sim:
            await sim.finish()
        cuts = sim.told(AgentSpeechInterrupted)
        assert not cuts or len(sim.told(AgentSpeechStarted)) == 2
        return cuts[0].at_s if cuts else None

    warm = SessionOptions(aec_warmup_s=3.0)
    usual, late = run(cut_s(SessionOptions(), 2.5, "stop it")), run(cut_s(warm, 2.5, "stop it"))
    assert usual is not None
    assert usual < 3.2
    assert late is not None
    assert late > 3.5  # when the turn was over
    assert run(cut_s(warm, 2.5, "")) is None  # what the canceller left of the agent
    after = run(cut_s(warm, 6.0, "stop it"))
    assert after is not None
    assert after < 6.7


def test_words_of_several_turns_count_together() -> None:
    async def cut(words: list[str]) -> int:
        cast = Cast(stt=FakeSTT(["question", *words], all_after_s=0.05), llm=FakeLLM([LONG]), tts=FakeTTS(char_s=0.2))
        caller = SimulatedCaller()
        for at_s in (0.5, 4.0, 8.0):
            caller.say(speech(0.6), at_s=at_s)
        async with conversation(cast, caller, options=SessionOptions(min_words=3)) as sim:
            await sim.advance(10.0)
            return len(sim.told(AgentSpeechInterrupted))

    assert run(cut(["what", "is this"])) == 1
    assert run(cut(["what", "this"])) == 0


STEPS = st.lists(st.sampled_from(["S", "E", "T", "T!", "I", "W0.05", "W0.15", "W0.5"]), min_size=1, max_size=14)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS, timeout_s=st.sampled_from([0.0, 0.1, 0.4]))
def test_no_word_is_lost_that_recognition_brings_at_any_time(steps: list[str], timeout_s: float) -> None:
    """Law 10: with `listening` "always" each is in the history once, in order, whatever the VAD heard of it."""

    async def main() -> None:
        caller, stt = Switched(16000), SteppedSTT(timeout_s)
        options = SessionOptions(listening="always", words_over_s=0.2, away_s=None)
        wanted: list[str] = []
        simulation = Simulation(
            Agent(),
            stt=stt,
            llm=FakeLLM(["Yes.", LONG]),
            tts=FakeTTS(char_s=0.02),
            caller=caller,
            vad=EnergyVad(LOUD),
            options=options,
            detector=_detector(Steps("any", 0.1, timeout_s)),
        )
        async with simulation as sim:
            await sim.advance(0.1)
            for step in [*steps, "E", "W0.5", "T!", "W0.5"]:
                if (step == "S" and caller.loud) or (step == "E" and not caller.loud):
                    continue
                await _do(step, sim, caller, stt)
                if step[0] == "T":
                    wanted.append(f"word{stt.count}")
            await sim.advance(5.0)
            assert sim.session.state == "listening"
            said = " ".join(message.text for message in sim.session.history if message.role == "user").split()
            ended = sim.told(TurnEnded)
        assert said == wanted
        assert len({event.turn for event in ended}) >= 1

    run(main())
