"""What is fuzzed: readers of what others write. Add one here, and `make fuzz` and the tests run it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from rtaudio.bench.labels import LabelError, read_rttm, read_uem
from rtaudio.core.onnx_weights import OnnxFormatError, read_tensors
from rtaudio.core.vad import SileroVad
from rtaudio.transports.websocket.frames import AudioFrame, ProtocolError, encode_frame
from rtaudio.transports.websocket.incoming import from_client
from tests.core.onnx_writer import block, number, tensor, varint
from tests.fuzz.fuzzer import Target


def _onnx_examples() -> list[bytes]:
    raw = tensor("w", 1, [2, 3], block(9, bytes(24)))
    packed = tensor("p", 7, [3], block(7, varint(1) + varint(-2) + varint(3)))
    halves = tensor("h", 10, [2], block(5, varint(0x3C00) + varint(0)))
    constant = block(1, block(2, b"c") + block(4, b"Constant") + block(5, block(1, b"value") + block(5, raw)))
    inner = block(5, raw) + constant
    branch = block(1, block(3, b"If_0") + block(5, block(1, b"then_branch") + block(6, inner)))
    real = SileroVad().path.read_bytes()  # its beginning: graphs of nodes, and tensors that are cut short
    return [
        number(1, 8) + block(7, block(5, raw) + block(5, packed) + block(5, halves)),
        block(7, constant + branch),
        block(7, block(1, block(5, block(1, b"body") + block(11, branch)))),
        real[:3000],
        real[-3000:],
    ]


def _from_file(read: object) -> object:
    def run(data: bytes) -> object:
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            return read(Path(file.name))  # type: ignore[operator]

    return run


HELLO = (
    b'{"type":"hello","versions":[1],"input":{"rates":[16000],"formats":["pcm16"]},'
    b'"output":{"rates":[24000],"formats":["pcm16"]},"client":"x"}'
)


def _websocket_call(data: bytes) -> object:
    """A call whose messages stand one behind the other: kind, length in two bytes, the message."""
    incoming, at, got = from_client(), 0, []
    while at + 3 <= len(data):
        size = int.from_bytes(data[at + 1 : at + 3], "little")
        message = data[at + 3 : at + 3 + size]
        got.append(incoming.receive(message if data[at] & 1 else message.decode("utf-8", "surrogateescape")))
        at += 3 + size
    return got


def _calls() -> list[bytes]:
    said = [
        HELLO,
        b'{"type":"played","position":1200,"played":1200,"queued":0,"latency_ms":20.5}',
        b'{"type":"cleared","id":1,"position":1200,"played":1200,"dropped":48}',
        b'{"type":"ping","id":7}',
        b'{"type":"later"}',
        b'{"type":"bye","reason":"done"}',
    ]
    frames = [encode_frame(AudioFrame(at, np.arange(8, dtype=np.int16))) for at in (0, 8, 20)]
    messages = [(0, said[0]), *((1, frame) for frame in frames), *((0, each) for each in said[1:])]
    whole = b"".join(bytes([kind]) + len(each).to_bytes(2, "little") + each for kind, each in messages)
    return [whole, *(bytes([kind]) + len(each).to_bytes(2, "little") + each for kind, each in messages)]


TARGETS = [
    Target(
        "websocket",
        _websocket_call,
        (ProtocolError,),
        _calls,
        ("websocket/frames.py", "websocket/messages.py", "websocket/incoming.py"),
        (b'"type":', b"{", b"}", b"[", b"null", b"-1", b"1e999", b"9007199254740992", b"\\ud800", b"\xff", b"\x01\x00"),
    ),
    Target(
        "onnx_weights",
        read_tensors,
        (OnnxFormatError,),
        _onnx_examples,
        ("core/onnx_weights.py",),
        (
            b"\x3a",
            b"\x2a",
            b"\x0a",
            b"\x4a",
            b"\x10\x01",
            b"\xff\xff\xff\xff\x0f",
            b"\x80" * 9 + b"\x01",
            b"\x32",
            b"\x5a",
        ),
    ),
    Target(
        "rttm",
        _from_file(read_rttm),  # type: ignore[arg-type]
        (LabelError,),
        lambda: [
            b"SPEAKER a 1 1.0 0.5 <NA> <NA> anna <NA> <NA>\n;; x\nSPKR-INFO a 1 <NA> <NA> <NA> unknown anna <NA>\n"
        ],
        ("bench/labels.py",),
        (b"SPEAKER ", b" inf ", b" nan ", b" -1 ", b" 1e999 ", b" ", b"\n", b"\xff", b"\x00", b";;", b"1_0"),
    ),
    Target(
        "uem",
        _from_file(read_uem),  # type: ignore[arg-type]
        (LabelError,),
        lambda: [b"a NA 0.000 30.000\nb 1 3 4\n"],
        ("bench/labels.py",),
        (b" inf ", b" nan ", b" -1 ", b" ", b"\n", b"\xff", b";;"),
    ),
]
