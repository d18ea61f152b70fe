"""The form of a checkpoint: JSON with a version. Encoding is a function of plain data; decoding trusts nothing.

    {"version": 1, "ended": null, "place": {...}, "agents": [...], "machine": {...}, "tools": {...}, "data": ...}

`decode` checks types and all that refers to something else in it, so that what is taken up cannot break a session.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rtaudio.voice.chat import ChatContext, ToolUse
from rtaudio.voice.history_policy import Kept
from rtaudio.voice.machine_state import MachineState, StepState
from rtaudio.voice.turns import Hearing

if TYPE_CHECKING:
    from rtaudio.voice.tool_desk import DeskState

VERSION: Final = 1
MOST_BYTES: Final = 8 << 20
"""Of one checkpoint. A conversation of an hour is some hundred kilobytes."""
NULL: Final = b"null"


class CheckpointError(ValueError):
    """It cannot be made, read or taken up: what, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the session was on its port. `mic`: samples of the mic ring. `playout`, `hearing`: events taken
    (AudioPort.events_taken). `segment`: of the reply that is being spoken; 0: none."""

    port_rate: int
    mic: int
    playout: int
    hearing: int
    segment: int


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """An agent by its import path, with its own state. `by`: the agent whose tool returned it; 0: none. `kept`: what it
    is to be shown of the talk; None: what its class says."""

    path: str
    state: msgspec.Raw
    by: int = 0
    kept: Kept | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All that another process needs. `agents`: the one of the talk, then those that are still to be put in charge; the
    others refer to them by number, from 1. `ended`: why the session is over; None: it is not. `data`: the program's."""

    version: int
    ended: str | None
    place: Place
    agents: tuple[AgentRecord, ...]
    machine: MachineState
    tools: msgspec.Raw
    data: msgspec.Raw


class _Head(msgspec.Struct):
    version: int


_ENCODER: Final = msgspec.json.Encoder()
_HEAD: Final = msgspec.json.Decoder(_Head)
_WHOLE: Final = msgspec.json.Decoder(Checkpoint)


def plain(value: object) -> msgspec.Raw:
    """What msgspec can write, as it will stand in a checkpoint. Raises as msgspec does."""
    return msgspec.Raw(_ENCODER.encode(value))


def encode(checkpoint: Checkpoint) -> bytes:
    """Raises CheckpointError for one that is too large."""
    data = _ENCODER.encode(checkpoint)
    if len(data) > MOST_BYTES:
        raise CheckpointError(
            f"the checkpoint has {len(data)} bytes, {MOST_BYTES} at most: keep less in the session's data and agents"
        )
    return data


