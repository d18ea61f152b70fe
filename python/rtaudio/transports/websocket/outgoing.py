"""What was put out, as messages for the client's player. Pure: samples and events in, messages out.

    reference tap ──samples──► blocks of 10 ms ──► SILENT: passed over     TALKING: sent, in messages of up to 200 ms
    playout events ──start, end, flush, at positions of the tap──┘         Clear at a flush

    SILENT ──a segment starts or goes on, or a block is not silent──► TALKING (START)
    TALKING ──the segment ends or is paused; or outside of one, a silent block──► SILENT (END)
    TALKING ──flush──► SILENT (Clear)

So a pause within a sentence is sent, silence between sentences is not. What had not been sent yet when a flush came is
not sent. The result depends on what was put out alone; how it was cut into calls changes only where one message ends
and the next begins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from rtaudio.transports.websocket.frames import MOST_SAMPLES, AudioFrame, to_pcm16
from rtaudio.transports.websocket.messages import Clear

if TYPE_CHECKING:
    from rtaudio.core._port import Event

BLOCKS_PER_S: Final = 100
MOST_BLOCKS: Final = 20
ENDS: Final = ("segment_done", "paused", "cut")
NOTED: Final = ("segment_started", "resumed", *ENDS, "flushed")

Sent = AudioFrame | Clear


class Outgoing:
    """One call's output at `rate`. Give events before the samples they are about, or with them."""

    def __init__(self, rate: int, position: int = 0) -> None:
        """`position`: of the tap, where the client's media clock begins."""
        self._block = min(rate // BLOCKS_PER_S, MOST_SAMPLES // MOST_BLOCKS)
        self._zero = position
        self._at = position  # of the first sample of `_rest`
        self._rest = np.zeros(0, np.int16)
        self._events: deque[Event] = deque()  # those that matter, in order
        self._segment = 0  # that has started and not ended; it may be paused
        self._talking = self._in_segment = False
        self._clears = 0
        self._sent = self._silent = self._flushed = self._skipped = 0

    def note(self, events: Iterable[Event]) -> None:
        """Takes the playout's events, in order."""
        self._events.extend(event for event in events if event.kind in NOTED)

    def skip(self, count: int) -> None:
        """So many samples of the tap were lost to us: they go unsent, and are counted."""
        self._skipped += len(self._rest) + count
        self._at += len(self._rest) + count
        self._rest = self._rest[:0]

    def take(self, samples: NDArray[np.float32]) -> list[Sent]:
        """Takes what was put out next; gives what is to be sent, in order. Less than a block waits for the next."""
        buffer = np.concatenate([self._rest, to_pcm16(samples)]) if len(self._rest) else to_pcm16(samples)
        whole = len(buffer) // self._block * self._block
        out: list[Sent] = []
        for begin in range(0, whole, self._block):
            self._take_block(buffer[begin : begin + self._block], out)
        self._rest = buffer[whole:]
        self._sent += sum(len(each.samples) for each in out if isinstance(each, AudioFrame))
        return out

    def figures(self) -> dict[str, int]:
        """Samples: sent, silent (not sent), flushed (before they were sent), skipped; clears."""
        return {
            "sent": self._sent,
            "silent": self._silent,
            "flushed": self._flushed,
            "skipped": self._skipped,
            "clears": self._clears,
        }

    def _take_block(self, block: NDArray[np.int16], out: list[Sent]) -> None:
        at, stop = self._at, self._at + len(block)
        self._at = stop
        ended = False
        # An end at a block's last sample stands at the position after it, which is the next block's: it belongs here.
        while self._events and (self._events[0].out < stop or (self._events[0].out == stop and self._ends_next())):
            event = self._events.popleft()
            if event.kind == "flushed":
                block = self._flush(block, max(event.out, at), out)
                ended = False
            elif event.kind == "segment_started":
                self._segment, self._in_segment, ended = event.segment, True, False
            elif event.segment == self._segment != 0:
                self._in_segment = event.kind == "resumed"
                ended = not self._in_segment
                if event.kind in ("segment_done", "cut"):
                    self._segment = 0
        begins = not self._talking and (self._in_segment or bool(block.any()))
        if not self._talking and not begins:
            self._silent += len(block)
            return
        self._talking = not (ended or (not self._in_segment and not block.any()))
        if len(block):
            self._append(AudioFrame(stop - len(block) - self._zero, block, begins, not self._talking), out)

    def _ends_next(self) -> bool:
        return self._events[0].kind in ENDS

    def _flush(self, block: NDArray[np.int16], position: int, out: list[Sent]) -> NDArray[np.int16]:
        """What is left of the block behind the flush; what was not sent yet of before it is not."""
        keep = block[min(position - (self._at - len(block)), len(block)) :]
        self._flushed += sum(len(each.samples) for each in out if isinstance(each, AudioFrame)) + len(block) - len(keep)
        out[:] = [each for each in out if isinstance(each, Clear)]
        self._clears += 1
        out.append(Clear(id=self._clears, position=max(position - self._zero, 0)))
        self._segment = 0
        self._talking = self._in_segment = False
        return keep

    def _append(self, frame: AudioFrame, out: list[Sent]) -> None:
        last = out[-1] if out else None
        if (
            isinstance(last, AudioFrame)
            and not frame.start
            and not last.end
            and last.stop == frame.position
            and len(last.samples) + len(frame.samples) <= MOST_BLOCKS * self._block
        ):
            samples = np.concatenate([last.samples, frame.samples])
            out[-1] = AudioFrame(last.position, samples, last.start, frame.end)
        else:
            out.append(frame)
