"""One conversation: a port, an agent, providers, a history.

    core events, provider results, calls of the user ──post──► one mailbox ──► machine ──effects──► carried out here

Everything that happens is an item; items are handled one at a time and to the end, in the order in which they were
posted, without a pause of the event loop in between. The machine (machine.py) decides, hands.py does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from rtaudio.core import PortClosed, post_turn_hint
from rtaudio.voice import items as it
from rtaudio.voice.agent import Agent
from rtaudio.voice.agents import Agents
from rtaudio.voice.cast import Cast
from rtaudio.voice.chat import ChatContext
from rtaudio.voice.client_calls import ClientCalls
from rtaudio.voice.closed_port import CLOSED_PORT
from rtaudio.voice.core_items import Segments, in_order
from rtaudio.voice.effects import Effect, PlayAudio
from rtaudio.voice.events import CheckpointFailed, State
from rtaudio.voice.handoff import Handoff
from rtaudio.voice.hands import TurnHint
from rtaudio.voice.history_policy import HistoryPolicy
from rtaudio.voice.keys import KEYS
from rtaudio.voice.mailbox import Mailbox
from rtaudio.voice.observe import EventStream
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.policies import Interruption, Priority, checked, checked_priority
from rtaudio.voice.protocols import LLM, STT, TTS, Audio, Speech
from rtaudio.voice.realtime import RealtimeModel
from rtaudio.voice.realtime_items import ModelDue
from rtaudio.voice.received import given_text
from rtaudio.voice.recordings import Recording
from rtaudio.voice.rpc import RpcChannel
from rtaudio.voice.rpc_peer import RpcPeer
from rtaudio.voice.speech import SpeechHandle
from rtaudio.voice.speech_queue import MOST_WAITING
from rtaudio.voice.streams import attempt, describe
from rtaudio.voice.task import Task
from rtaudio.voice.troubles import listening
from rtaudio.voice.turn_settings import TurnSettings, TurnSettingsPost, by_port
from rtaudio.voice.wakeups import WakeDescriptor, Wakeups

if TYPE_CHECKING:
    from rtaudio.core import AudioPort, TurnConfig
    from rtaudio.voice.checkpoints.keeper import Checkpoints, Keeper, Taken
    from rtaudio.voice.tool_desk import ToolDesk
    from rtaudio.voice.tools import Toolset
    from rtaudio.voice.tools.call_effects import CallEffect
    from rtaudio.voice.tools.call_items import CallItem

T = TypeVar("T")
Recorder = Callable[["it.Item | Effect | CallItem | CallEffect"], None]
"""What a session's machine took and wanted, in order; of its tools' machine as well, where it has tools."""


class Session:
    """Runs an agent on a port.

        session = Session(port, agent, stt=stt, llm=llm, tts=tts, wake=wake)
        events = session.events()  # before it begins: the greeting is told at once
        async with session:
            async for event in events:
                ...

    Entering starts it (providers warm up, the greeting is said), leaving closes it: every stream and task is gone then.
    The port, the wake-up and the providers belong to the caller, who closes them. All calls from the loop's thread.
    """

    def __init__(
        self,
        port: AudioPort,
        agent: Agent,
        *,
        stt: STT | None = None,
        llm: LLM | None = None,
        tts: TTS | None = None,
        realtime: RealtimeModel | None = None,
        options: SessionOptions | None = None,
        wake: Wakeups | WakeDescriptor | None = None,
        recorder: Recorder | None = None,
        history: ChatContext | None = None,
        turn_hint: TurnHint | None = None,
        data: object = None,
        turns: TurnConfig | None = None,
        turn_settings: TurnSettingsPost | None = None,
        checkpoints: Checkpoints | None = None,
        taken: Taken | None = None,
    ) -> None:
        """`stt`, `llm`, `tts`: all three; or `realtime`, a speech-to-speech model, with a `tts` beside it where the
        program is to `say` something. `wake`: the rtaudio.Wake given to Engine.add for this port's line, or a Wakeups
        that shares one among sessions; None where somebody else calls `take()` after each step of the engine
        (simulation). `recorder` sees every item and every effect, in order; it must not raise. `history`: a
        conversation to go on with. `turn_hint`: who takes what the session knows of turns to the line's detector, as
        Line.post_turn_hint does; by default the line that drives the port in this process, if one does. `data`: what
        the agent's tools get, as `ToolContext.data`. `turns`: when the user's turn is over, for agents that do not say
        (`Agent.turns`); None: as the line was added, and TurnConfig() after an agent that says. `turn_settings`: takes
        that to the line, as `turn_hint` does. `checkpoints`: has the session written down, so that another process can
        go on with it (rtaudio.voice.checkpoints); `taken` is for `restore`. Raises ToolDefinitionError for a tool that
        is none, ImportError without rtaudio[tools], TypeError for providers that are missing or of no use, ValueError
        for `checkpoints` or `listening="always"` with a speech-to-speech model."""
        if not hasattr(port, "playout"):
            raise TypeError(f"session: an AudioPort is wanted first, not {type(port).__name__}")
        if not isinstance(options, SessionOptions | None):
            raise TypeError(f"session: options = {options!r:.80}; a SessionOptions(...) is wanted, or None")
        self._port = port
        self._options = options if options is not None else SessionOptions()
        cast = Cast(agent, stt, llm, tts, realtime)
        self._agents = Agents(agent, cast.stt, cast.llm, cast.tts)
        self._realtime = realtime
        self._machine = cast.machine(self._options, port.rate, history)
        self._wakeups = wake if wake is None or isinstance(wake, Wakeups) else Wakeups.of(wake)
        self._recorder = recorder
        self._segments = Segments()
        self._data = data
        if checkpoints is not None and realtime is not None:
            raise ValueError(
                "checkpoints: what a speech-to-speech model knows is with its server; use stt, llm and tts"
            )
        self._taken = taken
        self._keeper = self._kept_by(checkpoints) if checkpoints is not None else None
        self._turn_settings = TurnSettings(turn_settings if turn_settings is not None else by_port(port), turns)
        self._hands = cast.hands(
            *(port, self._segments, self._agents, self._machine, self._options, self.post, self.take, self._fail),
            turn_hint if turn_hint is not None else partial(post_turn_hint, port),
            *(self, self._tool_desk, self._turn_settings),
        )
        self._mailbox = Mailbox[it.Item](self._handle)
        self._client = ClientCalls(self, data)
        self._events_lost = 0
        self._started = False
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    def restore(
        cls,
        port: AudioPort,
        checkpoint: bytes,
        *,
        checkpoints: Checkpoints,
        stt: STT,
        llm: LLM,
        tts: TTS,
        options: SessionOptions | None = None,
        wake: Wakeups | WakeDescriptor | None = None,
        recorder: Recorder | None = None,
        turn_hint: TurnHint | None = None,
        turns: TurnConfig | None = None,
        turn_settings: TurnSettingsPost | None = None,
    ) -> Session:
        """A session that goes on where the one was that wrote `checkpoint`, on the same port, once it is entered
        (docs/checkpoints.md). Agents and data are made from the checkpoint, by what `checkpoints` allows; the other
        arguments are those of that session. Raises CheckpointError for one that cannot be taken up: what, and what to
        do."""
        from rtaudio.voice.checkpoints.keeper import read  # which loads msgspec

        taken = read(checkpoint, checkpoints, port)
        return cls(
            *(port, taken.agents[0]),
            stt=stt,
            llm=llm,
            tts=tts,
            options=options,
            wake=wake,
            recorder=recorder,
            turn_hint=turn_hint,
            turns=turns,
            turn_settings=turn_settings,
            data=taken.data,
            checkpoints=checkpoints,
            taken=taken,
        )

    # ---- For users.

    @property
    def data(self) -> object:
        """The user's own, as given, or as it was in the checkpoint."""
        return self._data

    @property
    def history(self) -> ChatContext:
        """The conversation so far, as heard. A copy."""
        return self._machine.history.copy()

    @property
    def agent(self) -> Agent:
        """The one that is in charge now."""
        return self._agents.in_charge.agent

    @property
    def state(self) -> State:
        return self._machine.state

    @property
    def progress(self) -> tuple[int, int]:
        """(number of the reply that is being spoken, the character of it where the word begins that is heard now);
        (0, 0): none is."""
        return self._hands.progress()

    @property
    def closed(self) -> bool:
        return self._machine.closed

    def events(self, bound: int = 256) -> EventStream:
        """A new stream of events, from now on; see EventStream for what happens to slow readers."""
        return self._hands.observers.open(bound, finished=self._machine.closed)

    def say(
        self,
        text: str,
        *,
        interruptible: bool | None = None,
        interruption: Interruption | None = None,
        priority: Priority = "normal",
        audio: tuple[Audio, int] | AsyncIterator[Speech] | None = None,
    ) -> SpeechHandle:
        """Has the agent say `text`, after what it is saying.

        `priority`: when, among what waits (rtaudio.voice.speech_queue); "now" cuts what is being said. `audio`: speech
        that is there already, (mono float32 samples in [-1, 1], rate) or an async iterator of `Speech`, which is closed
        when it is over; `text` is then what it says.

        `interruption`: what the user's speech does to it (rtaudio.voice.policies), by default what the session's
        options say. `interruptible=False` is short for "off", `True` for "immediate". What the user says meanwhile is
        kept, and answered when it is over. `interrupt` stops it all the same: that is the program's own word.

        Awaiting what it gives gives the message as it came into the history, with what was heard of it;
        asyncio.CancelledError if the session closes first. Raises ValueError for text without a letter or digit or of
        more than 100,000 characters, audio that is none and policies that do not go together, RuntimeError for a
        session that is not running, BufferError when too much waits to be said.
        """
        self._need_room("say")
        checked(interruption, "say")
        checked_priority(priority, "say")
        if interruptible is not None:
            if interruption is not None:
                raise ValueError("say: give interruptible or interruption, not both: the first is short for the second")
            interruption = "immediate" if interruptible else "off"
        text = given_text(text, "say: nothing to speak")
        recording = Recording(audio) if audio is not None else None
        behind = self if priority == "low" else None
        ticket, handle = self._hands.promise(self._stop_speech, recording, behind=behind)
        recorded = recording is not None
        self.post(it.SayAsked(self._stamp(), text, ticket, interruption, priority, recorded))
        return handle

    def generate_reply(
        self,
        *,
        user_input: str | None = None,
        instructions: str | None = None,
        tools: Sequence[str] | Literal["none"] | None = None,
        interruption: Interruption | None = None,
        priority: Priority = "normal",
    ) -> SpeechHandle:
        """Has the model speak, by the program's wish.

        `user_input`: words of the user that came as text (a chat box, a test). They are a turn like one that was
        spoken: in the history at once, answered once. An answer of which nothing was heard yet is given up and the two
        turns are answered together; an agent who is speaking goes on, unless `priority` is "now". `instructions`: for
        this reply alone, with all its steps, beside the agent's. `tools`: names of those that it may call, "none", or
        None for all there are. `interruption`, `priority`: as for `say`.

        What was said by the user and is unanswered yet is answered by this reply. If the user speaks before anything of
        it was heard, it is begun again when that turn is over, and answers both. Where the model fails, it is as for
        any reply: ProviderFailed, and `SessionOptions.llm_failed_text` is said; the handle is "failed", and gives a
        message without text. In a tool, awaiting a reply that waits for that very tool is a RuntimeError:
        give "high".

        Raises ValueError for user_input without a letter or digit and tools that the agent has not, RuntimeError for a
        session that is not running, BufferError when too much waits.
        """
        self._need_room("generate_reply")
        checked(interruption, "generate_reply")
        checked_priority(priority, "generate_reply")
        text = given_text(user_input, "generate_reply: nothing to answer").strip() if user_input is not None else None
        only = self._known_tools(tools)
        behind = self if priority in ("low", "normal") else None
        ticket, handle = self._hands.promise(self._stop_speech, behind=behind)
        self.post(it.ReplyAsked(self._stamp(), ticket, instructions or "", text, only, interruption, priority))
        return handle

    @property
    def queue(self) -> tuple[SpeechHandle, ...]:
        """What `say` and `generate_reply` were asked for and waits, in order."""
        handles = (self._hands.handle(wish.ticket) for wish in self._machine.queue)
        return tuple(handle for handle in handles if handle is not None)

    def interrupt(self) -> None:
        """Stops what the agent is thinking or saying, and was to say, at once. What was heard stays in the history.
        So do words of the user that are over and still awaited from the STT; they get no answer either. A turn that is
        being spoken gets one, and so does one that the user goes on with. RuntimeError for a session that is not
        running."""
        self._need_running()
        self.post(it.InterruptAsked(self._stamp()))

    def press(self, keys: str) -> None:
        """The user has pressed a key of a telephone or a page, or several: of 0-9, *, #, A-D. An entry of them is
        complete by the rules of the agent in charge (`Agent.keypad`), then an agent with `on_digits` gets it, and any
        other's model answers "[pressed 12#]". For a transport, on the loop's thread. Raises ValueError for what is no
        key, RuntimeError for a session that is not running."""
        self._need_running()
        if unknown := sorted(set(keys) - set(KEYS)) if keys else ["nothing"]:
            raise ValueError(f"press: {', '.join(unknown)} is no key; there are {KEYS}")
        for key in keys:
            shown = self._machine.top.settings.keypad.shown(key)
            self._hands.agents.secret_keys.keep(key, shown)
            self.post(it.KeyPressed(self._stamp(), shown))

    def expose(self, *methods: object) -> None:
        """Lets the client call these (rtaudio.voice.tools): functions with typed parameters, objects with methods under
        @client_method, what `session_methods` gives. Also while the session runs. Raises ToolDefinitionError for what
        is none, and for a name that is taken; ImportError without rtaudio[tools]."""
        self._client.expose(methods)

    @property
    def client_methods(self) -> tuple[str, ...]:
        """The names of what the client may call."""
        return self._client.names

    def connect_client(self, channel: RpcChannel) -> RpcPeer:
        """For a transport: from now on the client can be called by `channel`. What comes of it goes to the peer's
        `receive`; its `close` says that the client is gone. Another one that connects takes the place of the first."""
        return self._client.connect(channel)

    async def call_client(self, method: str, params: Any = None, *, timeout_s: float = 10.0) -> Any:
        """Calls a method of the client (the page, the app), with parameters and a result that JSON can carry, each of
        15 KiB at most. RpcError: nothing came of it, and why; its `code` is 1401 where no client is connected that
        takes calls. Cancelled: the client is told. TypeError, ValueError: what no call can have."""
        return await self._client.call(method, params, timeout_s)

    def hand_over(self, agent: Agent, *, history: HistoryPolicy | None = None) -> None:
        """Puts `agent` in charge, as a tool does that returns it: once the one that is says nothing more, and without
        waiting for its tools, whose results come to the new one. `history`: what it is shown of the talk so far; by
        default what `Agent.history` says. AgentChanged tells when. It says its greeting, or answers what is unanswered;
        else it listens. Tasks that are in charge are over, unfinished. Raises ToolDefinitionError, TypeError for what
        is no agent, or a task; RuntimeError for a session that is not running."""
        self._need_running()
        number = self._hands.agents.hand_over(Handoff(agent, history=history), 0)
        self.post(it.HandOverAsked(self._stamp(), number))

    async def run_task(
        self, task: Task[T], *, timeout_s: float | None = None, history: HistoryPolicy | None = None
    ) -> T:
        """Puts `task` in charge, once the agent that is says nothing more, and gives its result when that one is back.
        What it was about waits: a step whose tool has called this, and what the user said meanwhile, is gone on with
        then. Time limits of tools and hooks do not run within.

        `timeout_s`: by default `Task.timeout_s`; TimeoutError after it. `history`: what the task is shown of the talk;
        by default what `Agent.history` says. Raises what the task failed with; TaskCancelled when it was broken off;
        RuntimeError for a session that is not running, or a task that was run before. Cancelling gives the task up: it
        says what it is saying, and is over."""
        self._need_running()
        return await self._hands.agents.run_task(task, timeout_s, history)

    async def aclose(self) -> None:
        """Idempotent; if the caller is cancelled meanwhile, closing goes on to its end."""
        await asyncio.shield(self._close("closed"))

    async def __aenter__(self) -> Session:
        if self._started:
            raise RuntimeError("a session runs once; make a new one")
        self._started = True
        try:
            await self._warm_up()
            if self._wakeups is not None:
                self._wakeups.add(self.take)
            self._turn_settings.put(self.agent)
            if self._realtime is not None:
                self.post(ModelDue(self._stamp()))
            if self._taken is not None:
                self._go_on(self._taken)
            else:
                self.post(it.SessionBegan(self._stamp()))
                self.take()
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    # ---- For what drives it.

    def take(self) -> None:
        """Takes what the core has for the session: events, room, mic audio. Called by the wake-up, or by what drives
        the engine by hand, after each step. Does nothing before the session was entered and after it closed."""
        if not self._started or self.closed:
            return
        try:
            stamp = self._stamp()
            for event in in_order(self._port.events()):
                if (item := self._segments.item_of(event, stamp)) is not None:
                    self.post(item)
            if (lost := self._port.events_dropped) != self._events_lost:
                self.post(it.EventsLost(stamp, lost - self._events_lost))
                self._events_lost = lost
                if (item := self._segments.lookup(stamp)) is not None:
                    self.post(item)
            self._hands.move(stamp)
            if (due := self._machine.due) is not None and stamp.mic >= due:
                self.post(it.TimeCame(stamp))
        except PortClosed:
            self._close("the port was closed")

    def post(self, item: it.Item) -> None:
        """Hands an item to the machine and carries out what it wants; in order also when called from within."""
        try:
            self._mailbox.post(item)
        except Exception as error:
            self._mailbox.clear()
            self._fail(error)

    def audio_of(self, effect: PlayAudio) -> tuple[Audio, int]:
        """(samples, rate) that are about to be played: for a recorder, while it is told of that effect."""
        return self._hands.audio_of(effect)

    def _handle(self, item: it.Item) -> None:
        if self._recorder is not None:
            self._recorder(item)
        effects = self._machine.handle(item)
        for effect in effects:
            if self._recorder is not None:
                self._recorder(effect)
            self._hands.carry_out(effect)
        if self._keeper is not None:
            self._keeper.handled(item, effects)

    def _stamp(self) -> it.Stamp:
        return self._hands.stamp()

    def _stop_speech(self, ticket: int) -> None:
        if not self.closed:
            self.post(it.SpeechStopAsked(self._stamp(), ticket))

    def _known_tools(self, tools: Sequence[str] | Literal["none"] | None) -> tuple[str, ...] | None:
        if tools is None or tools == "none":
            return None if tools is None else ()
        if isinstance(tools, str):
            raise ValueError(f'generate_reply: tools = {tools!r}; give a list of names, "none" or None')
        has = self._agents.in_charge.tools
        known = list(has.names) if has is not None else []
        if unknown := [name for name in tools if name not in known]:
            raise ValueError(f"generate_reply: the agent has no tools {unknown}; it has {known}")
        return tuple(tools)

    def _need_room(self, where: str) -> None:
        self._need_running()
        if len(self._machine.queue) >= MOST_WAITING:
            raise BufferError(f"{where}: {MOST_WAITING} texts and replies wait to be said already")

    def _need_running(self) -> None:
        if not self._started or self.closed:
            raise RuntimeError("the session is not running: use it inside `async with`")

    def _tool_desk(self, tools: Toolset) -> ToolDesk:
        from rtaudio.voice.tool_desk import ToolDesk  # which loads pydantic

        ids = [use.id for message in self._machine.history for use in message.tools]
        return ToolDesk(
            *(tools, self.post, lambda: self._stamp()),
            data=self._data,
            session=self,
            ids=ids,
            record=self._recorder,
            hand_over=lambda handoff, by: self._hands.agents.hand_over(handoff, by),
            write_ahead=self._keeper.write_ahead if self._keeper is not None else None,
            name=self._taken.tools.name if self._taken is not None and self._taken.tools is not None else None,
        )

    def _kept_by(self, checkpoints: Checkpoints) -> Keeper:
        from rtaudio.voice.checkpoints.keeper import Keeper  # which loads msgspec

        return Keeper(
            *(checkpoints, self._port, self._machine, self._agents, self._data),
            segment=lambda: self._segments.segment_of(reply.number) if (reply := self._machine.reply) else 0,
            tools=lambda: self._hands.tools,
            told=lambda what: self._hands.observers.put(CheckpointFailed(at_s=self._machine.now_s, what=what)),
        )

    def _go_on(self, taken: Taken) -> None:
        """As another session left off: what it knew, then what the core has told since."""
        checkpoint = taken.checkpoint
        for agent, record in zip(taken.agents[1:], checkpoint.agents[1:], strict=True):
            self._hands.agents.come(agent, record.kept, record.by)
        lost = self._port.events_dropped
        self._port.events_from(checkpoint.place.playout, checkpoint.place.hearing)
        reply = checkpoint.machine.reply
        self._segments.take_up(checkpoint.place.segment, reply.number if reply is not None else 0)
        self._events_lost = lost
        self.post(it.SessionRestored(self._stamp(), checkpoint.machine))
        if (desk := self._hands.tools) is not None:
            desk.take_up(taken.tools, taken.call_ids)
        self.take()
        self._segments.taken_up()
        self.post(it.SessionCaughtUp(self._stamp(), self._events_lost != lost))

    async def _warm_up(self) -> None:
        desk = self._hands.agents
        if (model := self._realtime) is not None:
            await attempt(
                model.warm_up,
                lambda what: self.post(it.ProviderTroubled(self._stamp(), "llm", model.name, f"warm-up: {what}")),
            )
        with listening(self._hands.replaced):
            await asyncio.gather(
                *(
                    attempt(provider.warm_up, desk.troubled(kind, provider.name))
                    for kind, provider in desk.cold(self._agents.in_charge)
                )
            )

    # ---- The end.

    def _fail(self, error: BaseException) -> None:
        """A task or an effect broke in a way no provider should be able to cause."""
        self._close(describe(error))

    def _close(self, reason: str) -> asyncio.Task[None]:
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._shut(reason), name="close session")
        return self._closing

    async def _shut(self, reason: str) -> None:
        if self._wakeups is not None:
            self._wakeups.remove(self.take)
        heard, bound = self._hands.heard_now()
        self.post(it.CloseAsked(self._stamp(), reason, heard, bound))
        await self._hands.aclose()
        await self._client.aclose()
        self.post(it.Ended(self._stamp()))
        if self._keeper is not None:
            await self._keeper.aclose(reason)
        self._hands.release()
        self._port = CLOSED_PORT
        self._turn_settings.release()
        self._hands.observers.finish()
