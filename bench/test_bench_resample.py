"""Cost of 10 ms of mono float32 through our filter and through soxr, by the same kind of Python call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import soxr  # type: ignore[import-untyped]
from pytest_benchmark.fixture import BenchmarkFixture

from rtaudio.core.resampler import Resampler

# What a call meets: telephone and microphone in, the models' rates, loudspeaker out; and the largest bank.
PAIRS = [(8000, 16000), (48000, 16000), (24000, 48000), (16000, 8000), (44100, 48000), (11025, 48000)]


def ours(from_rate: int, to_rate: int) -> Callable[[Any], Any]:
    return Resampler(from_rate, to_rate).process


def soxr_hq(from_rate: int, to_rate: int) -> Callable[[Any], Any]:
    stream: Any = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="HQ")
    return stream.resample_chunk  # type: ignore[no-any-return]


@pytest.mark.parametrize("make", [ours, soxr_hq])
@pytest.mark.parametrize(("from_rate", "to_rate"), PAIRS)
def test_resample_10_ms(
    benchmark: BenchmarkFixture, from_rate: int, to_rate: int, make: Callable[[int, int], Callable[[Any], Any]]
) -> None:
    benchmark.group = f"resample 10 ms, {from_rate} to {to_rate} Hz"
    chunk = np.random.default_rng(1).normal(scale=0.1, size=from_rate // 100).astype(np.float32)
    out = benchmark(make(from_rate, to_rate), chunk)
    assert out.dtype == np.float32
