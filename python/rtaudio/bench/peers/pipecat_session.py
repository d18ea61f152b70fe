"""A real `Pipeline` of pipecat-ai: a paced microphone, an STT that knows what is said, and the parts under trial.
Runs in the environment of ``make peers``; the tests use it, too.

    python -m rtaudio.bench.peers.pipecat_session CONTENDER SCENE.npz [vad]        one JSON object on the last line
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loguru import logger
from pipecat.frames.frames import EndFrame, Frame, InputAudioRawFrame, TranscriptionFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.turns.user_stop import TurnAnalyzerUserTurnStopStrategy
from pipecat.turns.user_turn_processor import UserTurnProcessor
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from rtaudio.bench.peers import scenes
from rtaudio.bench.peers.outcome import Told, score

FRAME_S = 0.02


class KnowingSTT(FrameProcessor):
    """Finishes a word for every 0.3 s of labelled speech, 0.1 s after it was said: a fast STT, the same for all."""

    def __init__(self, scene: scenes.Scene) -> None:
        super().__init__()
        step, self._after = round(0.3 * scene.rate), round(0.1 * scene.rate)
        self._words = [min(at, last) for first, last in scene.spoken for at in range(first + step, last + step, step)]
        self._heard = self._said = 0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Lets everything pass, and says a word when its time has come."""
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            self._heard += frame.num_frames
            while self._said < len(self._words) and self._heard >= self._words[self._said] + self._after:
                self._said += 1
                await self.push_frame(TranscriptionFrame(f"word{self._said}", "caller", "", finalized=True))


@dataclass
class Parts:
    """What is under trial."""

    vad: Any
    turn: Any


def _defaults() -> Parts:
    from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3
    from pipecat.audio.vad.silero import SileroVADAnalyzer

    return Parts(SileroVADAnalyzer(), LocalSmartTurnAnalyzerV3())


def _our_vad() -> Parts:
    from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3

    from rtaudio.integrations.pipecat import RtaudioVADAnalyzer

    return Parts(RtaudioVADAnalyzer(), LocalSmartTurnAnalyzerV3())


def _ours() -> Parts:
    from rtaudio.integrations.pipecat import RtaudioTurnAnalyzer, RtaudioVADAnalyzer

    return Parts(RtaudioVADAnalyzer(), RtaudioTurnAnalyzer())


CONTENDERS: dict[str, Callable[[], Parts]] = {
    "own": _defaults,  # the framework's Silero analyzer and Smart Turn v3.2
    "rtaudio_vad": _our_vad,  # our VAD, the framework's Smart Turn
    "rtaudio": _ours,  # our VAD and our turn analyzer
}


async def listen(scene: scenes.Scene, parts: Parts) -> Told:
    """The scene through a pipeline with these parts, in real time."""
    told = Told()
    stop = TurnAnalyzerUserTurnStopStrategy(turn_analyzer=parts.turn)
    turns = UserTurnProcessor(user_turn_strategies=UserTurnStrategies(stop=[stop]))
    vad = VADProcessor(vad_analyzer=parts.vad)

    async def start(*_: Any) -> None:
        told.start()

    async def end(*_: Any) -> None:
        told.end()

    vad._vad_controller.add_event_handler("on_speech_started", start)
    turns.add_event_handler("on_user_turn_stopped", end)
    worker = PipelineWorker(
        Pipeline([vad, KnowingSTT(scene), turns]),
        cancel_on_idle_timeout=False,
        enable_rtvi=False,
        params=PipelineParams(audio_in_sample_rate=scene.rate),
    )
    started = asyncio.Event()

    async def begin(*_: Any) -> None:
        started.set()

    worker.add_event_handler("on_pipeline_started", begin)

    async def speak() -> None:
        await asyncio.wait_for(started.wait(), 30)
        loop, size = asyncio.get_running_loop(), round(FRAME_S * scene.rate)
        began = loop.time()
        told.begin()
        for at in range(0, len(scene.pcm) - size + 1, size):
            await asyncio.sleep(began + (at + size) / scene.rate - loop.time())
            await worker.queue_frame(InputAudioRawFrame(scene.pcm[at : at + size].tobytes(), scene.rate, 1))
        told.finish()
        await worker.queue_frame(EndFrame())

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await asyncio.gather(runner.run(), speak())
    return told


async def hear(scene: scenes.Scene, analyzer: Any) -> float:
    """CPU seconds in which the analyzer takes the scene in frames of 20 ms, unpaced."""
    size, data = round(FRAME_S * scene.rate) * 2, scene.pcm.tobytes()
    analyzer.set_sample_rate(scene.rate)
    began = time.process_time()
    for at in range(0, len(data) - size + 1, size):
        await analyzer.analyze_audio(data[at : at + size])
    took = time.process_time() - began
    await analyzer.cleanup()
    return took


def main(contender: str, path: str, kind: str = "session") -> None:
    """One run; prints its outcome."""
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    scene, parts = scenes.load(Path(path)), CONTENDERS[contender]()
    if kind == "vad":
        took = asyncio.run(hear(scene, parts.vad))
        print(json.dumps({"vad_cpu_ms_per_audio_second": 1000 * took / scene.seconds}))
    else:
        print(json.dumps(score(scene, asyncio.run(listen(scene, parts)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
