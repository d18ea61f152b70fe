"""One owner for a session's tasks: each ends before the owner does, none is forgotten, no failure goes unseen."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any


class Tasks:
    """`on_error` hears of a task that raised (not of a cancelled one)."""

    def __init__(self, on_error: Callable[[BaseException], None]) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._on_error = on_error

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_error(error)

    @staticmethod
    def cancel(task: asyncio.Task[None]) -> None:
        """Soon, and once: a task that has not begun yet would never tidy up, and a second cancellation would break off
        what the first one is tidying up. A task does not cancel itself (an item it posted led here): it looks whether
        it is still wanted."""
        if task is not asyncio.current_task():
            asyncio.get_running_loop().call_soon(_cancel, task)

    async def aclose(self, timeout_s: float) -> list[str]:
        """Cancels all and waits for them; returns the names of those that did not end within `timeout_s`."""
        await asyncio.sleep(0)  # those just made begin
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            _cancel(task)
        if not tasks:
            return []
        _, left = await asyncio.wait(tasks, timeout=timeout_s)
        return sorted(task.get_name() for task in left)


def _cancel(task: asyncio.Task[None] | None) -> None:
    if task is not None and not task.done() and not task.cancelling():
        task.cancel()


class Signal:
    """Wakes all who wait, now and only now. For "something has moved, look again"."""

    def __init__(self) -> None:
        self._waiters: deque[asyncio.Future[None]] = deque()

    def fire(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            raise
