"""The clause splitter: nothing lost, nothing cut in the wrong place, whatever pieces the text comes in."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio.voice.clauses import MAX_CHARS, ClauseSplitter

TEXTS = st.text(alphabet="ab 1.,;:!?\n-…。\"')( DrNoetc", max_size=400)


def split(*pieces: str, first: int = 10, chars: int = 60) -> list[str]:
    splitter = ClauseSplitter(first, chars)
    clauses = [clause for piece in pieces for clause in splitter.feed(piece)]
    return [clause.text for clause in clauses + splitter.finish()]


@given(TEXTS)
def test_clauses_put_together_are_the_text(text: str) -> None:
    splitter = ClauseSplitter()
    clauses = [*splitter.feed(text), *splitter.finish()]
    joined = "".join(clause.text for clause in clauses)
    assert text.startswith(joined)
    assert not any(map(str.isalnum, text[len(joined) :])), "only what cannot be spoken may be left over"
    for clause in clauses:
        assert text[clause.offset : clause.offset + len(clause.text)] == clause.text
        assert text[clause.spoken_offset : clause.spoken_offset + len(clause.spoken)] == clause.spoken
        assert any(map(str.isalnum, clause.text))
        assert len(clause.text) <= MAX_CHARS


@given(TEXTS, st.lists(st.integers(0, 400), max_size=12))
def test_the_pieces_a_text_comes_in_change_nothing(text: str, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[a:b] for a, b in pairwise(edges)]
    assert split(*pieces) == split(text) == split(*text)


@pytest.mark.parametrize(
    "whole",
    [
        "It costs 3.50 and 1,000 people came at 10:30 sharp",
        "Dr. Smith and Mr. J. Jones, e.g. the elder, met",
        "Meet at 9 a.m. on the corner of Main St. and Park",
        "See fig. 3 and No. 5 of the list",
        "The well-known state-of-the-art",
    ],
)
def test_numbers_abbreviations_and_initials_stay_whole(whole: str) -> None:
    assert split(f"{whole}.", first=1000, chars=1000) == [f"{whole}."]


def test_a_first_clause_is_short_and_later_ones_are_not() -> None:
    text = "Well of course, I can do that, if you want me to. One, two, three, and four."
    assert split(text) == ["Well of course,", " I can do that, if you want me to.", " One, two, three, and four."]


def test_an_abbreviation_before_a_capital_ends_a_sentence() -> None:
    assert split("We sell pens, ink etc. Come in.", first=99) == ["We sell pens, ink etc.", " Come in."]
    assert split("He said no. Then he left.", first=99) == ["He said no.", " Then he left."]


def test_a_clause_goes_out_with_the_first_character_of_the_next() -> None:
    splitter = ClauseSplitter()
    assert splitter.feed("Hello there.") == []
    assert [clause.text for clause in splitter.feed(" ")] == ["Hello there."]


def test_text_without_an_end_is_cut_at_a_word() -> None:
    clauses = split("word " * 200)
    assert all(len(clause) <= MAX_CHARS and clause.endswith(("word ", "word")) for clause in clauses)


def test_what_cannot_be_spoken_is_no_clause() -> None:
    assert split("... !? \n -- ") == []
    assert split("... so it goes.") == ["... so it goes."]
