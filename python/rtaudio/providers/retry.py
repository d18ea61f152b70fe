"""Trying a connection again: how often, how long after, and for how long at most. Needs `rtaudio[retry]` (tenacity).

What is worth it says the provider, by raising `Transient`. Waits are on the event loop's clock, so that virtual time
leaps over them, and their jitter comes from a seed where one is given.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from rtaudio.providers.packages import load, need
from rtaudio.voice.protocols import ProviderError

T = TypeVar("T")


class Transient(Exception):
    """A failure that may not be one the next time. `after_s`: before then the server does not want to be asked."""

    def __init__(self, error: ProviderError, after_s: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.after_s = after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """When to try again. Raises MissingPackageError without tenacity."""

    attempts: int = 3
    """In all, the first one included."""
    first_wait_s: float = 0.2
    growth: float = 2.0
    longest_wait_s: float = 2.0
    jitter: float = 0.5
    """By up to this share a wait is longer, at random: callers who failed together do not come back together."""
    total_s: float = 5.0
    """No attempt begins later than this after the first one did; also where the server asks for a longer wait."""
    statuses: frozenset[int] = frozenset({408, 425, 429, 500, 502, 503, 504})
    """Of HTTP, that are worth it."""
    seed: int | None = None

    def __post_init__(self) -> None:
        need("tenacity", extra="retry", wanted_by="Retry")
        if self.attempts < 1:
            raise ValueError(f"attempts = {self.attempts}: must be at least 1")
        for name in ("first_wait_s", "longest_wait_s", "jitter", "total_s"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} = {getattr(self, name)}: must be 0 or more")
        if self.growth < 1:
            raise ValueError(f"growth = {self.growth}: must be at least 1")

    def waits(self) -> Callable[[int, float | None], float]:
        """Of one run: (attempts so far, what the server asks for) to the wait before the next one, in seconds."""
        chance = random.Random(self.seed)

        def wait_s(attempts: int, after_s: float | None) -> float:
            backed_off_s = min(self.first_wait_s * self.growth ** (attempts - 1), self.longest_wait_s)
            return max(backed_off_s * (1 + self.jitter * chance.random()), after_s or 0.0)

        return wait_s

    async def run(self, attempt: Callable[[], Awaitable[T]], again: Callable[[ProviderError, float], None]) -> T:
        """What `attempt` gives; `again` hears of a failure and of the wait after it. Raises the last one's error."""
        tenacity = load("tenacity", extra="retry", wanted_by="Retry")
        loop, wait_s = asyncio.get_running_loop(), self.waits()
        began_s = loop.time()

        def failure(state: Any) -> Transient:
            error = state.outcome.exception()
            assert isinstance(error, Transient)
            return error

        trying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(Transient),
            wait=lambda state: wait_s(state.attempt_number, failure(state).after_s),
            stop=lambda state: (
                state.attempt_number >= self.attempts or loop.time() - began_s + state.upcoming_sleep > self.total_s
            ),
            before_sleep=lambda state: again(failure(state).error, state.upcoming_sleep),
            sleep=asyncio.sleep,
            reraise=True,
        )
        try:
            found: T = await trying(attempt)
        except Transient as last:
            raise last.error from last
        return found


def retry_after_s(header: str | None) -> float | None:
    """The header Retry-After, in seconds from now (RFC 9110, 10.2.3: seconds, or a date). None: it says nothing."""
    if not header:
        return None
    try:
        return max(0.0, float(int(header)))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
