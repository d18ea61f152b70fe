"""Words and names that a voice would say wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rtaudio.voice.transforms.spoken import Edit, Edits


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
        pattern = self._pattern
        return lambda text: [Edit(*match.span(), self._table[match[0]]) for match in pattern.finditer(text)]
