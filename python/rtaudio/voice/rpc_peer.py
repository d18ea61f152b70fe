"""One end of the calls between an agent and its client: asks the other side, and serves what it asks.

    peer = RpcPeer(channel, methods)
    peer.receive(message)                                          whatever arrives
    await peer.call("pick", {"of": ["a", "b"]}, timeout_s=20)
    peer.close()                                                   the other side is gone

What is under way is decided by the machines in rpc_calls.py; here are tasks, futures and one clock. Nothing waits for a
method that is served: `receive` returns at once.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol, TypeAlias

from rtaudio.voice.rpc import (
    MOST_PAYLOAD,
    Ack,
    Cancel,
    Failure,
    Request,
    Result,
    RpcChannel,
    RpcCode,
    RpcError,
    RpcMessage,
)
from rtaudio.voice.rpc_calls import AT_ONCE, Asked, Over, Served
from rtaudio.voice.tasks import Tasks

CLOSE_TIMEOUT_S: Final = 2.0
Method: TypeAlias = Callable[[Any], Awaitable[Any]]
"""Takes the parameters as JSON values, gives a result that JSON can carry. An RpcError says why it does not; of any
other exception the other side hears only that it failed."""
log = logging.getLogger("rtaudio.rpc")


class Methods(Protocol):
    """By name; a dict of them will do."""

    def get(self, name: str, /) -> Method | None: ...


class RpcPeer:
    """Used by the event loop's thread. `failed` hears of what a method raised, by its name; by default it is logged."""

    def __init__(
        self,
        channel: RpcChannel,
        methods: Methods | Mapping[str, Method] | None = None,
        *,
        at_once: int = AT_ONCE,
        failed: Callable[[str, BaseException], None] | None = None,
    ) -> None:
        self._channel, self._methods = channel, methods if methods is not None else {}
        self._failed = failed if failed is not None else _log_failure
        self._asked, self._served = Asked(at_once), Served(at_once)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._tasks = Tasks(lambda error: self._failed("a call", error))
        self._clock: asyncio.TimerHandle | None = None
        self._gone: str | None = None
        self._unsent = 0

    @property
    def busy(self) -> bool:
        """It serves something, perhaps something that was cancelled and has not stopped."""
        return bool(self._running)

    def figures(self) -> dict[str, int]:
        """late (answers to nothing that was under way), duplicates and refused (of requests), unsent (answers that
        could not be sent)."""
        return {
            "late": self._asked.late,
            "duplicates": self._served.duplicates,
            "refused": self._served.refused,
            "unsent": self._unsent,
        }

    async def call(self, method: str, params: Any = None, *, timeout_s: float = 10.0) -> Any:
        """What the other side's method gives. RpcError: nothing came of it; TypeError or ValueError: what no call can
        have. Cancelled: the other side is told."""
        if self._gone is not None:
            raise RpcError(RpcCode.RECIPIENT_DISCONNECTED, self._gone)
        loop = asyncio.get_running_loop()
        request = self._asked.begin(method, _written(params), timeout_s, loop.time())
        future = self._waiting[request.id] = loop.create_future()
        try:
            self._channel.send(request)
            self._set_clock()
            return await future
        except (ConnectionError, BufferError) as error:
            self._asked.drop(request.id)
            raise RpcError(RpcCode.SEND_FAILED, f"the call of {method} could not be sent: {error}") from None
        finally:
            del self._waiting[request.id]
            if (cancel := self._asked.drop(request.id)) is not None:
                self._send(cancel)
            self._set_clock()

    def receive(self, message: RpcMessage) -> None:
        """Takes what the other side sent. Never waits, never raises."""
        if self._gone is not None:
            return
        match message:
            case Request():
                self._take(message)
            case Cancel(id=id_):
                if self._served.cancel(id_) and (task := self._running.get(id_)) is not None:
                    Tasks.cancel(task)
            case _:
                if (over := self._asked.take(message)) is not None:
                    self._end(over)

    def close(self, why: str = "the client is gone") -> None:
        """The other side is gone: what was asked ends with that, what is served is cancelled. Idempotent."""
        if self._gone is not None:
            return
        self._gone = why
        for over in self._asked.gone(why):
            self._end(over)
        for id_, task in self._running.items():
            self._served.cancel(id_)
            Tasks.cancel(task)
        self._set_clock()

    async def aclose(self) -> None:
        """The same, and waits for what it serves, for 2 s at most."""
        self.close()
        if left := await self._tasks.aclose(CLOSE_TIMEOUT_S):
            log.warning("these methods keep running: %s", ", ".join(left))

    # ---- Asked.

    def _end(self, over: Over) -> None:
        future = self._waiting.get(over.id)
        if future is None or future.done():
            return
        if isinstance(over.outcome, RpcError):
            future.set_exception(over.outcome)
            return
        try:
            future.set_result(json.loads(over.outcome))
        except (ValueError, RecursionError) as error:
            why = f"the answer is no usable JSON: {error}"
            future.set_exception(RpcError(RpcCode.APPLICATION_ERROR, why))

    def _set_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
        if (due_s := self._asked.due_s) is not None:
            self._clock = asyncio.get_running_loop().call_at(due_s, self._look)

    def _look(self) -> None:
        self._clock = None
        for over in self._asked.expire(asyncio.get_running_loop().time()):
            self._send(Cancel(over.id))
            self._end(over)
        self._set_clock()

    # ---- Served.

    def _take(self, request: Request) -> None:
        method = self._methods.get(request.method)
        verdict = self._served.take(request, method is not None)
        if verdict is None:
            return
        self._send(verdict)
        if isinstance(verdict, Ack) and method is not None:
            name = f"client call {request.method}"
            task = self._tasks.start(self._serve(request, method), name)
            if not task.done():
                self._running[request.id] = task

    async def _serve(self, request: Request, method: Method) -> None:
        answer: Result | Failure = Failure(request.id, RpcCode.APPLICATION_ERROR, f"{request.method} was cancelled")
        try:
            answer = await self._answer(request, method)
        finally:
            self._running.pop(request.id, None)
            if self._served.end(request.id):
                self._send(answer)

    async def _answer(self, request: Request, method: Method) -> Result | Failure:
        try:
            params = json.loads(request.params)
        except (ValueError, RecursionError) as error:
            return Failure(request.id, RpcCode.INVALID_PARAMS, f"the parameters are no usable JSON: {error}")
        limit = asyncio.timeout(request.timeout_s)
        try:
            async with limit:
                value = await method(params)
            text = _written(value)
        except RpcError as error:
            return Failure(request.id, error.code, error.text)
        except Exception as error:
            if limit.expired():
                return Failure(request.id, RpcCode.RESPONSE_TIMEOUT, f"{request.method} took too long")
            self._failed(request.method, error)
            return Failure(request.id, RpcCode.APPLICATION_ERROR, f"{request.method} failed")
        if (size := len(text.encode())) > MOST_PAYLOAD:
            why = f"the result of {request.method} has {size} bytes; at most {MOST_PAYLOAD} are carried"
            return Failure(request.id, RpcCode.RESPONSE_PAYLOAD_TOO_LARGE, why)
        return Result(request.id, text)

    def _send(self, message: RpcMessage) -> None:
        """What nobody waits for here: where it cannot be sent, it is counted."""
        if self._gone is not None:
            return
        try:
            self._channel.send(message)
        except (ConnectionError, BufferError):
            self._unsent += 1


def _written(value: Any) -> str:
    """As JSON text. TypeError, ValueError: JSON cannot carry it."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except RecursionError:
        raise ValueError("nested too deeply for JSON") from None
    return text.encode("utf-8", "replace").decode()  # half a character cannot be sent


def _log_failure(method: str, error: BaseException) -> None:
    log.error("%s: %s", method, error, exc_info=error)
