"""When to look for the words of a clause in its audio (alignment.py): while it comes, and once it is there.

A voice that gives word times of its own is believed; nothing is looked for then.
"""

from __future__ import annotations

import asyncio
from typing import Final

import numpy as np

from rtaudio.voice.alignment import USUAL_PACE, Alignment, align
from rtaudio.voice.protocols import Audio, Speech, Word

FIRST_LOOK_S: Final = 1.0
"""Audio of a clause that is still coming is looked at when there is this much, and whenever it has doubled."""
MOST_S: Final = 30.0
"""Clauses longer than this are left to the session, which places words in proportion."""


class Pace:
    """How fast a voice speaks, by the last clause that was complete."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = USUAL_PACE


class WordFinder:
    """The audio of one clause as it comes. Looking is work for a thread: about 2 ms for a second of audio."""

    def __init__(self, text: str, pace: Pace) -> None:
        self._text, self._pace = text, pace
        self._pieces: list[Audio] = []
        self._samples = self._rate = 0
        self._next_look_s = FIRST_LOOK_S
        self._given_up = False

    def add(self, speech: Speech) -> None:
        """Takes the next piece."""
        changed = self._rate not in (0, speech.rate)
        self._rate = speech.rate
        self._samples += len(speech.samples)
        if speech.words or changed or self._samples > MOST_S * self._rate:
            self._given_up = True
            self._pieces.clear()
        elif not self._given_up and len(speech.samples):
            self._pieces.append(speech.samples)

    @property
    def due(self) -> bool:
        """Whether it is time for a look at what came so far."""
        return bool(self._pieces) and self._samples >= self._next_look_s * self._rate

    async def look(self, *, complete: bool) -> tuple[Word, ...]:
        """The words found so far, in order; of the whole text if it is `complete`. None found: nothing is known."""
        if not self._pieces:
            return ()
        self._next_look_s = 2 * self._samples / self._rate
        samples, pace = np.concatenate(self._pieces), None if complete else self._pace.value
        found = await asyncio.get_running_loop().run_in_executor(None, self._find, samples, pace)
        if complete and found.pace:
            self._pace.value = found.pace
        return tuple(Word(sample / self._rate, offset) for sample, offset in found.words)

    def _find(self, samples: Audio, pace: float | None) -> Alignment:
        return align(self._text, samples, self._rate, cut_short_at_pace=pace)
