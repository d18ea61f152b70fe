"""rtaudio.TurnDetector: turns of one stream, on real speech. Laws 5, 6 and 11."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio import (
    DetectorConfig,
    SileroVad,
    SpeechEnded,
    SpeechStarted,
    TurnAsked,
    TurnConfig,
    TurnDetector,
    TurnEnded,
    TurnEvidence,
    TurnQuestion,
    TurnResumed,
)

SURE = TurnEvidence(p_trimmed=0.999, p_asked=0.999, f0_end_st=6.0, speech_s=1.0)


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    return SileroVad()


@pytest.fixture(scope="module")
def voice(shared_data: Path) -> np.ndarray:
    """Three times the same short sentence, a second and a half of silence after each but the first."""
    raw = (shared_data / "speech" / "pocketsphinx" / "goforward.raw").read_bytes()
    speech = np.frombuffer(raw, "<i2").astype(np.float32) / 32768
    pause, rest = np.zeros(3000, np.float32), np.zeros(40000, np.float32)
    return np.concatenate([speech, pause, speech, rest, speech, rest])


def by_level(question: TurnQuestion) -> TurnEvidence:
    """Some function of exactly the audio that came with the question."""
    level = float(np.abs(question.audio[-16000:]).mean())
    return TurnEvidence(p_trimmed=level * 40 % 1.0, p_asked=level * 300 % 1.0, syllables=question.index + 1.0)


def told(detector: TurnDetector, voice: np.ndarray, cuts: list[int]) -> list[object]:
    """Everything as comparable data; a question with its audio."""
    out: list[object] = []
    for piece in np.split(voice, cuts):
        for event in detector.process(piece):
            if isinstance(event, TurnAsked):
                q = event.question
                out.append((q.number, q.index, q.began, q.fell, q.asked, q.audio.tobytes()))
            else:
                out.append(event)
    return out


@pytest.mark.parametrize("answers", [None, by_level])
@pytest.mark.parametrize("answer_after_s", [0.0, 0.0501])
def test_law6_how_it_is_cut_into_chunks_changes_nothing(
    vad: SileroVad, voice: np.ndarray, answers: Callable[[TurnQuestion], TurnEvidence] | None, answer_after_s: float
) -> None:
    turn = TurnConfig(profile="quick", grace_s=0.8)
    make = lambda: TurnDetector(vad, answers, config=DetectorConfig(turn=turn), answer_after_s=answer_after_s)  # noqa: E731
    whole = told(make(), voice, [])
    assert {type(event) for event in whole} >= {SpeechStarted, SpeechEnded, TurnEnded}

    @settings(max_examples=10, deadline=None)
    @given(st.lists(st.integers(0, len(voice)), max_size=60))
    def cut(cuts: list[int]) -> None:
        assert told(make(), voice, sorted(cuts)) == whole

    cut()
    assert told(make(), voice, list(range(160, len(voice), 160))) == whole


def test_a_question_comes_with_the_audio_before_it(vad: SileroVad, voice: np.ndarray) -> None:
    long = np.tile(voice, 2)
    questions = [event.question for event in TurnDetector(vad).process(long) if isinstance(event, TurnAsked)]
    assert len(questions) > 8
    for q in questions:
        np.testing.assert_array_equal(q.audio, long[max(0, q.asked - 128000) : q.asked])
        assert q.began < q.fell < q.asked
    assert [q.number for q in questions] == list(range(1, len(questions) + 1))


def test_answers_end_a_turn_sooner_and_say_why(vad: SileroVad, voice: np.ndarray) -> None:
    def ends(detector: TurnDetector) -> list[TurnEnded]:
        return [event for event in detector.process(voice) if isinstance(event, TurnEnded)]

    alone, asked = TurnDetector(vad), TurnDetector(vad, lambda question: SURE, answer_after_s=0.05)
    silent, sure = ends(alone), ends(asked)
    assert sure[-1].at == silent[-1].at
    assert sure[-1].decided_at < silent[-1].decided_at
    assert "model" in sure[-1].reasons.why
    assert silent[-1].reasons.probability is None
    assert alone.figures()["turn_answered"] == 0 < asked.figures()["turn_answered"]


def test_answers_can_come_by_themselves_and_may_end_the_turn(vad: SileroVad, voice: np.ndarray) -> None:
    detector = TurnDetector(vad, config=DetectorConfig(turn=TurnConfig(policy={"long_delay_s": 0.0})))
    for chunk in np.split(voice, range(160, len(voice), 160)):
        events = detector.process(chunk)
        for event in events:
            if isinstance(event, TurnAsked) and event.question.index == 3:
                (end,) = detector.answer(event.question, SURE)
                assert isinstance(end, TurnEnded)
                assert end.decided_at == detector.position
                assert detector.answer(event.question, SURE) == []  # it is over
                return
    raise AssertionError("the fourth question never came")


def test_what_is_said_in_the_grace_time_goes_on_but_not_what_is_said_to_an_answer(
    vad: SileroVad, voice: np.ndarray
) -> None:
    config = DetectorConfig(turn=TurnConfig(silence_s=0.2, grace_s=3.0, ask_after_s=()))
    goes_on = [e for e in TurnDetector(vad, config=config).process(voice) if isinstance(e, TurnEnded | TurnResumed)]
    (resumed, *_) = [event for event in goes_on if isinstance(event, TurnResumed)]
    first = goes_on[goes_on.index(resumed) - 1]
    assert isinstance(first, TurnEnded)
    assert (resumed.began, resumed.ended) == (first.began, first.at)
    detector, answered = TurnDetector(vad, config=config), []
    for chunk in np.split(voice, range(160, len(voice), 160)):
        events = detector.process(chunk)
        answered += events
        if any(isinstance(event, TurnEnded) for event in events):
            detector.agent_speaks(True)
        elif any(isinstance(event, SpeechStarted) for event in events):
            detector.agent_speaks(False)
    assert not any(isinstance(event, TurnResumed) for event in answered)


def test_reset_is_as_new(vad: SileroVad, voice: np.ndarray) -> None:
    detector = TurnDetector(vad, by_level)
    first = detector.process(voice)
    detector.reset()
    assert (detector.position, detector.turn, detector.speaking) == (0, "idle", False)
    assert detector.process(voice) == first


def test_law11_a_model_that_raises_is_counted_and_silence_decides(vad: SileroVad, voice: np.ndarray) -> None:
    def broken(question: TurnQuestion) -> TurnEvidence:
        raise RuntimeError("no model")

    detector = TurnDetector(vad, broken)
    with pytest.warns(RuntimeWarning, match="no model.*silence decides"):
        events = detector.process(voice)
    ends = [event for event in events if isinstance(event, TurnEnded)]
    assert ends
    assert all("silence" in end.reasons.why for end in ends)
    assert detector.failures == detector.figures()["turn_asked"] > 3
    silent = TurnDetector(vad, lambda question: None)
    assert [event for event in silent.process(voice) if isinstance(event, TurnEnded)] == ends


def test_law11_bad_input_is_refused_and_nothing_of_it_is_taken(vad: SileroVad) -> None:
    detector = TurnDetector(vad)
    for wrong in (np.zeros((2, 3), np.float32), np.array([np.nan], np.float32)):
        with pytest.raises(ValueError):  # noqa: PT011
            detector.process(wrong)
    with pytest.raises(TypeError):
        detector.process([0.0])  # type: ignore[arg-type]
    assert detector.position == 0
    with pytest.raises(ValueError, match="answer_after_s"):
        TurnDetector(vad, answer_after_s=-1.0)
    with pytest.raises(ValueError, match="no hint"):
        detector.hint("mood", 1)  # type: ignore[arg-type]


def test_int16_is_heard_as_float32_is(vad: SileroVad, voice: np.ndarray) -> None:
    whole = (voice * 32768).astype(np.int16)
    as_float = TurnDetector(vad).process(whole.astype(np.float32) / np.float32(32768))
    assert [e for e in TurnDetector(vad).process(whole) if not isinstance(e, TurnAsked)] == [
        e for e in as_float if not isinstance(e, TurnAsked)
    ]
