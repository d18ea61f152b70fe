"""The connection to a speech-to-speech model, as the session's machine knows it: pure.

    state      leaves to
    WAITING    OPENING when it is due: at the start, and some time after a loss
    OPENING    READY when the server has taken the conversation; WAITING when it is lost
    READY      WAITING when it is lost; OPENING when it expires and nobody speaks

Waits double from one loss to the next, up to `LONGEST_S`; a connection that became READY begins anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

SHORTEST_S: Final = 0.25
LONGEST_S: Final = 8.0


class LinkState(Enum):
    """Where the connection is; see the module."""

    WAITING = "waiting"
    OPENING = "opening"
    READY = "ready"


@dataclass(slots=True)
class Link:
    """`number` counts connections from 1: what is of an earlier one is over."""

    state: LinkState = LinkState.WAITING
    number: int = 0
    losses: int = 0  # in a row
    expiring: bool = False

    @property
    def ready(self) -> bool:
        return self.state is LinkState.READY

    @property
    def there(self) -> bool:
        """There is one that can be told something, READY or not."""
        return self.state is not LinkState.WAITING

    def open(self) -> int:
        self.state, self.expiring = LinkState.OPENING, False
        self.number += 1
        return self.number

    def became_ready(self, number: int) -> None:
        if number == self.number and self.state is LinkState.OPENING:
            self.state, self.losses = LinkState.READY, 0

    def expires(self, number: int) -> None:
        self.expiring = self.expiring or number == self.number

    def lost(self, number: int) -> float | None:
        """Seconds to wait before the next; None: that one was over already."""
        if number != self.number or not self.there:
            return None
        self.state = LinkState.WAITING
        self.losses += 1
        wait_s: float = min(LONGEST_S, SHORTEST_S * 2.0 ** min(self.losses - 1, 16))
        return wait_s
