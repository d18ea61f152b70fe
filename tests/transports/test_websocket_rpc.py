"""Calls of methods over a real WebSocket, both ways: a tool that the client serves, and what the app exposes to it."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import numpy as np
import pytest

pytest.importorskip("msgspec", reason="msgspec is not installed: pip install 'rtaudio[serve]'")
pytest.importorskip("aiohttp", reason="aiohttp is not installed: pip install 'rtaudio[serve]'")
pytest.importorskip("pydantic", reason="pydantic is not installed: pip install 'rtaudio[tools]'")

from rtaudio.server import CallInfo, CallSetup
from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS
from rtaudio.testing.remote import RemoteCaller
from rtaudio.transports.websocket import messages as say
from rtaudio.transports.websocket.agreement import FORMATS
from rtaudio.transports.websocket.client import WebSocketClient
from rtaudio.transports.websocket.frames import AudioFrame, encode_frame
from rtaudio.voice import Agent, ToolCall
from rtaudio.voice.rpc import RpcCode, RpcError
from rtaudio.voice.tools import ToolContext, client_tool, session_methods
from tests.transports.bad_line import BadLine
from tests.transports.conftest import run, served, voice


@client_tool(timeout_s=20)
async def pick(question: str, choices: list[str], most: int = 1) -> str:
    """Asks the user to pick."""
    raise AssertionError("the body is never run")


ARGUMENTS = json.dumps({"question": "Which?", "choices": ["red", "blué"]})


class House:
    """An app whose agent asks the client to pick once the user has spoken."""

    def __init__(self, methods: Any = ()) -> None:
        self.sessions: list[Any] = []
        self._methods = methods

    def __call__(self, call: CallInfo) -> CallSetup:
        return CallSetup(
            agent=Agent(tools=[pick]),
            stt=FakeSTT(["one"]),
            llm=FakeLLM([[ToolCall("c1", "pick", ARGUMENTS)], "Very well."]),
            tts=FakeTTS(),
            methods=self._methods,
            on_start=self.sessions.append,
        )

    def output(self) -> str:
        (session,) = self.sessions
        return str(next(use.output for message in session.history.messages for use in message.tools))


async def outcome(house: House, methods: Any = None) -> str:
    """What the model is told of the tool, and it answers whatever that is."""
    async with (
        served(house) as there,
        await WebSocketClient.connect(there.url, methods=methods) as client,
        RemoteCaller(client) as caller,
    ):
        caller.speak(voice(1.0))
        await caller.until(lambda it: bool(it.said(say.Heard)))
        return house.output()


def test_a_tool_is_served_by_the_client() -> None:
    asked: list[Any] = []

    async def pick_here(params: Any) -> Any:
        asked.append(params)
        return params["choices"][1]

    assert run(outcome(House(), {"pick": pick_here})) == "blué"
    assert asked == [{"question": "Which?", "choices": ["red", "blué"], "most": 1}]


def test_a_client_of_before_gets_no_requests_and_the_tool_fails_at_once() -> None:
    """One that does not say that it knows calls: all else is as it was."""
    house = House()

    async def main() -> None:
        from aiohttp import ClientSession, WSMsgType

        able = {"formats": list(FORMATS)}
        hello = {
            "type": "hello",
            "versions": [1],
            "input": able | {"rates": [16000]},
            "output": able | {"rates": [24000]},
        }
        async with served(house) as there, ClientSession() as http, http.ws_connect(there.url) as socket:
            await socket.send_str(json.dumps(hello))
            welcome = json.loads((await socket.receive()).data)
            assert welcome["type"] == "welcome"
            assert welcome["features"] == []
            samples = np.concatenate([voice(1.0), np.zeros(16000, np.float32)])
            pcm = (samples * 32767).astype(np.int16)
            types: set[str] = set()

            async def speak() -> None:
                for at in range(0, len(pcm), 320):
                    await socket.send_bytes(encode_frame(AudioFrame(at, pcm[at : at + 320])))
                    await asyncio.sleep(0.02)

            async with asyncio.TaskGroup() as group, asyncio.timeout(20):
                group.create_task(speak())
                while "reply" not in types:
                    message = await socket.receive()
                    if message.type == WSMsgType.TEXT:
                        types.add(json.loads(message.data)["type"])
            assert not any(each.startswith("rpc") for each in types)
            assert house.output() == "The user has no app connected that could do this."
            await socket.send_str('{"type":"rpc_request","id":1,"method":"say","timeout_ms":1000}')  # it may not
            await socket.send_str('{"type":"ping","id":5}')
            answer = ""
            while answer not in ("pong", "rpc_error"):
                message = await socket.receive()
                if message.type == WSMsgType.TEXT:
                    answer = json.loads(message.data)["type"]
            assert answer == "pong"

    run(main())


def test_the_client_calls_what_the_app_exposes_and_nothing_else() -> None:
    async def add(context: ToolContext[Any], a: int, b: int = 1) -> dict[str, int]:
        return {"sum": a + b}

    def blocks(seconds: float) -> str:
        time.sleep(seconds)  # in a thread of its own: the loop goes on
        return "slept"

    async def main() -> None:
        methods = [add, blocks, *session_methods("say", "history")]
        async with (
            served(house := House(methods)) as there,
            await WebSocketClient.connect(there.url) as client,
            RemoteCaller(client) as caller,
        ):
            assert await client.call("add", {"a": 3}) == {"sum": 4}
            sleeping = asyncio.create_task(client.call("blocks", {"seconds": 0.5}))
            await asyncio.sleep(0)
            assert await client.call("add", {"a": 3, "b": 5}, timeout_s=0.4) == {"sum": 8}  # while the other blocks
            assert await sleeping == "slept"
            for method, params, code in (
                ("add", {"a": "many"}, RpcCode.INVALID_PARAMS),
                ("add", {}, RpcCode.INVALID_PARAMS),
                ("add", [1], RpcCode.INVALID_PARAMS),
                ("interrupt", None, RpcCode.UNSUPPORTED_METHOD),  # the app did not offer it
                ("say", {"text": "..."}, RpcCode.APPLICATION_ERROR),
            ):
                with pytest.raises(RpcError) as caught:
                    await client.call(method, params)
                assert caught.value.code == code, (method, params)
            assert await client.call("say", {"text": "As you wish."}) is None
            await caller.until(lambda it: bool(it.said(say.Heard)))
            assert await client.call("history") == [{"role": "assistant", "text": "As you wish."}]
            assert house.sessions

    run(main())


def test_a_client_that_hangs_up_ends_what_was_asked_of_it() -> None:
    """Both ways; nothing is left on either side (`run` looks)."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def never(params: Any) -> Any:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def forever() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        async with served(house := House([forever])) as there:
            async with (
                await WebSocketClient.connect(there.url, methods={"never": never}) as client,
                RemoteCaller(client) as caller,
            ):
                await caller.until(lambda it: bool(house.sessions))
                from_server = asyncio.create_task(house.sessions[0].call_client("never"))
                from_client = asyncio.create_task(client.call("forever"))
                await begun.wait()
            assert ended.is_set()
            for asked in (from_server, from_client):
                with pytest.raises(RpcError) as caught:
                    await asked
                assert caught.value.code == RpcCode.RECIPIENT_DISCONNECTED
            with pytest.raises(RpcError):
                await house.sessions[0].call_client("never")
            async with asyncio.timeout(10):
                while there.calls.active:  # noqa: ASYNC110 - what is waited for has no event
                    await asyncio.sleep(0.01)

    run(main())


