"""Datagrams into a line, as a socket brings them: what is RTP, and from whom (csrc/rtp_latch.h). Laws 8 and 11."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio import PacketConfig, RtpPacket
from tests.core.rig import Rig
from tests.core.test_packet_line import MS, PCM, N, PacketRig

CALLER, MOVED, STRANGER = ("192.0.2.1", 4000), ("198.51.100.9", 4001), ("203.0.113.5", 666)
RTCP = bytes([0x80, 200, 0, 1, 0, 0, 0, 7])


def rtp(seq: int, payload_type: int = 0) -> bytes:
    return RtpPacket(payload_type, seq=seq, timestamp=N * seq, ssrc=7, payload=bytes(2 * N)).build()


@pytest.fixture
def rig() -> PacketRig:
    return PacketRig(PacketConfig(16000, payload_types={0: "pcm16", 101: "none"}), hears=False)


def counted(rig: Rig) -> tuple[float, ...]:
    f = rig.line.link_figures()
    return tuple(f[name] for name in ("received", "rtcp", "malformed", "strangers", "moves"))


def test_rtp_is_heard_and_all_else_is_counted(rig: PacketRig) -> None:
    told = [rig.line.put_datagram(data, 0) for data in (rtp(0), RTCP, b"", b"\x00\x01STUN", rtp(1), bytes(12))]
    assert told == ["taken", "rtcp", "malformed", "malformed", "taken", "malformed"]
    rig.run(0.1)
    assert rig.port.mic_written == 2 * N
    assert counted(rig) == (2, 1, 3, 0, 0)


def test_a_full_line_drops_and_a_payload_that_is_too_long_is_refused() -> None:
    rig = PacketRig(PacketConfig(16000, codec="pcm16", waiting_packets=1), hears=False)
    long = RtpPacket(0, seq=1, timestamp=0, ssrc=7, payload=bytes(60000)).build()
    assert [rig.line.put_datagram(data, 0) for data in (long, rtp(0), rtp(1))] == ["dropped", "taken", "dropped"]
    figures = rig.line.link_figures()
    assert (figures["dropped"], figures["refused"]) == (1, 1)


# ---- the rows of rtp_latch.h


def test_open_only_sound_latches(rig: PacketRig) -> None:
    put = rig.line.put_datagram
    assert [
        put(b"?", 0, STRANGER),
        put(RTCP, 0, STRANGER),
        put(rtp(0, 101), 0, STRANGER),
        put(rtp(0, 99), 0, STRANGER),
    ] == [
        "malformed",
        "rtcp",
        "stranger",
        "stranger",
    ]
    assert put(rtp(0), 0, CALLER) == "taken"
    assert put(rtp(1, 101), 0, CALLER) == "taken", "of whom it listens to, everything"


def test_latched_nobody_speaks_beside_the_caller(rig: PacketRig) -> None:
    put = rig.line.put_datagram
    for k in range(200):
        assert put(rtp(k), 20 * k * MS, CALLER) == "taken"
        assert put(rtp(3 * k), 20 * k * MS, STRANGER) == "stranger"
        rig.run(0.02)
    assert counted(rig) == (200, 0, 0, 200, 0)
    assert rig.port.mic_written == 200 * N


def test_a_caller_who_moves_is_heard_again_after_a_second(rig: PacketRig) -> None:
    put = rig.line.put_datagram
    assert put(rtp(0), 0, CALLER) == "taken"
    told = [put(rtp(k), 20 * k * MS, MOVED) for k in range(1, 60)]
    assert told == ["stranger"] * 49 + ["taken"] * 10
    assert put(rtp(60), 1200 * MS, CALLER) == "stranger"
    rig.run(0.1)
    assert counted(rig)[3:] == (50, 1)


def test_silence_of_the_caller_lets_no_one_in_who_sends_no_sound(rig: PacketRig) -> None:
    put = rig.line.put_datagram
    put(rtp(0), 0, CALLER)
    assert put(rtp(1, 101), 5000 * MS, STRANGER) == "stranger"
    assert put(rtp(1), 5000 * MS, CALLER) == "taken"


def test_times_that_go_back_let_no_one_in(rig: PacketRig) -> None:
    put = rig.line.put_datagram
    put(rtp(0), 10_000 * MS, CALLER)
    for at in (-(1 << 63) + 1, 0, 9_999 * MS, 10_000 * MS):
        assert put(rtp(1), at, STRANGER) == "stranger"


def test_the_same_address_with_another_port_is_another(rig: PacketRig) -> None:
    put = rig.line.put_datagram
    put(rtp(0), 0, CALLER)
    assert put(rtp(1), 0, (CALLER[0], CALLER[1] + 1)) == "stranger"
    assert put(rtp(1), 0, ("::ffff:192.0.2.1", CALLER[1], 0, 0)) == "taken", "IPv4 mapped into IPv6 is the same"


# ---- law 11


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.binary(max_size=60), st.binary(max_size=40).map(lambda tail: rtp(3) + tail)),
            st.integers(-(1 << 63) + 1, (1 << 63) - 1),
            st.sampled_from([None, CALLER, MOVED, STRANGER, ("2001:db8::1", 9)]),
        ),
        max_size=50,
    )
)
def test_whatever_comes_every_datagram_is_counted_once(
    datagrams: list[tuple[bytes, int, tuple[str, int] | None]],
) -> None:
    rig = PacketRig(hears=False)
    for data, at, source in datagrams:
        rig.line.put_datagram(data, at, source)
    rig.run(3.0)
    f = rig.line.link_figures()
    queued = f["received"] + f["refused"] + f["dropped"]
    assert queued + f["rtcp"] + f["malformed"] + f["strangers"] == len(datagrams)


def test_bad_arguments_are_told(rig: PacketRig) -> None:
    samples = Rig(kind="network")
    with pytest.raises(ValueError, match="example"):
        rig.line.put_datagram(rtp(0), 0, ("example.org", 5))
    with pytest.raises(ValueError, match="port"):
        rig.line.put_datagram(rtp(0), 0, ("192.0.2.1", 65536))
    with pytest.raises(ValueError, match="arrival_ns"):
        rig.line.put_datagram(rtp(0), 1 << 63)
    with pytest.raises(ValueError, match="push"):
        samples.line.put_datagram(rtp(0), 0)
    assert PacketRig(PCM).line.put_datagram(rtp(0), 0, CALLER) == "taken"
