"""What the ring costs: from Python, push and pull of a 10 ms frame at 48 kHz (target: 1 us together), and between two
native threads (target: 150 ns a frame).

    python -m pytest bench/test_bench_ring.py
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rtaudio.core._ring import History, Ring, measure_ring_ns

FRAME = 480


@pytest.fixture
def frame() -> Any:
    return np.linspace(-1, 1, FRAME, dtype=np.float32)


def test_push_and_pull(benchmark: Any, frame: Any) -> None:
    ring = Ring(1 << 15)

    def both() -> Any:
        ring.push(frame)
        return ring.pull(FRAME)

    assert np.array_equal(benchmark(both), frame)


def test_push_and_pull_into(benchmark: Any, frame: Any) -> None:
    ring, out = Ring(1 << 15), np.empty(FRAME, np.float32)

    def both() -> None:
        ring.push(frame)
        ring.pull_into(out)

    benchmark(both)
    assert np.array_equal(out, frame)


def test_reserve_commit_peek_advance(benchmark: Any) -> None:
    ring = Ring(1 << 15)

    def in_place() -> None:
        ring.reserve(FRAME)
        ring.commit(FRAME)
        ring.peek(FRAME)
        ring.advance(FRAME)

    benchmark(in_place)
    assert ring.read == ring.written


def test_history_write_and_read(benchmark: Any, frame: Any) -> None:
    history = History(1 << 15)
    reader = history.reader()

    def both() -> Any:
        history.write(frame)
        return reader.read(FRAME)

    assert np.array_equal(benchmark(both), frame)


def test_between_two_native_threads(benchmark: Any) -> None:
    """The time shown is that of the whole run; the figures per frame are in extra_info."""
    figures = benchmark.pedantic(measure_ring_ns, (100_000,), rounds=3)
    benchmark.extra_info.update(figures)
    assert figures["mismatches"] == 0
