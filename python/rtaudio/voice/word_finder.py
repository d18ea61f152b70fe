"""When to look for the words of a clause in its audio (alignment.py): while it comes, and once it is there.

A voice that gives word times of its own is believed. While they lag behind its audio, what lies beyond them is looked
for all the same: it may be cut before they come.
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

import numpy as np

from rtaudio.voice.alignment import USUAL_PACE, Alignment, align
from rtaudio.voice.protocols import Audio, Speech, Word

FIRST_LOOK_S: Final = 0.25
"""Audio of a clause that is still coming is looked at when there is this much, and whenever it has doubled."""
LAG_S: Final = 0.5
"""By how much the last word that the voice has placed may lie behind its audio."""
MOST_S: Final = 30.0
"""Clauses longer than this are left to the session, which places words in proportion."""


class Pace:
    """How fast a voice speaks, by the last clause that was complete."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = USUAL_PACE


class Found(NamedTuple):
    """What a look gave: words in the first `until_s` of the audio."""

    words: tuple[Word, ...]
    until_s: float


class WordFinder:
    """The audio of one clause as it comes. Looking is work for a thread: about 2 ms for a second of audio."""

    def __init__(self, text: str, pace: Pace) -> None:
        self._text, self._pace = text, pace
        self._pieces: list[Audio] = []
        self._samples = self._rate = 0
        self._next_look_s = FIRST_LOOK_S
        self._placed_to_s: float | None = None
        self._given_up = False

    def extend(self, text: str) -> None:
        """The text goes on, of a model that gives it beside its audio."""
        self._text += text

    def add(self, speech: Speech) -> None:
        """Takes the next piece."""
        changed = self._rate not in (0, speech.rate)
        self._rate = speech.rate
        self._samples += len(speech.samples)
        if speech.words:
            self._placed_to_s = max(word.start_s for word in speech.words)
        if changed or self._samples > MOST_S * self._rate:
            self._given_up = True
            self._pieces.clear()
        elif not self._given_up and len(speech.samples):
            self._pieces.append(speech.samples)

    @property
    def due(self) -> bool:
        """Whether it is time for a look at what came so far."""
        if not self._pieces or self._samples < self._next_look_s * self._rate:
            return False
        return self._placed_to_s is None or self._samples > (self._placed_to_s + LAG_S) * self._rate

    async def look(self, *, complete: bool) -> Found | None:
        """The words found so far, in order; of the whole text if it is `complete`. None: nothing can be said."""
        if not self._pieces or (complete and self._placed_to_s is not None):
            return None
        self._next_look_s = 2 * self._samples / self._rate
        samples, pace = np.concatenate(self._pieces), None if complete else self._pace.value
        found = await asyncio.get_running_loop().run_in_executor(None, self._find, samples, pace)
        if found is None or (complete and not found.words):
            return None
        if complete and found.pace:
            self._pace.value = found.pace
        words = tuple(Word(sample / self._rate, offset) for sample, offset in found.words)
        return Found(words, len(samples) / self._rate)

    def _find(self, samples: Audio, pace: float | None) -> Alignment | None:
        return align(self._text, samples, self._rate, cut_short_at_pace=pace)
