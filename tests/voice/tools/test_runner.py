"""Tools really run: on the loop, in threads, in processes; whatever they do, each call has its result."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio.testing import VirtualTimeLoop, run
from rtaudio.voice.agent import Agent
from rtaudio.voice.chat import ChatContext, ChatMessage
from rtaudio.voice.tools import Progress, ToolContext, ToolError, ToolRunner, Toolset, tool
from rtaudio.voice.tools import call_effects as do
from rtaudio.voice.tools import call_state as say
from rtaudio.voice.tools.running import BROKEN, UNUSABLE
from tests.voice.tools.rig import call, outputs, runner


@tool
async def slow(seconds: float, word: str = "done") -> str:
    """Takes its time."""
    await asyncio.sleep(seconds)
    return word


def test_calls_run_side_by_side_and_results_come_in_order() -> None:
    async def main() -> None:
        async with runner(slow) as (tools, _):
            loop = asyncio.get_running_loop()
            began = loop.time()
            uses = await tools.run([call("slow", f'{{"seconds": {s}, "word": "{s}"}}', f"c{s}") for s in (3, 1, 2)])
            assert outputs(uses) == ["3", "1", "2"]
            assert loop.time() - began == pytest.approx(3.0)
            assert [(use.id, use.name, use.failed) for use in uses] == [(f"c{s}", "slow", False) for s in (3, 1, 2)]

    run(main())


@dataclass
class Point:
    x: int
    y: float = float("nan")


class Unspeakable:
    """Not even its name can be asked."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("leave me alone")


LOOP: list[Any] = []
LOOP.append(LOOP)
RESULTS: dict[str, tuple[Any, str, bool]] = {
    "text": ("Grüß dich", "Grüß dich", False),
    "nothing": (None, "Done.", False),
    "number": (7, "7", False),
    "object": (Point(1), '{"x":1,"y":null}', False),
    "list": ([1, {"a": None}], '[1,{"a":null}]', False),
    "half a character": ("a\ud800b", "a?b", False),
    "long": ("x" * 20_000, "x" * 16_000 + "\n[Cut off here: 4000 of 20000 characters are left out.]", False),
    "an object that is none": (object(), UNUSABLE, True),
    "a circle": (LOOP, UNUSABLE, True),
    "without end": (iter(int, 1), UNUSABLE, True),
    "bytes": (b"\xff\xfe", UNUSABLE, True),
    "an agent": (Agent(), UNUSABLE, True),
    "unspeakable": (Unspeakable(), UNUSABLE, True),
    "a promise": (asyncio.sleep, UNUSABLE, True),
}


@pytest.mark.parametrize("where", ["loop", "thread"])
@pytest.mark.parametrize("what", RESULTS)
def test_a_result_is_told_as_text_or_as_unusable(what: str, where: Any) -> None:
    """Law 11."""
    value, text, failed = RESULTS[what]

    @tool(run=where)
    def give() -> Any:
        """Gives it."""
        return value(1) if value is asyncio.sleep else value

    async def main() -> None:
        async with runner(give) as (tools, told):
            (use,) = await tools.run([call("give")])
            assert (use.output, use.failed) == (text, failed)
            assert bool(told.failed) == failed, "the programmer is told why"

    run(main())


class Odd(BaseException):
    """Not an Exception."""


def raising(error: BaseException, **options: Any) -> Any:
    """Two tools that raise it: one async, one that blocks."""

    @tool(name="on_loop", **options)
    async def on_loop() -> str:
        """Raises."""
        raise error

    @tool(name="in_thread", **options)
    def in_thread() -> str:
        """Raises."""
        raise error

    return on_loop, in_thread


@pytest.mark.parametrize("name", ["on_loop", "in_thread"])
def test_a_tool_error_is_told_and_any_other_only_that_it_was(name: str) -> None:
    async def main() -> None:
        async with runner(*raising(ToolError("No table free."))) as (tools, told):
            (use,) = await tools.run([call(name)])
            assert (use.output, use.failed) == ("No table free.", True)
            assert told.failed == []
        async with runner(*raising(ValueError("password is 1234"))) as (tools, told):
            (use,) = await tools.run([call(name)])
            assert (use.output, use.failed) == (BROKEN, True)
            assert "1234" in str(told.failed[0])

    run(main())


def test_a_tool_that_cancels_itself_or_ends_its_thread_has_a_result() -> None:
    async def main() -> None:
        async with runner(*raising(asyncio.CancelledError())) as (tools, _):
            assert outputs(await tools.run([call("on_loop")])) == [
                "The tool was cancelled from within, and gave no result."
            ]
        async with runner(*raising(Odd())) as (tools, told):
            assert outputs(await tools.run([call("in_thread")])) == ["The tool ended its thread: Odd."]
            assert isinstance(told.failed[0], Odd)

    run(main())


