"""Scenes in which a caller interrupts an agent, or does not: made by mixing recordings, from a seed.

A scene is a folder: ``mic.wav`` (what the microphone heard), ``ref.wav`` (what the agent played; the same rate, clock
and length), ``truth.json``: ``user_speech``, a list of [begin, end, kind] in seconds, kind ``barge_in`` or
``backchannel``; beside it how the scene was made. The agent never stops (open loop).

mic = caller in a room + echo + noise. Levels are RMS while active. The caller speaks at -38..-18 dBFS. The echo is the
reference through a loudspeaker (band limits, soft clipping), a room, a delay of 12..180 ms, at ``echo_db`` below the
caller: none, -20, -15, -10, -5 or 0; in scenes where only the agent speaks, below what the caller would have had. Noise
lies 8..35 dB under the caller, 20 or more where the recording holds some already. Truth is given where the clip begins
in the mic, the room's direct path included.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from rtaudio.bench.scene_sounds import RATE, Clip, Floats, Random, Sounds, active_rms, collect

SCENE_S: Final = 48.0
ECHO_LEVELS: Final = (None, -20.0, -15.0, -10.0, -5.0, 0.0)
_ALONE_EVERY: Final = 5  # every so many-th scene has no caller
_BACKCHANNELS: Final = 0.35
_PARTS: Final = ("speech/ljspeech", "speech/pocketsphinx/librivox", "vad/phone2spk", "turns", "noise", "noise/rir")
_IN_A_ROOM: Final = ("telephone",)  # recordings that hold a room and its noise already


def convolve(samples: Floats, response: Floats) -> Floats:
    """Full convolution, cut to the length of `samples`."""
    size = 1 << (len(samples) + len(response) - 1).bit_length()
    product = np.fft.rfft(samples.astype(np.float64), size) * np.fft.rfft(response.astype(np.float64), size)
    return np.fft.irfft(product, size)[: len(samples)].astype(np.float32)


def _band(samples: Floats, low_hz: float, high_hz: float) -> Floats:
    """Second-order slopes in the frequency domain, zero phase."""
    spectrum = np.fft.rfft(samples.astype(np.float64))
    hz = np.fft.rfftfreq(len(samples), 1 / RATE) + 1e-9
    gain = 1 / np.sqrt((1 + (low_hz / hz) ** 4) * (1 + (hz / high_hz) ** 8))
    return np.fft.irfft(spectrum * gain, len(samples)).astype(np.float32)


def _pick(random: Random, clips: list[Clip]) -> Clip:
    return clips[int(random.integers(len(clips)))]


def _room(random: Random, sounds: Sounds, *, dry: float) -> tuple[Floats, str]:
    """A response whose direct sound is at sample 0 with gain 1; `dry`: how often there is none."""
    if not sounds.rooms or random.uniform() < dry:
        return np.ones(1, np.float32), "none"
    room = _pick(random, sounds.rooms)
    direct = int(np.argmax(np.abs(room.samples)))
    response = room.samples[direct : direct + RATE // 2] / room.samples[direct]
    response[1:] *= np.float32(random.uniform(0.3, 1.0))  # nearer or further away
    return response, room.source


def _agent(random: Random, clips: list[Clip], count: int) -> Floats:
    """Sentences with pauses of 0.15..0.6 s, from the first sample on."""
    out = np.zeros(count, np.float32)
    at = 0
    order = random.permutation(len(clips))
    index = 0
    while at < count:
        clip = clips[int(order[index % len(order)])].samples
        clip = clip * np.float32(0.1 / max(active_rms(clip), 1e-6))
        part = clip[: count - at]
        out[at : at + len(part)] = part
        at += len(part) + int(random.uniform(0.15, 0.6) * RATE)
        index += 1
    return out


def _echo(random: Random, ref: Floats, sounds: Sounds) -> tuple[Floats, dict[str, Any]]:
    """The reference as a loudspeaker in a room gives it back, at active RMS 1."""
    drive = float(random.choice([0.0, 0.5, 2.0]))
    played = _band(ref, random.uniform(90, 250), random.uniform(3800, 7500))
    if drive:
        scale = np.float32(drive / (3 * max(active_rms(played), 1e-6)))
        played = np.tanh(played * scale).astype(np.float32)
    response, room = _room(random, sounds, dry=0.2)
    delay = int(random.uniform(0.012, 0.18) * RATE)
    echo = np.concatenate([np.zeros(delay, np.float32), convolve(played, response)])[: len(ref)]
    echo = (echo / np.float32(max(active_rms(echo), 1e-9))).astype(np.float32)
    return echo, {"delay_s": delay / RATE, "room": room, "drive": drive}


def _noise(random: Random, sounds: Sounds, count: int) -> tuple[Floats, str]:
    if not sounds.noises or random.uniform() < 0.25:
        white = np.random.default_rng(int(random.integers(1 << 31))).normal(size=count)
        pink = np.fft.irfft(np.fft.rfft(white) / np.sqrt(np.arange(count // 2 + 1) + 20.0), count)
        return (pink / pink.std()).astype(np.float32), "pink"
    noise = _pick(random, sounds.noises)
    start = int(random.integers(len(noise.samples)))
    out = np.resize(np.roll(noise.samples, -start), count)
    return out / np.float32(max(np.sqrt(np.square(out).mean()), 1e-9)), noise.source


def _callers_events(
    random: Random, sounds: Sounds, agent: str, count: int, level: float
) -> tuple[Floats, list[tuple[float, float, str]], list[str], str]:
    """The caller's dry track, where he speaks, from what, and who he is."""
    track = np.zeros(count, np.float32)
    names = [name for name in sounds.callers if name.partition(" ")[0] != agent.partition(" ")[0]]
    weights = np.array([2.0 if name in ("human reader", "librivox") else 1.0 for name in names])
    name = str(random.choice(names, p=weights / weights.sum()))
    events: list[tuple[float, float, str]] = []
    used: list[str] = []
    at = int(random.uniform(2.0, 5.0) * RATE)
    while True:
        kind = "backchannel" if random.uniform() < _BACKCHANNELS else "barge_in"
        if kind == "barge_in":
            clip = _pick(random, sounds.callers[name])
        else:
            clip = _pick(random, sounds.backchannels[str(random.choice(list(sounds.backchannels)))])
        end = at + len(clip.samples)
        if end + RATE > count:
            return track, events, used, name
        quieter = random.uniform(-6, 0) if kind == "backchannel" else random.uniform(-2, 2)
        track[at:end] = clip.samples * np.float32(level * 10 ** (quieter / 20) / max(active_rms(clip.samples), 1e-6))
        events.append((at / RATE, end / RATE, kind))
        used.append(clip.source)
        at = end + int(random.uniform(2.2, 5.5) * RATE)


