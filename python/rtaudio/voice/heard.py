"""Which words were heard (law 9): from where the words begin in the audio, and how far the audio was heard.

A word runs from its start to the start of the next one, the last to the end of the audio. It was heard if its midpoint
lies before the position heard: no more words and no fewer. Positions are samples of the segment at the port's rate.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_WORD = re.compile(r"\S+")


class WordAt(NamedTuple):
    """A word begins at `sample` of the segment and at character `offset` of the reply."""

    sample: int
    offset: int


def split_heard(text: str, words: Sequence[WordAt], end: int, heard: int) -> tuple[str, str]:
    """(what was heard of `text`, the rest). `words` in order of both sample and offset; `end`: end of the audio.

    Nothing before the first word's start counts as heard: without words, nothing was.
    """
    for index, word in enumerate(words):
        until = words[index + 1].sample if index + 1 < len(words) else max(end, word.sample)
        if (word.sample + until) >= 2 * heard:  # midpoint not before `heard`, in whole numbers
            return text[: word.offset].strip(), text[word.offset :].strip()
    return (text.strip(), "") if words else ("", text.strip())


def words_in_proportion(spoken: str, offset: int, begin: int, samples: int) -> list[WordAt]:
    """Word starts of a clause whose TTS gives no times: `samples` shared out in proportion to characters."""
    length = max(1, len(spoken))
    return [
        WordAt(begin + samples * match.start() // length, offset + match.start()) for match in _WORD.finditer(spoken)
    ]
