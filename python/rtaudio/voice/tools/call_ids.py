"""What of a model's call goes into a history: an id of its own, a name and arguments that servers take back.

Models' servers are careless here: some number the calls of each reply anew, leave the id out, or bring arguments that
are no JSON; and refuse all of that when it comes back in the next request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Final

from rtaudio.voice.chat import TOOL_NAME

MAX_ARGUMENTS: Final = 1 << 18
"""Characters of a call's arguments."""


class CallIds:
    """Ids of one history. `taken`: those it holds already."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def take(self, used: str) -> None:
        """Of a call that has it already."""
        self._taken.add(used)

    def new(self, wanted: str) -> str:
        """`wanted`, or one like it that a history takes and that has not been used."""
        fits = TOOL_NAME.fullmatch(wanted) is not None
        stem, number = (wanted if fits else "call")[:56], 1
        made = wanted if fits else f"{stem}_1"
        while made in self._taken:
            number += 1
            made = f"{stem}_{number}"
        self._taken.add(made)
        return made


def usable_name(name: str) -> str:
    """A tool's name as a history takes it: of a tool that does not exist, it may be anything."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64] or "unnamed"


def object_text(text: str) -> str:
    """The arguments as a history takes them; what is no JSON object is quoted by the refusal instead."""
    try:
        whole = len(text) <= MAX_ARGUMENTS and isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        whole = False
    return text if whole else "{}"
