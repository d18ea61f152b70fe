"""The resampler, as a box that takes samples and gives samples: laws 5, 6, 7 and 11, and its figures."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rtaudio.bench.resample import alias_db, max_hold_ms, measure_pair, measured_delay_samples, passband_db
from rtaudio.core import _dsp, _resample
from rtaudio.core.resampler import FROM_RATES, TO_RATES, Resampler, resample

PAIRS = [(a, b) for a in FROM_RATES for b in TO_RATES]
CHANGING = [(a, b) for a, b in PAIRS if a != b]
SIMD = ["scalar", "avx2", "avx512", "neon"]


def noise(count: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(scale=0.3, size=count).astype(np.float32)


def whole(resampler: Resampler, x: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([resampler.process(x), resampler.flush()])


def same_bits(a: NDArray[Any], b: NDArray[Any]) -> bool:
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()


@pytest.fixture
def best_simd() -> Iterator[str]:
    """The instruction set in use; it is put back after the test."""
    best = _resample.simd()
    yield best
    _resample.set_simd(best)


# The figures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", PAIRS)
def test_the_declared_delay_is_the_measured_one(pair: tuple[int, int]) -> None:  # law 7
    declared = Resampler(*pair).delay_samples
    assert measured_delay_samples(*pair) == pytest.approx(declared, abs=1e-3)


@pytest.mark.parametrize("pair", CHANGING)
def test_an_impulse_comes_out_at_the_declared_delay(pair: tuple[int, int]) -> None:  # law 7
    from_rate, to_rate = pair
    for at in (0, 3 * from_rate // math.gcd(*pair)):  # places at which both rates have a sample
        impulse = np.zeros(at + 1, np.float32)
        impulse[at] = 1.0
        resampler = Resampler(*pair)
        out = whole(resampler, impulse)
        assert int(np.argmax(np.abs(out))) == at * to_rate / from_rate + resampler.delay_samples


@pytest.mark.parametrize("pair", PAIRS)
def test_delay_is_at_most_2_ms_or_4_below_16_khz(pair: tuple[int, int]) -> None:
    allowed_ms = 4.0 if min(pair) < 16000 else 2.0
    assert Resampler(*pair).delay_samples / pair[1] * 1e3 <= allowed_ms


@pytest.mark.parametrize("pair", PAIRS)
def test_nothing_folds_or_mirrors_above_minus_90_db(pair: tuple[int, int]) -> None:
    assert alias_db(*pair) <= -90.0


@pytest.mark.parametrize("pair", PAIRS)
def test_flat_up_to_0_8_of_the_lower_nyquist(pair: tuple[int, int]) -> None:
    assert passband_db(*pair) <= 0.1


@pytest.mark.parametrize("pair", PAIRS)
def test_holds_back_its_delay_and_at_most_one_sample(pair: tuple[int, int]) -> None:
    one_sample_ms = 1e3 / min(pair)
    declared_ms = Resampler(*pair).delay_samples / pair[1] * 1e3
    assert max_hold_ms(*pair) <= declared_ms + one_sample_ms


def test_a_sample_that_is_not_finite_spoils_at_most_twice_the_delay() -> None:
    """int16 cannot hold one; float32 is checked before the core. What would be left behind is the filter's length."""
    resampler = Resampler(44100, 48000)
    x = np.zeros(2000, np.float32)
    x[1000] = 1e30  # stands for it: whatever is not 0 afterwards was touched
    touched = np.flatnonzero(whole(resampler, x))
    assert touched[-1] - touched[0] <= 2 * resampler.delay_samples
    assert touched[0] >= 1000 * 48000 // 44100  # and nothing before


def test_the_report_of_a_pair_says_all_that_is_promised() -> None:
    figures = measure_pair(48000, 16000)
    names = (
        "from to us_per_10ms soxr_hq_us_per_10ms declared_delay_ms measured_delay_ms max_hold_ms alias_db passband_db"
    )
    assert list(figures) == names.split()
    assert figures["declared_delay_ms"] == figures["measured_delay_ms"] == 2.0


def test_the_measures_see_a_bad_filter() -> None:
    """soxr's quick quality rejects nothing: a tone above the new Nyquist must show in the same arithmetic."""
    import soxr  # type: ignore[import-untyped]

    n = np.arange(4800)
    tone = np.sin(2 * np.pi * 9000 / 48000 * n).astype(np.float32)
    folded = soxr.resample(tone, 48000, 16000, "QQ")
    assert 10 * math.log10(2 * float(np.mean(folded**2))) > -20


