"""The history ring from Python: against a plain model, views in place, losses counted, and what it must refuse."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio.core._ring import History, HistoryReader, LostSamples, RingClosed

CAPACITY, GUARD = 32, 8
RETAINED = CAPACITY - GUARD


def numbers(first: int, count: int) -> Any:
    return np.arange(first, first + count, dtype=np.float32)


def filled(count: int, guard: int = GUARD) -> History:
    history = History(CAPACITY, guard=guard)
    for k in range(count):
        history.write(numbers(k, 1))
    return history


def joined(parts: tuple[Any, ...]) -> list[int]:
    return [int(x) for part in parts for x in part]


def read_like_model(reader: HistoryReader, written: int, count: int | None) -> None:
    position, lost, oldest = reader.position, reader.lost, max(0, written - RETAINED)
    if position < oldest and (count is not None or written > position):
        with pytest.raises(LostSamples) as caught:
            reader.read(count)
        assert (caught.value.samples, caught.value.position) == (oldest - position, oldest)
        assert (reader.position, reader.lost) == (oldest, lost + oldest - position)
        return
    wanted = written - position if count is None else count
    got = reader.read(count)
    there = position + wanted <= written
    assert joined((got,)) == (list(range(position, position + wanted)) if there else [])
    assert reader.position == position + len(got)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("write"), st.integers(1, CAPACITY // 2)),
            st.tuples(st.just("read"), st.one_of(st.none(), st.integers(1, RETAINED))),
            st.tuples(st.just("copy"), st.integers(0, 400)),
            st.tuples(st.just("commit"), st.integers(0, 20)),
        ),
        max_size=60,
    )
)
def test_history_is_its_model(steps: list[tuple[str, Any]]) -> None:
    """Law 8: the oldest goes, the loss is counted at the reader; law 1 of a reader: read + lost = position."""
    history = History(CAPACITY, guard=GUARD)
    reader, written, read = history.reader(0), 0, 0
    for what, value in steps:
        oldest = max(0, written - RETAINED)
        match what:
            case "write":
                history.write(numbers(written, value))
                written += value
            case "read":
                before, lost = reader.position, reader.lost
                read_like_model(reader, written, value)
                read += reader.position - before - (reader.lost - lost)
            case "copy":
                start = value % (written + 3)
                expected = list(range(start, start + 2))
                if start < oldest:
                    with pytest.raises(LostSamples):
                        reader.copy(start, 2)
                elif start + 2 > written:
                    with pytest.raises(ValueError, match="not yet written"):
                        reader.copy(start, 2)
                else:
                    assert joined((reader.copy(start, 2),)) == expected
                    if start >= history.commit:
                        assert joined(reader.view(start, 2)) == expected
                    else:
                        with pytest.raises(LostSamples):
                            reader.view(start, 2)
            case "commit":
                history.commit = min(written, history.commit + value)
        assert (history.written, reader.available) == (written, written - reader.position)
        assert read + reader.lost == reader.position
        assert reader.oldest == max(0, written - RETAINED)


def test_a_view_stays_while_the_guard_is_written_and_no_longer() -> None:
    history = filled(100)
    reader = history.reader()
    oldest = reader.oldest
    view = reader.view(oldest, RETAINED)
    assert joined(view) == list(range(76, 100))
    history.write(numbers(100, GUARD))
    assert reader.valid(oldest)
    assert joined(view) == list(range(76, 100))
    history.write(numbers(108, 1))
    assert not reader.valid(oldest)
    assert reader.valid(oldest + 1)


def test_views_are_read_only_and_keep_the_history_alive() -> None:
    history = filled(40)
    parts = history.reader().view(30, 4)  # across the end of the memory
    assert [len(part) for part in parts] == [2, 2]
    assert not any(part.flags.writeable for part in parts)
    with pytest.raises(ValueError, match="WRITEABLE"):
        parts[0].flags.writeable = True
    del history
    assert joined(parts) == [30, 31, 32, 33]


def test_readers_do_not_know_each_other() -> None:
    history = filled(20)
    early, late, now, ahead = history.reader(0), history.reader(12), history.reader(), history.reader(25)
    assert joined((early.read(5),)) == [0, 1, 2, 3, 4]
    assert (late.position, now.position, ahead.position) == (12, 20, 25)
    assert (late.available, now.available, ahead.available) == (8, 0, 0)
    assert len(ahead.read()) == 0
    for k in range(20, 30):
        history.write(numbers(k, 1))
    assert joined((ahead.read(),)) == [25, 26, 27, 28, 29]
    assert joined((late.read(),)) == list(range(12, 30))


def test_a_late_reader_is_told_what_it_missed() -> None:
    reader = filled(100).reader(10)
    assert (reader.position, reader.lost) == (76, 66)
    assert joined((reader.read(2),)) == [76, 77]


def test_commit_never_falls_and_never_passes_what_is_written() -> None:
    history = filled(20)
    history.commit = 15
    for wrong in (14, 21, -1):
        with pytest.raises(ValueError, match="expected 15 to 20"):
            history.commit = wrong
    assert history.commit == 15


def test_a_closed_history_can_be_read_to_its_end() -> None:
    history = filled(5)
    reader = history.reader(0)
    history.close()
    history.close()
    assert history.closed
    with pytest.raises(RingClosed):
        history.write(numbers(5, 1))
    with pytest.raises(RingClosed):
        reader.read(6)
    assert len(reader.read()) == 5
    with pytest.raises(RingClosed):
        reader.read()


def test_int16_history() -> None:
    history = History(64, "int16", 0)
    history.write(np.array([-32768, 0, 32767], np.int16))
    assert joined((history.reader(0).read(),)) == [-32768, 0, 32767]


def test_two_threads_read_what_was_written_or_count_it_lost() -> None:
    """Blocks long enough that both sides run without the GIL."""
    history = History(1 << 17, guard=1 << 14)
    block, blocks = 1 << 15, 150
    reader = history.reader(0)
    wrong: list[int] = []
    got = 0

    def write() -> None:
        for k in range(blocks):
            history.write(numbers(k * block, block))
        history.close()

    thread = threading.Thread(target=write)
    thread.start()
    while not wrong:
        position = reader.position
        try:
            part = reader.read(20_000)
        except LostSamples:
            continue
        except RingClosed:
            break
        # 150 * 2**15 < 2**24: every number is exact in float32
        if not np.array_equal(part, numbers(position, len(part))):
            wrong.append(position)
        got += len(part)
    thread.join()
    assert not wrong
    assert got + reader.lost == reader.position
    assert history.written - reader.position < 20_000


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda h, r: h.write(np.zeros(0, np.float32)), "got 0"),
        (lambda h, r: h.write(np.zeros(CAPACITY // 2 + 1, np.float32)), "1 to 16"),
        (lambda h, r: h.write(np.zeros((2, 2), np.float32)), "shape"),
        (lambda h, r: h.write(np.zeros(8, np.float32)[::2]), "contiguous"),
        (lambda h, r: h.reader(-1), "position"),
        (lambda h, r: setattr(r, "position", -1), "position"),
        (lambda h, r: r.read(0), "got 0"),
        (lambda h, r: r.read(-3), "got -3"),
        (lambda h, r: r.read(RETAINED + 1), "1 to 24"),
        (lambda h, r: r.copy(-1, 1), "copy"),
        (lambda h, r: r.copy(0, 0), "got 0"),
        (lambda h, r: r.view(0, -1), "got -1"),
        (lambda h, r: r.view(-1, 1), "view"),
        (lambda h, r: r.view(9, 2), "not yet written"),
        (lambda h, r: History(12), "the next is 16"),
        (lambda h, r: History(16, guard=16), "guard"),
        (lambda h, r: History(16, guard=-1), "guard"),
        (lambda h, r: History(16, "uint8"), "dtype"),
    ],
)
def test_bad_values_are_refused(call: Callable[[History, HistoryReader], object], says: str) -> None:
    """Law 11."""
    history = filled(10)
    reader = history.reader(4)
    with pytest.raises(ValueError, match=says):
        call(history, reader)
    assert (history.written, reader.position, reader.lost) == (10, 4, 0)


def test_wrong_types_are_refused() -> None:
    history = filled(10)
    with pytest.raises(TypeError, match="float64"):
        history.write(np.zeros(4))
    with pytest.raises(TypeError, match="list"):
        history.write([0.0])  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        HistoryReader(None, 0)  # type: ignore[arg-type]
