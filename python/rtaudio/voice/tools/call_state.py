"""What the machine of tool calls remembers, and what it says to the model in a tool's place."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from rtaudio.voice.tools.policy import ToolPolicy

STILL_RUNNING: Final = "Still running. The result will follow by itself; do not call this again for it."
INTERRUPTED: Final = "Cancelled, because the user interrupted."
DROPPED: Final = "Cancelled."
CLOSED: Final = "Cancelled, because the conversation ended."
IN_PART: Final = " It had begun, and may have had some effect."
TOO_MANY: Final = "Not run: too many calls are under way already."
UNDER_WAY: Final = "Not run: the same call is under way already; wait for its result."
UNKNOWN_END: Final = "Not run: an earlier call for the same did not stop in time, and what became of it is not known."
CRASHED: Final = "The program that ran this broke down, and it is not known whether it was done."
CRASHED_BEFORE: Final = (
    "Not run: a program broke down while it did the same, and it is not known whether that was done."
)


class CallState(Enum):
    """Of what the model asked."""

    PREPARING = auto()
    WAITING = auto()
    DETACHED = auto()
    DONE = auto()


class WorkState(Enum):
    """Of a function that is run."""

    QUEUED = auto()
    RUNNING = auto()
    PAUSED = auto()
    STOPPING = auto()


@dataclass(slots=True, eq=False)
class Call:
    """`result`: (text, failed), once it has one; of a DETACHED one that it is still running. `handoff`: the agent that
    its tool returned, by number."""

    number: int
    batch: int
    id: str
    name: str
    arguments: str
    state: CallState = CallState.PREPARING
    policy: ToolPolicy | None = None
    work: Work | None = None
    asked: bool = False
    clock: int | None = None
    filler_clock: int | None = None
    result: tuple[str, bool] | None = None
    handoff: int = 0


@dataclass(slots=True, eq=False)
class Work:
    """`first`: the call whose arguments it runs with. `again`: STOPPING, and to be tried again after it. `suspended`:
    how many tasks its attempt waits for."""

    number: int
    first: Call
    name: str
    key: str | None
    same: str
    policy: ToolPolicy
    retry_timeouts: bool
    state: WorkState = WorkState.QUEUED
    attempt: int = 0
    again: bool = False
    suspended: int = 0
    clock: int | None = None
    calls: list[Call] = field(default_factory=list)
