"""Figures of the resampler: delay, rejection and pass band measured with real tones through the compiled code, and its
cost beside soxr HQ's through the same kind of call.

Everything here treats the resampler as a box that takes float32 and gives float32; what it declares is only compared.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtaudio.core.resampler import FROM_RATES, TO_RATES, Resampler

PAIRS = [(a, b) for a in FROM_RATES for b in TO_RATES]

_TONE_S = 0.1
_SETTLED_S = 0.012  # well past twice the longest delay: what is left is the steady state
_ROUNDS, _CHUNKS_A_ROUND = 12, 40


def _lower_nyquist(from_rate: int, to_rate: int) -> float:
    return min(from_rate, to_rate) / 2


def _through(from_rate: int, to_rate: int, frequency_hz: float) -> NDArray[np.float64]:
    """The settled output for a tone of amplitude 1. (45 degrees: at the Nyquist itself a sine would be all zeros.)"""
    n = np.arange(int(from_rate * _TONE_S))
    tone = np.sin(2 * np.pi * frequency_hz / from_rate * n + np.pi / 4).astype(np.float32)
    out = Resampler(from_rate, to_rate).process(tone)
    return out[int(to_rate * _SETTLED_S) :].astype(np.float64)


def _fit(out: NDArray[np.float64], rate: int, frequency_hz: float) -> tuple[complex, NDArray[np.float64]]:
    """The tone of that frequency in `out`, as a complex amplitude, and what else there is."""
    angle = 2 * np.pi * frequency_hz / rate * np.arange(len(out))
    basis = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    (cosine, sine), *_ = np.linalg.lstsq(basis, out, rcond=None)
    return complex(cosine, -sine), out - basis @ np.array([cosine, sine])


def _db(power: float) -> float:
    return float(10 * np.log10(max(power, 1e-30)))


def alias_db(from_rate: int, to_rate: int, tones: int = 24) -> float:
    """The loudest thing that should not be there, against a tone of the same amplitude at the input.

    Tones from the lower Nyquist to the input's must not come out at all. Where the output could hold images (the rate
    goes up) everything but the tone itself is counted, for tones all over the input's band.
    """
    lower, input_nyquist = _lower_nyquist(from_rate, to_rate), from_rate / 2
    worst = -300.0
    if from_rate != to_rate:
        # Dense just above the edge, where the response falls; up to the highest frequency the input can hold.
        above = {lower + (input_nyquist - lower) * part * part for part in np.linspace(0.0, 1.0, tones)}
        for frequency in sorted(above):
            power = float(np.mean(_through(from_rate, to_rate, frequency) ** 2))
            worst = max(worst, _db(2 * power))
    if to_rate >= from_rate:
        for part in 1.0 - 0.98 * np.linspace(0.03, 1.0, tones) ** 2:
            frequency = float(part) * lower
            _, rest = _fit(_through(from_rate, to_rate, frequency), to_rate, frequency)
            worst = max(worst, _db(2 * float(np.mean(rest**2))))
    return worst


def passband_db(from_rate: int, to_rate: int, tones: int = 17) -> float:
    """The largest deviation from 0 dB of tones up to 0.8 of the lower Nyquist."""
    worst = 0.0
    for part in np.linspace(0.01, 0.8, tones):
        frequency = float(part) * _lower_nyquist(from_rate, to_rate)
        tone, _ = _fit(_through(from_rate, to_rate, frequency), to_rate, frequency)
        worst = max(worst, abs(20 * float(np.log10(abs(tone)))))
    return worst


def measured_delay_samples(from_rate: int, to_rate: int) -> float:
    """Group delay in output samples, from the phases of tones; an impulse settles how many whole turns they made."""
    impulse = np.zeros(from_rate // 20, np.float32)
    impulse[0] = 1.0
    peak = int(np.argmax(np.abs(Resampler(from_rate, to_rate).process(impulse))))
    skipped = int(to_rate * _SETTLED_S)
    delays = []
    for part in (0.1, 0.35, 0.6):
        frequency = part * _lower_nyquist(from_rate, to_rate)
        tone, _ = _fit(_through(from_rate, to_rate, frequency), to_rate, frequency)
        # Input: sin(wt + pi/4) = cos(wt - pi/4). Output sample `skipped` has the phase of the fit.
        turns_late = (-np.pi / 4 - np.angle(tone)) / (2 * np.pi) + frequency / to_rate * skipped
        period = to_rate / frequency
        late = turns_late * period
        delays.append(late + round((peak - late) / period) * period)
    return float(max(delays, key=lambda delay: abs(delay - peak)))


def max_hold_ms(from_rate: int, to_rate: int) -> float:
    """The longest stretch of input that had gone in and not come out, over chunks of every small size."""
    resampler = Resampler(from_rate, to_rate)
    delay = resampler.delay_samples
    taken = given = 0
    worst = 0.0
    for size in itertools.chain(itertools.repeat(1, 2 * from_rate // 100), range(1, 60)):
        given += len(resampler.process(np.zeros(size, np.float32)))
        taken += size
        worst = max(worst, taken / from_rate - (given - delay) / to_rate)
    return worst * 1e3


def _chunks(rate: int) -> Iterator[NDArray[np.float32]]:
    """10 ms after 10 ms of noise, for ever; where a rate has no whole 10 ms, the cuts follow the clock."""
    noise = np.random.default_rng(1).normal(scale=0.1, size=rate).astype(np.float32)
    cuts = [k * rate // 100 for k in range(101)]
    return itertools.cycle([noise[a:b].copy() for a, b in itertools.pairwise(cuts)])


def _timed(call: Callable[[NDArray[np.float32]], Any], chunks: Iterator[NDArray[np.float32]]) -> list[float]:
    times = []
    for chunk in itertools.islice(chunks, _CHUNKS_A_ROUND):
        begin = time.perf_counter_ns()
        call(chunk)
        times.append((time.perf_counter_ns() - begin) / 1e3)
    return times


def cost_us(from_rate: int, to_rate: int) -> tuple[float, float]:
    """Median cost of 10 ms: our Resampler.process, soxr HQ's ResampleStream.resample_chunk; in turns, so that both
    meet the same machine."""
    import soxr  # type: ignore[import-untyped]

    ours = Resampler(from_rate, to_rate)
    theirs = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="HQ")
    chunks, same_chunks = _chunks(from_rate), _chunks(from_rate)
    our_times: list[float] = []
    their_times: list[float] = []
    for _ in range(_ROUNDS):
        our_times += _timed(ours.process, chunks)
        their_times += _timed(theirs.resample_chunk, same_chunks)
    return statistics.median(our_times), statistics.median(their_times)


def measure_pair(from_rate: int, to_rate: int) -> dict[str, Any]:
    """All figures of one pair of rates."""
    ours, theirs = cost_us(from_rate, to_rate)
    return {
        "from": from_rate,
        "to": to_rate,
        "us_per_10ms": round(ours, 3),
        "soxr_hq_us_per_10ms": round(theirs, 3),
        "declared_delay_ms": round(Resampler(from_rate, to_rate).delay_samples / to_rate * 1e3, 6),
        "measured_delay_ms": round(measured_delay_samples(from_rate, to_rate) / to_rate * 1e3, 6),
        "max_hold_ms": round(max_hold_ms(from_rate, to_rate), 6),
        "alias_db": round(alias_db(from_rate, to_rate), 1),
        "passband_db": round(passband_db(from_rate, to_rate), 4),
    }


def measure() -> list[dict[str, Any]]:
    """The figures of every pair of rates: a few seconds."""
    return [measure_pair(*pair) for pair in PAIRS]
