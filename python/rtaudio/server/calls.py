"""Many calls in one process, on one engine: each a port, a line, a session, and a connection that says hello.

    NEW ──hello──► ANSWERED (the app gives a CallSetup) ──session warm──► TALKING ──either side ends──► OVER
     │  no hello, nothing in common     │ the app fails: 4005                      the port is closed, nothing is left
     └─────────────► closed with the reason

The engine's thread drives all lines; the event loop moves messages and runs the sessions.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from types import TracebackType
from typing import Final

from rtaudio.core import (
    AudioPort,
    DetectorConfig,
    Engine,
    Line,
    ModelAltered,
    ModelMissing,
    SileroVad,
    TurnModel,
    Wake,
)
from rtaudio.server.app import App, CallInfo, CallSetup
from rtaudio.transports.lead import LeadByStalls
from rtaudio.transports.websocket import messages as say
from rtaudio.transports.websocket.call import WebSocketCall, greeted
from rtaudio.transports.websocket.connection import Connection
from rtaudio.transports.websocket.frames import ProtocolError
from rtaudio.transports.websocket.incoming import Incoming
from rtaudio.voice.session import Session

LOG: Final = logging.getLogger("rtaudio.server")
TICK_S: Final = 0.01
SEND_EVERY_S: Final = 0.02
LEAD_S: Final = 0.2
LEAD_MOST_S: Final = 0.6
"""How far ahead of its time speech is sent: a stall of the event loop or the network so long is not heard. It follows
the loop's stalls between these."""
MOST_CALLS: Final = 64
STOP_WITHIN_S: Final = 5.0


