"""What comes into the machine of tool calls: one item at a time. Plain data, which `encode` and `decode` turn into
JSON-able dicts and back for a journal; a list of items fed to a new machine gives the same effects again (law 5).

There is no time in them: whoever runs the machine keeps the clocks that it asks for (`call_effects.Wake`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from rtaudio.voice.protocols import ToolCall
from rtaudio.voice.tools.call_records import CallRecord, CallsState, Done
from rtaudio.voice.tools.policy import ToolPolicy


@dataclass(frozen=True, slots=True)
class CallItem:
    """What all items have in common: nothing."""


# ---- From the session.


@dataclass(frozen=True, slots=True)
class Called(CallItem):
    """A reply of the model called these. `batch`: the reply, by a number that is used once. `only`: tools that it may
    call, by name; None: all there are."""

    batch: int
    calls: tuple[ToolCall, ...]
    only: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Interrupted(CallItem):
    """The user interrupted that reply: each call is cancelled, kept or asked, as its tool says."""

    batch: int


@dataclass(frozen=True, slots=True)
class MovedOn(CallItem):
    """The talk does not wait for that reply's calls any more: results come later."""

    batch: int


@dataclass(frozen=True, slots=True)
class Dropped(CallItem):
    """Whoever called wants none of it any more: cancelled, whatever the tools say."""

    batch: int


@dataclass(frozen=True, slots=True)
class CloseAsked(CallItem):
    """The session ends: what is under way is cancelled, what is called from now on is not run."""


@dataclass(frozen=True, slots=True)
class CallsRestored(CallItem):
    """These calls were under way in a process that has died; the first item, if it comes. `ids`: of calls that have a
    result."""

    state: CallsState
    ids: tuple[str, ...] = ()


# ---- From the hands.


@dataclass(frozen=True, slots=True)
class Prepared(CallItem):
    """The call's tool is known and its arguments fit. `key`: names the thing asked for; None: nothing does. `same`:
    equal for calls of one tool with equal arguments. `retry_timeouts`: a time-out is worth another attempt."""

    call: int
    policy: ToolPolicy
    key: str | None
    same: str
    retry_timeouts: bool


@dataclass(frozen=True, slots=True)
class Refused(CallItem):
    """The call cannot be run: `text` tells the model why."""

    call: int
    text: str


@dataclass(frozen=True, slots=True)
class Returned(CallItem):
    """The attempt came to its end with a result. `handoff`: number of the agent that it returned; 0: none."""

    work: int
    attempt: int
    text: str
    handoff: int = 0


@dataclass(frozen=True, slots=True)
class Raised(CallItem):
    """The attempt failed. `transient`: the tool says that another one is worth it."""

    work: int
    attempt: int
    text: str
    transient: bool


@dataclass(frozen=True, slots=True)
class Stopped(CallItem):
    """The attempt ended with nothing, since it was cancelled."""

    work: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Suspended(CallItem):
    """The attempt waits for a task that is in charge of the talk: that takes as long as it takes, so no clock runs."""

    work: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Resumed(CallItem):
    """It goes on; its clocks begin again. Once for each Suspended."""

    work: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Answered(CallItem):
    """The tool was asked whether an interruption cancels it now."""

    work: int
    may_cancel: bool


@dataclass(frozen=True, slots=True)
class Reported(CallItem):
    """The tool tells how far it is."""

    work: int
    text: str
    spoken: bool


@dataclass(frozen=True, slots=True)
class Woke(CallItem):
    """A clock that the machine asked for has run down."""

    timer: int


_KINDS = {kind.__name__: kind for kind in CallItem.__subclasses__()}


def encode(item: CallItem) -> dict[str, Any]:
    """A JSON-able dict that `decode` turns back into the same item."""
    return {"call_item": type(item).__name__, **asdict(item)}


def decode(data: dict[str, Any]) -> CallItem:
    """Raises ValueError for a kind it does not know."""
    fields = dict(data)
    kind = _KINDS.get(fields.pop("call_item", ""))
    if kind is None:
        raise ValueError(f"{data.get('call_item')!r} is no item of tool calls; known are {sorted(_KINDS)}")
    if "calls" in fields:
        fields["calls"] = tuple(ToolCall(**call) for call in fields["calls"])
    if fields.get("only") is not None:
        fields["only"] = tuple(fields["only"])
    if "state" in fields:
        state = fields["state"]
        fields["state"] = CallsState(
            state["last_batch"],
            tuple(CallRecord(**{**each, "result": _pair(each["result"])}) for each in state["calls"]),
            tuple(Done(**each) for each in state["done"]),
            tuple(state["unknown"]),
        )
        fields["ids"] = tuple(fields["ids"])
    if "policy" in fields:
        fields["policy"] = ToolPolicy(**fields["policy"])
    return kind(**fields)


def _pair(result: list[Any] | None) -> tuple[str, bool] | None:
    return (result[0], result[1]) if result is not None else None
