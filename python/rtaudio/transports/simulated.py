"""A line without a device: a source is heard, a sink keeps what was said, a loop steps the engine tick by tick.

On a virtual-time loop (rtaudio.testing.virtual_time) this is a simulation, faster than real time and the same every
time; on an ordinary loop it runs at the pace of the clock. Per tick, in this order:

    source ──push──► line     engine.step(now)     what is due ──► sink     after_step: the session takes its news
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np

from rtaudio.core import OutAudio
from rtaudio.voice.clock import now_ns
from rtaudio.voice.protocols import Audio

if TYPE_CHECKING:
    from rtaudio.core._engine import Engine, Line


class Source(Protocol):
    """The caller's side: mono float32 at the line's input rate."""

    def read(self, count: int) -> Audio:
        """Exactly `count` samples; silence where there is nothing to say."""


class Sink(Protocol):
    """Keeps what went over the line."""

    def write(self, caller: Audio, agent: Audio) -> None:
        """What was heard and what was put out in the same tick: at the line's input rate and at the port's."""


class SimulatedTransport:
    """Drives one line of an engine that has no thread of its own. `tick_s` is the engine's."""

    def __init__(
        self,
        engine: Engine,
        line: Line,
        source: Source,
        sink: Sink,
        *,
        input_rate: int,
        tick_s: float = 0.01,
        after_step: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine, self._line, self._source, self._sink = engine, line, source, sink
        self._tick_ns = round(tick_s * 1e9)
        if input_rate * self._tick_ns % 1_000_000_000:
            raise ValueError(f"a tick of {tick_s} s is no whole number of samples at {input_rate} Hz")
        self._tick_samples = input_rate * self._tick_ns // 1_000_000_000
        self._after_step = after_step
        self._out = line.port.outgoing(0, played=True)
        self._begin_ns: int | None = None
        self._ticks = 0

    @property
    def elapsed_s(self) -> float:
        """Time simulated so far."""
        return self._ticks * self._tick_ns / 1e9

    async def advance(self, seconds: float) -> None:
        """Runs for that long. Cancelled in between: stops after a whole tick."""
        for _ in range(round(seconds * 1e9 / self._tick_ns)):
            await self.tick()

    async def tick(self) -> None:
        """Waits for the end of the next tick, then carries it out."""
        await asyncio.sleep(max(0.0, (self._next_ns() - now_ns()) / 1e9))
        self._step()
        self._after_step()

    def stall(self, seconds: float) -> None:
        """What happens while the event loop is blocked for that long: the engine goes on, nobody takes its news. The
        caller sees to it that the loop's time moves on."""
        for _ in range(round(seconds * 1e9 / self._tick_ns)):
            self._step()

    def _next_ns(self) -> int:
        if self._begin_ns is None:
            self._begin_ns = now_ns()
            self._engine.step(self._begin_ns)
        return self._begin_ns + (self._ticks + 1) * self._tick_ns

    def _step(self) -> None:
        at_ns = self._next_ns()
        caller = self._source.read(self._tick_samples)
        self._line.push(caller)
        self._engine.step(at_ns)
        self._ticks += 1
        said = [item.samples for item in self._out.read() if isinstance(item, OutAudio)]
        self._sink.write(caller, np.concatenate(said) if said else np.zeros(0, np.float32))
