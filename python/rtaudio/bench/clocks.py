"""Two clocks that drift apart and a `ClockBridge` between them: a simulated call of any length; and the filter alone.

Nothing of what is judged comes from the bridge itself: the delay of every pull is the sink's true time of its first
sample less the source's true time of the sample that is read there, and pitch is that of the tone that comes out.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtaudio import ClockBridge, VariableResampler
from rtaudio.core.resampler import FROM_RATES, TO_RATES

Floats = NDArray[np.float64]
TONE_HZ = 997.0
LOOK_S = 0.05
"""Pitch is measured over this long: what an ear needs to tell one."""


class Clock:
    """A sample clock that runs `ppm(t)` fast; both ways between true time and its samples."""

    STEP_S = 0.1

    def __init__(self, rate: int, seconds: float, ppm: Callable[[Floats], Floats]) -> None:
        self.times_s = np.arange(0.0, seconds + 2 * self.STEP_S, self.STEP_S)
        middle = (self.times_s[1:] + self.times_s[:-1]) / 2
        steps = rate * self.STEP_S * (1.0 + ppm(middle) * 1e-6)
        self.samples = np.concatenate([[0.0], np.cumsum(steps)])

    def time_s(self, samples: NDArray[Any] | float) -> Floats:
        """When it stands there."""
        return np.asarray(np.interp(samples, self.samples, self.times_s), np.float64)


def even(ppm: float) -> Callable[[Floats], Floats]:
    """Always that fast."""
    return lambda t: np.full_like(t, ppm)


def warming(ppm: float) -> Callable[[Floats], Floats]:
    """A crystal that warms up (40 ppm, time constant 5 minutes), then follows a heating (15 ppm, 15 minutes)."""
    return lambda t: ppm - 40.0 * np.exp(-t / 300.0) + 15.0 * np.sin(2 * np.pi * t / 900.0)


@dataclass
class Way:
    """How blocks come."""

    source_rate: int = 48000
    sink_rate: int = 48000
    source_block_ms: float = 20.0
    sink_block_ms: float = 20.0
    late_ms: float = 5.0
    """Each push and pull is late by 0 to this, evenly."""
    spike_ms: float = 40.0
    """One in 500 is late by up to this."""
    target_ms: float = 0.0
    """0: a block of each side, the latest push, and 5 ms."""

    def target_s(self) -> float:
        """Of the bridge."""
        least = self.source_block_ms + self.sink_block_ms + max(self.late_ms, self.spike_ms) + 5.0
        return (self.target_ms or least) / 1e3


@dataclass
class Run:
    """One simulated call: at each pull, in true time."""

    way: Way
    figures: dict[str, Any]
    at_s: Floats
    level_ms: Floats
    ppm: Floats
    drift_ppm: Floats
    locked: NDArray[np.bool_]
    look_s: Floats = field(default_factory=lambda: np.zeros(0))
    pitch_ppm: Floats = field(default_factory=lambda: np.zeros(0))
    """Of the tone, against its nominal frequency, every LOOK_S of sound."""


def _lateness(rng: np.random.Generator, count: int, way: Way) -> Floats:
    late = rng.uniform(0.0, way.late_ms, count)
    spikes = rng.random(count) < 0.002
    return np.where(spikes, rng.uniform(0.0, max(way.spike_ms, way.late_ms), count), late) / 1e3


def simulate(
    seconds: float,
    source: Callable[[Floats], Floats],
    sink: Callable[[Floats], Floats],
    way: Way,
    *,
    seed: int = 1,
    progress: Callable[[str], None] = lambda text: None,
    most_ppm: float = 1000.0,
) -> Run:
    """A tone through the bridge for that long."""
    rng = np.random.default_rng(seed)
    begin_s = 0.5  # the sink's clock has run before the source starts
    source_clock, sink_clock = (Clock(way.source_rate, seconds, source), Clock(way.sink_rate, seconds, sink))
    push_n, pull_n = (
        round(way.source_rate * way.source_block_ms / 1e3),
        round(way.sink_rate * way.sink_block_ms / 1e3),
    )
    ends = np.arange(push_n, int(source_clock.samples[-3]), push_n)
    firsts = np.arange(0, int(sink_clock.samples[-3]) - pull_n, pull_n)
    due_push, due_pull = source_clock.time_s(ends) + begin_s, sink_clock.time_s(firsts)
    pushes = np.maximum.accumulate(due_push + _lateness(rng, len(ends), way))
    pulls = np.maximum.accumulate(due_pull + _lateness(rng, len(firsts), way))
    within = due_pull < seconds
    due_pull, pulls = due_pull[within], pulls[within]
    push_ns, pull_ns = (pushes * 1e9).astype(np.int64).tolist(), (pulls * 1e9).astype(np.int64).tolist()

    bridge = ClockBridge(way.source_rate, way.sink_rate, target_s=way.target_s(), most_ppm=most_ppm)
    period = way.source_rate  # whole cycles of a tone of whole hertz
    cycle = np.sin(2 * np.pi * TONE_HZ / way.source_rate * np.arange(period + push_n)).astype(np.float32) * 0.5
    looks: list[complex] = []
    per_look = round(LOOK_S * way.sink_rate / pull_n) or 1
    probe = np.exp(-2j * np.pi * TONE_HZ / way.sink_rate * np.arange(pull_n * per_look)) * np.hanning(pull_n * per_look)
    held: list[NDArray[np.float32]] = []
    rows, next_push = [], 0
    for k, now in enumerate(pull_ns):
        while next_push < len(push_ns) and push_ns[next_push] <= now:
            at = next_push * push_n % period
            bridge.push(cycle[at : at + push_n], push_ns[next_push])
            next_push += 1
        before = bridge.figures()["read_position"]
        out = bridge.pull(pull_n, now)
        figures = bridge.figures()
        rows.append((before, figures["ppm"], figures["drift_ppm"], figures["state"] == "locked"))
        held.append(out)
        if len(held) == per_look:
            looks.append(complex(np.dot(probe, np.concatenate(held))))
            held = []
        if k % 30000 == 29999:
            progress(f"{due_pull[k] / 60:.0f} of {seconds / 60:.0f} minutes, {figures['state']}")
    table = np.array(rows)
    level_ms = (due_pull - (source_clock.time_s(table[:, 0]) + begin_s)) * 1e3
    run = Run(way, bridge.figures(), due_pull, level_ms, table[:, 1], table[:, 2], table[:, 3] > 0)
    run.look_s, run.pitch_ppm = _pitch(np.array(looks), way, per_look * pull_n)
    return run


def _pitch(looks: NDArray[np.complex128], way: Way, samples: int) -> tuple[Floats, Floats]:
    """From look to look the phase moves by what the pitch is off."""
    nominal = 2 * np.pi * TONE_HZ / way.sink_rate * samples
    moved = np.angle(looks[1:] / np.where(looks[:-1] == 0, 1, looks[:-1]) * np.exp(-1j * nominal))
    seconds = np.arange(1, len(looks)) * samples / way.sink_rate
    return seconds, moved / nominal * 1e6


def summary(run: Run, true_ppm: Floats) -> dict[str, Any]:
    """The figures of a run. `true_ppm`: source against sink, at each pull."""
    figures, way = run.figures, run.way
    first = int(np.argmax(run.locked)) if run.locked.any() else len(run.locked) - 1
    begun = int(figures["waited"] / (way.sink_rate * way.sink_block_ms / 1e3)) + 2
    off = run.level_ms - way.target_s() * 1e3
    inside = np.abs(off) <= 5.0
    outside = np.flatnonzero(~inside[begun:])
    settled = begun + (int(outside[-1]) + 1 if len(outside) else 0)
    sounding = run.look_s > run.at_s[begun] + 0.2
    pitch, look = run.pitch_ppm[sounding], run.look_s[1] - run.look_s[0]
    steps = np.abs(np.diff(pitch))
    later = np.abs(np.diff(run.pitch_ppm[run.look_s > run.at_s[first]]))
    return {
        "minutes": float(run.at_s[-1] / 60),
        "target_ms": way.target_s() * 1e3,
        "begins_s": float(run.at_s[begun]),
        "locked_s": float(run.at_s[first] - run.at_s[begun]) if run.locked.any() else None,
        "within_5_ms_from_s": float(run.at_s[min(settled, len(run.at_s) - 1)] - run.at_s[begun]),
        "level_off_ms_worst": float(np.abs(off[begun:]).max()),
        "level_off_ms_worst_locked": float(np.abs(off[first:]).max()),
        "level_off_ms_mean_locked": float(off[first:].mean()),
        "drift_off_ppm_p99_locked": float(np.percentile(np.abs(run.drift_ppm - true_ppm)[first:], 99)),
        "pitch_off_ppm_most": float(np.abs(pitch).max()),
        "pitch_step_ppm_most": float(steps.max()),
        "pitch_slope_ppm_per_s_most": float(steps.max() / look),
        "pitch_slope_ppm_per_s_most_locked": float(later.max() / look) if len(later) else None,
        **{name: figures[name] for name in ("underruns", "overruns", "dropped", "skipped", "starved", "clock_steps")},
        "waited_ms": figures["waited"] * 1e3 / way.sink_rate,
        "accounting_error": [
            figures["taken"] - figures["used"] - figures["skipped"] - figures["queued"],
            figures["pulled"] - figures["played"] - figures["waited"] - figures["starved"],
        ],
    }


# ---- The filter alone.


def _tone_through(pair: tuple[int, int], hertz: float, ppm: float) -> Floats:
    from_rate, to_rate = pair
    tone = np.sin(2 * np.pi * hertz / from_rate * np.arange(from_rate // 10) + np.pi / 4).astype(np.float32)
    resampler = VariableResampler(*pair)
    resampler.steer(ppm)
    return resampler.process(tone)[int(to_rate * 0.012) :].astype(np.float64)


def _split(out: Floats, angle: float) -> tuple[float, Floats]:
    turns = angle * np.arange(len(out))
    basis = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    found, *_ = np.linalg.lstsq(basis, out, rcond=None)
    return float(np.hypot(*found)), out - basis @ found


def filter_figures(pair: tuple[int, int], ppm: float) -> dict[str, float]:
    """`alias_db`: the loudest of tones from the lower Nyquist up; `rest_db`: the most that comes with a tone below it;
    `passband_db`: the furthest from 0 dB up to 0.8 of it."""
    lower, alias, rest_db, passband = min(pair) / 2, -300.0, -300.0, 0.0
    for part in 0.5 * np.linspace(0.0, 1.0, 9) ** 2:
        hertz = lower + (pair[0] / 2 - lower) * 2 * part
        alias = max(alias, 10 * np.log10(2 * np.mean(_tone_through(pair, hertz, ppm) ** 2) + 1e-30))
    for part in np.linspace(0.02, 0.97, 16):
        amplitude, rest = _split(
            _tone_through(pair, part * lower, ppm), 2 * np.pi * part * lower / pair[1] * (1 + ppm * 1e-6)
        )
        rest_db = max(rest_db, 10 * np.log10(2 * np.mean(rest**2) + 1e-30))
        if part <= 0.8:
            passband = max(passband, abs(20 * np.log10(amplitude)))
    return {"alias_db": float(alias), "rest_db": float(rest_db), "passband_db": float(passband)}


def filters(progress: Callable[[str], None]) -> dict[str, Any]:
    """The worst over all pairs of rates, at 0 and +-1000 ppm, and the cost beside the fixed resampler's."""
    from rtaudio.bench.resample import alias_db

    progress("the filter, every pair of rates")
    rows = [filter_figures((a, b), ppm) for a in FROM_RATES for b in TO_RATES for ppm in (0.0, 1000.0, -1000.0)]
    fixed = max(alias_db(a, b) for a, b in ((8000, 48000), (48000, 16000), (44100, 16000)))
    return {
        "alias_db": max(row["alias_db"] for row in rows),
        "rest_db": max(row["rest_db"] for row in rows),
        "passband_db": max(row["passband_db"] for row in rows),
        "fixed_alias_db": fixed,
        "us_per_10ms": {f"{a}>{b}": _cost_us((a, b)) for a, b in ((48000, 48000), (16000, 48000), (48000, 16000))},
    }


