"""Spoken conversations through lines as bad as real ones were: the words are heard, no turn is lost, none answered
twice, and the history is what the caller heard (laws 9 and 10)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("msgspec", reason="msgspec is not installed: pip install 'rtaudio[serve]'")
pytest.importorskip("aiohttp", reason="aiohttp is not installed: pip install 'rtaudio[serve]'")

from rtaudio.bench import traces
from rtaudio.core import SileroVad
from rtaudio.server import CallInfo, CallSetup
from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS
from rtaudio.testing.remote import RemoteCaller
from rtaudio.transports.websocket import messages as say
from rtaudio.transports.websocket.client import WebSocketClient
from rtaudio.voice.agent import Agent
from rtaudio.voice.options import SessionOptions
from tests.transports.bad_line import BadLine, delays_of
from tests.transports.conftest import run, served

QUESTION = "When does the library open on Saturday?"
INTERRUPTION = "Wait, what about Sunday?"
BROKEN = "How many books can I take home?"
Voice = Callable[[str], NDArray[np.float32]]


@pytest.fixture(scope="module")
def voice() -> Voice:
    for package in ("hibari", "pocketsphinx", "soxr"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install 'rtaudio[local]'")
    from rtaudio.cli.wav import resample
    from rtaudio.providers.hibari import RATE, HibariVoice

    speaker = HibariVoice(pitch=0.88)
    return lambda text: resample(speaker.say(text).samples, RATE, 16000)


def library(sessions: dict[str, Any]) -> Callable[[CallInfo], CallSetup]:
    """Keeps the session of each call by its line."""
    from rtaudio.providers import PocketsphinxSTT, ScriptedLLM

    stt, llm, tts = PocketsphinxSTT(), ScriptedLLM(), FakeTTS(words=True)  # whose samples are never zero

    def app(call: CallInfo) -> CallSetup:
        def keep(session: Any) -> None:
            sessions[call.query["line"]] = session

        # Recognition takes its time where the machine is busy; that is not what is tried here.
        patient = SessionOptions(stt_final_timeout_s=None)
        return CallSetup(agent=Agent(greeting="Hello."), stt=stt, llm=llm, tts=tts, options=patient, on_start=keep)

    return app


@dataclass(frozen=True)
class Line:
    """A trace, where in it the call begins and where it goes on once the last question is under way, bytes a second."""

    trace: str
    from_s: float
    worse_s: float
    bytes_per_s: float = 0


LINES = [
    Line("kakaotalk_stall.csv.gz", 0.0, 15.5),  # then a stall of 3 s, and a flood
    Line("webrtc_stereo_pcmu_jitter.csv.gz", 0.0, 25.0, 80_000),
]


@pytest.mark.timeout(240)
def test_conversations_come_through_bad_lines(voice: Voice, shared_data: Path) -> None:
    """Two calls at once, on one engine."""
    traced = [traces.read(shared_data / "traces" / line.trace, None, lambda note: None) for line in LINES]

    async def one(port: int, line: Line, trace: traces.Trace) -> RemoteCaller:
        async with BadLine(port) as bad:
            bad.throttle(line.bytes_per_s)
            url = f"ws://127.0.0.1:{bad.port}/ws?line={line.trace}"
            async with await WebSocketClient.connect(url) as client, RemoteCaller(client) as caller:
                until = partial(caller.until, within_s=60)
                await until(lambda it: heard(it, "Hello"))
                bad.follow(delays_of(trace, line.from_s))
                caller.speak(voice(QUESTION))
                await until(lambda it: pending(it, "Saturday") and it.player.played > 24000 * 4)
                caller.speak(voice(INTERRUPTION))
                await until(lambda it: bool(it.said(say.Cut)))
                await until(lambda it: heard(it, "Sunday"))
                caller.speak(voice(BROKEN))
                await asyncio.sleep(0.6)
                bad.follow(delays_of(trace, line.worse_s))
                await until(lambda it: heard(it, "ten books"))
            return caller

    async def main() -> None:
        sessions: dict[str, Any] = {}
        async with served(library(sessions), vad=SileroVad()) as there:
            calls = (one(there.port, line, trace) for line, trace in zip(LINES, traced, strict=True))
            callers = await asyncio.gather(*calls)
        for line, caller in zip(LINES, callers, strict=True):
            check(caller, sessions[line.trace].history)

    run(main(), 200)


def test_a_line_that_breaks_leaves_a_true_history_and_nothing_else() -> None:
    """In the middle of the agent's speech: no more is kept than was sent, and what was acknowledged is kept."""
    greeting = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen."
    sessions: list[Any] = []
    app = CallSetup(
        agent=Agent(greeting=greeting),
        stt=FakeSTT([]),
        llm=FakeLLM([""]),
        tts=FakeTTS(words=True),
        on_start=sessions.append,
    )

    async def main() -> None:
        async with served(app) as there, BadLine(there.port) as bad:
            client = await WebSocketClient.connect(f"ws://127.0.0.1:{bad.port}/ws")
            async with RemoteCaller(client) as caller:
                await caller.until(lambda it: it.player.played > 48000)
                await caller.until(lambda it: any(message.offset > 10 for message in progress(it)))
                told = progress(caller)[-1].offset
                bad.reset()
                with pytest.raises(ConnectionResetError, match="the call ended"):
                    await caller.until(lambda it: False)
                async with asyncio.timeout(20):
                    while there.calls.active:  # noqa: ASYNC110 - what is waited for has no event
                        await asyncio.sleep(0.01)
            await client.aclose()
            (message,) = sessions[0].history.messages
            assert message.interrupted
            assert greeting.startswith(message.text.strip())
            assert told <= len(message.text) <= caller.player.received / (0.06 * 24000) + len("fourteen.")
            assert there.calls.figures() == {"active": 0, "served": 1, "refused": 0, "failed": 0}

    run(main())


