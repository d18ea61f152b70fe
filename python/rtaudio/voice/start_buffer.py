"""How much of a clause's audio to have before its first sample is put out, where a voice is slower than speech.

A voice that gives its audio faster than it is spoken needs none: the first piece goes out as it comes. One that gives
0.7 s a second, or in bursts, would fall silent in the middle of a word. What each clause would have needed is known
once its audio is complete, by when each piece came; from that the next ones learn.

    arrivals   piece i came at t[i]; before it the clause had a[i] seconds of audio
    needed     begin with the first piece j after which every other came in time: t[i] - a[i] <= t[j] for all i > j;
               then there were a[j + 1] seconds. 0 where that is the first piece
    learned    rises to what was needed at once, falls by a quarter of the way each clause

Pure: times are positions of the media clock, of items that are journalled (law 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

PIECES: Final = 512
"""Of a clause that are looked at; later ones of a very long one are not."""
FALL: Final = 0.25
LEAST_S: Final = 0.02
"""What is learned below that is none."""


def needed_s(pieces: Sequence[tuple[float, float]]) -> float:
    """Seconds to have had before the first sample; `pieces`: (when it came, how long it is), in order."""
    had = [0.0, *accumulate(length for _, length in pieces)]
    latest, needed = float("-inf"), 0.0
    for i in range(len(pieces) - 1, -1, -1):
        came = pieces[i][0]
        if came < latest:
            break
        needed = had[i + 1] if i else 0.0
        latest = max(latest, came - had[i])
    return needed


class StartBuffer:
    """What one voice has taught, at most `most_s`."""

    def __init__(self, most_s: float) -> None:
        self.most_s = most_s
        self.learned_s = 0.0

    def learn(self, pieces: Sequence[tuple[float, float]]) -> None:
        """A clause is complete."""
        needed = min(needed_s(pieces), self.most_s)
        if needed >= self.learned_s:
            self.learned_s = needed
        else:
            self.learned_s += (needed - self.learned_s) * FALL
        if self.learned_s < LEAST_S:
            self.learned_s = 0.0
