"""What the ring costs: between two native threads, and through Python."""

from __future__ import annotations

import time

import numpy as np

from rtaudio import Ring
from rtaudio.core._ring import measure_ring_ns

FRAME = 480  # 10 ms at 48 kHz


def push_and_pull_us(batches: int = 50, per_batch: int = 2000) -> float:
    """Microseconds for one push and one pull of a 10 ms frame from Python, on one thread: best batch."""
    ring = Ring(64 * 512)
    frame = np.full(FRAME, 0.25, np.float32)
    out = np.empty(FRAME, np.float32)
    best = float("inf")
    for _ in range(batches):
        began = time.perf_counter_ns()
        for _ in range(per_batch):
            ring.push(frame)
            ring.pull_into(out)
        best = min(best, (time.perf_counter_ns() - began) / per_batch / 1000)
    if not np.array_equal(out, frame):
        raise AssertionError("the frame pulled is not the frame pushed")
    return best


def measure() -> dict[str, float]:
    """``ring_ns_per_10ms_frame`` and ``ring_median_ns`` (two native threads), ``memcpy_ns`` (one copy of a frame),
    ``ring_python_us``."""
    native = measure_ring_ns(frames=200_000)
    if native.pop("mismatches"):
        raise AssertionError("frames did not arrive as they were sent")
    return {**native, "ring_python_us": push_and_pull_us()}
