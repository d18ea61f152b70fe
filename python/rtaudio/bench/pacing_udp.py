"""How late the engine's RTP packets leave: many ports on one engine, each with a socket of its own, frames of 20 ms in
G.711, then in Opus, to one socket on loopback.

A frame's age is measured with two clocks that are both the system's: the kernel stamps each datagram as it comes in at
the far socket (SO_TIMESTAMPNS, of the same instant as it leaves, on loopback); and its RTP timestamp says where it lies
on the media clock. All lines of one engine tick together, and a frame is due when the tick comes that completes it; so
age = arrival - (t0 + timestamp / clock rate), where t0 is the earliest that any packet of any port came, measured
so: no figure can be below 0, and the best packet of the run has age 0. What it cannot see is a lateness that
every single packet of the run has; the engine's own count of its lateness (max_lateness_ns) goes beside it.
"""

from __future__ import annotations

import resource
import socket
import struct
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rtaudio import AudioPort, Engine, OpusMissing, RtpConfig, RtpMalformed, RtpPacket, UdpSocket, find_libopus

PORTS: Final = 200
FRAME_S: Final = 0.02
OPUS_PORTS: Final = 50
HERE: Final = "127.0.0.1"
SO_TIMESTAMPNS: Final = getattr(socket, "SO_TIMESTAMPNS", 35)  # Linux's number; Python names it from 3.13 on


def frame_ages_ms(arrivals_ns: NDArray[np.int64], timestamps: NDArray[np.int64], rate: int) -> NDArray[np.float64]:
    """Of packets with these arrivals and (unwrapped, common to all streams) timestamps: how much later than the most
    punctual one."""
    schedule_ns = timestamps * 1_000_000_000 // rate
    late = arrivals_ns - schedule_ns
    ages: NDArray[np.float64] = (late - late.min()) / 1e6
    return ages


def _far() -> socket.socket:
    far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    far.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    far.bind((HERE, 0))
    far.setblocking(False)
    return far


def _take(far: socket.socket, came: list[tuple[int, int, int]]) -> None:
    """All that has come: (arrival ns of the kernel, ssrc, timestamp)."""
    while True:
        try:
            data, extra, _, _ = far.recvmsg(2048, 64)
        except BlockingIOError:
            return
        stamps = [bytes_ for level, kind, bytes_ in extra if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS)]
        if not stamps:
            raise OSError("this system does not stamp datagrams (SO_TIMESTAMPNS): the ages cannot be measured")
        seconds, ns = struct.unpack("@qq", stamps[0])
        try:
            packet = RtpPacket.parse(data)
        except RtpMalformed:
            continue
        came.append((seconds * 1_000_000_000 + ns, packet.ssrc, packet.timestamp))


def _cpu_s(thread_id: int) -> float:
    """Of a thread of this process, as the kernel counts it."""
    with open(f"/proc/self/task/{thread_id}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e9


def _run(codec: str, rate: int, *, ports: int, seconds: float) -> dict[str, Any]:
    """Of the engine's thread: pulling, encoding, sending."""
    files, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files < 2 * ports + 256:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2 * ports + 256), hard))
    far = _far()
    engine = Engine(max_lines=ports)
    speech = (0.1 * np.sin(np.arange(round((seconds + 2) * rate)) / 7)).astype(np.float32)
    came: list[tuple[int, int, int]] = []
    held: list[AudioPort] = []
    try:
        for k in range(ports):
            port = AudioPort(rate, queue_s=seconds + 3, tap_s=0.5, mic_s=1)
            held.append(port)
            rtp = RtpConfig(codec, rate, payload_type=96, ssrc=k, seq=0, timestamp=0, frame_s=FRAME_S)
            engine.add(port, kind="network", socket=UdpSocket(HERE), rtp=rtp, send_to=far.getsockname())
            segment = port.playout.open_segment()
            segment.write(speech)
            segment.end()
        engine.start()
        time.sleep(0.5)
        _take(far, came)
        came.clear()  # of the start
        before = engine.figures()
        cpu_s, began = _cpu_s(before["thread_id"]), time.monotonic()
        while time.monotonic() - began < seconds:
            time.sleep(0.1)
            _take(far, came)
        after = engine.figures()
        cpu_s, lasted = _cpu_s(before["thread_id"]) - cpu_s, time.monotonic() - began
        engine.stop()
    finally:
        engine.close()
        far.close()
        for port in held:
            port.close()
    table = np.array(came, np.int64).reshape(-1, 3)
    ages = frame_ages_ms(table[:, 0], table[:, 2], rtp.clock_rate)
    streams = [np.sort(table[table[:, 1] == k, 2]) for k in range(ports)]
    missing = sum(int((np.diff(stamps) // round(FRAME_S * rtp.clock_rate) - 1).sum()) for stamps in streams)
    p50, p99 = np.percentile(ages, (50, 99))
    return {
        "ports": ports,
        "packets": len(table),
        "packets_missing": missing,
        "frame_age_ms_p50": round(float(p50), 3),
        "frame_age_ms_p99": round(float(p99), 3),
        "frame_age_ms_max": round(float(ages.max()), 3),
        "cpu_us_per_port_second": round(cpu_s / lasted / ports * 1e6, 1),
        "late_ticks": after["late_steps"] - before["late_steps"],
        "engine_max_lateness_ms": round(after["max_lateness_ns"] / 1e6, 3),
    }


def measure(
    progress: Callable[[str], None], *, seconds: float = 10.0, ports: int = PORTS, opus_ports: int = OPUS_PORTS
) -> dict[str, Any]:
    """``frame_age_ms_p99`` of all packets of all ports with G.711; everything of that run in ``udp``; in ``udp_opus``
    the same with Opus at 16 kHz, which is dear (None: there is no libopus here)."""
    progress(f"{ports} ports send G.711 over loopback for {seconds:g} s")
    g711, opus = _run("pcmu", 8000, ports=ports, seconds=seconds), None
    try:
        find_libopus()
    except OpusMissing as missing:
        progress(f"no Opus: {missing}")
    else:
        progress(f"{opus_ports} ports send Opus over loopback for {seconds:g} s")
        opus = _run("opus", 16000, ports=opus_ports, seconds=seconds)
    return {"frame_age_ms_p99": g711["frame_age_ms_p99"], "udp": g711, "udp_opus": opus}
