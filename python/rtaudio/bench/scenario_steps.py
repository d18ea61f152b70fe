"""Plays a scenario that is a list of steps: what VAD and recognition say about one user, and how often a turn ended.

    S, E      the user begins, stops: there is sound, there is none, until the session tells so
    I, T, T!  recognition brings words: some that may change; some that stand; some that stand, and it has no more
    Wx        x seconds go by

I and T take no time. The agent says nothing. A turn has ended when the session has taken what the user said in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

import numpy as np

from rtaudio.bench.scenario_fakes import LOUD, RATE, Script, TimedLLM, TimedTTS
from rtaudio.bench.scenario_form import Steps
from rtaudio.core import DetectorConfig, TurnConfig
from rtaudio.testing.caller import SimulatedCaller
from rtaudio.testing.energy_vad import EnergyVad
from rtaudio.testing.simulation import Simulation
from rtaudio.voice import events as ev
from rtaudio.voice.agent import Agent
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.protocols import Audio, Transcript

WINDOW_S: Final = 0.032
TURNS_OF_THE_LOOP: Final = 20
"""After words: enough for the session to take them, in no time."""


async def play_steps(scenario: Steps) -> dict[str, int]:
    """How many turns had ended, where that is asked."""
    caller, stt = Switched(RATE), SteppedSTT(scenario.stt_timeout)
    nothing = Script([], [], [])
    simulation = Simulation(
        Agent("You listen."),
        stt=stt,
        llm=TimedLLM(nothing),
        tts=TimedTTS(nothing),
        caller=caller,
        vad=EnergyVad(LOUD),
        options=_options(scenario),
        detector=_detector(scenario),
    )
    found: dict[str, int] = {}
    async with simulation as sim:
        await sim.advance(0.1)
        for steps, name, _ in scenario.checks:
            for step in steps:
                await _do(step, sim, caller, stt)
            if name:
                found[name] = turns_ended(sim.events)
    return found


def turns_ended(events: Sequence[ev.SessionEvent]) -> int:
    """Turns of which the session has taken the words."""
    return sum(isinstance(event, ev.TranscriptUpdated) and event.final and bool(event.text) for event in events)


def _options(scenario: Steps) -> SessionOptions:
    return SessionOptions(
        listening="always",
        words_over_s=max(scenario.user_speech_timeout, 0.001),
        stt_failed_text=None,
        llm_failed_text=None,
        away_s=None,
        eager="off",
        stt_final_timeout_s=60.0,
    )


def _detector(scenario: Steps) -> DetectorConfig:
    """The VAD says "stopped" after a window of silence; the time-out counts from there."""
    end_s = WINDOW_S + scenario.user_speech_timeout - WINDOW_S / 2
    turn = TurnConfig(silence_s=end_s, min_delay_s=0.0, max_delay_s=max(end_s, 6.0), grace_s=0.0)
    return DetectorConfig(min_speech_s=WINDOW_S, min_silence_s=WINDOW_S, turn=turn)


async def _do(step: str, sim: Simulation, caller: Switched, stt: SteppedSTT) -> None:
    match step[0]:
        case "S":
            caller.loud, before = True, len(sim.told(ev.SpeechStarted))
            stt.spoke()
            await sim.until(lambda: len(sim.told(ev.SpeechStarted)) > before, 10.0)
        case "E":
            caller.loud, before = False, len(sim.told(ev.SpeechEnded))
            await sim.until(lambda: len(sim.told(ev.SpeechEnded)) > before, 10.0)
            stt.stopped_s = asyncio.get_running_loop().time()
        case "W":
            await sim.advance(float(step[1:]))
        case _:
            stt.bring(final=step[0] == "T", finished=step.endswith("!"))
            for _ in range(TURNS_OF_THE_LOOP):
                await asyncio.sleep(0)
            sim.look()


class Switched(SimulatedCaller):
    """Makes a sound or makes none."""

    loud = False

    def read(self, count: int) -> Audio:
        self.position += count
        sound: Audio = np.full(count, 2 * LOUD if self.loud else 0.0, np.float32)
        sound[::2] *= -1
        return sound


class SteppedSTT:
    """Brings words when it is told to. At the end of a turn it has no more once it said so, or `timeout_s` after the
    speech stopped; where it has none, it waits for them."""

    name = "stepped-stt"

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self.stopped_s: float | None = None
        self.count = 0
        self.streams: list[SteppedStream] = []

    def stream(self) -> SteppedStream:
        self.streams.append(SteppedStream(self))
        return self.streams[-1]

    def spoke(self) -> None:
        """The user speaks again: no words come any more for a turn that had none."""
        for stream in self.streams:
            if stream.ended and not stream.over:
                stream.give_up()

    def bring(self, *, final: bool, finished: bool) -> None:
        """To the turn that waits for words, else to the one that is open; nobody hears it where there is neither."""
        self.count += 1
        listening = [stream for stream in self.streams if not stream.over]
        for stream in sorted(listening, key=lambda stream: not stream.ended)[:1]:
            stream.bring(f"word{self.count}", final=final, finished=finished)

    async def warm_up(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


class SteppedStream:
    """One turn's."""

    def __init__(self, stt: SteppedSTT) -> None:
        self._stt = stt
        self.ended = self.over = False
        self._stands = ""
        self._finished = self._given_up = False
        self._new: list[Transcript] = []
        self._news = asyncio.Event()

    def bring(self, word: str, *, final: bool, finished: bool) -> None:
        text = f"{self._stands} {word}".strip()
        if final:
            self._stands = text
        self._finished = finished
        self._new.append(Transcript(text, final))
        self._news.set()

    def give_up(self) -> None:
        """If it has no words that stand."""
        self._given_up = not self._stands
        self._news.set()

    def push(self, samples: Audio) -> None:
        pass

    def end(self) -> None:
        self.ended = True
        self._news.set()

    @property
    def _missing_s(self) -> float | None:
        """How long there may come more; None: until words come."""
        if not self._stands:
            return 0.0 if self._given_up else None
        if self._finished or self._stt.stopped_s is None:
            return 0.0
        return self._stt.stopped_s + self._stt.timeout_s - asyncio.get_running_loop().time()

    async def __aiter__(self) -> AsyncIterator[Transcript]:
        while True:
            while self._new:
                yield self._new.pop(0)
            missing_s = self._missing_s if self.ended else None
            if missing_s is not None and missing_s <= 1e-6:
                self.over = True
                yield Transcript(self._stands, True)
                return
            self._news.clear()
            try:
                async with asyncio.timeout(missing_s):
                    await self._news.wait()
            except TimeoutError:
                pass

    async def aclose(self) -> None:
        self.over = True
