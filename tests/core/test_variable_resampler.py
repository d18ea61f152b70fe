"""The resampler whose ratio is steered, as a box that takes samples and gives samples: laws 6, 7, 11, and its quality.
Law 5 is held by tests/c/variable_rules.c."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rtaudio import VariableResampler
from rtaudio.bench.clocks import filter_figures
from rtaudio.core.resampler import FROM_RATES, TO_RATES

PAIRS = [(a, b) for a in FROM_RATES for b in TO_RATES]
SOME = [(48000, 48000), (16000, 48000), (48000, 16000), (44100, 16000), (8000, 24000), (11025, 8000)]
Samples = NDArray[np.float32]


def tone(rate: int, hertz: float, seconds: float) -> Samples:
    return np.sin(2 * np.pi * hertz / rate * np.arange(round(rate * seconds))).astype(np.float32)


def phase(out: NDArray[Any], angle: float) -> float:
    """Of a tone of that angle a sample, at the first of them."""
    turns = angle * np.arange(len(out))
    basis = np.stack([np.sin(turns), np.cos(turns)], axis=1)
    (sine, cosine), *_ = np.linalg.lstsq(basis, out.astype(np.float64), rcond=None)
    return math.atan2(cosine, sine)


@pytest.mark.parametrize("ppm", [0.0, 1000.0, -1000.0])
@pytest.mark.parametrize("pair", PAIRS)
def test_the_declared_delay_is_the_measured_one_on_the_input_s_clock(pair: tuple[int, int], ppm: float) -> None:
    """Law 7, to a thousandth of a sample, at any ratio."""
    from_rate, to_rate = pair
    hertz, skip = 0.15 * min(pair), to_rate // 50
    resampler = VariableResampler(*pair)
    resampler.steer(ppm)
    out = resampler.process(tone(from_rate, hertz, 0.1))[skip:]
    step = from_rate / to_rate * (1 + ppm * 1e-6)
    angle = 2 * np.pi * hertz / from_rate
    position = skip * step - resampler.delay_samples * from_rate / to_rate
    turns = (phase(out, angle * step) - angle * position) / (2 * np.pi)
    off_input_samples = (turns - round(turns)) * from_rate / hertz
    assert abs(off_input_samples * to_rate / from_rate) < 1e-3
    # whole turns are settled by where an impulse comes out
    impulse = np.zeros(from_rate // 20, np.float32)
    impulse[0] = 1.0
    peak = int(np.argmax(np.abs(VariableResampler(*pair).process(impulse))))
    assert peak == resampler.delay_samples


@pytest.mark.parametrize("pair", PAIRS)
def test_delay_is_little_more_than_the_fixed_filter_s(pair: tuple[int, int]) -> None:
    allowed_ms = 4.5 if min(pair) < 16000 else 2.2
    assert VariableResampler(*pair).delay_samples / pair[1] * 1e3 <= allowed_ms


@pytest.mark.parametrize("ppm", [0.0, 1000.0, -1000.0])
@pytest.mark.parametrize("pair", SOME)
def test_nothing_folds_or_mirrors_above_minus_90_db_and_the_band_is_flat(pair: tuple[int, int], ppm: float) -> None:
    figures = filter_figures(pair, ppm)
    assert figures["alias_db"] <= -90.0
    assert figures["rest_db"] <= -90.0
    assert figures["passband_db"] <= 0.001


def test_a_glide_has_no_step_in_pitch_or_sound() -> None:
    """From -1000 to 1000 ppm within a second: the output is the tone read at the positions that were asked for."""
    rate, hertz = 16000, 997.0
    resampler = VariableResampler(rate, rate)
    resampler.steer(-1000.0)
    x = tone(rate, hertz, 2.0)
    first = resampler.process(x[:8000])
    resampler.steer(1000.0, over_samples=rate)
    assert resampler.ppm == pytest.approx(-1000.0)
    second = resampler.process(x[8000:])
    out = np.concatenate([first, second])
    steps = np.full(len(out), 1 - 1e-3)
    after = np.arange(len(second))
    steps[len(first) :] = 1 + 1e-6 * np.minimum(-1000.0 + 2000.0 * after / rate, 1000.0)
    positions = np.concatenate([[0.0], np.cumsum(steps)[:-1]]) - resampler.delay_samples
    expected = np.sin(2 * np.pi * hertz / rate * positions)
    assert np.max(np.abs(out - expected)[400:]) < 1e-4


@settings(deadline=None)
@given(
    pair=st.sampled_from(SOME),
    sizes=st.lists(st.integers(0, 2500), min_size=1, max_size=8),
    pulls=st.lists(st.integers(1, 700), min_size=1, max_size=8),
    ppm=st.floats(-5000, 5000),
    over=st.integers(0, 3000),
)
def test_chunks_never_change_the_output(
    pair: tuple[int, int], sizes: list[int], pulls: list[int], ppm: float, over: int
) -> None:
    """Law 6, on both sides: put and taken in any pieces."""
    x = np.random.default_rng(1).normal(scale=0.3, size=sum(sizes)).astype(np.float32)
    at_once = VariableResampler(*pair)
    at_once.steer(ppm, over)
    expected = at_once.process(x)
    pieces = VariableResampler(*pair)
    pieces.steer(ppm, over)
    parts, taken, turn = [], 0, 0
    while True:
        want = pulls[turn % len(pulls)]
        turn += 1
        needed = pieces.needs(want)
        given_in = x[taken : taken + needed]
        pieces.put(given_in)
        taken += len(given_in)
        parts.append(pieces.get(want))
        assert (len(parts[-1]) == want) == (len(given_in) == needed)  # needs() is exact
        if len(given_in) < needed:
            break
    chunked = VariableResampler(*pair)
    chunked.steer(ppm, over)
    cuts = np.cumsum([0, *sizes])
    by_chunks = np.concatenate([chunked.process(x[a:b]) for a, b in itertools.pairwise(cuts)])
    assert np.concatenate(parts).tobytes() == expected.tobytes() == by_chunks.tobytes()
    assert pieces.ahead_samples == at_once.ahead_samples


def test_positions_are_counted_from_the_ratio_that_was_asked_for() -> None:
    resampler = VariableResampler(48000, 48000)
    resampler.steer(250.0)
    given = len(resampler.process(np.zeros(480_000, np.float32)))
    assert resampler.ahead_samples == pytest.approx(480_000 - given * (1 + 250e-6), abs=1e-5)


def test_reset_leaves_nothing_behind() -> None:
    x = np.random.default_rng(2).normal(size=3000).astype(np.float32)
    used = VariableResampler(44100, 48000)
    used.steer(700.0, 100)
    used.process(x)
    used.reset()
    assert used.process(x).tobytes() == VariableResampler(44100, 48000).process(x).tobytes()


def test_bad_input_is_refused_by_what_is_wrong() -> None:  # law 11
    with pytest.raises(ValueError, match="no filter from 44000"):
        VariableResampler(44000, 48000)
    resampler = VariableResampler(16000, 16000)
    for ppm in (math.nan, math.inf, 5001.0, -5001.0):
        with pytest.raises(ValueError, match="expected -5000"):
            resampler.steer(ppm)
    for over in (-1, 1.5, True):
        with pytest.raises(ValueError, match="over_samples"):
            resampler.steer(0.0, over)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="float32, got float64"):
        resampler.put(np.zeros(4))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="sample 3 is nan"):
        resampler.process(np.array([0, 0, 0, np.nan], np.float32))
    with pytest.raises(ValueError, match="more than room_samples"):
        resampler.put(np.zeros(100_000, np.float32))
    assert resampler.ahead_samples == 0.0  # nothing was taken of any of it
