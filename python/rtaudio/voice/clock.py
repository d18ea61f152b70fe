"""Time, as a session and its providers see it.

An ordinary event loop runs on the monotonic clock. A virtual-time loop (rtaudio.testing.virtual_time) has a clock of
its own that stands still while code computes and leaps to the next timer when nothing is left to do. Both are asked
here; nothing in voice, providers or transports reads a clock in any other way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, cast

from rtaudio import core


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
    clock = _virtual(asyncio.get_running_loop())
    if clock is None:
        yield
    else:
        with clock.hold():
            yield


def now_ns() -> int:
    """The running loop's time: the core's monotonic clock, or virtual time."""
    clock = _virtual(asyncio.get_running_loop())
    return int(core.clock_ns()) if clock is None else clock.now_ns()


def _virtual(loop: asyncio.AbstractEventLoop) -> VirtualClock | None:
    # By one name, not by isinstance(): this is asked some times in every tick of every session.
    return cast("VirtualClock", loop) if hasattr(loop, "now_ns") else None
