"""Ring buffer and history ring, for float32 and int16 samples, mono.

All counts and positions are samples. Arrays given must be one-dimensional, contiguous, in native byte order and of the
ring's dtype: TypeError for another dtype or no array, ValueError for another layout, a length of zero or one that can
never fit. Nothing here waits.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32] | NDArray[np.int16]
Dtype = Literal["float32", "int16"]

class RingClosed(Exception):
    """The ring or history has been closed: nothing more goes in, or nothing more will come."""

class LostSamples(Exception):
    """What was asked for has been overwritten: `samples` of it; `position` is the oldest that is left."""

    samples: int
    position: int
    def __init__(self, samples: int, position: int) -> None: ...

class Ring:
    """Single producer, single consumer, lock-free ring of samples, all in or not at all (law 8).

    Thread rule: one thread calls `push`, `reserve`, `commit`, `close` and `room`, one (the same or another) calls
    `pull`, `pull_into`, `peek`, `advance` and `available`; the counters may be read by any.
    """

    def __init__(
        self,
        capacity: int,
        dtype: Dtype = "float32",
        policy: Literal["reject", "drop_newest"] = "reject",
        *,
        start: int = 0,
    ) -> None:
        """`capacity`: a power of two. `policy` names the counter of frames that do not fit: "reject" for writers
        that try again, "drop_newest" for those that cannot. `start`: where both counters begin (a position of a
        media clock)."""
    @property
    def capacity(self) -> int: ...
    @property
    def dtype(self) -> Dtype: ...
    @property
    def policy(self) -> Literal["reject", "drop_newest"]: ...
    def push(self, frame: Samples, /) -> bool:
        """True: the whole frame is in. False: none of it, and its length is counted in `rejected` or `dropped`.
        RingClosed after `close`."""
    def reserve(self, count: int) -> tuple[Samples, ...]:
        """One or two writable views, in order, of the place for `count` samples; empty, and counted, if there is no
        room. What is written there goes out with `commit` and must not be touched afterwards."""
    def commit(self, count: int) -> None:
        """Puts the first `count` reserved samples into the ring; ValueError if fewer are reserved."""
    def close(self) -> None:
        """No more will be pushed; what is in the ring can still be pulled. May be called again."""
    @property
    def room(self) -> int:
        """Samples that `push` would take now."""
    def pull(self, count: int) -> Samples:
        """The next `count` samples, copied; an empty array if fewer are there. RingClosed if moreover no more will
        come: `available` says what is left."""
    def pull_into(self, out: Samples, /) -> bool:
        """Fills `out`; False, and `out` untouched, if fewer samples are there. RingClosed as in `pull`."""
    def peek(self, count: int) -> tuple[Samples, ...]:
        """One or two read-only views, in order, of the next `count` samples; empty if fewer are there. They stay as
        they are until `advance`. RingClosed as in `pull`."""
    def advance(self, count: int) -> None:
        """Takes `count` samples without copying; ValueError if fewer are there."""
    @property
    def available(self) -> int:
        """Samples that `pull` would give now."""
    @property
    def written(self) -> int:
        """`start` + samples ever accepted, modulo 2**64."""
    @property
    def read(self) -> int:
        """`start` + samples ever taken, modulo 2**64."""
    @property
    def rejected(self) -> int:
        """Samples refused under "reject"."""
    @property
    def dropped(self) -> int:
        """Samples dropped under "drop_newest"."""
    @property
    def closed(self) -> bool: ...

class History:
    """One writer that never waits, any number of readers, the last `capacity - guard` samples kept.

    Overflow: the oldest is overwritten, and counted in `lost` of each reader that had not taken it (law 8).
    Thread rule: one thread writes and closes; each reader belongs to one thread; `commit` is set by one.
    """

    def __init__(self, capacity: int, dtype: Dtype = "float32", guard: int | None = None) -> None:
        """`capacity`: a power of two. `guard` (default: an eighth of it): how much may be written while a reader
        looks at a view of the oldest sample that is still given out."""
    @property
    def capacity(self) -> int: ...
    @property
    def guard(self) -> int: ...
    @property
    def dtype(self) -> Dtype: ...
    def write(self, frame: Samples, /) -> None:
        """Takes 1 to capacity / 2 samples. RingClosed after `close`."""
    def reader(self, position: int | None = None) -> HistoryReader:
        """A cursor at `position` (default: the next sample to be written; it may lie ahead). If that has been
        overwritten, at the oldest sample, the difference counted in its `lost`."""
    def close(self) -> None: ...
    @property
    def commit(self) -> int:
        """Everything before this has been dealt with; no views are given of it. It never falls and never passes
        `written`: ValueError."""
    @commit.setter
    def commit(self, position: int) -> None: ...
    @property
    def written(self) -> int: ...
    @property
    def closed(self) -> bool: ...

class HistoryReader:
    """A cursor of its own on a History, as `History.reader()` makes it. One thread."""

    def __init__(self, history: History, position: int) -> None: ...
    @property
    def position(self) -> int:
        """The next sample to read; may be set."""
    @position.setter
    def position(self, position: int) -> None: ...
    @property
    def available(self) -> int:
        """Samples written from `position` on, those that were overwritten since included."""
    @property
    def oldest(self) -> int:
        """The first position that can still be read."""
    @property
    def lost(self) -> int:
        """Samples that were overwritten before this reader took them."""
    def read(self, count: int | None = None) -> Samples:
        """Copies `count` samples (default: all available) and moves on; an empty array if fewer are there.
        LostSamples once if overtaken: counted, and the position is at the oldest sample. RingClosed if no more will
        come."""
    def copy(self, start: int, count: int) -> Samples:
        """Samples [start, start + count); the position stays. LostSamples if overwritten, ValueError if not yet
        written."""
    def view(self, start: int, count: int) -> tuple[Samples, ...]:
        """The same in place, one or two read-only views; LostSamples also before `commit`. They hold good while the
        writer writes up to `guard` samples more: ask `valid` after use."""
    def valid(self, start: int) -> bool:
        """Whether nothing from `start` on has been overwritten up to now."""

def measure_ring_ns(frames: int = 100000) -> dict[str, float]:
    """What the ring costs, in ns per frame of 480 float32 samples, with room for 64 frames.

    `ring_ns_per_10ms_frame`: between two native threads, each kept on a processor of its own, best of 32 batches;
    `ring_median_ns`: their median; `one_thread_ns`: push and pull in turn by one thread; `handover_ns`: the same bytes
    passed between the two processors without a ring, the machine's floor; `memcpy_ns`: one copy of a frame inside a
    cache; `mismatches`: frames that did not arrive as sent (0); `processors`: 2, or 1 where there was no second one.
    Releases the GIL. ValueError: fewer than 32 frames.
    """
