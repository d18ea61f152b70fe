"""Whose clock stands still while it waits for a task: what runs user code within a time limit says so here.

A tool or a hook that runs a task waits for people to talk; how long that takes is no fault of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

suspending: Final[ContextVar[Callable[[bool], None] | None]] = ContextVar("suspending", default=None)
"""Called with True when waiting begins, with False when it is over; None: no clock runs."""


@contextmanager
def suspended() -> Iterator[None]:
    """No time limit of the caller's runs within."""
    if (tell := suspending.get()) is None:
        yield
        return
    tell(True)
    try:
        yield
    finally:
        tell(False)
