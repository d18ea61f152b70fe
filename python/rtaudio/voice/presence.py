"""Whether the user is still there: a timer on the media clock; pure, a part of the session's machine.

    state      leaves to
    BUSY       RESTING when nobody speaks, thinks or is awaited: from that mic position on the silence counts
    RESTING    BUSY when somebody does; AWAY once the silence has lasted `away`
    AWAY       BUSY as above

The user comes back by speaking. An agent that speaks to a user who is away ("Are you still there?") sets the timer
going again when it is done, so that it fires again: an agent may ask twice and then hang up. The clock counts mic
samples: on a line that stands still it stands still too, and nobody is taken for away because packets are late.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Presence:
    """`away`: samples of the mic clock; None: never."""

    away: int | None
    busy: bool = False
    rests_since: int | None = None  # None: BUSY, or RESTING has not begun
    times: int = 0  # told since the user last spoke
    told_at: int = 0  # the first of those
    last_heard: int | None = None  # end of the user's last speech; where the session began, before any
    fired: bool = False  # AWAY

    @property
    def due(self) -> int | None:
        """Mic position at which the machine wants to be told the time; 0: now."""
        if self.away is None or self.busy or self.fired:
            return None
        return 0 if self.rests_since is None else self.rests_since + self.away

    def rest(self, busy: bool, mic: int) -> None:
        """After every item: whether anybody is at something."""
        if self.last_heard is None:
            self.last_heard = mic
        if busy:
            self.rests_since, self.fired = None, False
        elif self.busy:
            self.rests_since = mic
        self.busy = busy

    def time_came(self, mic: int) -> bool:
        """The clock is at `mic`; True: the user is away, which is to be told."""
        due = self.due
        if due is None or mic < due:
            return False
        if self.rests_since is None:  # the session has just begun
            self.rests_since = mic
            return False
        self.fired = True
        self.times += 1
        if self.times == 1:
            self.told_at = mic
        return True

    def spoke(self) -> int | None:
        """The user speaks; gives since when they were away, if they were."""
        told_at, was_away = self.told_at, self.times > 0
        self.times = 0
        return told_at if was_away else None

    def fell_silent(self, end: int) -> None:
        self.last_heard = end

    def silent_for(self, mic: int) -> int:
        """Samples since the user was last heard."""
        return mic - (self.last_heard if self.last_heard is not None else mic)
