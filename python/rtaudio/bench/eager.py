"""What a reply begun before its turn is over saves, and what it costs: sessions on virtual time that hear real speech.

Phrases that end, and their longer twins with a pause where the short ones end (turn_scenes.py), through the real VAD,
the real turn model (its answers taken every 50 ms of the call) and a session whose providers are fakes with drawn
latencies:

    STT     all the words 0.2 s into a silence, the final 0.1..0.3 s after the turn's end
    LLM     first token 0.2..0.4 s, then one every 20 ms
    TTS     first audio 0.1..0.2 s

    ended   SHORT phrases: from the end of speech to the first sample of the reply; replies begun ahead, kept, dropped
    paused  LONG ones, which go on after a pause: replies begun in it, all of them for nothing

The same scenes and latencies for every mode. "silence" has no turn model, and begins on silence alone.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from rtaudio import SileroVad
from rtaudio.bench.turn_run import Bench
from rtaudio.bench.turn_scenes import Pair, Scene, pairs, pink
from rtaudio.core.turn_model import TurnModel
from rtaudio.testing.caller import SimulatedCaller
from rtaudio.testing.providers import FakeLLM, FakeSTT, FakeTTS
from rtaudio.testing.simulation import Simulation
from rtaudio.testing.virtual_time import run as run_virtual
from rtaudio.voice.agent import Agent
from rtaudio.voice.events import EagerReply, TurnMetrics
from rtaudio.voice.options import SessionOptions

RATE: Final = 16000
NOISE_DB: Final = -60
PAUSES_MS: Final = (300, 600, 1000)
STT_LAG_S: Final = 0.2
ANSWER_TICKS: Final = 5
REPLY: Final = "Yes, it is. " + "There is a lot more to say about that, and I will say all of it. " * 3

MODES: Final[dict[str, SessionOptions]] = {
    "off": SessionOptions(eager="off"),
    "text": SessionOptions(eager="text"),
    "speech": SessionOptions(eager="speech"),
    "text_at_50": SessionOptions(eager="text", eager_probability=0.5),
    "text_at_90": SessionOptions(eager="text", eager_probability=0.9),
    "off_without_model": SessionOptions(eager="off"),
    "silence": SessionOptions(eager="text", eager_stable_s=0.25),
}
WITHOUT_MODEL: Final = ("off_without_model", "silence")


@dataclass(frozen=True, slots=True)
class Latencies:
    """Of the fakes, in seconds."""

    final: float
    token: float
    audio: float


class Words(FakeSTT):
    """Understands the part that was spoken so far, or, in a later turn, what follows."""

    def __init__(self, scene: Scene, latencies: Latencies) -> None:
        super().__init__([], all_after_s=STT_LAG_S, final_after_s=latencies.final)
        self._resume = scene.resume
        self.now: Callable[[], int] = lambda: 0

    def text_of(self, number: int) -> str:
        if self._resume is None or self.now() < self._resume + STT_LAG_S * RATE:
            return "is it so"
        return "as you say" if number else "is it so as you say"


class Judged(Simulation):
    """The turn model answers what the line asks, a little later, as a thread of its own would."""

    ticks = 0
    model: TurnModel | None = None

    def _after_step(self) -> None:
        self.ticks += 1
        if self.model is not None and self.ticks % ANSWER_TICKS == 0:
            self.model.pump()
        super()._after_step()


def run(options: argparse.Namespace, progress: Callable[[str], None]) -> dict[str, Any]:
    """`rtaudio-bench eager`. Raises BadData, ModelMissing, ValueError."""
    folder: Path = options.data / "turns"
    found = sorted(pairs(folder / "phrases.json", folder), key=lambda pair: (pair.voice, pair.phrase))
    chosen = found[: options.pairs]
    bench, vad = Bench(), SileroVad()
    figures: dict[str, Any] = {"pairs": len(chosen)}
    for mode, settings in MODES.items():
        model = None if mode in WITHOUT_MODEL else bench.model
        ended, paused = [], {pause: Tally() for pause in PAUSES_MS}
        of_ended = Tally()
        for number, pair in enumerate(chosen):
            progress(f"{mode}: {number} of {len(chosen)} pairs")
            latencies = drawn(number)
            metrics = of_ended.add(talk(pair.short_scene(NOISE_DB), latencies, settings, model, vad))
            ended += [told.first_sample_s for told in metrics[:1] if told.first_sample_s is not None]
            for pause, tally in paused.items():
                tally.add(talk(going_on(pair, pause), latencies, settings, model, vad))
        figures[mode] = {
            "ended": {**quantiles(ended), **of_ended.figures()},
            "paused": {f"{pause} ms": tally.figures() for pause, tally in paused.items()},
        }
    return figures


def drawn(number: int) -> Latencies:
    """Latencies by chance, the same for the same number."""
    chance = random.Random(number)
    return Latencies(chance.uniform(0.1, 0.3), chance.uniform(0.2, 0.4), chance.uniform(0.1, 0.2))


def going_on(pair: Pair, pause_ms: int) -> Scene:
    """The pause, what follows it, and the silence behind."""
    scene = pair.long_scene(NOISE_DB, pause_ms)
    return Scene(scene.name, np.concatenate([scene.audio, pink(3 * RATE, NOISE_DB, pause_ms)]), scene.end, scene.resume)


def talk(
    scene: Scene, latencies: Latencies, options: SessionOptions, model: TurnModel | None, vad: SileroVad
) -> tuple[Scene, Simulation]:
    """One call, in which the scene is all that the caller says."""
    stt = Words(scene, latencies)
    caller = SimulatedCaller(RATE)
    caller.say(scene.audio, at_s=0.0)

    async def main() -> Simulation:
        sim = Judged(
            Agent(),
            stt=stt,
            llm=FakeLLM([REPLY], first_after_s=latencies.token),
            tts=FakeTTS(first_after_s=latencies.audio, char_s=0.01),
            caller=caller,
            options=options,
            vad=vad,
        )
        stt.now = lambda: sim.port.mic_written
        if model is not None:
            model.add(sim.line)
            sim.model = model
        async with sim:
            await sim.finish(idle_s=0.5, limit_s=60)
            if model is not None:
                model.remove(sim.line)
        return sim

    return scene, run_virtual(main())


class Tally:
    """What became of the replies that were begun ahead, in several calls."""

    def __init__(self) -> None:
        self.calls = self.tokens = 0
        self.states = dict.fromkeys(("begun", "kept", "dropped"), 0)
        self.in_vain = 0  # begun in a pause
        self.audio_s = 0.0

    def add(self, call: tuple[Scene, Simulation]) -> list[TurnMetrics]:
        scene, sim = call
        self.calls += 1
        for event in sim.told(EagerReply):
            self.states[event.state] += 1
            if event.state == "dropped":
                self.tokens += event.tokens
                self.audio_s += event.audio_for_s
            if event.state == "begun" and scene.resume is not None and event.at_s * RATE < scene.resume:
                self.in_vain += 1
        return sim.told(TurnMetrics)

    def figures(self) -> dict[str, Any]:
        return {
            "calls": self.calls,
            **self.states,
            "begun_in_the_pause": self.in_vain,
            "wasted_tokens": self.tokens,
            "wasted_audio_s": round(self.audio_s, 2),
        }


def quantiles(seconds: list[float]) -> dict[str, float]:
    """Milliseconds."""
    found = np.quantile(seconds, [0.5, 0.9]) if seconds else [float("nan")] * 2
    mean = float(np.mean(seconds)) if seconds else float("nan")
    return {"p50_ms": round(found[0] * 1000), "p90_ms": round(found[1] * 1000), "mean_ms": round(mean * 1000)}
