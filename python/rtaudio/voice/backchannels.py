"""What listeners say without wanting the floor: "mhm", "right", "I see".

Two may say so: the core, by the sound (short, low, falling, followed by silence; csrc/barge.h), and this module, by the
words, once there are any. Words alone decide only where nothing was lost by it: speech that did not stop the agent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

ENGLISH: Final[tuple[str, ...]] = (
    *("mhm", "mm", "mmm", "mm hmm", "mmhmm", "hm", "hmm", "uh huh", "uhuh", "uh", "um", "ah", "aha", "oh", "huh"),
    *("yeah", "yep", "yes", "yup", "okay", "ok", "right", "sure", "exactly", "true", "alright", "all right", "good"),
    *("i see", "i know", "got it", "of course", "sounds good", "makes sense", "oh okay", "oh really", "really", "wow"),
)
"""The words of English listeners. Other languages: `SessionOptions.backchannel_words`."""

INTERRUPTING: Final[tuple[str, ...]] = (
    "stop",
    "wait",
    "no",
    "hold on",
    "hang on",
    "excuse me",
    "one moment",
    "shut up",
)
"""What is never an "mhm", however short."""

LONGEST_WORDS: Final = 4
"""Whoever says more wants to be heard."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def words_of(text: str) -> list[str]:
    """Lower case, without punctuation; "Uh-huh." is two."""
    return _WORD.findall(text.lower().replace("’", "'"))


@lru_cache(maxsize=16)
def _phrases(words: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    return frozenset(phrase for text in words if (phrase := tuple(words_of(text))))


def interrupts(text: str, known: Iterable[str] = INTERRUPTING) -> bool:
    """Whether one of the `known` phrases stands in `text`, and it is short."""
    words = words_of(text)
    if len(words) > LONGEST_WORDS:
        return False
    return any(
        tuple(words[begin : begin + len(phrase)]) == phrase
        for phrase in _phrases(tuple(known))
        for begin in range(len(words))
    )


def is_backchannel(text: str, known: Iterable[str] = ENGLISH) -> bool:
    """Whether `text` is made of nothing but `known` words and phrases, and short."""
    words, phrases = words_of(text), _phrases(tuple(known))
    if not 0 < len(words) <= LONGEST_WORDS:
        return False
    reached = {0}
    for begin in range(len(words)):
        if begin in reached:
            reached |= {
                begin + len(phrase) for phrase in phrases if tuple(words[begin : begin + len(phrase)]) == phrase
            }
    return len(words) in reached
