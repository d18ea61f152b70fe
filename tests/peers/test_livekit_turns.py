"""`rtaudio.integrations.livekit_agents.TurnDetector` as livekit-agents calls it, on real speech, unpaced."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent import futures
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("livekit.agents", reason="livekit-agents is not installed: make peers-test")

from livekit import rtc
from livekit.agents.voice.turn import _StreamingTurnDetector, _StreamingTurnDetectorStream

from rtaudio import TurnConfig
from rtaudio.integrations.livekit_agents import TurnDetector, TurnDetectorStream

RATE = 24000


@pytest.fixture(scope="module")
def phrase(shared_data: Path) -> Any:
    """Somebody says something, after half a second."""
    import soundfile

    path = sorted((shared_data / "turns").glob("*_short_male*.wav"))[1]
    return np.concatenate([np.zeros(RATE // 2, np.int16), soundfile.read(path, dtype="int16")[0]])


def push(stream: TurnDetectorStream, pcm: Any, rate: int = RATE, channels: int = 1) -> None:
    for at in range(0, len(pcm), rate // 50):
        piece = pcm[at : at + rate // 50]
        stream.push_audio(rtc.AudioFrame(piece.tobytes(), rate, channels, len(piece)))


SILENCE = np.zeros(RATE // 10, np.int16)


def trial(body: Callable[[TurnDetectorStream], Awaitable[None]]) -> None:
    async def run() -> None:
        before = asyncio.all_tasks()
        stream = TurnDetector(silence_only=True).stream()
        await body(stream)
        await stream.aclose()
        assert asyncio.all_tasks() == before

    asyncio.run(run())


def test_it_is_what_the_framework_takes_for_a_streaming_detector() -> None:
    async def body(stream: TurnDetectorStream) -> None:
        assert isinstance(TurnDetector(silence_only=True), _StreamingTurnDetector)
        assert isinstance(stream, _StreamingTurnDetectorStream)
        assert await stream.supports_language(None)
        assert await stream.unlikely_threshold(None) == 0.5
        assert await stream.backchannel_threshold(None) is None
        assert (stream.model, stream.provider, stream.is_fallback) == ("rtaudio-silence", "rtaudio", True)

    trial(body)


def test_the_future_is_done_when_the_turn_is_over(phrase: Any) -> None:
    async def body(stream: TurnDetectorStream) -> None:
        push(stream, phrase)
        push(stream, SILENCE)
        asked = stream.predict()
        silence = 1
        while not asked.done():
            push(stream, SILENCE)
            silence += 1
            assert silence < 30
        assert asked.result().end_of_turn_probability == 1.0
        assert stream.last is not None
        assert stream.last.reasons.silence_s >= stream.last.reasons.delay_s - 0.033
        assert stream.predict().done()  # over is over

    trial(body)


def test_speech_that_goes_on_cancels(phrase: Any) -> None:
    async def body(stream: TurnDetectorStream) -> None:
        push(stream, phrase)
        first = stream.predict()
        stream.cancel_inference()
        assert first.result().end_of_turn_probability == 0.0
        second, third = stream.predict(), stream.predict()
        assert second.result().end_of_turn_probability == 0.0
        stream.flush(reason="turn committed")
        assert third.result().end_of_turn_probability == 0.0

    trial(body)


def test_where_nothing_was_said_there_is_nothing_to_wait_for() -> None:
    async def body(stream: TurnDetectorStream) -> None:
        assert stream.predict().result().end_of_turn_probability == 1.0
        push(stream, SILENCE)
        assert stream.predict().result().end_of_turn_probability == 1.0

    trial(body)


def test_closing_answers_who_waits(phrase: Any) -> None:
    async def body(stream: TurnDetectorStream) -> None:
        push(stream, phrase)
        asked = stream.predict()
        await stream.aclose()
        assert asked.result().end_of_turn_probability == 0.0
        push(stream, phrase)  # heard by nobody
        assert stream.predict().result().end_of_turn_probability == 1.0
        stream.end_input()

    trial(body)


def test_bad_frames(phrase: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Law 11: a rate there is no filter for is named; another rate is counted and said once; stereo is mixed down."""

    async def body(stream: TurnDetectorStream) -> None:
        with pytest.raises(ValueError, match="not at 12345 Hz"):
            stream.push_audio(rtc.AudioFrame(bytes(200), 12345, 1, 100))
        push(stream, np.repeat(phrase, 2).reshape(-1, 2), channels=2)
        stream.push_audio(rtc.AudioFrame(b"", RATE, 1, 0))
        with caplog.at_level(logging.ERROR):
            push(stream, np.zeros(48000, np.int16), rate=48000)
        assert stream.frames_refused == 50
        assert sum("48000 Hz came into" in record.message for record in caplog.records) == 1
        assert not stream.predict().done()  # the stereo speech was heard: a turn is open

    trial(body)


def test_the_turn_model_is_asked(phrase: Any) -> None:
    """The real one, given the time that it has in real time."""
    import rtaudio

    try:
        model = rtaudio.TurnModel()
    except rtaudio.ModelMissing as error:
        pytest.skip(str(error))

    async def run() -> None:
        stream = TurnDetector(TurnConfig(late_after_s=5.0), turn_model=model).stream()
        assert not stream.is_fallback
        for piece in np.resize(np.concatenate([phrase, np.zeros(4 * RATE, np.int16)]), (200, 480)):
            push(stream, piece)
            turns = stream._turns
            assert turns is not None
            futures.wait([answer for _, answer in turns._asked])
        assert stream.last is not None
        reasons = stream.last.reasons
        assert reasons.answered > 0
        assert reasons.probability is not None
        assert "model" in reasons.why
        await stream.aclose()

    asyncio.run(run())