def make_scene(
    random: Random, sounds: Sounds, *, echo_db: float | None, alone: bool
) -> tuple[Floats, Floats, dict[str, Any]]:
    """mic, ref, truth."""
    count = int(SCENE_S * RATE)
    agent = str(random.choice(list(sounds.agents)))
    ref = _agent(random, sounds.agents[agent], count)
    level_db = float(random.uniform(-38, -18))
    level = 10 ** (level_db / 20)
    events: list[tuple[float, float, str]] = []
    used: list[str] = []
    mic = np.zeros(count, np.float32)
    caller, caller_room = "none", "none"
    if not alone:
        track, events, used, caller = _callers_events(random, sounds, agent, count, level)
        response, caller_room = _room(random, sounds, dry=1.0 if caller in _IN_A_ROOM else 0.4)
        mic += convolve(track, response)
    made: dict[str, Any] = {}
    if echo_db is not None:
        echo, made = _echo(random, ref, sounds)
        mic += echo * np.float32(level * 10 ** (echo_db / 20))
    snr_db = float(random.uniform(20 if caller in _IN_A_ROOM else 8, 35))
    noise, noise_name = _noise(random, sounds, count)
    mic += noise * np.float32(level * 10 ** (-snr_db / 20))
    peak = float(np.abs(mic).max())
    mic = np.clip(mic, -1, 1)
    truth = {
        "user_speech": [[round(begin, 4), round(end, 4), kind] for begin, end, kind in events],
        "echo_db": echo_db,
        "agent": agent,
        "caller": caller,
        "sources": used,
        "level_dbfs": round(level_db, 1),
        "noise": noise_name,
        "snr_db": round(snr_db, 1),
        "caller_room": caller_room,
        "echo": made,
        "peak": round(peak, 3),
    }
    return mic, ref, truth


def write_scenes(
    out: Path, data: Path, *, seed: int, minutes: float, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Writes folders ``scene-000`` … until `minutes` are full. Raises FileNotFoundError where there is no material."""
    import soundfile  # type: ignore[import-untyped]

    if not data.is_dir():
        raise FileNotFoundError(f"{data}: no folder with recordings (give one with --data)")
    parts = {name: (data / name).is_dir() for name in _PARTS}
    absent = [name for name, there in parts.items() if not there]
    if len(absent) == len(parts):
        raise FileNotFoundError(f"{data}: no recordings in it; wanted are folders {', '.join(parts)} (any of them)")
    if absent:
        progress(f"{data}: without {', '.join(absent)}: scenes do without what is there")
    sounds = collect(data, np.random.default_rng(seed), progress=progress)
    missing = [name for name in ("agents", "callers", "backchannels") if not getattr(sounds, name)]
    if missing:
        raise FileNotFoundError(f"{data}: nothing in it to make {', '.join(missing)} from")
    total = max(1, int(np.ceil(minutes * 60 / SCENE_S)))
    kinds = {"barge_in": 0, "backchannel": 0}
    for index in range(total):
        random = np.random.default_rng([seed, index])
        alone = index % _ALONE_EVERY == _ALONE_EVERY - 1
        echo_db = ECHO_LEVELS[(index // _ALONE_EVERY if alone else index) % len(ECHO_LEVELS)]
        mic, ref, truth = make_scene(random, sounds, echo_db=echo_db, alone=alone)
        folder = out / f"scene-{index:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / "mic.wav", mic, RATE, subtype="PCM_16")
        soundfile.write(folder / "ref.wav", ref, RATE, subtype="PCM_16")
        (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
        for _, _, kind in truth["user_speech"]:
            kinds[kind] += 1
        progress(f"{folder.name}: echo {echo_db} dB, {len(truth['user_speech'])} events, {truth['agent']}")
    return {"scenes": total, "minutes": total * SCENE_S / 60, "events": sum(kinds.values()), **kinds, "out": str(out)}
