"""Figures of echo: what the guard tells apart, what cancellers take out and what they do to a voice over it, and how
often the VAD takes the agent for the user with neither, one, or both.

Windows of 512 samples. `user`: the VAD hears speech in the caller's clean voice there, and it is above −45 dBFS; `echo
alone`: it hears speech in the clean echo, and the caller has been silent. Evidence of a user is p × (1 − share). Way of
the reference: as on a paced line, a tick of 10 ms after the mic's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rtaudio.bench.echo_scenes import RATE, Audio, Material, Scene, Way, material, scene
from rtaudio.core import EchoGuard, SileroVad
from rtaudio.transports.cancelling import Processor, WebrtcProcessor, webrtc_available

WINDOW: Final = 512
TICK: Final = 160
LEVELS_DB: Final = (-20.0, -15.0, -10.0, -5.0, 0.0)
_SPEECH: Final = 0.5
_NOT_YET_S: Final = 2.0  # from the first echo on: what comes before counts as convergence, not as quality

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def ways(level_db: float) -> dict[str, list[Way]]:
    """The kinds of echo path, some of each."""
    rooms = range(4)
    return {
        "wire": [Way(level_db)],
        "room": [Way(level_db, room) for room in rooms],
        "room_distorted": [Way(level_db, room, distorted=True) for room in rooms],
    }


HARD: Final = {
    "room_noise_40": Way(-10.0, 3, noise_dbfs=-40.0),
    "room_drift_50ppm": Way(-10.0, 3, drift_ppm=50.0),
    "room_drift_100ppm": Way(-10.0, 3, drift_ppm=100.0),
    "delay_10ms": Way(-10.0, 3, delay_s=0.01),
    "delay_300ms": Way(-10.0, 3, delay_s=0.3),
}


@dataclass(slots=True)
class Heard:
    """A scene as the VAD hears it. Arrays: one element for each window."""

    scene: Scene
    p: Floats
    user: Flags
    alone: Flags


class Ear:
    """The VAD over whole signals."""

    def __init__(self) -> None:
        self._vad = SileroVad()

    def __call__(self, signal: Audio) -> Floats:
        return np.asarray(self._vad.stream().process(np.ascontiguousarray(signal, np.float32)), np.float64)

    def hear(self, one: Scene) -> Heard:
        """With its truth."""
        user, echo = self(one.user), self(one.echo)
        level = _windows_db(one.user)
        silent = level < -70
        for k in range(1, 10):  # for 0.3 s
            silent[k:] &= level[:-k] < -70
        return Heard(one, self(one.mic), (user > _SPEECH) & (level > -45), (echo > _SPEECH) & silent)


def _windows_db(signal: Audio) -> Floats:
    energy = np.square(signal[: len(signal) // WINDOW * WINDOW].reshape(-1, WINDOW), dtype=np.float64).mean(axis=1)
    found: Floats = 10 * np.log10(energy + 1e-12)
    return found


def guarded(mic: Audio, ref: Audio) -> tuple[Floats, int | None, float | None, float]:
    """(shares, delay found in samples, seconds from the first loud reference to it, µs for 10 ms)."""
    guard = EchoGuard(RATE)
    shares: list[float] = []
    found_at: float | None = None
    took = 0.0
    loud = int(np.argmax(np.abs(ref) > 0.001))
    for end in range(TICK, len(mic) + 1, TICK):
        begin = end - TICK
        ends = end // WINDOW * WINDOW  # of a window, if it lies within this tick
        pieces = [mic[begin:ends], mic[ends:end]] if ends > begin else [mic[begin:end]]
        clock = time.thread_time()
        for k, piece in enumerate(pieces):
            guard.heard(piece)
            if k == 0 and ends > begin:
                shares.append(guard.share())
        guard.put_out(ref[begin:end])
        took += time.thread_time() - clock
        if found_at is None and guard.delay_samples is not None:
            found_at = (end - loud) / RATE
    return np.array(shares), guard.delay_samples, found_at, 1e6 * took / (len(mic) / TICK)


def cleaned(processor: Processor, mic: Audio, ref: Audio) -> tuple[Audio, float]:
    """(what is left, without the processor's delay; µs for 10 ms). The reference comes a tick late, as on a line."""
    late = np.concatenate([np.zeros(TICK, np.float32), ref])
    begin = time.thread_time()
    out = [processor.process(mic[i : i + TICK], late[i : i + TICK]) for i in range(0, len(mic) - TICK + 1, TICK)]
    took = time.thread_time() - begin
    left = np.concatenate(out)[processor.delay_samples :]
    whole = np.concatenate([left, np.zeros(len(mic) - len(left), np.float32)])
    return whole, 1e6 * took / (len(mic) / TICK)


def auc(positive: Floats, negative: Floats) -> float:
    """Chance that one of the first is above one of the second."""
    both = np.concatenate([positive, negative])
    _, inverse, counts = np.unique(both, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    n = len(positive)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * len(negative)))


