"""WAV files: any common kind in, 16-bit PCM out (docs/decisions/wav-files.md)."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from rtaudio.cli.errors import CommandError
from rtaudio.providers.packages import load


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound file. `samples`: float32, shape (frames, channels); full scale is 1."""

    samples: NDArray[np.float32]
    rate: int

    def mono(self, rate: int) -> NDArray[np.float32]:
        """The mean of the channels at another rate, shape (frames,)."""
        mixed = self.samples.mean(axis=1, dtype=np.float32) if self.samples.shape[1] != 1 else self.samples[:, 0]
        return resample(mixed, self.rate, rate)


def resample(samples: NDArray[np.float32], from_rate: int, to_rate: int) -> NDArray[np.float32]:
    """A whole mono sound at another rate, in soxr's best quality, without delay."""
    if from_rate == to_rate or not len(samples):
        return np.ascontiguousarray(samples)
    soxr = load("soxr", extra="cli", wanted_by="resampling a file")
    resampled: NDArray[np.float32] = soxr.resample(samples, from_rate, to_rate, quality="VHQ")
    return resampled


def read_wav(path: Path) -> Sound:
    """Reads a whole file. Raises CommandError for one that is missing, unreadable, empty, or holds NaN."""
    soundfile = load("soundfile", extra="cli", wanted_by="reading WAV files")
    if not path.exists():
        raise CommandError(f"{path}: there is no such file")
    if path.is_dir():
        raise CommandError(f"{path} is a folder; give a WAV file")
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        what = getattr(error, "error_string", "") or str(error)
        raise CommandError(
            f"{path} cannot be read as a sound file: {what.rstrip('.')}. "
            "Convert it first, for example: ffmpeg -i INPUT -ac 1 caller.wav"
        ) from error
    if not len(samples):
        raise CommandError(f"{path} holds no samples")
    if not np.isfinite(samples).all():
        raise CommandError(f"{path} holds samples that are no numbers (NaN or infinity)")
    return Sound(samples, int(rate))


class WavWriter:
    """A 16-bit WAV file that grows; its header is true after every write. One thread."""

    def __init__(self, path: Path, rate: int, channels: int) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = wave.open(str(path), "wb")  # noqa: SIM115 - closed by close()
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror or error}") from error
        self._file.setnchannels(channels)
        self._file.setsampwidth(2)
        self._file.setframerate(rate)
        self._file.writeframes(b"")
        self.channels = channels
        self.frames = 0

    def write(self, samples: NDArray[np.float32]) -> None:
        """Appends float32 samples, shape (frames, channels), saturating at full scale."""
        if samples.ndim != 2 or samples.shape[1] != self.channels:
            raise ValueError(f"samples have shape {samples.shape}; this file takes (frames, {self.channels})")
        pcm = np.clip(np.rint(samples * 32768.0), -32768, 32767).astype("<i2")
        self._file.writeframes(pcm.tobytes())
        self.frames += len(samples)

    def close(self) -> None:
        """May be called again."""
        self._file.close()

    def __enter__(self) -> WavWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
