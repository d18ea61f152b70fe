"""``rtaudio-bench turn-fit``: the weights of the turn policy, fitted on generic material.

Material: sentences of our own (turn_material.py) in one synthetic voice at six pitches and paces, whole and cut in the
sound, in pink noise of -60 and -45 dBFS, levels at random from a seed; and, where it is given, read speech: its ends
and its natural pauses. Of each the first question's evidence is taken, as the real gate asks it. The fit is a logistic
regression with a ridge, in which both answers of both sources weigh the same.

What it is for: to see which terms carry, and how much. The shipped weights are its result for the model, the last
syllable and shortness, rounded; those of F0 are set by hand, for the voice does not raise its questions.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rtaudio import Detector, DetectorConfig, SileroVad, TurnConfig
from rtaudio.bench.turn_material import PAIRS
from rtaudio.bench.turn_scenes import pink, read_speech
from rtaudio.core._turn import TERMS, TurnFacts, TurnPolicy
from rtaudio.core.turn_model import TurnModel

__all__ = ["measure"]

Floats = NDArray[np.float32]
RATE: Final = 16000
VOICES: Final = ((0.8, 0.95), (0.88, 1.05), (0.95, 0.9), (1.0, 1.1), (1.08, 1.0), (1.16, 1.15))  # pitch, pace
FITTED: Final = ("p_trimmed", "f0_high", "f0_low", "last_length", "short_p", "long")
RIDGE: Final = 3.0


@dataclass(frozen=True, slots=True)
class Example:
    """What is known at one end of speech, and whether the turn was complete there."""

    source: str
    complete: bool
    facts: TurnFacts


def measure(*, seed: int, speech: Path | None, progress: Callable[[str], None]) -> dict[str, Any]:
    """Fits and tells: weights by term, area under the curve by source of each term, of the fit and of the shipped."""
    model, vad = TurnModel(), SileroVad()
    examples = [
        Example("sentences", complete, facts)
        for sound, end, complete in _sentences(seed, progress)
        if (facts := _ask(model, vad, sound, end)) is not None
    ]
    if speech is not None:
        examples += _read(model, vad, speech)
    progress(f"{len(examples)} examples")
    fit = _fit(examples, FITTED)
    shipped = TurnPolicy("default")
    every: dict[str, Any] = {}
    for source in sorted({each.source for each in examples}):
        own = [each for each in examples if each.source == source]
        complete = np.array([each.complete for each in own])
        area = {name: _area(np.array([each.facts.terms[name] for each in own]), complete) for name in TERMS}
        area["fit"] = _area(_scores(own, fit), complete)
        area["shipped"] = _area(np.array([shipped.delay(each.facts)[1] for each in own]), complete)
        every[source] = {
            "complete": int(complete.sum()),
            "incomplete": int((~complete).sum()),
            "auc": {name: round(value, 3) for name, value in area.items() if value is not None},
        }
    bias, weights, centres = fit
    return {
        "seed": seed,
        "weights": {name: round(float(w), 2) for name, w in zip(FITTED, weights, strict=True)},
        "centres": {name: round(float(c), 2) for name, c in zip(FITTED, centres, strict=True)},
        "bias": round(bias, 2),
        "sources": every,
    }


def _sentences(seed: int, progress: Callable[[str], None]) -> list[tuple[Floats, int, bool]]:
    """(sound, where speech ends, whether it was complete): each pair twice, in two voices."""
    from rtaudio import resample
    from rtaudio.providers.hibari import RATE as VOICE_RATE
    from rtaudio.providers.hibari import HibariVoice

    pick = np.random.default_rng(seed)
    voices = [HibariVoice(pitch=pitch, speed=pace, seed=n) for n, (pitch, pace) in enumerate(VOICES)]
    made: list[tuple[Floats, int, bool]] = []
    for number, (first, rest) in enumerate(PAIRS):
        for again in range(2):
            voice = voices[(number + 3 * again + number // 6) % len(voices)]
            noise = -60 if (number + again) % 3 else -45
            joined = f"{first.rstrip('.?!')} {rest}"
            whole, long = voice.say(first), voice.say(joined)
            words = len(first.split())
            if len(long.words) != len(joined.split()):
                continue
            others = [n for n in range(2, len(long.words)) if abs(n - words) > 1]
            sounds: list[tuple[Floats, float | None, bool]] = [(resample(whole.samples, VOICE_RATE, RATE), None, True)]
            cuts = [words, int(pick.choice(others))]
            sounds += [(resample(long.samples, VOICE_RATE, RATE), long.words[n].start_s, False) for n in cuts]
            for sound, at_s, complete in sounds:
                speech = sound if at_s is None else _cut(sound, at_s)
                if len(speech) < 2400:
                    continue
                gain = 10 ** (pick.uniform(-26, -16) / 20) / np.sqrt(np.mean(np.square(speech)))
                audio = pink(2 * RATE + len(speech), noise, zlib.crc32(f"{joined} {again} {at_s}".encode()))
                audio[RATE : RATE + len(speech)] += np.float32(gain) * speech
                loud = np.flatnonzero(np.abs(speech) > 0.005 * np.abs(speech).max())
                made.append((audio, RATE + int(loud[-1]) + 1, complete))
        if number % 10 == 9:
            progress(f"  {number + 1} of {len(PAIRS)} pairs spoken")
    return made


def _cut(sound: Floats, at_s: float) -> Floats:
    from rtaudio.bench.turn_scenes import _quietest

    part: Floats = sound[: _quietest(sound, round(at_s * RATE))].copy()
    part[-160:] *= np.linspace(1, 0, min(160, len(part)), dtype=np.float32)
    return part


def _questions(vad: SileroVad, sound: Floats) -> list[tuple[int, int, int]]:
    """(speech fell, turn began, asked) of each silence's first question."""
    detector = Detector(DetectorConfig(turn=TurnConfig(silence_s=60.0), barge_in=False))
    told = [
        event
        for n, p in enumerate(vad.stream().process(sound))
        for event in detector.step(float(p), (n + 1) * 512)[1]
        if event.kind == "turn_asked" and event.c == 0
    ]
    return [(event.mic, event.b, event.decided) for event in told]


