"""G.711 against tables made here from the recommendation's own text: decision values and quantised values."""

from __future__ import annotations

import itertools
import sys
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rtaudio.core._dsp import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode

ALL_INT16 = np.arange(-32768, 32768).astype(np.int16)
ALL_OCTETS = np.arange(256).astype(np.uint8)

# Ends of the segments, Tables 1a and 2a of G.711 (11/88), in units of 1/4096 and 1/8159 of the virtual full scale.
# mu-law's first segment has one step of 1 and fifteen of 2; all other segments have sixteen equal steps.
ALAW_ENDS = [0, 32, 64, 128, 256, 512, 1024, 2048, 4096]
ULAW_ENDS = [31, 95, 223, 479, 991, 2015, 4063, 8159]


def alaw_decisions() -> list[int]:
    """x1 .. x129 of Table 1a: 128 intervals. (The first two segments are alike: steps of 2.)"""
    values = [0]
    for low, high in itertools.pairwise(ALAW_ENDS):
        values += [low + (high - low) // 16 * k for k in range(1, 17)]
    return values


def ulaw_decisions() -> list[int]:
    """x1 .. x129 of Table 2a: 128 intervals."""
    values = [0, *range(1, 32, 2)]
    for low, high in itertools.pairwise(ULAW_ENDS):
        values += [low + (high - low) // 16 * k for k in range(1, 17)]
    return values


def interval(decisions: list[int], scale: int) -> NDArray[np.intp]:
    """For every int16, the number of its interval, 0 .. 127; on a decision value a positive one takes the upper, a
    negative one the lower."""
    edges = np.array(decisions[1:-1]) * scale
    size = np.abs(ALL_INT16.astype(np.int32))
    upper, lower = np.searchsorted(edges, size, "right"), np.searchsorted(edges, size, "left")
    return np.where(ALL_INT16 < 0, lower, upper)


def test_the_decision_values_are_those_of_the_tables() -> None:
    assert len(alaw_decisions()) == len(ulaw_decisions()) == 129
    assert alaw_decisions()[112:114] == [2048, 2176]
    assert ulaw_decisions()[112:114] == [4063, 4319]


def test_alaw_encodes_every_sample_by_the_decision_values() -> None:
    number = interval(alaw_decisions(), 8)  # 13 bits in 16: +-4096 is the full scale
    expected = (number | np.where(ALL_INT16 < 0, 0, 0x80)) ^ 0x55  # Table 1a, even bits inverted
    assert np.array_equal(alaw_encode(ALL_INT16), expected)


def test_ulaw_encodes_every_sample_by_the_decision_values() -> None:
    number = interval(ulaw_decisions(), 4)  # 14 bits in 16
    expected = 127 - number + np.where(ALL_INT16 < 0, 0, 0x80)  # Table 2a: 11111111 for the first interval
    assert np.array_equal(ulaw_encode(ALL_INT16), expected)


def test_alaw_decodes_to_the_middle_of_each_interval() -> None:
    decisions = np.array(alaw_decisions())
    middle = 8 * (decisions[:-1] + decisions[1:]) // 2
    number = (ALL_OCTETS ^ 0x55) & 0x7F
    expected = np.where((ALL_OCTETS ^ 0x55) & 0x80, middle[number], -middle[number])
    assert np.array_equal(alaw_decode(ALL_OCTETS), expected)


def test_ulaw_decodes_to_the_middle_of_each_interval_and_the_first_to_0() -> None:
    decisions = np.array(ulaw_decisions())
    middle = 4 * (decisions[:-1] + decisions[1:]) // 2
    middle[0] = 0  # Table 2a: y1 = 0
    number = 127 - (ALL_OCTETS & 0x7F)
    expected = np.where(ALL_OCTETS & 0x80, middle[number], -middle[number])
    assert np.array_equal(ulaw_decode(ALL_OCTETS), expected)


def test_octets_come_back_as_they_were() -> None:
    assert np.array_equal(alaw_encode(alaw_decode(ALL_OCTETS)), ALL_OCTETS)
    back = ulaw_encode(ulaw_decode(ALL_OCTETS))
    assert np.array_equal(np.delete(back, 0x7F), np.delete(ALL_OCTETS, 0x7F))
    assert back[0x7F] == 0xFF  # minus zero


def test_silence_is_what_the_network_sends_for_it() -> None:
    assert alaw_encode(np.zeros(1, np.int16)).tolist() == [0xD5]
    assert ulaw_encode(np.zeros(1, np.int16)).tolist() == [0xFF]


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="Python 3.13 has no audioop")
def test_the_standard_library_agrees() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import audioop
    assert alaw_encode(ALL_INT16).tobytes() == audioop.lin2alaw(ALL_INT16.tobytes(), 2)
    assert alaw_decode(ALL_OCTETS).tobytes() == audioop.alaw2lin(ALL_OCTETS.tobytes(), 2)
    assert ulaw_decode(ALL_OCTETS).tobytes() == audioop.ulaw2lin(ALL_OCTETS.tobytes(), 2)
    # Its mu-law shifts a negative sample before it takes the magnitude, so that -1/4 of a step counts as a whole one:
    # what it does with x + 4 is what the decision values ask of x.
    theirs = np.frombuffer(audioop.lin2ulaw(ALL_INT16.tobytes(), 2), np.uint8)
    ours = ulaw_encode(ALL_INT16)
    assert np.array_equal(ours[ALL_INT16 >= 0], theirs[ALL_INT16 >= 0])
    assert np.array_equal(ours[:32764], theirs[4:32768])


def test_octets_may_be_bytes_or_an_array() -> None:
    for decode in (ulaw_decode, alaw_decode):
        assert np.array_equal(decode(ALL_OCTETS.tobytes()), decode(ALL_OCTETS))
        assert np.array_equal(decode(memoryview(ALL_OCTETS.tobytes())[::1]), decode(ALL_OCTETS))
        assert len(decode(b"")) == 0


def test_wrong_input_is_refused() -> None:
    wrong_samples: list[Any] = [np.zeros(3, np.float32), b"\0\0", [0], None]
    for encode in (ulaw_encode, alaw_encode):
        for x in wrong_samples:
            with pytest.raises(TypeError, match="expected"):
                encode(x)
        with pytest.raises(ValueError, match="contiguous"):
            encode(np.zeros(8, np.int16)[::2])
        with pytest.raises(ValueError, match="mono"):
            encode(np.zeros((4, 2), np.int16))
    wrong_octets: list[Any] = [np.zeros(3, np.int16), "text", None, 3]
    for decode in (ulaw_decode, alaw_decode):
        for x in wrong_octets:
            with pytest.raises(TypeError):
                decode(x)
