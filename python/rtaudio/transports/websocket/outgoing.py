"""What was put out, as messages for the client's player. Pure: what a port's Outgoing read and events in, messages out.

    OutAudio ──► blocks of 10 ms ──► SILENT: passed over     TALKING: sent, in messages of up to 200 ms
    OutClear, OutDuck ──► Clear, Duck, in their places       events: where segments start, go on, pause and end

    SILENT ──a segment starts or goes on, or a block is not silent──► TALKING (START)
    TALKING ──the segment ends or is paused; or outside of one, a silent block──► SILENT (END)
    TALKING ──OutClear──► SILENT (Clear)

So a pause within a sentence is sent, silence between sentences is not. Within a segment all is sent at once, elsewhere
less than a block waits for its rest. What had not been sent yet when a clear came is not sent. What is sent depends on
what was put out alone; how it was cut into calls changes only where one message ends and the next begins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from rtaudio.core import OutAudio, OutClear, OutDuck, OutLost
from rtaudio.transports.websocket.frames import MOST_SAMPLES, AudioFrame, to_pcm16
from rtaudio.transports.websocket.messages import Clear, Duck

if TYPE_CHECKING:
    from rtaudio.core._port import Event

BLOCKS_PER_S: Final = 100
MOST_BLOCKS: Final = 20
MOST_GAIN: Final = 1000.0
MOST_RAMP_MS: Final = 60_000.0
ENDS: Final = ("segment_done", "paused", "cut")
NOTED: Final = ("segment_started", "resumed", *ENDS)

Out = OutAudio | OutClear | OutDuck | OutLost
Sent = AudioFrame | Clear | Duck


class Outgoing:
    """One call's output at `rate`; the client's media clock is that of the port's out positions."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._block = min(rate // BLOCKS_PER_S, MOST_SAMPLES // MOST_BLOCKS)
        self._at = 0  # of the first sample of `_rest`
        self._rest = np.zeros(0, np.int16)
        self._events: deque[Event] = deque()  # those that matter, in order
        self._segment = 0  # that has started and not ended; it may be paused
        self._talking = self._in_segment = False
        self._sent = self._silent = self._unsent = self._lost = self._clears = 0

    def take(self, items: Sequence[Out], events: Iterable[Event]) -> list[Sent]:
        """Takes what was put out next, and the playout's events, read after it; gives what is to be sent, in order."""
        self._events.extend(event for event in events if event.kind in NOTED)
        out: list[Sent] = []
        for item in items:
            match item:
                case OutAudio():
                    self._take_audio(to_pcm16(item.samples), out)
                case OutClear():
                    self._clear(item, out)
                case OutDuck():
                    ramp_ms = min(item.ramp_samples * 1000 / self._rate, MOST_RAMP_MS)
                    out.append(Duck(gain=min(item.gain, MOST_GAIN), ramp_ms=ramp_ms, position=item.out))
                case OutLost():
                    self._skip(item)
        self._sent += sum(len(each.samples) for each in out if isinstance(each, AudioFrame))
        return out

    def figures(self) -> dict[str, int]:
        """Samples: sent, silent (not sent), unsent (cleared before they were sent), lost (overwritten before they were
        read); clears."""
        return {
            "sent": self._sent,
            "silent": self._silent,
            "unsent": self._unsent,
            "lost": self._lost,
            "clears": self._clears,
        }

    def _take_audio(self, samples: NDArray[np.int16], out: list[Sent]) -> None:
        buffer = np.concatenate([self._rest, samples]) if len(self._rest) else samples
        begin = 0
        while begin < len(buffer):
            stop = begin + self._block - self._at % self._block
            if stop > len(buffer) and not self._goes_on(self._at + len(buffer) - begin):
                break
            piece = buffer[begin:stop]
            self._take_piece(piece, out)
            begin += len(piece)
        self._rest = buffer[begin:]

    def _goes_on(self, stop: int) -> bool:
        """A segment is under way, and nothing is to happen to it up to `stop`."""
        return self._talking and self._in_segment and not (self._events and self._events[0].out <= stop)

    def _take_piece(self, piece: NDArray[np.int16], out: list[Sent]) -> None:
        position, stop = self._at, self._at + len(piece)
        self._at = stop
        ended = False
        # An end behind the last sample of a piece stands at the position after it: it belongs here.
        while self._events and (self._events[0].out < stop or (self._events[0].out == stop and self._ends_next())):
            event = self._events.popleft()
            if event.kind == "segment_started":
                self._segment, self._in_segment, ended = event.segment, True, False
            elif event.segment == self._segment != 0:
                self._in_segment = event.kind == "resumed"
                ended = not self._in_segment
                if event.kind in ("segment_done", "cut"):
                    self._segment = 0
        begins = not self._talking and (self._in_segment or bool(piece.any()))
        if not self._talking and not begins:
            self._silent += len(piece)
            return
        self._talking = not (ended or (not self._in_segment and not piece.any()))
        self._append(AudioFrame(position, piece, begins, not self._talking), out)

    def _ends_next(self) -> bool:
        return self._events[0].kind in ENDS

    def _clear(self, clear: OutClear, out: list[Sent]) -> None:
        gone = [each for each in out if isinstance(each, AudioFrame)]
        self._unsent += sum(len(each.samples) for each in gone) + len(self._rest)
        out[:] = [each for each in out if not isinstance(each, AudioFrame)]
        out.append(Clear(id=clear.clear, position=clear.out))
        self._clears += 1
        self._at, self._rest = clear.out, self._rest[:0]
        self._talking = self._in_segment = False

    def _skip(self, lost: OutLost) -> None:
        self._lost += lost.samples + len(self._rest)
        self._at, self._rest = max(lost.out, self._at), self._rest[:0]

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
