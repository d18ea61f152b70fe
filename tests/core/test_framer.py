"""The framer: any chunks in, frames at exact positions out (laws 6 and 11)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio.core._dsp import Framer


@given(
    frame=st.integers(1, 50),
    hop=st.integers(1, 80),
    sizes=st.lists(st.one_of(st.integers(0, 5), st.integers(0, 300)), max_size=15),
    dtype=st.sampled_from(["float32", "int16"]),
    start=st.sampled_from([0, 7, 2**60]),
)
def test_frames_hold_the_samples_of_their_positions(
    frame: int, hop: int, sizes: list[int], dtype: Any, start: int
) -> None:  # law 6
    stream = np.arange(sum(sizes)).astype(dtype)  # each sample is its own position
    framer = Framer(frame, hop, dtype)
    framer.reset(start)
    frames, taken = 0, 0
    for size in sizes:
        before = framer.position
        out = framer.push(stream[taken : taken + size])
        taken += size
        assert out.dtype == dtype
        assert out.shape[1] == frame
        for row in out:
            assert before == start + frames * hop
            assert np.array_equal(row, stream[frames * hop : frames * hop + frame])
            frames += 1
            before += hop
        # All frames that are complete have been given, and no other.
        assert frames == max(0, (taken - frame) // hop + 1)
        assert framer.position == start + frames * hop
        assert framer.pending_samples == max(0, taken - frames * hop)


def test_a_hop_is_a_frame_unless_told() -> None:
    framer = Framer(512)
    assert (framer.frame_samples, framer.hop_samples) == (512, 512)
    assert framer.push(np.zeros(1300, np.float32)).shape == (2, 512)
    assert framer.pending_samples == 276


def test_frames_are_the_caller_s_own() -> None:
    framer = Framer(4, 2)
    first = framer.push(np.arange(4, dtype=np.float32))
    first[:] = -1
    assert framer.push(np.arange(4, 6, dtype=np.float32)).tolist() == [[2, 3, 4, 5]]


def test_reset_forgets() -> None:
    framer = Framer(4)
    framer.push(np.ones(3, np.float32))
    framer.reset(100)
    assert (framer.position, framer.pending_samples) == (100, 0)
    assert framer.push(np.zeros(4, np.float32)).tolist() == [[0, 0, 0, 0]]
    assert framer.position == 104


@pytest.mark.parametrize(("frame", "hop"), [(0, 1), (1, 0), (-1, 1), (1, -1), (2**24 + 1, 1), (1, 2**24 + 1)])
def test_sizes_out_of_range_are_refused(frame: int, hop: int) -> None:
    with pytest.raises(ValueError, match=f"frame_samples={frame}, hop_samples={hop}"):
        Framer(frame, hop)


def test_wrong_input_is_refused_and_nothing_is_taken() -> None:
    framer = Framer(4)
    framer.push(np.zeros(1, np.float32))
    wrong: list[tuple[Any, type[Exception]]] = [
        (np.zeros(4, np.int16), TypeError),
        (np.zeros(4), TypeError),
        (b"\0\0", TypeError),
        (np.zeros((2, 2), np.float32), ValueError),
        (np.zeros(8, np.float32)[::2], ValueError),
    ]
    for x, error in wrong:
        with pytest.raises(error, match="framer input"):
            framer.push(x)
    assert framer.pending_samples == 1
    name: Any = "float64"
    with pytest.raises(ValueError, match="'float32' or 'int16'"):
        Framer(4, dtype=name)
    with pytest.raises(ValueError, match="position=-1"):
        framer.reset(-1)
