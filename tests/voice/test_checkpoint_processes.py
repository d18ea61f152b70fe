"""A process that runs a session is killed with SIGKILL; another goes on with the caller, on the same port (law 10). The
engine and the caller's end are here, as in a gateway."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rtaudio import AudioPort, Engine
from rtaudio.testing import SimulatedCaller
from rtaudio.testing.energy_vad import EnergyVad
from rtaudio.testing.simulation import SimulatedSink
from rtaudio.transports.simulated import SimulatedTransport
from tests.voice.crash_world import clip

WORKER = """
import asyncio, json, os, sys
from rtaudio import AudioPort
from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS
from rtaudio.voice import Agent, Session, ToolCall
from rtaudio.voice.checkpoints import Checkpoints, FileStore
from rtaudio.voice.tools import tool
from tests.voice.crash_world import understood

ledger, store = sys.argv[2], FileStore(sys.argv[3])

class Desk(Agent):
    instructions = "You book."

    @tool(key=lambda what: what)
    async def book(self, what: str) -> str:
        "Books."
        with open(ledger, "a") as file:
            file.write(what + chr(10))
        await asyncio.sleep(30)
        return "Booked."

def reply(chat):
    last = chat.messages[-1]
    if last.role == "user" and last.text == "alpha":
        return [ToolCall("c", "book", json.dumps({"what": "alpha"}))]
    return f"You said {last.text}." if last.role == "user" else "It may not be booked."

async def main():
    sys.stdin.readline()
    port = AudioPort.attach(int(sys.argv[1]))
    print(port.fd, flush=True)
    sys.stdin.readline()  # the engine has taken this side
    given = dict(stt=FakeSTT(understood), llm=FakeLLM(reply), tts=FakeTTS(char_s=0.02))
    checkpoints = Checkpoints(store, agents=[Desk])
    last = store.load()
    if last is None:
        session = Session(port, Desk(), checkpoints=checkpoints, **given)
    else:
        session = Session.restore(port, last, checkpoints=checkpoints, **given)
    async with session:
        print("runs", flush=True)
        stop = asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        while not stop.done():
            session.take()
            await asyncio.sleep(0.01)
        print(json.dumps([[m.role, m.text, [u.output for u in m.tools]] for m in session.history]), flush=True)

asyncio.run(main())
"""


class Worker:
    """A process, warm before the call comes."""

    def __init__(self, port: AudioPort, ledger: Path, store: Path) -> None:
        self._port = port
        arguments = [sys.executable, "-c", WORKER, str(port.fd), str(ledger), str(store)]
        self.process = subprocess.Popen(
            arguments,
            pass_fds=[port.fd],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    async def hear(self) -> str:
        assert self.process.stdout is not None
        return (await asyncio.to_thread(self.process.stdout.readline)).strip()

    def tell(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    async def begin(self) -> None:
        self.tell()
        fd = os.open(f"/proc/{self.process.pid}/fd/{await self.hear()}", os.O_RDONLY)
        await asyncio.to_thread(self._port.accept, fd)  # answered by the next pull
        os.close(fd)
        self.tell()
        assert await self.hear() == "runs"


@pytest.mark.skipif(sys.platform != "linux", reason="ports are shared by memfd")
def test_killed_in_a_tool_while_the_caller_speaks_another_process_goes_on(tmp_path: Path) -> None:
    ledger, store = tmp_path / "ledger", tmp_path / "call.json"

    async def main() -> list[list[object]]:
        port = AudioPort.create_shared(24000)
        caller, sink = SimulatedCaller(24000), SimulatedSink()
        engine = Engine(tick_s=0.01, vad=EnergyVad())
        line = engine.add(port, kind="paced", input_rate=24000)
        transport = SimulatedTransport(engine, line, caller, sink, input_rate=24000)

        async def until(condition: object, limit_s: float) -> None:
            end_s = transport.elapsed_s + limit_s
            while not condition():  # type: ignore[operator]
                assert transport.elapsed_s < end_s, "it has not happened"
                await transport.tick()

        first, second = Worker(port, ledger, store), Worker(port, ledger, store)
        try:
            running = asyncio.ensure_future(first.begin())
            await until(running.done, 20)
            await running
            caller.say(clip(0), at_s=transport.elapsed_s + 0.2)
            await until(ledger.exists, 10)
            caller.say(clip(1), at_s=transport.elapsed_s + 0.1)
            await transport.advance(0.5)
            first.process.kill()
            first.process.wait()
            await transport.advance(0.2)
            running = asyncio.ensure_future(second.begin())
            await until(running.done, 20)
            await running
            await until(lambda: caller.done, 5)
            await transport.advance(3.0)
            second.tell()
            told = asyncio.ensure_future(second.hear())
            await until(told.done, 10)
            return json.loads(await told)  # type: ignore[no-any-return]
        finally:
            for worker in (first, second):
                worker.process.kill()
                worker.process.communicate()
            engine.close()
            port.close()

    history = asyncio.run(main())
    assert ledger.read_text() == "alpha\n", "the tool was run once"
    assert [(role, text) for role, text, tools in history if not tools] == [
        ("user", "alpha"),
        ("user", "bravo"),
        ("assistant", "You said bravo."),
    ]
    (uses,) = (tools for _, _, tools in history if tools)
    assert isinstance(uses, list)
    assert "not known" in uses[0]
