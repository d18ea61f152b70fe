"""Any common WAV is read; what is written can be read at every moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rtaudio.cli.errors import CommandError
from rtaudio.cli.wav import Sound, WavWriter, read_wav, resample

soundfile = pytest.importorskip("soundfile")

TONE = (0.5 * np.sin(np.arange(4410) * 0.06)).astype(np.float32)
STEPS = {"PCM_U8": 1 / 128, "ULAW": 1 / 32, "ALAW": 1 / 32, "PCM_16": 1 / 32768, "PCM_24": 2**-23}


@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64"])
@pytest.mark.parametrize("kind", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"])
@pytest.mark.parametrize("channels", [1, 2])
def test_common_kinds_are_read(tmp_path: Path, container: str, kind: str, channels: int) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([TONE] * channels, axis=1), 44100, subtype=kind, format=container)
    sound = read_wav(path)
    assert (sound.rate, sound.samples.shape) == (44100, (4410, channels))
    assert sound.samples.dtype == np.float32
    assert np.abs(sound.samples[:, 0] - TONE).max() <= STEPS.get(kind, 1e-6)


def test_stereo_becomes_mono_by_the_mean() -> None:
    sound = Sound(np.stack([TONE, -TONE], axis=1), 16000)
    assert not sound.mono(16000).any()


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
def test_any_rate_becomes_16_khz_without_a_shift(rate: int) -> None:
    at = np.arange(rate) / rate
    click = np.exp(-0.5 * ((at - 0.5) / 0.001) ** 2).astype(np.float32)
    mono = Sound(click[:, np.newaxis], rate).mono(16000)
    assert len(mono) == 16000
    assert abs(int(np.argmax(mono)) - 8000) <= 1


def test_files_with_nothing_or_nonsense_in_them_are_refused(tmp_path: Path) -> None:
    """Law 11."""
    soundfile.write(tmp_path / "empty.wav", np.zeros((0, 1), np.float32), 16000)
    soundfile.write(tmp_path / "nan.wav", np.array([0, np.nan], np.float32), 16000, subtype="FLOAT")
    whole = tmp_path / "whole.wav"
    soundfile.write(whole, TONE, 16000)
    (tmp_path / "cut.wav").write_bytes(whole.read_bytes()[:30])
    for name, message in (("empty", "no samples"), ("nan", "NaN"), ("cut", "cannot be read")):
        with pytest.raises(CommandError, match=message):
            read_wav(tmp_path / f"{name}.wav")


def test_what_is_written_is_a_whole_file_after_every_write(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.wav"
    with WavWriter(path, 24000, 2) as file:
        for part in range(1, 4):
            file.write(np.full((100, 2), 0.25, np.float32))
            assert read_wav(path).samples.shape == (100 * part, 2)
        with pytest.raises(ValueError, match="shape"):
            file.write(np.zeros(4, np.float32))
    assert np.array_equal(read_wav(path).samples, np.full((300, 2), 0.25, np.float32))


def test_writing_saturates(tmp_path: Path) -> None:
    with WavWriter(tmp_path / "a.wav", 8000, 1) as file:
        file.write(np.array([[-2.0], [-1.0], [1.0], [2.0]], np.float32))
    assert read_wav(tmp_path / "a.wav").samples[:, 0].tolist() == [-1, -1, 32767 / 32768, 32767 / 32768]


def test_nothing_resampled_is_nothing() -> None:
    assert len(resample(np.zeros(0, np.float32), 8000, 16000)) == 0
