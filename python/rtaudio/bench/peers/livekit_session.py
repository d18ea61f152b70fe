"""A real `AgentSession` of livekit-agents without a room: a paced microphone, a loudspeaker that keeps time, providers
that know what is said, and the parts under trial. Runs in the environment of ``make peers``; the tests use it, too.

    python -m rtaudio.bench.peers.livekit_session CONTENDER SCENE.npz [vad]        one JSON object on the last line
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents import Agent, AgentSession, StopResponse, llm, stt, tts
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN
from livekit.agents.voice import io

from rtaudio.bench.peers import scenes
from rtaudio.bench.peers.outcome import Told, score

FRAME_S = 0.02


class Microphone(io.AudioInput):
    """Gives each frame of a recording at the moment when its last sample has been spoken."""

    def __init__(self, pcm: scenes.Pcm, rate: int, told: Told) -> None:
        super().__init__(label="microphone")
        self._pcm, self._rate, self._told = pcm, rate, told
        self._given = 0
        self._began = 0.0
        self.over = asyncio.Event()

    async def __anext__(self) -> rtc.AudioFrame:
        """The next frame; ends with the recording."""
        size = round(FRAME_S * self._rate)
        loop = asyncio.get_running_loop()
        if self._given == 0:
            self._began = loop.time()
            self._told.begin()
        samples = self._pcm[self._given : self._given + size]
        if len(samples) < size:
            self.over.set()
            await asyncio.Event().wait()  # a microphone does not end; the session is closed
        self._given += size
        await asyncio.sleep(self._began + self._given / self._rate - loop.time())
        return rtc.AudioFrame(samples.tobytes(), self._rate, 1, size)


class Loudspeaker(io.AudioOutput):
    """Plays what it is given for as long as it lasts, and keeps it."""

    def __init__(self, rate: int = 24000) -> None:
        super().__init__(label="loudspeaker", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=rate)
        self._began: float | None = None
        self._pushed = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.finished: list[tuple[float, bool]] = []
        """(seconds played, interrupted) of each segment."""

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Takes a frame, as fast as it comes."""
        await super().capture_frame(frame)
        if self._began is None:
            self._began = asyncio.get_running_loop().time()
            self.on_playback_started(created_at=time.time())
        self._pushed += frame.duration

    def flush(self) -> None:
        """The segment is complete: it ends when it has been played."""
        super().flush()
        if self._began is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(self._began + self._pushed, self._finish, False)

    def clear_buffer(self) -> None:
        """The segment ends now."""
        if self._began is not None:
            self._finish(True)

    def _finish(self, interrupted: bool) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        assert self._began is not None
        played = min(asyncio.get_running_loop().time() - self._began, self._pushed)
        self._began, self._pushed = None, 0.0
        self.finished.append((played, interrupted))
        self.on_playback_finished(playback_position=played, interrupted=interrupted)


class KnowingSTT(stt.STT[Any]):
    """Finishes a word for every 0.3 s of labelled speech, 0.1 s after it was said: a fast STT, the same for all."""

    def __init__(self, scene: scenes.Scene) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=False))
        self.scene = scene

    async def _recognize_impl(self, buffer: Any, *, language: Any = NOT_GIVEN, conn_options: Any) -> stt.SpeechEvent:
        raise NotImplementedError

    def stream(self, *, language: Any = NOT_GIVEN, conn_options: Any = DEFAULT_API_CONNECT_OPTIONS) -> Any:
        """A stream that counts the samples it hears."""
        return _KnowingStream(stt=self, conn_options=conn_options)


class _KnowingStream(stt.RecognizeStream):
    async def _run(self) -> None:
        scene = self._stt.scene
        words = [
            min(at, last)
            for first, last in scene.spoken
            for at in range(first + round(0.3 * scene.rate), last + round(0.3 * scene.rate), round(0.3 * scene.rate))
        ]
        heard, k = 0, 0
        async for frame in self._input_ch:
            if not isinstance(frame, rtc.AudioFrame):
                continue
            heard += frame.samples_per_channel
            while k < len(words) and heard >= words[k] + round(0.1 * scene.rate):
                k += 1
                said = [stt.SpeechData(language="en", text=f"word{k}", confidence=1.0)]
                self._event_ch.send_nowait(
                    stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=said)
                )


class HearingSTT(stt.STT[Any]):
    """Recognises whole utterances, so that the framework cuts them out with its VAD; `heard` are their samples."""

    def __init__(self, texts: list[str]) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        self.heard: list[scenes.Pcm] = []
        self._texts = iter(texts)

    async def _recognize_impl(self, buffer: Any, *, language: Any = NOT_GIVEN, conn_options: Any) -> stt.SpeechEvent:
        self.heard.append(np.frombuffer(bytes(rtc.combine_audio_frames(buffer).data), np.int16))
        said = [stt.SpeechData(language="en", text=next(self._texts, "more"), confidence=1.0)]
        return stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=said)


