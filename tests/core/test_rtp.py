"""RTP (RFC 3550): what is built is parsed again field for field, and no bytes whatever do harm (law 11)."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio import RtpMalformed, RtpPacket, is_rtcp

BARE = bytes([0x80, 0x60, 0x12, 0x34, 0, 0, 0, 1, 0xDE, 0xAD, 0xBE, 0xEF])

words32 = st.integers(0, 2**32 - 1)
packets = st.builds(
    RtpPacket,
    payload_type=st.integers(0, 127),
    seq=st.integers(0, 65535),
    timestamp=words32,
    ssrc=words32,
    payload=st.binary(max_size=400),
    marker=st.booleans(),
    csrcs=st.lists(words32, max_size=15),
    extension=st.none() | st.tuples(st.integers(0, 65535), st.binary(max_size=80).map(lambda b: b[: len(b) // 4 * 4])),
    padding_bytes=st.integers(0, 255),
)


def test_the_fixed_header_lies_where_the_rfc_has_it() -> None:
    packet = RtpPacket.parse(BARE + b"sound")
    assert (packet.payload_type, packet.marker, packet.seq) == (0x60, False, 0x1234)
    assert (packet.timestamp, packet.ssrc, packet.payload) == (1, 0xDEADBEEF, b"sound")
    assert (packet.csrcs, packet.extension, packet.padding_bytes) == ((), None, 0)


def test_sources_extension_and_padding_lie_where_the_rfc_has_them() -> None:
    head = bytes([0x80 | 0x20 | 0x10 | 2, 0x80 | 8]) + BARE[2:]
    data = head + struct.pack(">IIHHI", 7, 9, 0xBEDE, 1, 0x10FF0000) + b"sound" + bytes([0, 0, 3])
    packet = RtpPacket.parse(data)
    assert packet.marker
    assert packet.csrcs == (7, 9)
    assert packet.extension == (0xBEDE, bytes([0x10, 0xFF, 0, 0]))
    assert packet.payload == b"sound"
    assert packet.padding_bytes == 3
    assert packet.build() == data


@given(packets)
def test_what_is_built_is_parsed_again(packet: RtpPacket) -> None:
    data = packet.build()
    assert RtpPacket.parse(data) == packet
    assert RtpPacket.parse(bytearray(data)).build() == data


@given(st.binary(max_size=200))
def test_any_bytes_are_a_packet_or_malformed(data: bytes) -> None:
    """Law 11; what is taken is taken whole: built again it has the same length and fields."""
    for tried in (data, b"\x80" + data, b"\xbf" + data):
        try:
            packet = RtpPacket.parse(tried)
        except RtpMalformed:
            continue
        again = packet.build()
        assert len(again) == len(tried)
        assert RtpPacket.parse(again) == packet


@given(packets, st.data())
def test_a_packet_cut_short_never_gives_what_was_not_there(packet: RtpPacket, data: st.DataObject) -> None:
    whole = packet.build()
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    try:
        parsed = RtpPacket.parse(cut)
    except RtpMalformed:
        return
    assert len(parsed.build()) == len(cut)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "packet of 0 bytes: shorter"),
        (BARE[:11], "packet of 11 bytes: shorter"),
        (b"\x00\x01" + BARE[2:], "version"),  # a STUN request
        (b"\x82" + BARE[1:] + bytes(7), "CSRC"),
        (b"\x90" + BARE[1:] + bytes(3), "extension"),
        (b"\x90" + BARE[1:] + struct.pack(">HH", 0xBEDE, 2) + bytes(7), "extension"),
        (b"\xa0" + BARE[1:], "padding"),
        (b"\xa0" + BARE[1:] + b"\0", "padding"),
        (b"\xa0" + BARE[1:] + b"\x01\x03", "padding"),
    ],
)
def test_what_is_malformed_says_why(data: bytes, said: str) -> None:
    with pytest.raises(RtpMalformed, match=said):
        RtpPacket.parse(data)


def test_fields_out_of_range_are_refused() -> None:
    for wrong in ({"payload_type": 128}, {"seq": 65536}, {"timestamp": -1}, {"ssrc": 1 << 32}, {"padding_bytes": 256}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))}.*expected 0"):
            RtpPacket(**{"payload_type": 0, "seq": 0, "timestamp": 0, "ssrc": 0, **wrong})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at most 15"):
        RtpPacket(0, 0, 0, 0, csrcs=range(16))
    with pytest.raises(ValueError, match="32-bit words"):
        RtpPacket(0, 0, 0, 0, extension=(0, b"abc"))
    with pytest.raises(ValueError, match="65535"):
        RtpPacket(0, 0, 0, 0, bytes(65524)).build()
    assert len(RtpPacket(0, 0, 0, 0, bytes(65523)).build()) == 65535
    with pytest.raises(TypeError):
        RtpPacket.parse("text")  # type: ignore[arg-type]


def test_rtcp_on_the_same_port_is_known() -> None:
    assert is_rtcp(bytes([0x80, 200]) + bytes(26))
    assert not is_rtcp(BARE)
    assert not is_rtcp(bytes([0x80, 0x80 | 63]) + bytes(10))
    assert not is_rtcp(b"\x80")