def _cost_us(pair: tuple[int, int]) -> dict[str, float]:
    """Least of many, in turns with the fixed one."""
    import time

    from rtaudio import Resampler

    noise = np.random.default_rng(1).normal(scale=0.1, size=pair[0] // 100).astype(np.float32)
    variable, fixed = VariableResampler(*pair), Resampler(*pair)
    variable.steer(300.0)
    least = {"variable": float("inf"), "fixed": float("inf")}
    for _ in range(400):
        for name, process in (("variable", variable.process), ("fixed", fixed.process)):
            begin = time.perf_counter_ns()
            process(noise)
            least[name] = min(least[name], (time.perf_counter_ns() - begin) / 1e3)
    return {name: round(value, 2) for name, value in least.items()}


# ---- The command.


def run(options: argparse.Namespace, progress: Callable[[str], None]) -> dict[str, Any]:
    """`rtaudio-bench clocks`."""
    way = Way(
        source_rate=options.source_rate,
        sink_rate=options.sink_rate,
        source_block_ms=options.source_block_ms,
        sink_block_ms=options.sink_block_ms,
        late_ms=options.late_ms,
        spike_ms=options.spike_ms,
        target_ms=options.target_ms or 0.0,
    )
    if abs(options.ppm) > 900.0:
        raise ValueError(f"--ppm {options.ppm:g}: at most 900, so that 1000 ppm leave room to steer")
    seconds = options.minutes * 60.0
    half = options.ppm / 2.0
    source = warming(half) if options.warming else even(half)
    sink = even(-half)
    done = simulate(seconds, source, sink, way, seed=options.seed, progress=progress)
    true_ppm = ((1.0 + source(done.at_s) * 1e-6) / (1.0 + sink(done.at_s) * 1e-6) - 1.0) * 1e6
    figures = {"ppm": options.ppm, "warming": options.warming, **vars(way), **summary(done, true_ppm)}
    if options.plot is not None:
        draw(done, true_ppm, options.plot)
    if options.filter:
        figures["filter"] = filters(progress)
    return figures


def draw(done: Run, true_ppm: Floats, path: Path) -> None:
    """Level, drift as known and as it is, pitch of the tone."""
    from rtaudio.providers.packages import load

    plot = load("matplotlib.pyplot", extra="demo", wanted_by="--plot")
    target = done.way.target_s() * 1e3
    minutes, begun = done.at_s / 60.0, done.ppm != 0.0
    figure, (top, middle, bottom) = plot.subplots(3, 1, figsize=(10, 7.5), sharex=True, layout="constrained")
    top.axhspan(-5, 5, color="0.93")
    top.plot(minutes[begun], (done.level_ms - target)[begun], lw=0.6)
    top.set(ylabel=f"delay less {target:g} ms, ms", ylim=(-8, 8), title="true delay of what is read, at each pull")
    middle.plot(minutes, true_ppm, color="0.4", lw=2, label="drift, true")
    middle.plot(minutes[begun], done.drift_ppm[begun], lw=0.8, label="drift, as known")
    middle.plot(minutes[begun], done.ppm[begun], lw=0.6, label="read at")
    middle.set(ylabel="ppm")
    middle.legend(fontsize=8)
    sounding = done.look_s > done.at_s[begun][0] + 0.2
    seconds, pitch = done.look_s[sounding], done.pitch_ppm[sounding]
    slope = np.diff(pitch) / (seconds[1] - seconds[0])
    bottom.plot(seconds[1:] / 60.0, slope, lw=0.4)
    bottom.set(ylabel="ppm a second", xlabel="minutes", title="change of the pitch of a 997 Hz tone")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plot.close(figure)
