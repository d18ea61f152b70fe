"""A line on loopback, between a client and a server, that does what real ones did: delays, stalls, floods, breaks.

    async with BadLine(port) as line:                 connect to line.port
        line.follow(delays_of(trace, from_s=15.0))    from now on each byte is late as the trace's packets were
        line.throttle(50_000)                         bytes a second, each way
        line.reset()                                  the connection breaks

TCP loses nothing and changes no order: so nothing overtakes, and what is late makes what follows late.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable
from types import TracebackType

import numpy as np

from rtaudio.bench.traces import Trace

Delays = Callable[[float], float]
"""Seconds that what is sent at a time takes longer; the time counts from `follow`."""


def delays_of(trace: Trace, from_s: float = 0.0) -> Delays:
    """The trace's delays from `from_s` on, then its end's."""
    at, late = trace.media_ms() / 1000, trace.relative_ms() / 1000
    order = np.argsort(at, kind="stable")
    at, late = at[order], late[order]

    def delay(passed: float) -> float:
        return float(late[min(int(np.searchsorted(at, passed + from_s)), len(late) - 1)])

    return delay


class _Way:
    """One direction of one connection."""

    def __init__(self, line: BadLine, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._line, self._reader, self._writer = line, reader, writer
        self._queue: deque[tuple[float, bytes]] = deque()
        self._news = asyncio.Event()
        self._due = 0.0

    async def take(self) -> None:
        loop = asyncio.get_running_loop()
        while data := await self._reader.read(4096):
            now = loop.time()
            self._due = max(self._due, now + self._line.delay_s(now))
            self._queue.append((self._due, data))
            self._news.set()
        self._queue.append((self._due, b""))
        self._news.set()

    async def give(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while not self._queue:
                self._news.clear()
                await self._news.wait()
            due, data = self._queue.popleft()
            await asyncio.sleep(max(due - loop.time(), 0))
            if not data:
                self._writer.close()
                return
            self._writer.write(data)
            self._line.carried += len(data)
            await self._writer.drain()
            if self._line.bytes_per_s:
                await asyncio.sleep(len(data) / self._line.bytes_per_s)


class BadLine:
    """Takes any number of connections to `port`; all are as bad."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.port = 0
        self.carried = 0
        self.bytes_per_s = 0.0
        self._delays: tuple[float, Delays] | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def follow(self, delays: Delays | None) -> None:
        """From now on as late as that; None: not at all."""
        self._delays = None if delays is None else (asyncio.get_running_loop().time(), delays)

    def throttle(self, bytes_per_s: float) -> None:
        """0: not."""
        self.bytes_per_s = bytes_per_s

    def reset(self) -> None:
        """Breaks every connection, both ways, without a goodbye."""
        for writer in self._writers:
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            writer.transport.abort()

    def delay_s(self, now: float) -> float:
        if self._delays is None:
            return 0.0
        since, delays = self._delays
        return delays(now - since)

    async def __aenter__(self) -> BadLine:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers += [writer, back]
        for way in (_Way(self, reader, back), _Way(self, there, writer)):
            for work in (way.take(), way.give()):
                task = asyncio.create_task(_quietly(work))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)


async def _quietly(work: object) -> None:
    with contextlib.suppress(OSError):
        await work  # type: ignore[misc]