def decode(data: bytes) -> Checkpoint:
    """Raises CheckpointError for what is none, or of another version."""
    if len(data) > MOST_BYTES:
        raise CheckpointError(f"{len(data)} bytes are no checkpoint: {MOST_BYTES} at most")
    try:
        version = _HEAD.decode(data).version
        if version != VERSION:
            raise CheckpointError(
                f"a checkpoint of version {version}; this rtaudio reads version {VERSION}: restore it with the one "
                "that wrote it, or begin a new session"
            )
        checkpoint = _WHOLE.decode(data)
        tools = tools_of(checkpoint)
    except CheckpointError:
        raise
    except (ValueError, TypeError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise CheckpointError(f"this is no checkpoint, or a damaged one: {error}; take an earlier one") from error
    _check(checkpoint, tools)
    return checkpoint


def tools_of(checkpoint: Checkpoint) -> DeskState | None:
    """What there is of tools. ImportError without rtaudio[tools], if there is any."""
    if bytes(checkpoint.tools) == NULL:
        return None
    from rtaudio.voice.tool_desk import DeskState  # which loads pydantic

    return msgspec.json.decode(checkpoint.tools, type=DeskState)


def state_from(data: dict[str, Any]) -> MachineState:
    """Of a journal's record. Raises as msgspec does."""
    return msgspec.convert(data, MachineState, strict=True)


def call_ids(checkpoint: Checkpoint, tools: DeskState | None) -> list[str]:
    """Of all calls with a result: in the history, and on their way into it."""
    state = checkpoint.machine
    return [use.id for message in (*state.history, *(state.chat or ())) for use in message.tools] + _ids(state, tools)


def _ids(state: MachineState, tools: DeskState | None) -> list[str]:
    """Of those that are on their way."""
    steps = [step for step in (state.step, *state.left) if step is not None]
    uses = [use for step in steps for use in step.uses or ()] + [one.use for one in state.late]
    uses += [use for one in (tools.delivered if tools is not None else ()) for use in one.uses]
    return [use.id for use in uses]


def _need(right: bool, what: str) -> None:
    if not right:
        raise CheckpointError(f"a damaged checkpoint: {what}; take an earlier one")


def _check(checkpoint: Checkpoint, tools: DeskState | None) -> None:
    state, agents = checkpoint.machine, len(checkpoint.agents)
    place = checkpoint.place
    _need(agents >= 1, "it names no agent")
    _need(place.port_rate > 0, f"a port at {place.port_rate} Hz")
    _need(min(place.mic, place.playout, place.hearing, place.segment, state.mic) >= 0, "a negative place")
    _need(max(place.mic, place.playout, place.hearing, place.segment, state.mic) < 1 << 63, "a place beyond any")
    for record in checkpoint.agents:
        _need(0 <= record.by <= agents, f"{record.path} came by agent {record.by}, which it does not name")
    _check_turns(state)
    for step in (state.step, state.go_on, state.continued, *state.left):
        _check_step(step, state, agents)
    _need(0 <= state.answered_to <= len(state.history), "more is answered than was said")
    _need(state.continued is None or state.reply is not None, "a step is gone on from by no reply")
    for switch in state.switches:
        _need(1 <= switch.number <= agents, f"agent {switch.number} is to take over, and is not named")
    _handed(((one.use.id, one.handoff) for one in state.late if one.handoff), agents)
    _check_reply(state)
    uses = _ids(state, tools)
    if tools is not None:
        _check_tools(tools, agents)
        uses += [record.id for record in tools.calls.calls if not record.late]
    try:
        ChatContext("", state.history)
        ChatContext("", state.chat or ())
    except ValueError as error:
        raise CheckpointError(f"a damaged checkpoint: {error}; take an earlier one") from error
    taken = {use.id for message in (*state.history, *(state.chat or ())) for use in message.tools}
    _need(len(set(uses)) == len(uses) and taken.isdisjoint(uses), "two tool calls have one id")


def _check_turns(state: MachineState) -> None:
    count = len(state.turns)
    for turn in state.turns:
        _need(-1 <= turn.before < count, f"turn {turn.turn} goes on with one that is not there")
        _need(0 <= turn.start <= 1 << 62 and 0 <= turn.until <= 1 << 62, f"turn {turn.turn} is nowhere on the mic")
        _need(
            min(turn.number, turn.turn, turn.begin, turn.end, turn.core, turn.words_at) >= 0,
            f"turn {turn.turn}: a negative number",
        )
    for first in range(count):
        seen, at = set[int](), first
        while at >= 0:
            _need(at not in seen, "a turn goes on with itself")
            seen.add(at)
            at = state.turns[at].before
        _need(len(seen) <= count, "a turn goes on with itself")
    for place in (state.over, state.unanswered, *((state.reply.answers,) if state.reply is not None else ())):
        _need(-1 <= place < count, "it refers to a turn that is not there")
    _need(len(set(state.open_turns)) == len(state.open_turns), "a turn is open twice")
    for at, place in enumerate(state.open_turns):
        _need(0 <= place < count, "it refers to a turn that is not there")
        talks = state.turns[place].state is Hearing.TALKING
        _need(not talks or at == len(state.open_turns) - 1, "two turns are being spoken")
    _need(not state.open_turns or state.turns[state.open_turns[0]].state is not Hearing.SETTLED, "a turn was not taken")
    open_numbers = [state.turns[place].number for place in state.open_turns]
    _need(len(set(open_numbers)) == len(open_numbers), "two turns are recognised as one")
    _need(min(state.turns_counted, state.turns_seen, state.last_until, state.replies, state.hook_runs) >= 0, "a count")
    _need(state.turns_counted >= max(open_numbers, default=0), "a turn that was not counted")


def _check_step(step: StepState | None, state: MachineState, agents: int) -> None:
    if step is None:
        return
    _need(-1 <= step.answers < len(state.turns), "a step answers a turn that is not there")
    _need(0 < step.reply <= state.replies and step.steps >= 0, "a step of a reply that was not begun")
    _need(step.message is None or (step.message.role == "assistant" and not step.message.tools), "what a step said")
    _handed(step.handoffs, agents)


def _handed(handoffs: Iterable[tuple[str, int]], agents: int) -> None:
    for call, number in handoffs:
        _need(1 <= number <= agents, f"call {call} hands over to agent {number}, which it does not name")


def _check_reply(state: MachineState) -> None:
    if (reply := state.reply) is None:
        return
    _need(0 < reply.number <= state.replies, f"reply {reply.number} was not begun")
    _need(0 <= reply.answered_to <= len(state.history), f"reply {reply.number} answers more than was said")
    _need(0 <= reply.current <= len(reply.clauses), f"reply {reply.number} is at a clause that it has not")
    _need(reply.rate >= 0 and reply.written >= 0, f"reply {reply.number}: a negative number")
    _need(reply.rate > 0 or not any(clause.pieces for clause in reply.clauses), f"reply {reply.number} has no rate")
    for clause in reply.clauses:
        counts = (clause.offset, clause.begin, clause.samples, clause.pieces, clause.played)
        _need(min(counts) >= 0, f"reply {reply.number}: a clause with a negative number")


def _check_tools(tools: DeskState, agents: int) -> None:
    replies, calls = dict(tools.replies), tools.calls
    batches = {record.batch for record in calls.calls if not record.late}
    _need(batches == set(replies), "tool calls of a reply that it does not name, or none of one that it does")
    _need(max((record.batch for record in calls.calls), default=0) <= calls.last_batch, "calls that were not counted")
    _need(len({record.id for record in calls.calls}) == len(calls.calls), "two tool calls have one id")
    _handed(((record.id, record.handoff) for record in calls.calls if record.handoff), agents)
    _handed(((done.key, done.handoff) for done in calls.done if done.handoff), agents)
    for one in tools.delivered:
        _handed(one.handoffs, agents)
    for record in calls.calls:
        try:
            ToolUse(record.id, record.name, record.arguments, "")
        except ValueError as error:
            raise CheckpointError(f"a damaged checkpoint: {error}; take an earlier one") from error
        _need(record.result is None or not record.late, f"call {record.id} has its late result already")
