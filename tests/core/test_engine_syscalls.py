"""Law 4, seen from outside: which system calls the engine's thread makes once it runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ALLOWED = {"clock_nanosleep", "write", "recvmsg", "sendto"}
# It sleeps, it writes 8 bytes to the wake-up, and serves the socket of the line that has one. Everything the session
# side does meanwhile is another thread's.
PROGRAM = """
import socket, sys, time
import numpy as np
from rtaudio import AudioPort, CoreJournal, Engine, PacketConfig, RtpConfig, RtpPacket, UdpSocket, Wake
from tests.core.rig import LevelVad, level, numbered

wake, engine = Wake(), Engine(vad=LevelVad())
ports = [AudioPort(24000) for _ in range(4)]
journals = [CoreJournal(port) for port in ports]
lines = [engine.add(port, input_rate=48000, wake=wake) for port in ports]
far, bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), UdpSocket("127.0.0.1")
far.bind(("127.0.0.1", 0))
spoken_to = engine.add(
    AudioPort(24000),
    kind="network",
    packets=PacketConfig(8000, codec="pcmu"),
    rtp=RtpConfig("pcmu", 8000, payload_type=0),
    socket=bound,
)
engine.start()
while engine.figures()["ticks"] < 2:
    time.sleep(0.01)
thread = engine.figures()["thread_id"]
print(thread, flush=True)
# A conversation: the agent speaks, the user interrupts, lines come and go, wake-ups are read.
packets = 0
for round in range(2):
    for port, line in zip(ports, lines):
        segment = port.playout.open_segment()
        segment.write(numbered(1, 48000))
        line.push(level((0.05, 0.0), (0.55, 0.9), (0.1, 0.0), rate=48000))
    for _ in range(35):
        time.sleep(0.02)
        wake.drain()
        for port in ports:
            port.events()
        far.sendto(RtpPacket(0, packets, 160 * packets, 1, bytes(160)).build(), bound.address)
        packets += 1
    extra = engine.add(AudioPort(8000), wake=wake)
    time.sleep(0.05)
    engine.remove(extra)
assert bound.figures()["received"] == packets > 50
assert bound.figures()["sent"] > 20
assert all(line.figures()["windows"] > 20 for line in lines)
print("ticks", engine.figures()["ticks"], flush=True)
import os
os._exit(0)  # while it runs: the thread's end is no part of this
"""


def calls_of(trace: Path, thread: int) -> list[str]:
    """Names of system calls in the order in which the thread began them."""
    return re.findall(r"^[\d.]* ?(\w+)\(", trace.with_name(f"{trace.name}.{thread}").read_text(), re.MULTILINE)


def test_the_engine_thread_sleeps_writes_serves_sockets_and_nothing_else(tmp_path: Path, repo_root: Path) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("no strace: install it to trace the engine's thread")
    trace = tmp_path / "trace"
    done = subprocess.run(
        [strace, "-f", "-ff", "-o", str(trace), sys.executable, "-c", PROGRAM],
        cwd=repo_root,
        capture_output=True,
        text=True,
        timeout=100,
    )
    if "ptrace" in done.stderr or "PTRACE" in done.stderr:
        pytest.skip(f"this system does not let a process be traced: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    thread, ticks = int(done.stdout.split()[0]), int(done.stdout.split()[-1])
    calls = calls_of(trace, thread)
    started = calls.index("clock_nanosleep")
    running = [name for name in calls[started:] if name not in ("exit_group", "exit")]
    assert set(running) == ALLOWED, f"{sorted(set(running) - ALLOWED)} on the audio path"
    # A sleep before each step, and after it at most one write for four ports.
    assert ticks > 50
    assert 20 < running.count("write") <= running.count("clock_nanosleep")
