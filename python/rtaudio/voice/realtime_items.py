"""What comes into a session's machine from a speech-to-speech model, beside what items.py has for all providers.

Its responses come as those of other models do: CallCame, AudioCame, WordsFound, TokensEnded, TokensFailed; a message of
the response is a clause of the reply. Mic positions count samples at 16 kHz.
"""

from __future__ import annotations

from dataclasses import dataclass

from rtaudio.voice.items import Item


@dataclass(frozen=True, slots=True)
class ModelDue(Item):
    """It is time to open a connection: the session begins, or has waited after a loss."""


@dataclass(frozen=True, slots=True)
class ModelReady(Item):
    """The server has taken the conversation."""

    connection: int


@dataclass(frozen=True, slots=True)
class ModelExpiring(Item):
    """The server will end the connection soon."""

    connection: int


@dataclass(frozen=True, slots=True)
class ModelLost(Item):
    """The connection is over, or was not to be had."""

    connection: int
    provider: str
    what: str


@dataclass(frozen=True, slots=True)
class ServerHeard(Item):
    """Server turns: the user speaks, since mic position `begin`; -1: the server does not say."""

    begin: int


@dataclass(frozen=True, slots=True)
class ServerInterrupted(Item):
    """Server turns: the server takes the agent to be interrupted."""


@dataclass(frozen=True, slots=True)
class TurnTaken(Item):
    """The user's speech is a message of the server's conversation, `name`. `end`: server turns: mic position at which
    it ended; -1: it does not say."""

    name: str
    end: int = -1


@dataclass(frozen=True, slots=True)
class UserWordsCame(Item):
    """What the user said in the message `name`; may come before TurnTaken."""

    name: str
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class UserWordsFailed(Item):
    """There will be no words of it."""

    name: str
    provider: str
    what: str


@dataclass(frozen=True, slots=True)
class ResponseOffered(Item):
    """The server has begun a response by itself that no reply waits for: it is held."""


@dataclass(frozen=True, slots=True)
class ResponseWithdrawn(Item):
    """It has ended with nothing in it."""


@dataclass(frozen=True, slots=True)
class SpokenTextCame(Item):
    """The text of the reply's message `clause` goes on."""

    reply: int
    clause: int
    text: str
