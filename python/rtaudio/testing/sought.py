"""Audio of which it is known what it is, found again in what a sink kept: by its samples, whatever was told of them.

silent    nothing sounds. What was sought stays where it was, unless it is silent there itself
follows   the next block is what comes next, at any gain (ducked, faded)
lost      sound came back, or is not what comes next: it is looked for in all there is, first the same samples, then
          the same at another gain; what is found nowhere belongs to nothing

What was found at another gain is looked for again until the same samples say where it is: a gain that moves may make it
like another place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rtaudio.voice.protocols import Audio

BLOCK_S: Final = 0.01
WINDOW_S: Final = 0.08
"""How much is looked for at once."""
SAME: Final = 1e-6
"""Share of power by which samples that are the same may differ: resamplers round."""
ALIKE: Final = 0.9
"""Correlation from which on a block is taken for another at some gain."""
FOLLOWS: Final = 0.7
"""The same for a block that is where it should be: one that fades to nothing has 0.87 or so."""

UNSURE: Final = 50
"""Blocks for which the same samples are still looked for."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Source:
    """What may be there: between samples `from_at` and `until_at` of the sink (None: to its end)."""

    number: int
    samples: Audio
    from_at: int = 0
    until_at: int | None = None


@dataclass(slots=True)
class Stretch:
    """Samples `begin` to `end` of the sink are those of the source from `position` on."""

    source: int
    begin: int
    end: int
    position: int

    def at(self, position: int) -> int | None:
        """Where in the sink that sample of the source is; None: not in this stretch."""
        at = self.begin + position - self.position
        return at if self.begin <= at < self.end else None


class Seeker:
    """Goes through one sink once."""

    def __init__(self, sink: Audio, rate: int, sources: Sequence[Source]) -> None:
        self._sink = sink
        self._sources = {source.number: source for source in sources}
        self._block, self._window = round(BLOCK_S * rate), round(WINDOW_S * rate)
        self._found: list[Stretch] = []
        self._source: Source | None = None
        self._next = 0  # of it
        self._follows = False
        self._unsure = 0

    def stretches(self) -> list[Stretch]:
        """In their order; those that follow on each other are one."""
        for begin in range(0, len(self._sink), self._block):
            block = self._sink[begin : begin + self._block]
            sounding = np.flatnonzero(block)
            if len(sounding):
                self._sounds(begin, block, int(sounding[0]), int(sounding[-1]) + 1)
            else:
                self._silent(begin, len(block))
        return self._found

    def _silent(self, begin: int, count: int) -> None:
        if self._follows and self._source is not None:
            there = self._source.samples[self._next : self._next + count]
            if len(there) == count and not there.any():
                return self._take(self._source, begin, count, self._next)
        self._follows = False

    def _sounds(self, begin: int, block: Audio, first: int, last: int) -> None:
        source = self._source
        if self._follows and source is not None and self._alike(block[:last], source.samples, self._next):
            if self._unsure:
                self._make_sure(source, block, first, last)
            taken = self._take_block(source, begin, block, 0, last, self._next)
            rest = np.flatnonzero(block[taken:])
            if not len(rest):
                return
            first, last = taken + int(rest[0]), taken + int(rest[-1]) + 1
        self._follows = False
        if (found := self._look(begin + first)) is not None:
            source, position, same = found
            self._unsure = 0 if same else UNSURE
            self._take_block(source, begin, block, first, last, max(0, position))

    def _make_sure(self, source: Source, block: Audio, first: int, last: int) -> None:
        """Where the same samples are somewhere else, all that followed on each other until here is there."""
        x = block[first:last].astype(np.float64)
        found = _same(x, source.samples.astype(np.float64), self._next + first)
        self._unsure = 0 if found.same else self._unsure - 1
        off = found.position - first - self._next
        if found.same and off and self._found[-1].position + off >= 0:
            self._found[-1].position += off
            self._next += off

    def _take_block(self, source: Source, begin: int, block: Audio, first: int, last: int, position: int) -> int:
        """Samples `first` to `last` of the block, or all of it where the source is silent behind; gives how far."""
        behind = source.samples[position + last - first : position + len(block) - first]
        if len(behind) == len(block) - last and not behind.any():
            last = len(block)
        last = min(last, first + len(source.samples) - position)
        self._take(source, begin + first, last - first, position)
        return last

    def _take(self, source: Source, begin: int, count: int, position: int) -> None:
        last = self._found[-1] if self._found else None
        if (
            last
            and last.source == source.number
            and last.end == begin
            and last.position + begin - last.begin == position
        ):
            last.end = begin + count
        else:
            self._found.append(Stretch(source.number, begin, begin + count, position))
        self._source, self._next, self._follows = source, position + count, True

    def _alike(self, block: Audio, samples: Audio, position: int) -> bool:
        there = samples[position : position + len(block)]
        if not len(there):
            return False
        x, y = block[: len(there)].astype(np.float64), there.astype(np.float64)
        if np.abs(x - y).max() < 1e-4 * np.abs(x).max():
            return True
        norm = np.sqrt((x @ x) * (y @ y))
        return bool(norm > 0 and x @ y / norm > FOLLOWS)

    def _look(self, begin: int) -> tuple[Source, int, bool] | None:
        """Which sample of what is at `begin`, and whether it is just the same. The window is beyond a fade in, and
        before the next silence."""
        run = self._sink[begin : begin + self._block + self._window].astype(np.float64)
        silent = np.flatnonzero(run == 0)
        if len(silent):
            run = run[: silent[0]]
        skip = self._block if len(run) > 2 * self._block else 0
        x = run[skip:]
        if len(x) < self._block // 4:
            return None
        sources = [
            source
            for source in self._sources.values()
            if source.from_at <= begin + len(run) and (source.until_at is None or begin < source.until_at)
        ]
        best: tuple[float, Source, int] | None = None
        for source in sources:
            if len(source.samples) < len(x):
                x = x[: len(source.samples)]
            hint = self._next + skip if source is self._source else skip
            found = _same(x, source.samples.astype(np.float64), hint)
            if found.same:
                return source, found.position - skip, True
            if found.correlation > ALIKE and (best is None or found.correlation > best[0]):
                best = found.correlation, source, found.position - skip
        return (*best[1:], False) if best is not None else None


@dataclass(frozen=True, slots=True)
class _Match:
    same: bool
    correlation: float
    position: int


def _same(x: Doubles, y: Doubles, hint: int) -> _Match:
    """Where `x` is in `y`: the same samples, of several places the one nearest to `hint`; or the most alike."""
    if not len(x):
        return _Match(False, 0.0, 0)
    size = 1 << (len(x) + len(y)).bit_length()
    products = np.fft.irfft(np.fft.rfft(y, size) * np.conj(np.fft.rfft(x, size)), size)[: len(y) - len(x) + 1]
    power = np.concatenate([[0.0], np.cumsum(y * y)])
    there, here = power[len(x) :] - power[: -len(x)], float(x @ x)
    off = np.maximum(there + here - 2 * products, 0.0)
    least = float(off.min())
    if least < SAME * here:
        near = np.flatnonzero(off <= least + 1e-12 * here)
        return _Match(True, 1.0, int(near[np.abs(near - hint).argmin()]))
    correlation = products / np.maximum(np.sqrt(np.maximum(there, 0.0) * here), 1e-12)
    at = int(correlation.argmax())
    return _Match(False, float(correlation[at]), at)
