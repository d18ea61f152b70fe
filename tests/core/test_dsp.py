"""Small arithmetic on samples: conversions, gain, ramps, level; laws 6 and 11."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rtaudio.core import _dsp
from rtaudio.core._dsp import Meter, Ramp, dbfs, from_pcm16, gain, to_float32, to_int16

ALL_INT16 = np.arange(-32768, 32768).astype(np.int16)
any_float32 = st.floats(width=32, allow_nan=False)


def noise(count: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(scale=0.3, size=count).astype(np.float32)


def cut(x: NDArray[Any], cuts: list[int]) -> list[NDArray[Any]]:
    return np.split(x, sorted(min(c, len(x)) for c in cuts))


# Conversions ---------------------------------------------------------------------------------------------------------


def test_every_int16_goes_to_float32_exactly_and_back() -> None:
    floats = to_float32(ALL_INT16)
    assert floats.dtype == np.float32
    assert all(Fraction(float(x)) == Fraction(int(n), 32768) for n, x in zip(ALL_INT16, floats, strict=True))
    assert np.array_equal(to_int16(floats), ALL_INT16)


@given(st.lists(any_float32, max_size=70))
def test_float32_goes_to_the_nearest_int16_halves_to_even(values: list[float]) -> None:
    x = np.array(values, np.float32)
    expected = [
        max(-32768, min(32767, round(Fraction(float(v)) * 32768))) if math.isfinite(v) else (32767 if v > 0 else -32768)
        for v in x
    ]
    assert to_int16(x).tolist() == expected


def test_halves_go_to_even_and_the_ends_saturate() -> None:
    halves = np.arange(-32768.5, 32768.5, 1.0) / 32768
    expected = np.clip(np.round(np.arange(-32768.5, 32768.5, 1.0)), -32768, 32767)
    assert np.array_equal(to_int16(halves.astype(np.float32)), expected.astype(np.int16))
    ends = np.array([np.nan, -np.nan, np.inf, -np.inf, 1.0, -1.0, 3e38, -3e38, -0.0], np.float32)
    assert to_int16(ends).tolist() == [0, 0, 32767, -32768, 32767, -32768, 32767, -32768, 0]


@given(st.binary(max_size=60))
def test_bytes_are_little_endian_pairs(data: bytes) -> None:
    if len(data) % 2:
        with pytest.raises(ValueError, match=f"{len(data)} bytes are not a whole number"):
            from_pcm16(data)
        with pytest.raises(ValueError, match="odd byte"):
            to_float32(data)
    else:
        expected = np.frombuffer(data, "<i2").astype(np.int16)
        assert np.array_equal(from_pcm16(data), expected)
        assert np.array_equal(to_float32(bytearray(data)), to_float32(expected))


# Gain and ramps -------------------------------------------------------------------------------------------------------


def test_gain_multiplies_and_int16_saturates() -> None:
    x = noise(1001)
    assert np.array_equal(gain(x, 0.7), x * np.float32(0.7))
    expected = np.clip(np.round(ALL_INT16 * np.float64(1.5)), -32768, 32767)
    assert np.array_equal(gain(ALL_INT16, 1.5), expected.astype(np.int16))


@given(
    start=st.floats(0, 2, width=32),
    goal=st.floats(0, 2, width=32),
    length=st.integers(0, 300),
    count=st.integers(0, 400),
)
def test_a_ramp_is_a_straight_line(start: float, goal: float, length: int, count: int) -> None:
    ramp = Ramp(start)
    ramp.to(goal, length)
    out = ramp.apply(np.ones(count, np.float32))
    line = [start + (goal - start) * (p / length) if p < length else goal for p in range(count)]
    assert np.array_equal(out, np.array(line, np.float32))
    assert ramp.moving == (count < length)


def test_a_fade_out_ends_in_silence_and_a_fade_in_begins_with_it() -> None:
    ramp = Ramp()
    ramp.to(0.0, 4)
    assert ramp.apply(np.ones(6, np.float32)).tolist() == [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    ramp.to(1.0, 4)
    assert ramp.apply(np.ones(6, np.float32)).tolist() == [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]


def test_a_ramp_turned_round_goes_on_from_where_it_is() -> None:
    ramp = Ramp(1.0)
    ramp.to(0.0, 100)
    ramp.apply(np.ones(40, np.float32))
    assert ramp.gain == pytest.approx(0.6)
    before = ramp.gain
    ramp.to(1.0, 10)
    assert ramp.gain == before
    ramp.to(0.25, 0)
    assert ramp.gain == 0.25
    assert not ramp.moving


@given(cuts=st.lists(st.integers(0, 500), max_size=8), length=st.integers(0, 600))
def test_chunking_never_shows_in_a_ramp(cuts: list[int], length: int) -> None:  # law 6
    x, under = noise(500), noise(500, seed=1)
    whole, pieces = Ramp(0.2), Ramp(0.2)
    whole_mix, pieces_mix = Ramp(0.2), Ramp(0.2)
    for ramp in (whole, pieces, whole_mix, pieces_mix):
        ramp.to(0.9, length)
    assert whole.apply(x).tobytes() == b"".join(pieces.apply(part).tobytes() for part in cut(x, cuts))
    mixed = [pieces_mix.mix(a, b).tobytes() for a, b in zip(cut(x, cuts), cut(under, cuts), strict=True)]
    assert whole_mix.mix(x, under).tobytes() == b"".join(mixed)


def test_mixing_adds_the_background_at_its_gain() -> None:
    speech, background = noise(300), noise(300, seed=1)
    before = speech.copy()
    assert np.array_equal(Ramp(0.25).mix(speech, background), speech + background * np.float32(0.25))
    assert np.array_equal(speech, before)
    with pytest.raises(ValueError, match="speech has 300 samples, background 299"):
        Ramp().mix(speech, background[1:])


# Level ---------------------------------------------------------------------------------------------------------------


def test_dbfs_is_relative_to_amplitude_one() -> None:
    assert dbfs(1.0) == 0.0
    assert dbfs(0.1) == pytest.approx(-20.0)
    assert dbfs(2.0) == pytest.approx(6.0206, abs=1e-4)
    assert dbfs(0.0) == -math.inf
    for wrong in (-0.1, math.nan):
        with pytest.raises(ValueError, match="0 or more"):
            dbfs(wrong)


def test_a_meter_of_nothing_and_of_silence_reads_minus_infinity() -> None:
    meter = Meter()
    for _ in range(2):
        assert (meter.rms, meter.peak, meter.rms_dbfs, meter.peak_dbfs) == (0.0, 0.0, -math.inf, -math.inf)
        meter.push(np.zeros(100, np.float32))


def test_a_full_scale_sine_reads_minus_3_dbfs() -> None:
    meter = Meter()
    meter.push(np.sin(2 * np.pi * np.arange(4800) / 48).astype(np.float32))
    assert meter.rms_dbfs == pytest.approx(-3.0103, abs=1e-4)
    assert meter.peak_dbfs == pytest.approx(0.0, abs=1e-6)
    assert meter.samples == 4800


@given(cuts=st.lists(st.integers(0, 1000), max_size=8), as_int16=st.booleans())
def test_a_meter_reads_the_same_however_the_stream_is_cut(cuts: list[int], as_int16: bool) -> None:  # law 6
    x: Any = noise(1000)
    if as_int16:
        x = to_int16(x)
    whole, pieces = Meter(), Meter()
    whole.push(x)
    for part in cut(x, cuts):
        pieces.push(part)
    assert (whole.rms, whole.peak, whole.samples) == (pieces.rms, pieces.peak, pieces.samples)
    floats = x / 32768 if as_int16 else x.astype(np.float64)
    assert whole.rms == pytest.approx(float(np.sqrt(np.mean(floats**2))), rel=1e-12)
    assert whole.peak == float(np.max(np.abs(floats)))


def test_a_meter_counts_the_largest_negative_int16_as_full_scale_and_forgets_on_reset() -> None:
    meter = Meter()
    meter.push(np.array([-32768], np.int16))
    assert (meter.peak, meter.rms) == (1.0, 1.0)
    meter.reset()
    assert (meter.peak, meter.samples) == (0.0, 0)


# Law 11: bad input ---------------------------------------------------------------------------------------------------

CALLS: dict[str, Any] = {
    "to_int16": to_int16,
    "gain": lambda x: gain(x, 0.5),
    "ramp": lambda x: Ramp().apply(x),
    "mix": lambda x: Ramp().mix(np.zeros(4, np.float32), x),
    "meter": lambda x: Meter().push(x),
}


@pytest.mark.parametrize("call", CALLS)
def test_wrong_arrays_are_refused_by_what_is_wrong(call: str) -> None:
    for wrong in (np.zeros(4), [0.0] * 4, None, np.zeros(4, np.int32), np.zeros(4, np.dtype("f4").newbyteorder())):
        with pytest.raises(TypeError, match="expected"):
            CALLS[call](wrong)
    with pytest.raises(ValueError, match="mono"):
        CALLS[call](np.zeros((4, 1), np.float32))
    with pytest.raises(ValueError, match="contiguous"):
        CALLS[call](np.zeros(8, np.float32)[::2])


@pytest.mark.parametrize("call", [name for name in CALLS if name != "to_int16"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_not_finite_is_named(call: str, bad: float) -> None:
    for at in (0, 255, 256, 600):
        x = np.zeros(700, np.float32)
        x[at] = bad
        with pytest.raises(ValueError, match=f"sample {at} is"):
            CALLS[call](x)


def test_gains_must_be_finite_and_lengths_not_negative() -> None:
    for wrong in (math.nan, math.inf):
        for make in (lambda g: gain(noise(3), g), Ramp, lambda g: Ramp().to(g, 3)):
            with pytest.raises(ValueError, match="finite"):
                make(wrong)
    with pytest.raises(ValueError, match="length_samples=-1"):
        Ramp().to(1.0, -1)


def test_empty_arrays_are_fine() -> None:
    empty = np.zeros(0, np.float32)
    assert len(to_int16(empty)) == len(to_float32(b"")) == len(gain(empty, 2.0)) == len(Ramp().apply(empty)) == 0
    assert len(Ramp().mix(empty, empty)) == 0
    for code in (_dsp.ulaw_encode, _dsp.alaw_encode):
        assert len(code(np.zeros(0, np.int16))) == 0