def test_what_cannot_be_run_is_refused_with_what_could_be() -> None:
    """Law 11: an unknown tool, broken JSON, wrong arguments; the others run all the same."""

    async def main() -> None:
        async with runner(slow) as (tools, _):
            arguments = ['{"seconds": ', '{"seconds": "x"}', '{"seconds": 0}']
            uses = await tools.run([call("slo"), *(call("slow", text, f"c{len(text)}") for text in arguments)])
            texts = outputs(uses)
            assert texts[0] == "There is no tool 'slo'. Did you mean 'slow'? Those there are: slow."
            assert texts[1].startswith("The arguments are not valid JSON: Expecting value at character 12")
            assert "- seconds: Input should be a valid number" in texts[2]
            assert texts[3] == "done"
            assert [use.failed for use in uses] == [True, True, True, False]
            assert uses[1].arguments == "{}", "a history holds no broken JSON"

    run(main())


def test_a_validator_that_breaks_is_the_tool_s_mistake() -> None:
    @tool(key=lambda word: {}[word])
    def keyed(word: str) -> str:
        """Keyed by what is not there."""
        return ""

    async def main() -> None:
        async with runner(keyed) as (tools, told):
            assert outputs(await tools.run([call("keyed", '{"word": "x"}')])) == [BROKEN]
            assert isinstance(told.failed[0], KeyError)

    run(main())


def test_a_tool_that_hangs_is_given_up_and_one_that_will_not_stop_is_named() -> None:
    stop = asyncio.Event()

    @tool(timeout_s=2.0, at_once=1)
    async def stubborn() -> str:
        """Ignores cancellation until it is let go."""
        while not stop.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await stop.wait()
        return "too late"

    async def main() -> None:
        tools = await ToolRunner(Toolset(stubborn, slow)).__aenter__()
        began = asyncio.get_running_loop().time()
        uses = await tools.run([call("stubborn"), call("slow", '{"seconds": 1}')])
        assert outputs(uses) == [f"Given up: no result within 2 s.{say.IN_PART}", "done"]
        assert asyncio.get_running_loop().time() - began == pytest.approx(2.0)
        assert tools.busy
        (use,) = await tools.run([call("stubborn")])
        assert use.output.startswith("Not run: too many calls are under way"), "it keeps its place"
        with pytest.warns(ResourceWarning, match=r"these keep running: tool stubborn \(stubborn\)"):
            await tools.aclose()
        stop.set()
        await asyncio.sleep(0.1)

    run(main())


def test_retries_are_the_tool_s_to_ask_for() -> None:
    attempts: list[tuple[int, str]] = []

    @tool(retries=2, retry_on=(ConnectionError, TimeoutError), timeout_s=1.0)
    async def flaky(context: ToolContext) -> str:
        """Fails, hangs, works."""
        attempts.append((context.attempt, context.key))
        match context.attempt:
            case 1:
                raise ConnectionResetError
            case 2:
                await asyncio.sleep(100)
        return "at last"

    async def main() -> None:
        async with runner(flaky, name="call-7") as (tools, _):
            assert outputs(await tools.run([call("flaky", call_id="c9")])) == ["at last"]
        assert attempts == [(k, "call-7/c9") for k in (1, 2, 3)], "one key for all attempts"

    run(main())


def test_a_tool_may_tell_and_say_how_far_it_is_from_any_thread() -> None:
    class Session:
        def __init__(self) -> None:
            self.said: list[str] = []
            self.history = ChatContext()

        def say(self, text: str) -> Awaitable[ChatMessage]:
            self.said.append(text)
            return asyncio.get_running_loop().create_future()

        def interrupt(self) -> None:
            raise AssertionError("nobody asked for that")

    @tool
    async def on_loop(context: ToolContext[str]) -> str:
        """Tells."""
        context.say(f"One moment, {context.data}.")
        context.progress("half")
        assert context.session.history == ChatContext()
        await asyncio.sleep(1)
        return "done"

    @tool
    def in_thread(context: ToolContext[str]) -> str:
        """Tells, from a thread."""
        context.progress("from a thread")
        for _ in range(300):
            context.progress("more")
        context.session  # noqa: B018
        return "done"

    async def main() -> None:
        session = Session()
        async with runner(on_loop, in_thread, data="Ann", session=session) as (tools, told):
            assert outputs(await tools.run([call("on_loop")])) == ["done"]
            assert session.said == ["One moment, Ann."]
            assert told.progress == [
                Progress("on_loop", "on_loop", "One moment, Ann.", True),
                Progress("on_loop", "on_loop", "half", False),
            ]
            assert outputs(await tools.run([call("in_thread")])) == [BROKEN]
            assert "`session` is for the event loop's thread" in str(told.failed[0])
            assert len(told.progress) == 2 + 100, "law 8"
            assert tools.reports_dropped == 201

    run(main())


