"""Puts what was heard beside what was put out, where the two have clocks of their own: by the anchors of a line.

    anchors      (out 0, mic 40) ─── (out 48006, mic 16040) ─── (out 96010, mic 32040) ═══ (out 240000, mic 32040) ───
    caller        read at the ratio     and at this one          silence: nothing came        and on
                  of this stretch

Between two anchors the ratio is constant and such that the second is met, so nothing adds up: a sample lies where the
anchors say, to a thousandth of a sample (`worst_off_samples`). What the anchors say is the line's business
(csrc/media_map.h).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from rtaudio.core import MIC_RATE, VariableResampler

Samples = NDArray[np.float32]
Anchor = tuple[int, float]

PRE_ROLL: Final = MIC_RATE // 100
"""Mic samples read before the first that counts: more than the filter is long."""
BEYOND: Final = 1024
"""Mic samples that the filter may look at beyond an anchor, and what a stretch may be off."""
CHUNK: Final = 2048


class Placing:
    """Takes 16 kHz samples from mic position 0 on, gives as many at `rate` as there were out positions. One thread."""

    def __init__(self, rate: int, input_delay_samples: int) -> None:
        """`input_delay_samples`: the line's, at 16 kHz; serves where a call was too short for anchors."""
        self._rate = rate
        self._input_delay = input_delay_samples
        self._resampler = VariableResampler(MIC_RATE, rate)
        self._delay = self._resampler.delay_samples * MIC_RATE / rate
        self._heard: Samples = np.zeros(0, np.float32)
        self._heard_from = 0  # mic position of its first
        self._put = 0  # mic position up to which the resampler has been fed
        self._last: Anchor | None = None
        self._waiting: list[Anchor] = []
        self._slope = MIC_RATE / rate  # mic samples for an out sample, of the last stretch
        self.worst_off_samples = 0.0
        """Out samples by which an anchor was missed, at most."""
        self.silence_samples = 0
        """Out samples of silence put where the input stood still, or had not begun."""
        self.skipped_samples = 0.0
        """Mic samples that were passed over."""

    def take(self, heard: Samples) -> None:
        """What was heard next."""
        self._heard = np.concatenate([self._heard, heard])

    def place(self, anchors: list[Anchor]) -> Samples:
        """What can be placed by now, with these anchors after those before."""
        self._waiting += anchors
        placed = []
        while self._waiting and self._may_go():
            placed.append(self._go(self._waiting.pop(0)))
        return np.concatenate([np.zeros(0, np.float32), *placed])

    def finish(self, out: int) -> Samples:
        """The rest, up to out position `out`, on in the same direction. Afterwards nothing more."""
        placed = [self._go(anchor) for anchor in self._waiting]
        self._waiting = []
        if self._last is None:
            placed.append(self._go((0, float(self._input_delay))))
        assert self._last is not None
        more = out - self._last[0]
        if more > 0:
            placed.append(self._go((out, self._last[1] + more * self._slope)))
        return np.concatenate([np.zeros(0, np.float32), *placed])

    def _may_go(self) -> bool:
        """Whether all is there that the filter looks at up to the next anchor, or will never be."""
        there = self._heard_from + len(self._heard)
        (_, mic), *later = self._waiting
        stands = bool(later) and later[0][1] == mic
        return stands or there >= mic + BEYOND

    def _go(self, to: Anchor) -> Samples:
        if self._last is None:
            self._last = to
            self._seek(to[1])
            self.silence_samples += to[0]
            return np.zeros(to[0], np.float32)
        (out, mic), self._last = self._last, to
        count, span = to[0] - out, to[1] - mic
        if count == 0:
            self.skipped_samples += span
            self._seek(to[1])
            return np.zeros(0, np.float32)
        if span == 0.0:
            self.silence_samples += count
            self._seek(mic)
            return np.zeros(count, np.float32)
        self._slope = span / count
        step = (to[1] + self._delay - self._position()) / count
        most = VariableResampler.MOST_PPM
        self._resampler.steer(float(np.clip((step * self._rate / MIC_RATE - 1.0) * 1e6, -most, most)))
        placed = self._read(count)
        off = abs(self._position() - to[1] - self._delay) * self._rate / MIC_RATE
        self.worst_off_samples = max(self.worst_off_samples, off)
        return placed

    def _position(self) -> float:
        """Mic position at which the next sample is read, the filter's delay included."""
        return self._put - self._resampler.ahead_samples

    def _seek(self, mic: float) -> None:
        """The next sample read is mic sample `mic`, to half a sample; the next anchor makes it exact."""
        self._resampler.reset()
        self._put = round(mic + self._delay) - PRE_ROLL
        self._read(self._rate // 100)

    def _read(self, count: int) -> Samples:
        parts = []
        while count:
            run = min(count, CHUNK)
            self._feed(self._resampler.needs(run))
            parts.append(self._resampler.get(run))
            count -= run
        return np.concatenate(parts)

    def _feed(self, count: int) -> None:
        """Silence stands for what came before the first sample, and for what has not come."""
        begin, end = self._put - self._heard_from, self._put - self._heard_from + count
        samples = self._heard[max(begin, 0) : max(end, 0)]
        before = min(max(-begin, 0), count)
        self._resampler.put(np.pad(samples, (before, count - before - len(samples))))
        self._put += count
        behind = self._put - PRE_ROLL - BEYOND - self._heard_from
        if behind > 4 * CHUNK:
            self._heard = self._heard[behind:]
            self._heard_from += behind
