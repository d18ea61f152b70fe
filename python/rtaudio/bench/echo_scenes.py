"""Calls with an echo: an agent that reads, a caller who speaks over it now and then, a way from the one's loudspeaker
to the other's microphone. Made from recordings by a seed, at 16 kHz; the parts are kept, so that what is echo is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 16000
USER_DBFS: Final = -26.0
"""Level of the caller's speech where it is loud: the median of close talk. Echo levels are relative to it."""
AGENT_DBFS: Final = -23.0
_ALONE_S: Final = 6.0  # at the beginning, the agent's voice alone

Audio = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Material:
    """Recordings at 16 kHz. Nobody speaks on both sides of a scene in the same recording."""

    agent: list[Audio]
    user: list[Audio]
    rooms: list[Audio]
    noises: list[Audio]


@dataclass(frozen=True, slots=True)
class Way:
    """From the loudspeaker to the microphone. `room`: index of a measured one; None: a wire. `delay_s` comes
    before it."""

    level_db: float
    room: int | None = None
    distorted: bool = False
    delay_s: float = 0.06
    noise_dbfs: float = -60.0
    drift_ppm: float = 0.0


@dataclass(frozen=True, slots=True)
class Scene:
    """mic = user + echo + noise; all of the length of ref. `delay`: samples from ref to the strongest of its
    echo."""

    ref: Audio
    user: Audio
    echo: Audio
    noise: Audio
    delay: int

    @property
    def mic(self) -> Audio:
        return (self.user + self.echo + self.noise).astype(np.float32)


def material(folder: Path) -> Material:
    """From a folder with `speech` and `noise/rir` below it. ValueError: too little is there."""
    from rtaudio.bench.vad import read_16k

    speech = sorted((folder / "speech").rglob("*.wav"))
    rooms, noises = sorted((folder / "noise" / "rir").glob("*.wav")), sorted((folder / "noise").glob("*.wav"))
    if len(speech) < 8 or not rooms or not noises:
        raise ValueError(
            f"{folder}: needs speech/**/*.wav (8 at least, found {len(speech)}), noise/rir/*.wav (found {len(rooms)}) "
            f"and noise/*.wav (found {len(noises)}); name a folder with --audio"
        )
    sounds = [read_16k(path) for path in speech]
    return Material(
        agent=sounds[0::2],
        user=sounds[1::2],
        rooms=[read_16k(path) for path in rooms],
        noises=[read_16k(path) for path in noises],
    )


def loudness(sound: Audio) -> float:
    """RMS over the blocks of 10 ms that are within 30 dB of the loudest."""
    energy = np.square(sound[: len(sound) // 160 * 160].reshape(-1, 160)).mean(axis=1)
    return float(np.sqrt(energy[energy > energy.max() * 1e-3].mean()))


def at_level(sound: Audio, dbfs: float) -> Audio:
    """The same, as loud as that."""
    scaled: Audio = (sound * np.float32(10 ** (dbfs / 20) / loudness(sound))).astype(np.float32)
    return scaled


def scene(given: Material, way: Way, seed: int, seconds: float = 40.0) -> Scene:
    """One call: the agent speaks with pauses of 0.3..2 s, the caller says 0.8..3 s every 2..5 s from 6 s on."""
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE)
    ref = _in_turn(given.agent, count, rng, AGENT_DBFS, lambda: (None, rng.uniform(0.3, 2.0)))
    user = _in_turn(given.user, count, rng, USER_DBFS, lambda: (rng.uniform(0.8, 3.0), rng.uniform(2.0, 5.0)))
    user = np.concatenate([np.zeros(round(_ALONE_S * RATE), np.float32), user])[:count]
    echo, delay = echo_of(given, way, ref)
    if way.noise_dbfs < -45:
        noise = rng.normal(size=count).astype(np.float32)
    else:
        noise = np.resize(given.noises[seed % len(given.noises)], count)
    noise = (noise * 10 ** (way.noise_dbfs / 20) / np.sqrt(np.square(noise, dtype=np.float64).mean())).astype(
        np.float32
    )
    return Scene(ref, user, echo, noise, delay)


def echo_of(given: Material, way: Way, ref: Audio) -> tuple[Audio, int]:
    """What comes back of ref, at its level, and how late."""
    sound = ref.astype(np.float64)
    if way.distorted:  # a small loudspeaker: saturates, and not evenly
        sound = (np.tanh(4 * sound + 0.15) - np.tanh(0.15)) / 4
    if way.drift_ppm:
        sound = np.interp(np.arange(len(sound)) * (1 + way.drift_ppm * 1e-6), np.arange(len(sound)), sound)
    delay = round(way.delay_s * RATE)
    if way.room is not None:
        room = given.rooms[way.room % len(given.rooms)].astype(np.float64)
        length = 1 << (len(sound) + len(room)).bit_length()
        sound = np.fft.irfft(np.fft.rfft(sound, length) * np.fft.rfft(room, length))[: len(sound)]
        delay += int(np.argmax(np.abs(room)))
    late = np.concatenate([np.zeros(round(way.delay_s * RATE)), sound])[: len(ref)]
    return at_level(late.astype(np.float32), USER_DBFS + way.level_db), delay


def _in_turn(sounds: list[Audio], count: int, rng: np.random.Generator, dbfs: float, next_: object) -> Audio:
    assert callable(next_)
    parts: list[Audio] = []
    have = 0
    while have < count:
        take_s, pause_s = next_()
        sound = at_level(sounds[int(rng.integers(len(sounds)))], dbfs)
        if take_s is not None:
            length = min(len(sound), round(take_s * RATE))
            begin = int(rng.integers(0, len(sound) - length + 1))
            sound = sound[begin : begin + length]
        parts += [sound, np.zeros(round(pause_s * RATE), np.float32)]
        have += len(parts[-2]) + len(parts[-1])
    return np.concatenate(parts)[:count]
