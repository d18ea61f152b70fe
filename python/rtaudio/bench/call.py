"""Whole conversations on the wall clock: how much an answer costs beside its providers, how soon an agent falls silent.

Many ports under one engine's native thread with the real VAD; each has a session whose fake providers take known times,
and a caller with a real voice (clips spoken by the local TTS) who interrupts every answer; what was said then is the
next turn. The engine's grid of ticks is the clock of both directions: mic sample m and output sample o of a line belong
together when m / 16000 = o / rate, so times are read off the core's own events.

Two runs: barge-ins at a tick of 10 ms, as a live engine has it; answers at a tick of 1 ms, because a sink that takes
10 ms at a time would hide the figure behind its own period.
"""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from rtaudio import MIC_RATE, AudioPort, Engine, Event, Line, SileroVad, Wake, resample
from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS
from rtaudio.voice import Agent, Session
from rtaudio.voice.protocols import Audio
from rtaudio.voice.wakeups import Wakeups

PORTS = 12
RATE = 24000
STT_S, LLM_S, TTS_S = 0.08, 0.12, 0.06
_LEAD_S = 0.2  # the caller's line is kept filled this far ahead: a late event loop is not a late caller
_LIMIT_S = 20.0  # for one turn; then the run has failed
_PHRASES = (
    "Could you tell me when you are open tomorrow?",
    "Wait a moment, please, I have another question.",
    "No, that is not at all what I wanted to know.",
    "Please stop, and begin again from the start.",
)
_REPLY = "Certainly, " + 2 * "I will gladly tell you all there is to know about that, one thing after the other. "


