"""`rtaudio.integrations.pipecat.RtaudioVADAnalyzer` alone, as Pipecat calls it, on real speech."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtaudio import Vad, resample

pytest.importorskip("pipecat", reason="pipecat-ai is not installed: make peers-test")

from pipecat.audio.vad.vad_analyzer import VADParams, VADState

from rtaudio.integrations.pipecat import RtaudioVADAnalyzer

RATE = 24000


@pytest.fixture(scope="module")
def talk(shared_data: Path) -> Any:
    """Two phrases with silence around them, at 24 kHz."""
    import soundfile

    paths = sorted((shared_data / "turns").glob("*_short_male*.wav"))[:2]
    phrases = [soundfile.read(path, dtype="int16")[0] for path in paths]
    silence = np.zeros(2 * RATE, np.int16)
    return np.concatenate([silence, phrases[0], silence, phrases[1], silence])


async def states(analyzer: RtaudioVADAnalyzer, data: bytes, size: int) -> list[tuple[int, VADState]]:
    """Changes of state, with how many bytes had come."""
    found, last = [], VADState.QUIET
    for at in range(0, len(data), size):
        state = await analyzer.analyze_audio(data[at : at + size])
        if state != last:
            found.append((at + size, state))
            last = state
    return found


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_states_follow_the_speech_at_every_rate(talk: Any, rate: int) -> None:
    """Law 6: of the states that the framework acts on, chunks change nothing but when they are asked for."""
    data = (talk if rate == RATE else resample(talk, RATE, rate)).tobytes()

    def of(size: int) -> list[tuple[int, VADState]]:
        analyzer = RtaudioVADAnalyzer()
        analyzer.set_sample_rate(rate)
        acted = (VADState.SPEAKING, VADState.QUIET)
        found = [(at, s) for at, s in asyncio.run(states(analyzer, data, size)) if s in acted]
        return [one for k, one in enumerate(found) if k == 0 or found[k - 1][1] != one[1]]

    frames, bits = of(rate // 50 * 2), of(rate // 1000 * 2)
    assert [state for _, state in frames] == 2 * [VADState.SPEAKING, VADState.QUIET]
    assert [state for _, state in bits] == [state for _, state in frames]
    for (coarse, _), (fine, _) in zip(frames, bits, strict=True):
        assert 0 <= coarse - fine < rate // 50 * 2


def test_decisions_are_those_of_the_core(talk: Any) -> None:
    pcm = resample(talk, RATE, 16000)
    expected = [e.decided_at for e in Vad(min_silence_s=0.2).process(pcm)]
    analyzer = RtaudioVADAnalyzer(sample_rate=16000)
    found = asyncio.run(states(analyzer, pcm.tobytes(), 1024))
    got, last = [], VADState.QUIET
    for at, state in found:
        if state in (VADState.SPEAKING, VADState.QUIET) and state != last:
            got.append(at // 2)
            last = state
    assert got == expected


def test_a_sample_cut_in_two_is_put_together(talk: Any) -> None:
    data = talk.tobytes()
    one, other = RtaudioVADAnalyzer(sample_rate=RATE), RtaudioVADAnalyzer(sample_rate=RATE)

    async def both() -> None:
        for at in range(0, len(data), 961):
            await one.analyze_audio(data[at : at + 961])
        await other.analyze_audio(data)

    asyncio.run(both())
    assert one.voice_confidence(b"") == other.voice_confidence(b"")
    assert asyncio.run(one.analyze_audio(b"")) == VADState.QUIET


def test_new_parameters_do_not_end_the_speech(talk: Any) -> None:
    analyzer = RtaudioVADAnalyzer(sample_rate=RATE)
    data = talk.tobytes()

    async def change() -> None:
        assert await analyzer.analyze_audio(data[: 3 * RATE * 2]) == VADState.SPEAKING
        analyzer.set_params(VADParams(confidence=0.6, start_secs=0.2, stop_secs=1.0, min_volume=0.0))
        found = await states(analyzer, data[3 * RATE * 2 :], 960)
        assert VADState.QUIET in [state for _, state in found]
        assert VADState.STARTING not in [s for _, s in found[: [s for _, s in found].index(VADState.QUIET)]]

    asyncio.run(change())
    with pytest.raises(ValueError, match="on"):
        analyzer.set_params(VADParams(confidence=1.0))
    assert analyzer.params.stop_secs == 1.0


def test_loudness_is_asked_about_where_it_is_wanted(talk: Any) -> None:
    """The framework's own measure: what is far too quiet for it is not speech, however clear."""
    faint = (talk // 400).astype(np.int16).tobytes()

    def speaks(min_volume: float, data: bytes) -> bool:
        params = VADParams(confidence=0.5, start_secs=0.064, stop_secs=0.2, min_volume=min_volume)
        found = asyncio.run(states(RtaudioVADAnalyzer(sample_rate=RATE, params=params), data, 960))
        return VADState.SPEAKING in [state for _, state in found]

    assert speaks(0.0, faint)
    assert not speaks(0.6, faint)
    assert speaks(0.6, talk.tobytes())


def test_bad_rates_and_orders_are_named() -> None:
    with pytest.raises(ValueError, match="not at 12345 Hz"):
        RtaudioVADAnalyzer(sample_rate=12345)
    with pytest.raises(ValueError, match="not at 96000 Hz"):
        RtaudioVADAnalyzer().set_sample_rate(96000)
    with pytest.raises(RuntimeError, match="set_sample_rate"):
        asyncio.run(RtaudioVADAnalyzer().analyze_audio(bytes(640)))
    with pytest.raises(ValueError, match="on"):
        RtaudioVADAnalyzer(params=VADParams(confidence=0.0))


def test_a_reset_analyzer_is_a_new_one(talk: Any) -> None:
    analyzer = RtaudioVADAnalyzer(sample_rate=RATE)
    data = talk.tobytes()
    first = asyncio.run(states(analyzer, data[: 5 * RATE], 960))
    analyzer.reset()
    assert asyncio.run(states(analyzer, data[: 5 * RATE], 960)) == first
    assert analyzer.num_frames_required() == 768
