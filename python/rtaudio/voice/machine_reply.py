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
from rtaudio.voice.machine_telling import Telling
from rtaudio.voice.reply import Milestones, Phase, Reply
from rtaudio.voice.replying import MIC_RATE, ending, take_all


class ReplyLife(Telling):
    """See the module."""

    def _begin(self) -> Iterator[do.Effect]:
        while self.reply is None and not self.turns.open:
            if self.says:
                said = self.says.popleft()
                reply = self._new_reply("say", Milestones(self._at.time_ns), said)
                yield from self._tell_begin(reply)
                yield from take_all(reply, said.text, self._at)
                yield from self._retire_silent(reply)
            elif (turn := self._unanswered) is not None:
                self._unanswered = None
                times = Milestones(turn.ended_ns, turn_decided=turn.decided_ns, stt_final=turn.final_ns)
                reply = self._new_reply("answer", times)
                reply.answers = turn
                yield from self._tell_begin(reply)
                yield do.StartModel(reply.number)
            else:
                return

    def _new_reply(self, kind: Literal["answer", "say"], times: Milestones, said: it.SayAsked | None = None) -> Reply:
        self._replies += 1
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
        if heard:
            self.history.append(message)
            yield do.Remember(message)
            yield from self._hint_asked(Asked.NOTHING if rest else asked(heard))
        elif not reply.abandoned and (reply.phase is Phase.STOPPING or self.turns.open):
            self._unanswered = self._unanswered or reply.answers
        yield from self._tell_metrics(reply)
        yield from ending(reply, message, min(heard_samples, reply.audio_end), bound, self._at)
        after, self._after = self._after, []
        for said in after:
            yield self._remember_user(said)
        if reply.ticket:
            yield do.SayDone(reply.ticket, message)
