"""Events to whoever looks on: any number of observers, none of whom can hold a session up (law 8)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from rtaudio.voice.events import SessionEvent


class EventStream:
    """An async iterator over a session's events from the moment it was made to SessionClosed, where it ends.

    Bounded: an observer that falls behind by more than `bound` events loses the oldest of them, counted in `dropped`.
    One reader; `aclose()` (or the session's end) takes it off the session.
    """

    def __init__(self, bound: int, leave: Callable[[EventStream], None]) -> None:
        if bound < 1:
            raise ValueError(f"bound = {bound}: must be at least 1")
        self._queue: deque[SessionEvent] = deque(maxlen=bound)
        self._leave = leave
        self._closed = False
        self._waiter: asyncio.Future[None] | None = None
        self._dropped = 0

    @property
    def dropped(self) -> int:
        return self._dropped

    def put(self, event: SessionEvent) -> None:
        if not self._closed:
            self._dropped += len(self._queue) == self._queue.maxlen
            self._queue.append(event)
            self._wake()

    def finish(self) -> None:
        """No more events come; what is queued can still be read."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> SessionEvent:
        while not self._queue:
            if self._closed:
                raise StopAsyncIteration
            if self._waiter is not None:
                raise RuntimeError("two tasks read one stream of events; make one for each with session.events()")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._queue.popleft()

    def take_all(self) -> list[SessionEvent]:
        """What is there now, without waiting."""
        taken = list(self._queue)
        self._queue.clear()
        return taken

    async def aclose(self) -> None:
        self._queue.clear()
        self.finish()
        self._leave(self)


class Observers:
    """All streams of events of one session."""

    def __init__(self) -> None:
        self._streams: list[EventStream] = []

    def open(self, bound: int, finished: bool) -> EventStream:
        stream = EventStream(bound, self._leave)
        if finished:
            stream.finish()
        else:
            self._streams.append(stream)
        return stream

    def _leave(self, stream: EventStream) -> None:
        if stream in self._streams:
            self._streams.remove(stream)

    def put(self, event: SessionEvent) -> None:
        for stream in self._streams:
            stream.put(event)

    def finish(self) -> None:
        for stream in self._streams:
            stream.finish()
        self._streams.clear()
