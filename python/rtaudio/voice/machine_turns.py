"""The user's turns, backchannels and interruptions: who has the floor. A part of the session's machine, whose rules are
in the head of machine.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, assert_never

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import items as it
from rtaudio.voice.backchannels import interrupts, is_backchannel
from rtaudio.voice.chat import ChatMessage
from rtaudio.voice.machine_speech import ProgramSpeech
from rtaudio.voice.reply import Phase, Reply
from rtaudio.voice.replying import MIC_RATE
from rtaudio.voice.turns import Hearing, Turn

OUTCOMES: Final = ("confirmed", "false", "backchannel", "kept")
LET_GO_ON: Final = ("false", "backchannel")
STT_COMPLETE: Final = 1
STT_OPEN: Final = 2
"""Values of the hint "stt" (csrc/hint.h)."""


class UserTurns(ProgramSpeech):
    """See the module."""

    def _speech_began(self, item: it.SpeechBegan) -> Iterator[do.Effect]:
        yield do.Emit(ev.SpeechStarted(at_s=self._now_s, began_s=item.begin / MIC_RATE))
        yield from self._user_is_back(item.begin)
        if (open_turn := self.turns.talking) is not None:
            if open_turn.by_words:  # the core knows of it from here on
                open_turn.by_words, open_turn.core, open_turn.barge = False, item.begin, self._suspicion
            if open_turn.barge in LET_GO_ON:  # that was about what was said before
                open_turn.barge = self._suspicion
            return
        stood = self.turns.standing is not None
        turn = self.turns.begin(item.begin)
        turn.barge = self._suspicion
        turn.cold = self._warms_up
        turn.core = self._core_turn if self._core_turn is not None else turn.core
        if not stood:
            yield do.OpenRecognition(turn.number, turn.start)
        if claimed := self._words_claimed(turn):
            turn.hinted = claimed
            yield do.Hint("words", claimed, turn.core)
        reply = self.reply
        if reply is not None and reply.kind != "say" and reply.phase is Phase.THINKING:
            yield from self._heard_while_thinking(reply)

    def _heard_while_thinking(self, reply: Reply) -> Iterator[do.Effect]:
        """Somebody speaks, or something sounds."""
        yield from self._stop(reply)

    @property
    def _warms_up(self) -> bool:
        """The core does not act on sounds yet (csrc/barge.h)."""
        if (warm_up_s := self.options.aec_warmup_s) is None or self._spoke_at is None:
            return False
        return self._at.mic < self._spoke_at + round(warm_up_s * MIC_RATE)

    def _judge(self, state: ev.BargeState) -> None:
        """What the core made of the turn's speech; of one that is over, only how a suspicion came
        out that was still open."""
        self._suspicion = "quiet" if state in OUTCOMES else state
        if (turn := self.turns.latest) is None or state == "quiet":
            return
        if turn.state is Hearing.TALKING or (state in OUTCOMES and turn.barge not in ("quiet", *OUTCOMES)):
            turn.judge(state, lets_go_on=state in LET_GO_ON)

    def _went_on(self, item: it.TurnWentOn) -> Iterator[do.Effect]:
        before, reply = self.turns.over, self.reply
        if before is None or (reply is not None and (reply.answers is None or reply.answers.turn != before.turn)):
            reply = None
        heard = reply is not None and ((reply.number == item.reply and item.heard) or reply.times.heard is not None)
        heard = heard or (reply is not None and reply.heard_before) or self._heard_in_steps(before)
        heard = heard or (before is not None and before.heard)
        listened = before is not None and before.barge in LET_GO_ON
        turn = self.turns.resume(item.turn, joins=not heard and not listened)
        if turn is None:
            return
        yield do.Emit(ev.TurnResumed(at_s=self._now_s, turn=turn.turn, began_s=turn.begin / MIC_RATE))
        if reply is not None:
            yield from self._stop(reply)

    def _heard_in_steps(self, turn: Turn | None) -> bool:
        """Whether something was heard of an answer to it that called tools."""
        step = self.step or self._go_on
        if step is None or turn is None or step.answers is None or step.answers.turn != turn.turn:
            return False
        return step.heard

    def _listened(self) -> Iterator[do.Effect]:
        """A backchannel is over as soon as the core knows it for one; the core's own turn may wait for more. What is
        said next is a turn of its own here, by the core's name for the open one."""
        if (turn := self.turns.talking) is None or turn.barge != "backchannel":
            return
        ended = min(max(self.presence.last_heard or 0, turn.begin), self._at.mic)
        self.turns.end(turn, ended, self._at.mic)
        self._core_turn = turn.core
        turn.decided_ns = turn.ended_ns = self._at.time_ns
        ended_s = ended / MIC_RATE
        yield do.Emit(ev.TurnEnded(at_s=self._now_s, turn=turn.turn, ended_s=ended_s, decided_s=self._now_s))
        if turn.failed:
            yield from self._settle(turn)
        else:
            yield do.EndRecognition(turn.number, turn.until)

    def _turn_over(self, item: it.TurnOver) -> Iterator[do.Effect]:
        turn, self._core_turn = self.turns.talking, None
        if turn is None:
            return
        self.turns.end(turn, item.end, item.decided)
        if item.barge is not None:
            turn.judge(item.barge, lets_go_on=item.barge in LET_GO_ON)
        turn.decided_ns = item.at.time_ns
        turn.ended_ns = item.at.time_ns - (item.at.mic - item.end) * 1_000_000_000 // MIC_RATE
        ended_s, decided_s = item.end / MIC_RATE, item.decided / MIC_RATE
        yield do.Emit(
            ev.TurnEnded(at_s=self._now_s, turn=turn.turn, ended_s=ended_s, decided_s=decided_s, reasons=item.reasons)
        )
        if turn.failed:
            yield from self._settle(turn)
        else:
            yield do.EndRecognition(turn.number, turn.until)

    def _transcript(self, turn: Turn, item: it.TranscriptCame | it.TranscriptFailed) -> Iterator[do.Effect]:
        match item:
            case it.TranscriptCame():
                final = item.final and turn.state is Hearing.AWAITED
                turn.text = item.text.strip()
                yield do.Emit(ev.TranscriptUpdated(at_s=self._now_s, turn=turn.turn, text=turn.words, final=final))
                yield from self._hint_words(turn, item)
                if final:
                    yield from self._settle(turn)
            case it.TranscriptFailed():
                turn.failed = True
                yield do.CloseRecognition(turn.number)
                yield do.Emit(ev.ProviderFailed(at_s=self._now_s, kind="stt", provider=item.provider, what=item.what))
                if turn.state is Hearing.AWAITED:
                    yield from self._settle(turn)
            case _:
                assert_never(item)

    def _hint_words(self, turn: Turn, item: it.TranscriptCame) -> Iterator[do.Effect]:
        """While the turn is open the core may use them."""
        if turn.state is not Hearing.TALKING:
            return
        count = self._words_claimed(turn)
        if count != turn.hinted:
            turn.hinted = count
            yield do.Hint("words", count, turn.core)
            backchannel = is_backchannel(turn.words, self.options.backchannel_words)
            yield do.Hint("backchannel", int(backchannel), turn.core)
        open_end = turn.text.endswith((",", ";", ":", "-", "…"))
        if item.complete or open_end:
            yield do.Hint("stt", STT_COMPLETE if item.complete else STT_OPEN, turn.core)

    def _words_claimed(self, turn: Turn) -> int:
        """Of this turn, and of those before it by which the user wanted the floor from what the agent is saying."""
        parts, part = {turn.number}, turn
        while part.before is not None:
            part = part.before
            parts.add(part.number)
        before = sum(len(claim.text.split()) for claim in self._claims if claim.number not in parts)
        return len(turn.words.split()) + before

    def _stops_by_words(self, turn: Turn) -> Iterator[do.Effect]:
        """What was said stops the agent although the core, to whom sounds count, did not: it is still in doubt, and
        there are words (as many as were asked for); or its ear for barge-in was warming up, or heard nothing."""
        reply, least = self.reply, self.options.min_words or 0
        if reply is None or reply.phase is not Phase.SPEAKING or reply.interruption != "immediate":
            return
        late = turn.barge in ("suspected", "likely")
        cold = turn.barge == "quiet" and (turn.cold or turn.by_words)
        if (late or cold) and self._words_claimed(turn) >= least:
            yield from self._stop(reply)

    def _settle(self, turn: Turn) -> Iterator[do.Effect]:
        turn.final_ns = self._at.time_ns
        for taken in self.turns.settle(turn):
            yield do.CloseRecognition(taken.number)
            yield from self._take_turn(taken)

    def _take_turn(self, turn: Turn) -> Iterator[do.Effect]:
        if not turn.text:
            if (
                turn.failed
                and not (turn.waived or self._unanswered or self.queue.texts)
                and self.options.stt_failed_text
            ):
                self.queue.put(it.SayAsked(self._at, self.options.stt_failed_text, 0))
            return
        speaking = self.reply is not None and self.reply.phase is not Phase.THINKING
        goes_on = self.reply is not None and self.reply.phase is Phase.SPEAKING
        backchannel = self._is_backchannel(turn, goes_on)
        message = ChatMessage(
            "user", turn.text, began_s=turn.begin / MIC_RATE, ended_s=turn.end / MIC_RATE, backchannel=backchannel
        )
        if backchannel:
            yield do.Emit(ev.Backchannel(at_s=self._now_s, turn=turn.turn, text=turn.text))
        if speaking or self.step is not None:
            self._after.append(message)
        else:
            yield self._remember_user(message)
        if goes_on and self.options.min_words and not self._listens(turn):
            self._claims.append(turn)
        if backchannel or turn.waived:
            return
        yield from self._stops_by_words(turn)
        if self.reply is None or not goes_on or turn.barge not in LET_GO_ON:
            self._unanswered = turn
        elif self._interrupts(turn):
            self._unanswered = turn
            if self.reply.interruption == "immediate":
                yield from self._stop(self.reply)
        elif self._says_enough(turn):
            self._unanswered = turn

    def _interrupts(self, turn: Turn) -> bool:
        return interrupts(turn.text, self.options.interrupting_words)

    def _says_enough(self, turn: Turn) -> bool:
        """Where words are asked for, the last of them came when the core had let the agent go on."""
        least = self.options.min_words or 0
        return 0 < least <= len(turn.text.split()) and not self._listens(turn)

    def _listens(self, turn: Turn) -> bool:
        return is_backchannel(turn.text, self.options.backchannel_words)

    def _is_backchannel(self, turn: Turn, speaking: bool) -> bool:
        """While the agent speaks on, the core's ear or the words will do, unless the words say "stop". Where it has
        come to its end meanwhile, silence could follow: then it takes both, and an agent that asked nothing."""
        if turn.barge == "confirmed" or self._interrupts(turn) or self._says_enough(turn):
            return False
        listens = self._listens(turn)
        if self.step is not None and self.reply is None:  # the agent is at work, and has perhaps said so: "okay"
            return listens and self._unanswered is None and not self.step.text.rstrip().endswith("?")
        if speaking:
            return turn.barge == "backchannel" or listens
        last = self.history[-1] if len(self.history) else None
        asked = last is None or last.role != "assistant" or last.interrupted or last.text.rstrip().endswith("?")
        return listens and turn.barge == "backchannel" and not asked and self._unanswered is None
