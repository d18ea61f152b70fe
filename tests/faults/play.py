"""One schedule, played on virtual time and the real core; what came of it is kept for the checks."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
import threading
import warnings
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rtaudio.core import AudioPort, OutAudio, OutClear
from rtaudio.core.journal import Journal, read_journal
from rtaudio.providers import FallbackLLM, FallbackSTT, FallbackTTS
from rtaudio.providers.openai_messages import messages_of
from rtaudio.testing import Failure, FakeFailure, FakeRealtime, SimulatedCaller, Simulation, VirtualTimeLoop
from rtaudio.voice import Agent, SessionOptions, Speech, SpeechHandle
from rtaudio.voice.cast import RealtimeKind
from rtaudio.voice.chat import ChatContext
from rtaudio.voice.events import SessionEvent
from rtaudio.voice.journaling import session_differences, session_recorder
from rtaudio.voice.rpc_peer import RpcPeer
from rtaudio.voice.tools import session_methods
from tests.faults.agents import Cast
from tests.faults.providers import FaultyLLM, FaultySTT, FaultyTTS, Replies
from tests.faults.schedule import Schedule
from tests.faults.words import clip, pair
from tests.voice.message_rules import anthropic_messages, anthropic_problems, openai_problems

QUICK: Final = {
    "stt_final_timeout_s": 1.0,
    "llm_first_timeout_s": 1.5,
    "llm_next_timeout_s": 1.0,
    "tts_first_timeout_s": 1.5,
    "tts_next_timeout_s": 1.0,
    "close_timeout_s": 0.3,
    "hook_timeout_s": 1.0,
    "turn_hook_timeout_s": 0.5,
    "stt_failed_text": None,
    "llm_failed_text": None,
}
TALK_S: Final = 5.0
REST_S: Final = 15.0
"""How long a talk may take, once the program has done everything, to come to rest; then it is interrupted."""
IDLE_S: Final = 1.2


@dataclass
class Outcome:
    """What the checks look at."""

    schedule: Schedule
    problems: list[str] = field(default_factory=list)
    forced: bool = False
    ended: str = ""
    history: ChatContext = field(default_factory=ChatContext)
    events: list[SessionEvent] = field(default_factory=list)
    sink: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    ledger: Any = None
    stt: Any = None
    llm: Any = None
    tts: Any = None
    typed: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)


class BadLine(SimulatedCaller):
    """A caller beyond a network: what is said in a stall comes after it, at once, or is lost."""

    def __init__(self, rate: int, stalls: tuple[tuple[int, int, bool], ...]) -> None:
        super().__init__(rate)
        self._stalls = [(at * rate // 1000, (at + length) * rate // 1000, lost) for at, length, lost in stalls]
        self._held: list[NDArray[np.float32]] = []

    @property
    def speaks(self) -> bool:
        """Something is being said, or is still to come through."""
        return self._clip is not None or any(self.position < end for _, end, _ in self._stalls)

    def read(self, count: int) -> NDArray[np.float32]:
        at, said = self.position, super().read(count)
        for begin, end, lost in self._stalls:
            if begin <= at < end:
                if not lost:
                    self._held.append(said)
                return said[:0]
        came, self._held = np.concatenate([*self._held, said]), []
        return came


class Remote:
    """Holds what the agent says for a while, plays it, carries out clears, and reports: the truth, or not."""

    def __init__(self, sim: Simulation, schedule: Schedule) -> None:
        self._sim, self._schedule = sim, schedule
        self._outgoing = sim.port.outgoing()
        self._way: deque[tuple[int, Any]] = deque()
        self._back: deque[tuple[int, int, int]] = deque()
        self._end = self._position = self._now = 0

    def tick(self) -> None:
        self._now += self._schedule.tick
        if self._schedule.remote == "plays":
            self._outgoing.read()
            return
        while self._back and self._back[0][0] <= self._now:
            _, position, clear = self._back.popleft()
            self._sim.line.report_remote(position, clear)
        self._way.extend((self._now + self._schedule.remote_way, item) for item in self._outgoing.read())
        while self._way and self._way[0][0] <= self._now:
            self._take(self._way.popleft()[1])
        self._position = min(self._end, self._position + self._schedule.tick * self._sim.port.rate // 1000)
        if self._now % 100 == 0:
            self._tell(self._position)

    def _take(self, item: Any) -> None:
        if isinstance(item, OutAudio):
            self._end = max(self._end, item.out + len(item.samples))
        elif isinstance(item, OutClear):
            self._end = self._position
            self._tell(self._position, item.clear)
            self._end = self._position = max(self._position, item.out)

    def _tell(self, position: int, clear: int = 0) -> None:
        if self._schedule.remote_lies:
            position = (position * 7919 + self._now * 31) % (2 * position + 10_000)
            clear = 0 if self._now % 3 else clear + self._now % 2
        self._back.append((self._now + self._schedule.remote_way, position, clear))


class Way:
    """From one end of a client's connection to the other."""

    def __init__(self) -> None:
        self.to: RpcPeer | None = None

    def send(self, message: Any) -> None:
        if self.to is None:
            raise ConnectionError("gone")
        asyncio.get_running_loop().call_soon(self.to.receive, message)