def _percent(flags: Flags) -> float:
    return 100 * float(np.mean(flags)) if len(flags) else float("nan")


def guard_rows(given: Material, ear: Ear, seconds: float, progress: Callable[[str], None]) -> list[dict[str, Any]]:
    """By level and kind of path."""
    rows = []
    sets: list[tuple[float, str, list[Way]]] = [
        (level, kind, each) for level in LEVELS_DB for kind, each in ways(level).items()
    ]
    sets += [(way.level_db, kind, [way]) for kind, way in HARD.items()]
    for level, kind, each in sets:
        progress(f"guard: echo at {level:g} dB, {kind} ...")
        rows.append({"level_db": level, "path": kind, **guard_figures(given, ear, each, seconds)})
    return rows


def guard_figures(given: Material, ear: Ear, each: Sequence[Way], seconds: float) -> dict[str, Any]:
    """Of all scenes of these ways together."""
    p: list[list[Floats]] = [[], []]
    weighted: list[list[Floats]] = [[], []]
    errors, found_after, costs = [], [], []
    for k, way in enumerate(each):
        heard = ear.hear(scene(given, way, seed=1000 + k, seconds=seconds))
        shares, delay, after, cost = guarded(heard.scene.mic, heard.scene.ref)
        count = min(len(shares), len(heard.p))
        evidence = heard.p[:count] * (1 - shares[:count])
        for side, which in enumerate((heard.user[:count], heard.alone[:count])):
            p[side].append(heard.p[:count][which])
            weighted[side].append(evidence[which])
        costs.append(cost)
        if delay is not None and after is not None:
            errors.append(abs(delay - heard.scene.delay))
            found_after.append(1000 * after)
    before, after_guard = [np.concatenate(side) for side in p], [np.concatenate(side) for side in weighted]
    return {
        "auc_p": auc(*before),
        "auc_guarded": auc(*after_guard),
        "agent_taken_for_user_pct_p": _percent(before[1] > _SPEECH),
        "agent_taken_for_user_pct_guarded": _percent(after_guard[1] > _SPEECH),
        "user_heard_pct_p": _percent(before[0] > _SPEECH),
        "user_heard_pct_guarded": _percent(after_guard[0] > _SPEECH),
        "found": f"{len(errors)}/{len(each)}",
        "delay_error_samples_max": max(errors, default=None),
        "found_after_ms_max": max(found_after, default=None),
        "us_per_10ms": min(costs),
    }


def cancellers() -> dict[str, Callable[[], Processor]]:
    """Those that are installed here."""
    from rtaudio.bench import speex

    found: dict[str, Callable[[], Processor]] = {}
    if webrtc_available():
        found["webrtc"] = WebrtcProcessor
    if speex.available():
        found["speex"] = speex.SpeexProcessor
    return found