class Calls:
    """Use as `async with Calls(app) as calls`; then `await calls.serve(connection)` for each."""

    def __init__(
        self,
        app: App,
        *,
        most_calls: int = 16,
        server: str = "rtaudio",
        vad: object | None = None,
        note: Callable[[str], None] = LOG.info,
    ) -> None:
        """`most_calls`: at once; more are refused (1013). `vad`: as in Engine, by default the native one. `note` is
        told what a person who starts it should know."""
        if not 1 <= most_calls <= MOST_CALLS:
            raise ValueError(f"most_calls = {most_calls}: must lie in 1..{MOST_CALLS}")
        self._app, self._most, self._server, self._note = app, most_calls, server, note
        self._vad = vad
        self._running: dict[asyncio.Task[None], WebSocketCall | None] = {}
        self._lead = LeadByStalls(LEAD_S, LEAD_MOST_S)
        self._lines: set[Line] = set()
        self._served = self._refused = self._failed = 0
        self._turns: TurnModel | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._stopping = False

    async def __aenter__(self) -> Calls:
        self._wake = Wake()
        self._engine = Engine(tick_s=TICK_S, vad=self._vad or SileroVad(), max_lines=self._most)
        try:
            self._turns = TurnModel(on_failure=_troubled)
            self._turns.start()
        except ModelMissing:
            self._note("Turns end by silence alone: no turn model is installed (rtaudio models install).")
        except (ModelAltered, ImportError, ValueError) as error:
            self._note(f"Turns end by silence alone: {error}")
        try:
            await self._app.warm_up()
            self._engine.start()
            self._ticking = asyncio.create_task(self._tick(), name="websocket ticks")
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def active(self) -> int:
        """Calls under way."""
        return len(self._running)

    @property
    def lead_s(self) -> float:
        """How far ahead of its time speech is sent at present."""
        return self._lead.lead_s

    def figures(self) -> dict[str, int]:
        """active, served (came to their end), refused (1013), failed (4005)."""
        return {
            "active": self.active,
            "served": self._served,
            "refused": self._refused,
            "failed": self._failed,
        }

    async def serve(self, connection: Connection, *, peer: str = "", query: dict[str, str] | None = None) -> None:
        """Runs one call to its end and closes the connection. Raises nothing a client or an app can cause."""
        if self._stopping:
            await connection.close(1001, "the server stops")
            return
        if len(self._running) >= self._most:
            self._refused += 1
            await connection.close(1013, f"all {self._most} lines are taken: try again later")
            return
        task = asyncio.create_task(self._serve(connection, peer, query or {}), name="call")
        self._running[task] = None
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait([task])
            raise
        finally:
            if task.done():
                self._running.pop(task, None)

    async def aclose(self) -> None:
        """Ends all calls (1001), then the engine. May be called again."""
        self._stopping = True
        for task in tuple(self._running):
            task.cancel()
        if self._running:
            await asyncio.wait(tuple(self._running), timeout=STOP_WITHIN_S)
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.gather(self._ticking, return_exceptions=True)
        if self._turns is not None:
            self._turns.close()
        self._engine.close()
        await self._app.aclose()
        self._wake.close()

    # ---- Inside.

    async def _tick(self) -> None:
        """One timer for all calls: each sends what was put out since. How late it comes is how long the loop stood."""
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + SEND_EVERY_S
            await asyncio.sleep(SEND_EVERY_S)
            if self._lead.looked(now_s := loop.time(), now_s - due_s):
                for line in self._lines:
                    line.set_lead(self._lead.lead_s)
            for call in tuple(self._running.values()):
                if call is not None:
                    call.look()
            call = None  # one that ended is not to live until the next look

    async def _serve(self, connection: Connection, peer: str, query: dict[str, str]) -> None:
        name = secrets.token_hex(6)
        code, reason = 4005, "the call failed on the server"
        try:
            lead_ms = round(LEAD_MOST_S * 1000)
            incoming, hello, welcome = await greeted(connection, call=name, lead_ms=lead_ms, server=self._server)
            async with self._app.answering(CallInfo(name, hello.client, peer, query)) as setup:
                code, reason = await self._talk(connection, incoming, welcome, setup)
            self._served += 1
        except ProtocolError as error:
            code, reason = error.code, str(error)
        except (ConnectionError, TimeoutError):
            code, reason = 1006, "the connection was lost"
        except asyncio.CancelledError:
            code, reason = 1001, "the server stops"
            raise
        except Exception:
            self._failed += 1
            LOG.exception("call %s failed", name)
        finally:
            LOG.info("call %s ended: %d %s", name, code, reason)
            await asyncio.shield(connection.close(1000 if code in (1005, 1006) else code, reason))

    async def _talk(
        self, connection: Connection, incoming: Incoming[say.FromClient], welcome: say.Welcome, setup: CallSetup
    ) -> tuple[int, str]:
        with AudioPort(welcome.output.rate) as port:
            session = Session(
                port,
                setup.agent,
                stt=setup.stt,
                llm=setup.llm,
                tts=setup.tts,
                realtime=setup.realtime,
                options=setup.options,
                wake=self._wake,
                data=setup.data,
            )
            if setup.methods:
                session.expose(*setup.methods)
            events = session.events(bound=1024)  # before it begins: the greeting is told at once
            async with session:
                call = WebSocketCall(connection, incoming, welcome, port, progress=lambda: session.progress)
                if setup.on_start is not None:
                    setup.on_start(session)
                call.take_calls(session.connect_client, session.client_methods)
                line = self._add(port, welcome.input.rate, setup.detector)
                try:
                    self._running[_this_task()] = call  # in no variable: a cancelled task would hold itself by it
                    return await call.run(line, events)
                finally:
                    LOG.info("call %s: %s", welcome.call, call.figures() | line.figures())
                    self._lines.discard(line)
                    if self._turns is not None:
                        self._turns.remove(line)
                    self._engine.remove(line)

    def _add(self, port: AudioPort, input_rate: int, detector: DetectorConfig | None) -> Line:
        line = self._engine.add(
            port,
            kind="network",
            input_rate=input_rate,
            detector=detector or DetectorConfig(),
            wake=self._wake,
            remote="ducks",
            lead_s=self._lead.lead_s,
        )
        self._lines.add(line)
        if self._turns is not None:
            self._turns.add(line)
        return line


def _this_task() -> asyncio.Task[None]:
    task = asyncio.current_task()
    assert task is not None
    return task


def _troubled(line: Line, error: Exception) -> None:
    LOG.warning("turn model: %s; silence decides where it is missing", error)