def test_who_stops_waiting_stops_the_other_side() -> None:
    stopped: list[str] = []

    async def slow(params: Any) -> Any:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            stopped.append(str(params))
            raise

    async def main() -> None:
        async with (
            served(house := House()) as there,
            await WebSocketClient.connect(there.url, methods={"slow": slow}) as client,
            RemoteCaller(client) as caller,
        ):
            await caller.until(lambda it: bool(house.sessions))
            (session,) = house.sessions
            with pytest.raises(RpcError) as caught:
                await session.call_client("slow", "timed", timeout_s=0.3)
            assert caught.value.code == RpcCode.RESPONSE_TIMEOUT
            asked = asyncio.create_task(session.call_client("slow", "dropped"))
            await asyncio.sleep(0.2)
            asked.cancel()
            await caller.until(lambda it: stopped == ["timed", "dropped"])

    run(main())


def test_a_line_that_stands_still_delays_an_answer_and_loses_none() -> None:
    """Ten calls each way through a line that is up to 1.2 s late: each is answered once, with its own answer."""

    async def double(params: Any) -> Any:
        return params * 2

    async def triple(number: int) -> int:
        return number * 3

    async def main() -> None:
        async with (
            served(house := House([triple])) as there,
            BadLine(there.port) as line,
            await WebSocketClient.connect(f"ws://127.0.0.1:{line.port}/ws", methods={"double": double}) as client,
            RemoteCaller(client) as caller,
        ):
            await caller.until(lambda it: bool(house.sessions))
            line.follow(lambda passed: 1.2 if 0.1 < passed < 0.6 else 0.02)
            await asyncio.sleep(0.15)
            began_s, asked = time.monotonic(), []
            for number in range(10):
                asked.append(house.sessions[0].call_client("double", number))
                asked.append(client.call("triple", {"number": number}))
            got = await asyncio.gather(*asked)
            assert time.monotonic() - began_s > 1.0, "the line did not stand still"
            assert got == [value for number in range(10) for value in (number * 2, number * 3)]

    run(main())


def test_a_line_that_breaks_ends_a_tool_of_the_client() -> None:
    """Law 10's sister: a call that cannot be answered any more does not wait for its time limit."""

    async def never(params: Any) -> Any:
        await asyncio.Event().wait()

    async def main() -> None:
        async with served(house := House()) as there, BadLine(there.port) as line:
            client = await WebSocketClient.connect(f"ws://127.0.0.1:{line.port}/ws", methods={"never": never})
            async with client, RemoteCaller(client) as caller:
                await caller.until(lambda it: bool(house.sessions))
                asked = asyncio.create_task(house.sessions[0].call_client("never", timeout_s=60))
                await asyncio.sleep(0.2)
                line.reset()
                with pytest.raises(RpcError) as caught:
                    async with asyncio.timeout(10):
                        await asked
                assert caught.value.code == RpcCode.RECIPIENT_DISCONNECTED

    run(main())
