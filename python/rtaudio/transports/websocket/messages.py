"""Control messages: one struct for each `type` of docs/websocket.md, checked when decoded. Pure.

Unknown types and fields are passed over, so that later versions may add some; a known one must be as it is here.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias, get_args

import msgspec

from rtaudio.transports.websocket.frames import POSITIONS, ProtocolError
from rtaudio.voice.rpc import MOST_METHOD_CHARS, MOST_TEXT_CHARS, MOST_TIMEOUT_S

MOST_FROM_CLIENT: Final = 20 << 10
MOST_FROM_SERVER: Final = 64 << 10
"""Bytes of a text message."""

Position: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=POSITIONS)]
Number: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
Rate: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=768_000)]
Name: TypeAlias = Annotated[str, msgspec.Meta(max_length=200)]
Feature: TypeAlias = Annotated[str, msgspec.Meta(max_length=64)]
Method: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_METHOD_CHARS)]
RPC: Final = "rpc"
"""The feature of a side that takes calls, and answers them."""


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What all have in common."""


class Able(msgspec.Struct, frozen=True, kw_only=True):
    """What a client can do in one direction, best first."""

    rates: Annotated[list[Rate], msgspec.Meta(min_length=1, max_length=32)]
    formats: Annotated[list[Name], msgspec.Meta(min_length=1, max_length=16)]


class Agreed(msgspec.Struct, frozen=True, kw_only=True):
    """What is spoken in one direction."""

    rate: Rate
    format: Name


# ---- From the client.


class Hello(Message, frozen=True, kw_only=True, tag="hello"):
    """The first message."""

    versions: Annotated[list[Number], msgspec.Meta(min_length=1, max_length=32)]
    input: Able
    output: Able
    client: Name = ""
    features: Annotated[list[Feature], msgspec.Meta(max_length=32)] = []


class Played(Message, frozen=True, kw_only=True, tag="played"):
    """How far the client's player has come, on the output's media clock."""

    position: Position
    played: Number = 0
    queued: Number = 0
    latency_ms: Annotated[float, msgspec.Meta(ge=0, le=10_000)] = 0.0


class Cleared(Message, frozen=True, kw_only=True, tag="cleared"):
    """The answer to `Clear`."""

    id: Number
    position: Position
    played: Number = 0
    dropped: Number = 0


class Ping(Message, frozen=True, kw_only=True, tag="ping"):
    """Asks for `Pong` with the same id."""

    id: Number


class Bye(Message, frozen=True, kw_only=True, tag="bye"):
    """Hangs up; from either side."""

    reason: Name = ""


# ---- From the server, for the player.


class Welcome(Message, frozen=True, kw_only=True, tag="welcome"):
    """The call begins. `methods`: what the client may call as it does, of those that know calls."""

    version: Number
    call: Name
    input: Agreed
    output: Agreed
    lead_ms: Number
    server: Name = ""
    features: list[Feature] = []
    methods: list[Method] = []


class Clear(Message, frozen=True, kw_only=True, tag="clear"):
    """Drop what is held before `position`."""

    id: Number
    position: Position


class Duck(Message, frozen=True, kw_only=True, tag="duck"):
    """Bring what is played to `gain` (linear); from `position` on it is in the samples already."""

    gain: Annotated[float, msgspec.Meta(ge=0, le=1000)]
    ramp_ms: Annotated[float, msgspec.Meta(ge=0, le=60_000)]
    position: Position


class Pong(Message, frozen=True, kw_only=True, tag="pong"):
    """The answer to `Ping`."""

    id: Number


# ---- Calls of methods, either way; between two sides that both have the feature `rpc`.


class RpcRequest(Message, frozen=True, kw_only=True, tag="rpc_request"):
    """Calls a method of the other side."""

    id: Number
    method: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_METHOD_CHARS)]
    params: msgspec.Raw = msgspec.Raw(b"null")
    timeout_ms: Annotated[int, msgspec.Meta(ge=1, le=round(MOST_TIMEOUT_S * 1000))]


class RpcAck(Message, frozen=True, kw_only=True, tag="rpc_ack"):
    """The request came, and the method is known."""

    id: Number


class RpcResult(Message, frozen=True, kw_only=True, tag="rpc_result"):
    """What came of a request."""

    id: Number
    value: msgspec.Raw = msgspec.Raw(b"null")


class RpcFailure(Message, frozen=True, kw_only=True, tag="rpc_error"):
    """Why nothing came of it."""

    id: Number
    code: Annotated[int, msgspec.Meta(ge=-(1 << 31), lt=1 << 31)]
    message: Annotated[str, msgspec.Meta(max_length=MOST_TEXT_CHARS)] = ""


