"""A playout run again from its journal; see rtaudio.core.replay."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rtaudio.core._port import Event

class PlayoutReplay:
    """The consumer of a playout, driven by journal records (csrc/journal.h). One thread.

    ValueError: a record that cannot belong to such a playout."""

    ops: int
    def __init__(self, *, rate: int, queue_samples: int, history_samples: int, background_samples: int) -> None: ...
    def op(self, payload: bytes) -> None: ...
    def background(self, payload: bytes) -> None: ...
    @staticmethod
    def ops_of(payload: bytes, kind: Literal["pull", "pull_ahead", "settle"]) -> int:
        """How many ops had been taken by a PULL, PULL_AHEAD or SETTLE record."""
    def pull(self, payload: bytes) -> NDArray[np.float32]:
        """What was put out by this PULL."""
    def pull_ahead(self, payload: bytes) -> NDArray[np.float32]:
        """The same for a PULL_AHEAD."""
    def report(self, payload: bytes) -> None:
        """A REMOTE_REPORT."""
    def settle(self, payload: bytes) -> None: ...
    def events(self) -> list[Event]: ...
