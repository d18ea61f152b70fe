"""The world of tool_world.py with agents in it: tools hand over and run tasks, hooks run, the program does too."""

from __future__ import annotations

from typing import ClassVar

from rtaudio.providers.openai_messages import messages_of
from rtaudio.voice import effects as do
from rtaudio.voice import items as it
from rtaudio.voice.agent import HOOKS, AgentSettings
from rtaudio.voice.history_policy import Kept, copy, fresh, last, share
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.tools import call_effects as cdo
from rtaudio.voice.tools import call_items as cit
from rtaudio.voice.tools.policy import ToolPolicy
from tests.voice.message_rules import anthropic_messages, anthropic_problems, openai_problems
from tests.voice.speech_world import SpeechWorld
from tests.voice.tool_world import KINDS, PLANS

POLICIES: list[Kept | None] = [share, copy, fresh, last(1), last(4), None, share, share]
"""None: what is beside the machine chooses."""


class AgentWorld(SpeechWorld):
    """`hooks`: whether agents have any; agent n has them by the bits of n."""

    kinds: ClassVar = {
        **KINDS,
        "hand": ToolPolicy(),
        "late_hand": ToolPolicy(detach_after_s=1.0),
        "task": ToolPolicy(detach_after_s=20.0),
        "finish": ToolPolicy(),
    }
    steps: ClassVar = [
        *PLANS[:4],
        ("", ("hand",)),
        ("I put you through. ", ("keep", "hand", "hand")),
        ("", ("late_hand", "slow")),
        ("", ("task",)),
        ("Let me ask. ", ("task", "keep", "hand")),
        ("", ("finish",)),
        ("Thank you. ", ("finish",)),
        ("", ("finish", "hand")),
    ]

    def __init__(self, plans: list[int], options: SessionOptions | None = None, hooks: bool = True) -> None:
        self.has_hooks = hooks
        super().__init__(plans, options, self._settings(1))
        self.agents = 1
        self.tasks: dict[int, tuple[int, int] | None] = {}  # those that somebody waits for: (work, attempt) of a tool
        self.tasks_over: list[int] = []
        self.put_in_charge: list[int] = [1]
        self.by: dict[int, int] = {}  # work -> the agent whose tool it is
        self.wanted: dict[str, int] = {}
        self.looked_up = 0

    def _settings(self, number: int) -> AgentSettings:
        hooks = tuple(hook for bit, hook in enumerate(HOOKS) if self.has_hooks and number >> bit & 1)
        greeting = f"Hello from {number}." if number % 3 == 0 else None
        return AgentSettings(f"n{number}", f"You are {number}.", greeting, None, hooks, number % 2 == 0)

    def come(self, by: int) -> int:
        self.agents += 1
        policy = POLICIES[self.agents % len(POLICIES)]
        self.give(it.AgentCame(self.at(), self.agents, self._settings(self.agents), policy, by))
        return self.agents

    @property
    def in_charge(self) -> int:
        return self.put_in_charge[-1]

    # ---- What the program does.

    def hand_over(self) -> None:
        self.give(it.HandOverAsked(self.at(), self.come(0)))

    def run_task(self, waits: tuple[int, int] | None = None) -> int:
        number = self.come(0)
        self.tasks[number] = waits
        self.give(it.TaskAsked(self.at(), number))
        return number

    def end_task(self, number: int, *, given_up: bool) -> None:
        if given_up:
            self.tasks.pop(number, None)
        self.give(it.TaskEnded(self.at(), number, given_up))

    def settle(self) -> None:
        super().settle()
        while self.machine.stack[-1].task or self.machine._switches:
            self.end_task(self.machine.stack[-1].number, given_up=False)
            super().settle()

    def check_rules(self) -> None:
        super().check_rules()
        chat = self.machine.chat
        assert openai_problems(messages_of(chat)) == []
        assert anthropic_problems(anthropic_messages(chat)) == []

    # ---- What the machines want.

    def _answer(self, effect: do.StartModel) -> None:
        super()._answer(effect)
        machine = self.machine
        assert not machine.top.waits, "no model is asked before its chat is there"
        assert machine.chat.instructions == f"You are {self.in_charge}."
        assert machine.reply is not None
        if (turn := machine.reply.answers) is not None and machine._continued is None:
            shown = " ".join(message.text for message in machine.chat if message.role == "user")
            assert turn.text in shown, "what is to be answered is shown, whatever the policy"
            if "on_turn" in machine.top.settings.hooks:
                assert machine.chat[-1].role == "system" or any(m.role == "system" for m in machine.chat)

    def _owe(self, effect: do.Effect) -> None:
        match effect:
            case do.PutInCharge():
                self.put_in_charge.append(effect.agent)
            case do.ChooseHistory():
                chosen = tuple(message for message in effect.messages if message.role == "user")
                self.debts["choose", effect.agent].append(
                    lambda: it.HistoryChosen(self.at(), effect.agent, chosen, "failed" if self.fails else "")
                )
            case do.RunHook():
                added = f"Known: {effect.message.text}" if effect.message is not None else ""
                self.debts["hook", effect.run].append(
                    lambda: it.HookEnded(self.at(), effect.run, "raised" if self.fails else "", added)
                )
            case do.StopHook():
                self.debts.pop(("hook", effect.run), None)
                self.debts["hook", effect.run].append(lambda: it.HookEnded(self.at(), effect.run))
            case do.TaskOver():
                if effect.agent in self.tasks:  # whoever gave it up has gone
                    self.tasks_over.append(effect.agent)
                    if (tool := self.tasks.pop(effect.agent)) is not None:
                        self._go_on_with(*tool, broken_off=bool(effect.broken_off))
            case do.Remember() if effect.message.role == "assistant":
                pass
            case _:
                super()._owe(effect)

    def _go_on_with(self, work: int, attempt: int, broken_off: bool) -> None:
        """The tool that waited for the task."""
        queue = ("tool", work)
        self.owe_calls(queue, lambda: cit.Resumed(work, attempt))
        if broken_off:
            self.owe_calls(queue, lambda: cit.Raised(work, attempt, "broken off", False))
        else:
            self.owe_calls(queue, lambda: cit.Returned(work, attempt, "the task's result"))

    def _owe_calls(self, effect: cdo.CallEffect) -> None:
        match effect:
            case cdo.Run(work=work, attempt=attempt) if (name := self.calls._works[work].name) in (
                "hand",
                "late_hand",
                "task",
                "finish",
            ):
                top = self.machine.stack[-1]
                by, task = top.number, top.number if top.task else 0

                def hands_over() -> cit.CallItem:
                    return cit.Returned(work, attempt, "Handed over.", self.come(by))

                def begins() -> cit.CallItem:
                    self.give_calls(cit.Suspended(work, attempt))
                    self.run_task((work, attempt))
                    return cit.Reported(work, "asking", False)

                def finishes() -> cit.CallItem:
                    if task in self.tasks:
                        self.give(it.TaskEnded(self.at(), task))
                    return cit.Returned(work, attempt, "Noted.")

                does = {"hand": hands_over, "late_hand": hands_over, "task": begins, "finish": finishes}[name]
                self.owe_calls(("tool", work), does)
            case cdo.Cancel(work=work, attempt=attempt):
                for number in [n for n, tool in self.tasks.items() if tool == (work, attempt)]:
                    self.end_task(number, given_up=True)
                super()._owe_calls(effect)
            case cdo.Deliver(batch=batch, uses=uses, handoffs=handoffs):
                self.debts["deliver", batch].append(lambda: it.ToolsDelivered(self.at(), batch, uses, handoffs))
            case cdo.DeliverLate(of=of, use=use, handoff=handoff):
                self.debts["late", of].append(lambda: it.LateResultCame(self.at(), of, use, handoff))
            case _:
                super()._owe_calls(effect)
