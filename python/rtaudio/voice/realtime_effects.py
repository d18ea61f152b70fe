"""What a session's machine wants of a speech-to-speech model, beside what effects.py has for all sessions.

With local turns OpenRecognition and EndRecognition mean: give it the turn's audio; then make that the user's message.
StartModel: ask for a response.
"""

from __future__ import annotations

from dataclasses import dataclass

from rtaudio.voice.chat import ChatMessage
from rtaudio.voice.effects import Effect


@dataclass(frozen=True, slots=True)
class OpenModel(Effect):
    """Close the connection there is, if any, and open another that knows the conversation as it is now. Server turns:
    give it the mic's audio from position `start` on."""

    connection: int
    start: int


@dataclass(frozen=True, slots=True)
class CloseModel(Effect):
    """The connection is over; ModelDue in `again_s` seconds."""

    connection: int
    again_s: float


@dataclass(frozen=True, slots=True)
class AwaitResponse(Effect):
    """The response that the server has begun, or is about to begin by itself, is `reply`."""

    reply: int


@dataclass(frozen=True, slots=True)
class RefuseResponse(Effect):
    """Nobody wants the response that is held."""


@dataclass(frozen=True, slots=True)
class Truncate(Effect):
    """Of the reply's message `clause` only `audio_end_ms` were heard."""

    reply: int
    clause: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class Unsay(Effect):
    """The reply's message `clause` was not heard at all."""

    reply: int
    clause: int


@dataclass(frozen=True, slots=True)
class GiveResults(Effect):
    """Results of the tools that the reply called, as (output, failed), in the order of its calls."""

    reply: int
    results: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Share(Effect):
    """Tell the model of a message that did not come of this connection."""

    message: ChatMessage


@dataclass(frozen=True, slots=True)
class RememberAt(Effect):
    """The history has one more message, at place `index`; `instead`: in the place of the one that is there."""

    index: int
    message: ChatMessage
    instead: bool = False
