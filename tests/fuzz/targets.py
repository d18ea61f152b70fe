"""What is fuzzed: readers of what others write. Add one here, and `make fuzz` and the tests run it."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import numpy as np

from rtaudio.bench.labels import LabelError, read_rttm, read_uem
from rtaudio.core.onnx_weights import OnnxFormatError, read_tensors
from rtaudio.core.vad import SileroVad
from rtaudio.transports.websocket.frames import AudioFrame, ProtocolError, encode_frame
from rtaudio.transports.websocket.incoming import from_client
from rtaudio.transports.websocket.messages import Calling, decode_from_client, decode_from_server, encode_message
from rtaudio.transports.websocket.rpc import from_wire, to_wire
from rtaudio.voice.agent import Agent, AgentSettings
from rtaudio.voice.checkpoints import CheckpointError
from rtaudio.voice.checkpoints import decode as decode_checkpoint
from rtaudio.voice.checkpoints.form import call_ids, tools_of
from rtaudio.voice.items import AgentCame, SessionCaughtUp, SessionRestored, Stamp
from rtaudio.voice.machine import Machine
from rtaudio.voice.machine_state import state_of
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.rpc import RpcMessage
from rtaudio.voice.rpc_peer import RpcPeer
from rtaudio.voice.tools.call_items import CallsRestored
from rtaudio.voice.tools.call_resume import state_of as calls_state
from rtaudio.voice.tools.calls import Calls
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


def _client_calls(data: bytes) -> object:
    """What a client sends of calls, each message behind its length in two bytes, to a peer that has asked and serves.
    Its methods answer at once or never; what it answers must be of the protocol again."""
    sent: list[str] = []

    class Way:
        def send(self, message: RpcMessage) -> None:
            sent.append(encode_message(to_wire(message)))

    async def give(params: object) -> object:
        return params

    async def main() -> None:
        peer, at, here = RpcPeer(Way(), {"give": give, "wait": asyncio.sleep}, failed=lambda name, error: None), 0, None
        here = asyncio.ensure_future(peer.call("there", [1]))
        await asyncio.sleep(0)
        try:
            while at + 2 <= len(data):
                size = int.from_bytes(data[at : at + 2], "little")
                message = decode_from_client(data[at + 2 : at + 2 + size].decode("utf-8", "surrogateescape"))
                if isinstance(message, Calling):
                    peer.receive(from_wire(message))
                    await asyncio.sleep(0)
                at += 2 + size
        finally:
            await peer.aclose()
            await asyncio.gather(here, return_exceptions=True)

    asyncio.run(main())
    assert all(decode_from_server(each) is not None for each in sent)
    return len(sent)


def _client_call_examples() -> list[bytes]:
    said = [
        b'{"type":"rpc_request","id":1,"method":"give","params":{"a":[1,2.5,null,"\\u00e9"]},"timeout_ms":5000}',
        b'{"type":"rpc_request","id":2,"method":"wait","params":30,"timeout_ms":600000}',
        b'{"type":"rpc_cancel","id":2}',
        b'{"type":"rpc_request","id":3,"method":"none","timeout_ms":1}',
        b'{"type":"rpc_ack","id":1}',
        b'{"type":"rpc_result","id":1,"value":["red",{"a":1}]}',
        b'{"type":"rpc_error","id":1,"code":7,"message":"no"}',
    ]
    return [b"".join(len(each).to_bytes(2, "little") + each for each in said[begin:]) for begin in range(len(said))]


def _checkpoints() -> list[bytes]:
    """Of a conversation with tools, at moments in which different things are under way."""
    from tests.voice.crash_world import checkpoints_of_a_conversation

    return checkpoints_of_a_conversation()


def _taken_up(data: bytes) -> object:
    """What can be read can be taken up: by the session's machine and by that of tools, and written down again."""
    checkpoint = decode_checkpoint(data)
    machine = Machine(Agent(), SessionOptions(), checkpoint.place.port_rate)
    at = Stamp(checkpoint.machine.mic + 16000, 1)
    for known in range(2, len(checkpoint.agents) + 1):
        machine.handle(AgentCame(at, known, AgentSettings()))
    machine.handle(SessionRestored(at, checkpoint.machine))
    machine.handle(SessionCaughtUp(at))
    numbers = {known: known for known in range(1, len(checkpoint.agents) + 1)}
    if (tools := tools_of(checkpoint)) is not None:
        calls = Calls()
        calls.handle(CallsRestored(tools.calls, tuple(call_ids(checkpoint, tools))))
        calls_state(calls, numbers)
    return state_of(machine, numbers)


def _calls() -> list[bytes]:
    said = [
        HELLO,
        b'{"type":"played","position":1200,"played":1200,"queued":0,"latency_ms":20.5}',
        b'{"type":"cleared","id":1,"position":1200,"played":1200,"dropped":48}',
        b'{"type":"ping","id":7}',
        b'{"type":"rpc_request","id":1,"method":"say","params":{"text":"Hello.","n":[1,2.5,null]},"timeout_ms":5000}',
        b'{"type":"rpc_ack","id":1}',
        b'{"type":"rpc_result","id":1,"value":["red",{"a":1}]}',
        b'{"type":"rpc_error","id":2,"code":1400,"message":"no"}',
        b'{"type":"rpc_cancel","id":1}',
        b'{"type":"later"}',
        b'{"type":"bye","reason":"done"}',
    ]
    frames = [encode_frame(AudioFrame(at, np.arange(8, dtype=np.int16))) for at in (0, 8, 20)]
    messages = [(0, said[0]), *((1, frame) for frame in frames), *((0, each) for each in said[1:])]
    whole = b"".join(bytes([kind]) + len(each).to_bytes(2, "little") + each for kind, each in messages)
    return [whole, *(bytes([kind]) + len(each).to_bytes(2, "little") + each for kind, each in messages)]


TARGETS = [
    Target(
        "checkpoints",
        _taken_up,
        (CheckpointError,),
        _checkpoints,
        ("checkpoints/form.py", "voice/machine_resume.py", "voice/machine_state.py", "tools/call_resume.py"),
        (
            b"null",
            b"-1",
            b"0",
            b"99",
            b"[",
            b"]",
            b"true",
            b'""',
            b"1e999",
            b"9223372036854775807",
            b'"step":',
            b"\xff",
        ),
    ),
    Target(
        "websocket",
        _websocket_call,
        (ProtocolError,),
        _calls,
        ("websocket/frames.py", "websocket/messages.py", "websocket/incoming.py"),
        (b'"type":', b"{", b"}", b"[", b"null", b"-1", b"1e999", b"9007199254740992", b"\\ud800", b"\xff", b"\x01\x00"),
    ),
    Target(
        "client_calls",
        _client_calls,
        (ProtocolError,),
        _client_call_examples,
        ("websocket/rpc.py", "websocket/messages.py", "voice/rpc_calls.py", "voice/rpc_peer.py"),
        (
            b'"id":1',
            b'"id":2',
            b"rpc_cancel",
            b"rpc_ack",
            b'"params":',
            b"[[[[",
            b"1e999",
            b"\\ud800",
            b"null",
            b'"give"',
        ),
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
