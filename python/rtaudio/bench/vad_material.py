"""Sound for the VAD's figures: recordings of a folder, mixed by a seed, so that a figure can be made again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtaudio.bench.vad import read_16k

RATE = 16000
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Material:
    """Recordings at 16 kHz with their names."""

    speech: list[tuple[str, Floats]]
    noise: list[tuple[str, Floats]]


def read_material(folder: Path) -> Material:
    """All WAVs below `folder`: those below a folder called ``noise`` are noise, the rest is speech; room responses
    (``rir``) are left out. Raises ValueError where there is no speech."""
    speech, noise = list[tuple[str, Floats]](), list[tuple[str, Floats]]()
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".wav"):
        below = path.relative_to(folder)
        if "rir" not in below.parts:
            (noise if "noise" in below.parts else speech).append((str(below), read_16k(path)))
    if not speech:
        raise ValueError(f"no recordings of speech (WAV) below {folder}")
    return Material(speech, noise)


def level_db(samples: Floats) -> float:
    """Mean power in dB of full scale."""
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-12))


def at_level(samples: Floats, db: float) -> Floats:
    """The same at another mean power."""
    return np.asarray(samples * np.float32(10 ** ((db - level_db(samples)) / 20)), np.float32)


def pink(rng: np.random.Generator, count: int) -> Floats:
    """Pink noise from 20 Hz on, at 0 dB of mean power."""
    frequencies = np.fft.rfftfreq(count, 1 / RATE)
    spectrum = rng.normal(size=(len(frequencies), 2)) @ np.array([1, 1j])
    samples = np.fft.irfft(spectrum / np.sqrt(np.maximum(frequencies, 20)), count)
    return np.asarray(samples / np.sqrt(np.mean(samples**2)), np.float32)


def endless(material: Material, seed: int) -> Iterator[Floats]:
    """Pieces of one stream without end: talk and pauses of random lengths at random levels (some of it clipped), with
    noise of changing kind and level under it, and now and then true silence. All in full-scale units."""
    rng = np.random.default_rng(seed)
    kinds: list[Callable[[int], Floats]] = [lambda count: pink(rng, count)]
    kinds += [lambda count, noise=noise: _stretch(rng, noise, count) for _, noise in material.noise]  # type: ignore[misc]
    while True:
        clip = material.speech[rng.integers(len(material.speech))][1]
        talk = at_level(clip, rng.uniform(-45, -8)) if len(clip) else clip
        pause = int(rng.uniform(0, 4) * RATE)
        piece = np.concatenate([np.zeros(pause, np.float32), talk])
        if len(piece) and rng.uniform() < 0.8:
            piece = piece + at_level(kinds[rng.integers(len(kinds))](len(piece)), rng.uniform(-75, -20))
        yield np.clip(piece, -1, 1).astype(np.float32)


def _stretch(rng: np.random.Generator, noise: Floats, count: int) -> Floats:
    """`count` samples of a recording of noise, from a random place on, over and over."""
    return np.resize(np.roll(noise, -int(rng.integers(len(noise)))), count).astype(np.float32)
