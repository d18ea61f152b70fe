"""What a call needs of a WebSocket, and how aiohttp's gives it: on a server and in a client alike."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, Protocol

from rtaudio.transports.websocket.incoming import short_reason

if TYPE_CHECKING:
    from aiohttp import ClientWebSocketResponse
    from aiohttp.web import WebSocketResponse

CLOSE_WITHIN_S: Final = 2.0
"""How long the other side may take to answer a close before the connection is dropped."""
HEARTBEAT_S: Final = 15.0
"""A peer that does not answer the WebSocket's own pings is gone after twice as long."""
MOST_BYTES: Final = 64 << 10
"""Of one message; what is less is refused by the protocol itself."""
WRITER_BYTES: Final = 4 << 10
"""Beyond so much, a send looks whether the system takes it, and waits if not."""


class Connection(Protocol):
    """One WebSocket, by whatever library. One task receives, one sends."""

    async def receive(self) -> str | bytes | None:
        """The next message; None: the connection is closed or gone."""

    async def send(self, data: str | bytes) -> None:
        """Sends a message; waits where too much waits already. ConnectionError once it is closed or gone."""

    async def close(self, code: int, reason: str) -> None:
        """Closes it, in bounded time; nothing if it is closed already. Must not raise."""

    @property
    def close_code(self) -> int | None:
        """What it was closed with; None: it is open, or was lost."""


class AiohttpConnection:
    """A WebSocket of aiohttp, server or client side."""

    def __init__(self, socket: WebSocketResponse | ClientWebSocketResponse) -> None:
        from aiohttp import WSMsgType

        self._socket = socket
        self._data, self._closing = (WSMsgType.TEXT, WSMsgType.BINARY), WSMsgType.CLOSE
        self._code: int | None = None
        self.reason = ""
        """What the other side closed it with."""

    async def receive(self) -> str | bytes | None:
        message = await self._socket.receive()
        if message.type in self._data:
            data: str | bytes = message.data
            return data
        if message.type == self._closing:
            self._code, self.reason = int(message.data), message.extra or ""
        return None

    async def send(self, data: str | bytes) -> None:
        if self._socket.closed:
            raise ConnectionResetError("the connection is closed")
        if isinstance(data, str):
            await self._socket.send_str(data)
        else:
            await self._socket.send_bytes(data)

    async def close(self, code: int, reason: str) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError, RuntimeError):
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await self._socket.close(code=code, message=short_reason(reason).encode())

    @property
    def close_code(self) -> int | None:
        code = self._code if self._code is not None else self._socket.close_code
        return None if code is None else int(code)