class RpcCancel(Message, frozen=True, kw_only=True, tag="rpc_cancel"):
    """Who asked does not wait any more."""

    id: Number


# ---- From the server, for a person.


class Told(Message, frozen=True, kw_only=True):
    """Something happened, at second `at_s` of what came in."""

    at_s: float


class State(Told, frozen=True, kw_only=True, tag="state"):
    """listening, thinking or speaking."""

    state: str


class User(Told, frozen=True, kw_only=True, tag="user"):
    """The words of a turn as understood so far."""

    turn: int
    text: str
    final: bool


class TurnGoesOn(Told, frozen=True, kw_only=True, tag="turn_resumed"):
    """The user goes on with a turn that had been taken to be over."""

    turn: int


class Listens(Told, frozen=True, kw_only=True, tag="backchannel"):
    """An "mhm"."""

    turn: int
    text: str


class Reply(Told, frozen=True, kw_only=True, tag="reply"):
    """Words that are about to be spoken."""

    reply: int
    offset: int
    text: str


class Progress(Told, frozen=True, kw_only=True, tag="progress"):
    """The reply has been heard up to character `offset`."""

    reply: int
    offset: int


class Heard(Told, frozen=True, kw_only=True, tag="heard"):
    """The reply was heard to its end."""

    reply: int
    text: str


class Cut(Told, frozen=True, kw_only=True, tag="cut"):
    """The reply was interrupted."""

    reply: int
    heard: str
    cut: str
    heard_for_s: float
    bound_s: float


class Barge(Told, frozen=True, kw_only=True, tag="barge_in"):
    """What the core makes of a user who speaks while the agent does."""

    state: str


class Latency(Told, frozen=True, kw_only=True, tag="latency"):
    """Seconds from the user's last sound to each step of the answer."""

    turn: int
    steps: dict[str, float]


class Notice(Told, frozen=True, kw_only=True, tag="notice"):
    """Something a person should know. `level`: info, warning or problem."""

    level: str
    text: str


Calling: TypeAlias = RpcRequest | RpcAck | RpcResult | RpcFailure | RpcCancel
FromClient: TypeAlias = Hello | Played | Cleared | Ping | Bye | Calling
ForPlayer: TypeAlias = Welcome | Clear | Duck | Pong | Bye
ForPerson: TypeAlias = State | User | TurnGoesOn | Listens | Reply | Progress | Heard | Cut | Barge | Latency | Notice
FromServer: TypeAlias = ForPlayer | ForPerson | Calling


class _Head(msgspec.Struct):
    type: str


_head = msgspec.json.Decoder(_Head)
_from_client: msgspec.json.Decoder[FromClient] = msgspec.json.Decoder(FromClient)
_from_server: msgspec.json.Decoder[FromServer] = msgspec.json.Decoder(FromServer)
_encoder = msgspec.json.Encoder()


def _types(union: Any) -> frozenset[str]:
    return frozenset(str(each.__struct_config__.tag) for each in get_args(union))


CLIENT_TYPES: Final = _types(FromClient)
SERVER_TYPES: Final = _types(FromServer)


def encode_message(message: FromClient | FromServer) -> str:
    """The message as JSON text."""
    return _encoder.encode(message).decode()


def decode_from_client(text: str) -> FromClient | None:
    """None: of an unknown type, to be ignored. Raises ProtocolError."""
    if not _known(text, CLIENT_TYPES, MOST_FROM_CLIENT):
        return None
    try:
        return _from_client.decode(text)
    except msgspec.DecodeError as error:
        raise _refused(error) from None


def decode_from_server(text: str) -> FromServer | None:
    """None: of an unknown type, to be ignored. Raises ProtocolError."""
    if not _known(text, SERVER_TYPES, MOST_FROM_SERVER):
        return None
    try:
        return _from_server.decode(text)
    except msgspec.DecodeError as error:
        raise _refused(error) from None


def _known(text: str, types: frozenset[str], most: int) -> bool:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise ProtocolError(4000, "a text message that is no Unicode") from None
    if len(data) > most:
        raise ProtocolError(1009, f"a text message of {len(data)} bytes: at most {most}")
    try:
        return _head.decode(data).type in types
    except msgspec.DecodeError as error:
        raise _refused(error) from None
    except RecursionError:
        raise ProtocolError(4000, "a text message nested too deeply") from None


def _refused(error: msgspec.DecodeError) -> ProtocolError:
    return ProtocolError(4000, f"a text message that is not of this protocol: {error}")
