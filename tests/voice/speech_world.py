"""The world of tool_world.py with a program in it that says, asks, and does not want any more, at any moment."""

from __future__ import annotations

from collections import defaultdict

from rtaudio.voice import effects as do
from rtaudio.voice import items as it
from rtaudio.voice.agent import Agent, AgentSettings
from rtaudio.voice.events import SpeechState
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.policies import Priority
from rtaudio.voice.reply import Phase
from rtaudio.voice.speech import OVER
from rtaudio.voice.speech_queue import MOST_WAITING
from tests.voice.tool_world import ToolWorld

PRIORITIES: tuple[Priority, ...] = ("normal", "low", "high", "now")
LEADS_TO: dict[SpeechState, tuple[SpeechState, ...]] = {
    "waiting": ("thinking", "cancelled", "interrupted"),
    "thinking": ("speaking", "waiting", "thinking", "done", "interrupted", "failed"),
    "speaking": ("thinking", "waiting", "done", "interrupted", "failed"),
}
"""The table of speech.py. A reply that waits again had begun, and may be interrupted by then."""


class SpeechWorld(ToolWorld):
    """`states`: of each ticket, in order; `messages`: what came with the last. `typed`: words of the user as text."""

    def __init__(
        self, plans: list[int], options: SessionOptions | None = None, agent: Agent | AgentSettings | None = None
    ) -> None:
        super().__init__(plans, options, agent)
        self.tickets = 0
        self.states: dict[int, list[SpeechState]] = defaultdict(lambda: ["waiting"])
        self.messages: dict[int, object] = {}
        self.typed: dict[int, str] = {}

    def ask(self, which: int) -> None:
        if len(self.machine.queue) >= MOST_WAITING:
            return
        self.tickets += 1
        ticket, priority = self.tickets, PRIORITIES[which // 4 % 4]
        self.states[ticket]
        match which % 4:
            case 0:
                self.give(it.SayAsked(self.at(), f"Remark {ticket}, which is a long one.", ticket, None, priority))
            case 1:
                self.give(it.ReplyAsked(self.at(), ticket, "Be kind.", priority=priority))
            case _:
                self.typed[ticket] = f"typed{ticket}"
                self.give(it.ReplyAsked(self.at(), ticket, user_input=f"typed{ticket}", priority=priority))

    def stop(self, which: int) -> None:
        if self.tickets:
            ticket = self.tickets - which % min(self.tickets, 3)
            self.give(it.SpeechStopAsked(self.at(), ticket))

    def do(self, kind: int, which: int) -> None:
        """One step of a schedule; `kind` in 0..13."""
        reply = self.machine.reply
        speaking = reply is not None and reply.phase is Phase.SPEAKING
        if kind == 0 and not self.talking:
            self.begin_speech()
        elif kind == 1 and self.talking:
            self.end_turn()
        elif kind == 2 and self.talking and speaking:
            self.core_cuts()
        elif kind == 3 and not self.talking and self.core:
            self.resume_turn(heard=which % 3 == 0)
        elif kind in (4, 5):
            self.ask(which)
        elif self.debts:
            self.pay(list(self.debts)[which % len(self.debts)])

    @property
    def left(self) -> list[int]:
        """Tickets that nobody has told the end of."""
        return [ticket for ticket, states in self.states.items() if states[-1] not in OVER]

    def _owe(self, effect: do.Effect) -> None:
        if isinstance(effect, do.SpeechMoved):
            before = self.states[effect.ticket][-1]
            assert effect.state in LEADS_TO.get(before, ()), f"{effect.ticket}: {before} -> {effect.state}"
            assert (effect.message is not None) == (effect.state in OVER) or self.machine.closed
            self.states[effect.ticket].append(effect.state)
            self.messages[effect.ticket] = effect.message
        super()._owe(effect)
