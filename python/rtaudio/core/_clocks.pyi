"""Bindings of csrc/resample_variable.h, csrc/clock_track.h and csrc/clock_bridge.h: two clocks that drift apart.

Times are whole nanoseconds of one monotonic clock, positions are samples.
"""

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

class VariableResampler:
    """Changes the rate of one mono stream, at a ratio that is steered while it runs.

    Output k has a position on the input's clock, at first 0; the next lies ``from_rate / to_rate * (1 + ppm / 10**6)``
    further, in integers. Output k is the input `delay_samples` outputs (of the nominal rate) before its position:
    constant on the input's clock (law 7). Tones at and above the lower Nyquist come out at -90 dB or less. Chunks never
    change the output (law 6), nor does the instruction set (law 5).

    Rates: any of 8, 11.025, 12, 16, 22.05, 24, 32, 44.1, 48 kHz to any of 8, 16, 24, 48 kHz, equal ones included (which
    are filtered, too). One stream belongs to one thread.
    """

    MOST_PPM: ClassVar[int]
    from_rate: int
    to_rate: int
    delay_samples: int
    def __init__(self, from_rate: int, to_rate: int) -> None:
        """ValueError: not a pair of rates."""

    def steer(self, ppm: float, over_samples: int = 0) -> None:
        """From the next output on, the ratio runs straight to `ppm`: reached after `over_samples` more (0: at once).

        Positive: the input is read faster, for a source whose clock is fast. ValueError: beyond ±`MOST_PPM`.
        """

    @property
    def ppm(self) -> float:
        """Of the step to the next output."""

    @property
    def ahead_samples(self) -> float:
        """Input samples put and not yet passed by the position of the next output."""

    @property
    def room_samples(self) -> int:
        """How many samples `put` has room for."""

    def put(self, x: NDArray[np.float32]) -> None:
        """[n] samples, all or none. ValueError: more than `room_samples`, a sample not finite. TypeError: dtype."""

    def get(self, most: int) -> NDArray[np.float32]:
        """[m] next outputs, m <= `most`, as many as can be had."""

    def needs(self, count: int) -> int:
        """How many more samples must be put before `count` more outputs can be had, as it is steered now."""

    def process(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """[n] in, [m] out: takes a chunk of any length, gives all outputs that can be had. Errors as `put`."""

    def reset(self) -> None:
        """Begins a new stream, at 0 ppm."""

class ClockTrack:
    """Where another clock stands, from marks "by now that many samples had passed" which come in blocks and late.

    Of each second the mark that came least late counts; a Kalman filter lays a line through those. The states are in
    csrc/clock_track.h. One thread.
    """

    rate: int
    def __init__(self, rate: int) -> None:
        """`rate`: nominal, samples a second."""

    def mark(self, position: int, now_ns: int) -> None:
        """By `now_ns` the clock had come to `position`. What falls counts as what it was (`backwards`).

        ValueError: not a whole number in range.
        """

    def beyond(self, position: int, now_ns: int) -> float:
        """How many samples beyond `position` the clock stands at `now_ns`. 0 before the first mark."""

    @property
    def state(self) -> Literal["empty", "first", "tracking", "doubt"]:
        """Of csrc/clock_track.h."""

    @property
    def ppm(self) -> float:
        """How much faster than nominal it runs."""

    @property
    def sigma_s(self) -> float:
        """Standard deviation of where it stands, as the filter has it."""

    @property
    def sigma_ppm(self) -> float:
        """Standard deviation of its rate, as the filter has it."""

    def figures(self) -> dict[str, int]:
        """marks, steps (times the line was moved at once), backwards (times that fell), seconds (corrections)."""

class ClockBridge:
    """Sound from one clock to another that drifts against it, at a constant delay: `target_s` and `delay_samples`.

    ``push`` takes blocks of the source's, ``pull`` gives blocks of the sink's; each as late as its thread is.
    The drift is measured, and what is between them is read that much faster or slower; the pitch glides by 100 ppm a
    second at most. `target_s` has to cover a block of each side, the lateness of pushes and the resampler's delay.

    Where there is not enough (an underrun), or 0.25 s too much (an overrun), sound fades out, and begins again at the
    target: both are counted. States and sums: csrc/clock_bridge.h. One thread pushes, one pulls.
    """

    source_rate: int
    sink_rate: int
    target_s: float
    delay_samples: int
    def __init__(
        self,
        source_rate: int,
        sink_rate: int,
        *,
        target_s: float = 0.1,
        capacity_s: float = 2.0,
        most_ppm: float = 1000.0,
    ) -> None:
        """`capacity_s`: bound of what may wait, 2 `target_s` to 60 (rounded up to a power of two of samples).
        `most_ppm`: 1 .. 5000; has to exceed the drift. ValueError: out of range, not a pair of rates."""

    def push(self, samples: NDArray[np.float32], now_ns: int) -> int:
        """[n] samples, the last of which was taken in by `now_ns`. Gives how many there was room for; the rest is
        dropped and counted. TypeError, ValueError: dtype, shape."""

    def pull(self, count: int, now_ns: int) -> NDArray[np.float32]:
        """[count] samples, the first of which was wanted by `now_ns`; silence before sound begins and where it is
        interrupted."""

    def figures(self) -> dict[str, Any]:
        """`state` ("waiting", "settling", "locked"); `level_s`, at the last pull; `drift_ppm`, source against sink;
        `ppm`, how it is read; `source_ppm`, `sink_ppm` against the clock of the times; `read_position`, source samples.
        Counters: taken = used + skipped + queued (`dropped` beside them), in source samples; pulled = played + waited +
        starved, in sink samples; `underruns`, `overruns`, `locks`, `clock_steps`, `times_back`, `marks_dropped`."""
