"""Agents of a schedule: tools, hooks and stages that do what it says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, Final

from rtaudio.core import TurnConfig
from rtaudio.testing import FakeFailure
from rtaudio.voice import Agent, Task
from rtaudio.voice.agent import StopReply
from rtaudio.voice.history_policy import HistoryPolicy, copy, filtered, fresh, last, summarised
from rtaudio.voice.tools import ToolContext, client_tool, tool
from tests.faults.providers import swallow, text_of
from tests.faults.schedule import Schedule


class Cast:
    """Makes the agents of one run. `next_number`: of words that nobody else says. `providers`: by kind, for those who
    have their own."""

    def __init__(self, schedule: Schedule, next_number: Any, providers: dict[str, Any]) -> None:
        self.schedule, self.next_number, self.providers = schedule, next_number, providers
        self.tools = tools_of(self)
        self.tasks_begun = 0

    def text(self, kind: str = "short") -> str:
        return text_of(kind, self.next_number())

    def agent(self, name: str = "first") -> Agent:
        greeting = self.schedule.greeting
        kind = type(name.title(), (Agent,), {**self._stages(), **self._hooks()})
        first = name == "first"
        if not first and "speaks_first" in self.schedule.others:
            greeting = "short"
        elif not first:
            greeting = None
        return kind(  # type: ignore[no-any-return]
            "Be brief.",
            name=name,
            greeting=self.text(greeting) if greeting is not None else None,
            greeting_interruption=self.schedule.greeting_policy,
            tools=self.tools,
            **({} if first else self._own()),
        )

    def _own(self) -> dict[str, Any]:
        """What those have of their own who take over."""
        others, own = self.schedule.others, dict[str, Any]()
        for name, kind in (("own_voice", "tts"), ("own_model", "llm"), ("own_ear", "stt")):
            if name in others and not (self.schedule.realtime and kind != "tts"):
                own[kind] = self.providers[kind]
        if "turns" in others:
            own["turns"] = TurnConfig(silence_s=0.4)
        for name in others:
            if name in _POLICIES:
                own["history"] = _POLICIES[name]
        return own

    def task(self) -> Task[int]:
        """Completes itself soon, or by its tool."""
        cast = self
        self.tasks_begun += 1
        soon = self.tasks_begun % 2 == 1

        class Ask(Task[int]):
            async def on_enter(self, session: Any) -> None:
                if "enter_raises" in cast.schedule.others:
                    raise FakeFailure("told to raise")
                if "fails" in cast.schedule.others and not soon:
                    self.fail(FakeFailure("told to fail"))
                if soon:
                    await asyncio.sleep(0.3)
                    if not self.over:
                        self.complete(1)

        return Ask("Ask for it.", tools=cast.tools, greeting=None if soon else self.text(), **self._own())

    def _hooks(self) -> dict[str, Any]:
        hooks = dict(self.schedule.hooks)
        cast = self

        async def fault(mode: str, session: Any) -> None:
            match mode:
                case "raise":
                    raise FakeFailure("told to raise")
                case "hang":
                    await asyncio.get_running_loop().create_future()
                case "says":
                    session.say(cast.text())
                case "runs_task":
                    if cast.tasks_begun < 3:
                        await session.run_task(cast.task(), timeout_s=2.0)
                case "cancelled":
                    raise asyncio.CancelledError
                case "stops":
                    raise StopReply
                case "swallow":
                    await swallow()

        async def on_enter(self: Agent, session: Any) -> None:
            await fault(hooks["on_enter"], session)

        async def on_exit(self: Agent, session: Any) -> None:
            await fault(hooks["on_exit"], session)

        async def on_turn(self: Agent, session: Any, message: Any) -> str | None:
            await fault(hooks["on_turn"], session)
            return "looked up"

        return {hook.__name__: hook for hook in (on_enter, on_exit, on_turn) if hook.__name__ in hooks}

    def _stages(self) -> dict[str, Any]:
        made = {}
        for name, mode, after in self.schedule.stages:
            made[name] = _stage(name, mode, after)
        return made


async def _hangs(messages: Any) -> str:
    return str(await asyncio.get_running_loop().create_future())


async def _raises(messages: Any) -> str:
    raise FakeFailure("told to raise")


async def _sums_up(messages: Any) -> str:
    await asyncio.sleep(0.2)
    return f"{len(messages)} messages"


def _keep_raises(message: Any) -> bool:
    raise FakeFailure("told to raise")


_POLICIES: Final[dict[str, HistoryPolicy]] = {
    "fresh": fresh,
    "copy": copy,
    "last": last(2),
    "filtered": filtered(lambda message: message.role == "user"),
    "filter_raises": filtered(_keep_raises),
    "summary": summarised(_sums_up, recent=1),
    "summary_raises": summarised(_raises),
    "summary_hangs": summarised(_hangs, timeout_s=0.5),
    "summary_model": summarised(timeout_s=1.0),
}


def _stage(name: str, mode: str, after: int) -> Any:
    async def through(source: AsyncIterator[Any]) -> AsyncIterator[Any]:
        at = 0
        async for piece in source:
            if at >= after and mode != "fine":
                match mode:
                    case "raise":
                        raise FakeFailure("told to raise")
                    case "hang":
                        await asyncio.get_running_loop().create_future()
                    case "nothing":
                        return
                    case "swallow":
                        await swallow()
                    case "wrong":
                        yield 17
                    case "cancelled":
                        raise asyncio.CancelledError
            at += 1
            yield piece

    match name:
        case "stt":
            return lambda self, audio: through(Agent.stt(self, audio))
        case "llm":
            return lambda self, chat, tools: through(Agent.llm(self, chat, tools))
        case "tts":
            return lambda self, text: through(Agent.tts(self, text))
    return lambda self, text: through(Agent.transcription(self, text))


class Transient(Exception):
    """Worth another attempt."""


def tools_of(cast: Cast) -> list[Any]:
    """All of tests.faults.schedule.TOOLS but the one that is not there."""

    @tool
    async def quick(a: int = 0) -> str:
        """Is quick."""
        return "quickly"

    @tool
    async def raises() -> str:
        """Raises."""
        raise FakeFailure("told to raise")

    @tool(timeout_s=1.0)
    async def hangs() -> str:
        """Hangs."""
        return str(await asyncio.get_running_loop().create_future())

    @tool(on_interruption="cancel")
    async def waits() -> str:
        """Waits."""
        await asyncio.sleep(0.7)
        return "waited"

    @tool
    def blocks() -> str:
        """Blocks, in a thread."""
        time.sleep(0.001)
        return "blocked"

    @tool
    async def odd() -> Any:
        """Gives what nobody can write down."""
        return {"it": object(), 3: {1, 2}, "half": "\ud83d", "nan": float("nan")}

    @tool
    async def much() -> str:
        """Gives much."""
        return "much " * 100_000

    @tool
    async def tells(context: ToolContext) -> str:
        """Tells how far it is."""
        context.progress("a part")
        await asyncio.sleep(0.3)
        context.say(cast.text())
        await asyncio.sleep(0.3)
        return "told"

    @tool(filler="One moment.", filler_after_s=0.2)
    async def fills() -> str:
        """Takes a while."""
        await asyncio.sleep(0.9)
        return "filled"

    @tool(detach_after_s=0.3)
    async def detaches() -> str:
        """Takes longer."""
        await asyncio.sleep(1.5)
        return "later"

    @tool
    async def says(context: ToolContext) -> str:
        """Has something said."""
        context.session.say(cast.text())
        return "said"

    replied = iter(range(1_000_000))

    @tool
    async def replies(context: ToolContext) -> str:
        """Has the model speak."""
        if next(replied) < 2:  # a model that always calls this would go on for ever
            await context.session.generate_reply(instructions="Go on.", priority="high")
        return "replied"

    @tool(on_interruption="ask")
    async def asks(context: ToolContext) -> str:
        """May be cancelled, for a while."""
        await asyncio.sleep(0.2)
        context.may_cancel = False
        await asyncio.sleep(0.6)
        return "asked"

    @client_tool(timeout_s=1)
    async def page(a: int = 0) -> str:
        """Asks the page."""
        raise AssertionError("never run here")

    @tool
    async def hands_over() -> Any:
        """Hands over."""
        return cast.agent("second"), "Handed over."

    @tool
    async def hands_badly() -> Any:
        """Hands over what is none."""
        return cast.agent("second"), 3

    @tool
    async def runs_task(context: ToolContext) -> str:
        """Runs a task."""
        if cast.tasks_begun >= 3:
            return "no more tasks"
        return str(await context.run_task(cast.task(), timeout_s=2.0))

    @tool
    async def cancels_itself() -> str:
        """Cancels the task it runs in."""
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0.1)
        return "not reached"

    @tool
    async def cancelled() -> str:
        """Raises CancelledError."""
        raise asyncio.CancelledError

    @tool
    async def interrupts(context: ToolContext) -> str:
        """Interrupts the session."""
        context.session.interrupt()
        return "interrupted"

    @tool(timeout_s=1.0, on_interruption="cancel")
    async def swallows() -> str:
        """Takes no cancellation."""
        await swallow()
        return "at last"

    @tool(duplicates="join")
    async def joins() -> str:
        """Runs once, whoever calls."""
        await asyncio.sleep(0.4)
        return "joined"

    failed = iter(range(1_000_000))

    @tool(retries=1, retry_on=(Transient,), backoff_s=0.1)
    async def retries() -> str:
        """Fails every other time."""
        if next(failed) % 2 == 0:
            raise Transient("once more")
        return "tried again"

    called = repr(cast.schedule.replies)
    tools = [
        *(quick, raises, hangs, waits, blocks, odd, much, tells, fills, detaches, says, replies, asks, page),
        *(hands_over, hands_badly, runs_task, cancels_itself, cancelled, interrupts, swallows, joins, retries),
    ]
    return [each for each in tools if repr(each.spec.name) in called]
