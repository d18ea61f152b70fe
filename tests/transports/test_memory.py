"""The memory of a served call's port goes with the call, however it ends, and does not wait for garbage collection."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="msgspec is not installed: pip install 'rtaudio[serve]'")
pytest.importorskip("aiohttp", reason="aiohttp is not installed: pip install 'rtaudio[serve]'")
pytest.importorskip("pydantic", reason="pydantic is not installed: pip install 'rtaudio[tools]'")

from rtaudio.server import CallInfo, CallSetup
from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS
from rtaudio.testing.remote import RemoteCaller
from rtaudio.transports.websocket import messages as say
from rtaudio.transports.websocket.client import WebSocketClient
from rtaudio.voice import Agent, ToolCall
from rtaudio.voice.tools import client_tool, session_methods
from tests.transports.bad_line import BadLine
from tests.transports.conftest import run, served, voice


@pytest.fixture
def no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@client_tool
def look() -> str:
    """Looks."""
    raise NotImplementedError


async def looks(params: Any) -> str:
    return "There it is."


@pytest.mark.parametrize("end", ["line breaks", "server stops", "in the middle of a reply"])
@pytest.mark.usefixtures("no_collection")
def test_a_port_goes_with_its_call(end: str) -> None:
    sessions: list[Any] = []  # kept on purpose: who keeps a session keeps no port
    ports: list[weakref.ref[Any]] = []

    def started(session: Any) -> None:
        sessions.append(session)
        ports.append(weakref.ref(session._port))

    def app(call: CallInfo) -> CallSetup:
        return CallSetup(
            agent=Agent(tools=[look], greeting="Hello." if end == "server stops" else None),
            stt=FakeSTT(["one"]),
            llm=FakeLLM([[ToolCall("c1", "look", "{}")], "There it is, in the second room on the left."]),
            tts=FakeTTS(words=True),
            methods=session_methods("history"),
            on_start=started,
        )

    async def main() -> None:
        async with served(app) as there, BadLine(there.port) as line:
            url = f"ws://127.0.0.1:{line.port}/ws"
            client = await WebSocketClient.connect(url, methods={"look": looks})
            async with client, RemoteCaller(client) as caller:
                if end != "server stops":
                    caller.speak(voice(1.0))
                wanted = say.Progress if end == "in the middle of a reply" else say.Heard
                await caller.until(lambda it: bool(it.said(wanted)))
                assert ports[0]() is not None
                if end == "line breaks":
                    line.reset()
                if end == "server stops":
                    await there.calls.aclose()
            async with asyncio.timeout(10):
                while there.calls.active:  # noqa: ASYNC110 - what is waited for has no event
                    await asyncio.sleep(0.01)
            for _ in range(300):  # the turn model may be at work on what it heard
                if ports[0]() is None:
                    break
                await asyncio.sleep(0.01)
            assert ports[0]() is None, "the port lives on: something of the call holds it"
            assert sessions[0].closed
            assert sessions[0].history.messages

    run(main())
