"""Cost of one question about a turn: features by instruction set, the voice's marks, the model itself."""

from __future__ import annotations

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from rtaudio import ModelMissing, TurnModel
from rtaudio.core._features import LogMel, prosody
from rtaudio.core._kernels import instruction_sets

SOUND = np.random.default_rng(1).normal(scale=0.1, size=128000).astype(np.float32)


@pytest.mark.parametrize("instruction_set", instruction_sets())
def test_log_mel_of_8_s(benchmark: BenchmarkFixture, instruction_set: str) -> None:
    benchmark.group = "turn features"
    out = np.empty((80, 800), np.float32)
    benchmark(LogMel(instruction_set).run, SOUND, out)


@pytest.mark.parametrize("seconds", [1.5, 8.0])
def test_prosody(benchmark: BenchmarkFixture, seconds: float) -> None:
    benchmark.group = "turn features"
    benchmark(prosody, SOUND[: round(seconds * 16000)], 0)


def test_smart_turn(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "turn model"
    try:
        model = TurnModel()
    except ModelMissing as missing:
        pytest.skip(str(missing))
    assert 0 <= benchmark(model._network._run, SOUND) <= 1