def _evidence(model: TurnModel, sound: Floats, began: int, asked: int) -> TurnFacts:
    first = max(0, began - RATE // 2)
    part = np.ascontiguousarray(sound[first:asked])
    return TurnFacts([model.evidence(part, speech_start=began - first)])


def _ask(model: TurnModel, vad: SileroVad, sound: Floats, end: int) -> TurnFacts | None:
    """Of the question asked around `end`; None: the gate heard no end there."""
    near = [each for each in _questions(vad, sound) if -RATE // 2 < each[0] - end < 3 * RATE // 10]
    return _evidence(model, sound, near[-1][1], near[-1][2]) if near else None


def _read(model: TurnModel, vad: SileroVad, folder: Path) -> list[Example]:
    out = []
    for noise in (-60, -45):
        for _, sound, _ in read_speech(folder, noise):
            asked = _questions(vad, sound)
            out += [
                Example("read", n == len(asked) - 1, _evidence(model, sound, began, decided))
                for n, (_, began, decided) in enumerate(asked)
            ]
    return out


Fit = tuple[float, NDArray[np.float64], NDArray[np.float64]]


def _matrix(examples: list[Example], names: tuple[str, ...]) -> NDArray[np.float64]:
    rows = [each.facts.terms for each in examples]
    return np.array([[row[name] for name in names] for row in rows])


def _fit(examples: list[Example], names: tuple[str, ...]) -> Fit:
    """Newton's method; bias, weights, centres of the terms."""
    x = _matrix(examples, names)
    y = np.array([each.complete for each in examples], np.float64)
    weight = np.zeros(len(examples))
    for source in {each.source for each in examples}:
        for complete in (False, True):
            own = np.array([each.source == source and each.complete == complete for each in examples])
            weight[own] = 100.0 / max(int(own.sum()), 1)
    known = ~np.isnan(x)
    centre = np.where(known, x, 0.0).sum(0) / np.maximum(known.sum(0), 1)
    z = np.where(known, x - centre, 0.0)
    scale = z.std(0) + 1e-9
    a = np.column_stack((np.ones(len(z)), z / scale))
    ridge = np.diag([0.0] + [RIDGE] * len(names))
    b = np.zeros(a.shape[1])
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-a @ b))
        step = np.linalg.solve(
            (a * (weight * p * (1 - p))[:, None]).T @ a + ridge, a.T @ (weight * (p - y)) + ridge @ b
        )
        b -= step
        if np.abs(step).max() < 1e-9:
            break
    return float(b[0]), b[1:] / scale, centre


def _scores(examples: list[Example], fit: Fit) -> NDArray[np.float64]:
    bias, weights, centres = fit
    x = _matrix(examples, FITTED)
    scores: NDArray[np.float64] = bias + np.where(np.isnan(x), 0.0, x - centres) @ weights
    return scores


def _area(values: NDArray[np.float64], complete: NDArray[np.bool_]) -> float | None:
    """That a complete one is above an incomplete one; None: nothing is known."""
    good = ~np.isnan(values)
    high, low = values[good & complete][:, None], values[good & ~complete][None]
    if not high.size or not low.size:
        return None
    return float(np.mean(high > low) + 0.5 * np.mean(high == low))
