"""What playout costs through Python: a pull, a write, a flush, a snapshot. Run by ``make bench``."""

from __future__ import annotations

from typing import Any

import numpy as np

from rtaudio import Playout

RATE = 48000
FRAME = np.full(480, 0.25, np.float32)


def test_pull(benchmark: Any) -> None:
    """A 10 ms frame from a queue that is never empty."""
    playout = Playout(RATE, queue_s=4.0)
    segment = playout.open_segment()
    out = np.empty(480, np.float32)

    def refill() -> None:
        while playout.room >= len(FRAME):
            segment.write(FRAME)

    benchmark.pedantic(playout.pull_into, args=(out,), setup=refill, rounds=2000)
    assert np.all(out == FRAME)
    playout.close()


def test_write(benchmark: Any) -> None:
    """A 10 ms frame at the port's rate."""
    playout = Playout(RATE, queue_s=4.0)
    segment = playout.open_segment()
    drain = np.empty(480, np.float32)
    assert benchmark.pedantic(segment.write, args=(FRAME,), setup=lambda: playout.pull_into(drain), rounds=2000) == 480
    playout.close()


def test_flush(benchmark: Any) -> None:
    """The call alone; what it takes until silence is `flush_to_silence_samples`."""
    playout = Playout(RATE)
    benchmark(playout.flush)
    playout.close()


def test_ledger(benchmark: Any) -> None:
    """One consistent snapshot."""
    playout = Playout(RATE)
    playout.open_segment().write(FRAME)
    assert benchmark(playout.ledger).written == 480
    playout.close()
