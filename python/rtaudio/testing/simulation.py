"""A whole conversation on virtual time: caller, engine, port, session, and a sink that keeps what was put out.

    async def main():
        caller = SimulatedCaller()
        caller.say(speech(1.0), at_s=0.5)
        providers = dict(stt=FakeSTT(["hello"]), llm=FakeLLM(["Hi."]), tts=FakeTTS())
        async with Simulation(Agent(), caller=caller, **providers) as sim:
            await sim.finish()
        print(sim.session.history.messages, sim.events)

    virtual_time.run(main())

On an ordinary loop it does the same at the pace of the clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from rtaudio.core import AudioPort, Engine
from rtaudio.testing.agent_log import AgentLog
from rtaudio.testing.caller import SimulatedCaller
from rtaudio.testing.crash import kill
from rtaudio.testing.cues import AgentWords
from rtaudio.testing.energy_vad import EnergyVad
from rtaudio.testing.heard import HeardCall, heard_call
from rtaudio.testing.heard_files import save
from rtaudio.testing.virtual_time import VirtualTimeLoop
from rtaudio.transports.simulated import SimulatedTransport
from rtaudio.voice.agent import Agent
from rtaudio.voice.chat import ChatContext
from rtaudio.voice.events import SessionEvent
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.protocols import LLM, STT, TTS, Audio
from rtaudio.voice.realtime import RealtimeModel
from rtaudio.voice.session import Recorder, Session

if TYPE_CHECKING:
    from rtaudio.core._engine import DetectorConfig
    from rtaudio.voice.checkpoints import Checkpoints

E = TypeVar("E", bound=SessionEvent)


def speech(seconds: float, rate: int = 24000) -> Audio:
    """Something loud, for EnergyVad: the same every time."""
    tone: Audio = (0.3 * np.sin(2 * np.pi * 220 / rate * np.arange(round(seconds * rate)))).astype(np.float32)
    return tone


class SimulatedSink:
    """Keeps what it was given: the caller's samples at the line's input rate, the agent's at the port's. Both begin
    with the first tick, so equal times are equal fractions of the two."""

    def __init__(self) -> None:
        self._caller: list[Audio] = []
        self._agent: list[Audio] = []

    def write(self, caller: Audio, agent: Audio) -> None:
        self._caller.append(caller)
        self._agent.append(agent)

    @property
    def caller(self) -> Audio:
        return np.concatenate([np.zeros(0, np.float32), *self._caller])

    @property
    def agent(self) -> Audio:
        return np.concatenate([np.zeros(0, np.float32), *self._agent])

    def stereo(self) -> Audio:
        """Both, shape (n, 2): caller left, agent right. ValueError where their rates differ."""
        caller, agent = self.caller, self.agent
        if len(caller) != len(agent):
            raise ValueError("caller and agent are at different rates: give the caller the port's rate")
        return np.stack([caller, agent], axis=1)


class Simulation:
    """Owns a private port, an engine stepped by hand, and a session. `events` has everything the session told."""

    def __init__(
        self,
        agent: Agent,
        *,
        stt: STT | None = None,
        llm: LLM | None = None,
        tts: TTS | None = None,
        realtime: RealtimeModel | None = None,
        caller: SimulatedCaller | None = None,
        options: SessionOptions | None = None,
        detector: DetectorConfig | None = None,
        vad: Any = None,
        port: AudioPort | None = None,
        latency_s: float = 0.0,
        bound_s: float = 0.0,
        tick_s: float = 0.01,
        kind: Literal["paced", "network"] = "paced",
        remote: Literal["none", "plays", "clears", "ducks"] = "none",
        history: ChatContext | None = None,
        recorder: Recorder | None = None,
        data: object = None,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        """`vad`: what the engine hears with (an rtaudio.SileroVad), by default EnergyVad. `port`: by default a private
        one at 24 kHz; closed at the end. `latency_s`: from the pull to the loudspeaker, give or take
        `bound_s`. `kind`: "network" for a caller whose `read` may give nothing for a while, and then more than is
        due. `remote`: what holds the agent's audio, as for `Engine.add`; whoever plays it reads `port.outgoing()` and
        reports to `line`. The sink then has each sample when its time came."""
        self.caller = caller if caller is not None else SimulatedCaller()
        self.sink = SimulatedSink()
        self.port = port if port is not None else AudioPort(24000)
        self._rate = self.port.rate
        self.engine = Engine(tick_s=tick_s, vad=vad if vad is not None else EnergyVad())
        self.line = self.engine.add(
            self.port,
            kind=kind,
            remote=remote,
            input_rate=self.caller.rate,
            detector=detector,
            device_latency_s=latency_s,
            device_bound_s=bound_s,
        )
        self._recorder = recorder
        self._said = AgentLog(lambda effect: self.session.audio_of(effect), self._sink_position)
        self._words = AgentWords()
        self.session = Session(
            self.port,
            agent,
            stt=stt,
            llm=llm,
            tts=tts,
            realtime=realtime,
            options=options,
            history=history,
            recorder=self._record,
            data=data,
            checkpoints=checkpoints,
        )
        self.transport = SimulatedTransport(
            self.engine,
            self.line,
            self.caller,
            self.sink,
            input_rate=self.caller.rate,
            tick_s=tick_s,
            after_step=self._after_step,
        )
        self.events: list[SessionEvent] = []
        self._stream = self.session.events(bound=1 << 16)
        self._idle_since_s = 0.0

    def told(self, kind: type[E]) -> list[E]:
        """The events of one kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def heard(self) -> HeardCall:
        """What was heard so far, and when, with expectations: by the samples."""
        replies = [self._said.replies[number] for number in sorted(self._said.replies)]
        return heard_call(self.sink.agent, self._rate, replies, self.caller)

    def save(self, path: str | Path, *, picture: str | Path | None = None) -> None:
        """Writes what was heard so far to a 16-bit WAV file, the caller left, the agent right, at the port's rate; and
        a PNG of it (needs rtaudio[plot])."""
        save(path, picture, self.sink.caller, self.caller.rate, self.sink.agent, self._rate, self.heard)

    def kill(self) -> None:
        """The session's process dies: nothing is closed, and what it had written to the playout plays on."""
        kill(self.session)

    async def go_on(self, session: Session) -> None:
        """Another session takes the place of one that was killed (`Session.restore(simulation.port, ...)`)."""
        self.session, self._stream = session, session.events(bound=1 << 16)
        await session.__aenter__()

    async def advance(self, seconds: float) -> None:
        await self.transport.advance(seconds)

    def stall(self, seconds: float) -> None:
        """Blocks the event loop for that long, of virtual time: the core goes on alone (law 4). RuntimeError on an
        ordinary loop."""
        loop = asyncio.get_running_loop()
        if not isinstance(loop, VirtualTimeLoop):
            raise RuntimeError("stall: only on virtual time")
        self.transport.stall(seconds)
        loop.leap(seconds)
        self._idle_since_s = self.transport.elapsed_s

    async def until(self, condition: Callable[[], bool], limit_s: float = 60.0) -> None:
        """Runs until `condition()`; TimeoutError after `limit_s` more."""
        end_s = self.transport.elapsed_s + limit_s
        while not condition():
            if self.transport.elapsed_s >= end_s:
                raise TimeoutError(f"simulation: {limit_s} s have passed and it has not happened")
            await self.transport.tick()

    async def finish(self, idle_s: float = 2.0, limit_s: float = 600.0) -> None:
        """Runs until the caller has said everything, the agent is at rest and nothing has happened for `idle_s`."""

        def at_rest() -> bool:
            listens = self.caller.done and self.session.state == "listening"
            return listens and self.transport.elapsed_s - self._idle_since_s >= idle_s

        await self.until(at_rest, limit_s)

    def look(self) -> None:
        """Takes into `events` what was told since the last tick."""
        self.events += self._stream.take_all()

    def _after_step(self) -> None:
        self.session.take()
        speaking = self.session.state == "speaking"
        self.caller.agent_speaks(speaking)
        told = self._stream.take_all()
        self.events += told
        self.caller.agent_said(self._words.take(told, self.session.progress))
        if told or self.session.state != "listening" or not self.caller.done:
            self._idle_since_s = self.transport.elapsed_s

    def _sink_position(self) -> int:
        return round(self.transport.elapsed_s * self._rate)

    def _record(self, what: Any) -> None:
        self._said.record(what)
        if self._recorder is not None:
            self._recorder(what)

    async def __aenter__(self) -> Simulation:
        await self.session.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.session.aclose()
        self.events += self._stream.take_all()
        self.engine.close()
        self.port.close()