def progress(caller: RemoteCaller) -> list[say.Progress]:
    return [message for message in caller.messages if isinstance(message, say.Progress)]


def pending(caller: RemoteCaller, word: str) -> bool:
    return any(word in message.text for message in caller.said(say.Reply))  # type: ignore[attr-defined]


def heard(caller: RemoteCaller, word: str) -> bool:
    return any(word in message.text for message in caller.said(say.Heard))  # type: ignore[attr-defined]


def check(caller: RemoteCaller, history: Any) -> None:
    turns: dict[int, str] = {}
    for message in caller.said(say.User):
        assert isinstance(message, say.User)
        turns[message.turn] = message.text
    for word in ("saturday", "sunday", "books"):
        assert sum(word in text for text in turns.values()) == 1, (word, turns)
    agent = [message.text for message in history.messages if message.role == "assistant"]
    for word in ("Saturday", "Sunday", "ten books"):
        assert sum(word in text for text in agent) == 1, (word, agent)
    users = " ".join(message.text for message in history.messages if message.role == "user")
    assert all(word in users for word in ("saturday", "sunday", "books")), users
    (cut,) = caller.said(say.Cut)
    assert isinstance(cut, say.Cut)
    assert cut.heard.strip() in agent
    assert cut.cut.strip()
    # What the core holds to have been heard of it, and what the caller's player says (law 9, with its bound).
    _, begin, *more = [frame.position for frame in caller.frames if frame.start]
    stopped = next(clear.position for clear in caller.cleared if clear.position > begin)
    assert not [start for start in more if start < stopped]
    played = sum(np.count_nonzero(frame.samples[: max(stopped - frame.position, 0)]) for frame in caller.frames)
    played -= sum(np.count_nonzero(frame.samples) for frame in caller.frames if frame.stop <= begin)
    assert abs(cut.heard_for_s * 24000 - played) <= cut.bound_s * 24000 + 1
    player = caller.player
    assert player.received == player.played + player.dropped + player.queued
