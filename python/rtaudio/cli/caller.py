"""A caller on a line: silence, and clips placed on it to the sample.

What is pushed to a line cannot be taken back, so a clip can be placed no earlier than what is pushed already. The lead
(how far ahead the line's input is kept filled) must be smaller than the shortest reaction of the caller, and larger
than the longest stall of the event loop that is to go unheard.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rtaudio.core import MIC_RATE, Line


class Way(Protocol):
    """What takes the caller's sound: the line, or a canceller before it."""

    @property
    def room(self) -> int: ...
    def push(self, samples: NDArray[np.float32], /) -> int: ...


class Caller:
    """Feeds one line whose input is at 16 kHz, or what stands before it (`through`). Positions count samples at
    16 kHz from the line's first tick."""

    def __init__(self, line: Line, through: Way | None = None) -> None:
        if line.input_rate != MIC_RATE:
            raise ValueError(f"the line's input is at {line.input_rate} Hz; a caller speaks at {MIC_RATE}")
        self._line: Way = line if through is None else through
        self._clips: list[tuple[int, NDArray[np.float32]]] = []
        self.pushed = 0

    @property
    def talks(self) -> bool:
        """A clip is being said, or waits to be."""
        return bool(self._clips)

    def say(self, clip: NDArray[np.float32], at: int) -> tuple[int, int]:
        """Places a clip so that its first sample is sample `at` of the line, or the first that is still free. Gives the
        range it occupies."""
        begin = max(at, self.pushed, *(begin + len(clip) for begin, clip in self._clips), 0)
        self._clips.append((begin, clip))
        return begin, begin + len(clip)

    def feed(self, until: int) -> None:
        """Pushes everything before sample `until`, as far as the line has room."""
        count = min(until - self.pushed, self._line.room)
        if count <= 0:
            return
        block = np.zeros(count, np.float32)
        for begin, clip in self._clips:
            first, last = max(begin, self.pushed), min(begin + len(clip), self.pushed + count)
            if first < last:
                block[first - self.pushed : last - self.pushed] = clip[first - begin : last - begin]
        self.pushed += self._line.push(block)
        self._clips = [(begin, clip) for begin, clip in self._clips if begin + len(clip) > self.pushed]
