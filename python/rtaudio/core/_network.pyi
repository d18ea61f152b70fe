"""Bindings of csrc/rtp.h: RTP packets (RFC 3550), read and written. Any thread; nothing here keeps a state."""

from collections.abc import Iterable

from typing_extensions import Buffer

class RtpMalformed(ValueError):
    """These bytes are no RTP packet; the message says what is wrong with them."""

class RtpPacket:
    """One RTP packet (RFC 3550, section 5.1). Its bytes are its own: they outlive the buffer it was parsed from."""

    payload_type: int
    """0 .. 127."""
    marker: bool
    seq: int
    """0 .. 65535."""
    timestamp: int
    """In ticks of the codec's clock, 0 .. 2**32 - 1."""
    ssrc: int
    csrcs: tuple[int, ...]
    """Contributing sources, at most 15."""
    extension: tuple[int, bytes] | None
    """Of the header: (profile, data); the data a whole number of 32-bit words."""
    payload: bytes
    padding_bytes: int
    """Behind the payload, its count included; 0: none."""
    def __init__(
        self,
        payload_type: int,
        seq: int,
        timestamp: int,
        ssrc: int,
        payload: Buffer = b"",
        *,
        marker: bool = False,
        csrcs: Iterable[int] = (),
        extension: tuple[int, Buffer] | None = None,
        padding_bytes: int = 0,
    ) -> None:
        """ValueError for what does not fit into its field."""

    @staticmethod
    def parse(data: Buffer) -> RtpPacket:
        """Reads one packet. Whatever the bytes are, the only error is `RtpMalformed`."""

    def build(self) -> bytes:
        """The packet as it is sent. ValueError: longer than 65535 bytes."""

def is_rtcp(data: Buffer) -> bool:
    """Whether bytes that came in on a port shared with RTP are RTCP (RFC 5761): ask before `RtpPacket.parse`."""
