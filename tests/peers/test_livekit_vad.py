"""`rtaudio.integrations.livekit_agents.VAD` as a stream of livekit-agents, on real speech."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtaudio import SpeechEnded, SpeechStarted, Vad, resample

pytest.importorskip("livekit.agents", reason="livekit-agents is not installed: make peers-test")

from livekit import rtc
from livekit.agents import vad as framework

from rtaudio.integrations.livekit_agents import VAD

KIND = framework.VADEventType
RATE = 24000


@pytest.fixture(scope="module")
def talk(shared_data: Path) -> Any:
    """Two phrases with silence around them, at 24 kHz."""
    import soundfile

    paths = sorted((shared_data / "turns").glob("*_short_male*.wav"))[:2]
    phrases = [soundfile.read(path, dtype="int16")[0] for path in paths]
    silence = np.zeros(2 * RATE, np.int16)
    return np.concatenate([silence, phrases[0], silence, phrases[1], silence])


def frame(pcm: Any, rate: int, channels: int = 1) -> rtc.AudioFrame:
    return rtc.AudioFrame(pcm.tobytes(), rate, channels, len(pcm))


def chunks(pcm: Any, size: int) -> Iterable[Any]:
    return (pcm[at : at + size] for at in range(0, len(pcm), size))


async def told(vad: VAD, frames: Iterable[rtc.AudioFrame]) -> list[framework.VADEvent]:
    stream = vad.stream()
    for each in frames:
        stream.push_frame(each)
    stream.end_input()
    events = [event async for event in stream]
    await stream.aclose()
    return events


def decisions(events: list[framework.VADEvent]) -> list[framework.VADEvent]:
    return [event for event in events if event.type != KIND.INFERENCE_DONE]


def facts(events: list[framework.VADEvent]) -> list[tuple[object, ...]]:
    """All but how long it took."""
    return [
        (
            e.type,
            e.samples_index,
            e.timestamp,
            e.speech_duration,
            e.silence_duration,
            e.probability,
            e.speaking,
            e.raw_accumulated_speech,
            e.raw_accumulated_silence,
            [(f.sample_rate, bytes(f.data)) for f in e.frames],
        )
        for e in events
    ]


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_chunks_never_show(talk: Any, rate: int) -> None:
    """Law 6, at every rate the framework gives."""
    pcm = talk if rate == RATE else resample(talk, RATE, rate)

    async def both() -> None:
        one = await told(VAD(), [frame(c, rate) for c in chunks(pcm, rate // 50)])
        other = await told(VAD(), [frame(c, rate) for c in chunks(pcm, 1237)])
        assert facts(one) == facts(other)
        assert [e.type for e in decisions(one)] == 2 * [KIND.START_OF_SPEECH, KIND.END_OF_SPEECH]

    asyncio.run(both())


def test_decisions_are_those_of_the_core(talk: Any) -> None:
    pcm = resample(talk, RATE, 16000)
    expected = Vad(min_silence_s=0.25).process(pcm)
    events = decisions(asyncio.run(told(VAD(), [frame(c, 16000) for c in chunks(pcm, 320)])))
    assert len(events) == len(expected) == 4
    for event, decided in zip(events, expected, strict=True):
        assert event.samples_index == decided.decided_at
        lasted = round((event.speech_duration if event.speaking else event.silence_duration) * 16000)
        assert event.samples_index - lasted == decided.at
        assert isinstance(decided, SpeechStarted if event.type == KIND.START_OF_SPEECH else SpeechEnded)


def test_every_window_is_told_with_its_audio(talk: Any) -> None:
    events = asyncio.run(told(VAD(), [frame(c, RATE) for c in chunks(talk, 480)]))
    windows = [e for e in events if e.type == KIND.INFERENCE_DONE]
    audio = b"".join(bytes(f.data) for e in windows for f in e.frames)
    assert audio == talk[: len(audio) // 2].tobytes()
    assert len(talk) - len(audio) // 2 < RATE * 0.036
    speech = silence = 0.0
    for k, event in enumerate(windows, 1):
        assert event.samples_index == 512 * k
        assert event.timestamp == pytest.approx(0.032 * k)
        assert 0 <= event.probability <= 1
        assert (event.raw_accumulated_speech == 0) != (event.raw_accumulated_silence == 0)
        assert event.raw_accumulated_speech == pytest.approx(speech + 0.032) or event.raw_accumulated_speech == 0
        assert event.raw_accumulated_silence == pytest.approx(silence + 0.032) or event.raw_accumulated_silence == 0
        speech, silence = event.raw_accumulated_speech, event.raw_accumulated_silence


def test_the_end_of_speech_carries_all_that_was_said(talk: Any) -> None:
    events = decisions(asyncio.run(told(VAD(prefix_padding_duration=0.4), [frame(c, RATE) for c in chunks(talk, 480)])))
    for started, ended in zip(events[::2], events[1::2], strict=True):
        onset = round((started.timestamp - started.speech_duration) * RATE)
        begin = onset - round(0.4 * RATE)
        for event in (started, ended):
            (said,) = event.frames
            assert bytes(said.data) == talk[begin : round(event.timestamp * RATE)].tobytes()
        assert ended.speech_duration == pytest.approx(
            ended.timestamp - ended.silence_duration - started.timestamp + started.speech_duration
        )


def test_buffered_speech_has_its_bound(talk: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Law 8: the beginning is kept; said once for each speech."""
    with caplog.at_level(logging.WARNING):
        vad = VAD(max_buffered_speech=0.5, prefix_padding_duration=0.2)
        events = decisions(asyncio.run(told(vad, [frame(c, RATE) for c in chunks(talk, 480)])))
    for started, ended in zip(events[::2], events[1::2], strict=True):
        (said,) = ended.frames
        begin = round((started.timestamp - started.speech_duration) * RATE) - round(0.2 * RATE)
        assert 0.5 * RATE < said.samples_per_channel <= 0.7 * RATE
        assert bytes(said.data) == talk[begin : begin + said.samples_per_channel].tobytes()
    assert sum("max_buffered_speech" in record.message for record in caplog.records) == 2


