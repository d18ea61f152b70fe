"""The server's side of one call: between a connection that has said hello and a line.

    connection ──receive task──► Incoming ──audio──► Line.push          full: reads no further (back-pressure)
                                          └─reports─► Line.report_remote
    connection ◄──send task──── Outgoing ◄── what the port puts out, ahead of its time; playout's events
                            ├── messages ◄── `follow` task: the session's events; answers to pings
                            └── calls ◄── RpcOverWebSocket ◄── the session's peer, where the client takes calls

One call's tasks live in `run`, which ends when the connection, the session or the port does; then all are gone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from rtaudio.core import MIC_RATE, PortClosed
from rtaudio.transports.websocket import messages as say
from rtaudio.transports.websocket.agreement import agree
from rtaudio.transports.websocket.connection import Connection
from rtaudio.transports.websocket.frames import AudioFrame, ProtocolError, encode_frame
from rtaudio.transports.websocket.incoming import Incoming, from_client
from rtaudio.transports.websocket.outgoing import Outgoing, Sent
from rtaudio.transports.websocket.rpc import RpcOverWebSocket
from rtaudio.transports.websocket.transcript import message_of
from rtaudio.voice.events import SessionClosed, SessionEvent

if TYPE_CHECKING:
    from rtaudio.core import AudioPort, Line
    from rtaudio.voice.rpc import RpcChannel
    from rtaudio.voice.rpc_peer import RpcPeer

HELLO_WITHIN_S: Final = 10.0
SEND_WITHIN_S: Final = 10.0
"""A client that takes nothing for so long is closed (4004)."""
ROOM_EVERY_S: Final = 0.01
MOST_WAITING: Final = 1024
"""Messages for a person that may wait to be sent; beyond it the oldest are dropped and counted."""
PROGRESS_S: Final = 0.1


async def greeted(
    connection: Connection, *, call: str, lead_ms: int, server: str, within_s: float = HELLO_WITHIN_S
) -> tuple[Incoming[say.FromClient], say.Hello, say.Welcome]:
    """Waits for the client's hello; gives what goes on receiving, and the welcome that is to be sent when the call is
    ready. ProtocolError: close with its code and reason. ConnectionError: the client is gone."""
    incoming = from_client()
    try:
        async with asyncio.timeout(within_s):
            while True:
                data = await connection.receive()
                if data is None:
                    raise ConnectionResetError("the client went away before it said hello")
                if isinstance(message := incoming.receive(data), say.Hello):
                    return incoming, message, agree(message, call=call, lead_ms=lead_ms, server=server)
    except TimeoutError:
        raise ProtocolError(4002, f"no hello within {within_s:g} s") from None


class WebSocketCall:
    """Made before the engine drives the port, so that nothing that is put out is missed; `run` once."""

    def __init__(
        self,
        connection: Connection,
        incoming: Incoming[say.FromClient],
        welcome: say.Welcome,
        port: AudioPort,
        *,
        progress: Callable[[], tuple[int, int]] = lambda: (0, 0),
    ) -> None:
        """`progress`: (reply that is spoken, characters of it heard), as Session.progress has it."""
        self._connection, self._incoming, self._welcome = connection, incoming, welcome
        self._port = port
        self._progress = progress
        self._put_out = port.outgoing(0)
        self._events = port.event_reader()
        self._outgoing = Outgoing(welcome.output.rate)
        self._waiting: deque[say.FromServer] = deque()
        self._due = asyncio.Event()
        self._rpc = RpcOverWebSocket(self._due.set)
        self._told_progress = (0, 0)
        self._progress_at = 0.0
        self._dropped = self._reports = self._remote_dropped = self._waited_for_room = 0

    def look(self) -> None:
        """To be called every 20 ms or so: sends what was put out since."""
        self._due.set()

    def tell(self, message: say.FromServer) -> None:
        """Queues a message; never waits."""
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self._dropped += 1
        self._waiting.append(message)
        self._due.set()

    def take_calls(self, connect: Callable[[RpcChannel], RpcPeer], methods: Sequence[str] = ()) -> None:
        """Before `run`: calls go both ways, if the client has said that it knows them. `connect`: the session's
        `connect_client`; `methods`: what there is for it to call, which it is told with the welcome."""
        if say.RPC in self._welcome.features:
            self._welcome = msgspec.structs.replace(self._welcome, methods=list(methods))
            self._rpc.connect(connect)

    async def run(self, line: Line, events: AsyncIterator[SessionEvent]) -> tuple[int, str]:
        """Talks until the end; gives what the connection is to be closed with (or was). `line`: of the port, with a
        remote that ducks. Raises what no client can cause."""
        await self._send(say.encode_message(self._welcome))
        tasks = [
            asyncio.create_task(work, name=f"websocket {name} {self._welcome.call}")
            for name, work in (
                ("receive", self._receive_all(line)),
                ("send", self._send_all()),
                ("follow", self._follow(events)),
            )
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return self._verdict([task for task in tasks if task in done])
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._rpc.close()

    def figures(self) -> dict[str, int]:
        """What came and went: see Incoming.figures and Outgoing.figures (`out_...`). reports from the client,
        remote_dropped (samples it dropped at clears), messages_dropped (for a person), waited_for_room (times that
        input waited for room in the line); see RpcOverWebSocket.figures (`rpc_...`)."""
        return {
            **self._incoming.figures(),
            **{f"out_{name}": value for name, value in self._outgoing.figures().items()},
            "reports": self._reports,
            "remote_dropped": self._remote_dropped,
            "messages_dropped": self._dropped,
            "waited_for_room": self._waited_for_room,
            **{f"rpc_{name}": value for name, value in self._rpc.figures().items()},
        }

    # ---- Inside.

    def _verdict(self, done: list[asyncio.Task[tuple[int, str]]]) -> tuple[int, str]:
        for task in done:
            match task.exception():
                case None:
                    return task.result()
                case ProtocolError() as error:
                    return error.code, str(error)
                case TimeoutError():
                    return 4004, f"nothing could be sent for {SEND_WITHIN_S:g} s: the client does not read"
                case ConnectionError():
                    return 1006, "the connection was lost"
                case PortClosed():
                    return 1001, "the call was ended by the server"
                case error:
                    raise error
        raise AssertionError("nothing is done")

    async def _receive_all(self, line: Line) -> tuple[int, str]:
        while (data := await self._connection.receive()) is not None:
            match self._incoming.receive(data):
                case AudioFrame() as frame:
                    await self._push(line, frame)
                case say.Played() | say.Cleared() as report:
                    self._report(line, report)
                case say.Ping(id=ping):
                    self.tell(say.Pong(id=ping))
                case say.Bye(reason=reason):
                    return 1000, reason or "the client hung up"
                case (
                    say.RpcRequest() | say.RpcAck() | say.RpcResult() | say.RpcFailure() | say.RpcCancel()
                ) as message:
                    self._rpc.receive(message)
        return self._connection.close_code or 1006, "the client went away"

    async def _push(self, line: Line, frame: AudioFrame) -> None:
        """Back-pressure: what the line has no room for waits here, and the socket behind it."""
        rest = frame.samples
        while True:
            if room := min(line.room, len(rest)):
                rest = rest[line.push(rest[:room]) :]
            if not len(rest):
                return
            self._waited_for_room += 1
            await asyncio.sleep(ROOM_EVERY_S)

    def _report(self, line: Line, report: say.Played | say.Cleared) -> None:
        """The line refuses and counts what cannot be."""
        self._reports += 1
        if isinstance(report, say.Cleared):
            self._remote_dropped += report.dropped
            line.report_remote(report.position, report.id)
        else:
            line.report_remote(report.position)

    async def _follow(self, events: AsyncIterator[SessionEvent]) -> tuple[int, str]:
        reason = "closed"
        async for event in events:
            if isinstance(event, SessionClosed):
                reason = event.reason
            elif (message := message_of(event)) is not None:
                self.tell(message)
        if reason == "closed":
            return 1000, "the agent hung up"
        raise RuntimeError(f"the session ended by itself: {reason}")

    async def _send_all(self) -> tuple[int, str]:
        while True:
            await self._due.wait()
            self._due.clear()
            for data in self._collect():
                await self._send(data)

    async def _send(self, data: str | bytes) -> None:
        async with asyncio.timeout(SEND_WITHIN_S):
            await self._connection.send(data)

    def _collect(self) -> list[str | bytes]:
        """All there is to send: sound first, then words about it."""
        items = self._put_out.read()  # before the events: those of these samples are there then
        playout, _ = self._events.read()
        out = [_encode(each) for each in self._outgoing.take(items, playout)]
        progress, now = self._progress(), asyncio.get_running_loop().time()
        if progress[0] and progress != self._told_progress and now - self._progress_at >= PROGRESS_S:
            self._told_progress, self._progress_at = progress, now
            at_s = self._port.mic_written / MIC_RATE
            self._waiting.append(say.Progress(at_s=at_s, reply=progress[0], offset=progress[1]))
        while self._waiting:
            out.append(say.encode_message(self._waiting.popleft()))
        out += [say.encode_message(each) for each in self._rpc.take()]
        return out


def _encode(each: Sent) -> str | bytes:
    return encode_frame(each) if isinstance(each, AudioFrame) else say.encode_message(each)
