"""A thread that has somebody look for work again and again, and knows them weakly: one that is let go of ends it."""

from __future__ import annotations

import sys
import threading
import weakref
from typing import Final, Protocol

__all__ = ["Pumping"]


class Pumped(Protocol):
    """Who has a pump."""

    def pump(self) -> int:
        """Does what there is to do; gives how much that was."""
        ...


class Pumping:
    """Calls ``owner.pump()`` each `interval_s` between `start` and `stop`. Any thread may call what is here.

    An error that comes out of `pump` is told by ``threading.excepthook``; the thread goes on a second later.
    """

    def __init__(self, owner: Pumped, interval_s: float, name: str) -> None:
        """ValueError: an interval that is not 0.001..1 seconds."""
        if not 0.001 <= interval_s <= 1.0:
            raise ValueError(f"{type(owner).__name__}: interval_s must be 0.001..1 seconds, not {interval_s}")
        self.interval_s: Final = interval_s
        self._owner = weakref.ref(owner)
        self._name = name
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def start(self) -> None:
        """RuntimeError: it runs."""
        with self._lock:
            if self._thread is not None:
                raise RuntimeError(f"{self._name}: it already runs")
            self._stop = threading.Event()
            arguments = (self._owner, self._stop, self.interval_s)
            self._thread = threading.Thread(target=_main, args=arguments, name=self._name, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Returns when the thread has ended (not when it is the thread itself that calls). Not running: nothing."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._stop.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    @property
    def running(self) -> bool:
        """False after `start` means that it died."""
        thread = self._thread
        return thread is not None and thread.is_alive()


def _main(owner: weakref.ref[Pumped], stop: threading.Event, interval_s: float) -> None:
    while not stop.wait(interval_s):
        pumped = owner()
        if pumped is None:
            return
        try:
            pumped.pump()
        except Exception:  # nothing that is known of; not told more than once in a second
            threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))
            stop.wait(1.0)
        del pumped
