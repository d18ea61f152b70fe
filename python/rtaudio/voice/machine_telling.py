"""What the session's machine knows, what it tells, and its history: the part that the others stand on.

    machine_telling.py   state, history, what is told
    machine_agents.py    who is in charge, hooks, who may take over
    machine_tools.py     tools that the model calls in an answer, and what comes of them
    machine_switch.py    another agent takes over
    machine_reply.py     the agent's reply, from begin to end
    machine_speech.py    what the program wants said or answered, and text of the user
    machine_turns.py     the user's turns, and who has the floor
    machine_eager.py     replies begun before their turn is over
    machine_noise.py     answers that wait for whether what is heard is a noise
    machine_listening.py recognition between turns: words of which the VAD heard nothing
    machine_keys.py      keys that the user presses
    machine_resume.py    the state of another machine is taken up
    machine.py           every item to its place; the rules in words

One machine in thirteen pieces: each may use those above it, and none of those below.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import items as it
from rtaudio.voice.agent import Agent, AgentSettings, settings_of
from rtaudio.voice.asking import Asked
from rtaudio.voice.chat import ChatContext, ChatMessage
from rtaudio.voice.eager import EndWatch, Held
from rtaudio.voice.keys import KeyEntry
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.presence import Presence
from rtaudio.voice.record import Records
from rtaudio.voice.reply import Phase, Reply
from rtaudio.voice.replying import MIC_RATE, metrics
from rtaudio.voice.speech_queue import SpeechQueue, Wish
from rtaudio.voice.stack import LateResult, Stay, Switch, TurnHook
from rtaudio.voice.start_buffer import StartBuffer
from rtaudio.voice.turns import Turn, Turns

if TYPE_CHECKING:
    from rtaudio.voice.machine_tools import ToolStep

FIRST: Final = 1
"""Number of the agent that a session begins with."""


class Telling:
    """See the module."""

    def __init__(
        self,
        agent: Agent | AgentSettings,
        options: SessionOptions,
        port_rate: int,
        history: ChatContext | None = None,
    ) -> None:
        """`agent`: the first one, as number 1; a replay has only its settings."""
        self.options = options
        settings = settings_of(agent) if isinstance(agent, Agent) else agent
        self.history = history.copy() if history is not None else ChatContext()
        self.history.instructions = settings.instructions
        self._start_buffer = StartBuffer(options.start_buffer_s)  # of the session's voice
        self.stack = [Stay(FIRST, settings, self.history.copy(), self._start_buffer)]
        self._came = {FIRST: it.AgentCame(it.Stamp(0, 0), FIRST, settings)}
        self._switches: deque[Switch] = deque()
        self._left: list[ToolStep] = []  # of agents that are not in charge any more: into the history when delivered
        self._speaks = False  # the model has to begin by itself
        self._entering = 0  # the run of on_enter
        self._turn_hook: TurnHook | None = None
        self._runs = 0  # of hooks
        self._digits_run = 0  # of the last on_digits: they run one by one
        self.keys = KeyEntry()
        self._hooks: dict[int, tuple[str, str]] = {}  # those that run: agent, hook
        self.reply: Reply | None = None
        self.turns = Turns(int(options.pre_roll_s * MIC_RATE))
        self.queue = SpeechQueue()
        self._listen_from = 0  # mic position from which recognition stands between turns
        self._spoke_at: int | None = None  # mic position at which the agent was first heard
        self._claims: list[Turn] = []  # with too few words to stop the agent, while it says what it is saying
        self.presence = Presence(None if options.away_s is None else round(options.away_s * MIC_RATE))
        self.state: ev.State = "listening"
        self.closed = False
        self._port_rate = port_rate
        self._replies = 0
        self._answered_to = len(self.history)  # messages: what the user said up to here is answered, or is not to be
        self._unanswered: Turn | None = None  # the latest turn that wants an answer; its words are in the history
        self._after: list[ChatMessage] = []  # said while the agent speaks: follow its message
        self.step: ToolStep | None = None  # of a reply whose tools are run
        self._go_on: ToolStep | None = None  # in the history, and the model has to go on from it
        self._continued: ToolStep | None = None  # by the reply
        self._steps = 0  # with tools, since a turn was last begun to be answered
        self._late: list[LateResult] = []  # not in the history yet
        self._late_untold = False  # and nobody has told of them
        self._tools_began: dict[str, int] = {}  # call -> mic position
        self.held: Held | None = None  # a reply begun before its turn is over
        self._watch = EndWatch(options)
        self.records = Records(port_rate)
        self._at = it.Stamp(0, 0)
        self._reason = ""
        self._asked = Asked.NOTHING  # as the core was told
        self._core_turn: int | None = None  # the core's open turn, of which a backchannel was taken here
        self._suspicion: ev.BargeState = "quiet"  # of the core, now: it may come before the speech does

    @property
    def now_mic(self) -> int:
        """Mic position of the last item."""
        return self._at.mic

    @property
    def chat(self) -> ChatContext:
        """What the model of the agent in charge is to be shown now. A copy."""
        chat = self.top.chat.copy()
        chat.instructions = self.top.settings.instructions
        return chat

    @property
    def top(self) -> Stay:
        """Of the agent in charge."""
        return self.stack[-1]

    @property
    def _wants_to_speak(self) -> bool:
        """Something is to be answered or gone on from, as soon as nothing keeps it."""
        return self._unanswered is not None or self._go_on is not None or self._speaks

    @property
    def now_s(self) -> float:
        """The same, in seconds."""
        return self._at.mic / MIC_RATE

    @property
    def _now_s(self) -> float:
        return self._at.mic / MIC_RATE

    def _tell_state(self) -> Iterator[do.Effect]:
        state: ev.State = "listening"
        if self.reply is not None and self.reply.phase is Phase.SPEAKING:
            state = "speaking"
        elif self.reply is not None or (self._at_work and self.turns.talking is None):
            state = "thinking"
        if state != self.state:
            self.state, before = state, self.state
            if "thinking" in (state, before):
                yield do.Hint("thinking", int(state == "thinking"))
            yield do.Emit(ev.StateChanged(at_s=self._now_s, state=state, before=before))

    @staticmethod
    def _move(wishes: Iterable[Wish], state: ev.SpeechState, message: ChatMessage | None = None) -> Iterator[do.Effect]:
        """Tells those who wait for something the program asked for."""
        for wish in wishes:
            if wish.ticket:
                yield do.SpeechMoved(wish.ticket, state, message)

    @property
    def _at_work(self) -> bool:
        return self.turns.open or self.step is not None or (self._wants_to_speak and not self.closed)

    def _tell_metrics(self, reply: Reply) -> Iterator[do.Effect]:
        if not reply.told:
            reply.told = True
            yield do.Emit(metrics(reply, self._at))

    def _hint_asked(self, what: Asked) -> Iterator[do.Effect]:
        if what is not self._asked:
            self._asked = what
            yield do.Hint("asked", int(what))

    def _remember(self, message: ChatMessage) -> do.Effect:
        self.history.append(message)
        self.top.remember(message)
        return do.Remember(message)

    def _remember_after(self) -> Iterator[do.Effect]:
        """What the user said while the agent spoke, or its tools ran."""
        after, self._after = self._after, []
        for said in after:
            yield self._remember_user(said)

    def _remember_user(self, message: ChatMessage) -> do.Effect:
        remember = self._joined(message)
        if not remember.instead:
            return self._remember(remember.message)
        self.top.remember(remember.message, instead_of=self.history[-1])
        self.history.replace_last(remember.message)
        self._answered_to = min(self._answered_to, len(self.history) - 1)
        return remember

    def _joined(self, message: ChatMessage) -> do.Remember:
        """Joins what the user says to what is still unanswered, where that is the last message."""
        last = self.history[-1] if len(self.history) else None
        joins = last is not None and last.role == "user" and not (last.backchannel or message.backchannel)
        if self._unanswered is not None and last is not None and joins:
            message = replace(message, text=f"{last.text} {message.text}", began_s=last.began_s)
            return do.Remember(message, instead=True)
        return do.Remember(message)

    def _find(self, number: int) -> Reply | None:
        return self.reply if self.reply is not None and self.reply.number == number else None
