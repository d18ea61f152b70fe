"""Across a handoff the transport sees nothing: one connection, one stream of samples, no word of the user lost, also
where the next voice has another rate. Law 10; real sockets."""

from __future__ import annotations

import asyncio
import socket
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("msgspec", reason="msgspec is not installed: pip install 'rtaudio[serve]'")
pytest.importorskip("aiohttp", reason="aiohttp is not installed: pip install 'rtaudio[serve]'")
pytest.importorskip("pydantic", reason="pydantic is not installed: pip install 'rtaudio[tools]'")

from rtaudio import AudioPort, Engine, PacketConfig, RtpConfig, RtpPacket, UdpSocket
from rtaudio.server import CallInfo, CallSetup
from rtaudio.testing import EnergyVad, FakeLLM, FakeSTT, FakeTTS, speech
from rtaudio.testing import run as run_virtual
from rtaudio.testing.remote import RemoteCaller
from rtaudio.transports.websocket import messages as say
from rtaudio.transports.websocket.client import WebSocketClient
from rtaudio.voice import Agent, AgentChanged, Session, SessionOptions, ToolCall
from rtaudio.voice.tools import tool
from tests.transports.conftest import run, served, voice

PORT_RATE, OTHER_RATE = 24000, 16000
FRAME = 320
"""Samples of the caller's RTP packets, at 16 kHz."""
EACH = 480
"""Of those that leave."""


class Billing(Agent):
    instructions = "You are billing."
    greeting = "This is billing, hello."


class Front(Agent):
    instructions = "You are the front desk."

    def __init__(self, billing: Agent) -> None:
        super().__init__()
        self.billing = billing

    @tool
    def to_billing(self) -> Agent:
        """Puts the caller through."""
        return self.billing


def test_a_caller_by_websocket_sees_one_stream_through_the_handoff() -> None:
    other = FakeTTS(rate=OTHER_RATE)
    first = FakeTTS(rate=PORT_RATE)
    stt = FakeSTT(["bill please", "and thanks"])

    def app(call: CallInfo) -> CallSetup:
        llm = FakeLLM([["One moment. ", ToolCall("c1", "to_billing", "{}")], "You owe twelve."])
        as_scripted = SessionOptions(eager="off")  # each reply is asked for once
        return CallSetup(agent=Front(Billing(tts=other)), stt=stt, llm=llm, tts=first, options=as_scripted)

    async def main() -> None:
        async with (
            served(app) as there,
            await WebSocketClient.connect(there.url) as client,
            RemoteCaller(client) as caller,
        ):
            caller.speak(voice(1.0))
            await caller.until(lambda it: len(it.said(say.Heard)) >= 2)
            caller.speak(voice(1.0))
            await caller.until(lambda it: len(it.said(say.Heard)) >= 3 and it.frames[-1].end and not it.player.queued)
            texts = [message.text for message in caller.said(say.Heard) if isinstance(message, say.Heard)]
            assert texts == ["One moment.", "This is billing, hello.", "You owe twelve."]
            rate = client.welcome.output.rate
            assert rate == PORT_RATE
            following = list(pairwise(caller.frames))
            assert all(one.position >= before.stop for before, one in following), "positions never go back"
            assert all(one.position == before.stop for before, one in following if not before.end), "no gap in speech"
            assert [frame.start for frame in caller.frames].count(True) == 3
            assert not caller.cleared
            assert caller.player.received == caller.player.played
            spoken_s = [count / tts.rate for tts in (first, other) for _, _, count in tts.spoken]
            sent = sum(len(frame.samples) for frame in caller.frames)
            assert sent >= round(sum(spoken_s) * rate), "all of it, at the rate of the connection"
            assert len(caller.said(say.Welcome)) == 0, "one welcome, before all this"
            assert [len(heard) >= 16000 for heard in stt.heard] == [True, True], "the user was heard whole, twice"

    run(main())


class Far:
    """The other end of an RTP line: what it got, and what it says."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.address: tuple[str, int] = self.socket.getsockname()
        self.got: list[RtpPacket] = []
        self._seq = 0

    def take(self) -> None:
        while True:
            try:
                self.got.append(RtpPacket.parse(self.socket.recv(2048)))
            except BlockingIOError:
                return

    def say(self, samples: np.ndarray, to: tuple[str, int]) -> None:
        payload = np.rint(samples * 32767).astype(">i2").tobytes()
        self.socket.sendto(RtpPacket(96, self._seq, FRAME * self._seq, 9, payload).build(), to)
        self._seq += 1


def test_a_caller_by_rtp_sees_one_source_through_the_handoff() -> None:
    """One SSRC, sequence numbers and timestamps without a gap, and what leaves is what was put out."""
    rtp = RtpConfig("l16", PORT_RATE, payload_type=96, ssrc=77, seq=65500, timestamp=2**32 - 5000)
    other, first = FakeTTS(rate=OTHER_RATE), FakeTTS(rate=PORT_RATE)
    stt = FakeSTT(["bill please", "and thanks"])
    llm = FakeLLM([["One moment. ", ToolCall("c1", "to_billing", "{}")], "You owe twelve."])

    async def main() -> None:
        far, loop = Far(), asyncio.get_running_loop()
        port = AudioPort(PORT_RATE, queue_s=30, tap_s=30)
        with Engine(vad=EnergyVad()) as engine:
            mine = UdpSocket("127.0.0.1")
            line = engine.add(
                port,
                kind="network",
                socket=mine,
                rtp=rtp,
                send_to=far.address,
                packets=PacketConfig(16000, payload_types={96: "l16"}),
            )
            tap, session = port.tap(0), Session(port, Front(Billing(tts=other)), stt=stt, llm=llm, tts=first)
            events = session.events(bound=4096)
            caller = np.zeros(16 * 16000, np.float32)
            for begin_s in (0.5, 3.0):  # the second while the talk is handed over
                clip = speech(1.0, 16000)
                caller[round(begin_s * 16000) :][: len(clip)] = clip
            began = loop.time()
            async with session:
                for step in range(1600):
                    if step % 2 == 0:
                        far.say(caller[step // 2 * FRAME :][:FRAME], mine.address)
                    await asyncio.sleep(0.01)
                    engine.step(round((loop.time() - began) * 1e9))
                    session.take()
                    far.take()
            told = events.take_all()
            changes = [event for event in told if isinstance(event, AgentChanged)]
            assert [change.after for change in changes] == ["Billing"]
            assert [message.text for message in session.history if message.role == "user"] == [
                "bill please",
                "and thanks",
            ]
            assert other.spoken, "the other voice spoke"
            assert {packet.ssrc for packet in far.got} == {77}
            assert [packet.seq for packet in far.got] == [(65500 + k) % 65536 for k in range(len(far.got))]
            assert [packet.timestamp for packet in far.got] == [
                (2**32 - 5000 + EACH * k) % 2**32 for k in range(len(far.got))
            ]
            assert len(far.got) == 799, "one each 20 ms, from the first whole one on"
            sent = np.concatenate([np.frombuffer(packet.payload, ">i2") for packet in far.got]).astype(np.float32)
            out = np.rint(tap.read()[: len(sent)] * 32768)
            assert np.array_equal(sent, out), "what leaves is what was put out"
            assert line.sent_figures()["dropped"] == 0
            heard = np.concatenate(stt.heard)
            assert np.count_nonzero(np.abs(heard) > 0.01) >= 2 * 15000, "no sample of the user's speech is lost"
        port.close()
        far.socket.close()

    run_virtual(main())
