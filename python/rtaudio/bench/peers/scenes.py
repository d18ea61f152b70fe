"""What the contenders hear: people who say a sentence and then wait, from recordings, with where each began and ended.

Utterances alternate between human read speech and phrases of many voices (`speech/ljspeech`, `turns`), at their own
level, with `GAP_S` of pink noise at -60 dBFS after each: longer than any framework's longest silence, so that every end
is seen. The truth is energy: the first and the last 5 ms within 40 dB of an utterance's loudest 5 ms.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

GAP_S = 3.6
_LEAD_S = 1.0
_NOISE_DBFS = -60.0
_LONGEST_S = 6.0

Pcm = NDArray[np.int16]


@dataclass(frozen=True)
class Scene:
    """Audio of one caller, int16 mono, and the sample positions [began, ended) of each utterance."""

    rate: int
    pcm: Pcm
    spoken: tuple[tuple[int, int], ...]
    names: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.pcm) / self.rate


def edges(samples: NDArray[np.float32], rate: int) -> tuple[int, int]:
    """First and last sample of the utterance by the energy of blocks of 5 ms."""
    block = rate // 200
    energy = np.square(samples[: len(samples) // block * block].reshape(-1, block)).mean(axis=1)
    loud = np.flatnonzero(energy > energy.max() * 1e-4)
    return int(loud[0]) * block, int(loud[-1] + 1) * block


def pink(count: int, seed: int) -> NDArray[np.float32]:
    """Pink noise of RMS 1: white noise whose spectrum is divided by the root of the frequency."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
    noise = np.fft.irfft(spectrum, count)
    return np.asarray(noise / np.sqrt(np.mean(np.square(noise))), np.float32)


def recordings(data: Path) -> list[Path]:
    """Utterances of a person and of the phrases' voices, in turns. ValueError where the folder holds none."""
    import soundfile  # type: ignore[import-untyped]

    people = sorted((data / "speech/ljspeech").glob("*.wav"))
    phrases = sorted((data / "turns").glob("*_short_*.wav"))
    short = [path for path in people if soundfile.info(path).duration <= _LONGEST_S]
    random.Random(1).shuffle(phrases)
    found = [path for pair in zip(short, phrases, strict=False) for path in pair]
    if not found:
        raise ValueError(f"no recordings below {data}: speech/ljspeech and turns are wanted")
    return found


def make(paths: list[Path], rate: int, seed: int) -> Scene:
    """The scene in which these are said one after the other."""
    import soundfile

    from rtaudio import resample

    pieces, spoken, position = [np.zeros(round(_LEAD_S * rate), np.float32)], [], round(_LEAD_S * rate)
    for path in paths:
        samples, from_rate = soundfile.read(path, dtype="float32", always_2d=True)
        mono = np.ascontiguousarray(samples.mean(axis=1))
        voice = resample(mono, from_rate, rate) if from_rate != rate else mono
        began, ended = edges(voice, rate)
        spoken.append((position + began, position + ended))
        silence = np.zeros(round(GAP_S * rate) - (len(voice) - ended), np.float32)
        pieces += [voice, silence]
        position += len(voice) + len(silence)
    audio = np.concatenate(pieces)
    audio += pink(len(audio), seed) * np.float32(10 ** (_NOISE_DBFS / 20))
    pcm = np.clip(np.round(audio * 32768), -32768, 32767).astype(np.int16)
    return Scene(rate, pcm, tuple(spoken), tuple(path.name for path in paths))


def save(scene: Scene, path: Path) -> None:
    """For the contenders' processes."""
    np.savez(path, rate=scene.rate, pcm=scene.pcm, spoken=np.array(scene.spoken), names=np.array(scene.names))


def load(path: Path) -> Scene:
    """What `save` wrote."""
    with np.load(path) as kept:
        spoken = tuple((int(began), int(ended)) for began, ended in kept["spoken"])
        return Scene(int(kept["rate"]), kept["pcm"], spoken, tuple(str(name) for name in kept["names"]))
