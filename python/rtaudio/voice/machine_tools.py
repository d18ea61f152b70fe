"""Tools in the agent's answer: the step whose calls are run, and results that come late. A part of the session's
machine, whose rules are in the head of machine.py; how calls are run is decided by another (tools/calls.py).

    step       leaves to
    RUNNING    a reply's text is complete and it called tools; DELIVERED when each call has a result
    DELIVERED  committed, once the agent says nothing: text as heard and calls with results are one message
    committed  the model goes on from there, unless a turn wants an answer instead, or `interrupt` gave it up
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import items as it
from rtaudio.voice.chat import ChatMessage, ToolUse
from rtaudio.voice.machine_agents import AgentsKnown
from rtaudio.voice.reply import Reply, ReplyKind
from rtaudio.voice.replying import MIC_RATE
from rtaudio.voice.speech_queue import Wish
from rtaudio.voice.stack import LateResult
from rtaudio.voice.turns import Turn


@dataclass(slots=True)
class ToolStep:
    """The calls of one reply, and the answer that they are a step of."""

    reply: int
    kind: ReplyKind
    answers: Turn | None
    steps: int  # of this answer so far, this one included
    began_ns: int
    tools_ns: int  # of the steps before; of this one, too, once it is DELIVERED
    heard: bool = False  # something of this answer was
    text: str = ""  # last heard of it
    message: ChatMessage | None = None  # once the reply is over
    uses: tuple[ToolUse, ...] | None = None  # DELIVERED
    handoffs: tuple[tuple[str, int], ...] = ()  # (call, number of the agent that its tool returned)
    hurried: bool = False  # interrupted, or moved on: results come soon
    goes_on: bool = True
    wishes: tuple[Wish, ...] = ()  # of the program, that it is for

    @property
    def told(self) -> ChatMessage:
        """What it has come to, for those who wished for it."""
        message = self.message if self.message is not None else ChatMessage("assistant", "")
        return replace(message, text=message.text or self.text, tools=self.uses or ())


class ToolSteps(AgentsKnown):
    """See the module."""

    def _run_tools(self, reply: Reply) -> Iterator[do.Effect]:
        """The reply's text is complete, and its calls with it."""
        self.step = ToolStep(reply.number, reply.kind, reply.answers, reply.steps + 1, self._at.time_ns, reply.tools_ns)
        self.step.heard, self.step.wishes = reply.heard_before, reply.wishes
        self._steps = self.step.steps
        yield do.RunTools(reply.number, tuple(reply.calls), reply.only)

    def _tools(
        self, item: it.ToolBegan | it.ToolEnded | it.ToolReported | it.ToolsDelivered | it.LateResultCame
    ) -> Iterator[do.Effect]:
        match item:
            case it.ToolBegan():
                self._tools_began[item.call_id] = item.at.mic
                yield do.Emit(ev.ToolStarted(at_s=self._now_s, call_id=item.call_id, tool=item.tool))
            case it.ToolReported():
                yield do.Emit(
                    ev.ToolProgress(
                        at_s=self._now_s, call_id=item.call_id, tool=item.tool, text=item.text, spoken=item.spoken
                    )
                )
            case it.ToolEnded():
                self.queue.drop_fillers(item.call_id)
                took = item.at.mic - self._tools_began.pop(item.call_id, item.at.mic)
                yield do.Emit(
                    ev.ToolFinished(
                        at_s=self._now_s,
                        call_id=item.call_id,
                        tool=item.tool,
                        took_for_s=took / MIC_RATE,
                        outcome=item.outcome,
                    )
                )
            case it.ToolsDelivered():
                if (step := self._step_of(item.reply)) is not None and step.uses is None:
                    step.uses, step.handoffs = item.uses, item.handoffs
                    self.queue.drop_fillers()
                    step.tools_ns += item.at.time_ns - step.began_ns
            case it.LateResultCame():
                self._came_late(LateResult(item.use, item.handoff))

    def _step_of(self, reply: int) -> ToolStep | None:
        """Of the agent in charge, of one that is put aside, or of one that has left."""
        aside = [stay.aside.step for stay in self.stack if stay.aside is not None]
        steps = [step for step in (self.step, *aside, *self._left) if step is not None]
        return next((step for step in steps if step.reply == reply), None)

    def _interrupt_tools(self, reply: int) -> Iterator[do.Effect]:
        """The user spoke into that reply, or the program stopped it."""
        if (step := self.step) is not None and step.reply == reply and step.uses is None and not step.hurried:
            step.hurried = True
            yield do.InterruptTools(reply)

    def _move_on(self, step: ToolStep) -> Iterator[do.Effect]:
        """Something else wants an answer."""
        if step.uses is None and not step.hurried:
            step.hurried = True
            yield do.MoveOnTools(step.reply)

    def _step_said(self, step: ToolStep, message: ChatMessage) -> None:
        """Its reply is over, with what was heard of it."""
        step.message = message
        step.heard = step.heard or bool(message.text)
        step.text = message.text

    def _said_meanwhile(self, step: ToolStep) -> Iterator[do.Effect]:
        """Something else is going to be in the history before the results: what the step said comes before that."""
        if step.message is not None and step.message.text:
            yield self._remember(step.message)
            step.message = ChatMessage("assistant", "", began_s=step.message.ended_s, ended_s=step.message.ended_s)

    def _commit(self) -> Iterator[do.Effect]:
        """The step comes into the history, if it is complete and the agent silent; then what the user said since."""
        step = self.step
        if self.reply is not None:
            return
        yield from self._commit_left()
        if step is None or step.uses is None or step.message is None:
            return
        self.step = None
        message = replace(step.message, tools=self._handed_over(step.uses, step.handoffs))
        yield self._remember(message)
        self._hand_over_after(message, quiet=not step.goes_on)
        yield from self._remember_after()
        if self.closed:
            yield from self._remember_late()
        if step.goes_on and not self.closed:
            if (before := self._go_on) is not None:  # a reply came between; now both are gone on from at once
                step.wishes, step.answers = (*before.wishes, *step.wishes), step.answers or before.answers
            self._go_on = step
        else:
            yield from self._move(step.wishes, "interrupted", step.told)

    def _commit_left(self) -> Iterator[do.Effect]:
        """Steps of agents that are not in charge any more: results where they come, and nobody goes on from them."""
        for step in tuple(self._left):
            if step.uses is not None and step.message is not None:
                self._left.remove(step)
                uses = self._handed_over(step.uses, step.handoffs)
                yield self._remember(replace(step.message, tools=uses))
                yield from self._move(step.wishes, "interrupted", step.told)

    def _hand_over_after(self, message: ChatMessage, *, quiet: bool = False, speaks: bool = False) -> None:
        """Of the handoff that is on its way since this message."""
        for at, switch in enumerate(self._switches):
            if switch.kind == "handoff" and switch.step is None:
                self._switches[at] = replace(switch, step=message, quiet=quiet, speaks=speaks)

    def _remember_late(self) -> Iterator[do.Effect]:
        """What came late, where the model will see it next."""
        self._late_untold = False
        if self._late:
            handoffs = [(one.use.id, one.handoff) for one in self._late if one.handoff]
            late, self._late = self._handed_over([one.use for one in self._late], handoffs), []
            message = ChatMessage("assistant", "", began_s=self._now_s, ended_s=self._now_s, tools=late)
            yield self._remember(message)
            self._hand_over_after(message, speaks=True)

    def _give_up_tools(self) -> Iterator[do.Effect]:
        """By the program: results come into the history, and the model does not go on from them."""
        if self._go_on is not None:
            yield from self._move(self._go_on.wishes, "interrupted", self._go_on.told)
        self._go_on, self._late_untold = None, False
        if self.step is not None:
            self.step.goes_on = False
            yield from self._interrupt_tools(self.step.reply)
