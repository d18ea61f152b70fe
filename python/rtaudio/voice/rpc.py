"""Calls between an agent and its client (a page, an app), by whatever transport: what is sent, and what can go wrong.

    caller                                   callee                    either side is caller and callee, by its own ids
      │ ── Request id, method, params ───────► │
      │ ◄── Ack id ─────────────────────────── │   at once: it is there and knows the method
      │ ◄── Result id, value ───────────────── │   or Failure id, code, text
      │ ── Cancel id ────────────────────────► │   nobody waits any more; it is not answered

A transport carries these five, in any order, and tells when the other side is gone (rpc_peer.RpcPeer). Parameters and
results are JSON text. Codes and sizes are those of LiveKit's RPC where it has them, so that a method can be served over
both.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Protocol, TypeAlias

MOST_PAYLOAD: Final = 15 << 10
"""Bytes (UTF-8) of the JSON text of parameters, and of a result."""
MOST_METHOD_CHARS: Final = 64
MOST_TEXT_CHARS: Final = 1000
"""Of a failure."""
MOST_TIMEOUT_S: Final = 600.0


class RpcCode(IntEnum):
    """What went wrong. 1400–1599 as LiveKit has them; those from 1600 on are ours. An application's own: any other."""

    UNSUPPORTED_METHOD = 1400
    RECIPIENT_NOT_FOUND = 1401
    REQUEST_PAYLOAD_TOO_LARGE = 1402
    APPLICATION_ERROR = 1500
    CONNECTION_TIMEOUT = 1501
    """No Ack came."""
    RESPONSE_TIMEOUT = 1502
    RECIPIENT_DISCONNECTED = 1503
    RESPONSE_PAYLOAD_TOO_LARGE = 1504
    SEND_FAILED = 1505
    TOO_MANY_CALLS = 1600
    INVALID_PARAMS = 1601


class RpcError(Exception):
    """A call that came to nothing. `code`: an RpcCode, or the application's own; `text`: why, in words. A method that
    is served raises it to refuse. Raises ValueError for a code beyond 32 bits."""

    def __init__(self, code: int, text: str) -> None:
        if not -(1 << 31) <= code < 1 << 31:
            raise ValueError(f"code = {code}: it must have 32 bits at most")
        text = text[:MOST_TEXT_CHARS].encode("utf-8", "replace").decode()  # half a character cannot be sent
        super().__init__(f"{text} ({int(code)})")
        self.code, self.text = int(code), text


@dataclass(frozen=True, slots=True)
class Request:
    """Calls `method`; who asks waits `timeout_s` for the answer."""

    id: int
    method: str
    params: str
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Ack:
    """The request came, the method is known."""

    id: int


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it."""

    id: int
    value: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why nothing came of it."""

    id: int
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Who asked does not wait any more."""

    id: int


Answer: TypeAlias = Ack | Result | Failure
RpcMessage: TypeAlias = Request | Ack | Result | Failure | Cancel


class RpcChannel(Protocol):
    """What a transport gives: a way to the other side. Event loop's thread."""

    def send(self, message: RpcMessage) -> None:
        """Queues it; never waits. ConnectionError: the other side is gone; BufferError: it takes nothing, and too much
        waits already."""
