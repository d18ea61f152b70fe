"""A call inside this process: an engine, a port, a session, and a caller whose audio comes from clips.

In real time the engine's own thread paces the line, as it does for a network; the event loop only keeps the line's
input filled ahead. Fast, on a virtual-time loop, the loop steps the engine tick by tick: time stands still while a
provider computes, and two runs are identical.

    real time:  engine thread ──► ticks          event loop: every 20 ms, fill the caller's line up to the lead
    fast:       event loop: fill one tick, step the engine, hand its news to the session, sleep to the next tick
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

from rtaudio.cli.caller import Caller
from rtaudio.cli.hearing import Hearing
from rtaudio.cli.turning import Turning
from rtaudio.core import MIC_RATE, AudioPort, Engine, Journal, Wake
from rtaudio.transports.cancelling import Cancelling, Processor
from rtaudio.voice.agent import Agent
from rtaudio.voice.clock import now_ns
from rtaudio.voice.journaling import session_recorder
from rtaudio.voice.protocols import LLM, STT, TTS
from rtaudio.voice.session import Session

PORT_RATE: Final = 24000
TICK_S: Final = 0.01
# How far ahead the caller's line is filled in real time: a caller reacts no faster, and the event loop may stall as
# long without a hole in the caller's voice.
LEAD_S: Final = 0.6
_FILL_S: Final = 0.02
_COLLECT_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Providers:
    """What a session speaks, hears and thinks with."""

    stt: STT
    llm: LLM
    tts: TTS

    async def aclose(self) -> None:
        """Closes all three."""
        for provider in (self.stt, self.llm, self.tts):
            await provider.aclose()


class Call:
    """Use as `async with Call(...) as call`; leaving it closes the session, the engine and the port.

    `fast` needs a virtual-time loop. `collect`, if set, is called every 0.2 s of the call, and `last` at its end before
    the port is closed, for what reads the port's rings. The call owns its providers and its hearing.
    """

    def __init__(
        self,
        agent: Agent,
        providers: Providers,
        *,
        fast: bool,
        journal: Path | None = None,
        hearing: Hearing | None = None,
        canceller: Processor | None = None,
        turning: Turning | None = None,
    ) -> None:
        """`journal`: a file for the record of the call, from which it can be run again. `hearing`: default the native
        VAD. `canceller`: cleans what the caller says; in real time it gets what was put out late, by the lead.
        `turning`: default the turn model where it is installed, profile "default"."""
        self._fast = fast
        self._wake = None if fast else Wake()
        self._hearing = hearing if hearing is not None else Hearing()
        self._turning = turning if turning is not None else Turning()
        self.engine = Engine(tick_s=TICK_S, vad=self._hearing.kernel)
        self.port = AudioPort(PORT_RATE)
        outside = self._hearing.outside
        detector = self._turning.detector
        self._journal = (
            None
            if journal is None
            else Journal(journal, self.port, input_rate=MIC_RATE, detector=detector, outside_vad=outside)
        )
        self.line = self.engine.add(
            self.port,
            kind="paced",
            input_rate=MIC_RATE,
            detector=detector,
            wake=self._wake,
            outside_vad=outside,
            upstream_delay_s=0.0 if canceller is None else Cancelling.delay_s(canceller),
            cleaned=canceller is not None,
        )
        self._hearing.add(self.line)
        self._turning.add(self.line)
        self.caller = Caller(self.line, None if canceller is None else Cancelling(self.line, canceller))
        self.session = Session(
            self.port,
            agent,
            stt=providers.stt,
            llm=providers.llm,
            tts=providers.tts,
            wake=self._wake,
            recorder=None if self._journal is None else session_recorder(self._journal, agent, self.port.rate),
        )
        self._providers = providers
        self.collect: Callable[[], None] = _nothing
        self.last: Callable[[], None] = _nothing
        self._driving: asyncio.Task[None] | None = None

    @property
    def elapsed_s(self) -> float:
        """The call's media clock: seconds of audio that came in."""
        return self.port.mic_written / MIC_RATE

    async def sleep_until(self, media_s: float) -> None:
        """Waits until the media clock has reached `media_s`."""
        while (missing_s := media_s - self.elapsed_s) > 0:
            self._check()
            await asyncio.sleep(max(missing_s, TICK_S))

    async def idle(self, seconds: float, limit_s: float = float("inf")) -> None:
        """Waits until the caller has said everything and the agent has been listening for that long, or until the media
        clock reaches `limit_s`."""
        since_s = self.elapsed_s
        while self.elapsed_s - since_s < seconds and self.elapsed_s < limit_s:
            self._check()
            if self.caller.talks or self.session.state != "listening":
                since_s = self.elapsed_s
            await asyncio.sleep(_FILL_S)

    async def __aenter__(self) -> Call:
        try:
            await self.session.__aenter__()
            if not self._fast:
                self.caller.feed(int(LEAD_S * MIC_RATE))
                self._hearing.start()
                self._turning.start()
                self.engine.start()
            drive = self._step if self._fast else self._fill
            self._driving = asyncio.create_task(drive(), name="caller's line")
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Ends the call. May be called again."""
        if self._driving is not None:
            self._driving.cancel()
            await asyncio.wait([self._driving])
        await self.session.aclose()
        if self.engine.running:
            self.engine.stop()
        last, self.last = self.last, _nothing
        try:
            last()
        finally:
            self._hearing.close()
            self._turning.close()
            self.engine.close()
            if self._journal is not None:
                self._journal.close()
            self.port.close()
            if self._wake is not None:
                self._wake.close()
            await self._providers.aclose()

    def _check(self) -> None:
        """Raises what ended the drive, if anything did."""
        if self._driving is not None and self._driving.done():
            self._driving.result()

    async def _fill(self) -> None:
        collected_s = 0.0
        while True:
            self.caller.feed(self.port.mic_written + int(LEAD_S * MIC_RATE))
            if self.elapsed_s - collected_s >= _COLLECT_S:
                collected_s = self.elapsed_s
                self.collect()
            await asyncio.sleep(_FILL_S)

    async def _step(self) -> None:
        tick_ns = round(TICK_S * 1e9)
        tick_samples = round(TICK_S * MIC_RATE)
        begin_ns = now_ns()
        self.engine.step(begin_ns)
        ticks = 0
        while True:
            ticks += 1
            at_ns = begin_ns + ticks * tick_ns
            await asyncio.sleep((at_ns - now_ns()) / 1e9)
            self.caller.feed(ticks * tick_samples)
            self.engine.step(at_ns)
            self._hearing.take()
            self._turning.take()
            self.session.take()
            if ticks % round(_COLLECT_S / TICK_S) == 0:
                self.collect()


def _nothing() -> None:
    pass
