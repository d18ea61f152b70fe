"""What the machine of tool calls wants done. Plain data; carried out in order, at once."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from rtaudio.voice.chat import ToolUse
from rtaudio.voice.events import ToolOutcome
from rtaudio.voice.protocols import ToolCall


@dataclass(frozen=True, slots=True)
class CallEffect:
    """What all effects have in common: nothing."""


# ---- For the hands.


@dataclass(frozen=True, slots=True)
class Prepare(CallEffect):
    """Find the tool and check the arguments; answered by Prepared or Refused. `call_id`: the call's id from now on,
    which is the model's own unless that would not do. `only`: names that it may have; None: any."""

    call: int
    call_id: str
    tool_call: ToolCall
    only: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Run(CallEffect):
    """Begin an attempt, with the arguments of `call`; answered by Returned, Raised or Stopped."""

    work: int
    attempt: int
    call: int


@dataclass(frozen=True, slots=True)
class Cancel(CallEffect):
    """Stop the attempt, which still answers once it has ended."""

    work: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Ask(CallEffect):
    """Ask the tool whether an interruption cancels it; answered by Answered. `call`: of whose context."""

    work: int
    call: int


@dataclass(frozen=True, slots=True)
class Forget(CallEffect):
    """Nothing more will be wanted of the call's arguments."""

    call: int


@dataclass(frozen=True, slots=True)
class Wake(CallEffect):
    """Start a clock; answered by Woke when it has run down."""

    timer: int
    after_s: float


@dataclass(frozen=True, slots=True)
class StopClock(CallEffect):
    """It is not needed any more."""

    timer: int


# ---- For the session.


@dataclass(frozen=True, slots=True)
class Began(CallEffect):
    """A call was taken. `call_id`: as the history will have it."""

    call_id: str
    tool: str


@dataclass(frozen=True, slots=True)
class Ended(CallEffect):
    """It has come to its end: once for each that began, also at the close."""

    call_id: str
    tool: str
    outcome: ToolOutcome


@dataclass(frozen=True, slots=True)
class Deliver(CallEffect):
    """All calls of that reply with their results, in the order of the calls. Once for every reply."""

    batch: int
    uses: tuple[ToolUse, ...]
    handoffs: tuple[tuple[str, int], ...] = ()
    """(id of a call, number of the agent that its tool returned)"""


@dataclass(frozen=True, slots=True)
class DeliverLate(CallEffect):
    """The result of a call that was delivered as still running: a use of its own, for the history as it is now. `of`:
    the id of that call."""

    of: str
    use: ToolUse
    handoff: int = 0


@dataclass(frozen=True, slots=True)
class Tell(CallEffect):
    """How far a tool is: to be said, or only to be shown."""

    call_id: str
    tool: str
    text: str
    spoken: bool


@dataclass(frozen=True, slots=True)
class Fill(CallEffect):
    """The call takes long: this is to be said, if nobody speaks and the result does not come first."""

    call_id: str
    tool: str
    text: str


def encode(effect: CallEffect) -> dict[str, Any]:
    """As plain data; what a replay is compared with."""
    return {"call_effect": type(effect).__name__, **asdict(effect)}
