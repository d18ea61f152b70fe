"""Marks of markdown, which are for the eye."""

from __future__ import annotations

import re
from typing import Final

from rtaudio.voice.transforms.spoken import Edit, Edits

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