class TellingLLM(llm.LLM):
    """Answers with the next of its sentences; `asked` are the last messages it was given."""

    def __init__(self, answers: list[str]) -> None:
        super().__init__()
        self.asked: list[str] = []
        self._answers = iter(answers)

    def chat(
        self, *, chat_ctx: Any, tools: Any = None, conn_options: Any = DEFAULT_API_CONNECT_OPTIONS, **_: Any
    ) -> Any:
        """A stream of the words of an answer."""
        messages = [item for item in chat_ctx.items if item.type == "message" and item.role == "user"]
        self.asked.append(messages[-1].text_content or "" if messages else "")
        stream = _TellingStream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)
        stream.answer = next(self._answers, "Yes.")
        return stream


class _TellingStream(llm.LLMStream):
    answer = ""

    async def _run(self) -> None:
        for word in self.answer.split():
            delta = llm.ChoiceDelta(role="assistant", content=word + " ")
            self._event_ch.send_nowait(llm.ChatChunk(id="answer", delta=delta))


class ToneTTS(tts.TTS):
    """Speaks 60 ms of a tone for each letter."""

    def __init__(self, rate: int = 24000) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=rate, num_channels=1)

    def synthesize(self, text: str, *, conn_options: Any = DEFAULT_API_CONNECT_OPTIONS) -> Any:
        """The whole text at once."""
        return _ToneStream(tts=self, input_text=text, conn_options=conn_options)


class _ToneStream(tts.ChunkedStream):
    async def _run(self, output_emitter: Any) -> None:
        rate = self._tts.sample_rate
        output_emitter.initialize(request_id="tone", sample_rate=rate, num_channels=1, mime_type="audio/pcm")
        time_s = np.arange(round(0.06 * rate) * len(self.input_text)) / rate
        output_emitter.push((8000 * np.sin(2 * np.pi * 220 * time_s)).astype(np.int16).tobytes())
        output_emitter.flush()


def _silero() -> dict[str, Any]:
    from livekit.plugins import silero

    return {"vad": silero.VAD.load(), "turn_handling": {"turn_detection": "vad"}}


def _defaults() -> dict[str, Any]:
    from livekit.agents import inference

    return {"vad": inference.VAD(), "turn_handling": {"turn_detection": inference.TurnDetector(version="v1-mini")}}


def _our_vad() -> dict[str, Any]:
    from rtaudio.integrations.livekit_agents import VAD

    return {"vad": VAD(), "turn_handling": {"turn_detection": "vad"}}


def _ours() -> dict[str, Any]:
    from rtaudio.integrations.livekit_agents import VAD, TurnDetector

    return {"vad": VAD(), "turn_handling": {"turn_detection": TurnDetector()}}


CONTENDERS: dict[str, Callable[[], dict[str, Any]]] = {
    "silero": _silero,  # livekit-plugins-silero, the framework's fixed delay after it
    "own": _defaults,  # what the framework takes by itself: its native VAD and its local turn detector
    "rtaudio_vad": _our_vad,  # in place of silero
    "rtaudio": _ours,  # our VAD and our turn detector
}


class _Listener(Agent):
    """Says nothing; tells when a turn was over."""

    def __init__(self, told: Told) -> None:
        super().__init__(instructions="")
        self._told = told

    async def on_user_turn_completed(self, turn_ctx: Any, new_message: Any) -> None:
        self._told.end()
        raise StopResponse


async def listen(scene: scenes.Scene, parts: dict[str, Any]) -> Told:
    """The scene through a session with these parts, in real time."""
    told = Told()
    session: AgentSession[Any] = AgentSession(
        stt=KnowingSTT(scene), llm=TellingLLM([]), tts=ToneTTS(), user_away_timeout=None, **parts
    )

    def hear(event: Any) -> None:
        if event.new_state == "speaking":
            told.start()

    session.on("user_state_changed", hear)
    microphone = Microphone(scene.pcm, scene.rate, told)
    session.input.audio = microphone
    session.output.audio = Loudspeaker()
    await session.start(_Listener(told))
    await microphone.over.wait()
    told.finish()
    await session.aclose()
    return told


async def hear(scene: scenes.Scene, vad: Any) -> float:
    """CPU seconds in which a stream of `vad` takes the scene in frames of 20 ms, unpaced."""
    stream, size = vad.stream(), round(FRAME_S * scene.rate)
    frames = [
        rtc.AudioFrame(scene.pcm[at : at + size].tobytes(), scene.rate, 1, size)
        for at in range(0, len(scene.pcm) - size + 1, size)
    ]
    began = time.process_time()
    for frame in frames:
        stream.push_frame(frame)
    stream.end_input()
    async for _ in stream:
        pass
    took = time.process_time() - began
    await stream.aclose()
    return took


def main(contender: str, path: str, kind: str = "session") -> None:
    """One run; prints its outcome."""
    scene, parts = scenes.load(Path(path)), CONTENDERS[contender]()
    if kind == "vad":
        took = asyncio.run(hear(scene, parts["vad"]))
        print(json.dumps({"vad_cpu_ms_per_audio_second": 1000 * took / scene.seconds}))
    else:
        print(json.dumps(score(scene, asyncio.run(listen(scene, parts)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
