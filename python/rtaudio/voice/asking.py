"""What the agent asked, from the end of its words: a small rule that tells the core how long an answer may take.

A yes or a no is over soon; a number, an address or a story has pauses in it. The rule knows a few English words by
which questions begin, and is silent about everything else: a hint that is not given changes nothing.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final


class Asked(IntEnum):
    """The values of the hint "asked" (csrc/hint.h)."""

    NOTHING = 0
    SHORT = 1
    LONG = 2


_SENTENCE: Final = re.compile(r"[^.!?…]*[.!?…]*\s*$")
_WORD: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_YES_OR_NO: Final = re.compile(
    r"(am|are|can|could|did|do|does|had|has|have|is|may|might|must|shall|should|was|were|will|would)(n't)?"
)
_SMALL: Final = re.compile(r"correct|ok|okay|right|when|where|which|who")
_WIDE: Final = re.compile(r"address|describe|email|explain|how|name|numbers?|phone|reason|spell|story|tell|what's|why")
_PLEASE: Final = re.compile(r"describe|explain|please|spell|tell")


def asked(text: str) -> Asked:
    """Of what was said to its end. NOTHING: no question, or none that the rule knows."""
    sentence = _SENTENCE.search(text[-400:].lower().replace("\u2019", "'"))
    last = sentence[0].rstrip() if sentence is not None else ""
    words = _WORD.findall(last)
    if not words or not (last.endswith("?") or _PLEASE.fullmatch(words[0])):
        return Asked.NOTHING
    if any(map(_WIDE.fullmatch, words)):
        return Asked.LONG
    short = _YES_OR_NO.fullmatch(words[0]) or _SMALL.fullmatch(words[0]) or _SMALL.fullmatch(words[-1])
    return Asked.SHORT if short else Asked.NOTHING