# ---- Interruptions, and talk that moves on.


@pytest.mark.parametrize(("committed", "first"), [(False, say.INTERRUPTED + say.IN_PART), (True, say.STILL_RUNNING)])
def test_a_tool_that_is_asked_says_whether_it_can_be_cancelled(committed: bool, first: str) -> None:
    @tool(on_interruption="ask")
    async def book(context: ToolContext) -> str:
        """Books, and cannot take it back."""
        context.may_cancel = not committed
        await asyncio.sleep(5)
        return "booked"

    async def main() -> None:
        async with runner(book) as (tools, told):
            batch = tools.submit([call("book")])
            await asyncio.sleep(1)
            batch.interrupt()
            assert outputs(await batch.results) == [first]
            await asyncio.sleep(10)
            assert not tools.busy
            late = [(result.of, result.use.output) for result in told.late]
            assert late == ([("book", "The result of the call book from before: booked")] if committed else [])

    run(main())


def test_a_tool_is_asked_between_two_attempts_too() -> None:
    @tool(on_interruption="ask", retries=1, retry_on=ConnectionError, backoff_s=5)
    async def flaky(context: ToolContext) -> str:
        """Fails once, and would rather not be stopped."""
        context.may_cancel = False
        if context.attempt == 1:
            raise ConnectionError
        return "done"

    async def main() -> None:
        async with runner(flaky) as (tools, told):
            batch = tools.submit([call("flaky")])
            await asyncio.sleep(1)
            batch.interrupt()
            assert outputs(await batch.results) == [say.STILL_RUNNING]
            await asyncio.sleep(10)
            assert told.late[0].use.output.endswith("done")

    run(main())


def test_closing_goes_on_when_the_closer_is_cancelled_and_is_done_once() -> None:
    async def main() -> None:
        tools = await ToolRunner(Toolset(slow)).__aenter__()
        batch = tools.submit([call("slow", '{"seconds": 100}')])
        await asyncio.sleep(1)
        closer = asyncio.ensure_future(tools.aclose())
        await asyncio.sleep(0)
        closer.cancel()
        await asyncio.sleep(1)
        assert outputs(batch.results.result()) == [say.CLOSED + say.IN_PART]
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await tools.aclose()

    run(main())


def test_a_tool_may_close_its_own_runner() -> None:
    @tool
    async def close(context: ToolContext[list[ToolRunner]]) -> str:
        """Closes."""
        await context.data[0].aclose()
        return "never"

    async def main() -> None:
        box: list[ToolRunner] = []
        async with runner(close, data=box) as (tools, _):
            box.append(tools)
            assert outputs(await tools.run([call("close")])) == [say.CLOSED + say.IN_PART]

    run(main())


def test_talk_that_moves_on_gets_its_results_later() -> None:
    async def main() -> None:
        async with runner(slow) as (tools, told):
            batch = tools.submit(
                [call("slow", '{"seconds": 1, "word": "quick"}', "a"), call("slow", '{"seconds": 9}', "b")]
            )
            await asyncio.sleep(2)
            batch.move_on()
            assert outputs(await batch.results) == ["quick", say.STILL_RUNNING]
            batch.interrupt()  # nothing more to interrupt
            await asyncio.sleep(10)
            assert [(result.of, result.use.id) for result in told.late] == [("b", "b_late")]

    run(main())


def test_a_long_call_detaches_by_itself() -> None:
    @tool(timeout_s=600, detach_after_s=3)
    async def search() -> str:
        """Takes minutes."""
        await asyncio.sleep(120)
        return "found"

    async def main() -> None:
        async with runner(search) as (tools, told):
            loop = asyncio.get_running_loop()
            began = loop.time()
            assert outputs(await tools.run([call("search")])) == [say.STILL_RUNNING]
            assert loop.time() - began == pytest.approx(3.0)
            await asyncio.sleep(120)
            assert told.late[0].use.output.endswith("found")

    run(main())


def test_who_waits_and_is_cancelled_cancels_the_calls() -> None:
    async def main() -> None:
        async with runner(slow) as (tools, told):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(tools.run([call("slow", '{"seconds": 100}')]), 1.0)
            await asyncio.sleep(0.1)
            assert not tools.busy
            (delivered,) = [e for e in told.record if isinstance(e, do.Deliver)]
            assert outputs(delivered.uses) == [say.DROPPED + say.IN_PART]

    run(main())


def test_closing_gives_results_and_leaves_nothing() -> None:
    async def main() -> None:
        async with runner(slow) as (tools, _):
            batch = tools.submit([call("slow", '{"seconds": 100}')])
            await asyncio.sleep(1)
        assert outputs(await batch.results) == [say.CLOSED + say.IN_PART]
        with pytest.raises(RuntimeError, match="use it inside `async with`"):
            tools.submit([])
        with pytest.raises(RuntimeError, match="use it inside `async with`"):
            ToolRunner(Toolset()).submit([])

    run(main())


