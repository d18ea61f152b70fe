"""The clause splitter: nothing lost, nothing cut in the wrong place, whatever pieces the text comes in."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio.voice import SessionOptions
from rtaudio.voice.clause_rules import LANGUAGES, rules_for
from rtaudio.voice.clauses import MARKS_IN_A_ROW, MAX_CHARS, ClauseSplitter

TEXTS = st.text(alphabet="ab 12.,;:!?\n-…。「」、।؟¿\"'”)( DrNoetczBm", max_size=400)
TAGS = st.sampled_from([None, *LANGUAGES])


def split(*pieces: str, first: int = 10, chars: int = 60, language: str | None = None) -> list[str]:
    splitter = ClauseSplitter(first, chars, rules_for(language))
    clauses = [clause for piece in pieces for clause in splitter.feed(piece)]
    return [clause.text for clause in clauses + splitter.finish()]


@given(TEXTS, TAGS)
def test_clauses_put_together_are_the_text(text: str, language: str | None) -> None:
    splitter = ClauseSplitter(language_rules=rules_for(language))
    clauses = [*splitter.feed(text), *splitter.finish()]
    joined = "".join(clause.text for clause in clauses)
    assert text.startswith(joined)
    assert not any(map(str.isalnum, text[len(joined) :])), "only what cannot be spoken may be left over"
    for clause in clauses:
        assert text[clause.offset : clause.offset + len(clause.text)] == clause.text
        assert text[clause.spoken_offset : clause.spoken_offset + len(clause.spoken)] == clause.spoken
        assert any(map(str.isalnum, clause.text)) or len(clause.text) == MAX_CHARS
        assert len(clause.text) <= MAX_CHARS + MARKS_IN_A_ROW


@given(TEXTS, st.lists(st.integers(0, 400), max_size=12), TAGS)
def test_the_pieces_a_text_comes_in_change_nothing(text: str, cuts: list[int], language: str | None) -> None:
    """Law 6."""
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[a:b] for a, b in pairwise(edges)]
    whole = split(text, language=language)
    assert split(*pieces, language=language) == whole == split(*text, language=language)


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


def sentences(text: str, language: str | None) -> list[str]:
    return [clause.strip() for clause in split(text, first=1000, chars=1000, language=language)]


@pytest.mark.parametrize(
    ("language", "whole"),
    [
        ("de", "Das ist z. B. am 3. Oktober, d. h. bei Dr. Weber um 9.30 Uhr, ca. 2.000 Leute, bzw. der 2. Weltkrieg."),
        ("de-AT", "Siehe Nr. 5 und Abs. 2, gem. Art. 3, vom 1. Mai bis 12. dieses Monats."),
        ("fr", "M. Dupont et Mme Durand, p. ex. à la p. 12, av. J.-C. ou non, coûtent 1 000,50 €."),
        ("es", "La Sra. García de Telefónica S.A. vive en la av. Sol, núm. 5, EE.UU. incluidos."),
        ("it", "Il sig. Rossi e la dott.ssa Bianchi, art. 3, ecc. ecc. vanno."),
        ("nl", "Dhr. Jansen, d.w.z. de heer o.a. van nr. 5, komt."),
        ("pl", "Spotkanie z dr. Nowakiem, m.in. przy ul. Długiej 3. marca."),
        ("ru", "Это г. Москва, т.е. ул. Ленина, д. 5."),
        ("da", "Det er den 3. maj, f.eks. hos dr. Hansen."),
        (None, "Dr. Smith, z. B. the U.S. government and Telefónica S.A. as of the 3. of it, e.g. No. 5, p. 12."),
        (None, "Options: 1. Red 2. Blue 3. Green"),
        (None, "1. First, then more"),
        (None, '"Stop!" he said, and "Why?" she asked.'),
        (None, "Well... so it is… or not"),
        (None, "¿Qué tal? "[:-1]),
    ],
)
def test_what_belongs_together_stays_whole(language: str | None, whole: str) -> None:
    assert sentences(whole, language) == [whole]


@pytest.mark.parametrize(
    ("language", "text", "clauses"),
    [
        ("de", "Es sind 3. Danach gehen wir.", ["Es sind 3.", "Danach gehen wir."]),
        ("de", "Wir haben Obst usw. Kommen Sie.", ["Wir haben Obst usw.", "Kommen Sie."]),
        ("de", "„Hallo.“ Er ging.", ["„Hallo.“", "Er ging."]),
        ("el", "Τι κάνεις; Καλά.", ["Τι κάνεις;", "Καλά."]),
        ("en", "He is the best. Est. 1990.", ["He is the best.", "Est. 1990."]),
        (None, "He is from the U.S. Then he left.", ["He is from the U.S.", "Then he left."]),
        (None, "这是一句话。「你好吗？」他说！好", ["这是一句话。", "「你好吗？」", "他说！", "好"]),
        (None, "यह है। वह है॥ अच्छा", ["यह है।", "वह है॥", "अच्छा"]),
        (None, "كيف حالك؟ أنا بخير. شكرا", ["كيف حالك؟", "أنا بخير.", "شكرا"]),
        (None, "¿Qué tal? ¡Bien!", ["¿Qué tal?", "¡Bien!"]),
        (None, "Really?! (Yes.) [No!] “Fine.” Good", ["Really?!", "(Yes.)", "[No!]", "“Fine.”", "Good"]),
        (None, "It ends here... Then it goes on.", ["It ends here...", "Then it goes on."]),
        (None, "- one\n- two\n* three", ["- one", "- two", "* three"]),
        (None, "1. Red\n2. Blue\n10. Ten", ["1. Red", "2. Blue", "10. Ten"]),
        (None, "It was 1999. Then more.", ["It was 1999.", "Then more."]),
    ],
)
def test_sentences_end_where_they_do_in_their_language(language: str | None, text: str, clauses: list[str]) -> None:
    assert sentences(text, language) == clauses


def test_weak_marks_of_scripts_without_spaces_end_a_long_clause() -> None:
    assert split("今天天气很好，我们去公园吧、好吗", first=5, chars=6) == ["今天天气很好，", "我们去公园吧、", "好吗"]


def test_a_pause_in_the_words_ends_a_clause_that_is_long_enough() -> None:
    assert split("Let me think about it... maybe.", first=10) == ["Let me think about it...", " maybe."]


@pytest.mark.parametrize("text", [".", "-", "a", "a.", "1. ", "。", "a。", "「", "\ud83d", "x ", '."'])
def test_long_runs_of_anything_are_cut_in_bounded_time_and_memory(text: str) -> None:
    """Law 8. The time limit is the test's: work for each character is bounded."""
    splitter, most, total = ClauseSplitter(), 0, 0
    for _ in range(20):
        total += sum(len(clause.text) for clause in splitter.feed(text * (10_000 // len(text))))
        most = max(most, len(splitter._text))
    assert most <= MAX_CHARS + 32
    assert total > 200_000 - MAX_CHARS - 32 - 1000


def test_a_language_is_a_tag() -> None:
    assert rules_for("de-CH") is rules_for("de")
    assert rules_for("xx") is rules_for(None)
    with pytest.raises(ValueError, match="BCP 47"):
        SessionOptions(language="German, please")
