"""A session's client, as something to call and to be called by: who it is at present, and what it may call.

    NO CLIENT ──connect──► CONNECTED ──the peer closes, or another connects──► NO CLIENT (or that one)
        └────────────────────┴──aclose──► OVER

Calls go by whatever the transport has (rpc.py). What the client may call is what the app exposes, and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from rtaudio.voice.rpc import RpcChannel, RpcCode, RpcError
from rtaudio.voice.rpc_peer import Method, RpcPeer

if TYPE_CHECKING:
    from rtaudio.voice.tools.client_methods import ClientMethod
    from rtaudio.voice.tools.context import SessionHandle
    from rtaudio.voice.tools.threads import Threads


class ClientCalls:
    """One session's. `data`: what its methods get as `ToolContext.data`."""

    def __init__(self, session: SessionHandle, data: object) -> None:
        self._session, self._data = session, data
        self._methods: dict[str, ClientMethod] = {}
        self._threads: Threads | None = None
        self._peer: RpcPeer | None = None
        self._old: list[RpcPeer] = []  # closed, perhaps with methods that have not stopped
        self._number = 0
        self._over = False

    def expose(self, sources: Iterable[object]) -> None:
        """ToolDefinitionError: one is nothing to call, or a name is taken; then none of them is exposed."""
        from rtaudio.voice.tools.client_methods import methods_of  # which loads pydantic
        from rtaudio.voice.tools.errors import ToolDefinitionError
        from rtaudio.voice.tools.threads import Threads

        methods = dict(self._methods)
        for source in sources:
            for method in methods_of(source):
                if (other := methods.setdefault(method.name, method)) is not method:
                    raise ToolDefinitionError(
                        f"two methods for the client are named {method.name!r}: {other.where} and {method.where}"
                    )
        self._methods = methods
        if self._threads is None:
            self._threads = Threads()

    @property
    def names(self) -> tuple[str, ...]:
        """Of what is exposed."""
        return tuple(self._methods)

    def connect(self, channel: RpcChannel) -> RpcPeer:
        """See Session.connect_client."""
        peer = RpcPeer(channel, self)
        if self._over:
            peer.close("the session is closed")
            return peer
        if self._peer is not None:
            self._peer.close("another client has taken its place")
            self._old = [peer for peer in (*self._old, self._peer) if peer.busy]
        self._peer = peer
        return peer

    async def call(self, method: str, params: Any, timeout_s: float) -> Any:
        """See Session.call_client."""
        if self._peer is None:
            raise RpcError(RpcCode.RECIPIENT_NOT_FOUND, "no client that takes calls is connected")
        return await self._peer.call(method, params, timeout_s=timeout_s)

    def get(self, name: str, /) -> Method | None:
        """What the peer serves."""
        method, threads = self._methods.get(name), self._threads
        if method is None or threads is None:
            return None
        return lambda params: self._serve(method, threads, params)

    async def aclose(self) -> None:
        """Ends every call, either way."""
        self._over = True
        peers = [*self._old, *([self._peer] if self._peer is not None else [])]
        self._old.clear()
        for peer in peers:
            peer.close("the session is closed")
        await asyncio.gather(*(peer.aclose() for peer in peers))
        if self._threads is not None:
            self._threads.give_up()
            await asyncio.gather(*(peer.aclose() for peer in peers))

    async def _serve(self, method: ClientMethod, threads: Threads, params: Any) -> Any:
        from rtaudio.voice.tools.context import ToolContext

        self._number += 1
        name = f"client:{self._number}"
        context = ToolContext(name, method.name, name, self._data, _session=self._session, _tell=self._teller())
        limit = asyncio.timeout(method.timeout_s)
        try:
            async with limit:
                return await method.serve(params, context, threads)
        except TimeoutError:
            if limit.expired():
                raise RpcError(RpcCode.RESPONSE_TIMEOUT, f"{method.name} took too long") from None
            raise

    def _teller(self) -> Callable[[str, bool], None]:
        """For any thread."""
        loop = asyncio.get_running_loop()

        def say(text: str) -> None:
            with contextlib.suppress(ValueError, RuntimeError, BufferError):  # nothing to speak; over; too much waits
                self._session.say(text)

        def tell(text: str, spoken: bool) -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                if spoken:
                    loop.call_soon_threadsafe(say, text)

        return tell
