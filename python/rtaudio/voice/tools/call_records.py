"""What a checkpoint holds of tool calls: plain data, read and taken up by call_resume.py."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call of a reply (`batch`) whose results were not delivered, or that was delivered as still running (`late`).
    `result`: (text, failed), where it has one. `begun`: its function was run, or was about to be. `again`: the tool
    says that it may be run again with its key. `handoff`: the agent it returned, by number."""

    batch: int
    id: str
    name: str
    arguments: str
    late: bool
    moved_on: bool
    result: tuple[str, bool] | None
    key: str | None
    begun: bool
    again: bool
    handoff: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """What was done under that key, and its result: it is not run again."""

    key: str
    text: str
    handoff: int = 0


@dataclass(frozen=True, slots=True)
class CallsState:
    """`unknown`: keys of which nobody knows whether they were done."""

    last_batch: int = 0
    calls: tuple[CallRecord, ...] = ()
    done: tuple[Done, ...] = ()
    unknown: tuple[str, ...] = ()
