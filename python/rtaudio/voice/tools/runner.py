"""Runs the tool calls of a model's replies: in parallel, results in the order of the calls, never a call without one.

    async with ToolRunner(Toolset(weather, bookings)) as runner:
        uses = await runner.run(calls)           # of one reply
        history.append(ChatMessage("assistant", text, tools=uses))

A session has one (tool_desk.py): it submits a reply's calls and holds on to the `Batch`; tells it of interruptions and
of talk that moves on; puts results, late ones too, into its history; and says what tools ask it to. What decides is the
machine in calls.py, whose items and effects `record` gets, for a journal.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from rtaudio.voice.chat import ToolUse
from rtaudio.voice.mailbox import Mailbox
from rtaudio.voice.protocols import ToolCall
from rtaudio.voice.tools import call_effects as do
from rtaudio.voice.tools import call_items as it
from rtaudio.voice.tools.call_records import CallsState
from rtaudio.voice.tools.call_resume import agents_in, state_of
from rtaudio.voice.tools.calls import Calls
from rtaudio.voice.tools.context import SessionHandle
from rtaudio.voice.tools.hands import HandOver, Hands, WriteAhead
from rtaudio.voice.tools.toolset import Toolset

T = TypeVar("T")
CLOSE_TIMEOUT_S: Final = 2.0
log = logging.getLogger("rtaudio.tools")


@dataclass(frozen=True, slots=True)
class Progress:
    """A tool told how far it is. `spoken`: it is to be said; where the runner has a session, it has been handed on."""

    call_id: str
    tool: str
    text: str
    spoken: bool


@dataclass(frozen=True, slots=True)
class LateResult:
    """The result of a call that was delivered as still running. `use` is for the history; `of`: that call's id.
    `handoff`: number of the agent that its tool returned; 0: none."""

    of: str
    use: ToolUse
    handoff: int = 0


@dataclass(frozen=True, slots=True)
class Filler:
    """A call takes long: `text` may be said, unless its result comes first."""

    call_id: str
    text: str


class Batch:
    """The calls of one reply. Each method does nothing once the results are there."""

    def __init__(self, number: int, post: Callable[[it.CallItem], None]) -> None:
        self.number, self._post = number, post
        self.results: asyncio.Future[tuple[ToolUse, ...]] = asyncio.get_running_loop().create_future()
        """A use for every call, in order. Never raises; cancelling it stops nothing."""
        self.handoffs: tuple[tuple[str, int], ...] = ()
        """With the results: (id of a call, number of the agent that its tool returned)."""

    def interrupt(self) -> None:
        """The user interrupted the reply: each tool's `on_interruption` says what becomes of its call."""
        self._post(it.Interrupted(self.number))

    def move_on(self) -> None:
        """The talk does not wait: what is not there yet comes late."""
        self._post(it.MovedOn(self.number))

    def drop(self) -> None:
        """Cancels all of it."""
        self._post(it.Dropped(self.number))


