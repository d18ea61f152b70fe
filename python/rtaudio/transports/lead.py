"""How far ahead of its time speech is sent, by how long the event loop that sends it has stood still of late.

    lead   the longest stall of the last FORGET_S, and MARGIN_S, in steps of STEP_S, between `least_s` and `most_s`

So the first long stall is heard, and not the next; and it falls when that is FORGET_S ago. A longer lead costs nothing
but what a remote still plays if it cannot be told to stop. Pure: times are arguments.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

FORGET_S: Final = 30.0
MARGIN_S: Final = 0.06
STEP_S: Final = 0.02


class LeadByStalls:
    """`lead_s` is the lead to use now. Raises ValueError for bounds that are none."""

    def __init__(self, least_s: float = 0.2, most_s: float = 0.6) -> None:
        if not 0.0 <= least_s <= most_s < math.inf:
            raise ValueError(f"lead: from {least_s} s to {most_s} s is no range")
        self._least_s, self._most_s = least_s, most_s
        self._stalls: deque[tuple[float, float]] = deque()  # (when, how long), each shorter than the one before
        self.lead_s = least_s

    def looked(self, now_s: float, stall_s: float) -> bool:
        """The loop came round at `now_s`, `stall_s` later than it should have. True: `lead_s` is another one now."""
        while self._stalls and self._stalls[0][0] < now_s - FORGET_S:
            self._stalls.popleft()
        if stall_s > 0:
            while self._stalls and self._stalls[-1][1] <= stall_s:
                self._stalls.pop()
            self._stalls.append((now_s, stall_s))
        wanted_s = self._stalls[0][1] + MARGIN_S if self._stalls else 0.0
        steps = math.ceil(min(wanted_s, self._most_s) / STEP_S - 1e-9)
        before, self.lead_s = self.lead_s, max(self._least_s, min(steps * STEP_S, self._most_s))
        return self.lead_s != before
