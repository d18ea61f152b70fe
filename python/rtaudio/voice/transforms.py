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
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol


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


# ---- Those that come with us.


class _Pattern:
    """Replaces what a pattern finds; pure from clause to clause."""

    def __init__(self, pattern: re.Pattern[str], replacement: Callable[[re.Match[str]], str]) -> None:
        self._pattern, self._replacement = pattern, replacement

    def begin(self) -> Edits:
        return lambda text: [
            Edit(match.start(), match.end(), self._replacement(match)) for match in self._pattern.finditer(text)
        ]


_FENCE: Final = re.compile(r"(?:^|(?<=\n))[ \t]*```[^\n`]*\n?")
_FENCE_END: Final = re.compile(r"(?:^|(?<=\n))[ \t]*```[ \t]*")
_MARKDOWN: Final = re.compile(
    r"(?P<image>!\[(?P<alt>[^\]]*)\]\([^)\s]*\))"
    r"|(?P<link>\[(?P<label>[^\]]+)\]\([^)\s]*\))"
    r"|(?P<code>`(?P<inside>[^`]+)`)"
    r"|(?P<heading>(?:^|(?<=\n))[ \t]{0,3}#{1,6}[ \t]+)"
    r"|(?P<quote>(?:^|(?<=\n))[ \t]{0,3}>[ \t]?)"
    r"|(?P<bullet>(?:^|(?<=\n))[ \t]*[-*+][ \t]+(?=\S))"
    r"|(?P<rule>(?:^|(?<=\n))[ \t]*(?:[-*_][ \t]*){3,}(?=\n|$))"
    r"|(?P<emphasis>\*{1,3}(?=\S)|(?<=\S)\*{1,3}|(?<![^\W_])_{1,3}(?=\S)|(?<=\S)_{1,3}(?![^\W_])|~~)"
    r"|(?P<cell>[ \t]*\|[ \t]*)"
)


class Markdown:
    """Takes the marks away, keeps the words: emphasis, headings, lists, quotes, links and images by their label, code
    in a line. A block of code is left out, table cells become a pause."""

    def begin(self) -> Edits:
        in_code = False

        def edits(text: str) -> list[Edit]:
            nonlocal in_code
            found, at = list[Edit](), 0
            while fence := (_FENCE_END if in_code else _FENCE).search(text, at):
                if not in_code:
                    found += self._marks(text, at, fence.start())
                found.append(Edit(at if in_code else fence.start(), fence.end(), ""))
                in_code, at = not in_code, fence.end()
            found += [Edit(at, len(text), "")] if in_code else self._marks(text, at, len(text))
            return found

        return edits

    @classmethod
    def _marks(cls, text: str, start: int, end: int) -> list[Edit]:
        found = list[Edit]()
        for match in _MARKDOWN.finditer(text, start, end):
            kind = match.lastgroup
            if kind in ("link", "image", "code"):
                label = {"link": "label", "image": "alt", "code": "inside"}[kind]
                found.append(Edit(match.start(), match.start(label), ""))
                found += cls._marks(text, *match.span(label)) if kind == "link" else []
                found.append(Edit(match.end(label), match.end(), ""))
            elif kind == "cell":
                inside = start < match.start() and match.end() < end
                found.append(Edit(match.start(), match.end(), ", " if inside else ""))
            else:
                found.append(_gone(match))
        return found


def _gone(match: re.Match[str]) -> Edit:
    return Edit(match.start(), match.end(), "")


class Emoji:
    """Leaves pictures out: emoji with all that belongs to them, arrows, dingbats. Letters, digits, currencies and signs
    of arithmetic stay."""

    def begin(self) -> Edits:
        return self._edits

    @staticmethod
    def _edits(text: str) -> list[Edit]:
        return [Edit(index, index + 1, "") for index, char in enumerate(text) if _is_picture(char)]


_JOINERS: Final = frozenset("\u200d\ufe0e\ufe0f\u20e3")
_PICTURES: Final = (("\u2190", "\u21ff"), ("\U0001f1e6", "\U0001f1ff"), ("\U0001f3fb", "\U0001f3ff"))
"""Arrows, flags, tones of skin."""
_SAID_SIGNS: Final = frozenset("°©®™№℃℉")


def _is_picture(char: str) -> bool:
    if char in _JOINERS or any(first <= char <= last for first, last in _PICTURES):
        return True
    return unicodedata.category(char) == "So" and char not in _SAID_SIGNS


_URL: Final = re.compile(r"\b(?:https?://|www\.)(?P<address>[^\s<>\"'()\[\]{}]*[^\s<>\"'()\[\]{}.,;:!?*_])")
_MAIL: Final = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")
_SIGNS: Final = {".": "dot", "/": "slash", "@": "at", "-": "dash", "_": "underscore", "+": "plus", ":": "colon"}


class Urls:
    """Addresses as people say them: "https://www.example.com/help?x=1" as "example dot com slash help", mail too."""

    def begin(self) -> Edits:
        return self._edits

    @staticmethod
    def _edits(text: str) -> list[Edit]:
        found = [Edit(*match.span(), _said(match["address"])) for match in _URL.finditer(text)]
        mail = (Edit(*match.span(), _said(match[0])) for match in _MAIL.finditer(text))
        found += [edit for edit in mail if not any(edit.start < url.end and url.start < edit.end for url in found)]
        return sorted(found)


def _said(address: str) -> str:
    plain = re.split(r"[?#]", address.removeprefix("www."), maxsplit=1)[0].rstrip("/")
    words = re.sub(r"[^\w.@/+:-]+", " ", plain)
    return " ".join(re.sub(r"[./@_+:-]", lambda sign: f" {_SIGNS[sign[0]]} ", words).split())


class Pronunciations:
    """Words and names as they should be said: `Pronunciations({"SQL": "sequel", "Nguyen": "win"})`. Whole words only,
    as written; the longest that fits. ValueError for an empty entry."""

    def __init__(self, table: Mapping[str, str]) -> None:
        if "" in table or any(not key.strip() for key in table):
            raise ValueError("pronunciations: an entry has nothing to be replaced")
        self._table = dict(table)
        entries = "|".join(re.escape(word) for word in sorted(table, key=len, reverse=True))
        self._pattern = re.compile(rf"(?<!\w)(?:{entries})(?!\w)") if table else None

    def begin(self) -> Edits:
        if self._pattern is None:
            return lambda text: ()
        return _Pattern(self._pattern, lambda match: self._table[match[0]]).begin()


TransformName = Literal["markdown", "urls", "emoji"]
BY_NAME: Final[Mapping[TransformName, TextTransform]] = {"markdown": Markdown(), "urls": Urls(), "emoji": Emoji()}
WRITTEN_FOR_THE_EYE: Final[tuple[TransformName, ...]] = ("markdown", "urls", "emoji")


def speakable(names: Sequence[TransformName], pronunciations: Mapping[str, str]) -> Speakable:
    """For one reply: the transforms of those names in that order, then the table."""
    return Speakable([*(BY_NAME[name] for name in names), Pronunciations(pronunciations)])
