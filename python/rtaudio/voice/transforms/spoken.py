"""From written text to what a voice should say, and back: the history keeps the text, the voice gets something it can
speak, and every character of that knows which one of the text it came from.

A transform looks at the text of one clause and says what to put in place of what (`Edit`). Transforms run one after
another, each on what the one before has made. A clause of which nothing speakable is left is not spoken.

    written       **Call** [us](https://x.org) on 555-0199 🙂
    spoken        Call us on 555-0199
    origins       where each character of the second stands in the first

Some need to know what came before in the same reply (a block of code goes on over clauses), so each reply has its own:
`TextTransform.begin`. All of this is pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Edit(NamedTuple):
    """Put `text` in the place of characters [start, end)."""

    start: int
    end: int
    text: str


Edits = Callable[[str], Iterable[Edit]]
"""Looks at one clause after another of a reply: edits in order that do not overlap."""


class TextTransform(Protocol):
    """A step from written to spoken text. `begin` is called for each reply; what it gives, for each of its clauses."""

    def begin(self) -> Edits: ...


@dataclass(frozen=True, slots=True)
class SpokenText:
    """What a voice gets, and for each of its characters the one of the `written` text that it stands for; those put in
    stand for the first that they replace."""

    text: str
    origins: tuple[int, ...]
    written: str

    @classmethod
    def of(cls, text: str) -> SpokenText:
        """A text that is spoken as it is written."""
        return cls(text, tuple(range(len(text))), text)

    def edited(self, edits: Iterable[Edit]) -> SpokenText:
        """Raises ValueError for edits that are out of order, overlap or lie outside."""
        text, origins, end = list[str](), list[int](), 0
        for edit in edits:
            if not end <= edit.start <= edit.end <= len(self.text):
                raise ValueError(
                    f"{edit} is out of order, overlaps another, or lies outside of {len(self.text)} characters"
                )
            text += (self.text[end : edit.start], edit.text)
            origins += self.origins[end : edit.start]
            origins += [self.origin(edit.start)] * len(edit.text)
            end = edit.end
        text.append(self.text[end:])
        origins += self.origins[end:]
        return SpokenText("".join(text), tuple(origins), self.written)

    def tidied(self) -> SpokenText:
        """Without white space at its ends, and with single spaces for what is left of it elsewhere."""
        edits = []
        for match in re.finditer(r"\s+", self.text):
            inside = match.start() > 0 and match.end() < len(self.text)
            if match[0] != (wanted := " " if inside else ""):
                edits.append(Edit(match.start(), match.end(), wanted))
        return self.edited(edits)

    def origin(self, offset: int) -> int:
        """The character of the written text that `offset` stands for; its length at and beyond the end."""
        return self.origins[offset] if offset < len(self.origins) else len(self.written)

    def word_start(self, offset: int) -> int:
        """Where the written word begins, marks and all, that character `offset` stands for."""
        start = self.origin(offset)
        while start and not self.written[start - 1].isspace():
            start -= 1
        return start

    @property
    def speakable(self) -> bool:
        return any(map(str.isalnum, self.text))


class Speakable:
    """All transforms of one reply. `spoken` gives its clauses, in order, as a voice is to say them."""

    def __init__(self, transforms: Sequence[TextTransform]) -> None:
        self._edits = [transform.begin() for transform in transforms]

    def spoken(self, clause: str) -> SpokenText:
        """Raises what a transform raises."""
        spoken = SpokenText.of(clause)
        for edits in self._edits:
            spoken = spoken.edited(edits(spoken.text))
        return spoken.tidied()