def test_a_callback_that_raises_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def broken(what: object) -> None:
        raise RuntimeError("mine")

    @tool
    async def tells(context: ToolContext) -> str:
        """Tells."""
        context.progress("half")
        await asyncio.sleep(1)
        return "done"

    async def main() -> None:
        async with ToolRunner(Toolset(tells), progress=broken, late=broken, record=broken) as tools:
            batch = tools.submit([call("tells")])
            await asyncio.sleep(0.5)
            batch.move_on()
            assert outputs(await batch.results) == [say.STILL_RUNNING]
            await asyncio.sleep(1)
            assert not tools.busy

    run(main())
    assert "mine" in caplog.text


def test_a_tool_may_end_what_it_is_part_of() -> None:
    """It is not broken off in the middle of what it does; its result is."""
    done: list[str] = []

    @tool(on_interruption="cancel")
    async def hang_up(context: ToolContext[list[Any]]) -> str:
        """Interrupts its own reply."""
        context.data[0].interrupt()
        done.append("went on")
        return "done"

    async def main() -> None:
        box: list[Any] = []
        async with runner(hang_up, data=box) as (tools, _):
            box.append(tools.submit([call("hang_up")]))
            assert outputs(await box[0].results) == [say.INTERRUPTED + say.IN_PART]
            await asyncio.sleep(1)
            assert not tools.busy
        assert done == ["went on"]

    run(main())


# ---- Any schedule, with real tools.

DOES = st.sampled_from(["return", "raise", "transient", "hang", "ignore", "cancel itself", "block", "nonsense"])


@settings(max_examples=60, deadline=None)
@given(
    acts=st.lists(
        st.tuples(
            st.sampled_from(["call", "interrupt", "move on", "drop"]), st.integers(0, 30), DOES, st.integers(0, 20)
        ),
        min_size=1,
        max_size=12,
    ),
    policy=st.sampled_from(["cancel", "keep", "ask"]),
    duplicates=st.sampled_from(["run", "join", "refuse"]),
    detach=st.sampled_from([None, 0.5]),
    at_once=st.integers(1, 4),
    close_s=st.integers(0, 60),
)
def test_whatever_tools_do_each_call_has_one_result_and_nothing_is_left(
    acts: list[tuple[str, int, str, int]],
    policy: Any,
    duplicates: Any,
    detach: float | None,
    at_once: int,
    close_s: int,
) -> None:
    @tool(
        timeout_s=2.0, at_once=2, on_interruption=policy, duplicates=duplicates, detach_after_s=detach,
        retries=1, retry_on=ConnectionError, backoff_s=0.1,
    )  # fmt: skip
    async def act(does: str, tenths: int) -> Any:
        """Does something, after a while."""
        try:
            await asyncio.sleep(tenths / 10)
            match does:
                case "raise":
                    raise ValueError
                case "transient":
                    raise ConnectionError
                case "hang":
                    await asyncio.sleep(1000)
                case "cancel itself":
                    raise asyncio.CancelledError
                case "nonsense":
                    return object()
                case "block":
                    await asyncio.to_thread(time.sleep, 0)
        except asyncio.CancelledError:
            if does == "ignore":
                await asyncio.sleep(0.7)
            raise
        return does

    async def main() -> None:
        asked: list[tuple[Any, int]] = []
        async with runner(act, at_once=at_once) as (tools, told):
            for what, wait, does, tenths in acts:
                await asyncio.sleep(wait / 10)
                if what == "call":
                    text = f'{{"does": "{does}", "tenths": {tenths}}}'
                    count = 1 + tenths % 3
                    asked.append((tools.submit([call("act", text, "c")] * count), count))
                elif asked:
                    batch = asked[tenths % len(asked)][0]
                    {"interrupt": batch.interrupt, "move on": batch.move_on, "drop": batch.drop}[what]()
            await asyncio.sleep(close_s / 10)
        ids = [use.id for result in told.late for use in [result.use]]
        for batch, count in asked:
            uses = batch.results.result()
            assert len(uses) == count
            ids += [use.id for use in uses]
        assert len(set(ids)) == len(ids)

    run(main())


def test_a_loop_that_is_virtual_is_what_these_tests_run_on() -> None:
    """They would take minutes otherwise."""

    async def main() -> float:
        assert isinstance(asyncio.get_running_loop(), VirtualTimeLoop)
        async with runner(slow) as (tools, _):
            await tools.run([call("slow", '{"seconds": 20}')])
        return asyncio.get_running_loop().time()

    assert run(main()) > 20