class ToolRunner:
    """One conversation's tools. Used by the thread of its event loop, inside `async with`.

    `data`         what tools get as `ToolContext.data`
    `at_once`      how many run side by side, of all tools
    `late`, `progress`, `filler`   called with each, at once
    `watch`        called when a call was taken, and when it has come to its end
    `failed`       called with the tool and an exception that the model is not told; by default it is logged
    `record`       gets every item and effect, for a journal
    `ids`          of calls that the history holds already
    `hand_over`    makes known an agent that a tool returned, and gives its number; without, the tool has failed
    `name`         of the conversation, in the keys of calls that have none of their own; by default a random one
    `write_ahead`  awaited before a function with a key is run; it is not run where that gives a reason

    What these callbacks raise is logged (`rtaudio.tools`), and changes nothing. `tools` may be replaced between
    replies.
    """

    def __init__(
        self,
        tools: Toolset,
        *,
        data: Any = None,
        session: SessionHandle | None = None,
        at_once: int = 16,
        late: Callable[[LateResult], None] | None = None,
        progress: Callable[[Progress], None] | None = None,
        filler: Callable[[Filler], None] | None = None,
        watch: Callable[[do.Began | do.Ended], None] | None = None,
        failed: Callable[[str, BaseException], None] | None = None,
        record: Callable[[it.CallItem | do.CallEffect], None] | None = None,
        ids: Iterable[str] = (),
        name: str | None = None,
        hand_over: HandOver | None = None,
        write_ahead: WriteAhead | None = None,
    ) -> None:
        self.name = name if name is not None else uuid.uuid4().hex
        self._machine = Calls(at_once, ids)
        self._post = Mailbox[it.CallItem](self._handle).post
        told = failed if failed is not None else _log_failure
        self._hands = Hands(
            *(tools, self._post, told),
            data=data,
            session=session,
            prefix=f"{self.name}/",
            hand_over=hand_over,
            write_ahead=write_ahead,
            holds=self._machine.holds,
        )
        self._session, self._late, self._progress, self._record = session, late, progress, record
        self._watch, self._filler = watch, filler
        self._batches: dict[int, Batch] = {}
        self._closing: asyncio.Task[None] | None = None
        self._number = 0
        self._entered = False

    @property
    def tools(self) -> Toolset:
        return self._hands.tools

    @tools.setter
    def tools(self, tools: Toolset) -> None:
        self._hands.tools = tools

    @property
    def refused(self) -> int:
        """Calls beyond the 256 that may be without a result at one time."""
        return self._machine.refused

    @property
    def reports_dropped(self) -> int:
        """Of calls that told more than 100 times."""
        return self._hands.reports_dropped

    @property
    def busy(self) -> bool:
        """Something is run, or is to be: also what nobody waits for any more and has not stopped."""
        return self._machine.busy

    def submit(self, calls: Sequence[ToolCall], only: Sequence[str] | None = None) -> Batch:
        """Begins the calls of one reply. `only`: names of the tools that it may call; None: all there are. RuntimeError
        outside `async with`."""
        if not self._entered or self._machine.closed:
            raise RuntimeError("the tool runner is not running: use it inside `async with`")
        self._number += 1
        batch = self._batches[self._number] = Batch(self._number, self._post)
        self._post(it.Called(self._number, tuple(calls), tuple(only) if only is not None else None))
        return batch

    async def run(self, calls: Sequence[ToolCall]) -> tuple[ToolUse, ...]:
        """The same, and waits. Cancelled: so are the calls."""
        batch = self.submit(calls)
        try:
            return await asyncio.shield(batch.results)
        except asyncio.CancelledError:
            batch.drop()
            raise

    async def aclose(self) -> None:
        """Cancels what is under way; each call still gets its result. Idempotent; if the caller is cancelled meanwhile,
        closing goes on to its end. ResourceWarning: a tool that does not end."""
        if self._closing is None:
            self._post(it.CloseAsked())
            work = self._hands.aclose(CLOSE_TIMEOUT_S)
            self._closing = asyncio.get_running_loop().create_task(work, name="close tools")
        await asyncio.shield(self._closing)

    def begin(self) -> None:
        """As entering does; `aclose` has to follow."""
        self._entered = True

    def work_for(self, agent: int, tools: Toolset) -> None:
        """From now on calls are of these tools, and of this agent (by number); those under way go on."""
        self._hands.agent, self._hands.tools = agent, tools

    def agents_in_results(self) -> list[int]:
        """Numbers of the agents that results hand over to, which are not delivered or may be given again."""
        return agents_in(self._machine)

    def state(self, numbers: Mapping[int, int]) -> CallsState:
        """What a successor has to know; `numbers`: the new number of each agent."""
        return state_of(self._machine, numbers)

    def take_up(self, state: CallsState, ids: Iterable[str] = ()) -> dict[int, Batch]:
        """Goes on with what another had under way, before anything else is submitted: by their numbers, the batches
        whose results are still to come. `ids`: of calls that have one."""
        self._number = state.last_batch
        numbers = dict.fromkeys(record.batch for record in state.calls if not record.late)
        batches = {number: Batch(number, self._post) for number in numbers}
        self._batches.update(batches)
        self._post(it.CallsRestored(state, tuple(ids)))
        return batches

    async def __aenter__(self) -> ToolRunner:
        self.begin()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    # ---- Items and effects.

    def _handle(self, item: it.CallItem) -> None:
        _call(self._record, item)
        for effect in self._machine.handle(item):
            _call(self._record, effect)
            self._carry_out(effect)

    def _carry_out(self, effect: do.CallEffect) -> None:
        match effect:
            case do.Deliver():
                batch = self._batches.pop(effect.batch)
                batch.handoffs = effect.handoffs
                if not batch.results.done():
                    batch.results.set_result(effect.uses)
            case do.DeliverLate():
                _call(self._late, LateResult(effect.of, effect.use, effect.handoff))
            case do.Began() | do.Ended():
                _call(self._watch, effect)
            case do.Fill():
                _call(self._filler, Filler(effect.call_id, effect.text))
            case do.Tell():
                if effect.spoken and self._session is not None:
                    _call(self._session.say, effect.text)
                _call(self._progress, Progress(effect.call_id, effect.tool, effect.text, effect.spoken))
            case _:
                self._hands.carry_out(effect)


def _call(callback: Callable[[T], object] | None, value: T) -> None:
    """What is not ours must not break off what is."""
    try:
        if callback is not None:
            callback(value)
    except Exception as error:
        log.error("%r: %s", callback, error, exc_info=error)


def _log_failure(where: str, error: BaseException) -> None:
    log.error("%s: %s", where, error, exc_info=error)
