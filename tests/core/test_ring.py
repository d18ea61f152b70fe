"""The ring from Python: against a plain model, in place, across two threads, and given what it must refuse."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio.core._ring import Ring, RingClosed, measure_ring_ns

WRAP = 2**64
CAPACITY = 16
STARTS = st.sampled_from([0, 1, 13, 2**40, 2**63 - 3, WRAP - 1, WRAP - 7, WRAP - CAPACITY])
SIZES = st.integers(1, CAPACITY)
STEPS = st.lists(
    st.tuples(st.sampled_from(["push", "reserve", "pull", "pull_into", "peek", "advance"]), SIZES, st.integers(0, 8)),
    max_size=60,
)


def numbers(first: int, count: int, dtype: str = "float32") -> Any:
    """Samples that tell where they belong; exact in float32 and in int16."""
    return (np.arange(first, first + count) % 30000).astype(dtype)


def joined(parts: tuple[Any, ...]) -> list[float]:
    return [float(x) for part in parts for x in part]


class Model:
    """What a ring is, as a list."""

    def __init__(self, start: int, policy: str) -> None:
        self.held: list[float] = []
        self.written = self.read = start
        self.refused = 0
        self.policy = policy

    def put(self, samples: list[float], reserved: int) -> bool:
        if len(self.held) + reserved > CAPACITY:
            self.refused += reserved
            return False
        self.held += samples
        self.written = (self.written + len(samples)) % WRAP
        return True

    def take(self, count: int) -> list[float]:
        taken, self.held = self.held[:count], self.held[count:]
        self.read = (self.read + count) % WRAP
        return taken


def step(ring: Ring, model: Model, what: str, count: int, less: int, dtype: str) -> None:
    first = (model.written + model.refused) % 29000
    enough = count <= len(model.held)
    match what:
        case "push":
            frame = numbers(first, count, dtype)
            assert ring.push(frame) is model.put([float(x) for x in frame], count)
        case "reserve":
            frame = numbers(first, count, dtype)
            kept = max(0, count - less)
            views = ring.reserve(count)
            if model.put([float(x) for x in frame[:kept]], count):
                assert sum(map(len, views)) == count
                views[0][:] = frame[: len(views[0])]
                if len(views) == 2:
                    views[1][:] = frame[len(views[0]) :]
                ring.commit(kept)
            else:
                assert views == ()
        case "pull":
            assert joined((ring.pull(count),)) == (model.take(count) if enough else [])
        case "pull_into":
            out = np.full(count, -1, dtype)
            assert ring.pull_into(out) is enough
            assert joined((out,)) == (model.take(count) if enough else [-1.0] * count)
        case "peek":
            assert joined(ring.peek(count)) == (model.held[:count] if enough else [])
        case "advance" if enough:
            ring.advance(count)
            model.take(count)
        case "advance":
            with pytest.raises(ValueError, match="more than the"):
                ring.advance(count)


@given(
    start=STARTS,
    dtype=st.sampled_from(["float32", "int16"]),
    policy=st.sampled_from(["reject", "drop_newest"]),
    steps=STEPS,
)
def test_ring_is_its_model(start: int, dtype: Any, policy: Any, steps: list[tuple[str, int, int]]) -> None:
    """Law 8: bounded, whole frames, every refusal counted under the policy's name; counters pass 2**64."""
    ring, model = Ring(CAPACITY, dtype, policy, start=start), Model(start, policy)
    for what, count, less in steps:
        step(ring, model, what, count, less, dtype)
        assert (ring.written, ring.read) == (model.written, model.read)
        assert (ring.available, ring.room) == (len(model.held), CAPACITY - len(model.held))
        assert (ring.rejected, ring.dropped) == ((model.refused, 0) if policy == "reject" else (0, model.refused))


@given(
    cuts_in=st.lists(st.integers(1, 900), min_size=1, max_size=20),
    cuts_out=st.lists(st.integers(1, 900), min_size=1, max_size=20),
)
def test_cuts_do_not_change_what_comes_out(cuts_in: list[int], cuts_out: list[int]) -> None:
    """Law 6."""
    ring, sent, got, turn = Ring(1024), 0, [], 0
    while sent < 5000 or ring.available:
        if sent < 5000 and ring.push(numbers(sent, cuts_in[turn % len(cuts_in)])):
            sent += cuts_in[turn % len(cuts_in)]
        else:
            got += [ring.pull(min(ring.available, cuts_out[turn % len(cuts_out)]))]
        turn += 1
    assert np.array_equal(np.concatenate(got), numbers(0, sent))


