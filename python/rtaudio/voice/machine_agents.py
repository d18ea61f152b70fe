"""Agents: who is in charge and what its model is shown, hooks, and who may take over. A part of the session's machine,
whose rules are in the head of machine.py; when another takes over is decided in machine_switch.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import items as it
from rtaudio.voice.agent import HookName
from rtaudio.voice.chat import ChatMessage, ToolUse
from rtaudio.voice.machine_telling import Telling
from rtaudio.voice.stack import LateResult, Switch, TurnHook
from rtaudio.voice.turns import Turn

MOST_KNOWN: Final = 64
"""Agents that are remembered although they are not in use: a call with a key may name one again."""


class AgentsKnown(Telling):
    """See the module."""

    def _agent_came(self, item: it.AgentCame) -> Iterator[do.Effect]:
        self._came[item.number] = item
        used = {stay.number for stay in self.stack} | {switch.number for switch in self._switches}
        idle = [number for number in self._came if number not in used]
        for number in idle[:-MOST_KNOWN]:
            del self._came[number]
            yield do.ForgetAgent(number)

    def _name(self, number: int) -> str:
        return self._came[number].settings.name if number in self._came else "that agent"

    def _history_chosen(self, item: it.HistoryChosen) -> Iterator[do.Effect]:
        for stay in self.stack:
            if stay.number == item.number and stay.waits:
                if item.what:
                    yield self._troubled(stay.settings.name, "history", item.what)
                stay.put_before(item.messages)

    def _troubled(self, agent: str, ran: str, what: str) -> do.Effect:
        return do.Emit(ev.HookFailed(at_s=self._now_s, agent=agent, what_ran=ran, what=what))

    # ---- Hooks.

    def _run_hook(
        self, number: int, hook: HookName, after: int = 0, message: ChatMessage | None = None, digits: str = ""
    ) -> tuple[int, do.Effect]:
        self._runs += 1
        self._hooks[self._runs] = (self._name(number), hook)
        return self._runs, do.RunHook(self._runs, number, hook, after, message, digits)

    def _hook_ended(self, item: it.HookEnded) -> Iterator[do.Effect]:
        agent, ran = self._hooks.pop(item.run, ("", ""))
        if item.what:
            yield self._troubled(agent, ran, item.what)
        if item.run == self._entering:
            self._entering = 0
        self._looked_up(self._turn_hook, item)
        hook = self._turn_hook
        if item.stops and hook is not None and hook.run == item.run and hook.turn is self._unanswered:
            self._unanswered, self._answered_to = None, len(self.history)
            yield from self._move(self.queue.take_typed(), "cancelled", ChatMessage("assistant", ""))
        for stay in self.stack:
            if (doing := stay.aside) is None:
                continue
            if doing.entering == item.run:
                doing.entering = 0
            self._looked_up(doing.hook, item)
            if item.stops and doing.hook is not None and doing.hook.run == item.run:
                doing.unanswered = None

    @staticmethod
    def _looked_up(hook: TurnHook | None, item: it.HookEnded) -> None:
        if hook is not None and hook.run == item.run:
            hook.done, hook.added = True, item.added

    @property
    def _no_model(self) -> bool:
        """None can be asked of the agent in charge: its chat is not there yet, or it has none that answers."""
        return self.top.waits or not self.top.settings.answers

    def _waits_for_hook(self, turn: Turn) -> bool:
        """Its agent's on_turn has not ended yet."""
        if "on_turn" not in self.top.settings.hooks:
            return False
        hook = self._turn_hook
        return hook is None or hook.turn is not turn or hook.said != self._unanswered_words or not hook.done

    def _ask_hook(self, turn: Turn) -> Iterator[do.Effect]:
        hook, words = self._turn_hook, self._unanswered_words
        if hook is not None and hook.turn is turn and hook.said == words:
            return  # it runs
        yield from self._stop_turn_hook()
        said = self._unanswered_messages()
        message = replace(said[-1], text=words, began_s=said[0].began_s) if said else ChatMessage("user", turn.words)
        run, effect = self._run_hook(self.top.number, "on_turn", message=message)
        self._turn_hook = TurnHook(run, turn, words)
        yield effect

    def _unanswered_messages(self) -> list[ChatMessage]:
        """What of the user's nobody has answered yet."""
        if self._unanswered is None:
            return []
        since = self.history.messages[self._answered_to :]
        return [message for message in since if message.role == "user" and not message.backchannel]

    @property
    def _unanswered_words(self) -> str:
        return " ".join(message.text for message in self._unanswered_messages())

    def _stop_turn_hook(self) -> Iterator[do.Effect]:
        hook, self._turn_hook = self._turn_hook, None
        if hook is not None and not hook.done:
            yield do.StopHook(hook.run)

    def _add_looked_up(self) -> None:
        """Behind the turn, for the model alone: nobody said it."""
        if (hook := self._turn_hook) is not None and hook.added:
            self.top.remember(ChatMessage("system", hook.added, began_s=self._now_s, ended_s=self._now_s))
            hook.added = ""

    # ---- Handoffs that tools want.

    def _handed_over(self, uses: Sequence[ToolUse], handoffs: Sequence[tuple[str, int]]) -> tuple[ToolUse, ...]:
        """Of a step, or of late results: the first handoff takes place, and what the others say becomes that they do
        not. The switch is on its way then, or kept for the agent that is put aside."""
        told = dict(handoffs)
        return tuple(self._hand_over(use, told[use.id]) if use.id in told else use for use in uses)

    def _hand_over(self, use: ToolUse, number: int) -> ToolUse:
        if (came := self._came.get(number)) is None or self.closed:
            why = "the conversation has ended" if self.closed else "it is not known any more"
        elif (other := self._on_its_way()) is not None:
            if other == number:
                return use  # several calls wait for one work
            why = f"{self._name(other)} takes over"
        elif came.by == self.top.number:
            self._switches.append(Switch("handoff", number))
            return use
        else:
            why = f"{self.top.settings.name} has taken over meanwhile"
        return replace(use, output=f"Not handed over to {self._name(number)}: {why}.", failed=True)

    def _on_its_way(self) -> int | None:
        """The agent to which the talk will be handed, if it is."""
        return next((switch.number for switch in self._switches if switch.kind in ("handoff", "program")), None)

    def _came_late(self, late: LateResult) -> None:
        """What hands over and is of an agent that is put aside waits with it."""
        by = self._came[late.handoff].by if late.handoff in self._came else 0
        if (stay := next((stay for stay in self.stack if stay.number == by), None)) is not None and stay.aside:
            stay.aside.late.append(late)
        else:
            self._late.append(late)
            self._late_untold = True
