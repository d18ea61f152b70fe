"""Tool calls as a state machine: items in, effects out, nothing else. No clock, no task, no tool (law 5).

Two machines. A *call* is what the model asked, and waits for a result; a *work* is a function being run for one or more
calls.

    call   PREPARING ─┬─prepared──► WAITING ─┬─outcome of its work, cancelled──► DONE
                      └─refused──► DONE      └─takes long, talk moved on, interrupted and kept──► DETACHED ──► DONE

    work   QUEUED ──room──► RUNNING ─┬─returned, raised──► ended
             ▲                       ├─raised, transient──► PAUSED ──clock──► QUEUED
             └──────── PAUSED ◄──────┴─timed out, nobody waits──► STOPPING ──stopped──► ended, or PAUSED

    delivered    a reply's results go out together, once each of its calls is DONE or DETACHED; a call that is DETACHED
                 then is "still running", and its result follows as a use of its own. So there is no call without a
                 result, in any order of events: every state but DONE and DETACHED has a clock or a Close that ends it.
    room         a work that was cancelled or timed out keeps its place until it has really stopped: what hangs cannot
                 pile up. Who waits for room longer than the time-out is refused.
    filler       a call that is still WAITING some time after it began asks for a text to be said, one for all calls of
                 its reply.
    suspended    while the function waits for a task that is in charge of the talk, no clock of its calls runs.
    one work     calls with one key, or the same call where the tool says "join", wait for one work. It is cancelled
                 when nobody waits for it. A key whose work succeeded is not run again.
    restored     calls that were under way when a process died come first, all at once: call_resume.py.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from typing import Final, Literal

from rtaudio.voice.chat import ToolUse
from rtaudio.voice.protocols import ToolCall
from rtaudio.voice.tools import call_effects as do
from rtaudio.voice.tools import call_items as it
from rtaudio.voice.tools import call_state as say
from rtaudio.voice.tools.call_ids import CallIds, object_text, usable_name
from rtaudio.voice.tools.call_resume import take_up
from rtaudio.voice.tools.call_state import Call, CallState, Work, WorkState
from rtaudio.voice.tools.fillers import Fillers

STOP_GRACE_S: Final = 2.0
"""How long a timed-out attempt may take to stop before the next one is given up."""
KEYS_KEPT: Final = 256
MOST_CALLS: Final = 256
"""Without a result, those that were delivered as still running included; more are refused, and counted."""


Clock = tuple[Literal["room", "attempt", "stop", "pause"], Work] | tuple[Literal["detach", "filler"], Call]


class Calls:
    """`handle` takes one item at a time. `at_once`: how many works may run side by side. `ids`: of calls that the
    history holds already."""

    def __init__(self, at_once: int = 16, ids: Iterable[str] = ()) -> None:
        if at_once < 1:
            raise ValueError(f"at_once = {at_once}: must be at least 1")
        self.closed = False
        self.refused = 0
        self._at_once = at_once
        self._ids = CallIds(ids)
        self._calls: dict[int, Call] = {}
        self._batches: dict[int, list[Call]] = {}
        self._moved_on: set[int] = set()
        self._works: dict[int, Work] = {}
        self._queue: deque[Work] = deque()
        self._clocks: dict[int, Clock] = {}
        self._done: OrderedDict[str, tuple[str, int]] = OrderedDict()
        self._unknown: OrderedDict[str, None] = OrderedDict()  # keys that a crash interrupted
        self._fillers = Fillers()
        self._last_batch = self._numbers = 0

    @property
    def waiting(self) -> tuple[int, ...]:
        """The replies of which results are still to be delivered."""
        return tuple(self._batches)

    @property
    def busy(self) -> bool:
        """Something is run, or is to be."""
        return bool(self._works)

    def holds(self, call: int) -> bool:
        """Its batch waits for it, for as long as it takes."""
        found = self._calls.get(call)
        if found is None or found.state not in (CallState.PREPARING, CallState.WAITING):
            return False
        return found.policy is None or found.policy.detach_after_s is None

    def handle(self, item: it.CallItem) -> list[do.CallEffect]:
        """The effects of one item. Raises ValueError for a batch number that does not grow."""
        effects = list(self._react(item))
        effects += self._start()
        return effects

    def _react(self, item: it.CallItem) -> Iterator[do.CallEffect]:
        match item:
            case it.Called():
                yield from self._called(item)
            case it.Prepared():
                if (call := self._calls.get(item.call)) is not None and call.state is CallState.PREPARING:
                    yield from self._prepared(call, item)
            case it.Refused():
                if (call := self._calls.get(item.call)) is not None and call.state is CallState.PREPARING:
                    yield from self._settle(call, item.text, failed=True)
            case it.Returned() | it.Raised() | it.Stopped():
                work = self._works.get(item.work)
                if work is not None and work.attempt == item.attempt:
                    yield from self._ended(work, item)
            case it.Suspended() | it.Resumed():
                work = self._works.get(item.work)
                if work is not None and work.attempt == item.attempt and work.state is WorkState.RUNNING:
                    if isinstance(item, it.Suspended):
                        yield from self._suspend(work)
                    elif work.suspended:
                        yield from self._resume(work)
            case it.Woke():
                if (clock := self._clocks.pop(item.timer, None)) is not None:
                    yield from self._woke(clock)
            case it.Interrupted():
                for call in tuple(self._batches.get(item.batch, ())):
                    yield from self._interrupt(call)
            case it.Answered():
                if (work := self._works.get(item.work)) is not None:
                    for call in [call for call in work.calls if call.asked]:
                        call.asked = False
                        yield from self._cancel(call, say.INTERRUPTED) if item.may_cancel else self._detach(call)
            case it.MovedOn():
                if item.batch in self._batches:
                    self._moved_on.add(item.batch)
                    for call in tuple(self._batches[item.batch]):
                        yield from self._detach(call)
            case it.Dropped():
                for call in tuple(self._batches.get(item.batch, ())):
                    yield from self._cancel(call, say.DROPPED)
            case it.Reported():
                if (work := self._works.get(item.work)) is not None and work.calls:
                    yield do.Tell(work.calls[0].id, work.name, item.text, item.spoken)
            case it.CallsRestored():
                yield from take_up(self, item)
            case it.CloseAsked():
                yield from self._close()
            case _:
                raise TypeError(f"{type(item).__name__} is no item of tool calls")

    # ---- Calls.

    def _called(self, item: it.Called) -> Iterator[do.CallEffect]:
        if item.batch <= self._last_batch:
            raise ValueError(f"batch {item.batch} comes after {self._last_batch}: numbers must grow")
        self._last_batch = item.batch
        calls = [self._call(item.batch, asked) for asked in item.calls]
        self._batches[item.batch] = calls
        for call, asked in zip(calls, item.calls, strict=True):
            if self.closed or len(self._calls) == MOST_CALLS:
                call.state, call.result = CallState.DONE, (say.CLOSED if self.closed else say.TOO_MANY, True)
                self.refused += not self.closed
                yield do.Began(call.id, call.name)
                yield do.Ended(call.id, call.name, "failed")
            else:
                self._calls[call.number] = call
                yield do.Began(call.id, call.name)
                yield do.Prepare(call.number, call.id, asked, item.only)
        yield from self._deliver(item.batch)

    def _call(self, batch: int, asked: ToolCall) -> Call:
        name, arguments = usable_name(asked.name), object_text(asked.arguments)
        return Call(self._number(), batch, self._ids.new(asked.id), name, arguments)

    def _prepared(self, call: Call, item: it.Prepared) -> Iterator[do.CallEffect]:
        call.policy = item.policy
        if item.key is not None and (done := self._done.get(item.key)) is not None:
            text, call.handoff = done
            yield from self._settle(call, text, failed=False)
            return
        if item.key in self._unknown:
            yield from self._settle(call, say.CRASHED_BEFORE, failed=True)
        elif (twin := self._twin(item)) is None:
            work = Work(self._number(), call, call.name, item.key, item.same, item.policy, item.retry_timeouts)
            self._works[work.number] = work
            yield from self._join(call, work)
            yield from self._queue_up(work)
        elif twin.state is WorkState.STOPPING and not twin.again:
            yield from self._settle(call, say.UNKNOWN_END, failed=True)
        elif item.key is None and item.policy.duplicates == "refuse":
            yield from self._settle(call, say.UNDER_WAY, failed=True)
        else:
            yield from self._join(call, twin)

    def _twin(self, item: it.Prepared) -> Work | None:
        """The work that does the same already, where that counts."""
        for work in self._works.values():
            if item.key is not None and work.key == item.key:
                return work
            if item.key is None and item.policy.duplicates != "run" and work.same == item.same:
                return work
        return None

    def _join(self, call: Call, work: Work) -> Iterator[do.CallEffect]:
        call.state, call.work = CallState.WAITING, work
        work.calls.append(call)
        if call.batch in self._moved_on:
            yield from self._detach(call)
            return
        if work.policy.filler:
            call.filler_clock = self._number()
            self._clocks[call.filler_clock] = ("filler", call)
            yield do.Wake(call.filler_clock, work.policy.filler_after_s)
        if not work.suspended:
            yield from self._detach_later(call, work)

    def _detach_later(self, call: Call, work: Work) -> Iterator[do.CallEffect]:
        if (after_s := work.policy.detach_after_s) is not None and call.state is CallState.WAITING:
            call.clock = self._number()
            self._clocks[call.clock] = ("detach", call)
            yield do.Wake(call.clock, after_s)

    def _suspend(self, work: Work) -> Iterator[do.CallEffect]:
        work.suspended += 1
        if work.suspended == 1:
            yield from self._stop_clock(work)
            for call in work.calls:
                yield from self._stop_clock(call)
                yield from self._stop_filler(call)

    def _resume(self, work: Work) -> Iterator[do.CallEffect]:
        work.suspended -= 1
        if work.suspended == 0:
            yield from self._clock(work, "attempt", work.policy.timeout_s)
            for call in work.calls:
                yield from self._detach_later(call, work)

    def _interrupt(self, call: Call) -> Iterator[do.CallEffect]:
        work = call.work
        begun = work is not None and work.attempt > 0
        if not begun and (call.policy is None or call.policy.on_interruption != "keep"):
            yield from self._cancel(call, say.INTERRUPTED)
            return
        if call.state is CallState.DONE or call.policy is None or work is None:
            return
        match call.policy.on_interruption:
            case "keep":
                yield from self._detach(call)
            case "cancel":
                yield from self._cancel(call, say.INTERRUPTED)
            case "ask":
                call.asked = True
                yield do.Ask(work.number, work.first.number)

    def _detach(self, call: Call) -> Iterator[do.CallEffect]:
        if call.state is CallState.WAITING:
            call.state, call.result = CallState.DETACHED, (say.STILL_RUNNING, False)
            yield from self._stop_clock(call)
            yield from self._stop_filler(call)
            yield from self._deliver(call.batch)

    def _cancel(self, call: Call, why: str) -> Iterator[do.CallEffect]:
        """Of a call that has no result yet, and was not delivered as still running."""
        if call.state is CallState.DONE or call.batch not in self._batches:
            return
        work = call.work
        text = why + (say.IN_PART if work is not None and work.attempt else "")
        yield from self._settle(call, text, failed=True, cancelled=True)
        if work is not None:
            yield from self._leave(call, work)

    def _leave(self, call: Call, work: Work) -> Iterator[do.CallEffect]:
        """The call waits no longer; a work that nobody waits for is stopped."""
        work.calls.remove(call)
        if work.calls:
            return
        match work.state:
            case WorkState.QUEUED | WorkState.PAUSED:
                yield from self._end(work)
            case WorkState.RUNNING:
                yield from self._stop(work, again=False)
            case WorkState.STOPPING:
                work.again = False
                yield from self._stop_clock(work)

    def _settle(self, call: Call, text: str, *, failed: bool, cancelled: bool = False) -> Iterator[do.CallEffect]:
        """The call has its result."""
        yield do.Ended(call.id, call.name, "cancelled" if cancelled else "failed" if failed else "done")
        late = call.batch not in self._batches  # delivered, as still running
        call.state, call.result = CallState.DONE, (text, failed)
        del self._calls[call.number]
        yield from self._stop_clock(call)
        yield from self._stop_filler(call)
        if call.work is None or call.work.first is not call:
            yield do.Forget(call.number)
        if late:
            told = f"The result of the call {call.id} from before: {text}"
            yield do.DeliverLate(
                call.id,
                ToolUse(self._ids.new(f"{call.id[:56]}_late"), call.name, call.arguments, told, failed),
                call.handoff,
            )
        else:
            yield from self._deliver(call.batch)

    def _deliver(self, batch: int) -> Iterator[do.CallEffect]:
        calls = self._batches.get(batch)
        if calls is None or any(call.result is None for call in calls):
            return
        del self._batches[batch]
        self._moved_on.discard(batch)
        self._fillers.over(batch)
        yield do.Deliver(
            batch,
            tuple(ToolUse(call.id, call.name, call.arguments, *call.result) for call in calls if call.result),
            tuple((call.id, call.handoff) for call in calls if call.handoff),
        )

    # ---- Works.

    def _queue_up(self, work: Work) -> Iterator[do.CallEffect]:
        work.state = WorkState.QUEUED
        self._queue.append(work)
        yield from self._clock(work, "room", work.policy.timeout_s)

    def _start(self) -> Iterator[do.CallEffect]:
        """Whoever has waited longest and has room."""
        for work in tuple(self._queue):
            busy = [other for other in self._works.values() if other.state in (WorkState.RUNNING, WorkState.STOPPING)]
            if len(busy) >= self._at_once:
                return
            if sum(other.name == work.name for other in busy) < work.policy.at_once:
                self._queue.remove(work)
                work.state = WorkState.RUNNING
                work.attempt += 1
                yield from self._clock(work, "attempt", work.policy.timeout_s)
                yield do.Run(work.number, work.attempt, work.first.number)

    def _ended(self, work: Work, item: it.Returned | it.Raised | it.Stopped) -> Iterator[do.CallEffect]:
        """An attempt has ended, as it was to or not."""
        if work.state not in (WorkState.RUNNING, WorkState.STOPPING):
            return
        match item:
            case it.Returned():
                if work.key is not None:
                    self._done[work.key] = item.text, item.handoff
                    while len(self._done) > KEYS_KEPT:
                        self._done.popitem(last=False)
                for call in work.calls:
                    call.handoff = item.handoff
                yield from self._outcome(work, item.text, failed=False)
            case it.Raised() if work.state is WorkState.RUNNING:
                if item.transient and work.attempt <= work.policy.retries:
                    yield from self._pause(work)
                else:
                    yield from self._outcome(work, item.text, failed=True)
            case it.Stopped() if work.state is WorkState.RUNNING:
                yield from self._outcome(work, "The tool was cancelled from within, and gave no result.", failed=True)
            case _:
                yield from self._pause(work) if work.again else self._end(work)

    def _pause(self, work: Work) -> Iterator[do.CallEffect]:
        work.state, work.again, work.suspended = WorkState.PAUSED, False, 0
        yield from self._clock(work, "pause", work.policy.backoff_s * 2 ** min(work.attempt - 1, 16))

    def _stop(self, work: Work, *, again: bool) -> Iterator[do.CallEffect]:
        work.state, work.again = WorkState.STOPPING, again
        yield from self._stop_clock(work)
        yield do.Cancel(work.number, work.attempt)
        if again:
            yield from self._clock(work, "stop", STOP_GRACE_S)

    def _outcome(self, work: Work, text: str, *, failed: bool) -> Iterator[do.CallEffect]:
        """To all who wait for it; then the work is over."""
        yield from self._give(work, text, failed=failed)
        yield from self._end(work)

    def _give(self, work: Work, text: str, *, failed: bool) -> Iterator[do.CallEffect]:
        calls, work.calls = work.calls, []
        for call in calls:
            yield from self._settle(call, text, failed=failed)

    def _end(self, work: Work) -> Iterator[do.CallEffect]:
        del self._works[work.number]
        if work in self._queue:
            self._queue.remove(work)
        yield from self._stop_clock(work)
        yield do.Forget(work.first.number)

    def _woke(self, clock: Clock) -> Iterator[do.CallEffect]:
        kind, what = clock
        if kind == "filler" and isinstance(what, Call):
            what.filler_clock = None
            if (text := self._fillers.next(what)) is not None:
                yield do.Fill(what.id, what.name, text)
            return
        what.clock = None
        if isinstance(what, Call):
            yield from self._detach(what)
            return
        waited_s = what.policy.timeout_s
        match kind:
            case "room":
                text = f"Not run: too many calls are under way, and none of them ended within {waited_s:g} s."
                yield from self._outcome(what, text, failed=True)
            case "attempt" if what.retry_timeouts and what.attempt <= what.policy.retries:
                yield from self._stop(what, again=True)
            case "attempt":
                yield from self._give(what, f"Given up: no result within {waited_s:g} s.{say.IN_PART}", failed=True)
                yield from self._stop(what, again=False)
            case "stop":
                what.again = False
                yield from self._give(what, f"Given up: no result within {waited_s:g} s.{say.IN_PART}", failed=True)
            case "pause":
                yield from self._queue_up(what)

    def _close(self) -> Iterator[do.CallEffect]:
        self.closed = True
        for call in tuple(self._calls.values()):
            if call.batch not in self._batches:  # delivered as still running
                del self._calls[call.number]
                call.state = CallState.DONE
                yield do.Ended(call.id, call.name, "cancelled")
                if call.work is not None:
                    if call.work.first is not call:
                        yield do.Forget(call.number)
                    yield from self._leave(call, call.work)
            else:
                yield from self._cancel(call, say.CLOSED)

    def forget_end(self, key: str) -> None:
        """Nobody knows whether it was done: it is not run any more."""
        self._unknown[key] = None
        while len(self._unknown) > KEYS_KEPT:
            self._unknown.popitem(last=False)

    # ---- Clocks.

    def _clock(
        self, work: Work, kind: Literal["room", "attempt", "stop", "pause"], after_s: float
    ) -> Iterator[do.CallEffect]:
        yield from self._stop_clock(work)
        work.clock = self._number()
        self._clocks[work.clock] = (kind, work)
        yield do.Wake(work.clock, after_s)

    def _stop_clock(self, what: Call | Work) -> Iterator[do.CallEffect]:
        if what.clock is not None:
            del self._clocks[what.clock]
            yield do.StopClock(what.clock)
            what.clock = None

    def _stop_filler(self, call: Call) -> Iterator[do.CallEffect]:
        if call.filler_clock is not None:
            del self._clocks[call.filler_clock]
            yield do.StopClock(call.filler_clock)
            call.filler_clock = None

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers
