"""Calls over real sockets, with fake providers: what both sides do, and that nothing is left of a call."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("msgspec", reason="msgspec is not installed: pip install 'rtaudio[serve]'")
pytest.importorskip("aiohttp", reason="aiohttp is not installed: pip install 'rtaudio[serve]'")

from rtaudio.server import CallInfo, CallSetup
from rtaudio.testing.remote import RemoteCaller
from rtaudio.transports.websocket import messages as say
from rtaudio.transports.websocket.client import CallRefused, WebSocketClient
from rtaudio.transports.websocket.frames import AudioFrame, encode_frame
from tests.transports.conftest import Served, run, served, voice


async def settled(what: Served) -> None:
    """Waits until no call runs."""
    await until(lambda: not what.calls.active)


async def until(holds: Callable[[], bool], within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


def test_the_tools_of_a_call_get_the_data_of_its_setup() -> None:
    pytest.importorskip("pydantic", reason="pydantic is not installed: pip install 'rtaudio[tools]'")
    from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS
    from rtaudio.voice import Agent, ToolCall
    from rtaudio.voice.tools import ToolContext, tool

    asked: list[str] = []

    @tool
    async def look(context: ToolContext[str]) -> str:
        """Looks."""
        asked.append(context.data)
        return "It is there."

    def app(call: CallInfo) -> CallSetup:
        llm = FakeLLM([[ToolCall("c1", "look", "{}")], "It is there."])
        return CallSetup(agent=Agent(tools=[look]), stt=FakeSTT(["one"]), llm=llm, tts=FakeTTS(), data="Ann")

    async def main() -> None:
        async with (
            served(app) as there,
            await WebSocketClient.connect(there.url) as client,
            RemoteCaller(client) as caller,
        ):
            caller.speak(voice(1.0))
            await caller.until(lambda it: bool(it.said(say.Heard)))
            assert asked == ["Ann"]

    run(main())


def test_the_agent_greets_and_what_arrives_is_what_it_said() -> None:
    async def main() -> None:
        async with (
            served() as there,
            await WebSocketClient.connect(there.url) as client,
            RemoteCaller(client) as caller,
        ):
            await caller.until(lambda it: bool(it.said(say.Heard)))
            (heard,) = caller.said(say.Heard)
            assert isinstance(heard, say.Heard)
            assert heard.text == "Hello."
            (reply,) = caller.said(say.Reply)  # told when it is about to be spoken, though nobody asked for it
            assert isinstance(reply, say.Reply)
            assert (reply.offset, reply.text) == (0, "Hello.")
            assert caller.messages.index(reply) < caller.messages.index(heard)
            await caller.until(lambda it: it.frames[-1].end and it.player.queued == 0)
            frames = [frame for frame in caller.frames if frame.samples.any()]
            assert frames[0].start
            spoken = np.concatenate([frame.samples for frame in frames])
            _, first, count = there.tts.spoken[0]
            expected = np.rint((np.arange(first + 1, first + count + 1) / 2**22) * 32768).astype(np.int16)
            loud = np.flatnonzero(expected)[0]
            begin = np.flatnonzero(spoken)[0] - loud
            assert np.array_equal(spoken[begin : begin + count][loud:], expected[loud:])
            assert caller.player.received == caller.player.played + caller.player.dropped + caller.player.queued

    run(main())


def test_what_the_caller_says_is_heard_whole_answered_and_interrupts() -> None:
    """The caller's samples reach the recogniser as they were sent; speaking over the answer cuts it."""

    async def main() -> None:
        async with served(greeting=None) as there:
            async with await WebSocketClient.connect(there.url) as client, RemoteCaller(client) as caller:
                caller.speak(voice(1.0))
                await caller.until(lambda it: any(frame.start for frame in it.frames))
                assert there.stt.heard[0].shape[0] >= 16000
                caller.speak(voice(1.5))
                await caller.until(lambda it: bool(it.said(say.Cut)) and bool(it.cleared))
                cut = caller.said(say.Cut)[0]
                assert isinstance(cut, say.Cut)
                assert cut.heard + cut.cut == "Yes, of course, at once."
                player = caller.player
                assert player.received == player.played + player.dropped + player.queued
            await settled(there)
            assert (there.stt.open, there.llm.open, there.tts.open) == (0, 0, 0)
            assert there.calls.figures() == {"active": 0, "served": 1, "refused": 0, "failed": 0}

    run(main())


@pytest.mark.parametrize(
    ("first", "code", "part"),
    [
        ("no JSON", 4000, "not of this protocol"),
        ('{"type": "ping", "id": 1}', 4002, "before “hello”"),
        (encode_frame(AudioFrame(0, np.zeros(1, np.int16))), 4002, "audio before “hello”"),
        ("x" * 21000, 1009, "at most 20480"),
        (
            '{"type": "hello", "versions": [9], "input": {"rates": [16000], "formats": ["pcm16"]}, '
            '"output": {"rates": [24000], "formats": ["pcm16"]}}',
            4001,
            "speaks version 1",
        ),
        (
            '{"type": "hello", "versions": [1], "input": {"rates": [1], "formats": ["pcm16"]}, '
            '"output": {"rates": [24000], "formats": ["pcm16"]}}',
            4003,
            "no rate to send",
        ),
    ],
)
def test_a_call_that_cannot_be_is_closed_with_code_and_reason(first: str | bytes, code: int, part: str) -> None:
    async def main() -> None:
        from aiohttp import ClientSession

        async with served() as there, ClientSession() as http, http.ws_connect(there.url) as ws:
            await (ws.send_str(first) if isinstance(first, str) else ws.send_bytes(first))
            message = await ws.receive(timeout=10)
            assert ws.close_code == code
            assert part in message.extra

    run(main())


