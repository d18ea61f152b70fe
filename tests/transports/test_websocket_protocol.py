"""The WebSocket protocol without a socket: every message there and back, everything else refused with a reason (law
11)."""

from __future__ import annotations

import contextlib
import struct

import numpy as np
import pytest

pytest.importorskip("msgspec", reason="msgspec is not installed: pip install 'rtaudio[serve]'")

from hypothesis import given
from hypothesis import strategies as st

from rtaudio.transports.websocket import messages as say
from rtaudio.transports.websocket.agreement import agree
from rtaudio.transports.websocket.frames import (
    MOST_BYTES,
    MOST_SAMPLES,
    POSITIONS,
    AudioFrame,
    ProtocolError,
    decode_frame,
    encode_frame,
    to_pcm16,
)
from rtaudio.transports.websocket.incoming import from_client, from_server, short_reason

ABLE = say.Able(rates=[16000], formats=["pcm16"])
HELLO = say.Hello(versions=[1], input=ABLE, output=say.Able(rates=[24000], formats=["opus", "pcm16"]))

samples = st.integers(1, MOST_SAMPLES).flatmap(
    lambda count: st.integers(0, 2**32 - 1).map(
        lambda seed: np.random.default_rng(seed).integers(-32768, 32768, count).astype(np.int16)
    )
)
frames = st.builds(
    AudioFrame, st.integers(0, POSITIONS - MOST_SAMPLES), samples, start=st.booleans(), end=st.booleans()
)


def same(one: AudioFrame, other: AudioFrame) -> bool:
    return (one.position, one.start, one.end) == (other.position, other.start, other.end) and np.array_equal(
        one.samples, other.samples
    )


@given(frames)
def test_an_audio_message_comes_back_as_it_was(frame: AudioFrame) -> None:
    decoded = decode_frame(encode_frame(frame))
    assert decoded is not None
    assert same(decoded, frame)


def test_the_bytes_are_those_of_the_page() -> None:
    data = encode_frame(AudioFrame(0x0102030405, np.array([1, -2], np.int16), start=True))
    assert data == bytes([1, 0, 1, 0, 2, 0, 0, 0, 5, 4, 3, 2, 1, 0, 0, 0, 1, 0, 0xFE, 0xFF])


@given(st.binary(max_size=64))
def test_any_bytes_are_a_frame_or_refused(data: bytes) -> None:
    frame = None
    with contextlib.suppress(ProtocolError):
        frame = decode_frame(data)
    assert frame is None or encode_frame(frame)[4:] == data[4:]


def header(kind: int = 1, format_: int = 0, flags: int = 0, count: int = 1, position: int = 0) -> bytes:
    return struct.pack("<BBBBIQ", kind, format_, flags, 0, count, position)


