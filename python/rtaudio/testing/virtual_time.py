"""An asyncio event loop on virtual time: it stands still while code runs and leaps to the next timer when nothing is
left to do. A minute of conversation takes as long as its computing does, and two runs are identical.

    ready callbacks ──► run them, time stands still
    none ready, a timer waits ──► time := the timer's, exactly
    none ready, outside() holds are out ──► really wait for descriptors and threads, time stands still
    none ready, no timer, no hold, nobody else's descriptor ──► Deadlock: nothing can ever happen again

`run_in_executor` (and `asyncio.to_thread`) runs its function at once, inline: a provider that computes takes no virtual
time, and no thread's luck decides an order. Descriptors work, but are looked at without waiting.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

START_NS: Final = 1_000_000_000
"""Where virtual time begins; not at 0, which in nanoseconds often stands for "never"."""


class Deadlock(RuntimeError):
    """Every task waits for something that neither a timer, a descriptor nor an outside() hold will bring."""


class _LeapingSelector(selectors.DefaultSelector):
    """Never waits while there is a timer: moves its loop's clock instead."""

    loop: VirtualTimeLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        loop = self.loop
        if loop.holds:
            return super().select(timeout if timeout == 0 else None)
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is not None:
            loop.leap(timeout)
            return []
        if len(self.get_map()) <= 1:  # the loop's own wake-up descriptor
            raise Deadlock("virtual time: all tasks wait and no timer is set; waits for the world belong in outside()")
        return super().select(None)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """See the module. `now_ns()` is exact; `time()` is the same in seconds."""

    def __init__(self, start_ns: int = START_NS) -> None:
        self._now_ns = start_ns
        self.holds = 0
        selector = _LeapingSelector()
        selector.loop = self
        super().__init__(selector)
        # Timers due within this are run together: absorbs the rounding of seconds in doubles to whole nanoseconds.
        self._clock_resolution = 2e-9

    def time(self) -> float:
        return self._now_ns / 1e9

    def now_ns(self) -> int:
        return self._now_ns

    def leap(self, seconds: float) -> None:
        self._now_ns += max(1, round(seconds * 1e9))

    @contextmanager
    def hold(self) -> Iterator[None]:
        self.holds += 1
        try:
            yield
        finally:
            self.holds -= 1

    def run_in_executor(self, executor: object, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Runs it now; the future is done when this returns. `executor` is ignored."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except StopIteration as error:  # a future cannot carry it
            future.set_exception(RuntimeError(f"executor function raised {error!r}"))
        except Exception as error:
            future.set_exception(error)
        return future

    def __repr__(self) -> str:
        return f"<VirtualTimeLoop at {self.time():.3f} s, {self.holds} holds>"


def run(main: Coroutine[Any, Any, T], *, debug: bool | None = None) -> T:
    """asyncio.run() on virtual time."""
    with asyncio.Runner(debug=debug, loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


__all__ = ["START_NS", "Deadlock", "VirtualTimeLoop", "run"]
