"""Numeric kernels of the core (csrc/kernels/). Every one gives the same bits on every instruction set (law 5)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

def instruction_sets() -> list[str]:
    """Names of the instruction sets this machine runs, slowest first: of "scalar", "neon", "avx2", "avx512"."""

class SileroModel:
    """Silero VAD v6.2; the layers are in csrc/kernels/silero.h. Immutable; any thread, several at once."""
    def __init__(self, weights: dict[str, NDArray[Any]], instruction_set: str | None = None, rate: int = 16000) -> None:
        """`rate`: 16000, or 8000 with the weights that the file has for it. `weights`: C-contiguous float32, as the
        ONNX file has them: conv1.weight (128, 129, 3), at 8 kHz (128, 65, 3), conv2.weight
        (64, 128, 3), conv3.weight (64, 64, 3), conv4.weight (128, 64, 3), conv1..4.bias, lstm.weight_ih and
        lstm.weight_hh (512, 128), lstm.bias_ih and lstm.bias_hh (512,), output.weight (1, 128, 1), output.bias (1,).
        They are copied. `instruction_set`: default the fastest here. Raises KeyError for a missing tensor, TypeError
        for a wrong dtype, ValueError for a wrong shape, a value that is not finite, another rate, or an instruction set
        that this machine has not."""
    @property
    def kernel(self) -> object:
        """Capsule "rtaudio.vad_kernel" with a `const rta_vad_kernel *` (csrc/vad.h); keeps the model alive."""
    @property
    def instruction_set(self) -> str: ...
    @property
    def rate(self) -> int: ...
    @property
    def window_samples(self) -> int: ...
    @property
    def state_floats(self) -> int:
        """h[128], c[128], context[64] (32 at 8 kHz); all zero at the start of a stream."""
    @property
    def max_batch(self) -> int:
        """Rows of one pass over the weights; `run` takes any number."""
    def run(self, states: NDArray[np.float32], windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """One window of each stream. states: (batch, state_floats), updated in place; windows: (batch,
        window_samples), nominally in [-1, 1]. Gives speech probabilities, (batch,). Samples that are not finite, or
        beyond 2**20, count as 0. Raises TypeError, ValueError. The GIL is released; nobody else may touch `states`
        meanwhile."""
    def time_runs(
        self, states: NDArray[np.float32], windows: NDArray[np.float32], runs: int, flush_bytes: int = 0
    ) -> NDArray[np.float64]:
        """Seconds of each of `runs` calls of the bare kernel with the same windows, as the engine makes them: for
        benchmarks. Before each, `flush_bytes` of other memory are written, so that they lie in the caches instead."""
