"""What playout keeps: nothing old after a flush, nothing lost by a pause, every sample accounted for (laws 1, 2, 3).

A consumer thread pulls periods and keeps what it was given; another thread writes numbered samples and flushes or
pauses at random moments. Sample k of a segment is (k + 1) / 2**23 plus a part that names the segment, so a sample
that was put out at full gain can be told exactly, and the sink's record is compared with the ledger sample by sample.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rtaudio import AudioPort, Event, Ledger, Segment, SegmentCut
from rtaudio.core._measure import flush_race

RATE = 48000
PERIOD = 480
FADE = RATE * 5 // 1000
_SEGMENT_SAMPLES = RATE  # a second each
_NAMES = 64  # segments told apart by their numbers
_RACE_PULLS = 100
_RACE_NS = 20_000  # some flushes come when all is pulled already

Audio = NDArray[np.float32]


def numbered(segment: int, start: int, count: int) -> Audio:
    """Samples [start, start + count) of a segment, exact in float32, none of them zero."""
    first = (segment % _NAMES) * 2**17 + start + 1
    return (np.arange(first, first + count, dtype=np.int64) / 2**23).astype(np.float32)


@dataclass
class Sink:
    """A consumer thread that pulls as fast as it is let, and keeps all of it."""

    port: AudioPort
    begun: int = 0  # samples given before the pull under way, or before the next one
    _kept: list[Audio] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _failure: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run, name="sink")
        self._thread.start()

    def _run(self) -> None:
        try:
            playout = self.port.playout
            playout.attach()
            while not self._stop.is_set():
                block = np.empty(PERIOD, np.float32)
                playout.pull_into(block)
                self._kept.append(block)
                self.begun += PERIOD
                if len(self._kept) % 4 == 0:
                    time.sleep(0)  # lets the other thread come in between pulls too, not only within one
            playout.detach()
        except BaseException as error:
            self._failure.append(error)

    def take(self) -> Audio:
        """What was kept since the last call. Nothing is lost: a block that comes meanwhile is for the next call."""
        count = len(self._kept)
        taken, self._kept[:count] = self._kept[:count], []
        return np.concatenate(taken) if taken else np.empty(0, np.float32)

    def wait_until(self, position: int) -> None:
        """Until `position` samples have been put out."""
        while self.begun < position:
            if self._failure:
                raise self._failure[0]
            time.sleep(0)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        if self._failure:
            raise self._failure[0]


def _write_all(segment: Segment, samples: Audio) -> int:
    """As many as it takes before it is cut; gives how many."""
    written = 0
    try:
        while written < len(samples):
            taken = segment.write(samples[written : written + 4 * PERIOD])
            written += taken
            if not taken:
                time.sleep(0)
    except SegmentCut:
        pass
    return written


def _faded(got: Audio, expected: Audio) -> int:
    """How many samples are not `expected` times a gain between 0 and 1."""
    return int(np.count_nonzero((got < 0) | (got > expected)))


def _misplaced(got: Audio, expected: Audio, *, fade_in: bool, fade_out: bool) -> int:
    """Samples of one stretch that are not what they should be: exact, but for the fades at its ends."""
    head = min(FADE, len(got)) if fade_in else 0
    tail = max(head, len(got) - (FADE if fade_out else 0))
    exact = int(np.count_nonzero(got[head:tail] != expected[head:tail]))
    return exact + _faded(got[:head], expected[:head]) + _faded(got[tail:], expected[tail:])


@dataclass
class _Record:
    """The sink's record of one round: samples from position `at` on."""

    at: int
    samples: Audio

    def cut_out(self, start: int, count: int) -> Audio:
        """The stretch [start, start + count), which is then blank: what stays is what nobody claims."""
        begin = start - self.at
        if begin < 0 or begin + count > len(self.samples):
            raise AssertionError(f"the ledger claims [{start}, {start + count}), which the sink never got")
        taken = self.samples[begin : begin + count].copy()
        self.samples[begin : begin + count] = 0
        return taken


