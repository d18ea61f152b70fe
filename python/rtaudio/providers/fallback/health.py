"""Whether a provider is to be asked: a state machine without a clock (a circuit breaker with a growing pause).

    state     leaves to
    HEALTHY   DOWN after `failures` failed streams in a row
    DOWN      PROBING when its pause is over and a stream asks for it: that one stream tries it
    PROBING   HEALTHY when that stream came to its end, or was given up with something to show for it; DOWN when it
              failed, with a pause `growth` times as long; DOWN as before when it was given up before either was known

The probe is the next stream's own request: one that costs nothing says little about a model, and one that is made
beside the talk costs money and needs an owner.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class HealthState(Enum):
    """See the module."""

    HEALTHY = "healthy"
    DOWN = "down"
    PROBING = "probing"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthPolicy:
    """When a provider counts as down, and for how long it is then passed over."""

    failures: int = 1
    """Failed streams in a row after which it is passed over."""
    pause_s: float = 5.0
    """From the failure to the first stream that tries it again."""
    growth: float = 2.0
    """By how much the pause grows with each trial that fails."""
    longest_pause_s: float = 120.0

    def __post_init__(self) -> None:
        if self.failures < 1:
            raise ValueError(f"failures = {self.failures}: must be at least 1")
        if not 0 < self.pause_s <= self.longest_pause_s:
            raise ValueError(f"pause_s = {self.pause_s}: must lie above 0, up to longest_pause_s")
        if self.growth < 1:
            raise ValueError(f"growth = {self.growth}: must be at least 1")


class Health:
    """One provider's. Times are seconds of any clock that does not go back."""

    def __init__(self, policy: HealthPolicy) -> None:
        self._policy = policy
        self.state = HealthState.HEALTHY
        self.failures = 0  # in a row
        self.retry_at_s = 0.0  # while DOWN: from when on a stream may try it
        self._pause_s = policy.pause_s

    def may_try(self, now_s: float) -> bool:
        """Whether a stream that has a choice should ask it."""
        return self.state is HealthState.HEALTHY or (self.state is HealthState.DOWN and now_s >= self.retry_at_s)

    def began(self, now_s: float) -> None:
        """A stream asks it. One that has no choice asks it before its time, and that is no probe."""
        if self.state is HealthState.DOWN and now_s >= self.retry_at_s:
            self.state = HealthState.PROBING

    def succeeded(self) -> None:
        """A stream got what it asked for."""
        self.state, self.failures, self._pause_s = HealthState.HEALTHY, 0, self._policy.pause_s

    def failed(self, now_s: float) -> None:
        self.failures += 1
        if self.state is HealthState.HEALTHY and self.failures < self._policy.failures:
            return
        if self.state is HealthState.PROBING:
            self._pause_s = min(self._pause_s * self._policy.growth, self._policy.longest_pause_s)
        self.state, self.retry_at_s = HealthState.DOWN, now_s + self._pause_s

    def let_go(self) -> None:
        """The stream that asked it was given up before anything was known."""
        if self.state is HealthState.PROBING:
            self.state = HealthState.DOWN
