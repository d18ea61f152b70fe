"""Bindings of csrc/resample.h. Use `rtaudio.core.Resampler`, which adds soxr behind the same face."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

FROM_RATES: tuple[int, ...]
TO_RATES: tuple[int, ...]

def simd() -> str:
    """The instruction set that new resamplers use: 'scalar', 'avx2', 'avx512' or 'neon'."""

def set_simd(name: str) -> None:
    """Makes new resamplers use one instruction set; the output has the same bits with each (law 5).

    For tests and measurements. ValueError where this CPU has it not. Thread rule: any thread.
    """

class FirResampler:
    """One mono stream through the polyphase Kaiser filter. One stream belongs to one thread."""

    from_rate: int
    to_rate: int
    delay_samples: int
    def __init__(self, from_rate: int, to_rate: int, dtype: Literal["float32", "int16"] | str = "float32") -> None: ...
    def process(self, x: NDArray[np.float32] | NDArray[np.int16]) -> NDArray[np.float32] | NDArray[np.int16]:
        """[n] samples in, [m] out: after n samples in all, ceil(n * to / from) have come out.

        TypeError: dtype; ValueError: shape, stride, a sample not finite (nothing of the chunk is taken), after flush.
        """

    def flush(self) -> NDArray[np.float32] | NDArray[np.int16]:
        """The last `delay_samples` outputs, as if silence followed. Afterwards only `reset` is allowed."""

    def reset(self) -> None:
        """Begins a new stream, as if newly created."""
