"""Any language model behind an OpenAI-compatible chat endpoint: hosted ones, llama.cpp, vLLM, Ollama, LM Studio.

POST {base_url}/chat/completions with "stream": true; the answer is a stream of server-sent events
(sse.py), each with one chunk of the reply as JSON (openai_chunks.py), the last one "[DONE]".
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn

from rtaudio.providers.openai_chunks import ChunkReader, ReportedError
from rtaudio.providers.openai_messages import messages_of, tools_of
from rtaudio.providers.packages import load, need
from rtaudio.providers.retry import Retry, Transient, retry_after_s
from rtaudio.providers.sse import EventParser, EventTooLong
from rtaudio.providers.waiting import outside_for
from rtaudio.voice.protocols import ProviderError, Token, ToolCall, ToolSpec, Usage
from rtaudio.voice.troubles import tell

if TYPE_CHECKING:
    from rtaudio.voice.chat import ChatContext

# How long an idle connection is kept: longer than callers pause, shorter than most servers keep theirs.
_KEPT_S: Final = 50.0
# How long the end of a body may take to come after the last event of its stream.
_READ_OUT_S: Final = 0.2
# As much of what a server says as goes into an error message.
_QUOTED: Final = 300

_ADVICE: Final[Mapping[int, str]] = {
    401: "check the API key (argument api_key, or the environment variable OPENAI_API_KEY)",
    403: "the API key is known but may not use this model",
    404: "check base_url (it usually ends in /v1) and the model's name",
    429: "too many requests, or the account's quota is used up",
}


class OpenAICompatibleLLM:
    """A chat endpoint as an LLM provider.

    model       as the server calls it
    base_url    up to and without /chat/completions; default: the environment variable OPENAI_BASE_URL, or OpenAI itself
    api_key     default: the environment variable OPENAI_API_KEY; many local servers want none
    parameters  further fields of the request (`{"temperature": 0.5, "max_tokens": 200}`)
    usage       asks the server to count tokens (`stream_options.include_usage`); False for one that refuses the field
    connect_timeout_s, read_timeout_s   to the connection, and between two pieces of the answer, in real time
    retry       when to ask again, where no connection is made or the server is busy (rtaudio.providers.Retry); never
                once it has begun to answer. All of it must fit into the session's `llm_first_timeout_s`. None: never
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        usage: bool = True,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 30.0,
        retry: Retry | None = None,
    ) -> None:
        need("httpx", extra="openai", wanted_by="OpenAICompatibleLLM")
        self.name = f"openai-compatible {model}"
        base_url = base_url or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
        if not base_url.startswith(("http://", "https://")):
            raise ValueError(f"base_url is {base_url!r}; it must begin with http:// or https://")
        self._url = base_url.rstrip("/") + "/chat/completions"
        self._key = api_key if api_key is not None else os.environ.get("OPENAI_API_KEY")
        self._model = model
        self._parameters = {
            **({"stream_options": {"include_usage": True}} if usage else {}),
            **(parameters or {}),
        }
        if not isinstance(retry, Retry | None):
            raise TypeError(f"retry = {retry!r}: a Retry is wanted, as Retry(attempts=3), or None")
        self._timeouts = (connect_timeout_s, read_timeout_s)
        self._retry = retry
        self._http: Any = None

    def stream(self, chat: ChatContext, tools: Sequence[ToolSpec] = ()) -> ChatStream:
        return ChatStream(self, self._request(chat, tools))

    async def warm_up(self) -> None:
        """Opens a connection (DNS, TCP, TLS) and keeps it for the first reply, by asking for the list of models, which
        costs nothing; what the server says to that is of no account, unless it refuses the key. May be called again
        after a long silence. Raises ProviderError."""
        connect_s, read_s = self._timeouts
        with self._troubles():
            async with outside_for(connect_s + read_s):
                client = self._client()
                models = self._url.removesuffix("/chat/completions") + "/models"
                response = await client.get(models, headers=self._headers())
        if response.status_code in (401, 403):
            raise self._error(f"status {response.status_code}: {_ADVICE[response.status_code]}")

    async def aclose(self) -> None:
        client, self._http = self._http, None
        if client is not None:
            await client.aclose()

    def _client(self) -> Any:
        if self._http is None:
            httpx = load("httpx", extra="openai", wanted_by="OpenAICompatibleLLM")
            connect_s, read_s = self._timeouts
            limits = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=_KEPT_S)
            self._http = httpx.AsyncClient(timeout=httpx.Timeout(read_s, connect=connect_s), limits=limits)
        return self._http

    def _request(self, chat: ChatContext, tools: Sequence[ToolSpec]) -> dict[str, Any]:
        request = {**self._parameters, "model": self._model, "messages": messages_of(chat), "stream": True}
        if tools:
            request["tools"] = tools_of(tools)
        return request

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "text/event-stream"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        return headers

    def _error(self, what: str) -> ProviderError:
        return ProviderError("llm", self.name, f"{what} (POST {self._url})")

    @contextlib.contextmanager
    def _troubles(self, *, opening: bool = False) -> Iterator[None]:
        """Says as a ProviderError what went wrong with the server or the line. While a request is `opening`, a
        connection that was not made or broke before any answer is Transient."""
        httpx = load("httpx", extra="openai", wanted_by="OpenAICompatibleLLM")
        connect_s, read_s = self._timeouts
        try:
            yield
        except httpx.ConnectTimeout as cause:
            what = f"no connection within {connect_s} s; is the server up, and base_url right?"
            failed, transient = cause, True
        except httpx.ConnectError as cause:
            what = f"no connection: {cause}; is the server up, and base_url right?"
            failed, transient = cause, True
        except (httpx.TimeoutException, TimeoutError) as cause:
            what = f"nothing came for {read_s} s; the model may be too slow, or set read_timeout_s"
            failed, transient = cause, False
        except httpx.HTTPError as cause:
            what = f"the connection failed: {cause or type(cause).__name__}"
            failed, transient = cause, isinstance(cause, httpx.TransportError)
        except (UnicodeDecodeError, EventTooLong) as cause:
            what = f"the answer is no stream of chat chunks: {cause}"
            failed, transient = cause, False
        else:
            return
        error = self._error(what)
        error.__cause__ = failed
        raise (Transient(error) if transient and opening else error) from failed


