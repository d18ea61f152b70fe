"""Waits for the outside world with an end in real time, on any event loop.

On a virtual-time loop time stands still during such a wait, and with it every timer of asyncio; a server that never
answers would be waited for without end.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from rtaudio.voice.clock import outside


@asynccontextmanager
async def outside_for(timeout_s: float) -> AsyncIterator[None]:
    """rtaudio.voice.clock.outside() for at most `timeout_s` of real time; then TimeoutError."""
    loop = asyncio.get_running_loop()
    if not hasattr(loop, "hold"):  # an ordinary loop: its timers run down
        async with asyncio.timeout(timeout_s):
            yield
        return
    ends = asyncio.timeout(None)
    timer = threading.Timer(timeout_s, lambda: loop.call_soon_threadsafe(_end, ends, loop))
    timer.daemon = True
    timer.start()
    try:
        with outside():
            async with ends:
                yield
    finally:
        timer.cancel()


def _end(ends: asyncio.Timeout, loop: asyncio.AbstractEventLoop) -> None:
    with suppress(RuntimeError):  # the wait ended at the same moment
        ends.reschedule(loop.time())
