"""Cuts a stream of text into clauses, so that speaking can begin before the reply is complete.

What it must do: a clause goes out as soon as it is certain to be one; the first one is short on purpose (the listener
waits for it), later ones longer (a TTS speaks them better); numbers ("3.5", "1,000", "10:30"), abbreviations
("Dr. Who", "e.g. this", "z. B.", "S.A.") and initials stay whole; the clauses put together are the text, character by
character; and how the text came in pieces changes nothing (law 6): a decision looks at the text up to it and the first
characters of the next word.

    strong end   . ! ? … ؟ ۔ before white space; 。！？ । and the like anywhere; with the quotes and brackets that close
                 behind them; a line break
      but not    a period after an abbreviation, an initial, a number that counts a list or a day ("am 3. Mai");
                 a mark in a quotation after which the sentence goes on in lower case ('"Stop!" he said')
    weak end     , ; : or a dash before white space, 、， anywhere, dots after which the sentence goes on
                 ("Well... so"), once the clause is `first_chars` (the first) or `chars` long
    no end       `MAX_CHARS` without any: at the last white space

A clause has at least one letter or digit; what has none joins its neighbour, up to `MAX_CHARS` of it. What the marks
and the abbreviations are is in clause_rules.py. Memory and work for each character are bounded, whatever the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rtaudio.voice import clause_rules as rules
from rtaudio.voice.clause_rules import COMMON, Rules

MAX_CHARS: Final = 240
MARKS_IN_A_ROW: Final = 16
"""That belong to one end: "?!", '."', "......". More are taken for a rule across the page."""
_FED: Final = 1024
"""Characters looked at in one go: what is kept of the text is not much longer."""
_NOT_YET: Final = None
"""More text must come before it is certain."""
_CLOSING: Final = "".join(sorted(rules.CLOSING))


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
        last = self.text.rstrip().rstrip(_CLOSING)[-1:]
        return last in rules.STRONG or last in rules.STRONG_ANYWHERE

    @property
    def spoken_offset(self) -> int:
        return self.offset + len(self.text) - len(self.text.lstrip())


class ClauseSplitter:
    """Feed it text as it comes; it gives back the clauses that are complete. Pure; one per reply."""

    def __init__(self, first_chars: int = 12, chars: int = 60, language_rules: Rules = COMMON) -> None:
        self._first_chars, self._chars, self._rules = first_chars, chars, language_rules
        self._text = ""  # from the end of the last clause on
        self._offset = 0
        self._scan = 0  # no clause ends before this place in _text
        self._space = -1  # end of the last white space seen in _text, for the cut of last resort
        self._speakable = False  # _text[: _scan] has a letter or digit
        self._item = 0  # number of the last item of a list

    def feed(self, text: str) -> list[Clause]:
        clauses = list[Clause]()
        for start in range(0, len(text), _FED):
            self._text += text[start : start + _FED]
            clauses += iter(self._next, None)
        return clauses

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
            if end is _NOT_YET:
                return None
            if end:
                return self._take(end)
            self._speakable = self._speakable or text[self._scan].isalnum()
            if text[self._scan].isspace() and self._speakable:
                self._space = self._scan + 1
            self._scan += 1
            if self._scan >= MAX_CHARS:
                return self._take(self._space if self._space > 0 else self._scan)
        return None

    def _take(self, end: int) -> Clause:
        clause = Clause(self._text[:end], self._offset)
        self._text, self._offset = self._text[end:], self._offset + end
        self._scan, self._space, self._speakable = 0, -1, False
        return clause

    def _end_at(self, index: int) -> int | None:
        """The clause's end if the character at `index` ends it; 0 if it does not; None if more text must come first."""
        char = self._text[index]
        if not self._speakable:
            return 0
        if char == "\n":
            return index + 1
        if char in rules.STRONG or char in rules.STRONG_ANYWHERE or char in self._rules.strong:
            return self._strong_end(index)
        if char in rules.WEAK_ANYWHERE:
            return index + 1 if index + 1 >= self._least else 0
        return self._weak_end(index) if char in rules.WEAK else 0

    @property
    def _least(self) -> int:
        return self._first_chars if self._offset == 0 else self._chars

    def _weak_end(self, index: int) -> int | None:
        text, after = self._text, index + 1
        if after >= len(text):
            return _NOT_YET
        if not text[after].isspace() or after < self._least:
            return 0
        return 0 if text[index] == "-" and not text[index - 1].isspace() else after

    def _strong_end(self, index: int) -> int | None:
        text, char, after = self._text, self._text[index], index + 1
        if text[index - 1] in rules.STRONG:
            return 0  # decided at the first of the row
        marks, closed = 1, False
        while after < len(text) and after - index < MARKS_IN_A_ROW:
            if text[after] in rules.CLOSING:
                closed = True
            elif not closed and (text[after] in rules.STRONG or text[after] in rules.STRONG_ANYWHERE):
                marks += 1
            else:
                break
            after += 1
        if after >= len(text):
            return _NOT_YET
        if char in rules.STRONG_ANYWHERE:
            return after
        if not text[after].isspace():
            return 0
        if char == "." and marks == 1 and not closed:
            return self._period_end(index, after)
        dots = char == "…" or (char == "." and marks > 1)
        if not (closed or dots):
            return after
        following = self._following(after)
        if following is _NOT_YET:
            return _NOT_YET
        if not following.islower():
            return after
        return after if dots and after >= self._least else 0

    def _following(self, after: int) -> str | None:
        """The first character of the next word."""
        return next((char for char in self._text[after:] if not char.isspace()), _NOT_YET)

    def _period_end(self, index: int, after: int) -> int | None:
        """Does the lone period at `index` end a sentence? As `_end_at`."""
        before = self._text[:index].split()
        word = before[-1].lstrip(rules.OPENING).lower()
        if word in self._rules.never_end or (len(word) == 1 and word.isalpha() and word != "i"):
            return 0
        if word.isdecimal():
            return self._number_end(word, before[:-1], after)
        dotted = "." in word and all(len(part) == 1 for part in word.split("."))
        if word in self._rules.before_number or word in self._rules.before_capital or dotted:
            if (following := self._following(after)) is _NOT_YET:
                return _NOT_YET
            goes_on = following.isdigit() if word in self._rules.before_number else not following.isupper()
            return 0 if goes_on else after
        return after

    def _number_end(self, number: str, before: list[str], after: int) -> int | None:
        """A number with a period: it counts a list ("1. First"), is an ordinal ("am 3. Mai"), or ends a sentence."""
        opens_list = not before or before[-1].endswith(":")
        if len(number) <= 3 and (opens_list or (self._item and int(number) == self._item + 1)):
            self._item = int(number)
            return 0
        if len(number) <= 2 and before and before[-1].lstrip(rules.OPENING).lower() in self._rules.ordinal_after:
            return 0
        word = self._text[after:].lstrip()[:3]
        if not word or (self._rules.months and len(word) < 3):
            return _NOT_YET
        return 0 if word[0].islower() or word.lower() in self._rules.months else after