@pytest.mark.parametrize(
    ("bad", "part"),
    [
        ('{"type": "played"}', "position"),
        (b"\x01", "header"),
        (encode_frame(AudioFrame(0, np.zeros(1, np.int16))) + b"x", "3 bytes of sound for 1 samples"),
    ],
)
def test_a_malformed_message_ends_the_call_and_says_why(bad: str | bytes, part: str) -> None:
    async def main() -> None:
        async with served() as there, await WebSocketClient.connect(there.url) as client:
            await client.send(bad)
            async for _ in client:
                pass
            assert client.closed_with is not None
            assert client.closed_with[0] == 4000
            assert part in client.closed_with[1]
            await settled(there)

    run(main())


def test_a_full_server_says_so() -> None:
    async def main() -> None:
        async with served(most_calls=1) as there, await WebSocketClient.connect(there.url):
            with pytest.raises(CallRefused, match="all 1 lines are taken") as caught:
                await WebSocketClient.connect(there.url)
            assert caught.value.code == 1013
            assert there.calls.figures()["refused"] == 1

    run(main())


def test_another_site_s_page_may_not_call() -> None:
    async def main() -> None:
        async with served() as there:
            with pytest.raises(CallRefused) as caught:
                await WebSocketClient.connect(there.url, headers={"Origin": "https://elsewhere.example"})
            assert caught.value.code == 403
            own = there.url.replace("ws://", "http://").removesuffix("/ws")
            await (await WebSocketClient.connect(there.url, headers={"Origin": own})).aclose()

    run(main())


def test_an_app_that_fails_is_told_as_such_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    def app(call: CallInfo) -> CallSetup:
        raise LookupError("no agent today")

    async def main() -> None:
        async with served(app) as there:
            with pytest.raises(CallRefused, match="the call failed on the server") as caught:
                await WebSocketClient.connect(there.url)
            assert caught.value.code == 4005
            assert "no agent today" in caplog.text
            assert there.calls.figures()["failed"] == 1

    run(main())


def test_an_app_knows_of_the_call_and_closes_what_it_opened() -> None:
    seen: list[Any] = []

    async def main() -> None:
        from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS
        from rtaudio.voice.agent import Agent

        @asynccontextmanager
        async def app(call: CallInfo) -> Any:
            seen.append((call.client, dict(call.query), call.peer))
            yield CallSetup(agent=Agent(), stt=FakeSTT([]), llm=FakeLLM([""]), tts=FakeTTS())
            seen.append("closed")

        async with served(app) as there:
            client = await WebSocketClient.connect(f"{there.url}?who=anna", client="a test")
            await client.aclose()
            await settled(there)
        assert seen == [("a test", {"who": "anna"}, "127.0.0.1"), "closed"]

    run(main())


def test_a_server_that_stops_says_so() -> None:
    async def main() -> None:
        async with served() as there:
            client = await WebSocketClient.connect(there.url)
            await there.calls.aclose()
            async for _ in client:
                pass
            assert client.closed_with == (1001, "the server stops")
            await client.aclose()

    run(main())


def test_nothing_is_left_of_calls_that_break_off() -> None:
    """Neither a task nor a descriptor, however a client goes."""

    async def main() -> None:
        async with served() as there:
            for round_ in range(6):
                client = await WebSocketClient.connect(there.url)
                raw = client._connection._socket.get_extra_info("socket")  # type: ignore[union-attr]
                if round_ % 2:  # a reset, in the middle of a message
                    sock = socket.socket(fileno=os.dup(raw.fileno()))
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                    sock.send(b"\x82\xfe\x10\x00")
                    sock.close()
                client._connection._socket._conn.close()  # type: ignore[union-attr]
                await client._http.close()
                await settled(there)
                if round_ == 1:
                    before = descriptors()
            assert descriptors() == before
            assert there.calls.figures()["served"] == 6

    run(main())


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_client_that_does_not_read_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 8: what waits for it is bounded."""
    monkeypatch.setattr("rtaudio.transports.websocket.call.SEND_WITHIN_S", 0.5)

    async def main() -> None:
        async with served() as there:
            client = await WebSocketClient.connect(there.url)
            client._connection._socket._conn.protocol.pause_reading()  # type: ignore[union-attr]
            call = next(each for each in there.calls._running.values() if each is not None)
            while there.calls.active:
                if len(call._waiting) < 500:
                    for _ in range(100):
                        call.tell(say.Notice(at_s=0, level="info", text="x" * 5000))
                await asyncio.sleep(0.01)
            await client._http.close()

    run(main())


def test_input_beyond_the_line_s_room_waits_and_none_is_lost() -> None:
    """A client that sends 20 s at once: back-pressure, no drop; media time is what was sent."""

    async def main() -> None:
        async with served(greeting=None) as there, await WebSocketClient.connect(there.url) as client:
            sound = np.concatenate([np.zeros(16000 * 8, np.float32), voice(2.0), np.zeros(16000 * 10, np.float32)])
            sending = asyncio.create_task(client.push(sound))
            async for item in client:
                if isinstance(item, say.User) and item.final:
                    break
            await sending
            call = next(each for each in there.calls._running.values() if each is not None)
            await until(lambda: call.figures()["audio_samples"] == len(sound))
            heard = there.stt.heard[0]
            loud = np.flatnonzero(np.abs(heard) > 0.01)
            spoken = voice(2.0)
            assert np.abs(heard[loud[0] : loud[0] + len(spoken)] - spoken).max() < 1e-4

    run(main())
