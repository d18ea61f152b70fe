"""A plain Python model of the playout: one sample at a time, no rings, no words packed into integers.

It says what csrc/playout.h promises in the simplest way and is compared with the core sample for sample. Arithmetic is
float32 in the same order, since equality is meant exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

F32 = np.float32
ONE = F32(1)


@dataclass
class ModelSegment:
    id: int
    epoch: tuple[int, int]
    samples: list[np.float32] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    marks: dict[int, int] = field(default_factory=dict)  # mark -> sample
    fired: set[int] = field(default_factory=set)
    ended: bool = False
    consumed: int = 0
    played: int = 0
    dropped: int = 0
    replayed: int = 0
    high: int = 0
    state: str = "queued"


@dataclass
class Ramp:
    start: np.float32 = ONE
    to: np.float32 = ONE
    at: int = 0
    length: int = 0

    def value(self) -> np.float32:
        if self.at >= self.length:
            return self.to
        return self.start + (self.to - self.start) * (F32(self.at) / F32(self.length))

    def aim(self, to: float, length: int) -> None:
        self.start, self.to, self.at, self.length = self.value(), F32(to), 0, length

    def step(self) -> None:
        self.at = min(self.at + 1, self.length)


class ModelPlayout:
    """Session and engine words take effect at the next pull, as do all writes."""

    def __init__(self, rate: int, history: int) -> None:
        self.fade = rate * 5 // 1000
        self.history = history
        self.segments: list[ModelSegment] = []
        self.flushes = [0, 0]  # session, engine
        self.paused = [False, False]
        self.rewind = False
        self.rewind_word = [False, False]
        self.pause_changed = [False, False]
        self.duck = [Ramp(), Ramp()]
        self.duck_wanted: list[tuple[float, int] | None] = [None, None]
        self.stage = "play"
        self.envelope = self.fade
        self.starved = False
        self.last = F32(0)
        self.conceal_from = F32(0)
        self.conceal_left = 0
        self.position = self.low = 0
        self.counters = dict.fromkeys(("silence", "concealed", "pulled", "underruns"), 0)
        self.head = 0  # index of the first live segment
        self.events: list[tuple[str, int, int, int]] = []  # kind, segment, a, b

    # ---- what users do

    def open(self) -> ModelSegment:
        segment = ModelSegment(len(self.segments) + 1, (self.flushes[0], self.flushes[1]))
        self.segments.append(segment)
        return segment

    def stale(self, segment: ModelSegment) -> bool:
        return segment.epoch[0] < self.flushes[0] or segment.epoch[1] < self.flushes[1]

    def flush(self, side: int) -> None:
        self.flushes[side] += 1

    def pause(self, side: int) -> None:
        self.paused[side] = True
        self.rewind_word[side] = False
        self.pause_changed[side] = True

    def resume(self, side: int, rewind: bool) -> None:
        self.paused[side] = False
        self.rewind_word[side] = rewind
        self.pause_changed[side] = True

    # ---- the output

    def pull(self, count: int) -> np.ndarray:
        for side in (0, 1):
            if self.pause_changed[side] and not self.paused[side] and self.rewind_word[side]:
                self.rewind = True
            self.pause_changed[side] = False
            wanted = self.duck_wanted[side]
            if wanted is not None:
                self.duck[side].aim(*wanted)
                self.duck_wanted[side] = None
        for segment in self.segments:
            self._marks(segment, segment.state == "done")
        out = np.zeros(count, F32)
        for i in range(count):
            out[i] = self._sample()
            for ramp in self.duck:
                ramp.step()
            self.counters["pulled"] += 1
        # What became certain with the last sample is known at the end of this pull, not at the next.
        self._head(True)
        segment = self._live()
        fading = self.stage == "park"
        if fading and (segment is None or segment.state != "playing" or self.envelope == 0):
            self._hold()
        self.low = max(self.low, self.position - self.history)
        return out

    def _live(self) -> ModelSegment | None:
        return self.segments[self.head] if self.head < len(self.segments) else None

    def _marks(self, segment: ModelSegment, whole: bool) -> None:
        for mark, sample in segment.marks.items():
            if mark not in segment.fired and (sample < segment.high or whole):
                segment.fired.add(mark)
                self.events.append(("mark", segment.id, mark, sample))

    def _drop(self, segment: ModelSegment) -> None:
        rest = len(segment.samples) - segment.consumed
        segment.consumed += rest
        segment.dropped += rest
        self.position += rest
        segment.state = "cut"
        self._marks(segment, False)
        self.events.append(("cut", segment.id, segment.played, segment.dropped))
        self.head += 1
        self.starved = False

    def _head(self, fade: bool) -> ModelSegment | None:
        while True:
            segment = self._live()
            if segment is None:
                return None
            left = len(segment.samples) - segment.consumed
            if self.stale(segment):
                sounding = fade and segment.state == "playing" and self.stage != "hold" and self.envelope > 0
                if sounding and left:
                    self.stage = "die"
                    return segment
                self._drop(segment)
                if self.stage == "die":
                    self.stage = "play"
            elif left == 0 and segment.ended:
                segment.state = "done"
                self._marks(segment, True)
                self.events.append(("segment_done", segment.id, segment.played, segment.replayed))
                self.head += 1
                self.starved = False
            else:
                return segment

    def _hold(self) -> None:
        segment = self._live()
        self.stage = "hold"
        self.events.append(("paused", segment.id if segment else 0, segment.consumed if segment else 0, 0))

    def _leave(self) -> None:
        segment = self._live()
        replayed = 0
        if self.rewind and segment is not None and segment.state == "playing":
            starts = [word for word in segment.words if word <= segment.consumed]
            if starts:
                replayed = min(segment.consumed - max(starts), self.position - self.low)
                segment.consumed -= replayed
                segment.replayed += replayed
                self.position -= replayed
        self.stage = "play"
        self.events.append(("resumed", segment.id if segment else 0, segment.consumed if segment else 0, replayed))

    def _rest(self) -> np.float32:
        self.last = F32(0)
        if self.conceal_left:
            self.conceal_left -= 1
            self.counters["concealed"] += 1
            return self.conceal_from * (F32(self.conceal_left) / F32(self.fade))
        self.counters["silence"] += 1
        return F32(0)

    def _sample(self) -> np.float32:
        while True:
            segment = self._head(True)
            paused = any(self.paused)
            if self.stage != "die":
                if paused and self.stage == "play":
                    sounding = segment is not None and segment.state == "playing" and self.envelope and not self.starved
                    if sounding:
                        self.stage = "park"
                    else:
                        self._hold()
                elif not paused and self.stage == "hold":
                    self._leave()
                    self.rewind = False
                    continue
                elif not paused and self.stage == "park":
                    self.stage = "play"
            if not paused:
                self.rewind = False
            if self.stage == "hold" or segment is None:
                return self._rest()
            if self.stage == "park" and (segment.state != "playing" or self.envelope == 0):
                self._hold()
                continue
            if segment.consumed == len(segment.samples):
                if segment.state == "playing" and not self.starved:
                    self.starved = True
                    self.counters["underruns"] += 1
                    self.conceal_from, self.conceal_left, self.envelope = self.last, self.fade, 0
                    self.events.append(("underrun", segment.id, segment.consumed, 0))
                if self.stage == "park":
                    self._hold()
                return self._rest()
            if segment.state == "queued":
                segment.state = "playing"
                self.envelope = self.fade
                self.events.append(("segment_started", segment.id, 0, 0))
            return self._speak(segment)

    def _speak(self, segment: ModelSegment) -> np.float32:
        self.starved = False
        self.conceal_left = 0
        gain = F32(1) * min(self.duck[0].value(), self.duck[1].value())
        falling = self.stage in ("park", "die")
        if falling:
            self.envelope -= 1
        if self.envelope < self.fade:
            gain = gain * (F32(self.envelope) * (F32(1) / F32(self.fade)))
        if not falling and self.envelope < self.fade:
            self.envelope += 1
        value = segment.samples[segment.consumed] * gain
        segment.consumed += 1
        segment.played += 1
        segment.high = max(segment.high, segment.consumed)
        self.position += 1
        self.last = value
        self._marks(segment, False)
        return value
