"""`rtaudio.integrations.pipecat.RtaudioTurnAnalyzer` as Pipecat calls it, on real speech, unpaced."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pipecat", reason="pipecat-ai is not installed: make peers-test")

from pipecat.audio.turn.base_turn_analyzer import EndOfTurnState

from rtaudio import TurnConfig
from rtaudio.integrations.pipecat import RtaudioTurnAnalyzer, RtaudioTurnParams

RATE = 16000
COMPLETE, INCOMPLETE = EndOfTurnState.COMPLETE, EndOfTurnState.INCOMPLETE


@pytest.fixture(scope="module")
def phrase(shared_data: Path) -> bytes:
    """Somebody says something, after half a second."""
    import soundfile

    from rtaudio import resample

    path = sorted((shared_data / "turns").glob("*_short_male*.wav"))[1]
    pcm = resample(soundfile.read(path, dtype="int16")[0], 24000, RATE)
    return np.concatenate([np.zeros(RATE // 2, np.int16), pcm]).tobytes()


def append(analyzer: RtaudioTurnAnalyzer, data: bytes, is_speech: bool) -> list[EndOfTurnState]:
    return [analyzer.append_audio(data[at : at + 640], is_speech) for at in range(0, len(data), 640)]


def silence(seconds: float) -> bytes:
    return bytes(round(seconds * RATE) * 2)


def analysed(analyzer: RtaudioTurnAnalyzer) -> EndOfTurnState:
    return asyncio.run(analyzer.analyze_end_of_turn())[0]


def test_a_turn_is_complete_once_and_stays_so(phrase: bytes) -> None:
    analyzer = RtaudioTurnAnalyzer(sample_rate=RATE, silence_only=True)
    assert set(append(analyzer, phrase, True)) == {INCOMPLETE}
    assert analyzer.speech_triggered
    assert analysed(analyzer) == INCOMPLETE
    assert append(analyzer, silence(3), False).count(COMPLETE) == 1
    assert not analyzer.speech_triggered
    state, metrics = asyncio.run(analyzer.analyze_end_of_turn())
    assert state == COMPLETE
    assert metrics is not None
    assert metrics.is_complete
    assert analyzer.last is not None
    assert analyzer.last.reasons.silence_s > 0


def test_what_the_framework_takes_for_speech_is_not_over(phrase: bytes) -> None:
    """Its VAD may lag behind: complete when it agrees."""
    analyzer = RtaudioTurnAnalyzer(sample_rate=RATE, silence_only=True)
    append(analyzer, phrase, True)
    assert set(append(analyzer, silence(3), True)) == {INCOMPLETE}
    assert analysed(analyzer) == COMPLETE
    assert append(analyzer, silence(0.1), False)[0] == COMPLETE


def test_speech_that_goes_on_is_another_matter(phrase: bytes) -> None:
    analyzer = RtaudioTurnAnalyzer(sample_rate=RATE, silence_only=True)
    append(analyzer, phrase, True)
    assert COMPLETE in append(analyzer, silence(2.1), False)
    append(analyzer, phrase, True)
    assert analysed(analyzer) == INCOMPLETE
    assert append(analyzer, silence(3), False).count(COMPLETE) == 1


def test_a_cleared_analyzer_is_a_new_one(phrase: bytes) -> None:
    analyzer = RtaudioTurnAnalyzer(sample_rate=RATE, silence_only=True)
    first = append(analyzer, phrase, True) + append(analyzer, silence(3), False)
    append(analyzer, phrase, True)
    analyzer.clear()
    assert not analyzer.speech_triggered
    assert set(append(analyzer, silence(3), False)) == {INCOMPLETE}  # no phantom end
    analyzer.clear()
    assert append(analyzer, phrase, True) + append(analyzer, silence(3), False) == first


def test_where_nothing_was_said_there_is_nothing_to_wait_for() -> None:
    analyzer = RtaudioTurnAnalyzer(sample_rate=RATE, silence_only=True)
    assert analysed(RtaudioTurnAnalyzer(silence_only=True)) == COMPLETE
    append(analyzer, silence(1), False)
    assert analysed(analyzer) == COMPLETE


def test_profiles_and_bounds(phrase: bytes) -> None:
    def waited(analyzer: RtaudioTurnAnalyzer) -> int:
        append(analyzer, phrase, True)
        return append(analyzer, silence(4), False).index(COMPLETE)

    quick, patient = (
        waited(RtaudioTurnAnalyzer(sample_rate=RATE, silence_only=True, params=RtaudioTurnParams(profile=profile)))
        for profile in ("quick", "patient")
    )
    bound = waited(RtaudioTurnAnalyzer(sample_rate=RATE, silence_only=True, config=TurnConfig(silence_s=3.0)))
    assert quick < patient < bound


def test_any_chunks_and_any_rate(phrase: bytes) -> None:
    """Law 6, with samples that are cut in two; and the pipeline's rate, unless one was given."""
    whole, pieces = (RtaudioTurnAnalyzer(sample_rate=RATE, silence_only=True) for _ in range(2))
    data = phrase + silence(3)
    whole.append_audio(data, False)
    for at in range(0, len(data), 333):
        pieces.append_audio(data[at : at + 333], False)
    assert whole.last == pieces.last is not None
    analyzer = RtaudioTurnAnalyzer(silence_only=True)
    with pytest.raises(RuntimeError, match="set_sample_rate"):
        analyzer.append_audio(phrase, True)
    with pytest.raises(ValueError, match="not at 96000 Hz"):
        analyzer.set_sample_rate(96000)
    analyzer.set_sample_rate(48000)
    assert analyzer.sample_rate == 48000
    given = RtaudioTurnAnalyzer(sample_rate=RATE, silence_only=True)
    given.set_sample_rate(48000)
    assert given.sample_rate == RATE


def test_it_can_be_used_again_after_a_cleanup(phrase: bytes) -> None:
    """The framework cleans a strategy up and applies it again."""
    analyzer = RtaudioTurnAnalyzer(sample_rate=RATE, silence_only=True)
    append(analyzer, phrase, True)
    asyncio.run(analyzer.cleanup())
    assert COMPLETE in append(analyzer, silence(3), False)
    assert analyzer.params.profile == "default"
