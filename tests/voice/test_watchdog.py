"""The watchdog: which function blocked the event loop, while audio went on. No timed assertions: whoever blocks does so
until it has been seen, and the tests say what was told."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import threading
import time

import numpy as np
import pytest

from rtaudio import AudioPort, Engine
from rtaudio.testing import run
from rtaudio.voice import ToolCall
from rtaudio.voice.tools import ToolRunner, Toolset, tool
from rtaudio.voice.watchdog import LoopBlocked, Watchdog


class Told:
    """What the watchdog tells; `noticed` is set with the first."""

    def __init__(self) -> None:
        self.blocks: list[LoopBlocked] = []
        self.noticed, self.over = threading.Event(), threading.Event()

    def __call__(self, blocked: LoopBlocked) -> None:
        self.blocks.append(blocked)
        (self.over if blocked.over else self.noticed).set()

    def block(self) -> None:
        """Blocks whoever calls it until it has been noticed."""
        assert self.noticed.wait(60)


async def until(event: threading.Event) -> None:
    async with asyncio.timeout(60):
        while not event.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def test_it_names_the_function_the_task_and_the_place() -> None:
    told = Told()

    def careless() -> None:
        told.block()

    async def call() -> None:
        careless()

    async def main() -> None:
        async with Watchdog(told, after_s=0.02) as watchdog:
            await asyncio.create_task(call(), name="a careless task")
            await until(told.over)
        assert watchdog.blocks >= 1
        assert watchdog.longest_s >= 0.01

    asyncio.run(main())
    first, last = told.blocks[0], told.blocks[1]
    assert (first.over, last.over) == (False, True)
    assert first.function == last.function == "Told.block"
    assert first.task == "a careless task"
    assert re.search(r"test_watchdog\.py:\d+$", first.place)
    functions = [line.rpartition(" in ")[2].rpartition(".")[2] for line in first.stack]
    assert functions[:3] == ["call", "careless", "block"], "from what the loop called inwards"
    assert first.for_s >= 0.01
    assert last.for_s >= first.for_s
    assert str(last).startswith(f"the event loop was blocked for {last.for_s:.3f} s by Told.block (")
    assert str(last).endswith("in task 'a careless task'")


def test_law4_audio_goes_on_while_it_is_blocked() -> None:
    """The loop stays blocked until the engine has played on, and the watchdog has told."""
    told = Told()

    async def main() -> None:
        port, engine = AudioPort(24000), Engine()
        engine.add(port)
        segment = port.playout.open_segment()
        segment.write(np.full(10 * 24000, 0.1, np.float32))
        engine.start()
        try:
            async with Watchdog(told, after_s=0.02):
                before = segment.ledger().played
                deadline = time.monotonic() + 60
                while not (told.noticed.is_set() and segment.ledger().played >= before + 2400):
                    assert time.monotonic() < deadline
                    time.sleep(0.001)  # noqa: ASYNC251
                await until(told.over)
        finally:
            engine.stop()
            engine.close()
            port.close()

    asyncio.run(main())
    assert told.blocks[0].function.endswith("main")


def test_a_tool_that_blocks_the_loop_is_named() -> None:
    told = Told()

    @tool
    async def look_up(word: str) -> str:
        """Calls something that blocks, in an async function."""
        told.block()
        return word

    async def main() -> None:
        async with Watchdog(told, after_s=0.02), ToolRunner(Toolset(look_up)) as tools:
            (use,) = await tools.run([ToolCall("c1", "look_up", '{"word": "x"}')])
            assert use.output == "x"
            await until(told.over)

    asyncio.run(main())
    assert told.blocks[0].task == "tool look_up (c1)"
    assert any("look_up" in line for line in told.blocks[0].stack)


def test_a_callback_that_blocks_has_no_task() -> None:
    told = Told()

    async def main() -> None:
        async with Watchdog(told, after_s=0.02):
            asyncio.get_running_loop().call_soon(told.block)
            await until(told.over)

    asyncio.run(main())
    assert (told.blocks[0].task, told.blocks[0].function) == ("", "Told.block")


def test_what_holds_the_interpreter_s_lock_is_told_afterwards() -> None:
    """Such a thing stops the watchdog, too."""
    told = Told()

    async def main() -> None:
        async with Watchdog(told, after_s=0.02):
            before = sys.getswitchinterval()
            sys.setswitchinterval(1000)
            end = time.monotonic() + 0.3
            while time.monotonic() < end:
                pass
            sys.setswitchinterval(before)
            await until(told.over)

    asyncio.run(main())
    last = next(blocked for blocked in told.blocks if blocked.over)
    assert last.for_s > 0
    if not last.function:
        assert "by what held the interpreter's lock" in str(last)


def test_a_loop_that_waits_answers_and_no_thread_is_left() -> None:
    asked: list[int] = []

    class Counting(Watchdog):
        def _answers(self) -> None:
            asked.append(1)
            super()._answers()

    async def main() -> None:
        async with Counting(lambda _: None, after_s=0.004):
            async with asyncio.timeout(60):
                while len(asked) < 20:  # noqa: ASYNC110
                    await asyncio.sleep(0.002)

    asyncio.run(main())
    assert not [thread for thread in threading.enumerate() if thread.name == "rtaudio watchdog"]


def test_an_idle_loop_shows_no_function() -> None:
    """Looked at while it waits in its selector."""
    from rtaudio.voice.watchdog import look

    seen: list[LoopBlocked] = []

    async def main() -> None:
        loop, me = asyncio.get_running_loop(), threading.get_ident()
        done = asyncio.Event()

        def watch() -> None:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                blocked = look(loop, me, 0.0)
                if not blocked.stack:
                    seen.append(blocked)
                    break
            loop.call_soon_threadsafe(done.set)

        threading.Thread(target=watch).start()
        await done.wait()

    asyncio.run(main())
    assert seen[0].function == ""


def test_what_it_tells_to_may_raise_and_the_log_is_told_by_default(caplog: pytest.LogCaptureFixture) -> None:
    told = Told()

    def broken(blocked: LoopBlocked) -> None:
        told(blocked)
        raise RuntimeError("mine")

    async def main() -> None:
        async with Watchdog(broken, after_s=0.02):
            told.block()
            await until(told.over)

    asyncio.run(main())
    assert "mine" in caplog.text

    class Seen(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.set()

    seen, handler = threading.Event(), Seen()
    logging.getLogger("rtaudio.watchdog").addHandler(handler)

    async def by_default() -> None:
        async with Watchdog(after_s=0.02):
            seen.wait(60)

    try:
        asyncio.run(by_default())
    finally:
        logging.getLogger("rtaudio.watchdog").removeHandler(handler)
    assert re.search(r"the event loop is blocked for .* by .*by_default", caplog.text)


def test_on_a_virtual_clock_nothing_is_watched() -> None:
    """There, computing takes no time: nothing can block."""

    async def main() -> None:
        before = threading.active_count()
        async with Watchdog(lambda blocked: pytest.fail(str(blocked)), after_s=0.001):
            assert threading.active_count() == before
            time.sleep(0.01)  # noqa: ASYNC251

    run(main())


def test_bad_input_is_refused() -> None:
    """Law 11."""
    with pytest.raises(ValueError, match="after_s = 0: must be positive"):
        Watchdog(after_s=0)
    with pytest.raises(ValueError, match="after_s = nan"):
        Watchdog(after_s=float("nan"))

    async def twice() -> None:
        async with Watchdog() as watchdog:
            with pytest.raises(RuntimeError, match="watches already"):
                await watchdog.__aenter__()

    asyncio.run(twice())
