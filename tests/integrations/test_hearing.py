"""What plug-ins hear: the same for every chunking (law 6), in the framework's own positions (law 7)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rtaudio import Resampler, Vad, resample
from rtaudio.integrations.hearing import Gate, Heard, Hearing, Pcm, mono


@pytest.fixture(scope="module")
def sentence(shared_data: Path) -> Pcm:
    """Somebody says something, at 24 kHz, after a second of silence and before two."""
    soundfile = pytest.importorskip("soundfile")
    path = sorted((shared_data / "turns").glob("*_long_female*.wav"))[0]
    samples, rate = soundfile.read(path, dtype="int16")
    assert rate == 24000
    return np.concatenate([np.zeros(rate, np.int16), samples, np.zeros(2 * rate, np.int16)])


def at_rate(samples: Pcm, rate: int) -> Pcm:
    return samples if rate == 24000 else resample(samples, 24000, rate)


def facts(heard: list[Heard]) -> list[tuple[object, ...]]:
    return [
        (w.begin, w.end, w.probability, w.gate, w.started_at, w.ended_at, w.pcm.tobytes()) for w in heard
    ]  # fmt: skip


def in_chunks(hearing: Hearing, samples: Pcm, sizes: list[int]) -> list[Heard]:
    heard, at, k = [], 0, 0
    while at < len(samples):
        heard += hearing.hear(samples[at : at + sizes[k % len(sizes)]])
        at, k = at + sizes[k % len(sizes)], k + 1
    return heard


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_chunks_never_show(sentence: Pcm, rate: int) -> None:
    """Law 6, and every sample pushed is in exactly one window."""
    samples = at_rate(sentence, rate)
    whole = Hearing(rate).hear(samples)
    assert facts(in_chunks(Hearing(rate), samples, [rate // 50])) == facts(whole)
    assert facts(in_chunks(Hearing(rate), samples, [1, 7, 0, 1000, rate // 100 + 1])) == facts(whole)
    assert np.array_equal(np.concatenate([window.pcm for window in whole]), samples[: whole[-1].end])
    assert all(window.end - window.begin == len(window.pcm) for window in whole)


def test_at_16_khz_it_is_the_vad(sentence: Pcm) -> None:
    samples = at_rate(sentence, 16000)
    expected = [(type(e).__name__, e.at, e.decided_at) for e in Vad().process(samples)]
    got = []
    for window in Hearing(16000).hear(samples):
        if window.started_at is not None:
            got.append(("SpeechStarted", window.started_at, window.end))
        if window.ended_at is not None:
            got.append(("SpeechEnded", window.ended_at, window.end))
    assert got == expected
    assert len(got) >= 2


@pytest.mark.parametrize("rate", [8000, 24000, 48000])
def test_onsets_are_where_they_were_pushed(sentence: Pcm, rate: int) -> None:
    """Law 7: what the filter delays, and declares, is taken off."""
    samples = at_rate(sentence, rate)
    filter_ = Resampler(rate, 16000, dtype="int16")
    expected = [(e.at - filter_.delay_samples) * rate // 16000 for e in Vad().process(filter_.process(samples))]
    heard = Hearing(rate).hear(samples)
    got = [at for w in heard for at in (w.started_at, w.ended_at) if at is not None]
    assert got == expected
    assert len(got) >= 2
    assert filter_.delay_samples > 0


def test_a_reset_stream_is_a_new_one(sentence: Pcm) -> None:
    hearing = Hearing(24000)
    first = facts(hearing.hear(sentence))
    hearing.reset()
    assert (hearing.state, hearing.position, hearing.probability) == ("silence", 0, 0.0)
    assert facts(hearing.hear(sentence)) == first


def test_new_settings_do_not_end_the_speech(sentence: Pcm) -> None:
    """Set while somebody speaks: no second start; the end comes after the new silence, counted from where it began."""
    plain = Hearing(24000, Gate(min_silence_s=0.1))
    (end,) = [w.ended_at for w in plain.hear(sentence) if w.ended_at is not None][-1:]
    changed, starts, ends = Hearing(24000, Gate(min_silence_s=0.1)), 0, []
    for at in range(0, len(sentence), 480):
        if at == 48000:
            assert changed.speaking
            changed.set_gate(Gate(min_silence_s=0.5, min_speech_s=1.0))
            assert changed.speaking
        for window in changed.hear(sentence[at : at + 480]):
            starts += window.started_at is not None
            ends += [] if window.ended_at is None else [(window.ended_at, window.end)]
    assert starts == 1
    assert [at for at, _ in ends] == [end]
    assert 0.5 <= (ends[0][1] - ends[0][0]) / 24000 < 0.5 + 0.064


def test_new_settings_keep_the_silence_so_far(sentence: Pcm) -> None:
    hearing, windows, changed_at = Hearing(24000, Gate(min_silence_s=2.0)), [], None
    for at in range(0, len(sentence), 256):
        windows += hearing.hear(sentence[at : at + 256])
        if changed_at is None and hearing.state == "falling" and hearing.probability < 0.1:
            changed_at = hearing.position
            hearing.set_gate(Gate(min_silence_s=0.064))
    ended = [w for w in windows if w.ended_at is not None]
    assert changed_at is not None
    assert ended
    first = ended[0].ended_at
    assert first is not None
    assert first <= changed_at  # not counted from the change


def test_a_window_that_is_refused_is_silence(sentence: Pcm) -> None:
    assert all(w.gate == "silence" for w in Hearing(24000).hear(sentence, lambda pcm: False))


@pytest.mark.parametrize("rate", [0, 7999, 16001, 96000])
def test_a_rate_without_a_filter_is_named(rate: int) -> None:
    with pytest.raises(ValueError, match=rf"48000 Hz, not at {rate} Hz"):
        Hearing(rate)


def test_settings_that_cannot_be_change_nothing() -> None:
    hearing = Hearing(16000)
    with pytest.raises(ValueError, match="off"):
        hearing.set_gate(Gate(on=0.3, off=0.5))
    assert hearing.gate == Gate()
    hearing.hear(np.zeros(16000, np.int16))


def test_several_channels_are_mixed_down() -> None:
    stereo = np.array([[100, 300], [-32768, -32768], [32767, -32767]], np.int16)
    assert mono(stereo.tobytes(), 2).tolist() == [200, -32768, 0]
    assert mono(stereo[:, 0].tobytes(), 1).tolist() == [100, -32768, 32767]
    assert len(mono(b"", 1)) == 0
    with pytest.raises(ValueError, match="3 bytes are no whole number of int16 samples of 1 channels"):
        mono(b"abc", 1)
    with pytest.raises(ValueError, match="of 0 channels"):
        mono(b"", 0)
