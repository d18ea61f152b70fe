"""Words that say where they come from, and sounds that do: what is found at the end names its cause.

The model's reply number n has words of its own, each of four letters: two for n, two for their place. What the caller
says is a tone whose loudness is the number of the utterance, so that recognition needs nothing but the audio.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

import numpy as np

from rtaudio.voice.protocols import Audio

QUESTION: Final = re.compile(r"\b(?:ask|typed)[a-z]{2}\b")
OWN: Final = re.compile(r"(?:[b-df-hj-np-tv-z][a-z]){2}")
SILENCE: Final = 0.015
STEP: Final = 0.04
WINDOW: Final = 160  # samples at 16 kHz: 10 ms, in which the tone has whole periods


def pair(number: int) -> str:
    """Two letters for a number below 650."""
    return "bcdfghjklmnpqrstvwxyz"[number // 26 % 21] + "abcdefghijklmnopqrstuvwxyz"[number % 26]


def own_words(reply: int, count: int, sentence: int = 6) -> str:
    """`count` words of reply `reply`, in sentences."""
    words = [pair(reply) + pair(at) for at in range(count)]
    return " ".join(
        word + ("." if at % sentence == sentence - 1 or at == count - 1 else "") for at, word in enumerate(words)
    )


@cache
def clip(number: int, length_ms: int, rate: int) -> Audio:
    """Utterance `number` of the caller, 400 Hz."""
    count = rate * length_ms // 1000
    tone: Audio = ((number + 1) * STEP * np.sin(2 * np.pi * 400 / rate * np.arange(count))).astype(np.float32)
    return tone


class Ear:
    """Which utterances are in the audio of a turn, whole or for the most part."""

    def __init__(self, lengths_ms: list[int]) -> None:
        self._needed = [length // 20 for length in lengths_ms]  # windows: half of it
        self._found = [0] * len(lengths_ms)
        self._rest = np.zeros(0, np.float32)
        self.silent = 0  # windows since sound
        self.order: list[int] = []

    def hear(self, samples: Audio) -> None:
        audio = np.concatenate([self._rest, samples])
        whole = len(audio) // WINDOW
        self._rest = audio[whole * WINDOW :]
        for peak in np.abs(audio[: whole * WINDOW]).reshape(-1, WINDOW).max(axis=1, initial=0.0).tolist():
            number = round(peak / STEP) - 1
            loud = peak > SILENCE
            self.silent = 0 if loud else self.silent + 1
            if 0 <= number < len(self._found) and abs(peak - (number + 1) * STEP) < 0.008:
                self._found[number] += 1
                if self._found[number] == max(1, self._needed[number]):
                    self.order.append(number)
