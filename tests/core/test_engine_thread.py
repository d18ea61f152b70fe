"""The engine's own thread, in real time. Law 4: it never waits for Python. No timed assertions: what is compared are
counts of samples and of writes, and every wait has an event or a count to wait for."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time

import numpy as np
import pytest

from rtaudio import AudioPort, Engine, Line, Wake
from tests.core.rig import RATE, LevelVad, level, numbered


def until(condition: object, timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "did not come about"
        time.sleep(0.001)


def hold_the_gil(seconds: float) -> None:
    """Runs bytecode without letting another Python thread in."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    sys.setswitchinterval(before)


def test_law4_playout_and_barge_in_go_on_while_python_holds_the_gil() -> None:
    port, engine = AudioPort(RATE, tap_s=30), Engine(vad=LevelVad())
    line = engine.add(port, input_s=30.0)
    line.push(level((0.1, 0.0), (10.0, 0.9)))
    segment = port.playout.open_segment()
    segment.write(numbered(1, 10 * RATE))
    tap = port.tap(0)
    engine.start()
    hold_the_gil(1.0)
    engine.stop()
    events = {e.kind: e for e in port.events()}
    # The user spoke from 0.1 s on: the reply was ducked, paused and flushed with no Python running.
    assert events["cut"].segment == segment.id
    out = tap.read()
    assert len(out) >= 0.5 * RATE
    np.testing.assert_array_equal(out[: RATE // 10], numbered(1, RATE // 10))
    assert segment.ledger().state == "cut"
    assert engine.figures()["ticks"] >= 50


def test_stopping_leaves_the_ports_as_they_are_and_starting_goes_on() -> None:
    port, engine = AudioPort(RATE, tap_s=30), Engine()
    engine.add(port)
    segment = port.playout.open_segment()
    segment.write(numbered(1, 5 * RATE))
    tap = port.tap(0)
    for _ in range(3):
        engine.start()
        assert engine.running
        ticks = engine.figures()["ticks"]
        until(lambda ticks=ticks: engine.figures()["ticks"] > ticks + 3)
        with pytest.raises(RuntimeError, match="already runs"):
            engine.start()
        with pytest.raises(RuntimeError, match="stop"):
            engine.step(0)
        engine.stop()
        engine.stop()
        assert not engine.running
        assert engine.figures()["thread_id"] == 0
    played = segment.ledger().played
    assert played == engine.figures()["ticks"] * RATE // 100
    np.testing.assert_array_equal(tap.read(), numbered(1, played))
    engine.step(0)  # a clock of the caller's may follow
    engine.step(10_000_000)
    assert segment.ledger().played == played + RATE // 100


def test_lines_come_and_go_while_the_thread_runs() -> None:
    """Each port is driven exactly from its add to its remove; the others never miss a tick."""
    engine, steady = Engine(vad=LevelVad(), max_lines=32), AudioPort(RATE)
    line = engine.add(steady)
    wake = Wake()
    with engine:
        engine.start()

        def churn(seed: int) -> None:
            rng = np.random.default_rng(seed)
            mine: list[tuple[Line, AudioPort]] = []
            for _ in range(150):
                if len(mine) < 5 and rng.random() < 0.6:
                    port = AudioPort(16000, queue_s=0.1, history_s=0.1, tap_s=0.1)
                    new = engine.add(port, wake=wake, input_s=0.1)
                    new.push(level((0.05, 0.5)))
                    mine.append((new, port))
                elif mine:
                    gone, port = mine.pop(int(rng.integers(len(mine))))
                    engine.remove(gone)
                    written = port.mic_written
                    time.sleep(0.0002)
                    assert port.mic_written == written
                    assert gone.figures()["out_pulled"] == written  # rates are equal
            for gone, _port in mine:
                engine.remove(gone)

        errors: list[BaseException] = []

        def guarded(seed: int) -> None:
            try:
                churn(seed)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=guarded, args=(seed,)) for seed in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        engine.stop()
        assert line.figures()["mic_written"] == engine.figures()["ticks"] * 160


def test_the_wake_up_reaches_asyncio_with_one_write_per_tick_for_many_ports() -> None:
    async def main() -> None:
        wake, engine = Wake(), Engine()
        ports = [AudioPort(16000, queue_s=1, tap_s=1) for _ in range(10)]
        for port in ports:
            engine.add(port, wake=wake)
        woken = asyncio.Event()

        def readable() -> None:
            if wake.drain():
                woken.set()

        asyncio.get_running_loop().add_reader(wake.fd, readable)
        segments = [port.playout.open_segment() for port in ports]
        for segment in segments:
            segment.write(numbered(1, 1600))
            segment.end()
        engine.start()
        done: set[int] = set()
        while len(done) < len(ports):
            await asyncio.wait_for(woken.wait(), 20)
            woken.clear()
            for i, port in enumerate(ports):
                done |= {i for e in port.events() if e.kind == "segment_done"}
        engine.stop()
        asyncio.get_running_loop().remove_reader(wake.fd)
        figures = engine.figures()
        assert 1 <= figures["wakes"] <= figures["steps"]
        engine.close()
        wake.close()

    asyncio.run(main())


def test_a_forked_child_may_let_go_of_the_engine() -> None:
    """The thread does not exist in the child: nothing there may wait for it."""
    engine = Engine()
    line = engine.add(AudioPort(RATE))
    engine.start()
    child = os.fork()
    if child == 0:
        refused = 0
        for use in (engine.stop, engine.start, lambda: engine.remove(line)):
            try:
                use()
            except RuntimeError:
                refused += 1
        engine.close()
        del engine, line
        os._exit(3 - refused)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            break
        time.sleep(0.01)
    else:
        os.kill(child, 9)
        os.waitpid(child, 0)
        pytest.fail("the child hangs")
    assert status == 0
    engine.close()
