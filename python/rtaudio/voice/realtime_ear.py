"""What a speech-to-speech model hears: the microphone's audio, to the sample, on its way into one connection.

    local turns    nothing ──begin(start)──► the turn's audio from `start` on ──end(until)──► committed at `until`
    server turns   everything from `start` on, without a gap

Audio that was overwritten before it could be taken is told as lost; positions reckon with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np

from rtaudio.core import LostSamples
from rtaudio.voice.protocols import Audio

if TYPE_CHECKING:
    from rtaudio.core import AudioPort
    from rtaudio.core._port import MediaReader

MOST_SAMPLES: Final = 16000
"""Handed over at once: after a stall the audio comes in pieces of a second."""
SILENCE: Final = 1600
"""Samples of it that stand for a turn whose audio is all lost: a server takes no empty one."""
MS: Final = 16
"""Samples of a millisecond."""


class Ear:
    """`push`, `commit` are the stream's and raise what it raises."""

    def __init__(
        self,
        port: AudioPort,
        push: Callable[[Audio], None],
        commit: Callable[[], None],
        lost: Callable[[int], None],
    ) -> None:
        self._port, self._push, self._commit, self._lost = port, push, commit, lost
        self._reader: MediaReader | None = None
        self._until: int | None = None
        self._pushed = 0  # of this turn, or of all
        self._jumps: deque[tuple[int, int]] = deque(maxlen=64)  # (pushed, mic position) after a start or a loss

    def begin(self, start: int) -> None:
        """From mic position `start` on: nothing yet, where it ends may be told next."""
        self._reader, self._until, self._pushed = self._port.mic(start), None, 0
        self._jumps.clear()
        if self._reader.lost:
            self._lost(self._reader.lost)
        self._jumps.append((0, self._reader.position))

    def end(self, until: int) -> None:
        """The turn ends there."""
        if self._reader is not None:
            self._until = until
            self.feed()

    def feed(self) -> None:
        """Called whenever there may be more."""
        reader = self._reader
        while reader is not None:
            count = min(reader.available, MOST_SAMPLES)
            if self._until is not None:
                count = min(count, self._until - reader.position)
            if count <= 0:
                break
            try:
                samples = reader.read(count)
            except LostSamples as error:
                self._lost(error.samples)
                self._jumps.append((self._pushed, reader.position))
                continue
            self._pushed += len(samples)
            self._push(samples)
        if reader is not None and self._until is not None and reader.position >= self._until:
            self._reader = None
            if not self._pushed:
                self._push(np.zeros(SILENCE, np.float32))
            self._commit()

    def mic_at(self, audio_ms: int) -> int:
        """Mic position of what is so far into the audio that was pushed."""
        pushed = audio_ms * MS
        before, mic = next((jump for jump in reversed(self._jumps) if jump[0] <= pushed), self._jumps[0])
        return max(0, mic + pushed - before)