class Player:
    """Plays one schedule."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.outcome = out = Outcome(schedule)
        out.stt = FaultySTT(schedule, schedule.stt)
        out.llm = FaultyLLM(schedule, schedule.llm)
        out.tts = FaultyTTS(schedule, schedule.tts)
        self.cast = Cast(schedule, out.llm.next_number, {"stt": out.stt, "llm": out.llm, "tts": out.tts})
        self.handles: list[SpeechHandle] = []
        self.waiting: list[asyncio.Task[Any]] = []
        self.client: RpcPeer | None = None
        self.realtime: FakeRealtime | None = None
        self.spares: dict[str, Any] = {}
        self.peers: list[RpcPeer] = []
        self.typed = 0
        self._last: object = None

    def problem(self, what: str) -> None:
        if what not in self.outcome.problems:
            self.outcome.problems.append(what)

    @property
    def stubborn(self) -> bool:
        """Something in it does not end when it is told to."""
        schedule = self.schedule
        modes = {mode for _, mode, _ in (*schedule.stt, *schedule.llm, *schedule.tts, *schedule.stages)}
        modes |= {mode for _, mode in schedule.hooks}
        modes |= set(schedule.realtime[1][:1]) if schedule.realtime else set()
        return bool(modes & {"swallow", "hang_on_close"}) or "swallows" in repr(schedule.replies)

    def make_caller(self) -> BadLine:
        caller = BadLine(24000, self.schedule.line_stalls)
        at_ms, first = 200, True
        for number, (length, when, delay, _) in enumerate(self.schedule.cues):
            sound = clip(number, length, 24000)
            if when == "at" or (first and self.schedule.greeting is None):
                caller.say(sound, at_s=(at_ms + delay) / 1000)
            elif when == "starts":
                caller.say(sound, after_agent_starts_s=delay / 1000)
            else:
                caller.say(sound, after_agent_stops_s=delay / 1000)
            at_ms += length + delay
            first = False
        return caller

    def providers(self) -> dict[str, Any]:
        out, around = self.outcome, self.schedule.fallback
        spare = Schedule(
            cues=self.schedule.cues, replies=("short",), words=self.schedule.words, rate=self.schedule.rate
        )
        self.spares = {"stt": FaultySTT(spare, ()), "llm": FaultyLLM(spare, ()), "tts": FaultyTTS(spare, ())}
        self.spares["llm"].next_number = out.llm.next_number  # type: ignore[method-assign]
        self.spares["llm"].written = out.llm.written
        self.spares["stt"].finals = out.stt.finals
        made = {"stt": FallbackSTT, "llm": FallbackLLM, "tts": FallbackTTS}
        own = {"stt": out.stt, "llm": out.llm, "tts": out.tts}
        for kind, spare_one in self.spares.items():
            spare_one.name = f"spare-{kind}"
        return {kind: made[kind]([own[kind], self.spares[kind]]) if kind in around else own[kind] for kind in own}

    def model(self) -> dict[str, Any]:
        """A speech-to-speech model in the place of the three, and a voice for what the program says."""
        turns, failure, expires = self.schedule.realtime
        self.realtime = FakeRealtime(
            Replies(self.schedule, self.outcome.llm),
            [f"ask{pair(number)} is it so" for number in range(30)],
            turns=turns,
            char_s=self.schedule.char / 1000,
            first_after_s=self.schedule.waits[1] / 1000,
            transcript_after_s=self.schedule.waits[0] / 1000,
            words=self.schedule.words,
            failure=Failure(*failure) if failure else None,
            expires_after_s=expires / 1000 if expires else None,
        )
        return {"realtime": self.realtime, "tts": self.outcome.tts}

    async def play(self) -> None:
        """In a task of its own, since the program may cancel the one that runs the session."""
        schedule, out = self.schedule, self.outcome
        options = SessionOptions(**{**QUICK, **dict(schedule.options)})
        self.agent: Agent = self.cast.agent()
        with contextlib.ExitStack() as stack:
            recorder, path = None, None
            port = AudioPort(24000)
            if schedule.journal:
                folder = stack.enter_context(tempfile.TemporaryDirectory())
                path = Path(folder) / "session.rtj"
                journal = stack.enter_context(Journal(path, port, input_rate=24000))
                kind = RealtimeKind(schedule.realtime[0], True, speaks=True) if schedule.realtime else None
                recorder = session_recorder(journal, self.agent, port.rate, options, realtime=kind)
            self.caller = self.make_caller()
            sim = self.sim = Simulation(
                self.agent,
                **(self.model() if schedule.realtime else self.providers()),
                caller=self.caller,
                options=options,
                port=port,
                latency_s=schedule.latency / 1000,
                tick_s=schedule.tick / 1000,
                kind=schedule.kind,  # type: ignore[arg-type]
                remote=schedule.remote,  # type: ignore[arg-type]
                recorder=recorder,
            )
            self.remote = Remote(sim, schedule) if schedule.remote != "none" else None
            main = asyncio.ensure_future(self._session())
            self.main = main
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([main])
                await main
            out.events = sim.events
            out.sink = sim.sink.agent
            if path is not None:
                journal.close()
                for difference in session_differences(read_journal(path)):
                    self.problem(f"law 5: {difference[:600]}")

    async def _session(self) -> None:
        sim, out = self.sim, self.outcome
        try:
            async with sim:
                if self.schedule.client:
                    sim.session.expose(*session_methods("user_text", "generate_reply", "interrupt"))
                    self._connect()
                for after, act in self.schedule.acts:
                    await self._advance(after / 1000)
                    await self._act(act)
                    if self.schedule.has("cancel_main") and act == "cancel_main":
                        await self._advance(5.0)
                await self._advance(max(0.0, TALK_S - sim.transport.elapsed_s))
                await self._rest()
                out.history = sim.session.history
                await self._close()
        finally:
            out.ended = out.ended or ("closed" if sim.session.closed else "open")
            if not sim.session.closed:
                self.problem("the session is not closed after `async with`")
            out.history = sim.session.history

    async def _close(self) -> None:
        sim = self.sim
        await sim.session.aclose()
        with contextlib.suppress(Exception):
            await sim.transport.advance((self.schedule.latency + 3 * self.schedule.tick) / 1000)
        self.outcome.ledger = sim.port.playout.ledger()

    async def _advance(self, seconds: float) -> None:
        end_s = self.sim.transport.elapsed_s + seconds
        while self.sim.transport.elapsed_s < end_s and not self.sim.session.closed:
            await self._tick()

    async def _tick(self) -> None:
        await self.sim.transport.tick()
        if self.remote is not None:
            self.remote.tick()
        self._look_at_history()

    def _look_at_history(self) -> None:
        history = self.sim.session.history
        last = history.messages[-1] if len(history) else None
        if last is self._last:
            return
        self._last = last
        self.messages_hold(history)

    def messages_hold(self, chat: ChatContext) -> None:
        """The rules of the model servers."""
        for problem in (*openai_problems(messages_of(chat)), *anthropic_problems(anthropic_messages(chat))):
            self.problem(f"message rules: {problem}")

    async def _rest(self) -> None:
        """Until nothing has happened for a while; a talk that goes on is interrupted, and must then come to rest."""
        sim = self.sim
        for task in self.waiting:
            task.cancel()
        for forced, limit_s in ((False, REST_S), (True, 20.0)):
            end_s = sim.transport.elapsed_s + limit_s
            idle_s, told = 0.0, -1
            while sim.transport.elapsed_s < end_s and not sim.session.closed:
                await self._tick()
                quiet = sim.session.state == "listening" and len(sim.events) == told and not self.caller.speaks
                idle_s = idle_s + self.schedule.tick / 1000 if quiet else 0.0
                told = len(sim.events)
                if idle_s >= IDLE_S:
                    return
            if sim.session.closed:
                return
            if not forced:
                self.outcome.forced = self.outcome.llm.calm = True  # and the model calls no more tools
                sim.session.interrupt()
        self.problem(f"does not come to rest: still {sim.session.state} 20 s after an interruption")

    async def _act(self, act: str) -> None:
        session = self.sim.session
        if session.closed:
            return
        try:
            match act:
                case "say" | "say_now" | "say_low" | "say_off":
                    priority = {"say_now": "now", "say_low": "low"}.get(act, "normal")
                    policy = "off" if act == "say_off" else None
                    self._keep(session.say(self.cast.text(), priority=priority, interruption=policy))  # type: ignore[arg-type]
                case "say_audio":
                    audio = (np.full(12000, 0.4, np.float32), 24000)
                    self._keep(session.say("Alarm, alarm.", audio=audio))
                case "say_broken_audio":
                    self._keep(session.say("Alarm, alarm.", audio=_broken()))
                case "reply":
                    self._keep(session.generate_reply(instructions="Go on."))
                case "reply_now":
                    self._keep(session.generate_reply(priority="now"))
                case "user_text":
                    word = f"typed{'abcdef'[self.typed]}x"
                    self.typed += 1
                    self._keep(session.generate_reply(user_input=f"{word} is it so"))
                    self.outcome.typed.append(word)
                case "interrupt":
                    session.interrupt()
                case "interrupt_last":
                    for handle in self.handles[-1:]:
                        handle.interrupt()
                case "cancel_waiting":
                    for task in self.waiting:
                        task.cancel()
                case "stall":
                    self.sim.stall(0.5)
                case "hand_over":
                    session.hand_over(self.cast.agent("third"))
                case "run_task" | "task_late":
                    late = act == "task_late"
                    self._wait(session.run_task(self.cast.task(), timeout_s=0.2 if late else 3.0))
                case "cancel_task":
                    self._wait(session.run_task(self.cast.task()))
                    await self._advance(0.1)
                    self.waiting[-1].cancel()
                case "client_comes":
                    self._connect()
                case "client_goes":
                    if self.peers:
                        self.peers[-1].close()
                case "client_calls":
                    if self.client is not None:
                        self._wait(self.client.call("generate_reply", {}, timeout_s=1.0))
                        self._wait(self.client.call("nonsense", {"a": 1}, timeout_s=1.0))
                case "drop":
                    if self.realtime is not None and self.realtime.connections:
                        self.realtime.drop()
                case "close":
                    self.outcome.ended = "closed early"
                    await session.aclose()
                case "cancel_main":
                    self.outcome.ended = "cancelled"
                    asyncio.get_running_loop().call_soon(self.main.cancel)
        except (RuntimeError, BufferError) as error:
            if not session.closed:
                self.problem(f"act {act}: {error!r}")

    def _keep(self, handle: SpeechHandle) -> None:
        self.handles.append(handle)
        self._wait(_message_of(handle))

    def _wait(self, work: Any) -> None:
        self.waiting.append(asyncio.ensure_future(work))

    def _connect(self) -> None:
        there, back = Way(), Way()
        peer = self.sim.session.connect_client(there)
        methods = {"page": _page}
        self.client = RpcPeer(back, methods, failed=lambda name, error: None)
        there.to, back.to = self.client, peer
        self.peers += [peer, self.client]

    async def after(self) -> None:
        """What must be so once the session is closed."""
        for peer in self.peers:
            peer.close()
            await peer.aclose()
        if self.waiting:
            _, late = await asyncio.wait(self.waiting, timeout=10.0)
            if late:
                self.problem(f"{len(late)} that wait for the session are never told that it has ended")
            for task in late:
                task.cancel()
        for handle in self.handles:
            if not handle.done():
                self.problem(f"{handle!r} has no end")
        for _ in range(3):
            await asyncio.sleep(0)
        if self.stubborn:
            await asyncio.sleep(40.0)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        if left:
            self.problem(f"tasks left: {sorted(task.get_name() for task in left)} {[task.get_coro() for task in left]}")
        for provider in (self.outcome.stt, self.outcome.llm, self.outcome.tts, *self.spares.values()):
            if provider.open:
                self.problem(f"{provider.open} streams of {provider.name} are left open")
        if self.realtime is not None:
            if self.realtime.open:
                self.problem(f"{self.realtime.open} connections of the realtime model are left open")
            for broken in self.realtime.broken:
                self.problem(f"a rule of the realtime server was broken: {broken}")
        for chat in self.outcome.llm.asked:
            self.messages_hold(chat)


async def _message_of(handle: SpeechHandle) -> Any:
    return await handle


async def _page(params: Any) -> Any:
    await asyncio.sleep(0.2)
    return "from the page"


async def _broken() -> AsyncIterator[Speech]:
    yield Speech(np.full(2400, 0.4, np.float32), 24000)
    raise FakeFailure("told to raise")


def play(schedule: Schedule) -> Outcome:
    """Plays it and gives what came of it; `problems` has what was found on the way: of tasks, loop and warnings."""
    broken: list[str] = []
    threads = threading.active_count()
    loop = VirtualTimeLoop()
    loop.set_exception_handler(lambda _, context: broken.append(_context(context)))
    hook, sys.unraisablehook = (
        sys.unraisablehook,
        lambda it: broken.append(f"unraisable: {it.exc_value!r} in {it.object!r}"),
    )
    player = Player(schedule)
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")

            async def main() -> None:
                await player.play()
                await player.after()

            try:
                loop.run_until_complete(main())
                loop.run_until_complete(loop.shutdown_asyncgens())
            finally:
                loop.close()
                asyncio.set_event_loop(None)
        outcome = player.outcome
        player.sim = player.remote = None  # type: ignore[assignment]
        for warning in warned:
            if player.stubborn and " running" in str(warning.message):
                continue  # what takes no cancellation is said to
            player.problem(f"{warning.category.__name__}: {warning.message}")
    finally:
        sys.unraisablehook = hook
    for what in broken:
        player.problem(f"the loop was told: {what}")
    for _ in range(100):
        if threading.active_count() <= threads:
            break
        threading.Event().wait(0.01)
    else:
        player.problem(f"threads left: {[thread.name for thread in threading.enumerate()]}")
    return outcome


def _context(context: dict[str, Any]) -> str:
    return (
        f"{context.get('message')}: {context.get('exception')!r} {context.get('task') or context.get('future') or ''}"
    )
