"""One thing after another: what a pure machine is given, in order, whoever gives it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """Items are handled one at a time and to the end, in the order in which they were posted, without a turn of the
    event loop in between; one that is posted while another is handled waits for it."""

    def __init__(self, handle: Callable[[Item], None]) -> None:
        self._handle = handle
        self._waiting: deque[Item] = deque()
        self._handling = False

    def post(self, item: Item) -> None:
        """Raises what handling raises, of any item that waits; those behind it go on waiting."""
        self._waiting.append(item)
        if self._handling:
            return
        self._handling = True
        try:
            while self._waiting:
                self._handle(self._waiting.popleft())
        finally:
            self._handling = False

    def clear(self) -> None:
        """Forgets what waits."""
        self._waiting.clear()
