"""Where tools run: in threads, so that the loop never waits; in processes, which can be killed."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rtaudio.voice.tools import ToolContext, ToolRunner, Toolset, tool
from rtaudio.voice.tools import call_state as say
from rtaudio.voice.tools.running import BROKEN
from tests.voice.tools import process_tools
from tests.voice.tools.rig import call, outputs, runner

# ---- Threads: the loop never waits.


def test_a_blocking_function_does_not_hold_up_the_loop() -> None:
    """Both wait for what only the running loop will do."""
    gates = [threading.Event(), threading.Event()]

    @tool
    def wait(number: int) -> str:
        """Blocks."""
        assert gates[number].wait(20)
        return threading.current_thread().name

    async def main() -> None:
        async with runner(wait) as (tools, _):
            batch = tools.submit([call("wait", f'{{"number": {k}}}', f"c{k}") for k in (0, 1)])
            await asyncio.sleep(0)
            for gate in reversed(gates):
                asyncio.get_running_loop().call_soon(gate.set)
            assert outputs(await batch.results) == ["tool wait (c0)", "tool wait (c1)"]

    asyncio.run(main())


def test_a_blocking_function_that_hangs_is_given_up_and_named_at_the_end() -> None:
    gate, looked = threading.Event(), threading.Event()

    @tool(timeout_s=0.05)
    def wait(context: ToolContext) -> str:
        """Blocks."""
        gate.wait()
        assert context.cancelled
        looked.set()
        return ""

    async def main() -> None:
        tools = await ToolRunner(Toolset(wait)).__aenter__()
        assert outputs(await tools.run([call("wait")])) == [f"Given up: no result within 0.05 s.{say.IN_PART}"]
        assert tools.busy
        with pytest.warns(ResourceWarning, match=r"these keep running: tool wait \(wait\)"):
            await tools.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    gate.set()
    assert looked.wait(20)


# ---- Processes.


def open_files() -> set[str]:
    return {
        os.readlink(f"/proc/self/fd/{fd}")
        for fd in os.listdir("/proc/self/fd")
        if os.path.exists(f"/proc/self/fd/{fd}")
    }


async def until(condition: Callable[[], bool]) -> None:
    """What another process does is not told to the loop."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.fixture(scope="module")
def tools_of_processes() -> Iterator[Toolset]:
    found = Toolset(*(value for value in vars(process_tools).values() if type(value).__name__ == "Tool"))
    before = {name for name in open_files() if name.startswith("pipe:")}
    yield found
    assert {name for name in open_files() if name.startswith("pipe:")} <= before, "no pipe is left"


def test_a_tool_in_a_process_of_its_own(tools_of_processes: Toolset, tmp_path: Path) -> None:
    async def main() -> None:
        async with runner(tools_of_processes) as (tools, told):
            uses = await tools.run([call("where", '{"word": "Grüß\\n"}'), call("refuse"), call("fail"), call("die")])
            texts = outputs(uses)
            assert '"word":"Grüß\\n"' in texts[0]
            assert str(os.getpid()) not in texts[0]
            assert texts[1:] == ["no table free", BROKEN, BROKEN]
            assert sorted(str(error)[:20] for error in told.failed)[0] == "ValueError: secret"[:20]
            assert any("ended with 3" in str(error) for error in told.failed)
            first = (await tools.run([call("where", '{"word": ""}', "w1")]))[0].output
            second = (await tools.run([call("where", '{"word": ""}', "w2")]))[0].output
            assert first == second, "processes are used again"
            (use,) = await tools.run([call("flaky", f'{{"path": "{tmp_path / "once"}"}}')])
            assert use.output == "at last"

    asyncio.run(main())


def test_a_process_that_is_cancelled_or_hangs_is_killed(tools_of_processes: Toolset, tmp_path: Path) -> None:
    async def main() -> None:
        async with runner(tools_of_processes) as (tools, _):
            began = tmp_path / "began"
            spins = tools.submit([call("spin")])
            batch = tools.submit([call("sleep", f'{{"path": "{began}"}}')])
            await until(lambda: began.exists() and bool(began.read_text(encoding="utf-8")))
            pid = int(began.read_text(encoding="utf-8"))
            batch.interrupt()
            assert outputs(await batch.results) == [say.INTERRUPTED + say.IN_PART]
            assert outputs(await spins.results) == [f"Given up: no result within 3 s.{say.IN_PART}"]
            await until(lambda: not tools.busy)
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)

    asyncio.run(main())
