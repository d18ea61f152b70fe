"""What a listener at the far end has nothing to play of, where the event loop that sends stands still now and then.

One process: an engine on its thread, lines with a remote, an asyncio loop that reads what is put out and writes it to a
TCP socket. Each second something spins on the loop for so many milliseconds, the interpreter's lock in its hands. The
remote is another process that notes when each frame came; how long it had nothing is worked out from that, as a player
lives it that plays what it has and waits for what it has not. Lines with different leads are measured side by side.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from rtaudio import AudioPort, Engine, OutAudio, Wake
from rtaudio.bench.pacing_remote import HEAD

RATE: Final = 16000
STALLS_MS: Final = (60, 100, 150)
LEADS_S: Final = (0.2, 0.0)
WARM_S: Final = 0.5


@dataclass
class Listener:
    """A line, the socket that it sends to, and the process at the other end."""

    port: AudioPort
    writer: asyncio.StreamWriter
    process: asyncio.subprocess.Process
    lead_s: float

    def __post_init__(self) -> None:
        self.outgoing = self.port.outgoing(0)

    def send(self) -> None:
        for item in self.outgoing.read():
            if isinstance(item, OutAudio):
                pcm = np.clip(item.samples * 32768, -32768, 32767).astype("<i2")
                self.writer.write(HEAD.pack(item.out, len(pcm)) + pcm.tobytes())

    async def arrivals(self) -> np.ndarray:
        self.writer.close()
        text, _ = await asyncio.wait_for(self.process.communicate(), 10)
        return np.array(json.loads(text), np.int64).reshape(-1, 3)


def starved_ms(arrivals: np.ndarray, begin: int, end: int, rate: int) -> float:
    """How long a player had nothing that plays samples [begin, end) one after the other, each as soon as it can: frames
    are (ns, out position, samples). What never came counts from the last that did."""
    came = arrivals[(arrivals[:, 1] + arrivals[:, 2] > begin) & (arrivals[:, 1] < end)]
    if len(came) == 0:
        return (end - begin) * 1e3 / rate
    at_ns, position, starved = float(came[0, 0]), begin, 0.0
    for ns, out, samples in came.tolist():
        if ns > at_ns:
            starved += ns - at_ns
            at_ns = float(ns)
        until = min(out + samples, end)
        at_ns += max(0, until - position) * 1e9 / rate
        position = max(position, until)
    return starved / 1e6 + (end - position) * 1e3 / rate


def _spin(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


async def _listener(engine: Engine, wake: Wake, lead_s: float) -> Listener:
    port = AudioPort(RATE, queue_s=60, tap_s=30)
    connected: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(lambda _, writer: connected.set_result(writer), "127.0.0.1", 0)
    to = server.sockets[0].getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rtaudio.bench.pacing_remote", "127.0.0.1", str(to)), stdout=asyncio.subprocess.PIPE
    )
    writer = await asyncio.wait_for(connected, 10)
    server.close()
    engine.add(port, kind="network", remote="clears", lead_s=lead_s, wake=wake, link_lost_s=60)
    return Listener(port, writer, process, lead_s)


async def _measure(stall_ms: int, seconds: float, leads_s: Sequence[float]) -> list[float]:
    loop, wake = asyncio.get_running_loop(), Wake()
    engine = Engine()
    listeners: list[Listener] = []
    try:
        for lead_s in leads_s:
            made = await _listener(engine, wake, lead_s)
            listeners.append(made)

        def woken() -> None:
            wake.drain()
            for listener in listeners:
                listener.send()

        loop.add_reader(wake.fd, woken)
        engine.start()
        await asyncio.sleep(0.1)
        speech = (0.1 * np.sin(np.arange(round((seconds + 2 * WARM_S + 1) * RATE)) / 7)).astype(np.float32)
        for listener in listeners:
            segment = listener.port.playout.open_segment()
            assert segment.write(speech) == len(speech)
            segment.end()
        begin = [listener.outgoing.position for listener in listeners]  # silence up to here, but for a tick
        await asyncio.sleep(WARM_S)
        for _ in range(round(seconds)):
            await asyncio.sleep(1.0 - stall_ms / 1e3)
            loop.call_soon(_spin, stall_ms / 1e3)
            await asyncio.sleep(0)
        await asyncio.sleep(WARM_S)
        loop.remove_reader(wake.fd)
        engine.stop()
        end = [start + round((WARM_S + seconds) * RATE) for start in begin]
        came = [await listener.arrivals() for listener in listeners]
        return [starved_ms(*each, RATE) for each in zip(came, begin, end, strict=True)]
    finally:
        engine.close()
        for listener in listeners:
            listener.port.close()
        wake.close()


def measure(
    progress: Callable[[str], None], *, seconds: float = 10.0, stalls_ms: Sequence[int] = STALLS_MS
) -> dict[str, Any]:
    """``starved_ms_per_10s``: by stall in ms each second, with the lead of a remote that clears; beside it the same run
    without a lead."""
    with_lead, without = {}, {}
    for stall_ms in stalls_ms:
        progress(f"event loop stalls of {stall_ms} ms each second, for {seconds:g} s")
        led, bare = (ms * 10 / seconds for ms in asyncio.run(_measure(stall_ms, seconds, LEADS_S)))
        with_lead[str(stall_ms)], without[str(stall_ms)] = round(led, 1), round(bare, 1)
    return {"lead_s": LEADS_S[0], "starved_ms_per_10s": with_lead, "starved_ms_per_10s_without_lead": without}
