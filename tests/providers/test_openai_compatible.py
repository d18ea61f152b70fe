"""OpenAICompatibleLLM against a server on loopback that speaks the protocol, well or badly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from rtaudio.cli.screen import plain_news
from rtaudio.providers import OpenAICompatibleLLM
from rtaudio.testing import FakeSTT, FakeTTS, SimulatedCaller, Simulation, speech, virtual_time
from rtaudio.voice import Agent, ProviderFailed
from rtaudio.voice.chat import ChatContext, ChatMessage, ToolUse
from rtaudio.voice.protocols import LLM, ProviderError, Token, ToolCall, ToolSpec, Usage

pytest.importorskip("httpx", reason="httpx is not installed: pip install 'rtaudio[openai]'")

CHAT = ChatContext(
    "Be brief.",
    [
        ChatMessage("user", "Hello?"),
        ChatMessage("assistant", "", interrupted=True, unheard="Nobody heard this."),
        ChatMessage("user", "When do you open?"),
    ],
)
Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@dataclass
class Seen:
    """What the server got, and how many connections it still holds."""

    line: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    base_url: str = ""
    dropped: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def server(answer: Behaviour) -> AsyncIterator[Seen]:
    seen = Seen()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            if head[0].startswith("GET /v1/models "):  # a warm-up
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            seen.line = head[0]
            seen.headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head[1:] if line)}
            seen.body = json.loads(await reader.readexactly(int(seen.headers["content-length"])))
            await answer(reader, writer)
        except ConnectionError:
            pass
        finally:
            seen.dropped.set()
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    seen.base_url = f"http://127.0.0.1:{port}/v1/"
    try:
        yield seen
    finally:
        listening.close()
        await listening.wait_closed()


def chunk(text: str | None = None, **more: Any) -> str:
    delta = {} if text is None else {"content": text}
    return "data: " + json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": None, **more}]}) + "\n\n"


def stream_of(*blocks: str | bytes, status: str = "200 OK", kind: str = "text/event-stream") -> Behaviour:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n".encode())
        for block in blocks:
            writer.write(block if isinstance(block, bytes) else block.encode())
            await writer.drain()
            await asyncio.sleep(0.001)

    return answer


async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def ask(answer: Behaviour, **arguments: Any) -> tuple[list[str], Seen]:
    async with server(answer) as seen:
        llm = OpenAICompatibleLLM("small-model", base_url=seen.base_url, **arguments)
        try:
            return [token.text async for token in llm.stream(CHAT) if isinstance(token, Token)], seen
        finally:
            await llm.aclose()


def test_a_reply_streams_token_by_token() -> None:
    whole = 'data: {"choices": [{"delta": {"role": "assistant", "content": ""}}]}\n\n'
    answer = stream_of(
        whole, chunk("From "), ": ping\n\n", chunk("nine"), chunk(finish_reason="stop"), "data: [DONE]\n\n"
    )
    tokens, seen = asyncio.run(ask(answer))
    assert tokens == ["From ", "nine"]
    assert seen.line == "POST /v1/chat/completions HTTP/1.1"


def test_chunks_cut_anywhere_are_put_together() -> None:
    body = (chunk("Grüß ") + chunk("dich\u2028!") + "data: [DONE]\n\n").replace("\\u", "\\u").encode()
    tokens, _ = asyncio.run(ask(stream_of(*(body[k : k + 7] for k in range(0, len(body), 7)))))
    assert "".join(tokens) == "Grüß dich\u2028!"


def test_the_request_holds_what_was_heard_and_the_parameters() -> None:
    """Law 9: an answer nobody heard is not in the history the model sees."""
    done = stream_of("data: [DONE]\n\n")
    _, seen = asyncio.run(ask(done, api_key="secret", parameters={"temperature": 0.5, "stream": False}))
    assert seen.body == {
        "model": "small-model",
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello?"},
            {"role": "user", "content": "When do you open?"},
        ],
    }
    assert seen.headers["authorization"] == "Bearer secret"
    assert seen.headers["accept"] == "text/event-stream"


def test_the_key_comes_from_the_environment_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    done = stream_of("data: [DONE]\n\n")
    _, seen = asyncio.run(ask(done))
    assert "authorization" not in seen.headers
    monkeypatch.setenv("OPENAI_API_KEY", "from the environment")
    _, seen = asyncio.run(ask(done))
    assert seen.headers["authorization"] == "Bearer from the environment"
    _, seen = asyncio.run(ask(done, api_key=""))
    assert "authorization" not in seen.headers


def test_an_end_without_done_is_one_if_the_model_said_it_finished() -> None:
    tokens, _ = asyncio.run(ask(stream_of(chunk("Yes."), chunk(finish_reason="stop"))))
    assert tokens == ["Yes."]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            stream_of('{"error": {"message": "bad key"}}', status="401 Unauthorized"),
            r"401 Unauthorized: .*bad key.*OPENAI",
        ),
        (stream_of("no such page", status="404 Not Found"), r"404 Not Found: 'no such page'; check base_url"),
        (stream_of(status="500 Internal Server Error"), r"500 .*with no word about why"),
        (stream_of("<html>hello", kind="text/html"), r"content type text/html, not a stream of events: '<html>hello'"),
        (stream_of(chunk("Yes, bu")), r"broke off before its end"),
        (stream_of("data: {not json}\n\n"), r"a malformed chunk .*\{not json\}"),
        (stream_of('data: {"choices": [{"delta": {"content": 7}}]}\n\n'), r"a malformed chunk .*int"),
        (stream_of('data: ["a list"]\n\n'), r"a malformed chunk"),
        (stream_of('data: {"error": {"message": "overloaded"}}\n\n'), r"reported an error in its answer: .*overloaded"),
        (stream_of(b"data: \xff\xfe\n\n"), r"no stream of chat chunks"),
        (stream_of(chunk(delta={"tool_calls": [{"index": 0, "id": "c"}]}), "data: [DONE]\n\n"), r"call without a name"),
        (stream_of(chunk(delta={"tool_calls": [{"function": {"name": 7}}]})), r"the name of a tool call is int"),
        (stream_of(chunk(delta={"tool_calls": ["x"]})), r"a malformed chunk"),
    ],
)
def test_what_goes_wrong_says_what_where_and_what_to_do(answer: Behaviour, message: str) -> None:
    """Law 11."""
    with pytest.raises(ProviderError, match=rf"llm openai-compatible small-model: .*{message}.*") as raised:
        asyncio.run(ask(answer))
    assert "/v1/chat/completions" in str(raised.value)


def test_a_server_that_is_not_there() -> None:
    async def run() -> None:
        async with server(never) as seen:
            base_url = seen.base_url
        async for _ in OpenAICompatibleLLM("m", base_url=base_url).stream(CHAT):
            pass

    with pytest.raises(ProviderError, match=r"no connection: .*is the server up"):
        asyncio.run(run())


def test_a_failure_that_a_session_tells_names_the_model_once() -> None:
    async def main() -> ProviderFailed:
        async with server(never) as seen:
            base_url = seen.base_url
        caller = SimulatedCaller()
        caller.say(speech(1.0), at_s=0.3)
        llm = OpenAICompatibleLLM("small-model", base_url=base_url)
        call = Simulation(Agent(), stt=FakeSTT(["hello"]), llm=llm, tts=FakeTTS(), caller=caller)
        async with call:
            await call.finish()
        assert call.told(ProviderFailed)[0].what.startswith("warm-up: no connection")
        return call.told(ProviderFailed)[1]

    kind, words = plain_news(virtual_time.run(main())) or ("", "")
    assert kind == "problem"
    assert words.startswith("llm openai-compatible small-model: no connection")
    assert words.count("small-model") == 1


def test_a_server_that_never_answers_is_given_up_in_real_time_even_on_a_virtual_clock() -> None:
    """A slow network must not look like a leap in virtual time, nor hang it."""

    async def run() -> float:
        began = asyncio.get_running_loop().time()
        with pytest.raises(ProviderError, match=r"nothing came for 0\.05 s"):
            await ask(never, read_timeout_s=0.05, connect_timeout_s=0.2)
        return asyncio.get_running_loop().time() - began

    assert virtual_time.run(run()) < 0.01
    assert asyncio.run(run()) >= 0.05


def test_closing_drops_the_connection_of_a_reply_that_is_being_read() -> None:
    async def run() -> None:
        async def begins(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await stream_of(chunk("One "))(reader, writer)
            await reader.read()

        async with server(begins) as seen:
            llm: LLM = OpenAICompatibleLLM("m", base_url=seen.base_url)
            await llm.warm_up()
            stream = llm.stream(CHAT)
            tokens: list[str] = []
            first = asyncio.Event()

            async def read() -> None:
                async for token in stream:
                    assert isinstance(token, Token)
                    tokens.append(token.text)
                    first.set()

            reading = asyncio.create_task(read())
            await asyncio.wait_for(first.wait(), 5)
            await stream.aclose()
            await reading
            await asyncio.wait_for(seen.dropped.wait(), 5)
            await stream.aclose()
            await llm.aclose()
            assert tokens == ["One "]

    asyncio.run(run())


def test_a_task_that_reads_can_be_cancelled() -> None:
    async def run() -> None:
        async with server(never) as seen:
            llm = OpenAICompatibleLLM("m", base_url=seen.base_url)
            stream = llm.stream(CHAT)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(stream), 0.05)
            await stream.aclose()
            await llm.aclose()
            await asyncio.wait_for(seen.dropped.wait(), 5)

    asyncio.run(run())


def test_an_address_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="must begin with http"):
        OpenAICompatibleLLM("m", base_url="localhost:8080")


# ---- Tools.


SUM = ToolSpec("add", "Adds.", {"type": "object", "properties": {}, "additionalProperties": False}, strict=True)
RAW = ToolSpec("raw", "Anything.", {"type": "object"})


def calls(*fragments: dict[str, Any], finish: str | None = None) -> str:
    return chunk(delta={"tool_calls": list(fragments)}, finish_reason=finish)


def part(index: int | None, arguments: str | dict[str, Any], call_id: str = "", name: str = "") -> dict[str, Any]:
    function = {"arguments": arguments, **({"name": name} if name else {})}
    numbered = {} if index is None else {"index": index}
    return {**numbered, **({"id": call_id, "type": "function"} if call_id else {}), "function": function}


async def ask_for_all(answer: Behaviour, chat: ChatContext = CHAT) -> tuple[list[Token | ToolCall | Usage], Seen]:
    async with server(answer) as seen:
        llm = OpenAICompatibleLLM("small-model", base_url=seen.base_url)
        try:
            return [piece async for piece in llm.stream(chat, [SUM, RAW])], seen
        finally:
            await llm.aclose()


def test_tools_are_told_and_their_use_stays_paired_in_the_request() -> None:
    uses = (ToolUse("c1", "add", '{"a": 1}', "2"), ToolUse("c2", "raw", "{}", "no", failed=True))
    chat = ChatContext("", [ChatMessage("user", "Add."), ChatMessage("assistant", "", tools=uses)])
    _, seen = asyncio.run(ask_for_all(stream_of("data: [DONE]\n\n"), chat))
    assert [tool["function"]["name"] for tool in seen.body["tools"]] == ["add", "raw"]
    assert [tool["function"].get("strict") for tool in seen.body["tools"]] == [True, None]
    assert seen.body["messages"] == [
        {"role": "user", "content": "Add."},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}},
                {"id": "c2", "type": "function", "function": {"name": "raw", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "2"},
        {"role": "tool", "tool_call_id": "c2", "content": "no"},
    ]


@pytest.mark.parametrize(
    "blocks",
    [
        (  # as OpenAI sends them
            calls(part(0, "", "c1", "add")),
            calls(part(0, '{"a":')),
            calls(part(0, " 1}")),
            calls(part(1, "", "c2", "raw")),
            calls(part(1, "{}")),
            chunk(finish_reason="tool_calls"),
        ),
        (calls(part(0, '{"a": 1}', "c1", "add"), part(1, "{}", "c2", "raw"), finish="tool_calls"),),  # whole
        (calls(part(0, '{"a": 1}', "c1", "add")), calls(part(0, "{}", "c2", "raw"))),  # every index 0
        (calls(part(None, {"a": 1}, "c1", "add")), calls(part(None, {}, "c2", "raw"))),  # none, and no text
        (  # in turns
            calls(part(0, '{"a"', "c1", "add"), part(1, "{", "c2", "raw")),
            calls(part(1, "}"), part(0, ": 1}")),
        ),
    ],
)
def test_tool_calls_come_whole_and_in_order_however_they_are_sent(blocks: tuple[str, ...]) -> None:
    pieces, _ = asyncio.run(ask_for_all(stream_of(chunk("Wait. "), *blocks, "data: [DONE]\n\n")))
    assert pieces == [Token("Wait. "), ToolCall("c1", "add", '{"a": 1}'), ToolCall("c2", "raw", "{}")]


def test_what_a_reply_has_used_is_given_where_the_server_says_so() -> None:
    used = {"prompt_tokens": 31, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 16}}
    last = "data: " + json.dumps({"choices": [], "usage": used}) + "\n\n"
    blocks = (chunk("Yes."), chunk(finish_reason="stop"), last, "data: [DONE]\n\n")
    pieces, _ = asyncio.run(ask_for_all(stream_of(*blocks)))
    assert pieces == [Token("Yes."), Usage(31, 7, 16)]


@pytest.mark.parametrize("used", [None, {}, [], "many", {"prompt_tokens": "x", "prompt_tokens_details": 3}])
def test_counts_that_are_none_spoil_no_reply(used: object) -> None:
    """Law 11."""
    last = "data: " + json.dumps({"choices": [], "usage": used}) + "\n\n"
    pieces, _ = asyncio.run(ask_for_all(stream_of(chunk("Yes."), last, "data: [DONE]\n\n")))
    assert pieces == [Token("Yes."), *([Usage()] if isinstance(used, dict) else [])]


def test_a_server_that_refuses_to_count_is_not_asked_to() -> None:
    _, seen = asyncio.run(ask(stream_of("data: [DONE]\n\n"), usage=False))
    assert "stream_options" not in seen.body


def test_a_reply_that_breaks_off_within_a_call_calls_nothing() -> None:
    with pytest.raises(ProviderError, match="broke off before its end"):
        asyncio.run(ask_for_all(stream_of(calls(part(0, '{"a": 1}', "c1", "add")))))


def test_a_reply_is_over_with_its_last_event_though_the_connection_stays() -> None:
    async def stays(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stream_of(calls(part(0, "{}", "c1", "raw")), "data: [DONE]\n\n")(reader, writer)
        await reader.read()

    pieces, _ = asyncio.run(asyncio.wait_for(ask_for_all(stays), 5))
    assert pieces == [ToolCall("c1", "raw", "{}")]


@pytest.mark.parametrize(
    "blocks",
    [
        [calls(*(part(k, "", f"c{k}", "raw") for k in range(65)))],
        [calls(part(0, "x" * 200_000, "c", "raw")), calls(part(0, "x" * 100_000))],
    ],
)
def test_tool_calls_are_bounded(blocks: list[str]) -> None:
    """Law 8."""
    with pytest.raises(ProviderError, match="more than"):
        asyncio.run(ask_for_all(stream_of(*blocks, "data: [DONE]\n\n")))
