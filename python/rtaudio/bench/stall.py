"""Does playout go on while Python does not? The event loop is blocked, the engine's thread pulls by the clock (law
4)."""

from __future__ import annotations

import asyncio
import time

import numpy as np

from rtaudio import AudioPort, Engine

RATE = 24000
BUFFERED_S = 5.0
BLOCKED_S = 2.0


def _spin(seconds: float) -> None:
    """Blocks the loop and keeps the interpreter lock: the worst a user's callback can do."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


async def _blocked_loop(engine: Engine) -> None:
    engine.start()
    await asyncio.sleep(0.1)
    asyncio.get_running_loop().call_soon(_spin, BLOCKED_S)
    await asyncio.sleep(0.1)


def measure() -> dict[str, float]:
    """``stall_gap_samples``: samples of silence, or out of order, put out during the 2 s in which the loop stood still,
    with 5 s of numbered samples buffered. ``stall_played_samples`` says how many went out meanwhile, and
    ``stall_max_lateness_ms`` by how much the engine's thread was ever late: what a device's buffer has to bridge."""
    count = round(BUFFERED_S * RATE)
    numbered = (np.arange(1, count + 1) / np.float32(2**18)).astype(np.float32)
    with AudioPort(RATE, queue_s=BUFFERED_S + 1, tap_s=BUFFERED_S + 5) as port:
        engine = Engine(tick_s=0.01)
        try:
            line = engine.add(port, kind="paced")
            segment = port.playout.open_segment()
            written = 0
            while written < count:
                written += segment.write(numbered[written:])
            tap = port.tap(0)
            asyncio.run(_blocked_loop(engine))
            engine.stop()
            out = tap.read()
            lateness_ms = engine.figures()["max_lateness_ns"] / 1e6
            engine.remove(line)
        finally:
            engine.close()
    sounding = np.flatnonzero(out)
    begin, end = int(sounding[0]), int(sounding[-1]) + 1
    wrong = int(np.count_nonzero(out[begin:end] != numbered[: end - begin]))
    return {"stall_gap_samples": wrong, "stall_played_samples": end - begin, "stall_max_lateness_ms": lateness_ms}
