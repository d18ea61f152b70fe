"""Cuts a stream of text into clauses, so that speaking can begin before the reply is complete.

What it must do: a clause goes out as soon as it is certain to be one; the first one is short on purpose (the listener
waits for it), later ones longer (a TTS speaks them better); numbers ("3.5", "1,000", "10:30"), abbreviations
("Dr. Who", "e.g. this") and initials stay whole; the clauses put together are the text, character by character; and how
the text came in pieces changes nothing: a decision looks at the text up to it and the first character of the next word.

    strong end   . ! ? … before white space (a period: not after an abbreviation, an initial or a list number);
                 a line break; 。！？ anywhere
    weak end     , ; : or a dash, before white space, once the clause is `first_chars` (the first) or `chars` long
    no end       `MAX_CHARS` without any: at the last white space

A clause has at least one letter or digit; what has none joins its neighbour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_CHARS: Final = 240

_STRONG: Final = frozenset(".!?…")
_STRONG_ANYWHERE: Final = frozenset("。！？\n")
_WEAK: Final = frozenset(",;:–—-")
_CLOSING: Final = frozenset("\"'”’»)]}*_")
_OPENING: Final = "\"'“‘«([{*_"
# fmt: off
# Abbreviations that go on.
_NEVER_END: Final = frozenset((
    "dr", "mr", "mrs", "ms", "prof", "st", "vs", "e.g", "i.e", "cf", "approx", "dept", "est", "rev", "gen", "lt",
    "sgt", "capt", "hon", "z.b", "d.h", "bzw",
))
# Abbreviations that may end a sentence, which they do before a capital letter.
_BEFORE_CAPITAL: Final = frozenset((
    "etc", "a.m", "p.m", "inc", "ltd", "co", "corp", "jr", "sr", "ave", "blvd", "rd", "usw",
))
# Words that are an abbreviation before a number only.
_BEFORE_NUMBER: Final = frozenset((
    "no", "nos", "nr", "fig", "vol", "pp", "p", "apt", "ca", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep",
    "sept", "oct", "nov", "dec",
))
# fmt: on


@dataclass(frozen=True, slots=True)
class Clause:
    """`text` begins at character `offset` of the whole text; `spoken` is what a TTS gets, `spoken_offset` its place."""

    text: str
    offset: int

    @property
    def spoken(self) -> str:
        return self.text.strip()

    @property
    def ends_sentence(self) -> bool:
        """Whether a listener takes its end for the end of a sentence."""
        last = self.text.rstrip().rstrip("".join(_CLOSING))[-1:]
        return last in _STRONG or last in _STRONG_ANYWHERE

    @property
    def spoken_offset(self) -> int:
        return self.offset + len(self.text) - len(self.text.lstrip())


class ClauseSplitter:
    """Feed it text as it comes; it gives back the clauses that are complete. Pure; one per reply."""

    def __init__(self, first_chars: int = 12, chars: int = 60) -> None:
        self._first_chars, self._chars = first_chars, chars
        self._text = ""  # from the end of the last clause on
        self._offset = 0
        self._scan = 0  # no clause ends before this place in _text
        self._space = -1  # end of the last white space seen in _text, for the cut of last resort
        self._speakable = False  # _text[: _scan] has a letter or digit

    def feed(self, text: str) -> list[Clause]:
        self._text += text
        return list(iter(self._next, None))

    def finish(self) -> list[Clause]:
        """No more text comes: what is left is a clause, unless nothing in it can be spoken."""
        rest, self._text = self._text, ""
        clause = Clause(rest, self._offset)
        self._offset += len(rest)
        return [clause] if any(map(str.isalnum, rest)) else []

    def _next(self) -> Clause | None:
        text = self._text
        while self._scan < len(text):
            end = self._end_at(self._scan)
            if end is None:  # cannot be told before more text comes
                return None
            if end:
                return self._take(end)
            self._speakable = self._speakable or text[self._scan].isalnum()
            if text[self._scan].isspace() and self._speakable:
                self._space = self._scan + 1
            self._scan += 1
            if self._scan >= MAX_CHARS and self._speakable:
                return self._take(self._space if self._space > 0 else self._scan)
        return None

    def _take(self, end: int) -> Clause:
        clause = Clause(self._text[:end], self._offset)
        self._text, self._offset = self._text[end:], self._offset + end
        self._scan, self._space, self._speakable = 0, -1, False
        return clause

    def _end_at(self, index: int) -> int | None:
        """The clause's end if the character at `index` ends it; 0 if it does not; None if more text must come first."""
        text, char = self._text, self._text[index]
        if char in _STRONG_ANYWHERE:
            return index + 1 if self._speakable else 0
        if char not in _STRONG and char not in _WEAK:
            return 0
        after = index + 1
        if char in _STRONG:
            while after < len(text) and (text[after] in _STRONG or text[after] in _CLOSING):
                after += 1
        if after >= len(text):
            return None
        if not text[after].isspace() or not self._speakable:
            return 0
        if char in _WEAK:
            least = self._first_chars if self._offset == 0 else self._chars
            return after if after >= least and (char != "-" or text[index - 1].isspace()) else 0
        if char == "." and after == index + 1:
            return self._period_end(index, after)
        return after

    def _period_end(self, index: int, after: int) -> int | None:
        """Does the lone period at `index` end a sentence? As `_end_at`."""
        before = self._text[:index].split()
        word = before[-1].lstrip(_OPENING).lower()
        if word in _BEFORE_CAPITAL or word in _BEFORE_NUMBER:
            following = next((char for char in self._text[after:] if not char.isspace()), None)
            if following is None:
                return None
            goes_on = following.isdigit() if word in _BEFORE_NUMBER else not following.isupper()
            return 0 if goes_on else after
        initial = len(word) == 1 and word.isalpha() and word != "i"
        numbering = word.isdigit() and len(before) == 1  # "1. First" opens a list
        return 0 if word in _NEVER_END or initial or numbering else after
