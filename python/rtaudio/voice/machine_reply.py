"""The life of the agent's reply: how it begins, is stopped, is heard and ends. A part of the session's machine, whose
rules are in the head of machine.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import items as it
from rtaudio.voice.asking import Asked, asked
from rtaudio.voice.chat import ChatMessage
from rtaudio.voice.machine_tools import ToolStep, ToolSteps
from rtaudio.voice.reply import Milestones, Phase, Reply, ReplyKind
from rtaudio.voice.replying import MIC_RATE, ending, take_all
from rtaudio.voice.turns import Turn


class ReplyLife(ToolSteps):
    """See the module."""

    def _begin(self) -> Iterator[do.Effect]:
        while self.reply is None and not self.turns.open:
            yield from self._commit()
            if self.says:
                said = self.says.popleft()
                reply = self._new_reply("say", Milestones(self._at.time_ns), said)
                yield from self._tell_begin(reply)
                yield from take_all(reply, said.text, self._at)
                yield from self._retire_silent(reply)
            elif self.step is not None:
                if self._unanswered is not None:
                    yield from self._move_on(self.step)
                return
            elif (turn := self._unanswered) is not None:
                yield from self._ask_model("answer", turn, None)
            elif (step := self._go_on) is not None:
                yield from self._ask_model(step.kind, step.answers, step)
            elif self._late_untold:
                yield from self._ask_model("late", None, None)
            else:
                return

    def _begin_again(self, reply: Reply) -> None:
        """It was given up, and nothing of it was heard."""
        if self._continued is not None:
            self._go_on = self._continued
        else:
            self._unanswered = self._unanswered or reply.answers
            self._late_untold = self._late_untold or reply.kind == "late"

    def _ask_model(self, kind: ReplyKind, turn: Turn | None, step: ToolStep | None) -> Iterator[do.Effect]:
        """A reply of the model: the first of an answer, or the one after `step`. It sees all that is there by now."""
        self._unanswered = self._go_on = None
        yield from self._remember_late()
        times = Milestones(self._at.time_ns)
        if turn is not None:
            times = Milestones(turn.ended_ns, turn_decided=turn.decided_ns, stt_final=turn.final_ns)
        reply = self._new_reply(kind, times)
        reply.answers, reply.may_be_silent = turn, kind == "late"
        self._continued = step
        reply.steps = self._steps if kind == "late" else 0
        if step is not None:
            reply.steps, reply.heard_before, reply.tools_ns = step.steps, step.heard, step.tools_ns
            reply.may_be_silent = kind == "late" or step.heard
        self._steps = reply.steps
        yield from self._tell_begin(reply)
        offered = reply.steps < self.options.tool_steps
        if not offered:
            yield do.Emit(ev.ToolStepsSpent(at_s=self._now_s, reply=reply.number, steps=reply.steps))
        yield do.StartModel(reply.number, offered, reply.may_be_silent)

    def _new_reply(self, kind: ReplyKind, times: Milestones, said: it.SayAsked | None = None) -> Reply:
        self._replies += 1
        self._continued = None
        ticket = said.ticket if said is not None else 0
        self.reply = Reply(self._replies, kind, times, self._port_rate, self.options, ticket)
        asked = said.interruption if said is not None else None
        self.reply.interruption = asked if asked is not None else self.options.interruption
        self.reply.began_mic = self._at.mic
        self.reply.start_buffer = self._start_buffer
        return self.reply

    def _tell_begin(self, reply: Reply) -> Iterator[do.Effect]:
        """What the core is to do when the user speaks meanwhile. Each time: its line may be a new one."""
        if self.options.min_words is not None:
            yield do.Hint("min_words", self.options.min_words)
        yield do.BeginReply(reply.number, reply.interruption)

    def _interrupt(self) -> Iterator[do.Effect]:
        self._unanswered = None
        yield from self._give_up_tools()
        self.turns.waive()
        while self.says:
            said = self.says.popleft()
            yield do.SayDone(said.ticket, ChatMessage("assistant", "", interrupted=True, unheard=said.text))
        if self.reply is not None:
            self.reply.abandoned = True
            yield from self._stop(self.reply)

    def _stop(self, reply: Reply) -> Iterator[do.Effect]:
        if reply.phase is Phase.STOPPING:
            return
        if reply.phase is Phase.SPEAKING:
            yield from self._interrupt_tools(reply.number)
        reply.phase = Phase.STOPPING
        yield do.DropReply(reply.number)
        if reply.opened:
            yield do.Flush(reply.number)
        else:
            yield from self._retire(reply, 0, 0)

    def _played(
        self, reply: Reply, item: it.ReplySounded | it.ReplyAudible | it.ReplyDone | it.ReplyCut
    ) -> Iterator[do.Effect]:
        match item:
            case it.ReplySounded():
                if reply.times.first_sample is not None:
                    return  # told already; looked up again after events were lost
                reply.times.first_sample = item.at.time_ns
                reply.began_mic = item.at.mic
                if reply.phase is Phase.THINKING:
                    reply.phase = Phase.SPEAKING
                yield do.Emit(
                    ev.AgentSpeechStarted(at_s=self._now_s, reply=reply.number, interruption=reply.interruption)
                )
            case it.ReplyAudible():
                heard_ns = item.at.time_ns - item.samples * 1_000_000_000 // self._port_rate
                reply.times.heard = max(heard_ns, reply.times.first_sample or 0)  # that was stamped when it was learned
                yield from self._tell_metrics(reply)
            case it.ReplyDone():
                yield from self._retire(reply, reply.audio_end + 1, 0)
            case it.ReplyCut():
                if reply.phase is Phase.SPEAKING:
                    yield from self._interrupt_tools(reply.number)
                yield do.DropReply(reply.number)
                yield from self._retire(reply, item.heard, item.bound)
            case _:
                assert_never(item)

    def _retire_silent(self, reply: Reply) -> Iterator[do.Effect]:
        """A reply that is written to its end and has no audio is over: nothing will come from the playout."""
        if reply.segment_ended and not reply.opened:
            reply.abandoned = True
            yield do.DropReply(reply.number)
            if reply.model_failed and self.options.llm_failed_text and not self.says:
                self.says.append(it.SayAsked(self._at, self.options.llm_failed_text, 0))
            yield from self._retire(reply, 0, 0)

    def _retire(self, reply: Reply, heard_samples: int, bound: int) -> Iterator[do.Effect]:
        """The reply is over; the history gets what was heard of it (law 9), then what the user said meanwhile."""
        self.reply = None
        heard, rest = reply.heard(heard_samples)
        message = ChatMessage(
            "assistant",
            heard,
            interrupted=bool(rest),
            unheard=rest,
            heard_bound_s=bound / self._port_rate,
            began_s=reply.began_mic / MIC_RATE,
            ended_s=self._now_s,
        )
        step = self.step
        if heard:
            yield from self._hint_asked(Asked.NOTHING if rest else asked(heard))
        if step is not None and step.reply == reply.number:
            self._step_said(step, message)
        elif heard:
            if step is not None:
                yield from self._said_meanwhile(step)
            yield self._remember(message)
        elif not reply.abandoned and (rest or reply.phase is Phase.STOPPING):
            self._begin_again(reply)
        yield from self._tell_metrics(reply)
        yield from ending(reply, message, min(heard_samples, reply.audio_end), bound, self._at)
        if self.step is None:
            yield from self._remember_after()
        if reply.ticket:
            yield do.SayDone(reply.ticket, message)
