"""How a provider that stands for others tells its session of one that failed, although the stream goes on.

A stream has no place for that between its pieces, and a provider may serve many sessions. So whoever reads a stream
says, in the task that reads it, who wants to know; `tell` finds them by that task's context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from rtaudio.voice.protocols import ProviderKind

Listener = Callable[[ProviderKind, str, str], None]
"""Kind, name of the provider, what was wrong."""

_LISTENER: ContextVar[Listener | None] = ContextVar("rtaudio_troubles", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """`listener` hears what is told in this task until the block is left, and in tasks that are begun within it."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def tell(kind: ProviderKind, provider: str, what: str) -> None:
    """A provider failed and something else took its place. Nothing where nobody listens."""
    if (listener := _LISTENER.get()) is not None:
        listener(kind, provider, what)
