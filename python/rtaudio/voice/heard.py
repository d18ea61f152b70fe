"""Which words were heard (law 9): from where the words begin in the audio, and how far the audio was heard.

A word runs from its start to the start of the next one, the last to the end of the audio. It was heard if its midpoint
lies before the position heard: no more words and no fewer. Positions are samples of the segment at the port's rate.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from rtaudio.voice.protocols import Word

_WORD = re.compile(r"\S+")


class WordAt(NamedTuple):
    """A word begins at `sample` and at character `offset`."""

    sample: int
    offset: int


def heard_until(words: Sequence[WordAt], text_end: int, audio_end: int, heard: int) -> int:
    """The character up to which a text was heard whose words, in order, are `words`: the start of the first word that
    was not, `text_end` if all were, 0 if there are none."""
    for index, word in enumerate(words):
        until = words[index + 1].sample if index + 1 < len(words) else max(audio_end, word.sample)
        if word.sample + until >= 2 * heard:  # its midpoint is not before `heard`, in whole numbers
            return word.offset
    return text_end if words else 0


def place_words(
    spoken: str, known: Sequence[Word], samples: int, rate: int, none_before_s: float = 0.0
) -> list[WordAt]:
    """Where the words of a clause begin within its `samples` at `rate`: those that are `known` there, those after the
    last of them in proportion to their characters. If none is known, none begins before `none_before_s`. Raises
    ValueError if the times make no sense."""
    placed: list[WordAt] = []
    for word in known:
        at = WordAt(round(word.start_s * rate) if math.isfinite(word.start_s) else -1, word.text_offset)
        last = placed[-1] if placed else WordAt(0, -1)
        if at.sample < last.sample or not last.offset < at.offset < len(spoken):
            raise ValueError(f"word at {word.start_s} s, character {word.text_offset}: out of order or out of the text")
        placed.append(at)
    from_sample, from_offset = placed[-1] if placed else (min(round(none_before_s * rate), samples), 0)
    left_samples, left_chars = max(0, samples - from_sample), max(1, len(spoken) - from_offset)
    starts = [match.start() for match in _WORD.finditer(spoken)]
    rest = [start for start in starts if start > from_offset] if placed else starts
    placed += [WordAt(from_sample + left_samples * (start - from_offset) // left_chars, start) for start in rest]
    return placed
