"""The life of the agent's reply: how it begins, is stopped, is heard and ends. A part of the session's machine, whose
rules are in the head of machine.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, assert_never

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import items as it
from rtaudio.voice.asking import Asked, asked
from rtaudio.voice.chat import ChatMessage
from rtaudio.voice.machine_switch import Switching
from rtaudio.voice.machine_tools import ToolStep
from rtaudio.voice.reply import Milestones, Phase, Reply, ReplyKind
from rtaudio.voice.replying import MIC_RATE, ending, take_all
from rtaudio.voice.speech_queue import Wish
from rtaudio.voice.turns import Turn


class ReplyLife(Switching):
    """See the module."""

    def _begin(self) -> Iterator[do.Effect]:
        while self.reply is None and not self.turns.open and not self._typing:
            yield from self._commit()
            yield from self._switch()
            if self.step is None and any(late.handoff for late in self._late):
                untold = self._late_untold
                yield from self._remember_late()
                self._late_untold = untold and not self._switches  # else the new agent tells of them
            elif (wish := self._next_wish()) is not None:
                yield from self._begin_wish(wish)
            elif self.step is not None:
                if self._unanswered is not None or self.queue.presses:
                    yield from self._move_on(self.step)
                return
            elif self._no_model or not self._model_ready:
                return
            elif (turn := self._unanswered) is not None:
                if self._waits_for_hook(turn):
                    yield from self._ask_hook(turn)
                    return
                yield from self._ask_model("answer", turn, None)
            elif self._entering:
                return
            elif (step := self._go_on) is not None:
                yield from self._ask_model(step.kind, step.answers, step)
            elif self._speaks:
                yield from self._ask_model("entry", None, None)
            elif self._late_untold:
                yield from self._ask_model("late", None, None)
            else:
                return

    def _next_wish(self) -> Wish | None:
        """Of the program, where nothing else comes first."""
        replies: Literal["all", "high", "none"] = "none" if self._keeps_models() else "high" if self._go_on else "all"
        idle = not (self._wants_to_speak or self._late_untold)
        return self.queue.take(replies=replies, low=idle)

    def _keeps_models(self) -> bool:
        """No model can be asked yet."""
        turn = self._unanswered
        if self.step is not None or self._no_model or not self._model_ready:
            return True
        return turn is not None and self._waits_for_hook(turn)

    @property
    def _model_ready(self) -> bool:
        """Whether it can be asked now."""
        return True

    def _reply_over(self, reply: Reply, message: ChatMessage, heard: int) -> Iterator[do.Effect]:
        """What `heard` samples (port rate) of a reply mean to the model itself; for a model that remembers."""
        return iter(())

    def _begin_wish(self, wish: Wish) -> Iterator[do.Effect]:
        if isinstance(wish, it.ReplyAsked):
            turn = self._unanswered
            yield from self._ask_model("asked" if turn is None else "answer", turn, None, (wish,))
            return
        reply = self._new_reply("say", Milestones(self._at.time_ns), (wish,))
        yield from self._tell_begin(reply)
        yield from take_all(reply, wish.text, self._at)
        yield from self._retire_silent(reply)

    def _begin_again(self, reply: Reply) -> tuple[Wish, ...]:
        """It was given up, and nothing of it was heard. Gives what is to be begun again with it."""
        kept = tuple(w for w in reply.wishes if isinstance(w, it.ReplyAsked) and w.ticket not in reply.dropped)
        if self._continued is not None:
            self._go_on, self._continued.wishes = self._continued, kept
            return kept
        if reply.answers is not None and (self._unanswered is None or self._unanswered.typed):
            self._unanswered = reply.answers
        if reply.answers is not None:
            self._answered_to = min(self._answered_to, reply.answered_to)
        self._late_untold = self._late_untold or reply.kind == "late"
        self._speaks = self._speaks or reply.kind == "entry"
        self.queue.put_back(kept)
        return kept

    def _ask_model(
        self, kind: ReplyKind, turn: Turn | None, step: ToolStep | None, wishes: tuple[Wish, ...] = ()
    ) -> Iterator[do.Effect]:
        """A reply of the model: the first of an answer, the one after `step`, or one that was wished for. It sees all
        that is there by now."""
        self._unanswered, self._speaks = None, False
        answered_to = self._answered_to
        if turn is not None and step is None:
            self._answered_to = len(self.history)
        if step is None and turn is not None and (left := self._go_on) is not None:
            if left.heard:  # its results are seen by this answer
                yield from self._move(left.wishes, "interrupted", left.told)
            else:
                wishes = (*left.wishes, *wishes)
        if turn is not None or step is not None:
            self._go_on = None
        if turn is not None and step is None:
            wishes = (*wishes, *self.queue.take_typed())
        wishes = step.wishes if step is not None else wishes
        yield from self._remember_late()
        self._add_looked_up()
        times = Milestones(self._at.time_ns)
        if turn is not None:
            times = Milestones(turn.ended_ns, turn_decided=turn.decided_ns, stt_final=turn.final_ns)
        reply = self._new_reply(kind, times, wishes)
        reply.answers, reply.may_be_silent, reply.answered_to = turn, kind == "late", answered_to
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
        asked = [wish for wish in wishes if isinstance(wish, it.ReplyAsked)]
        instructions = "\n".join(wish.instructions for wish in asked if wish.instructions)
        reply.only = next((wish.tools for wish in reversed(asked) if wish.tools is not None), None)
        yield do.StartModel(reply.number, offered, reply.may_be_silent, instructions, reply.only)

    def _new_reply(self, kind: ReplyKind, times: Milestones, wishes: tuple[Wish, ...] = ()) -> Reply:
        self._replies += 1
        self._continued = None
        self.reply = Reply(self._replies, kind, times, self._port_rate, self.options, wishes)
        asked = [wish.interruption for wish in wishes if wish.interruption is not None]
        self.reply.interruption = asked[-1] if asked else self.options.interruption
        self.reply.began_mic = self._at.mic
        self.reply.start_buffer = self.top.start_buffer
        return self.reply

    def _tell_begin(self, reply: Reply) -> Iterator[do.Effect]:
        """What the core is to do when the user speaks meanwhile. Each time: its line may be a new one."""
        if self.options.min_words is not None:
            yield do.Hint("min_words", self.options.min_words)
        if self.options.aec_warmup_s is not None:
            yield do.Hint("warm_up", round(self.options.aec_warmup_s * 1000))
        yield do.BeginReply(reply.number, reply.interruption)
        yield from self._move(reply.wishes, "thinking")

    def _interrupt(self) -> Iterator[do.Effect]:
        self._unanswered, self._answered_to = None, len(self.history)
        yield from self._give_up_tools()
        yield from self._be_quiet()
        self.turns.waive()
        yield from self._never_begun(self.queue.clear())
        if self.reply is not None:
            self.reply.abandoned = True
            yield from self._stop(self.reply)

    def _never_begun(self, wishes: tuple[Wish, ...]) -> Iterator[do.Effect]:
        """They were taken out of the queue."""
        for wish in wishes:
            text = wish.text if isinstance(wish, it.SayAsked) else ""
            message = ChatMessage("assistant", "", interrupted=bool(text), unheard=text)
            yield from self._move((wish,), "cancelled", message)

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
                self._spoke_at = item.at.mic if self._spoke_at is None else self._spoke_at
                reply.began_mic = item.at.mic
                if reply.phase is Phase.THINKING:
                    reply.phase = Phase.SPEAKING
                    yield from self._move(reply.wishes, "speaking")
                yield do.Emit(
                    ev.AgentSpeechStarted(at_s=self._now_s, reply=reply.number, interruption=reply.interruption)
                )
            case it.ReplyAudible():
                heard_ns = item.at.time_ns - item.samples * 1_000_000_000 // self._port_rate
                reply.times.heard = max(heard_ns, reply.times.first_sample or 0)  # that was stamped when it was learned
                yield from self._tell_metrics(reply)
            case it.ReplyDone():
                end = reply.audio_end + 1
                reply.broken = reply.broken or not reply.heard(end)[0]  # it gave all that it had, and no word
                yield from self._retire(reply, end, 0)
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
            if reply.model_failed and self.options.llm_failed_text and not self.queue.texts:
                self.queue.put(it.SayAsked(self._at, self.options.llm_failed_text, 0, priority="high"))
            yield from self._retire(reply, 0, 0)

    def _retire(self, reply: Reply, heard_samples: int, bound: int) -> Iterator[do.Effect]:
        """The reply is over; the history gets what was heard of it (law 9), then what the user said meanwhile."""
        self.reply = None
        self._claims.clear()
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
        yield from self._reply_over(reply, message, min(heard_samples, reply.audio_end))
        step, again = self.step, tuple[Wish, ...]()
        if heard and reply.answers is not None:
            reply.answers.heard = True
        if heard:
            yield from self._hint_asked(Asked.NOTHING if rest else asked(heard))
        if step is not None and step.reply == reply.number:
            self._step_said(step, message)
        elif heard:
            if step is not None:
                yield from self._said_meanwhile(step)
            yield self._remember(message)
        elif not (reply.abandoned or reply.failed) and (rest or reply.phase is Phase.STOPPING):
            again = self._begin_again(reply)
        yield from self._tell_metrics(reply)
        yield from ending(reply, message, min(heard_samples, reply.audio_end), bound, self._at)
        if self.step is None:
            yield from self._remember_after()
        yield from self._tell_wishes(reply, message, again)

    def _tell_wishes(self, reply: Reply, message: ChatMessage, again: tuple[Wish, ...]) -> Iterator[do.Effect]:
        """What has become of those that the reply was for: it is over."""
        step, before = self.step, self._continued
        if step is not None and step.reply == reply.number:
            wanted = () if not step.goes_on else tuple(w for w in step.wishes if w.ticket not in reply.dropped)
            step.wishes = wanted if step.goes_on else step.wishes
            yield from self._move(wanted, "thinking")
            over = [wish for wish in reply.wishes if wish not in step.wishes]
        else:
            yield from self._move(again, "waiting")
            over = [wish for wish in reply.wishes if wish not in again]
        if not message.text and before is not None:
            message = before.told
        state: ev.SpeechState = "done"
        if not message.text and reply.failed:
            state = "failed"
        elif message.interrupted or (not message.text and reply.phase is Phase.STOPPING):
            state = "interrupted"
        yield from self._move(over, state, message)