@pytest.mark.parametrize("frame", [97, 480, 20000])  # 20000 float32 go without the GIL
@pytest.mark.parametrize("start", [0, WRAP - 100_000])
def test_two_threads_pass_every_sample_in_order(frame: int, start: int) -> None:
    ring = Ring(1 << 16, start=start)
    total = frame * (20_000_000 // frame // 50)
    wrong: list[str] = []

    def generate() -> None:
        sent = 0
        while sent < total:
            if ring.push(numbers(sent, frame)):
                sent += frame
        ring.close()

    def verify() -> None:
        got = 0
        while True:
            try:
                block = ring.pull(max(1, min(ring.available, 2 * frame)))
            except RingClosed:
                if not ring.available:
                    break
                continue
            if not np.array_equal(block, numbers(got, len(block))):
                wrong.append(f"at {got}")
                break
            got += len(block)
        if got != total:
            wrong.append(f"{got} of {total}")

    threads = [threading.Thread(target=each) for each in (generate, verify)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    assert (ring.written - start) % WRAP == (ring.read - start) % WRAP == total


def test_views_lie_in_the_ring_and_keep_it_alive() -> None:
    ring = Ring(8)
    ring.push(numbers(0, 6))
    ring.advance(6)
    first, second = ring.reserve(4)
    assert (len(first), len(second)) == (2, 2)
    first[:], second[:] = [10, 11], [12, 13]
    assert ring.available == 0  # not before commit
    ring.commit(4)
    seen = ring.peek(4)
    assert joined(seen) == [10, 11, 12, 13]
    assert np.shares_memory(seen[0], first)
    assert not seen[0].flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        seen[0][0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        seen[0].flags.writeable = True
    del ring, first, second
    gc.collect()
    assert joined(seen) == [10, 11, 12, 13]


def test_pulled_samples_are_a_copy() -> None:
    ring = Ring(4)
    ring.push(numbers(1, 4))
    taken = ring.pull(4)
    ring.push(numbers(11, 4))
    assert joined((taken,)) == [1, 2, 3, 4]


def test_only_what_is_reserved_can_be_committed() -> None:
    ring = Ring(8)
    with pytest.raises(ValueError, match="reserved"):
        ring.commit(1)
    ring.reserve(3)
    with pytest.raises(ValueError, match="reserved"):
        ring.commit(4)
    ring.push(numbers(0, 1))  # takes back the reservation
    with pytest.raises(ValueError, match="reserved"):
        ring.commit(3)
    assert ring.written == 1


def test_a_closed_ring_takes_nothing_and_gives_what_it_holds() -> None:
    ring = Ring(8)
    ring.push(numbers(0, 3))
    ring.close()
    ring.close()
    assert ring.closed
    for call in (lambda: ring.push(numbers(0, 1)), lambda: ring.reserve(1), lambda: ring.pull(4), lambda: ring.peek(4)):
        with pytest.raises(RingClosed):
            call()
    assert ring.rejected == 0
    assert joined((ring.pull(ring.available),)) == [0, 1, 2]
    with pytest.raises(RingClosed):
        ring.pull_into(np.empty(1, np.float32))


def strided() -> Any:
    return np.zeros(8, np.float32)[::2]


@pytest.mark.parametrize("method", ["push", "pull_into"])
@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: np.zeros(4), TypeError, "float64"),
        (lambda: np.zeros(4, np.int16), TypeError, "int16"),
        (lambda: np.zeros(4, ">f4"), TypeError, ">f4"),
        (lambda: np.zeros((2, 2), np.float32), ValueError, "shape"),
        (lambda: np.float32(1), TypeError, "array"),
        (lambda: np.array(1, np.float32), ValueError, "shape"),
        (strided, ValueError, "contiguous"),
        (lambda: np.zeros(0, np.float32), ValueError, "got 0"),
        (lambda: np.zeros(9, np.float32), ValueError, "got 9"),
        (lambda: [0.0, 1.0], TypeError, "list"),
        (lambda: b"\0\0\0\0", TypeError, "bytes"),
        (lambda: None, TypeError, "NoneType"),
    ],
)
def test_bad_arrays_are_refused_by_name(
    method: str, make: Callable[[], Any], error: type[Exception], says: str
) -> None:
    """Law 11: what, where, what to do; and nothing has changed."""
    ring = Ring(8)
    ring.push(numbers(0, 4))
    with pytest.raises(error, match=f"{method}: .*{says}"):
        getattr(ring, method)(make())
    assert (ring.written, ring.read, ring.rejected) == (4, 0, 0)


def test_a_read_only_array_cannot_be_filled() -> None:
    ring = Ring(8)
    ring.push(numbers(0, 4))
    out = np.zeros(4, np.float32)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="writable"):
        ring.pull_into(out)
    assert ring.read == 0


@pytest.mark.parametrize("method", ["pull", "peek", "reserve", "advance", "commit"])
@pytest.mark.parametrize("count", [-1, -(2**40), 9, 2**62])
def test_counts_out_of_range_are_refused(method: str, count: int) -> None:
    with pytest.raises(ValueError, match=method):
        getattr(Ring(8), method)(count)


@pytest.mark.parametrize("method", ["pull", "peek", "reserve"])
def test_a_count_of_zero_is_refused(method: str) -> None:
    with pytest.raises(ValueError, match="got 0"):
        getattr(Ring(8), method)(0)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((12,), "the next is 16"),
        ((0,), "power of two"),
        ((-8,), "power of two"),
        ((1 << 40,), "power of two"),
        ((8, "float64"), "dtype"),
        ((8, "float32", "overwrite"), "policy"),
    ],
)
def test_bad_rings_are_refused(arguments: tuple[Any, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Ring(*arguments)


def test_measuring_gives_all_figures() -> None:
    figures = measure_ring_ns(320)
    assert {"ring_ns_per_10ms_frame", "one_thread_ns", "handover_ns", "memcpy_ns"} < set(figures)
    assert all(figures[name] > 0 for name in figures if name != "mismatches")
    assert figures["mismatches"] == 0
    with pytest.raises(ValueError, match="at least 32"):
        measure_ring_ns(31)
