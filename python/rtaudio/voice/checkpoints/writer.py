"""One write at a time, and the latest wins.

    idle      WRITING when one is put
    WRITING   the next, if one was put meanwhile (what was put between is never written); else idle

A write that fails or takes too long is told, once until one succeeds. Whoever waits for what they have put to be stored
waits no longer than they say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from rtaudio.voice.checkpoints.store import CheckpointStore
from rtaudio.voice.streams import describe
from rtaudio.voice.tasks import Signal, Tasks


class Writer:
    """`told` hears of a failure. Its task is one of `tasks`."""

    def __init__(self, store: CheckpointStore, tasks: Tasks, timeout_s: float, told: Callable[[str], None]) -> None:
        self._store, self._tasks, self._timeout_s, self._told = store, tasks, timeout_s, told
        self._next: bytes | None = None
        self._put = self._stored = self._tried = 0
        self._why = ""
        self._writing = False
        self._moved = Signal()

    @property
    def idle(self) -> bool:
        return not self._writing and self._next is None

    def put(self, data: bytes) -> int:
        """Writes it, or after the one under way. Its number, for `stored`."""
        self._put += 1
        self._next = data
        if not self._writing:
            self._begin()
        return self._put

    async def stored(self, number: int, timeout_s: float) -> str:
        """Waits until that one, or a later one, is stored. "": it is; else why not."""
        try:
            async with asyncio.timeout(timeout_s):
                while self._tried < number:
                    await self._moved.wait()
        except TimeoutError:
            return f"not stored within {timeout_s:g} s"
        return "" if self._stored >= number else self._why

    async def settle(self, timeout_s: float) -> None:
        """Waits until nothing is left to be written, so long at most."""
        await self.stored(self._put, timeout_s)

    def _begin(self) -> None:
        while (data := self._next) is not None:
            self._next, number = None, self._put
            try:
                saving = self._store.save(data)
            except Exception as error:
                self._ended(number, describe(error))
                continue
            if saving is None:
                self._ended(number, "")
                continue
            self._writing = True
            self._tasks.start(self._wait(saving, number), "store a checkpoint")
            return

    async def _wait(self, saving: Awaitable[None], number: int) -> None:
        why = "the session ended"
        try:
            async with asyncio.timeout(self._timeout_s) as limit:
                await saving
            why = ""
        except TimeoutError as error:
            why = f"the store took longer than {self._timeout_s:g} s" if limit.expired() else describe(error)
        except Exception as error:
            why = describe(error)
        finally:
            self._writing = False
            self._ended(number, why)
        self._begin()

    def _ended(self, number: int, why: str) -> None:
        self._tried = number
        if not why:
            self._stored = number
        elif not self._why:
            self._told(why)
        self._why = why
        self._moved.fire()
