"""Tool calls go on where a process died: what is written down of them, and what becomes of each. A part of the machine
in calls.py.

    a call                                       becomes
    that had its result                          that result
    whose key was done                           the result that is known under the key
    with a key, whose function was not begun     run: it begins only after that has been written down
    with a key, begun, `after_crash="again"`     run again with the same key: the service behind it does it once
    with a key, begun, else                      not known; and the key is not run any more in this conversation
    without a key                                not known

One that had been delivered as still running gets that as its late result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rtaudio.voice.protocols import ToolCall
from rtaudio.voice.tools import call_effects as do
from rtaudio.voice.tools import call_state as say
from rtaudio.voice.tools.call_items import CallsRestored
from rtaudio.voice.tools.call_records import CallRecord, CallsState, Done
from rtaudio.voice.tools.call_state import Call, CallState

if TYPE_CHECKING:
    from rtaudio.voice.tools.calls import Calls


def state_of(calls: Calls, numbers: Mapping[int, int]) -> CallsState:
    """`numbers`: the new number of each agent that is to be known."""
    records, waiting = [], {id(call) for batch in calls._batches.values() for call in batch}
    for batch in calls._batches.values():
        records += [_record(calls, call, numbers, late=False) for call in batch]
    records += [_record(calls, call, numbers, late=True) for call in calls._calls.values() if id(call) not in waiting]
    unknown = dict.fromkeys(calls._unknown)
    for work in calls._works.values():  # nobody waits for it any more, and it may yet do what it was to do
        if work.key is not None and not work.calls and work.attempt:
            unknown[work.key] = None
    done = tuple(Done(key, text, numbers.get(handoff, 0)) for key, (text, handoff) in calls._done.items())
    return CallsState(calls._last_batch, tuple(records), done, tuple(unknown))


def agents_in(calls: Calls) -> list[int]:
    """Numbers of the agents that results hand over to."""
    batches = [call.handoff for batch in calls._batches.values() for call in batch]
    return [number for number in (*batches, *(handoff for _, handoff in calls._done.values())) if number]


def _record(calls: Calls, call: Call, numbers: Mapping[int, int], *, late: bool) -> CallRecord:
    work = call.work
    return CallRecord(
        batch=call.batch,
        id=call.id,
        name=call.name,
        arguments=call.arguments,
        late=late,
        moved_on=call.state is CallState.DETACHED or call.batch in calls._moved_on,
        result=call.result if call.state is CallState.DONE else None,
        key=work.key if work is not None else None,
        begun=work is None or work.attempt > 0,
        again=call.policy is not None and call.policy.after_crash == "again",
        handoff=numbers.get(call.handoff, 0),
    )


def take_up(calls: Calls, item: CallsRestored) -> Iterator[do.CallEffect]:
    """Of a machine that has taken nothing yet."""
    state = item.state
    for used in item.ids:
        calls._ids.take(used)
    calls._last_batch = state.last_batch
    calls._done.update((done.key, (done.text, done.handoff)) for done in state.done)
    calls._unknown.update(dict.fromkeys(state.unknown))
    open_calls = list[tuple[Call, CallRecord]]()
    for record in state.calls:
        calls._ids.take(record.id)
        call = Call(calls._number(), record.batch, record.id, record.name, record.arguments, handoff=record.handoff)
        if not record.late:
            calls._batches.setdefault(record.batch, []).append(call)
        if record.moved_on:
            calls._moved_on.add(record.batch)
        if record.result is not None:
            call.state, call.result = CallState.DONE, record.result
        else:
            calls._calls[call.number] = call
            open_calls.append((call, record))
    for call, record in open_calls:
        known = record.key is not None and record.key in calls._done
        if known or (record.key is not None and (record.again or not record.begun)):
            yield do.Prepare(call.number, call.id, ToolCall(call.id, call.name, call.arguments))
        else:
            if record.key is not None:
                calls.forget_end(record.key)
            yield from calls._settle(call, say.CRASHED, failed=True)
    for batch in tuple(calls._batches):
        yield from calls._deliver(batch)
