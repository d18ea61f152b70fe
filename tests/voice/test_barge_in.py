"""Barge-in: the core stops the agent by itself; the history is what the sink kept (laws 2, 3, 9, 10)."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio.core import BargeConfig, DetectorConfig
from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS, SimulatedCaller, Simulation, run, speech
from rtaudio.voice import AgentSpeechHeard, AgentSpeechInterrupted, AgentSpeechStarted, BargeIn, SessionOptions
from tests.voice.conversations import LONG, Cast, caller_with, conversation


def words_before(tts: FakeTTS, text: str, clauses: list[tuple[str, int, int]], position: int) -> str:
    """Law 9, worked out anew from what the TTS made: words in proportion to characters within their clause."""
    starts: list[tuple[Fraction, int]] = []
    offset = begin = 0
    for clause, _, count in clauses:
        offset = text.index(clause, offset)
        for at, char in enumerate(clause):
            if char != " " and (at == 0 or clause[at - 1] == " "):
                starts.append((Fraction(begin) + Fraction(count * at, len(clause)), offset + at))
        begin += count
        offset += len(clause)
    edges = [*(start for start, _ in starts), Fraction(begin)]
    heard = [int((a + b) / 2 < position) for a, b in pairwise(edges)]
    assert heard == sorted(heard, reverse=True)
    return " ".join(text.split()[: sum(heard)])


def put_out(sim: Simulation, reply: int) -> int:
    """Samples of a reply that is the first to sound, by the sink: from the first that is not silent to the last."""
    (started,) = [e for e in sim.told(AgentSpeechStarted) if e.reply == reply]
    begin = round((started.at_s - 0.02) * 24000)
    sounding = np.flatnonzero(sim.sink.agent[begin : begin + (20 * 24000)])
    gaps = np.flatnonzero(np.diff(sounding) > 2400)
    last = sounding[gaps[0]] if len(gaps) else sounding[-1]
    return int(last - sounding[0] + 1)


@settings(max_examples=15, deadline=None)
@given(
    onset_ms=st.integers(50, 4500),
    latency_ms=st.sampled_from([0, 30, 200]),
    words=st.booleans(),
    rate=st.sampled_from([24000, 16000]),
)
def test_the_history_is_what_was_heard(onset_ms: int, latency_ms: int, words: bool, rate: int) -> None:
    """Law 9, against what the sink kept: whenever the user comes in, whatever the device's delay, with word times
    of the TTS or without."""

    async def main() -> None:
        cast = Cast(tts=FakeTTS(words=words, rate=rate))
        caller = caller_with({"at_s": 0.5}, {"after_agent_starts_s": onset_ms / 1000})
        async with conversation(cast, caller, latency_s=latency_ms / 1000, bound_s=0.004) as sim:
            await sim.finish()
            history = sim.session.history
        (cut,) = sim.told(AgentSpeechInterrupted)
        heard = round(cut.heard_for_s * 24000)
        # The last sample of a fade is nearly or wholly silent; a resampler's tail and lead-in are silent too.
        assert heard - put_out(sim, cut.reply) in range(-1, 30 if rate != 24000 else 2)
        clauses = [(text, first * 24000 // rate, count * 24000 // rate) for text, first, count in cast.tts.spoken]
        first_reply = [clause for clause in clauses if clause[0] in LONG]
        assert cut.heard == words_before(cast.tts, LONG, first_reply, heard)
        assert f"{cut.heard} {cut.cut}".strip() == LONG
        if cut.heard:
            message = history[1]
            assert (message.text, message.unheard, message.interrupted) == (cut.heard, cut.cut, True)
            assert message.heard_bound_s == cut.bound_s >= 0.004
            assert [m.role for m in history] == ["user", "assistant", "user", "assistant"]
            assert [m.text for m in history if m.role == "user"] == ["first question", "second question"]
        else:
            assert [m.text for m in history if m.role == "user"] == ["first question second question"]

    run(main())


def test_the_user_s_words_become_the_next_turn() -> None:
    async def main() -> None:
        cast = Cast()
        async with conversation(cast, caller_with({"at_s": 0.5}, {"after_agent_starts_s": 1.2})) as sim:
            await sim.finish()
            assert sim.session.history[-1].text == "The second answer."
        asked = cast.llm.asked[1].messages
        assert [m.role for m in asked] == ["user", "assistant", "user"]
        assert asked[1].interrupted
        assert asked[2].text == "second question"
        assert [e.state for e in sim.told(BargeIn)][:3] == ["suspected", "likely", "confirmed"]

    run(main())


def test_the_core_stops_the_agent_and_the_session_starts_nothing_stale() -> None:
    """Law 2: between the cut and the next reply the agent is silent, though its TTS was still talking."""

    async def main() -> None:
        cast = Cast(tts=FakeTTS(piece_every_s=0.15))
        async with conversation(cast, caller_with({"at_s": 0.5}, {"after_agent_starts_s": 1.2})) as sim:
            await sim.finish()
        cut = sim.told(AgentSpeechInterrupted)[0].at_s
        again = sim.told(AgentSpeechStarted)[1].at_s
        assert not sim.sink.agent[round(cut * 24000) : round((again - 0.02) * 24000)].any()
        onset = sim.caller.spoken[1][0] / 24000
        assert cut - onset < 0.5  # confirmed after at most 448 ms of speech

    run(main())


def test_a_false_interruption_costs_no_word() -> None:
    """Law 3: the core resumes by itself; the reply is heard whole, the "uh-huh" is in the history, once, unanswered."""

    async def main() -> None:
        cast = Cast(stt=FakeSTT(["first question", "uh-huh"]))
        caller = SimulatedCaller(24000)
        caller.say(speech(1.0), at_s=0.5)
        caller.say(speech(0.15), after_agent_starts_s=1.2)
        async with conversation(cast, caller) as sim:
            await sim.finish()
            history = sim.session.history
        assert sim.told(BargeIn)[-1].state in ("false", "backchannel")
        assert [e.text for e in sim.told(AgentSpeechHeard)] == [LONG]
        assert [m.text for m in history] == ["first question", LONG, "uh-huh"]
        assert cast.llm.opened == 1

    run(main())


@pytest.mark.parametrize(("least", "cut"), [(None, True), (0, True), (1, True), (2, False)])
def test_a_session_can_ask_for_words(least: int | None, cut: bool) -> None:
    """The STT gives one word while the user speaks, and two at the end: too late to stop the agent, never too late for
    an answer (law 10). Too few words in all are taken for listening."""

    async def main() -> None:
        cast = Cast(stt=FakeSTT(["first question", "second question", "what"]))
        options, detector = SessionOptions(min_words=least), DetectorConfig(barge=BargeConfig(min_words=0))
        caller = caller_with({"at_s": 0.5}, {"after_agent_starts_s": 1.2})
        async with conversation(cast, caller, options=options, detector=detector) as sim:
            await sim.finish()
            told = [event.text for event in sim.told(AgentSpeechHeard)]
            assert told == (["The second answer."] if cut else [LONG, "The second answer."])
            texts = [message.text for message in sim.session.history]
            assert texts[-2:] == ["second question", "The second answer."]
            assert not any(message.backchannel for message in sim.session.history)

    run(main())


def test_a_session_s_words_outdo_the_line_s() -> None:
    async def main() -> None:
        cast, detector = Cast(), DetectorConfig(barge=BargeConfig(min_words=5))
        caller = caller_with({"at_s": 0.5}, {"after_agent_starts_s": 1.2})
        async with conversation(cast, caller, options=SessionOptions(min_words=1), detector=detector) as sim:
            await sim.finish()
            assert "confirmed" in [event.state for event in sim.told(BargeIn)]

    run(main())
    with pytest.raises(ValueError, match=r"min_words = 1001: must lie in 0\.\.1000"):
        SessionOptions(min_words=1001)


def test_without_barge_in_the_agent_ends_and_then_answers() -> None:
    async def main() -> None:
        cast = Cast()
        caller = caller_with({"at_s": 0.5}, {"after_agent_starts_s": 1.2})
        async with conversation(cast, caller, detector=DetectorConfig(barge_in=False)) as sim:
            await sim.finish()
            texts = [m.text for m in sim.session.history]
        assert texts == ["first question", LONG, "second question", "The second answer."]

    run(main())


@pytest.mark.parametrize("stall_s", [0.0, 0.5])
def test_an_interruption_before_the_first_word_joins_the_turns(stall_s: float) -> None:
    """Nothing was heard: as if the reply had not begun (law 10); also when all of it is learned at once, afterwards."""

    async def main() -> None:
        cast = Cast(llm=FakeLLM(["Incomprehensibilities.", "The answer."]), tts=FakeTTS(char_s=0.1))
        async with conversation(cast, caller_with({"at_s": 0.5}, {"after_agent_starts_s": 0.05})) as sim:
            await sim.until(lambda: bool(sim.told(AgentSpeechStarted)))
            sim.stall(stall_s)
            await sim.finish()
            texts = [m.text for m in sim.session.history]
        assert texts == ["first question second question", "The answer."]

    run(main())


@pytest.mark.parametrize("second", [0.3, 1.0, 2.0])
def test_every_interruption_of_many_is_answered_once(second: float) -> None:
    async def main() -> None:
        texts = [f"question {number}" for number in range(6)]
        cast = Cast(stt=FakeSTT(texts), llm=FakeLLM([LONG]))
        cues = [{"at_s": 0.5}, *({"after_agent_starts_s": second + 0.37 * number} for number in range(5))]
        async with conversation(cast, caller_with(*cues)) as sim:
            await sim.finish()
            history = sim.session.history
        said = " ".join(m.text for m in history if m.role == "user")
        assert said == " ".join(texts)
        assert [m.role for m in history][::2] == ["user"] * (len(history) // 2)
        assert [m.role for m in history][1::2] == ["assistant"] * (len(history) // 2)

    run(main())


@pytest.mark.parametrize("stall_s", [0.2, 0.5, 2.0])
def test_a_blocked_event_loop_delays_nothing_but_the_answer(stall_s: float) -> None:
    """Law 4: playout, barge-in and the account go on; the history is as exact, the turn is answered (law 10)."""

    async def main(stall: bool) -> tuple[list[object], list[int]]:
        cast = Cast()
        async with conversation(cast, caller_with({"at_s": 0.5}, {"after_agent_starts_s": 1.2})) as sim:
            await sim.until(lambda: bool(sim.told(AgentSpeechStarted)))
            await sim.advance(1.15)
            if stall:
                sim.stall(stall_s)
            else:
                await sim.advance(stall_s)
            await sim.finish()
            texts = [(m.role, m.text, m.unheard) for m in sim.session.history]
        begin = round(sim.told(AgentSpeechStarted)[0].at_s * 24000)
        return [*texts], sim.sink.agent[begin : begin + 36_000].tolist()

    assert run(main(stall=True)) == run(main(stall=False))