def measure_flush(flushes: int = 1000, seed: int = 1) -> dict[str, int]:
    """``flush_to_silence_samples``: samples of the old segment that came out after ``flush()`` had returned, the
    rest of a pull in progress included, worst case. ``accounting_error_samples``: by how much ledger and cut reports
    differ from what the sink got, summed. ``stale_samples``: what came out of a flushed segment outside the stretch
    it was played in, and what could still be written to it.

    Consumer and flush are native threads that race (rtaudio.core._measure.flush_race): in most rounds a pull is under
    way when the flush is called.
    """
    chance = random.Random(seed)
    worst = errors = stale = 0
    out = np.empty(_RACE_PULLS * PERIOD, np.float32)
    with AudioPort(RATE, queue_s=4.0) as port:
        for _ in range(flushes):
            at = port.playout.ledger().pulled
            segment = port.playout.open_segment()
            written = _write_all(segment, numbered(segment.id, 0, chance.randrange(1, 2 * len(out))))
            returned = at + flush_race(port, out, PERIOD, chance.randrange(0, _RACE_NS))
            stale += _write_all(segment, numbered(segment.id, written, PERIOD))

            rest = port.playout.pull(PERIOD)  # of a fade that had begun at the very end of the race
            port.playout.detach()
            ledger = segment.ledger()
            events = [event for event in port.events() if event.segment == segment.id]
            start = next((event.out for event in events if event.kind == "segment_started"), None)
            cut = next((event for event in events if event.kind == "cut"), None)
            record = _Record(at, np.concatenate([out, rest]))
            errors += abs(ledger.written - written) + ledger.queued + _law_one(ledger) + _law_one(port.playout.ledger())
            errors += _cut_error(cut, ledger.played, ledger.dropped)
            if start is None:
                errors += ledger.played
            else:
                end = start + ledger.played
                expected = numbered(segment.id, 0, ledger.played)
                errors += _misplaced(record.cut_out(start, ledger.played), expected, fade_in=True, fade_out=True)
                worst = max(worst, end - returned)
                if ledger.played == written:  # it ran dry before the flush: its last value decays over a fade's length
                    stale += _decay_error(record.cut_out(end, FADE), expected[-1])
            stale += int(np.count_nonzero(record.samples))
    return {
        "flush_to_silence_samples": worst,
        "flush_to_silence_bound_samples": PERIOD + FADE,
        "accounting_error_samples": errors,
        "stale_samples": stale,
        "flushes": flushes,
    }


def _law_one(ledger: Ledger) -> int:
    return abs(ledger.written + ledger.replayed - ledger.played - ledger.queued - ledger.dropped)


def _cut_error(cut: Event | None, played: int, dropped: int) -> int:
    """A cut is reported once for every flushed segment, with the ledger's figures."""
    if cut is None:
        return 1 + played + dropped
    return abs(cut.a - played) + abs(cut.b - dropped)


def _decay_error(got: Audio, last: np.float32) -> int:
    """Samples of a concealed gap that do not fall from the last value towards zero."""
    before = np.concatenate(([last], got[:-1])) if len(got) else got
    return int(np.count_nonzero((got < 0) | (got > before)))


def measure_pause(pauses: int = 200, seed: int = 2) -> dict[str, int]:
    """``pause_lost_samples``: samples of a segment that the sink did not get exactly once, in order, or that a fade
    hid for more than 5 ms, over pauses at random moments without a rewind."""
    chance = random.Random(seed)
    lost = 0
    with AudioPort(RATE, queue_s=4.0) as port:
        sink = Sink(port)
        try:
            at = 0
            done = 0
            while done < pauses:
                # Written as a whole while the consumer holds: it is far quicker than a writer that loses its turn, and
                # a queue that runs dry is another matter than a pause.
                port.playout.pause()
                sink.wait_until(sink.begun + 2 * PERIOD)
                segment = port.playout.open_segment()
                samples = numbered(segment.id, 0, _SEGMENT_SAMPLES)
                _write_all(segment, samples)
                segment.end()
                port.playout.resume()
                for _ in range(4):
                    sink.wait_until(sink.begun + chance.randrange(1, _SEGMENT_SAMPLES // 5))
                    port.playout.pause()
                    sink.wait_until(sink.begun + chance.randrange(1, 4) * PERIOD)
                    port.playout.resume()
                    done += 1
                while segment.ledger().state != "done":
                    time.sleep(0)
                sink.wait_until(sink.begun + 2 * PERIOD)
                record = _Record(at, sink.take())
                at += len(record.samples)
                events = [event for event in port.events() if event.segment == segment.id]
                lost += _pause_loss(record, events, samples)
        finally:
            sink.close()
    return {"pause_lost_samples": lost, "pauses": pauses}


def _pause_loss(record: _Record, events: list[Event], samples: Audio) -> int:
    """Puts the stretches between start, pauses, resumes and end together and compares them with what was written."""
    stretches: list[tuple[int, int, int]] = []  # out, from sample, to sample
    out = position = 0
    for event in events:
        match event.kind:
            case "segment_started":
                out, position = event.out, 0
            case "paused":
                stretches.append((out, position, event.a))
            case "resumed":
                out, position = event.out, event.a
            case "segment_done":
                stretches.append((out, position, len(samples)))
    covered = lost = 0
    for out, begin, end in stretches:
        lost += abs(begin - covered)
        covered = end
        got = record.cut_out(out, end - begin)
        lost += _misplaced(got, samples[begin:end], fade_in=True, fade_out=end < len(samples))
    return lost + abs(len(samples) - covered) + int(np.count_nonzero(record.samples))