@pytest.mark.parametrize(
    ("data", "code", "reason"),
    [
        (b"", 4000, "an empty binary message"),
        (b"\x01" + bytes(9), 4000, "an audio message of 10 bytes: its header alone has 16"),
        (header(count=0), 4000, "an audio message of 0 samples: 1 to 9600"),
        (header(count=2**32 - 1), 4000, "an audio message of 4294967295 samples: 1 to 9600"),
        (header(count=2) + bytes(3), 4000, "3 bytes of sound for 2 samples of 16 bits"),
        (header(count=1) + bytes(4), 4000, "4 bytes of sound for 1 samples of 16 bits"),
        (header(format_=1) + bytes(2), 4000, "audio format 1: only pcm16 (0) was agreed on"),
        (header(position=2**53) + bytes(2), 4000, "position 9007199254740992: must be below 2**53"),
        (bytes([1]) * (MOST_BYTES + 1), 1009, "an audio message of 19217 bytes: at most 19216"),
    ],
)
def test_a_malformed_audio_message_is_refused_with_the_reason(data: bytes, code: int, reason: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_frame(data)
    assert (caught.value.code, str(caught.value)) == (code, reason)


def test_unknown_kinds_and_flags_are_passed_over() -> None:
    assert decode_frame(b"\x02whatever") is None
    frame = decode_frame(header(flags=0xFE) + bytes(2))
    assert frame is not None
    assert (frame.start, frame.end) == (False, True)


@pytest.mark.parametrize("frame", [AudioFrame(0, np.zeros(0, np.int16)), AudioFrame(-1, np.zeros(1, np.int16))])
def test_what_cannot_be_sent_is_not_encoded(frame: AudioFrame) -> None:
    with pytest.raises(ValueError, match=r"samples|position"):
        encode_frame(frame)


def test_float_samples_are_rounded_and_saturate() -> None:
    given_samples = np.array([0, 1, -1, 2, -2, 0.5, 1 / 65536, 3 / 65536], np.float32)
    assert to_pcm16(given_samples).tolist() == [0, 32767, -32768, 32767, -32768, 16384, 0, 2]


# ---- Control messages.

number = st.integers(0, 2**53 - 1)
text = st.text(max_size=40)
from_clients = st.one_of(
    st.builds(say.Played, position=number, played=number, queued=number, latency_ms=st.floats(0, 10_000)),
    st.builds(say.Cleared, id=number, position=number, played=number, dropped=number),
    st.builds(say.Ping, id=number),
    st.builds(say.Bye, reason=text),
)
from_servers = st.one_of(
    st.builds(say.Clear, id=number, position=number),
    st.builds(say.Duck, gain=st.floats(0, 1000), ramp_ms=st.floats(0, 1000), position=number),
    st.builds(say.User, at_s=st.floats(0, 1e6), turn=number, text=text, final=st.booleans()),
    st.builds(
        say.Cut,
        at_s=st.floats(0, 1e6),
        reply=number,
        heard=text,
        cut=text,
        heard_for_s=st.floats(0, 99),
        bound_s=st.floats(0, 1),
    ),
    st.builds(say.Latency, at_s=st.floats(0, 1e6), turn=number, steps=st.dictionaries(text, st.floats(0, 9))),
)


@given(from_clients)
def test_a_client_s_message_comes_back_as_it_was(message: say.FromClient) -> None:
    assert say.decode_from_client(say.encode_message(message)) == message


@given(from_servers)
def test_a_server_s_message_comes_back_as_it_was(message: say.FromServer) -> None:
    assert say.decode_from_server(say.encode_message(message)) == message


@given(st.text(max_size=200))
def test_any_text_is_a_message_or_refused(data: str) -> None:
    with pytest.raises(ProtocolError):
        say.decode_from_client(data)


@pytest.mark.parametrize(
    ("data", "code", "part"),
    [
        ("[]", 4000, "Expected `object`"),
        ("{}", 4000, "missing required field `type`"),
        ('{"type": "played"}', 4000, "missing required field `position`"),
        ('{"type": "played", "position": -1}', 4000, "Expected `int` >= 0 - at `$.position`"),
        ('{"type": "played", "position": 1.5}', 4000, "Expected `int`, got `float` - at `$.position`"),
        ('{"type": "played", "position": 1, "latency_ms": 1e300}', 4000, "$.latency_ms"),
        ('{"type": "ping", "id": 9007199254740992}', 4000, "$.id"),
        ('{"type": "hello", "versions": [], "input": {}, "output": {}}', 4000, "$.versions"),
        ("[" * 2000, 4000, "of this protocol"),
        ('{"type": "bye", "reason": "' + "x" * 300 + '"}', 4000, "length <= 200"),
        ('{"type": "' + "x" * 21000 + '"}', 1009, "a text message of 21012 bytes: at most 20480"),
        ("\ud800", 4000, "no Unicode"),
    ],
)
def test_a_malformed_message_is_refused_with_the_reason(data: str, code: int, part: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        say.decode_from_client(data)
    assert caught.value.code == code
    assert part in str(caught.value)


def test_unknown_types_and_fields_are_passed_over() -> None:
    assert say.decode_from_client('{"type": "of a later version", "x": [1]}') is None
    assert say.decode_from_client('{"type": "ping", "id": 1, "new": {}}') == say.Ping(id=1)


# ---- What one side receives.


def test_nothing_but_hello_opens_a_call() -> None:
    incoming = from_client()
    with pytest.raises(ProtocolError, match="“ping” before “hello”") as caught:
        incoming.receive('{"type": "ping", "id": 1}')
    assert caught.value.code == 4002
    with pytest.raises(ProtocolError, match="audio before “hello”"):
        from_client().receive(encode_frame(AudioFrame(0, np.zeros(1, np.int16))))
    assert incoming.receive(say.encode_message(HELLO)) == HELLO
    with pytest.raises(ProtocolError, match="a second “hello”"):
        incoming.receive(say.encode_message(HELLO))


def test_audio_never_goes_back_and_gaps_are_counted() -> None:
    incoming = from_client()
    incoming.receive(say.encode_message(HELLO))
    for position in (0, 100, 250):
        incoming.receive(encode_frame(AudioFrame(position, np.ones(100, np.int16))))
    assert incoming.figures() == {"audio_samples": 300, "gap_samples": 50, "ignored": 0}
    with pytest.raises(ProtocolError, match="audio at 349: before the end of the last message, 350"):
        incoming.receive(encode_frame(AudioFrame(349, np.ones(1, np.int16))))


def test_after_bye_nothing_counts() -> None:
    incoming = from_client()
    incoming.receive(say.encode_message(HELLO))
    assert incoming.receive('{"type": "bye"}') == say.Bye()
    assert incoming.receive("not even JSON") is None
    assert incoming.receive(b"") is None


def test_a_client_may_be_told_goodbye_before_it_was_welcomed() -> None:
    assert from_server().receive('{"type": "bye", "reason": "full"}') == say.Bye(reason="full")


# ---- Agreement.


def test_the_first_of_the_client_s_that_the_server_can_is_agreed_on() -> None:
    hello = say.Hello(
        versions=[7, 1],
        input=say.Able(rates=[11025, 48000, 16000], formats=["opus", "pcm16"]),
        output=say.Able(rates=[44100, 48000, 24000], formats=["pcm16"]),
    )
    welcome = agree(hello, call="c", lead_ms=0, server="s")
    assert (welcome.version, welcome.input.rate, welcome.output.rate) == (1, 48000, 48000)
    assert welcome.input.format == "pcm16"


@pytest.mark.parametrize(
    ("hello", "code", "part"),
    [
        ({"versions": [2, 3]}, 4001, "speaks version 1, the client [2, 3]"),
        ({"input": say.Able(rates=[11025], formats=["pcm16"])}, 4003, "no rate to send in common"),
        ({"output": say.Able(rates=[24000], formats=["mp3"])}, 4003, "no format to play in common"),
    ],
)
def test_where_nothing_is_in_common_it_says_what_there_is(hello: dict[str, object], code: int, part: str) -> None:
    wanted = say.Hello(**{"versions": [1], "input": ABLE, "output": HELLO.output, **hello})  # type: ignore[arg-type]
    with pytest.raises(ProtocolError) as caught:
        agree(wanted, call="c", lead_ms=0, server="s")
    assert caught.value.code == code
    assert part in str(caught.value)


@given(st.text(max_size=200))
def test_a_reason_fits_into_a_close_frame(reason: str) -> None:
    short = short_reason(reason)
    assert len(short.encode()) <= 120
    assert reason.encode("utf-8", "replace").decode().startswith(short)
