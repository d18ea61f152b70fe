"""Which tool call a task runs, so that waiting for what waits for that very call is an error at once, and no time-out.

A reply that the program asks for waits until the answer under way is over, tools and all (speech_queue.py): a tool of
that answer that awaits it would wait for itself. Only the tool's own task is looked at: one that it starts beside it
may wait for as long as it likes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Calling:
    """`holds`: the answer that made the call still waits for it."""

    tool: str
    session: object
    task: asyncio.Task[Any] | None
    holds: Callable[[], bool]


calling: Final[ContextVar[Calling | None]] = ContextVar("calling", default=None)


def waits_for_itself(session: object) -> str | None:
    """The tool whose own task runs, if an answer of that session waits for it; else None."""
    call = calling.get()
    if call is None or call.session is not session or call.task is not asyncio.current_task() or not call.holds():
        return None
    return call.tool
