"""What became of a scene in one contender, and what that says.

A contender is fed each frame at the moment when its last sample has been spoken, as a line feeds it, so that the wall
clock places what it tells on the scene's clock.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from rtaudio.bench.peers.scenes import Scene

_EARLY_S = 0.2  # an onset told this much before the label is still its onset
_EDGE_S = 0.05  # the energy's end may lie a little behind the words'


@dataclass
class Told:
    """When somebody was said to speak and a turn to be over: seconds on the scene's clock."""

    began: float = 0.0  # perf_counter at the scene's first sample
    cpu_began: float = 0.0
    cpu_s: float = 0.0
    starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)

    def begin(self) -> None:
        """The scene's first sample comes now."""
        self.began, self.cpu_began = time.perf_counter(), time.process_time()

    def finish(self) -> None:
        """The scene is over: what the process has used since `begin`."""
        self.cpu_s = time.process_time() - self.cpu_began

    def now(self) -> float:
        """The scene's clock."""
        return time.perf_counter() - self.began

    def start(self) -> None:
        """Somebody is said to speak."""
        self.starts.append(self.now())

    def end(self) -> None:
        """The turn is said to be over."""
        self.ends.append(self.now())


def score(scene: Scene, told: Told) -> dict[str, Any]:
    """``onset_ms`` and ``turn_delay_ms`` of each utterance (None: never told), ``cut``: turns ended inside utterances,
    ``false_starts``, ``cpu_ms_per_session_second``."""
    onsets: list[float | None] = []
    delays: list[float | None] = []
    cut, matched = 0, set[float]()
    for k, (first, last) in enumerate(scene.spoken):
        began, ended = first / scene.rate, last / scene.rate
        following = scene.spoken[k + 1][0] / scene.rate if k + 1 < len(scene.spoken) else scene.seconds
        found = [at for at in told.starts if began - _EARLY_S <= at < following - _EARLY_S]
        matched.update(found)
        onsets.append(None if not found else 1000 * (found[0] - began))
        cut += any(began <= at < ended - _EDGE_S for at in told.ends)
        after = [at for at in told.ends if ended - _EDGE_S <= at < following]
        delays.append(None if not after else 1000 * (after[0] - ended))
    return {
        "onset_ms": onsets,
        "turn_delay_ms": delays,
        "cut": cut,
        "false_starts": sum(at not in matched for at in told.starts),
        "cpu_ms_per_session_second": 1000 * told.cpu_s / scene.seconds,
    }
