"""Reading from a provider's stream with time-outs, and closing it: the same for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from rtaudio.voice.protocols import ProviderError

T = TypeVar("T")


class Closable(Protocol):
    """Any provider's stream."""

    async def aclose(self) -> None: ...


def describe(error: BaseException) -> str:
    """What went wrong, for an event that names the provider itself: "TypeError: ..."."""
    if isinstance(error, ProviderError):
        return error.what
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


BREATH: Final = 64
"""Pieces of a stream that may come one after another before the event loop has a turn: one that never waits would
else block it."""


class Stalled(Exception):
    """Nothing came in time, or ever will."""


def being_cancelled() -> bool:
    """Whether the running task is: a CancelledError without that is one that somebody else's code raised."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@dataclass(frozen=True, slots=True)
class Stuck:
    """What becomes of a stream that goes on waiting although it was cancelled: `told` hears of it `after_s` later."""

    told: Callable[[str], None]
    after_s: float


async def next_within(
    source: AsyncIterator[T], limit_s: float | None, waiting_for: str, stuck: Stuck | None = None
) -> T:
    """The next of `source`; StopAsyncIteration at its end. Raises Stalled after `limit_s`, and where the source cancels
    itself. Where it does not heed the time-out there is nothing to be raised: `stuck` is told."""
    what, last = f"no {waiting_for} within {limit_s} s", None
    if limit_s is not None and stuck is not None:
        loop, words = asyncio.get_running_loop(), f"{what}, and it does not heed its cancellation"
        last = loop.call_later(limit_s + stuck.after_s, stuck.told, words)
    try:
        async with asyncio.timeout(limit_s) as limit:
            return await anext(source)
    except asyncio.CancelledError:
        if being_cancelled():
            raise
        raise Stalled("CancelledError: it was cancelled by itself") from None
    except TimeoutError:
        if limit.expired():
            raise Stalled(what) from None
        raise
    finally:
        if last is not None:
            last.cancel()


async def close_stream(stream: Closable, limit_s: float, troubled: Callable[[str], None]) -> None:
    """Closes it; what goes wrong is told to `troubled`, never raised. Works in a task that is being cancelled."""
    try:
        async with asyncio.timeout(limit_s) as limit:
            await stream.aclose()
    except TimeoutError as error:
        troubled(f"its stream did not close within {limit_s} s" if limit.expired() else describe(error))
    except Exception as error:
        troubled(f"while its stream was closed: {describe(error)}")


async def attempt(work: Callable[[], Awaitable[None]], troubled: Callable[[str], None]) -> None:
    """Awaits `work()`; an error is told, not raised."""
    try:
        await work()
    except Exception as error:
        troubled(describe(error))
