"""Time, as a session and its providers see it.

An ordinary event loop runs on the monotonic clock. A virtual-time loop (rtaudio.testing.virtual_time) has a clock of
its own that stands still while code computes and leaps to the next timer when nothing is left to do. Both are asked
here; nothing in voice, providers or transports reads a clock in any other way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, runtime_checkable

from rtaudio import core


@runtime_checkable
class VirtualClock(Protocol):
    """What an event loop with a clock of its own offers beside asyncio's interface."""

    def now_ns(self) -> int:
        """Its time, on whatever clock the loop keeps."""

    def hold(self) -> AbstractContextManager[None]:
        """While any hold is out, time stands still and the loop really waits for descriptors and threads."""


@contextmanager
def outside() -> Iterator[None]:
    """Wraps a wait for the outside world: a socket, a subprocess, a thread.

        with outside():
            response = await client.get(url)

    Nothing on an ordinary loop. On a virtual-time loop, time stands still meanwhile, so that a slow network does not
    look like a provider that never answers. Needs a running loop (RuntimeError otherwise). Time-outs of asyncio do not
    run down inside; give the outside call one of its own.
    """
    loop = asyncio.get_running_loop()
    if isinstance(loop, VirtualClock):
        with loop.hold():
            yield
    else:
        yield


def now_ns() -> int:
    """The running loop's time: the core's monotonic clock, or virtual time."""
    loop = asyncio.get_running_loop()
    return loop.now_ns() if isinstance(loop, VirtualClock) else int(core.clock_ns())