def test_a_flush_begins_a_new_stream(talk: Any) -> None:
    async def again() -> None:
        stream = VAD().stream()
        stream.push_frame(frame(talk[: 3 * RATE], RATE))  # in mid-speech
        stream.flush()
        for c in chunks(talk, 480):
            stream.push_frame(frame(c, RATE))
        stream.end_input()
        events = [event async for event in stream]
        await stream.aclose()
        fresh = await told(VAD(), [frame(c, RATE) for c in chunks(talk, 480)])
        assert facts(events)[-len(fresh) :] == facts(fresh)
        assert len(events) > len(fresh)
        before = decisions(events[: -len(fresh)])
        assert [event.type for event in before] == [KIND.START_OF_SPEECH], "of no end, as the framework's own"

    asyncio.run(again())


def test_options_change_in_mid_speech(talk: Any) -> None:
    async def change() -> None:
        vad = VAD()
        stream = vad.stream()
        stream.push_frame(frame(talk[: 3 * RATE], RATE))
        await asyncio.sleep(0)
        while True:
            if (await anext(stream)).type == KIND.START_OF_SPEECH:
                break
        vad.update_options(min_silence_duration=1.0, activation_threshold=0.6)
        assert vad.min_silence_duration == 1.0
        stream.push_frame(frame(talk[3 * RATE :], RATE))
        stream.end_input()
        events = decisions([event async for event in stream])
        await stream.aclose()
        assert [e.type for e in events] == [KIND.END_OF_SPEECH, KIND.START_OF_SPEECH, KIND.END_OF_SPEECH]
        assert 1.0 <= events[0].silence_duration < 1.064

    asyncio.run(change())


def test_options_that_cannot_be_are_refused() -> None:
    vad = VAD()
    with pytest.raises(ValueError, match="off"):
        vad.update_options(activation_threshold=0.0)
    with pytest.raises(ValueError, match="max_buffered_speech must be 0 to 3600 s, not -1"):
        vad.update_options(max_buffered_speech=-1)
    with pytest.raises(ValueError, match="on"):
        VAD(activation_threshold=1.5)
    assert vad.min_silence_duration == 0.25


def test_stereo_is_mixed_down_and_empty_frames_are_nothing(talk: Any) -> None:
    stereo = np.repeat(talk, 2).reshape(-1, 2)
    empty = frame(talk[:0], RATE)

    async def both() -> None:
        one = await told(VAD(), [frame(c, RATE, 2) for c in chunks(stereo, 480)])
        other = await told(VAD(), [f for c in chunks(talk, 480) for f in (empty, frame(c, RATE))])
        assert facts(one) == facts(other)

    asyncio.run(both())


def test_another_rate_in_mid_stream_is_counted_and_said_once(talk: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def mixed() -> None:
        stream = VAD().stream()
        for c in chunks(talk, 480):
            stream.push_frame(frame(c, RATE))
            stream.push_frame(frame(c, 48000))
        stream.end_input()
        events = [event async for event in stream]
        assert stream.frames_refused == len(talk) // 480 + (len(talk) % 480 > 0)
        await stream.aclose()
        assert facts(events) == facts(await told(VAD(), [frame(c, RATE) for c in chunks(talk, 480)]))

    with caplog.at_level(logging.ERROR):
        asyncio.run(mixed())
    assert sum("48000 Hz came into a stream of 24000 Hz" in record.message for record in caplog.records) == 1


def test_a_rate_without_a_filter_is_named() -> None:
    async def push() -> None:
        stream = VAD().stream()
        with pytest.raises(ValueError, match="not at 12345 Hz"):
            stream.push_frame(rtc.AudioFrame(bytes(200), 12345, 1, 100))
        await stream.aclose()

    asyncio.run(push())


def test_closing_while_audio_comes_leaves_no_task(talk: Any) -> None:
    async def close() -> None:
        before = asyncio.all_tasks()
        stream = VAD().stream()
        for c in chunks(talk, 480):
            stream.push_frame(frame(c, RATE))
        await asyncio.sleep(0)
        await stream.aclose()
        with pytest.raises(RuntimeError, match=r"ended|closed"):
            stream.push_frame(frame(talk[:480], RATE))
        assert asyncio.all_tasks() == before

    asyncio.run(close())


def test_a_burst_lets_others_have_the_loop(talk: Any) -> None:
    """Law 4 in spirit: a minute that comes at once is heard in pieces."""

    async def burst() -> None:
        stream = VAD().stream()
        for _ in range(8):
            stream.push_frame(frame(talk, RATE))
        stream.end_input()
        turns, reader = 0, asyncio.ensure_future(asyncio.wait_for(_drain(stream), 60))
        while not reader.done():
            turns += 1
            await asyncio.sleep(0)
        await stream.aclose()
        assert turns > 8

    asyncio.run(burst())


async def _drain(stream: framework.VADStream) -> None:
    async for _ in stream:
        pass


def test_metrics_name_the_model(talk: Any) -> None:
    metrics: list[Any] = []
    vad = VAD()
    vad.on("metrics_collected", metrics.append)
    asyncio.run(told(vad, [frame(c, RATE) for c in chunks(talk, 480)]))
    assert metrics
    assert (vad.model, vad.provider) == ("silero", "rtaudio")
    assert metrics[0].metadata.model_provider == "rtaudio"
