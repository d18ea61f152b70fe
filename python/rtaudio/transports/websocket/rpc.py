"""Calls of methods over a WebSocket: the five messages of rtaudio.voice.rpc as control messages, and back.

    peer ──send──► RpcOverWebSocket ──take──► who sends on the socket       receive ──► peer

Without `connect` (the other side has not said that it knows calls) nothing is sent, and what comes is ignored.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from rtaudio.transports.websocket import messages as say
from rtaudio.voice.rpc import Ack, Cancel, Failure, Request, Result, RpcMessage

if TYPE_CHECKING:
    from rtaudio.voice.rpc import RpcChannel
    from rtaudio.voice.rpc_peer import RpcPeer

MOST_WAITING: Final = 256
"""Messages that wait for a socket that takes nothing."""


class RpcOverWebSocket:
    """One side of one connection. `due` is called when there is something to send."""

    def __init__(self, due: Callable[[], None]) -> None:
        self._due = due
        self._waiting: deque[say.Calling] = deque()
        self._peer: RpcPeer | None = None
        self._ignored = 0
        self._closed = False

    def connect(self, connect: Callable[[RpcChannel], RpcPeer]) -> RpcPeer:
        """Once. `connect` is given the channel, and gives who is called by it."""
        self._peer = connect(self)
        return self._peer

    def send(self, message: RpcMessage) -> None:
        """As RpcChannel has it."""
        if self._closed:
            raise ConnectionError("the connection is closed")
        if len(self._waiting) >= MOST_WAITING:
            raise BufferError(f"{MOST_WAITING} messages wait to be sent already")
        self._waiting.append(to_wire(message))
        self._due()

    def take(self) -> list[say.Calling]:
        """What is to be sent now."""
        messages = list(self._waiting)
        self._waiting.clear()
        return messages

    def receive(self, message: say.Calling) -> None:
        """What came."""
        if self._peer is None:
            self._ignored += 1
        else:
            self._peer.receive(from_wire(message))

    def close(self, why: str = "the client is gone") -> None:
        """The connection is over."""
        self._closed = True
        self._waiting.clear()
        if self._peer is not None:
            self._peer.close(why)

    def figures(self) -> dict[str, int]:
        """ignored (messages of a side that had not said that it knows calls); and as RpcPeer.figures."""
        return {"ignored": self._ignored, **(self._peer.figures() if self._peer is not None else {})}


def to_wire(message: RpcMessage) -> say.Calling:
    """As it is sent."""
    match message:
        case Request(id=id_, method=method, params=params, timeout_s=timeout_s):
            timeout_ms = math.ceil(timeout_s * 1000)
            return say.RpcRequest(id=id_, method=method, params=msgspec.Raw(params), timeout_ms=timeout_ms)
        case Ack(id=id_):
            return say.RpcAck(id=id_)
        case Result(id=id_, value=value):
            return say.RpcResult(id=id_, value=msgspec.Raw(value))
        case Failure(id=id_, code=code, text=text):
            return say.RpcFailure(id=id_, code=code, message=text)
        case Cancel(id=id_):
            return say.RpcCancel(id=id_)


def from_wire(message: say.Calling) -> RpcMessage:
    """As it was meant."""
    match message:
        case say.RpcRequest(id=id_, method=method, params=params, timeout_ms=timeout_ms):
            return Request(id_, method, bytes(params).decode("utf-8", "replace"), timeout_ms / 1000)
        case say.RpcAck(id=id_):
            return Ack(id_)
        case say.RpcResult(id=id_, value=value):
            return Result(id_, bytes(value).decode("utf-8", "replace"))
        case say.RpcFailure(id=id_, code=code, message=text):
            return Failure(id_, code, text)
        case say.RpcCancel(id=id_):
            return Cancel(id_)
