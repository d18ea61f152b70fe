"""How soon speech can be suspected, to duck the agent's voice, and at how many false alarms: rules on the probabilities
of whole windows, and on those of peeks between them (`VadStream.peek`).

The sound: stretches of clean speech at -35 to -18 dBFS after pauses of 1 to 2.5 s, over room noise at -65 dBFS, alone
and with recorded noise at 20, 10 and 5 dB; and noise alone at -50 to -20 dBFS. A recording is clean if its quiet parts
are 40 dB below its loud ones. An onset is where the energy of the clean stretch begins (within 35 dB of its loud parts,
for 15 ms). A rule fires where it holds and has not for 256 ms. Its first firing from 100 ms before an onset to a second
after it, or to the end of the stretch, is the onset's; what fires outside any stretch (from 100 ms before it to 200 ms
after) is false.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtaudio.bench.vad_material import RATE, Floats, Material, at_level, pink
from rtaudio.core.vad import SileroVad

HOP = 128
"""Samples between peeks: 8 ms."""
_REARM = 32
"""Peeks without the rule after which it may fire again."""
_FRAME = 80
_QUIET_DB = 35.0

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rule:
    """Fires where the probability rose by more than `rise` within `over` peeks and is above `above`, or where it is
    above `sure`. It looks at every `every`-th peek; 4: at whole windows alone."""

    sure: float
    rise: float = 2.0
    over: int = 1
    above: float = 1.0
    every: int = 1

    def __str__(self) -> str:
        where = {1: "peek", 2: "peek of 16 ms"}.get(self.every, "window")
        if self.rise > 1:
            return f"{where} > {self.sure:g}"
        return f"{where}: rise > {self.rise:g} in {8 * self.over} ms and > {self.above:g}, or > {self.sure:g}"

    def holds(self, probabilities: Floats) -> Flags:
        """At which peeks, shape as `probabilities`."""
        before = np.concatenate([np.zeros(self.over, np.float32), probabilities[: -self.over]])
        found = (probabilities > self.sure) | ((probabilities - before > self.rise) & (probabilities > self.above))
        looked = np.arange(1, len(found) + 1) % self.every == 0
        return np.asarray(found & looked, np.bool_)


CHOSEN = Rule(0.95, 0.5, 3, 0.5)
"""What a duck should follow: as soon as any peek above 0.5, and with fewer false alarms than a window above 0.5."""

RULES = [
    *(Rule(sure, every=4) for sure in (0.3, 0.5, 0.7, 0.8, 0.9)),
    *(Rule(sure) for sure in (0.3, 0.5, 0.7, 0.8, 0.9, 0.95)),
    Rule(0.95, 0.3, 4, 0.6),
    CHOSEN,
    Rule(0.95, 0.3, 3, 0.4),  # the detector's default: a duck costs little
    *(Rule(0.95, rise, over, 0.5) for rise, over in ((0.4, 4), (0.5, 4), (0.6, 4), (0.7, 4), (0.7, 3), (0.6, 2))),
    *(Rule(0.95, rise, 4, 0.5, 2) for rise in (0.4, 0.5, 0.6)),
]


def peeks(vad: SileroVad, samples: Floats) -> Floats:
    """The probability at every `HOP` samples: `VadStream.peek` between windows, the window's own at its end."""
    size, context = vad.window_samples, vad.context_samples
    count, model = len(samples) // size, vad.model
    states = np.zeros((count + 1, model.state_floats), np.float32)
    found = np.zeros((count, size // HOP), np.float32)
    state = np.zeros((1, model.state_floats), np.float32)
    for k in range(count):
        found[k, -1] = model.run(state, samples[k * size : (k + 1) * size].reshape(1, size))[0]
        states[k + 1] = state[0]
    heard = np.lib.stride_tricks.sliding_window_view(
        np.concatenate([np.zeros(size + context, np.float32), samples]), size + context
    )
    for k in range(size // HOP - 1):
        windows = heard[np.arange(count) * size + (k + 1) * HOP]
        copies = states[:-1].copy()
        copies[:, -context:] = windows[:, :context]
        found[:, k] = model.run(copies, np.ascontiguousarray(windows[:, context:]))
    return found.reshape(-1)


def _levels(samples: Floats) -> NDArray[np.float64]:
    """In dB, every 5 ms."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float64)
    return np.asarray(10 * np.log10(np.mean(frames**2, axis=1) + 1e-12), np.float64)


def _active(samples: Floats) -> Flags:
    levels = _levels(samples)
    return np.asarray(levels > np.percentile(levels, 95) - _QUIET_DB, np.bool_)


def is_clean(samples: Floats) -> bool:
    """Half a second or more, with quiet parts that are quiet: only there can an onset be read from the energy."""
    if len(samples) < RATE // 2:
        return False
    quiet, loud = np.percentile(_levels(samples), [3, 95])
    return bool(loud - quiet >= 40)


def stretches(samples: Floats) -> Iterator[tuple[Floats, int, int]]:
    """Clean speech cut at its pauses of 250 ms: samples, and where in them the energy begins and ends."""
    loud = np.flatnonzero(_active(samples))
    for part in np.split(loud, np.flatnonzero(np.diff(loud) > 50) + 1):
        if len(part) < 30 or part[-1] - part[0] < 60:
            continue
        piece = samples[max(0, int(part[0]) - 20) * _FRAME : (int(part[-1]) + 10) * _FRAME]
        active = _active(piece)
        begins = [k for k in range(len(active) - 2) if active[k : k + 3].all()]
        if begins:
            yield piece, begins[0] * _FRAME, (int(np.flatnonzero(active)[-1]) + 1) * _FRAME


@dataclass(frozen=True, slots=True)
class Scene:
    """Sound with labelled stretches of speech, in samples; none: noise alone."""

    samples: Floats
    speech: list[tuple[int, int]]


def scenes(material: Material, seed: int = 1) -> Iterator[Scene]:
    """Every stretch once in each kind of noise, then noise alone."""
    rng = np.random.default_rng(seed)
    clean = [stretch for _, samples in material.speech if is_clean(samples) for stretch in stretches(samples)]
    if not clean:
        raise ValueError("no stretch of clean speech in these recordings")
    noise = [at_level(samples, 0.0) for _, samples in material.noise] or [pink(rng, 30 * RATE)]
    for ratio_db in (None, 20, 10, 5):
        parts, speech, position = list[Floats](), list[tuple[int, int]](), 0
        for k in rng.permutation(len(clean)):
            piece, begin, end = clean[k]
            gain = 10 ** (rng.uniform(-35, -18) / 20) / np.sqrt(np.mean(piece[begin:end].astype(np.float64) ** 2))
            gap = int(rng.uniform(1.0, 2.5) * RATE)
            parts += [np.zeros(gap, np.float32), np.asarray(piece * gain, np.float32)]
            speech.append((position + gap + begin, position + gap + end))
            position += gap + len(piece)
        mixed = np.concatenate([*parts, np.zeros(RATE, np.float32)])
        mixed = mixed + np.float32(10 ** (-65 / 20)) * pink(rng, len(mixed))
        if ratio_db is not None:
            under = np.resize(np.concatenate([noise[k] for k in rng.permutation(len(noise))]), len(mixed))
            mixed = mixed + np.float32(10 ** ((-26 - ratio_db) / 20)) * under
        yield Scene(np.asarray(mixed, np.float32), speech)
    for samples in [*noise, pink(rng, 30 * RATE)]:
        for level in (-50, -40, -30, -20):
            yield Scene(at_level(samples, level), [])


def fired(holds: Flags) -> NDArray[np.int64]:
    """Positions in samples at which a rule fires, given where it holds."""
    at = np.flatnonzero(holds)
    first = np.diff(at, prepend=-_REARM - 1) > _REARM
    return np.asarray((at[first] + 1) * HOP, np.int64)


def judge(rule: Rule, heard: list[tuple[Scene, Floats]]) -> dict[str, Any]:
    """The figures of one rule."""
    delays, onsets, false, alone = list[float](), 0, 0, 0
    pauses_s = noise_s = 0.0
    for scene, probabilities in heard:
        at = fired(rule.holds(probabilities))
        seconds = len(scene.samples) / RATE
        if not scene.speech:
            alone += len(at)
            noise_s += seconds
            continue
        meant = np.zeros(len(at), np.bool_)
        for begin, end in scene.speech:
            own = at[(at >= begin - RATE // 10) & (at <= min(end, begin + RATE))]
            onsets += 1
            if len(own):
                delays.append(1000 * float(own[0] - begin) / RATE)
            meant |= (at >= begin - RATE // 10) & (at <= end + RATE // 5)
        false += int((~meant).sum())
        pauses_s += seconds - sum((end - begin) / RATE + 0.3 for begin, end in scene.speech)
    return {
        "rule": str(rule),
        "onset_ms_p50": float(np.percentile(delays, 50)) if delays else None,
        "onset_ms_p90": float(np.percentile(delays, 90)) if delays else None,
        "missed_pct": 100 * (1 - len(delays) / onsets),
        "false_per_min": 60 * false / pauses_s,
        "false_per_min_noise_alone": 60 * alone / noise_s,
        "kernel_runs_per_window": 4 // rule.every,
    }


def measure(material: Material, progress: Callable[[str], None], seed: int = 1) -> dict[str, Any]:
    """``onset_rules``: one record for each of `RULES`; beside it what they were measured on. Raises ValueError for
    recordings without clean speech."""
    vad = SileroVad()
    heard = []
    for scene in scenes(material, seed):
        heard.append((scene, peeks(vad, scene.samples)))
        if scene.speech:
            progress(f"vad: {len(scene.speech)} onsets, {len(scene.samples) / RATE / 60:.1f} min")
    return {
        "onsets": sum(len(scene.speech) for scene, _ in heard),
        "onset_minutes": sum(len(scene.samples) for scene, _ in heard if scene.speech) / RATE / 60,
        "noise_alone_minutes": sum(len(scene.samples) for scene, _ in heard if not scene.speech) / RATE / 60,
        "onset_chosen": str(CHOSEN),
        "onset_rules": [judge(rule, heard) for rule in RULES],
    }
