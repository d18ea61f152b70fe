"""The world of machine_world.py with tools in it: the model calls some, and their own machine decides about them.

The two machines meet as in a session: what one wants is owed to the other, and comes whenever a test pays it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import ClassVar

from rtaudio.providers.openai_messages import messages_of
from rtaudio.voice import effects as do
from rtaudio.voice import items as it
from rtaudio.voice.agent import Agent, AgentSettings
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.protocols import ToolCall
from rtaudio.voice.reply import Phase
from rtaudio.voice.tools import call_effects as cdo
from rtaudio.voice.tools import call_items as cit
from rtaudio.voice.tools.calls import Calls
from rtaudio.voice.tools.policy import ToolPolicy
from tests.voice.machine_world import REPLY, World
from tests.voice.message_rules import anthropic_messages, anthropic_problems, openai_problems

KINDS = {
    "keep": ToolPolicy(),
    "cancel": ToolPolicy(on_interruption="cancel"),
    "ask": ToolPolicy(on_interruption="ask", retries=1),
    "slow": ToolPolicy(detach_after_s=1.0),
    "one": ToolPolicy(at_once=1, duplicates="join"),
    "hang": ToolPolicy(timeout_s=5.0),
    "fill": ToolPolicy(filler=("One moment.", "Still at it."), on_interruption="cancel"),
}
PLANS: list[tuple[str, tuple[str, ...]]] = [
    (REPLY, ()),
    ("", ("keep",)),
    ("Let me look. ", ("keep", "cancel")),
    ("", ("one", "one", "nothing")),
    ("One moment, and another one. ", ("ask", "hang")),
    ("I do that. ", ("slow", "slow")),
    (REPLY, ("cancel",)),
    ("", ("fill", "keep", "fill")),
]
"""What the model may do in a step: say something, and call tools."""


WORDS = ["", "mhm", "stop", "what about sunday"]


class ToolWorld(World):
    """`plans`: which of PLANS each reply of the model follows, over and over; one that may call nothing speaks."""

    kinds: ClassVar = KINDS
    steps: ClassVar = PLANS

    def __init__(
        self, plans: list[int], options: SessionOptions | None = None, agent: Agent | AgentSettings | None = None
    ) -> None:
        super().__init__(options, agent)
        self.plans = plans
        self.calls = Calls()
        self.call_items: list[cit.CallItem] = []
        self.call_effects: list[cdo.CallEffect] = []
        self.called = 0
        self.chains: dict[int, int] = {}  # reply -> the reply that began the same answer
        self.turn_of: dict[int, int] = {}  # that reply -> the turn that it is for; 0: a late result
        self.last_chain = 0
        self.hung: dict[int, int] = {}  # work -> attempt
        self._inbox: deque[cit.CallItem] = deque()
        self._taking = False

    # ---- What a drawn pair (what happens, which of the possible ones) does, where it can; else False.

    @property
    def may_resume(self) -> bool:
        return bool(self.core)

    def user_acts(self, kind: int, which: int) -> bool:
        reply = self.machine.reply
        match kind:
            case 0 if not self.talking:
                if which % 3 == 0:
                    self.words[self.next_turn] = WORDS[which % len(WORDS)]
                self.begin_speech()
            case 1 if self.talking:
                self.end_turn()
            case 2 if self.talking and reply is not None and reply.phase is Phase.SPEAKING:
                self.core_cuts()
            case 3 if not self.talking and self.may_resume:
                self.resume_turn(heard=which % 3 == 0)
            case _:
                return False
        return True

    def interrupts(self, kind: int, which: int) -> bool:
        """The program does."""
        if kind != 4 or which % 4:
            return False
        self.give(it.InterruptAsked(self.at()))
        return True

    def give_calls(self, item: cit.CallItem) -> None:
        self._inbox.append(item)
        if self._taking:
            return
        self._taking = True
        while self._inbox:
            item = self._inbox.popleft()
            self.call_items.append(item)
            for effect in self.calls.handle(item):
                self.call_effects.append(effect)
                self._owe_calls(effect)
        self._taking = False

    def owe_calls(self, queue: object, debt: Callable[[], cit.CallItem]) -> None:
        self.debts[queue].append(debt)  # type: ignore[arg-type]

    def pay(self, queue: object) -> None:
        debt = self.debts[queue].popleft()
        if not self.debts[queue]:
            del self.debts[queue]
        item: it.Item | cit.CallItem = debt()
        if isinstance(item, cit.CallItem):
            self.give_calls(item)
        else:
            self.give(item)

    def close(self) -> None:
        """As a session does: the machine first, then its tools; of what is owed only what they bring still comes."""
        self.give(it.CloseAsked(self.at(), "closed", 0, 0))
        self.give_calls(cit.CloseAsked())
        for queue in list(self.debts):
            if isinstance(queue, tuple) and queue[0] in ("deliver", "late", "watch"):
                while queue in self.debts:
                    self.pay(queue)
        self.debts.clear()

    def check_rules(self) -> None:
        assert openai_problems(messages_of(self.machine.history)) == []
        assert anthropic_problems(anthropic_messages(self.machine.history)) == []

    # ---- What the session's machine wants.

    def _answer(self, effect: do.StartModel) -> None:
        self.check_rules()  # that is what the model sees
        held = self.machine.held
        reply = held.reply if held is not None and effect.said is not None else self.machine.reply
        assert reply is not None
        assert self.machine.step is None, "the model never begins beside its own tools"
        if self.machine._continued is None:
            self.last_chain = effect.reply
            self.turn_of[effect.reply] = reply.answers.turn if reply.answers is not None else 0
        self.chains[effect.reply] = self.last_chain
        text, calls = self.steps[self.plans[effect.reply % len(self.plans)] % len(self.steps)]
        if not effect.tools:
            text, calls = REPLY, ()
        for word in text.split(" "):
            if word:
                self._owe_model(effect.reply, f" {word}")
        for name in calls:
            self.called += 1
            call = ToolCall(f"c{self.called}", name, "{}")
            self.debts["reply", effect.reply, "llm"].append(
                lambda call=call: it.CallCame(self.at(), effect.reply, call)  # type: ignore[misc]
            )
        self._owe_model(effect.reply, None)

    def _owe(self, effect: do.Effect) -> None:
        match effect:
            case do.RunTools():
                self.give_calls(cit.Called(effect.reply, effect.calls))
            case do.InterruptTools():
                self.give_calls(cit.Interrupted(effect.reply))
            case do.MoveOnTools():
                self.give_calls(cit.MovedOn(effect.reply))
            case do.Remember() if effect.message.role == "assistant":
                pass
            case _:
                super()._owe(effect)

    # ---- What the tools' machine wants.

    def _owe_calls(self, effect: cdo.CallEffect) -> None:
        match effect:
            case cdo.Prepare(call=call, tool_call=asked):
                if (policy := self.kinds.get(asked.name)) is None:
                    self.give_calls(cit.Refused(call, "There is no such tool."))
                else:
                    self.give_calls(cit.Prepared(call, policy, None, asked.name, False))
            case cdo.Run(work=work, attempt=attempt):
                name = self.calls._works[work].name
                if name == "hang":
                    self.hung[work] = attempt
                elif self.fails:
                    self.owe_calls(("tool", work), lambda: cit.Raised(work, attempt, "broken", True))
                else:
                    self.owe_calls(("tool", work), lambda: cit.Returned(work, attempt, f"result {work}"))
            case cdo.Cancel(work=work, attempt=attempt):
                self.debts.pop(("tool", work), None)
                self.hung.pop(work, None)
                self.owe_calls(("tool", work), lambda: cit.Stopped(work, attempt))
            case cdo.Ask(work=work):
                self.give_calls(cit.Answered(work, work % 2 == 0))
            case cdo.Wake(timer=timer):
                self.owe_calls(("clock", timer), lambda: cit.Woke(timer))
            case cdo.StopClock(timer=timer):
                self.debts.pop(("clock", timer), None)
            case cdo.Began(call_id=call_id, tool=tool):
                self.debts["watch",].append(lambda: it.ToolBegan(self.at(), call_id, tool))
            case cdo.Ended(call_id=call_id, tool=tool, outcome=outcome):
                self.debts["watch",].append(lambda: it.ToolEnded(self.at(), call_id, tool, outcome))
            case cdo.Deliver(batch=batch, uses=uses):
                self.debts["deliver", batch].append(lambda: it.ToolsDelivered(self.at(), batch, uses))
            case cdo.Fill(call_id=call_id, text=text):
                self.debts["watch",].append(lambda: it.SayAsked(self.at(), text, 0, priority="low", while_call=call_id))
            case cdo.DeliverLate(of=of, use=use):
                self.debts["late", of].append(lambda: it.LateResultCame(self.at(), of, use))
            case _:
                pass
