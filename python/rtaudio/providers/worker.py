"""One thread of a provider's own, in which it computes, so that the event loop does not.

One thread rather than the loop's pool: jobs run in the order in which they were given, so that a run in virtual time
repeats exactly (law 5), and a provider can never have more than one job on a core.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Worker:
    """A thread that lives from the first job until `close`. To be used from one event loop at a time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._executor: ThreadPoolExecutor | None = None

    def submit(self, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Queues a job and gives its future, on the running loop. Cancelling it drops a job that has not begun, and
        the result of one that has."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"rtaudio-{self._name}")
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._executor, lambda: job(*args, **kwargs))

    def close(self) -> None:
        """Drops jobs that have not begun; the thread ends after the present one. May be called again; a later job
        starts a new thread."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)
