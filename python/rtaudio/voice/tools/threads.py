"""Blocking functions, each in a thread of its own: the event loop never waits for one, and none takes another's place.

A thread cannot be stopped. One that is not wanted any more goes on until its function returns; the machine keeps its
place taken until then, so that what hangs cannot pile up. Threads are daemons: a function that never returns does not
keep the program from ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable

from rtaudio.voice.clock import outside
from rtaudio.voice.tools.running import BROKEN, Outcome


class Threads:
    """Of one runner. `left` names those whose functions have not returned."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[Outcome], str] = {}

    @property
    def left(self) -> list[str]:
        return sorted(self._waiting.values())

    async def run(self, work: Callable[[], Outcome], name: str, stop: Callable[[], None]) -> Outcome:
        """The outcome of `work()`, which does not raise. Cancelled: calls `stop()`, waits for the thread all the same,
        and only then raises CancelledError. Time stands still on a virtual clock while it is waited for."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcome] = loop.create_future()
        context = contextvars.copy_context()

        def main() -> None:
            try:
                outcome = context.run(work)
            except BaseException as error:  # SystemExit and the like: the thread ends, and somebody waits
                outcome = Outcome(f"The tool ended its thread: {type(error).__name__}.", failed=True, error=error)
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(_give, future, outcome)

        self._waiting[future] = name
        future.add_done_callback(lambda _: self._waiting.pop(future, None))
        try:
            threading.Thread(target=main, name=name, daemon=True).start()
        except RuntimeError as error:  # the system has none left
            future.cancel()
            return Outcome(BROKEN, failed=True, error=error)
        try:
            with outside():
                return await asyncio.shield(future)
        except asyncio.CancelledError:
            stop()
            await asyncio.wait([future])
            raise

    def give_up(self) -> None:
        """Waits for none of them any more."""
        for future in tuple(self._waiting):
            future.cancel()


def _give(future: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not future.done():
        future.set_result(outcome)
