"""A client in Python, over aiohttp: for programs that call an agent, and for tests.

    async with await WebSocketClient.connect("ws://127.0.0.1:8080/ws") as client:
        await client.push(samples)                       # float32 or int16 at client.welcome.input.rate
        async for item in client:                        # AudioFrame, or a message of `messages`
            ...

It has no player and no microphone: whoever uses it plays the frames, reports what was played (`report`) and answers
`Clear` (rtaudio.testing.RemotePlayer does both, without a loudspeaker).

Calls go both ways while somebody reads: `connect(url, methods={"pick": pick})` serves the agent's, `client.call("say",
{"text": "Hello."})` asks for what the app exposes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from rtaudio.transports.websocket import messages as say
from rtaudio.transports.websocket.agreement import FEATURES, FORMATS, VERSION
from rtaudio.transports.websocket.connection import MOST_BYTES, AiohttpConnection
from rtaudio.transports.websocket.frames import MOST_SAMPLES, AudioFrame, ProtocolError, encode_frame, to_pcm16
from rtaudio.transports.websocket.incoming import Incoming, from_server
from rtaudio.transports.websocket.rpc import RpcOverWebSocket
from rtaudio.voice.rpc import RpcCode, RpcError
from rtaudio.voice.rpc_peer import Method, RpcPeer

if TYPE_CHECKING:
    from aiohttp import ClientSession

WELCOME_WITHIN_S: Final = 60.0


class CallRefused(ConnectionError):
    """The call did not begin. `code`: what the server closed with, as in docs/websocket.md."""

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(f"the call was refused ({code}): {reason}" if reason else f"the call was refused ({code})")
        self.code, self.reason = code, reason


class WebSocketClient:
    """One call. One task reads it, one pushes; both may be the same."""

    def __init__(
        self,
        http: ClientSession,
        connection: AiohttpConnection,
        incoming: Incoming[say.FromServer],
        welcome: say.Welcome,
        methods: Mapping[str, Method],
    ) -> None:
        """Made by `connect`."""
        self._http, self._connection, self._incoming = http, connection, incoming
        self.welcome = welcome
        self._sent = 0
        self._rpc = RpcOverWebSocket(self._due)
        self._sending: asyncio.Task[None] | None = None  # while there is something of calls to send
        self._peer: RpcPeer | None = None
        if say.RPC in welcome.features:
            self._peer = self._rpc.connect(lambda channel: RpcPeer(channel, methods))
        self.closed_with: tuple[int | None, str] | None = None
        """Code and reason, once it is over."""

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        input_rate: int = 16000,
        output_rate: int = 24000,
        client: str = "rtaudio (Python)",
        within_s: float = WELCOME_WITHIN_S,
        headers: dict[str, str] | None = None,
        methods: Mapping[str, Method] | None = None,
    ) -> WebSocketClient:
        """Calls `url` and waits until the agent is ready. `methods`: async functions of one value (what JSON carries)
        that the agent may call. CallRefused: the server says no; OSError: there is none; TimeoutError."""
        try:
            from aiohttp import ClientError, ClientSession
        except ImportError as error:
            raise ImportError("WebSocketClient needs aiohttp: pip install 'rtaudio[serve]'", name="aiohttp") from error

        http = ClientSession()
        try:
            async with asyncio.timeout(within_s):
                try:
                    socket = await http.ws_connect(url, max_msg_size=MOST_BYTES, headers=headers)
                except ClientError as error:
                    raise CallRefused(getattr(error, "status", None), str(error)) from error
                connection, incoming = AiohttpConnection(socket), from_server()
                hello = say.Hello(
                    versions=[VERSION],
                    client=client,
                    features=list(FEATURES),
                    input=say.Able(rates=[input_rate], formats=list(FORMATS)),
                    output=say.Able(rates=[output_rate], formats=list(FORMATS)),
                )
                await connection.send(say.encode_message(hello))
                while (data := await connection.receive()) is not None:
                    if isinstance(message := incoming.receive(data), say.Welcome):
                        return cls(http, connection, incoming, message, methods or {})
                raise CallRefused(connection.close_code, connection.reason)
        except BaseException:
            await http.close()
            raise

    async def push(self, samples: NDArray[Any], *, skip: int = 0) -> None:
        """Sends mono float32 (full scale 1) or int16 samples, any number; waits where the server does not take them.
        `skip`: samples that were lost before them. ConnectionError once the call is over."""
        pcm = samples if samples.dtype == np.int16 else to_pcm16(samples)
        self._sent += skip
        for begin in range(0, len(pcm), MOST_SAMPLES):
            piece = pcm[begin : begin + MOST_SAMPLES]
            await self._connection.send(encode_frame(AudioFrame(self._sent, piece)))
            self._sent += len(piece)

    async def report(self, report: say.Played | say.Cleared) -> None:
        """Tells how far the player has come."""
        await self._connection.send(say.encode_message(report))

    async def call(self, method: str, params: Any = None, *, timeout_s: float = 10.0) -> Any:
        """Calls what the app exposes, with what JSON can carry; somebody must read meanwhile. RpcError: nothing came of
        it."""
        if self._peer is None:
            raise RpcError(RpcCode.RECIPIENT_NOT_FOUND, "this server takes no calls")
        return await self._peer.call(method, params, timeout_s=timeout_s)

    async def send(self, data: str | bytes) -> None:
        """Sends anything, as it is: for tests."""
        await self._connection.send(data)

    def __aiter__(self) -> WebSocketClient:
        return self

    async def __anext__(self) -> AudioFrame | say.FromServer:
        """Ends when the call does (`closed_with`). ProtocolError: the server broke the protocol."""
        while self.closed_with is None:
            data = await self._connection.receive()
            if data is None:
                self.closed_with = self._connection.close_code, self._connection.reason
                self._rpc.close("the call is over")
                break
            try:
                item = self._incoming.receive(data)
            except ProtocolError as error:
                await self._connection.close(error.code, str(error))
                raise
            if isinstance(item, say.RpcRequest | say.RpcAck | say.RpcResult | say.RpcFailure | say.RpcCancel):
                self._rpc.receive(item)
            elif item is not None:
                return item
        raise StopAsyncIteration

    def _due(self) -> None:
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_calls(), name="websocket client's calls")

    async def _send_calls(self) -> None:
        with contextlib.suppress(ConnectionError):  # whoever reads hears of it
            while messages := self._rpc.take():
                for message in messages:
                    await self._connection.send(say.encode_message(message))

    async def aclose(self, reason: str = "") -> None:
        """Hangs up. May be called again."""
        self._rpc.close("the call is over")
        if self._peer is not None:
            await self._peer.aclose()
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        if self.closed_with is None:
            self.closed_with = 1000, reason
            with contextlib.suppress(ConnectionError):
                await self._connection.send(say.encode_message(say.Bye(reason=reason)))
        await self._connection.close(1000, reason)
        await self._http.close()

    async def __aenter__(self) -> WebSocketClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
