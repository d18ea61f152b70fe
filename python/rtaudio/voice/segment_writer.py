"""The audio of one reply on its way into its segment: held per clause, written in order as there is room.

TTS pump ──hold──► pieces of a clause ──play (the machine says when)──► queue ──write──► segment
   ▲                                                                                        │
   └────────────── waits while more than `ahead` samples of its clause are held ◄───────────┘
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from rtaudio.core import SegmentCut
from rtaudio.voice.closed_port import CLOSED_PORT
from rtaudio.voice.heard import WordAt
from rtaudio.voice.policies import Interruption
from rtaudio.voice.protocols import Audio
from rtaudio.voice.tasks import Signal

if TYPE_CHECKING:
    from rtaudio.core import AudioPort
    from rtaudio.core._port import Segment


class SegmentWriter:
    """`moved` fires whenever held audio became less. A cut ends it: nothing is held or written any more (law 2)."""

    def __init__(self, port: AudioPort, moved: Signal) -> None:
        self._port = port
        self._moved = moved
        self.interruption: Interruption = "immediate"
        self.segment: Segment | None = None
        self._held: dict[tuple[int, int], tuple[Audio, int]] = {}  # (clause, number) -> (piece, rate)
        self._pieces: dict[int, int] = {}  # by clause: how many came
        self._held_samples: dict[int, int] = {}
        self._held_all, self._rate = 0, 1
        self._queue: deque[tuple[int, Audio, int]] = deque()  # (clause, what is left of a piece, rate)
        self._words: deque[WordAt] = deque()
        self._sentence_ends: deque[int] = deque()
        self._ending = False
        self._over = False

    def hold(self, clause: int, samples: Audio, rate: int) -> None:
        number = self._pieces.get(clause, 0)
        self._pieces[clause] = number + 1
        self._held[clause, number] = (samples, rate)
        self._held_samples[clause] = self._held_samples.get(clause, 0) + len(samples)
        self._held_all += len(samples)
        self._rate = rate

    def piece(self, clause: int, number: int) -> tuple[Audio, int]:
        """(samples, rate) of one that is held."""
        return self._held[clause, number]

    def held(self, clause: int) -> int:
        """Samples of the clause that have not been written yet."""
        return 0 if self._over else self._held_samples.get(clause, 0)

    @property
    def held_s(self) -> float:
        """Audio of all clauses that has not been written yet."""
        return 0.0 if self._over else self._held_all / self._rate

    def play(self, clause: int, number: int) -> None:
        """Queues the piece; opens the segment with the first. Raises what the playout does (a rate it cannot take)."""
        if self._over:
            return
        if self.segment is None:
            self.segment = self._port.playout.open_segment(policy=self.interruption)
        samples, rate = self._held.pop((clause, number))
        self._queue.append((clause, samples, rate))
        self.write()

    def place(self, words: tuple[WordAt, ...]) -> None:
        self._words.extend(words)
        self.write()

    def place_sentence_end(self, sample: int) -> None:
        self._sentence_ends.append(sample)
        self.write()

    def end(self) -> None:
        self._ending = True
        self.write()

    def release(self) -> None:
        """The reply is past: nothing is held of the port any more, by whoever holds this still (a task that was
        cancelled does, until garbage collection)."""
        self.drop()
        self._port, self.segment = CLOSED_PORT, None

    def drop(self) -> None:
        self._over = True
        self._queue.clear()
        self._held.clear()
        self._words.clear()
        self._sentence_ends.clear()
        self._moved.fire()

    def write(self) -> None:
        """Writes what there is room for. Called again whenever there may be more."""
        if self._over or self.segment is None:
            return
        try:
            if self._write(self.segment) and self._ending:
                self.segment.end()
                self._over = True
        except BlockingIOError:
            return  # the queue of the playout is full: the next wake-up tries again
        except SegmentCut:
            self.drop()  # its event follows

    def _write(self, segment: Segment) -> bool:
        """True once all is written."""
        while self._words:
            segment.add_text(*self._words[0])
            self._words.popleft()
        while self._sentence_ends:
            segment.add_sentence_end(self._sentence_ends[0])
            self._sentence_ends.popleft()
        while self._queue:
            clause, samples, rate = self._queue[0]
            taken = segment.write(samples, rate)
            if taken:
                self._held_samples[clause] -= taken
                self._held_all -= taken
                self._moved.fire()
            if taken < len(samples):
                self._queue[0] = (clause, samples[taken:], rate)
                return False
            self._queue.popleft()
        return True
