"""Addresses of the web and of mail, as people say them."""

from __future__ import annotations

import re
from typing import Final

from rtaudio.voice.transforms.spoken import Edit, Edits

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
