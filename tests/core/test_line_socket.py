"""A socket that the engine serves: what is put out leaves as RTP in the tick, what comes is heard in it. Laws 2, 4, 6,
8, 11."""

from __future__ import annotations

import ctypes
import gc
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rtaudio import (
    AudioPort,
    Encoder,
    Engine,
    Journal,
    OpusMissing,
    PacketConfig,
    PortClosed,
    RtpConfig,
    RtpPacket,
    RtpSender,
    SileroVad,
    UdpSocket,
    find_libopus,
    read_journal,
)
from rtaudio.core.replay import check_replay, replay_hearing
from tests.core.rig import TICK_NS, Audio, LevelVad

RATE = 16000
HERE = "127.0.0.1"
L16 = RtpConfig("l16", RATE, payload_type=96, ssrc=1, seq=65530, timestamp=2**32 - 1000, frame_s=0.02)
HEARS = PacketConfig(RATE, payload_types={96: "l16"})
N = 320


class Far:
    """The other end."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind((HERE, 0))
        self.socket.setblocking(False)
        self.address: tuple[str, int] = self.socket.getsockname()

    def packets(self) -> list[RtpPacket]:
        """All that has come."""
        came = []
        while True:
            try:
                came.append(RtpPacket.parse(self.socket.recv(2048)))
            except BlockingIOError:
                return came

    def say(self, seq: int, samples: Audio, to: tuple[str, int]) -> None:
        payload = (samples * 32767).astype(">i2").tobytes()
        self.socket.sendto(RtpPacket(96, seq, N * seq, 9, payload).build(), to)


@pytest.fixture
def far() -> Iterator[Far]:
    end = Far()
    yield end
    end.socket.close()


def sound_of(packets: list[RtpPacket]) -> Audio:
    pcm = np.concatenate([np.frombuffer(packet.payload, ">i2") for packet in packets])
    return pcm.astype(np.float32) / np.float32(32768)


def ramp(count: int) -> Audio:
    return (np.arange(1, count + 1) % 16384).astype(np.float32) / np.float32(32768)


class SendRig:
    """A line that sends to `far`, in virtual time."""

    def __init__(self, far: Far, rtp: RtpConfig = L16, *, rate: int = RATE, remote: str = "none") -> None:
        self.socket = UdpSocket(HERE)
        self.port = AudioPort(rate, queue_s=30, tap_s=30)
        self.engine = Engine()
        self.line = self.engine.add(
            self.port,
            kind="network",
            socket=self.socket,
            rtp=rtp,
            send_to=far.address,
            remote=remote,  # type: ignore[arg-type]
        )
        self.tap = self.port.tap(0)
        self.now_ns = 0
        self.engine.step(0)

    def run(self, seconds: float, step_s: float = 0.01) -> None:
        end_ns = self.now_ns + round(seconds * 1e9)
        while self.now_ns < end_ns:
            self.now_ns = min(end_ns, self.now_ns + round(step_s * 1e9))
            self.engine.step(self.now_ns)

    def speak(self, samples: Audio) -> None:
        segment = self.port.playout.open_segment()
        assert segment.write(samples) == len(samples)
        segment.end()


# ---- sending, in virtual time


def test_what_is_put_out_is_what_the_far_end_decodes(far: Far) -> None:
    rig = SendRig(far)
    rig.run(0.1)
    rig.speak(ramp(8000))
    rig.run(1.0)
    packets = far.packets()
    assert len(packets) == 55
    assert np.array_equal(sound_of(packets), rig.tap.read())
    assert [packet.seq for packet in packets] == [(65530 + k) % 65536 for k in range(55)]
    assert [packet.timestamp for packet in packets] == [(2**32 - 1000 + N * k) % 2**32 for k in range(55)]
    assert {(packet.payload_type, packet.ssrc) for packet in packets} == {(96, 1)}
    figures = rig.line.sent_figures()
    assert (figures["samples"], figures["packetsSent"], figures["bytesSent"]) == (17600, 55, 35200)
    assert rig.socket.figures()["sent"] == 55
    assert (figures["dropped"], figures["unaddressed"], rig.line.ssrc) == (0, 0, 1)


@pytest.mark.parametrize("step_s", [0.003, 0.05, 0.7])
def test_when_steps_happen_changes_no_packet(far: Far, step_s: float) -> None:
    """Law 6, and a stall: what was due leaves late, and nothing is shifted."""
    sent = []
    for step in (0.01, step_s):
        rig = SendRig(far, RtpConfig("pcmu", 8000, payload_type=0, ssrc=5, seq=1, timestamp=0), rate=24000)
        rig.speak(ramp(24000))
        rig.run(1.4, step)
        sent.append([packet.build() for packet in far.packets()])
        rig.engine.close()
    assert len(sent[0]) == 70
    assert sent[0] == sent[1]


@pytest.mark.parametrize("frame_s", [0.01, 0.02, 0.04, 0.06])
def test_frames_are_as_long_as_asked(far: Far, frame_s: float) -> None:
    rig = SendRig(far, RtpConfig("pcma", RATE, payload_type=96, timestamp=0, frame_s=frame_s))
    rig.run(1.2)
    packets = far.packets()
    assert len(packets) == round(1.2 / frame_s)
    assert [packet.timestamp for packet in packets] == [round(k * frame_s * RATE) for k in range(len(packets))]


def test_a_remote_that_plays_gets_speech_ahead_of_its_time(far: Far) -> None:
    rig = SendRig(far, remote="plays")
    rig.speak(ramp(8000))
    rig.run(0.02)
    assert len(far.packets()) == 4, "20 ms that were due, and 60 ms ahead"
    rig.run(0.98)
    assert len(far.packets()) == 46, "silence never is"


def test_a_flush_resets_the_encoder_at_the_cut(far: Far) -> None:
    """Law 2: Opus after a flush is as from a new encoder that was given the same frames."""
    try:
        find_libopus()
    except OpusMissing as missing:
        pytest.skip(str(missing))
    rig = SendRig(far, RtpConfig("opus", RATE, payload_type=111, timestamp=0))
    rng = np.random.default_rng(3)
    rig.speak(rng.normal(0, 0.1, 16000).astype(np.float32))
    rig.run(0.2)
    rig.port.playout.flush()
    rig.speak(rng.normal(0, 0.1, 8000).astype(np.float32))
    rig.run(0.2)
    packets = far.packets()
    out = rig.tap.read()
    assert len(packets) == 20
    assert [packet.timestamp for packet in packets] == [960 * k for k in range(20)]
    assert rig.line.sent_figures()["cuts"] == 1
    encoder = Encoder("opus", RATE)
    pcm = np.clip(np.rint(out * 32768), -32768, 32767).astype(np.int16).reshape(20, N)
    fresh = [encoder.encode(frame) for frame in pcm[10:]]
    assert [packet.payload for packet in packets[10:]] == fresh
    same = RtpSender(RATE, RtpConfig("opus", RATE, payload_type=111))
    uncut = [RtpPacket.parse(data).payload for data in same.write(out)]
    assert uncut[:10] == [packet.payload for packet in packets[:10]]
    assert uncut[10:] != fresh, "the reset is what makes the difference"


# ---- what the system does not take


def test_nobody_at_the_other_end_is_no_error_of_the_step() -> None:
    gone = Far()
    gone.socket.close()
    rig = SendRig(gone)
    rig.run(1.0)
    figures, counted = rig.line.sent_figures(), rig.socket.figures()
    assert figures["packetsSent"] == 50 == counted["sent"] + counted["send_errors"]
    assert figures["dropped"] == counted["send_errors"]


def test_what_has_no_route_is_counted() -> None:
    """From loopback to elsewhere: the system refuses each."""
    port, engine, bound = AudioPort(RATE), Engine(), UdpSocket(HERE)
    line = engine.add(port, kind="network", socket=bound, rtp=L16, send_to=("192.0.2.1", 9))
    engine.step(0)
    engine.step(200_000_000)
    figures = line.sent_figures()
    assert (figures["packetsSent"], figures["dropped"]) == (10, 10)
    assert (bound.figures()["send_errors"], bound.figures()["sent"]) == (10, 0)
    engine.close()


# ---- both directions over one socket


def test_symmetric_the_far_end_is_answered_where_it_speaks_from(far: Far) -> None:
    port, engine, bound = AudioPort(RATE), Engine(), UdpSocket(HERE)
    line = engine.add(port, kind="network", packets=HEARS, rtp=L16, socket=bound)
    engine.step(0)
    engine.step(100_000_000)
    assert line.sent_figures()["unaddressed"] == 5
    stranger = Far()
    stranger.socket.sendto(b"\x00\x01 hello", bound.address)
    voice = ramp(5 * N)
    for k in range(5):
        far.say(k, voice[N * k : N * (k + 1)], bound.address)
    stranger.say(77, voice[:N], bound.address)
    engine.step(110_000_000)
    engine.step(200_000_000)
    assert port.mic_written == 5 * N
    heard = line.link_figures()
    assert (heard["received"], heard["malformed"], heard["strangers"]) == (5, 1, 1)
    packets = far.packets()
    assert [packet.seq for packet in packets] == [(65530 + k) % 65536 for k in range(5, 10)]
    assert stranger.packets() == []
    assert line.sent_figures()["unaddressed"] == 5
    stranger.socket.close()
    engine.close()


def test_the_same_over_ipv6() -> None:
    far = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    try:
        far.bind(("::1", 0))
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    far.setblocking(False)
    port, engine, bound = AudioPort(RATE), Engine(), UdpSocket("::1")
    line = engine.add(port, kind="network", packets=HEARS, rtp=L16, socket=bound)
    engine.step(0)
    for k in range(3):
        far.sendto(RtpPacket(96, k, N * k, 9, bytes(2 * N)).build(), bound.address)
    engine.step(40_000_000)
    assert line.link_figures()["received"] == 3
    assert [RtpPacket.parse(far.recv(2048)).seq for _ in range(2)] == [65530, 65531]
    far.close()
    engine.close()


def test_a_flood_takes_a_bounded_part_of_a_tick(far: Far) -> None:
    port, engine, bound = AudioPort(RATE), Engine(), UdpSocket(HERE)
    engine.add(port, kind="network", packets=HEARS, socket=bound)
    engine.step(0)
    for _ in range(200):
        far.socket.sendto(b"?", bound.address)
    seen = []
    for tick in range(1, 5):
        engine.step(tick * 10_000_000)
        seen.append(bound.figures()["received"])
    assert seen == [64, 128, 192, 200]
    engine.close()


def test_law5_what_came_by_the_socket_replays_bit_for_bit(far: Far, tmp_path: Path) -> None:
    vad, path, pick = SileroVad(), tmp_path / "call.rtj", np.random.default_rng(8)
    port, engine, bound = AudioPort(RATE), Engine(vad=vad), UdpSocket(HERE)
    with Journal(path, port, packets=HEARS) as journal:
        line = engine.add(port, kind="network", packets=HEARS, rtp=L16, socket=bound, journal=journal)
        mic = port.mic(0)
        engine.step(0)
        for tick in range(1, 300):
            if tick % 2 and pick.random() < 0.9:
                far.say(tick // 2, pick.uniform(-0.5, 0.5, N).astype(np.float32), bound.address)
            if pick.random() < 0.7:  # else the step comes late
                engine.step(tick * TICK_NS)
        engine.step(300 * TICK_NS)
        heard = mic.read()
        engine.remove(line)
    assert line.link_figures()["concealedSamples"] > 0
    kept = read_journal(path)
    assert kept.complete
    assert check_replay(kept, vad).found == []
    np.testing.assert_array_equal(replay_hearing(kept, vad).mic[: len(heard)], heard)
    engine.close()


# ---- law 4


CALLER = """
import socket, sys, time
from tests.core.rig import level
from tests.core.test_line_socket import Far, N
far, to = Far(), ("127.0.0.1", int(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
time.sleep(0.3)
for k, chunk in enumerate(level((0.1, 0.0), (0.7, 0.9)).reshape(-1, N)):
    far.say(k, chunk, to)
    time.sleep(0.02)
"""


def test_with_the_lock_held_packets_leave_and_barge_in_flushes(far: Far, repo_root: Path) -> None:
    """The engine's thread, real sockets, a caller in another process, and here calls of C that keep the interpreter's
    lock: the agent's voice leaves without a gap, the caller is heard, and stops it."""
    held = ctypes.PyDLL(None)
    bound, port, engine = UdpSocket(HERE), AudioPort(RATE, queue_s=30, tap_s=30), Engine(vad=LevelVad())
    line = engine.add(port, kind="network", packets=HEARS, rtp=L16, socket=bound, send_to=far.address)
    tap = port.tap(0)
    segment = port.playout.open_segment()
    segment.write(np.full(20 * RATE, 0.25, np.float32))
    segment.end()
    with subprocess.Popen(
        [sys.executable, "-c", CALLER, str(bound.address[1])],
        cwd=repo_root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as caller:
        assert caller.stdin is not None
        assert caller.stdout is not None
        caller.stdout.readline()
        engine.start()
        caller.stdin.write(b"go\n")
        caller.stdin.flush()
        assert line.sent_figures()["cuts"] == 0
        for _ in range(10):  # the first is enough, but on a machine that has other things to do
            held.usleep(1_500_000)
            if bound.figures()["received"] == 40:
                break
        engine.stop()
    packets, figures = far.packets(), line.sent_figures()
    assert bound.figures()["received"] == 40
    assert (figures["cuts"], figures["dropped"]) == (1, 0), "barge-in has flushed what was said"
    assert port.playout.ledger().dropped > 0
    assert len(packets) == figures["packetsSent"] == figures["samples"] // N > 50
    assert [packet.timestamp for packet in packets] == [(2**32 - 1000 + N * k) % 2**32 for k in range(len(packets))]
    assert [packet.seq for packet in packets] == [(65530 + k) % 65536 for k in range(len(packets))]
    sound = sound_of(packets)
    assert np.abs(sound - tap.read()[: len(sound)]).max() < 1 / 32768
    assert np.any(sound > 0.2)
    assert not np.any(sound[-N:])
    engine.close()


# ---- nothing is left behind


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts descriptors in /proc")
@pytest.mark.parametrize("order", ["engine, socket", "line, socket, engine", "let go", "socket let go first"])
def test_in_any_order_nothing_stays(far: Far, order: str) -> None:
    gc.collect()
    before = descriptors()
    engine, bound, port = Engine(), UdpSocket(HERE), AudioPort(RATE)
    line = engine.add(port, kind="network", packets=HEARS, rtp=L16, socket=bound, send_to=far.address)
    engine.start()
    while line.sent_figures()["packetsSent"] < 2:
        time.sleep(0.01)
    with pytest.raises(RuntimeError, match="remove it"):
        bound.close()
    if order == "engine, socket":
        engine.close()
        bound.close()
        assert bound.closed
    elif order == "line, socket, engine":
        engine.remove(line)
        bound.close()
        bound.close()
        engine.close()
    elif order == "socket let go first":
        del bound
        engine.close()
    port.close()
    del engine, line, port
    if order != "socket let go first":
        del bound
    gc.collect()
    assert descriptors() == before


def test_a_socket_serves_one_line_and_then_another(far: Far) -> None:
    engine, bound = Engine(), UdpSocket(HERE)
    first = engine.add(
        AudioPort(RATE), kind="network", rtp=RtpConfig("pcmu", 8000, payload_type=0), socket=bound, send_to=far.address
    )
    with pytest.raises(RuntimeError, match="another line"):
        engine.add(AudioPort(RATE), kind="network", packets=HEARS, socket=bound)
    engine.remove(first)
    second = engine.add(AudioPort(RATE), kind="network", rtp=first.rtp, socket=bound, send_to=far.address)
    assert first.ssrc != second.ssrc, "drawn anew"
    engine.close()
    bound.close()
    with pytest.raises(PortClosed):
        bound.figures()


# ---- law 11


def test_bad_arguments_are_told(far: Far) -> None:
    engine, bound, port = Engine(), UdpSocket(HERE), AudioPort(RATE)

    def add(**settings: object) -> None:
        engine.add(port, **{"kind": "network", "socket": bound, **settings})  # type: ignore[arg-type]

    for error, match, settings in (
        (ValueError, "kind", {"kind": "paced", "rtp": L16, "send_to": far.address}),
        (ValueError, "packets=", {}),
        (ValueError, "where to", {"rtp": L16}),
        (ValueError, "rtp=", {"packets": HEARS, "send_to": far.address}),
        (ValueError, "socket=", {"socket": None, "rtp": L16}),
        (ValueError, "clear", {"rtp": L16, "send_to": far.address, "remote": "clears"}),
        (ValueError, "family", {"rtp": L16, "send_to": ("::1", 5)}),
        (ValueError, "example", {"rtp": L16, "send_to": ("example.org", 5)}),
        (ValueError, "port", {"rtp": L16, "send_to": (HERE, 65536)}),
        (ValueError, "port 0", {"rtp": L16, "send_to": (HERE, 0)}),
        (TypeError, "send_to", {"rtp": L16, "send_to": 5}),
        (TypeError, "RtpConfig", {"rtp": "pcmu", "send_to": far.address}),
        (TypeError, "UdpSocket", {"socket": 5}),
    ):
        with pytest.raises(error, match=match):
            add(**settings)
    for match, rtp in (
        ("resampler", RtpConfig("pcmu", 44100, payload_type=96, frame_s=0.01)),
        ("datagram", RtpConfig("l16", RATE, payload_type=96, frame_s=0.06)),
    ):
        with pytest.raises(ValueError, match=match):
            add(rtp=rtp, send_to=far.address)
    add(packets=HEARS)
    (line,) = [engine.add(AudioPort(RATE), kind="network", packets=HEARS)]
    with pytest.raises(ValueError, match="sends nothing"):
        line.sent_figures()
    with pytest.raises(ValueError, match="no IPv4"):
        UdpSocket("localhost.example")
    with pytest.raises(OSError, match="UdpSocket"):
        UdpSocket(HERE, bound.address[1])
    with pytest.raises(ValueError, match="payload_type"):
        RtpConfig("pcmu", 8000, payload_type=128)


def test_the_engine_alone_takes_what_comes_there() -> None:
    engine, bound = Engine(), UdpSocket(HERE)
    line = engine.add(AudioPort(RATE), kind="network", packets=HEARS, socket=bound)
    with pytest.raises(RuntimeError, match="socket"):
        line.put_datagram(b"", 0)
    with pytest.raises(RuntimeError, match="socket"):
        line.put_packet(0, 0, b"")
