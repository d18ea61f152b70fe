"""A remote that holds audio, on virtual time: a way there and a way back that take their time, a queue, a player, a
fade of at most 5 ms at a clear. It remembers which sample it played: that is the truth the core's account is held
against. And a line that sends to it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from rtaudio import AudioPort, Engine, Event, Line, OutAudio, OutClear, OutDuck, OutLost, Segment
from tests.core.rig import LevelVad, numbered

Item = OutAudio | OutClear | OutDuck | OutLost
MS = 1_000_000
RATE = 16000
TICK_NS = 10 * MS
TICK = RATE // 100


@dataclass
class Report:
    """What goes back: as Line.report_remote takes it."""

    at_ns: int
    played: int
    clear: int = 0


@dataclass
class VirtualRemote:
    """`there_ns`, `back_ns`: how long what is sent now takes; nothing overtakes. `answers`: reports clears at all."""

    rate: int
    there_ns: Callable[[int], int]
    back_ns: Callable[[int], int]
    report_every_ms: int = 100
    fade_ms: int = 5
    answers: bool = True
    played: list[tuple[int, int]] = field(default_factory=list)  # (ns, out position) of each sample heard
    values: list[float] = field(default_factory=list)  # as heard, by its own gain
    cleared: list[tuple[int, int]] = field(default_factory=list)  # (clear, position it had come to)
    starved_ms: int = 0
    now_ns: int = 0
    _way: deque[tuple[int, Item]] = field(default_factory=deque)
    _back: deque[Report] = field(default_factory=deque)
    _queue: deque[tuple[int, float]] = field(default_factory=deque)
    _position: int = 0
    _ms: int = 0
    _gain: float = 1.0
    _baked: list[tuple[int, float]] = field(default_factory=lambda: [(0, 1.0)])
    _ramp: tuple[float, float, int, int] = (1.0, 1.0, 0, 0)  # from, to, samples done, samples in all

    def send(self, items: list[Item], now_ns: int) -> None:
        arrives = now_ns + self.there_ns(now_ns)
        if self._way:
            arrives = max(arrives, self._way[-1][0])
        self._way.extend((arrives, item) for item in items)

    def reports(self, line: Line, now_ns: int) -> None:
        """Hands the line what has come back by now."""
        while self._back and self._back[0].at_ns <= now_ns:
            report = self._back.popleft()
            line.report_remote(report.played, report.clear)

    def run(self, until_ns: int) -> None:
        """Lives on, millisecond by millisecond."""
        assert self.rate % 1000 == 0
        while self.now_ns + MS <= until_ns:
            while self._way and self._way[0][0] <= self.now_ns:
                self._take(self._way.popleft()[1])
            self._play(self.rate // 1000)
            self.now_ns += MS
            self._ms += 1
            if self.report_every_ms and self._ms % self.report_every_ms == 0:
                self._tell(Report(0, self._position))

    @property
    def holding(self) -> int:
        return len(self._queue)

    @property
    def under_way(self) -> int:
        return len(self._way)

    def _tell(self, report: Report) -> None:
        report.at_ns = self.now_ns + self.back_ns(self.now_ns)
        if self._back:
            report.at_ns = max(report.at_ns, self._back[-1].at_ns)
        self._back.append(report)

    def _take(self, item: Item) -> None:
        match item:
            case OutAudio():
                self._queue.extend((item.out + i, float(value)) for i, value in enumerate(item.samples))
            case OutClear():
                fade = self.rate * self.fade_ms // 1000
                for i in range(fade):
                    if not self._queue or self._queue[0][0] >= item.out:
                        break
                    self._sound(*self._queue.popleft(), 1 - (i + 1) / fade)
                while self._queue and self._queue[0][0] < item.out:
                    self._queue.popleft()
                self.cleared.append((item.clear, self._position))
                if self.answers:
                    self._tell(Report(0, self._position, item.clear))
            case OutDuck():
                self._baked.append((item.out, item.gain))
                self._ramp = (self._gain, item.gain, 0, item.ramp_samples)
            case OutLost():
                raise AssertionError(f"the transport was too slow: {item}")

    def _play(self, count: int) -> None:
        for left in range(count, 0, -1):
            # What is silent shortens the queue where that has grown, as a player with any sense does.
            while len(self._queue) > self.rate // 50 and self._queue[0][1] == 0.0 and self._queue[1][1] == 0.0:
                self._position = self._queue.popleft()[0] + 1
            if not self._queue:
                self.starved_ms += left == count
                return
            self._sound(*self._queue.popleft(), 1.0)

    def _sound(self, out: int, value: float, fade: float) -> None:
        begin, to, done, length = self._ramp
        self._gain = to if done >= length else begin + (to - begin) * done / length
        self._ramp = (begin, to, done + 1, length)
        last, _ = self._baked[-1]
        factor = 1.0
        if out < last:  # pulled before the gain changed
            baked = next(gain for at, gain in reversed(self._baked) if at <= out)
            factor = self._gain / baked
        self.played.append((self.now_ns, out))
        self.values.append(value * fade * factor)
        self._position = out + 1

    def heard_outs(self) -> np.ndarray:
        return np.array([out for _, out in self.played], np.int64)


class Call:
    """A line with a remote on virtual time. Numbers: sample k of all that is ever written is k / 2^24, k from 1."""

    def __init__(
        self,
        *,
        remote: Literal["none", "plays", "clears", "ducks"] = "clears",
        lead_s: float | None = None,
        there_ms: int = 20,
        back_ms: int = 20,
        report_every_ms: int = 100,
        answers: bool = True,
        jitter_ms: tuple[int, ...] = (0,),
        rate: int = RATE,
        vad: bool = False,
        kind: Literal["paced", "network"] = "paced",
    ) -> None:
        self.port = AudioPort(rate, queue_s=60, tap_s=60, mic_s=60, history_s=4.0)
        self.engine = Engine(vad=LevelVad() if vad else None)
        self.line = self.engine.add(self.port, kind=kind, input_s=60, remote=remote, lead_s=lead_s)
        self.out = self.port.outgoing(0)
        self.tap = self.port.tap(0)
        self.reports = remote in ("clears", "ducks")
        self.remote = VirtualRemote(
            rate,
            lambda now: (there_ms + jitter_ms[now // TICK_NS % len(jitter_ms)]) * MS,
            lambda now: back_ms * MS,
            report_every_ms,
            answers=answers,
        )
        self.now_ns = 0
        self.stalled_to_ns = 0
        self.written = 0
        self.starts: dict[int, int] = {}  # segment -> number before its first
        self.told: list[Event] = []
        self.engine.step(0)

    def open(self) -> Segment:
        segment = self.port.playout.open_segment()
        self.starts[segment.id] = self.written
        return segment

    def write(self, segment: Segment, count: int) -> None:
        assert segment.write(numbered(self.written + 1, count)) == count
        self.written += count

    def speak(self, seconds: float) -> Segment:
        segment = self.open()
        self.write(segment, round(seconds * self.port.rate))
        segment.end()
        return segment

    def run(self, ticks: int) -> list[Event]:
        events: list[Event] = []
        for _ in range(ticks):
            self.now_ns += TICK_NS
            if self.reports and self.now_ns >= self.stalled_to_ns:
                self.remote.reports(self.line, self.now_ns)
            self.engine.step(self.now_ns)
            if self.now_ns >= self.stalled_to_ns:
                self.remote.send(self.out.read(), self.now_ns)
            self.remote.run(self.now_ns)
            events += self.port.events()
        self.told += events
        return events

    def stall(self, ticks: int) -> None:
        """The event loop takes no part for so long; the engine and the remote go on."""
        self.stalled_to_ns = self.now_ns + ticks * TICK_NS

    def numbers(self) -> np.ndarray:
        """Number of the sample at each out position; 0: silence. Faded and ducked ones by where a run began."""
        tap = self.tap.copy(0, self.out.position)
        number = np.round(tap.astype(np.float64) * (1 << 24)).astype(np.int64)
        for event in self.told:  # a fade-in follows, from a sample of the segment that the event names
            if event.kind == "resumed" and event.segment:
                count = min(RATE * 5 // 1000 + 1, len(number) - event.out)
                number[event.out : event.out + count] = self.starts[event.segment] + event.a + 1 + np.arange(count)
        return number

    def truth(self, segment: Segment) -> int:
        """How far into the segment the remote has come."""
        heard = self.numbers()[self.remote.heard_outs()] if self.remote.played else np.zeros(0, np.int64)
        start, end = self.starts[segment.id], self.starts.get(segment.id + 1, self.written)
        own = heard[(heard > start) & (heard <= end)]
        return int(own.max()) - start if len(own) else 0

    def close(self) -> None:
        self.engine.close()
        self.port.close()


def balanced(call: Call, *segments: Segment) -> None:
    for account in (call.port.playout.ledger(), *(segment.ledger() for segment in segments)):
        assert account.written + account.replayed == account.played + account.queued + account.dropped  # law 1
        assert account.recalled <= account.played
    port = call.port.playout.ledger()
    assert port.pulled == port.played + port.silence + port.concealed