def canceller_figures(
    make: Callable[[], Processor], given: Material, ear: Ear, way: Way, seconds: float
) -> dict[str, Any]:
    """ERLE and its course on the agent alone; then the same call with the caller."""
    full = scene(given, way, seed=2000, seconds=seconds)
    alone = Scene(full.ref, np.zeros_like(full.user), full.echo, full.noise, full.delay)
    left, cost = cleaned(make(), alone.mic, alone.ref)
    erle = erle_db(alone.echo + alone.noise, left)
    begins = int(np.argmax(np.abs(alone.echo) > 0.003)) // WINDOW
    steady = float(np.nanmedian(erle[begins + round(_NOT_YET_S * RATE / WINDOW) :]))
    both, _ = cleaned(make(), full.mic, full.ref)
    heard = ear.hear(full)
    p = ear(both)
    shares, *_ = guarded(both, full.ref)
    count = min(len(p), len(shares))
    evidence = p[:count] * (1 - shares[:count])
    during = heard.user & (_windows_db(full.echo) > -60)
    return {
        "level_db": way.level_db,
        "path": "wire" if way.room is None else f"room{way.room}" + ("_distorted" if way.distorted else ""),
        "erle_db": steady,
        "converged_after_s": convergence_s(alone.echo + alone.noise, left),
        "double_talk_loss_db": loss_db(full.user, both, during),
        "agent_taken_for_user_pct": _percent(p[: len(heard.alone)][heard.alone] > _SPEECH),
        "agent_taken_for_user_pct_guarded": _percent(evidence[heard.alone[:count]] > _SPEECH),
        "user_heard_pct": _percent(p[: len(heard.user)][heard.user] > _SPEECH),
        "user_heard_pct_guarded": _percent(evidence[heard.user[:count]] > _SPEECH),
        "us_per_10ms": cost,
    }


def erle_db(before: Audio, after: Audio) -> Floats:
    """Echo return loss enhancement over the last 0.5 s, at each window; not a number where there is no echo."""
    first, second = (10 ** (_windows_db(each) / 10) for each in (before, after))
    kernel = np.ones(16)
    smooth = [np.convolve(each, kernel)[: len(each)] for each in (first, second)]
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: Floats = 10 * np.log10(smooth[0] / smooth[1])
    ratio[first < 10**-5.5] = np.nan
    return ratio


def convergence_s(before: Audio, after: Audio, below_steady_db: float = 6.0) -> float | None:
    """Seconds of echo after which the ERLE of every further second, up to the tenth, is at most `below_steady_db` under
    the median of those from the sixth on. Windows below −50 dBFS count for nothing. None: not within ten seconds."""
    loud = _windows_db(before) > -50
    energy = [(10 ** (_windows_db(each) / 10))[loud] for each in (before, after)]
    second = RATE // WINDOW
    count = min(len(energy[0]) // second, 20)
    if count < 8:
        return None
    blocks = [each[: count * second].reshape(count, second).sum(axis=1) for each in energy]
    erle = 10 * np.log10(blocks[0] / blocks[1])
    low = np.flatnonzero(erle[:10] < np.median(erle[5:]) - below_steady_db)
    return float(low[-1]) + 1 if len(low) and low[-1] < 9 else None if len(low) else 0.0


def loss_db(voice: Audio, after: Audio, which: Flags) -> float:
    """How much weaker the part of `after` that is the voice is, in the windows asked for: the median of the gain of a
    projection of each window's spectrum above 200 Hz."""
    gains = []
    shape = np.hanning(WINDOW)
    for i in np.flatnonzero(which):
        a, b = (np.fft.rfft(shape * each[i * WINDOW : (i + 1) * WINDOW])[7:] for each in (voice, after))
        gains.append(abs(np.vdot(a, b)) / (np.vdot(a, a).real + 1e-20))
    return float(-20 * np.log10(np.median(gains) + 1e-9)) if gains else float("nan")


def measure(
    folder: Path, *, seconds: float = 40.0, progress: Callable[[str], None] = print, plots: Path | None = None
) -> dict[str, Any]:
    """All figures. `folder` as in `material`. `plots`: a folder for the pictures of docs/echo.md, too."""
    given, ear = material(folder), Ear()
    figures: dict[str, Any] = {"guard": guard_rows(given, ear, seconds, progress)}
    figures["guard_us_per_10ms"] = min(row["us_per_10ms"] for row in figures["guard"])
    for name, make in cancellers().items():
        rows = []
        for way in [Way(level) for level in (-20.0, -10.0, 0.0)] + [
            Way(level, room, distorted=distorted)
            for level in (-10.0, 0.0)
            for room in (0, 2, 3)
            for distorted in (False, True)
        ]:
            progress(f"{name}: {way} ...")
            rows.append(canceller_figures(make, given, ear, way, seconds))
        figures[f"aec_{name}"] = rows
    if plots is not None:
        from rtaudio.bench import echo_plots

        echo_plots.draw(figures, given, ear, plots)
    return figures
