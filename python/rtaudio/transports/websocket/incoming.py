"""What one side receives: in order, checked, counted. Pure: it gives values or raises ProtocolError, and does nothing.

    server's side   NEW ──hello──► OPEN ──bye──► OVER       NEW: anything but hello is 4002
    client's side   NEW ──welcome──► OPEN ──bye──► OVER     a bye may come before the welcome

In OVER everything is passed over. Audio never goes back in its positions; a gap is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, Literal, TypeVar

from rtaudio.transports.websocket.frames import AudioFrame, ProtocolError, decode_frame
from rtaudio.transports.websocket.messages import (
    Bye,
    FromClient,
    FromServer,
    Hello,
    Message,
    Welcome,
    decode_from_client,
    decode_from_server,
)

M = TypeVar("M", bound=Message)
Stage = Literal["new", "open", "over"]


class Incoming(Generic[M]):
    """One direction of one connection. Made by `from_client` and `from_server`."""

    def __init__(self, decode: Callable[[str], M | None], first: type[Message], early: type[Message] | None) -> None:
        """`first`: what opens it; `early`: what else may come before."""
        self._decode, self._first, self._early = decode, first, early
        self.stage: Stage = "new"
        self.position = 0
        """Where the next audio message may begin, at the earliest."""
        self._ignored = self._gap = self._taken = 0

    def receive(self, data: str | bytes) -> M | AudioFrame | None:
        """The message; None: nothing to do. Raises ProtocolError."""
        if self.stage == "over":
            return None
        if isinstance(data, bytes):
            return self._audio(data)
        message = self._decode(data)
        if message is None:
            self._ignored += 1
            return None
        if self.stage == "new":
            if isinstance(message, self._first):
                self.stage = "open"
                return message
            if self._early is None or not isinstance(message, self._early):
                raise ProtocolError(4002, f"“{_type(message)}” before “{_type(self._first)}”")
        elif isinstance(message, self._first):
            raise ProtocolError(4000, f"a second “{_type(message)}”")
        if isinstance(message, Bye):
            self.stage = "over"
        return message

    def figures(self) -> dict[str, int]:
        """audio_samples taken, gap_samples that were missing between messages, ignored messages of unknown kinds."""
        return {"audio_samples": self._taken, "gap_samples": self._gap, "ignored": self._ignored}

    def _audio(self, data: bytes) -> AudioFrame | None:
        frame = decode_frame(data)
        if frame is None:
            self._ignored += 1
            return None
        if self.stage == "new":
            raise ProtocolError(4002, f"audio before “{_type(self._first)}”")
        if frame.position < self.position:
            raise ProtocolError(4000, f"audio at {frame.position}: before the end of the last message, {self.position}")
        self._gap += frame.position - self.position
        self._taken += len(frame.samples)
        self.position = frame.stop
        return frame


def from_client() -> Incoming[FromClient]:
    """What a server receives."""
    return Incoming[FromClient](decode_from_client, Hello, None)


def from_server() -> Incoming[FromServer]:
    """What a client receives."""
    return Incoming[FromServer](decode_from_server, Welcome, Bye)


def _type(message: Message | type[Message]) -> str:
    return str(message.__struct_config__.tag)


REASON_BYTES: Final = 120


def short_reason(text: str) -> str:
    """As much of a reason as a close frame takes."""
    return text.encode("utf-8", "replace")[:REASON_BYTES].decode("utf-8", "ignore")