def onset(clip: Audio, rate: int = MIC_RATE) -> int:
    """Where speech begins in a clip: the first 5 ms whose energy is within 40 dB of the loudest 5 ms."""
    block = rate // 200
    energy = np.square(clip[: len(clip) // block * block].reshape(-1, block)).mean(axis=1)
    return int(np.argmax(energy > energy.max() * 1e-4)) * block


async def clips() -> list[Audio]:
    """The phrases in the local voice at 16 kHz, each beginning with its onset."""
    from rtaudio.providers import HibariTTS

    voice = HibariTTS()
    await voice.warm_up()
    spoken = []
    for phrase in _PHRASES:
        pieces = [piece async for piece in voice.stream(phrase)]
        clip = resample(np.concatenate([piece.samples for piece in pieces]), pieces[0].rate, MIC_RATE)
        spoken.append(np.ascontiguousarray(clip[onset(clip) :]))
    await voice.aclose()
    return spoken


@dataclass
class _Caller:
    """Keeps one line filled with silence and clips. Positions are samples of the line's input, 16 kHz."""

    line: Line
    pushed: int = 0
    _clip: Audio = field(default_factory=lambda: np.zeros(0, np.float32))

    def say(self, clip: Audio) -> int:
        """Says it from the next sample that is not pushed yet; gives its position."""
        self._clip = clip
        return self.pushed

    def feed(self) -> None:
        mic = self.line.figures()["input_taken"]
        count = mic + round(_LEAD_S * MIC_RATE) - self.pushed
        if count > 0:
            block = np.zeros(count, np.float32)
            said = self._clip[:count]
            block[: len(said)] = said
            self._clip = self._clip[len(said) :]
            self.pushed += self.line.push(block)


@dataclass
class _Samples:
    overhead_ms: list[float] = field(default_factory=list)
    silence_ms: list[float] = field(default_factory=list)
    cut_ms: list[float] = field(default_factory=list)
    turns: int = 0
    barge_ins: int = 0


class _Call:
    """One port: its caller, session and what the core told."""

    def __init__(self, engine: Engine, wake: Wake, wakeups: Wakeups, tick_s: float) -> None:
        self._tick_s = tick_s
        self.port = AudioPort(RATE)
        self._reader = self.port.event_reader()
        self.line = engine.add(self.port, input_rate=MIC_RATE, wake=wake)
        self.caller = _Caller(self.line)
        self.session = Session(
            self.port,
            Agent(),
            stt=FakeSTT(lambda _: "a question", final_after_s=STT_S, partials=False),
            llm=FakeLLM([_REPLY], first_after_s=LLM_S, token_every_s=0.0),
            tts=FakeTTS(first_after_s=TTS_S),
            wake=wakeups,
        )
        self._playout: list[Event] = []
        self._hearing: list[Event] = []

    def read(self) -> None:
        playout, hearing = self._reader.read()
        self._hearing += hearing
        self._playout += playout

    async def _next(self, kind: str) -> tuple[Event, list[Event]]:
        """The playout's next event of a kind, and those before it; all of them are taken."""
        async with asyncio.timeout(_LIMIT_S):
            while True:
                for k, event in enumerate(self._playout):
                    if event.kind == kind:
                        before = self._playout[:k]
                        del self._playout[: k + 1]
                        return event, before
                await asyncio.sleep(0.002)

    def _ticks(self, samples: int, rate: int) -> int:
        """In how many whole ticks that many samples have passed."""
        return -(-samples // round(self._tick_s * rate))

    async def converse(self, rounds: int, clips: Sequence[Audio], chance: random.Random, samples: _Samples) -> None:
        """Asks, interrupts the answer, which asks again, and so on."""
        await asyncio.sleep(chance.uniform(0.2, 1.0))
        self.caller.say(chance.choice(clips))
        for k in range(rounds):
            started, _ = await self._next("segment_started")
            # A phrase with a long pause makes two turns, of which the first is never answered: the last one counts.
            turn = [event for event in self._hearing if event.kind == "turn_ended"][-1]
            self._hearing.clear()
            waited = self._ticks(started.out + 1, RATE) - self._ticks(turn.decided, MIC_RATE)
            # One tick is the sink's period.
            samples.overhead_ms.append(((waited - 1) * self._tick_s - STT_S - LLM_S - TTS_S) * 1000)
            samples.turns += 1
            if k == rounds - 1:
                return
            await asyncio.sleep(chance.uniform(0.5, 1.2))
            began = self.caller.say(chance.choice(clips))
            cut, before = await self._next("cut")
            silent = cut.out
            for event in before:  # paused while it was only likely, and not resumed since: silent from there
                if event.kind == "paused":
                    silent = event.out
                elif event.kind == "resumed":
                    silent = cut.out
            samples.silence_ms.append((silent / RATE - began / MIC_RATE) * 1000)
            samples.cut_ms.append((cut.out / RATE - began / MIC_RATE) * 1000)
            samples.barge_ins += 1


async def _pump(calls: Sequence[_Call]) -> None:
    while True:
        for call in calls:
            call.caller.feed()
            call.read()
        await asyncio.sleep(0.005)


async def _run(rounds: int, tick_s: float, spoken: Sequence[Audio], seed: int) -> tuple[_Samples, dict[str, int]]:
    samples = _Samples()
    chance = random.Random(seed)
    wake = Wake()
    wakeups = Wakeups(wake)
    with Engine(tick_s=tick_s, vad=SileroVad()) as engine:
        calls = [_Call(engine, wake, wakeups, tick_s) for _ in range(PORTS)]
        for call in calls:
            call.caller.feed()
            await call.session.__aenter__()
        engine.start()
        pump = asyncio.create_task(_pump(calls))
        try:
            async with asyncio.TaskGroup() as group:
                for call in calls:
                    group.create_task(call.converse(rounds, spoken, random.Random(chance.random()), samples))
        finally:
            pump.cancel()
            for call in calls:
                await call.session.aclose()
            figures = engine.figures()
    for call in calls:
        call.port.close()
    wake.close()
    return samples, figures


def _quantile(values: Sequence[float], q: int) -> float:
    """The q-th percentile."""
    return statistics.quantiles(values, n=100, method="inclusive")[q - 1]


def measure(count: int = 60, *, progress: Callable[[str], None] = print, seed: int = 3) -> dict[str, float]:
    """At least `count` turns and as many barge-ins; names and units as in docs/benchmarks.md."""
    rounds = -(-count // PORTS) + 1
    spoken = asyncio.run(clips())
    progress(f"answers: {PORTS} calls at once, {rounds} turns each, a tick of 1 ms ...")
    answers, fine = asyncio.run(_run(rounds, 0.001, spoken, seed))
    progress(f"barge-ins: {PORTS} calls at once, {rounds - 1} each, a tick of 10 ms ...")
    barges, coarse = asyncio.run(_run(rounds, 0.01, spoken, seed + 1))
    return {
        "turns": answers.turns,
        "barge_ins": barges.barge_ins,
        "turn_to_first_sample_overhead_ms_p50": _quantile(answers.overhead_ms, 50),
        "turn_to_first_sample_overhead_ms_p99": _quantile(answers.overhead_ms, 99),
        "turn_to_first_sample_overhead_10ms_tick_ms_p50": _quantile(barges.overhead_ms, 50),
        "barge_in_onset_to_silence_ms_p50": _quantile(barges.silence_ms, 50),
        "barge_in_onset_to_silence_ms_p90": _quantile(barges.silence_ms, 90),
        "barge_in_onset_to_cut_ms_p50": _quantile(barges.cut_ms, 50),
        "barge_in_onset_to_cut_ms_p90": _quantile(barges.cut_ms, 90),
        "engine_max_lateness_ms": max(fine["max_lateness_ns"], coarse["max_lateness_ns"]) / 1e6,
    }
