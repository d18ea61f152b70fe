"""Pictures among the text."""

from __future__ import annotations

import unicodedata
from typing import Final

from rtaudio.voice.transforms.spoken import Edit, Edits


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
