"""Law 9: the words whose midpoint lies before the position heard, no more and no fewer."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio.voice.heard import WordAt, heard_until, place_words
from rtaudio.voice.protocols import Word

TEXT = "one two three four"
OFFSETS = [0, 4, 8, 14]


@given(
    st.lists(st.integers(0, 10_000), min_size=4, max_size=4).map(sorted), st.integers(0, 5_000), st.integers(0, 20_000)
)
def test_exactly_the_words_with_their_midpoint_before_it_are_heard(starts: list[int], rest: int, heard: int) -> None:
    words = [WordAt(start, offset) for start, offset in zip(starts, OFFSETS, strict=True)]
    end = starts[-1] + rest
    ends = [*starts[1:], end]
    expected = sum(Fraction(a + b, 2) < heard for a, b in zip(starts, ends, strict=True))
    # Midpoints never fall, so the words heard are the first ones.
    until = heard_until(words, len(TEXT), end, heard)
    assert TEXT[:until].split() == TEXT.split()[:expected]


def test_without_words_nothing_is_heard() -> None:
    assert heard_until([], 10, 1000, 1000) == 0


def test_the_midpoint_itself_is_not_before_it() -> None:
    words = [WordAt(0, 0), WordAt(100, 4)]
    assert heard_until(words, 7, 200, 50) == 0
    assert heard_until(words, 7, 200, 51) == 4
    assert heard_until(words, 7, 200, 150) == 4
    assert heard_until(words, 7, 200, 151) == 7


def test_words_without_times_share_the_samples_by_their_characters() -> None:
    assert place_words("ab cde f", [], 800, 24000) == [WordAt(0, 0), WordAt(300, 3), WordAt(700, 7)]


def test_words_after_the_last_time_share_what_is_left() -> None:
    known = [Word(0.0, 0), Word(0.25, 3)]
    assert place_words("ab cde f", known, 12_000, 24000) == [WordAt(0, 0), WordAt(6000, 3), WordAt(10800, 7)]


@pytest.mark.parametrize(
    "known", [[Word(0.5, 0), Word(0.2, 3)], [Word(0.0, 3), Word(0.1, 3)], [Word(0.0, 99)], [Word(-1.0, 0)]]
)
def test_times_that_make_no_sense_are_refused(known: list[Word]) -> None:
    with pytest.raises(ValueError, match="word at"):
        place_words("ab cde f", known, 12_000, 24000)


@pytest.mark.parametrize("time", ["nan", "inf"])
def test_a_time_that_is_no_number_is_refused(time: str) -> None:
    with pytest.raises(ValueError, match="word at"):
        place_words("ab cde f", [Word(float(time), 0)], 12_000, 24000)
