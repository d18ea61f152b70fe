"""What carries the machine's effects out for tools: checks arguments, runs functions, keeps clocks. Decides nothing.

Owns everything that runs: when `aclose` returns, no task, clock or process is left, and threads that would not end are
named.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import json
import threading
import warnings
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from rtaudio.voice.calling import Calling, calling
from rtaudio.voice.handoff import Handoff
from rtaudio.voice.protocols import ToolCall
from rtaudio.voice.suspending import suspending
from rtaudio.voice.tasks import Tasks
from rtaudio.voice.tools import call_effects as do
from rtaudio.voice.tools import call_items as it
from rtaudio.voice.tools.context import SessionHandle, ToolContext
from rtaudio.voice.tools.definition import Tool
from rtaudio.voice.tools.errors import ArgumentError
from rtaudio.voice.tools.processes import Killer, Processes
from rtaudio.voice.tools.results import UnusableResult
from rtaudio.voice.tools.running import UNUSABLE, Outcome, attempt, raised, returned
from rtaudio.voice.tools.threads import Threads
from rtaudio.voice.tools.toolset import Toolset

WriteAhead = Callable[[], Awaitable[str]]
"""Has what is about to be run written down. Gives why that could not be done; "": it is."""
HandOver = Callable[[Handoff, int], int]
"""Makes an agent known that a tool of another (by number) returned; gives its number. Raises for one that is none."""
NOT_WRITTEN: Final = "Not run: it could not be written down first, which keeps it from being done twice."
MOST_REPORT_CHARS: Final = 1000
MOST_REPORTS: Final = 100
"""Of one call; more are dropped, and counted."""


class Ready:
    """A call whose arguments fit, the context of all its attempts, and the agent (by number) that it is of."""

    def __init__(
        self,
        tool: Tool[..., Any],
        text: str,
        arguments: dict[str, Any],
        context: ToolContext[Any],
        agent: int,
        keyed: bool,
    ) -> None:
        self.tool, self.text, self.arguments, self.context, self.agent = tool, text, arguments, context, agent
        self.keyed = keyed
        self.reports = 0


class Hands:
    """One runner's hands. `failed` hears of errors that the model is not told: tool, and what it raised. `holds`:
    whether the answer still waits for that call."""

    def __init__(
        self,
        tools: Toolset,
        post: Callable[[it.CallItem], None],
        failed: Callable[[str, BaseException], None],
        *,
        data: Any,
        session: SessionHandle | None,
        prefix: str,
        hand_over: HandOver | None = None,
        holds: Callable[[int], bool] = lambda call: True,
        write_ahead: WriteAhead | None = None,
    ) -> None:
        self._write_ahead = write_ahead
        self.tools = tools
        self._holds = holds
        self.agent = 0  # whose tools they are, by number
        self._hand_over = hand_over
        self.reports_dropped = 0
        self._lock = threading.Lock()  # reports come from any thread
        self._post, self._failed = post, failed
        self._data, self._session, self._prefix = data, session, prefix
        self._tasks = Tasks(lambda error: failed("a tool's task", error))
        self._threads, self._processes = Threads(), Processes()
        self._ready: dict[int, Ready] = {}
        self._running: dict[int, tuple[Ready, asyncio.Task[None]]] = {}
        self._clocks: dict[int, asyncio.TimerHandle] = {}

    def carry_out(self, effect: do.CallEffect) -> None:
        """One effect that is for the hands."""
        match effect:
            case do.Prepare():
                self._post(self._prepare(effect))
            case do.Run():
                self._run(effect)
            case do.Cancel():
                if (running := self._running.get(effect.work)) is not None:  # or it has just ended, and said so
                    running[0].context._cancelled.set()
                    self._tasks.cancel(running[1])
            case do.Ask():
                self._post(it.Answered(effect.work, self._ready[effect.call].context.may_cancel))
            case do.Forget():
                self._ready.pop(effect.call, None)
            case do.Wake():
                later = asyncio.get_running_loop().call_later(effect.after_s, self._woke, effect.timer)
                self._clocks[effect.timer] = later
            case do.StopClock():
                if (clock := self._clocks.pop(effect.timer, None)) is not None:
                    clock.cancel()
            case _:
                raise TypeError(f"{type(effect).__name__} is no effect for the hands of tools")

    async def aclose(self, timeout_s: float) -> None:
        """Ends everything. ResourceWarning: a tool does not end within `timeout_s` (twice that, if it blocks)."""
        for clock in self._clocks.values():
            clock.cancel()
        self._clocks.clear()
        left = await self._tasks.aclose(timeout_s)
        self._threads.give_up()
        await self._tasks.aclose(timeout_s)
        await asyncio.get_running_loop().run_in_executor(None, self._processes.close)
        self._ready.clear()
        if left:
            warnings.warn(f"tools closed, but these keep running: {', '.join(left)}", ResourceWarning, 2)

    def _woke(self, timer: int) -> None:
        del self._clocks[timer]
        self._post(it.Woke(timer))

    # ---- Before a call.

    def _prepare(self, effect: do.Prepare) -> it.CallItem:
        asked = effect.tool_call
        names = self.tools.names
        if effect.only is not None:
            names = tuple(name for name in names if name in effect.only)
        tool = self.tools.find(asked.name)
        if tool is None or tool.name not in names:
            return it.Refused(effect.call, _unknown(asked, names))
        try:
            arguments = tool.check(asked.arguments)
            key = tool.key(arguments)
        except ArgumentError as error:
            return it.Refused(effect.call, str(error))
        except Exception as error:  # the user's own validators, or the key
            outcome = raised(tool, error)
            self._told(tool, outcome)
            return it.Refused(effect.call, outcome.text)
        own = key if key is not None else f"{self._prefix}{effect.call_id}"
        context = ToolContext(effect.call_id, tool.name, own, self._data, _session=self._session)
        self._ready[effect.call] = Ready(tool, asked.arguments, arguments, context, self.agent, key is not None)
        same = f"{tool.name}:{_canonical(asked.arguments)}"
        return it.Prepared(effect.call, tool.policy, key, same, issubclass(TimeoutError, tool.retry_on))

    # ---- A call.

    def _run(self, effect: do.Run) -> None:
        ready = self._ready[effect.call]
        ready.context.attempt = effect.attempt
        ready.context._tell = self._teller(ready, effect.work)
        name = f"tool {ready.tool.name} ({ready.context.call_id})"
        task = self._tasks.start(self._attempt(effect, ready, name), name)
        if not task.done():  # a loop with eager tasks runs short ones at once
            self._running[effect.work] = (ready, task)

    async def _attempt(self, effect: do.Run, ready: Ready, name: str) -> None:
        """Posts one item, whatever happens."""
        item: it.CallItem = it.Stopped(effect.work, effect.attempt)
        suspending.set(self._suspender(effect))
        holds = partial(self._holds, effect.call)
        calling.set(Calling(ready.tool.name, self._session, asyncio.current_task(), holds))
        try:
            outcome, number = await self._outcome(ready, name), 0
            if outcome.handoff is not None:
                outcome, number = self._came(ready, outcome, outcome.handoff)
            self._told(ready.tool, outcome)
            if outcome.failed:
                item = it.Raised(effect.work, effect.attempt, outcome.text, outcome.transient)
            else:
                item = it.Returned(effect.work, effect.attempt, outcome.text, number)
        finally:
            self._running.pop(effect.work, None)
            self._post(item)

    async def _outcome(self, ready: Ready, name: str) -> Outcome:
        tool, context = ready.tool, ready.context
        if ready.keyed and self._write_ahead is not None and (why := await self._write_ahead()):
            return Outcome(f"{NOT_WRITTEN} {why}", failed=True)
        match tool.run:
            case "thread":
                return await self._threads.run(
                    lambda: attempt(tool, ready.arguments, context), name, context._cancelled.set
                )
            case "process":
                killer = Killer()
                return await self._threads.run(
                    lambda: self._processes.call(tool, ready.text, killer), name, killer.kill
                )
            case "loop":
                try:
                    value = tool.invoke(ready.arguments, context)
                    return returned(tool, await value if tool.is_async else value)
                except Exception as error:
                    return raised(tool, error)

    def _came(self, ready: Ready, outcome: Outcome, handoff: Handoff) -> tuple[Outcome, int]:
        """The agent's number; where it cannot be put in charge, the tool has failed."""
        try:
            if self._hand_over is None:
                raise UnusableResult("it returned an Agent, and there is no session that could be handed over")
            return outcome, self._hand_over(handoff, ready.agent)
        except Exception as error:
            return Outcome(UNUSABLE, failed=True, error=error), 0

    def _suspender(self, effect: do.Run) -> Callable[[bool], None]:
        def suspend(waits: bool) -> None:
            kind = it.Suspended if waits else it.Resumed
            self._post(kind(effect.work, effect.attempt))

        return suspend

    def _told(self, tool: Tool[..., Any], outcome: Outcome) -> None:
        if outcome.error is not None:
            self._failed(tool.where, outcome.error)

    def _teller(self, ready: Ready, work: int) -> Callable[[str, bool], None]:
        loop = asyncio.get_running_loop()

        def post(text: str, spoken: bool) -> None:
            self._post(it.Reported(work, text, spoken))

        def tell(text: str, spoken: bool) -> None:
            with self._lock:
                ready.reports += 1
                if ready.reports > MOST_REPORTS:
                    self.reports_dropped += 1
                    return
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(post, str(text)[:MOST_REPORT_CHARS], spoken)

        return tell


def _unknown(asked: ToolCall, names: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(asked.name[:64], names, 1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    shown = ", ".join(names[:40]) or "none"
    return f"There is no tool {asked.name[:64]!r}.{meant} Those there are: {shown}."


def _canonical(text: str) -> str:
    """Equal for equal arguments; `text` has been read before."""
    return json.dumps(json.loads(text) if text.strip() else {}, sort_keys=True)
