"""Audio messages: 16 bytes of header, then the sound (docs/websocket.md). Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

PCM16: Final = 0
OPUS: Final = 1
"""Reserved: refused by version 1."""
START: Final = 1
END: Final = 2
AUDIO: Final = 1
MOST_SAMPLES: Final = 9600
POSITIONS: Final = 1 << 53
"""What a double of JavaScript counts exactly."""
MOST_BYTES: Final = 16 + 2 * MOST_SAMPLES

_HEADER: Final = struct.Struct("<BBBBIQ")


class ProtocolError(Exception):
    """The other side broke the protocol. `code`: what the connection is closed with; the message is the reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """`samples`: int16, shape (n,), mono; `position` of the first on the direction's media clock."""

    position: int
    samples: NDArray[np.int16]
    start: bool = False
    end: bool = False

    @property
    def stop(self) -> int:
        """The position after its last sample."""
        return self.position + len(self.samples)


def encode_frame(frame: AudioFrame) -> bytes:
    """The message. ValueError: no samples or too many, or a position that cannot be."""
    count = len(frame.samples)
    if not 1 <= count <= MOST_SAMPLES:
        raise ValueError(f"an audio message holds 1 to {MOST_SAMPLES} samples, not {count}")
    if not 0 <= frame.position <= POSITIONS - count:
        raise ValueError(f"position {frame.position}: must lie in 0..2**53")
    flags = START * frame.start | END * frame.end
    return _HEADER.pack(AUDIO, PCM16, flags, 0, count, frame.position) + frame.samples.astype("<i2").tobytes()


def decode_frame(data: bytes) -> AudioFrame | None:
    """The frame, its samples a view of `data`; None: of an unknown kind, to be ignored. Raises ProtocolError."""
    if len(data) > MOST_BYTES:
        raise ProtocolError(1009, f"an audio message of {len(data)} bytes: at most {MOST_BYTES}")
    if len(data) < 1:
        raise ProtocolError(4000, "an empty binary message")
    if data[0] != AUDIO:
        return None
    if len(data) < _HEADER.size:
        raise ProtocolError(4000, f"an audio message of {len(data)} bytes: its header alone has {_HEADER.size}")
    _, format_, flags, _, count, position = _HEADER.unpack_from(data)
    if format_ != PCM16:
        raise ProtocolError(4000, f"audio format {format_}: only pcm16 (0) was agreed on")
    if not 1 <= count <= MOST_SAMPLES:
        raise ProtocolError(4000, f"an audio message of {count} samples: 1 to {MOST_SAMPLES}")
    if len(data) != _HEADER.size + 2 * count:
        raise ProtocolError(4000, f"{len(data) - _HEADER.size} bytes of sound for {count} samples of 16 bits")
    if position > POSITIONS - count:
        raise ProtocolError(4000, f"position {position}: must be below 2**53")
    samples = np.frombuffer(data, "<i2", offset=_HEADER.size)
    return AudioFrame(position, samples, bool(flags & START), bool(flags & END))


def to_pcm16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Float samples, full scale 1, as 16-bit ones: rounded, saturating."""
    pcm: NDArray[np.int16] = np.clip(np.rint(samples * np.float32(32768.0)), -32768, 32767).astype(np.int16)
    return pcm