@pytest.mark.parametrize("pair", CHANGING)
def test_speech_band_tones_come_out_as_themselves_later(pair: tuple[int, int]) -> None:
    """Against the sum of tones itself, sampled at the new rate: an independent reference of the whole filter."""
    from_rate, to_rate = pair
    rng = np.random.default_rng(3)
    tones = [(rng.uniform(0.0, 0.79) * min(pair) / 2, rng.uniform(0, 2 * np.pi)) for _ in range(12)]

    def signal(times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        total: NDArray[np.float64] = np.sum([np.sin(2 * np.pi * f * times_s + p) / 12 for f, p in tones], axis=0)
        return total

    resampler = Resampler(*pair)
    out = resampler.process(signal(np.arange(from_rate // 10) / from_rate).astype(np.float32))
    settled = np.arange(to_rate // 50, len(out))
    expected = signal((settled - resampler.delay_samples) / to_rate)
    assert np.max(np.abs(out[settled] - expected)) < 5e-5


# Law 5: the same bits on every instruction set ------------------------------------------------------------------------


@pytest.mark.parametrize("pair", CHANGING)
def test_instruction_sets_agree_bit_for_bit(pair: tuple[int, int], best_simd: str) -> None:  # law 5
    x = noise(3001, seed=sum(pair))
    x[::97] *= np.float32(1e-38)  # denormals
    x[::89] *= np.float32(1e30)
    outputs = {}
    for name in SIMD:
        try:
            _resample.set_simd(name)
        except ValueError:
            continue
        outputs[name] = whole(Resampler(*pair), x)
    assert len(outputs) >= 2 or best_simd == "scalar"
    assert all(same_bits(out, outputs["scalar"]) for out in outputs.values())


def test_an_instruction_set_the_cpu_has_not_is_refused(best_simd: str) -> None:
    missing = "neon" if best_simd != "neon" else "avx2"
    with pytest.raises(ValueError, match=f"no {missing}"):
        _resample.set_simd(missing)
    with pytest.raises(ValueError, match="one of scalar"):
        _resample.set_simd("mmx")
    assert _resample.simd() == best_simd


# Law 6: chunking never shows ----------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    pair=st.sampled_from(PAIRS),
    sizes=st.lists(st.one_of(st.integers(0, 40), st.integers(0, 3000)), min_size=1, max_size=12),
    dtype=st.sampled_from(["float32", "int16"]),
    seed=st.integers(0, 9),
)
def test_chunking_never_changes_the_output(
    pair: tuple[int, int], sizes: list[int], dtype: Any, seed: int
) -> None:  # law 6
    x: Any = noise(sum(sizes), seed)
    if dtype == "int16":
        x = _dsp.to_int16(x)
    at_once = Resampler(*pair, dtype=dtype)
    expected = whole(at_once, x)

    resampler = Resampler(*pair, dtype=dtype)
    parts, taken, given_out = [], 0, 0
    for size in sizes:
        parts.append(resampler.process(x[taken : taken + size]))
        taken += size
        given_out += len(parts[-1])
        assert given_out == -(-taken * pair[1] // pair[0])  # ceil: given as soon as it can be
    parts.append(resampler.flush())
    assert len(parts[-1]) == resampler.delay_samples
    assert same_bits(np.concatenate(parts), expected)


@settings(deadline=None, max_examples=30)
@given(pair=st.sampled_from(PAIRS), before=st.integers(0, 3000), flushed=st.booleans())
def test_reset_leaves_nothing_behind(pair: tuple[int, int], before: int, flushed: bool) -> None:
    resampler = Resampler(*pair)
    resampler.process(noise(before, seed=1))
    if flushed:
        resampler.flush()
    resampler.reset()
    x = noise(1500, seed=2)
    assert same_bits(whole(resampler, x), whole(Resampler(*pair), x))


@pytest.mark.parametrize("rate", TO_RATES)
@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_equal_rates_pass_through_bit_for_bit(rate: int, dtype: Any) -> None:
    x: Any = noise(1000) * np.float32(2)
    if dtype == "int16":
        x = np.arange(-32768, 32768, 7).astype(np.int16)
    resampler = Resampler(rate, rate, dtype=dtype)
    assert resampler.delay_samples == 0
    assert same_bits(resampler.process(x), x)
    assert len(resampler.flush()) == 0


@pytest.mark.parametrize("pair", CHANGING)
def test_int16_is_float32_rounded_once(pair: tuple[int, int]) -> None:
    x = _dsp.to_int16(noise(2000) * np.float32(3))  # it overshoots: saturation included
    exact = whole(Resampler(*pair), _dsp.to_float32(x))
    assert same_bits(whole(Resampler(*pair, dtype="int16"), x), _dsp.to_int16(exact))


def test_filters_are_shared_by_streams_made_at_once() -> None:
    x = noise(500)

    def run(k: int) -> bytes:
        return whole(Resampler(11025, TO_RATES[k % 4]), x).tobytes()

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(run, range(32)))
    assert all(result == results[k % 4] for k, result in enumerate(results))


# Law 11: bad input ---------------------------------------------------------------------------------------------------

BAD: list[tuple[Any, type[Exception], str]] = [
    (np.zeros(4, np.float64), TypeError, "float32, got float64"),
    (np.zeros(4, np.int16), TypeError, "float32, got int16"),
    (np.zeros(4, np.dtype(np.float32).newbyteorder()), TypeError, "got [<>]f4"),
    ([0.0, 0.0], TypeError, "got list"),
    (b"\0\0\0\0", TypeError, "got bytes"),
    (None, TypeError, "got NoneType"),
    (np.zeros((4, 1), np.float32), ValueError, r"mono.*\(4, 1\)"),
    (np.float32(0.5), TypeError, "got float32"),
    (np.zeros(8, np.float32)[::2], ValueError, "contiguous"),
]


@pytest.mark.parametrize(("x", "error", "match"), BAD)
def test_wrong_arrays_are_refused_by_what_is_wrong(x: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        Resampler(48000, 16000).process(x)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, 255, 256, 1499])
def test_a_sample_that_is_not_finite_is_named_and_nothing_is_taken(bad: float, at: int) -> None:
    good, rest = noise(700, seed=1), noise(700, seed=2)
    poisoned = noise(1500, seed=3)
    poisoned[at] = bad
    poisoned[1499] = np.nan
    resampler = Resampler(44100, 16000)
    out = [resampler.process(good)]
    with pytest.raises(ValueError, match=f"sample {at} is"):
        resampler.process(poisoned)
    out += [resampler.process(rest), resampler.flush()]
    assert same_bits(np.concatenate(out), whole(Resampler(44100, 16000), np.concatenate([good, rest])))


@pytest.mark.parametrize(("from_rate", "to_rate"), [(96000, 16000), (48000, 44100), (0, 8000), (-1, 8000), (16000, 0)])
def test_a_pair_that_is_not_served_is_told_what_is(from_rate: int, to_rate: int) -> None:
    with pytest.raises(ValueError, match=r"8000, 11025, 12000.*to any of 8000, 16000, 24000, 48000.*vhq"):
        Resampler(from_rate, to_rate)


def test_other_arguments_are_checked() -> None:
    wrong: Any = "best"
    with pytest.raises(ValueError, match="'fir' or 'vhq'"):
        Resampler(48000, 16000, quality=wrong)
    for quality in ("fir", "vhq"):
        with pytest.raises(ValueError, match="'float32' or 'int16'"):
            Resampler(48000, 16000, quality=quality, dtype=wrong)
    with pytest.raises(ValueError, match="mono"):
        Resampler(48000, 16000, channels=2)
    with pytest.raises(ValueError, match="1 or more"):
        Resampler(48000, 16000, quality="vhq", channels=0)
    with pytest.raises(ValueError, match="positive whole number"):
        Resampler(48000, 0, quality="vhq")


@pytest.mark.parametrize("quality", ["fir", "vhq"])
def test_after_flush_only_reset_is_allowed(quality: Any) -> None:
    resampler = Resampler(48000, 16000, quality=quality)
    resampler.process(noise(100))
    resampler.flush()
    with pytest.raises(ValueError, match="reset"):
        resampler.process(noise(100))
    with pytest.raises(ValueError, match="reset"):
        resampler.flush()
    resampler.reset()
    resampler.process(noise(100))


@pytest.mark.parametrize("quality", ["fir", "vhq"])
@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_empty_chunks_and_empty_streams_are_fine(quality: Any, dtype: Any) -> None:
    resampler = Resampler(48000, 16000, quality=quality, dtype=dtype)
    assert len(resampler.process(np.zeros(0, dtype))) == 0
    rest = resampler.flush()
    assert rest.dtype == dtype
    assert not rest.any()


def test_a_second_thread_is_refused_while_the_first_computes() -> None:
    resampler = Resampler(48000, 24000)
    long, empty = np.zeros(8_000_000, np.float32), np.zeros(0, np.float32)
    first = threading.Thread(target=resampler.process, args=(long,))
    first.start()
    refused = False
    while first.is_alive() and not refused:
        try:
            resampler.process(empty)
        except RuntimeError as error:
            refused = "two threads" in str(error)
    first.join()
    assert refused


# soxr behind the same face -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", [(48000, 16000), (8000, 48000), (44100, 16000), (16000, 44100)])
def test_vhq_is_aligned_with_its_input(pair: tuple[int, int]) -> None:
    from_rate, to_rate = pair
    impulse = np.zeros(from_rate // 5, np.float32)
    impulse[from_rate // 10] = 1.0
    resampler = Resampler(*pair, quality="vhq")
    assert resampler.delay_samples == 0
    out = whole(resampler, impulse)
    assert int(np.argmax(out)) == to_rate // 10


def test_vhq_says_how_much_it_holds_back() -> None:
    resampler = Resampler(8000, 16000, quality="vhq")
    given_out, held = 0, set()
    for k in range(1, 60):
        given_out += len(resampler.process(noise(80, seed=k)))
        held.add(resampler.held_samples)
        assert abs(given_out + resampler.held_samples - k * 160) <= 1
    assert len(held) > 1  # it varies
    owed = resampler.held_samples
    assert abs(len(resampler.flush()) - owed) <= 1
    assert resampler.held_samples == 0


def test_fir_holds_back_its_delay() -> None:
    resampler = Resampler(48000, 16000)
    resampler.process(noise(1000))
    assert resampler.held_samples == resampler.delay_samples == 32


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_vhq_keeps_channels_apart(dtype: Any) -> None:
    left: Any = noise(4000, seed=1)
    if dtype == "int16":
        left = _dsp.to_int16(left)
    stereo = np.ascontiguousarray(np.stack([left, np.zeros_like(left)], axis=1))
    resampler = Resampler(48000, 16000, quality="vhq", dtype=dtype, channels=2)
    out = np.concatenate([resampler.process(stereo[:1500]), resampler.process(stereo[1500:]), resampler.flush()])
    assert out.shape == (1333, 2)
    assert out[:, 0].any()
    assert np.abs(out[:, 1].astype(np.float64)).max() <= (1 if dtype == "int16" else 0)  # soxr dithers int16


@pytest.mark.parametrize(("x", "error", "match"), BAD)
def test_vhq_refuses_the_same_wrong_arrays(x: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error):
        Resampler(48000, 16000, quality="vhq").process(x)


def test_vhq_names_what_is_not_finite() -> None:
    x = np.zeros((9, 2), np.float32)
    x[7, 1] = np.nan
    with pytest.raises(ValueError, match="sample 7 is nan"):
        Resampler(48000, 16000, quality="vhq", channels=2).process(x)
    with pytest.raises(ValueError, match="2 channels"):
        Resampler(48000, 16000, quality="vhq", channels=2).process(np.zeros((9, 3), np.float32))


@pytest.mark.parametrize("quality", ["fir", "vhq"])
@pytest.mark.parametrize("pair", [(48000, 16000), (16000, 48000), (44100, 24000)])
def test_a_whole_recording_stays_where_it_was_in_time(pair: tuple[int, int], quality: Any) -> None:
    from_rate, to_rate = pair
    times, new_times = np.arange(from_rate // 5) / from_rate, np.arange(to_rate // 5) / to_rate
    out = resample(np.sin(2 * np.pi * 440 * times).astype(np.float32), from_rate, to_rate, quality=quality)
    assert len(out) == len(new_times)
    inner = slice(to_rate // 20, -to_rate // 20)
    assert np.max(np.abs(out - np.sin(2 * np.pi * 440 * new_times))[inner]) < 1e-4


def test_a_whole_recording_may_be_stereo_int16_or_need_nothing() -> None:
    x = np.ascontiguousarray(np.stack([_dsp.to_int16(noise(4800))] * 2, axis=1))
    assert resample(x, 48000, 16000).shape == (1600, 2)
    same = resample(x, 48000, 48000)
    assert same_bits(same, x)
    assert not np.shares_memory(same, x)
    with pytest.raises(ValueError, match="mono"):
        resample(x, 48000, 16000, quality="fir")
    with pytest.raises(TypeError, match="float32 or int16"):
        resample(x.astype(np.float64), 48000, 16000)  # type: ignore[type-var]


def test_soxr_is_not_imported_for_live_streams() -> None:
    code = "import sys, rtaudio; rtaudio.Resampler(48000, 16000); sys.exit('soxr' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