class ChatStream:
    """One reply. One task reads it; `aclose` may come from any task. It drops the connection of a reply that is not
    complete, and keeps that of one that is for the next."""

    def __init__(self, llm: OpenAICompatibleLLM, request: dict[str, Any]) -> None:
        self._llm = llm
        self._request = request
        self._response: Any = None
        self._body: AsyncIterator[bytes] | None = None
        self._parser = EventParser()
        self._events: deque[str] = deque()
        self._chunks = ChunkReader()
        self._came: deque[Token | ToolCall | Usage] = deque()
        self._done = False  # nothing more is to be read
        self._reading: asyncio.Task[Token | ToolCall | Usage | None] | None = None
        self._closed = False

    def __aiter__(self) -> AsyncIterator[Token | ToolCall | Usage]:
        return self

    async def __anext__(self) -> Token | ToolCall | Usage:
        if self._closed:
            raise StopAsyncIteration
        self._reading = asyncio.ensure_future(self._next())
        try:
            came = await self._reading
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closed and not (task and task.cancelling()):
                raise StopAsyncIteration from None
            raise
        if came is None:
            raise StopAsyncIteration
        return came

    async def aclose(self) -> None:
        self._closed = True
        if self._reading is not None and not self._reading.done():
            self._reading.cancel()
            await asyncio.wait([self._reading])
        response, self._response = self._response, None
        if response is not None:
            # A connection that is dropped has nothing to report.
            if self._done:
                with contextlib.suppress(Exception):
                    await self._read_out()
            with contextlib.suppress(Exception):
                async with outside_for(1.0):
                    await response.aclose()

    async def _read_out(self) -> None:
        """The reply is complete and so is its body, all but the end: a connection that was read to the end can be used
        for the next reply, any other is closed."""
        assert self._body is not None
        async with outside_for(_READ_OUT_S):
            async for _ in self._body:
                pass

    async def _next(self) -> Token | ToolCall | Usage | None:
        """The next piece of the reply, None at its end. Raises ProviderError."""
        while not self._came and not self._done:
            if self._events:
                self._take(self._events.popleft())
            elif not await self._read():
                if not self._chunks.finished:
                    raise self._llm._error("the answer broke off before its end; the server or the line failed")
                self._done = True
        return self._came.popleft() if self._came else None

    async def _read(self) -> bool:
        """Waits for more of the body; False at its end."""
        if self._body is None:
            self._body = await self._connect()
        _, read_s = self._llm._timeouts
        with self._llm._troubles():
            async with outside_for(read_s):
                block = await anext(self._body, None)
            self._events.extend(self._parser.feed(block or b"", last=block is None))
        return block is not None

    async def _connect(self) -> AsyncIterator[bytes]:
        """The body of an answer that is a stream of events; asks again where that is wished for and worth it."""
        llm = self._llm
        if llm._retry is None:
            try:
                return await self._open()
            except Transient as failed:
                raise failed.error from failed

        def again(error: ProviderError, wait_s: float) -> None:
            tell("llm", llm.name, f"{error.what}; asked again after {wait_s:.1f} s")

        return await llm._retry.run(self._open, again)

    async def _open(self) -> AsyncIterator[bytes]:
        """Sends the request once. Raises Transient for what may be better the next time."""
        llm = self._llm
        connect_s, read_s = llm._timeouts
        with llm._troubles(opening=True):
            async with outside_for(connect_s + read_s):
                client = llm._client()
                request = client.build_request("POST", llm._url, json=self._request, headers=llm._headers())
                self._response = response = await client.send(request, stream=True)
                if response.status_code != 200:
                    await self._refused(response)
                kind = response.headers.get("content-type", "none")
                if not kind.startswith("text/event-stream"):
                    said = _quote(await _head(response))
                    raise llm._error(f"content type {kind}, not a stream of events: {said}; does base_url end in /v1?")
        body: AsyncIterator[bytes] = response.aiter_bytes()
        return body

    async def _refused(self, response: Any) -> NoReturn:
        status = response.status_code
        said, advice = _quote(await _head(response)), _ADVICE.get(status)
        self._response = None
        await response.aclose()
        error = self._llm._error(
            f"status {status} {response.reason_phrase}: {said}" + (f"; {advice}" if advice else "")
        )
        if self._llm._retry is not None and status in self._llm._retry.statuses:
            raise Transient(error, retry_after_s(response.headers.get("retry-after")))
        raise error

    def _take(self, data: str) -> None:
        try:
            self._came.extend(self._chunks.feed(data))
            self._done = data.strip() == "[DONE]"
        except ReportedError as cause:
            raise self._llm._error(f"the server reported an error in its answer: {_quote(str(cause))}") from None
        except ValueError as cause:
            raise self._llm._error(f"a malformed chunk ({cause}): {_quote(data)}") from cause


async def _head(response: Any) -> bytes:
    """The beginning of an answer's body, for an error message."""
    head = b""
    async for block in response.aiter_bytes():
        head += block
        if len(head) > 4 * _QUOTED:
            break
    return head


def _quote(said: bytes | str) -> str:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    text = " ".join(text.split())
    return repr(text if len(text) <= _QUOTED else text[:_QUOTED] + "…") if text else "with no word about why"
