"""Cost of one window of speech detection: our kernel called from Python, alone and for a batch, and onnxruntime."""

from __future__ import annotations

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from rtaudio.bench.vad import Reference
from rtaudio.core._kernels import instruction_sets
from rtaudio.core.vad import SileroVad


@pytest.mark.parametrize("batch", [1, 4, 32])
@pytest.mark.parametrize("instruction_set", instruction_sets())
def test_silero_window(benchmark: BenchmarkFixture, instruction_set: str, batch: int) -> None:
    benchmark.group = f"Silero, windows at once: {batch}"
    model = SileroVad(instruction_set=instruction_set).model
    windows = np.random.default_rng(1).normal(scale=0.1, size=(batch, model.window_samples)).astype(np.float32)
    states = np.zeros((batch, model.state_floats), np.float32)
    probabilities = benchmark(model.run, states, windows)
    assert probabilities.shape == (batch,)


def test_silero_window_onnxruntime(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "Silero, windows at once: 1"
    reference = Reference(SileroVad())
    reference.feed["input"][0] = np.random.default_rng(1).normal(scale=0.1, size=576)
    assert benchmark(reference.run)[0].shape == (1, 1)
