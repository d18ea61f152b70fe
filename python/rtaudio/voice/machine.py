"""The conversation as a state machine: items in, effects out, nothing else. No clock, no task, no audio (law 5).

Two machines and the rules where they meet. The user's turns (turns.py) and the agent's reply (reply.py):

    user    QUIET ──speech began──► TALKING ──turn over──► AWAITED ──final transcript──► taken
    agent   IDLE ──begin──► THINKING ──first sample──► SPEAKING ──done, or cut──► IDLE
                               └──flushed by the session──► STOPPING ──cut, or done──► IDLE

    taken             words: they are `unanswered`. No words: nothing; but where recognition failed, an apology.
    begin             whenever the agent is idle and no turn is open: what is to be said first, then an answer if
                      anything is unanswered. So a turn is answered once, whatever happened meanwhile (law 10).
    speech began      an answer still THINKING is given up: its turn is unanswered again and the new one joins it. A
                      reply that is SPEAKING is the core's business: it ducks, pauses, flushes or resumes.
    went on           the core took the turn to be over, and the user goes on with it: an answer of which nothing was
                      heard yet is given up, and flushed if it was written; the turn goes on as its next part, and is
                      answered once, whole. If something was heard of it, it is an interruption like any other; and
                      after an "mhm" that left the floor to the agent, it is a turn of its own.
    cut               the message ends at the last word heard (law 9). No word heard: as if it had not begun; its turn
                      is unanswered again if the user's speech stopped it, however it would have ended, and not if
                      `interrupt` did.
    taken while       after a false barge-in ("uh-huh") it goes into the history, behind the agent's message, and asks
      SPEAKING        for no answer. Anything else is answered once the agent is idle.
    a backchannel     speech that did not stop the agent ("mhm", by the core's ear or by its words) goes into the
                      history as one and asks for no answer, as long as the agent goes on after it, or asked nothing.
                      Words that say "stop" are none, and flush the agent if the core has not. One by the core's ear is
                      over at once, whatever the core waits for: what is said next is another turn. The core's ear is
                      about what was said last: a turn that had claimed the floor, or began before, is none by it.
    interrupt         what is thought, said or waits to be said is given up, and so is the answer to words that are
                      awaited; they come into the history. A turn that is being spoken is answered like any other.
    a provider fails  reported. A reply ends with the audio there is; where there is none, an apology is said if the
                      model failed, and the agent listens.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal, assert_never

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import items as it
from rtaudio.voice.agent import Agent
from rtaudio.voice.asking import Asked, asked
from rtaudio.voice.backchannels import interrupts, is_backchannel
from rtaudio.voice.chat import ChatContext, ChatMessage
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.presence import Presence
from rtaudio.voice.reply import Milestones, Phase, Reply
from rtaudio.voice.replying import MIC_RATE, ending, metrics, take_all, take_audio, take_tokens
from rtaudio.voice.turns import Hearing, Turn, Turns

OUTCOMES: Final = ("confirmed", "false", "backchannel", "kept")
LET_GO_ON: Final = ("false", "backchannel")
STT_COMPLETE: Final = 1
STT_OPEN: Final = 2
"""Values of the hint "stt" (csrc/hint.h)."""
SAYS: Final = 16
"""How much may wait to be said; `Session.say` refuses more."""


class Machine:
    """`handle` takes one item at a time and is never re-entered. `history` is its own: copy it to keep it."""

    def __init__(
        self, agent: Agent, options: SessionOptions, port_rate: int, history: ChatContext | None = None
    ) -> None:
        self.options = options
        self.history = history.copy() if history is not None else ChatContext()
        self.history.instructions = agent.instructions
        self.reply: Reply | None = None
        self.turns = Turns(int(options.pre_roll_s * MIC_RATE))
        self.says: deque[it.SayAsked] = deque()
        self.presence = Presence(None if options.away_s is None else round(options.away_s * MIC_RATE))
        self.state: ev.State = "listening"
        self.closed = False
        self._port_rate = port_rate
        self._replies = 0
        self._unanswered: Turn | None = None  # the latest turn that wants an answer; its words are in the history
        self._after: list[ChatMessage] = []  # said while the agent speaks: follow its message
        self._at = it.Stamp(0, 0)
        self._reason = ""
        self._asked = Asked.NOTHING  # as the core was told
        self._core_turn: int | None = None  # the core's open turn, of which a backchannel was taken here
        self._suspicion: ev.BargeState = "quiet"  # of the core, now: it may come before the speech does

    def handle(self, item: it.Item) -> list[do.Effect]:
        """The effects of one item, to be carried out in order and before the next."""
        if self.closed and not isinstance(item, it.ProviderTroubled | it.Ended):
            return []
        self._at = item.at
        effects = list(self._react(item))
        if not self.closed:
            effects += self._begin()
        effects += self._tell_state()
        self.presence.rest(self.reply is not None or self.turns.open, self._at.mic)
        return effects

    @property
    def due(self) -> int | None:
        """Mic position from which on the machine wants a TimeCame; None: never, as things are."""
        return None if self.closed else self.presence.due

    @property
    def backlog(self) -> int:
        """Clauses that wait for a TTS."""
        return self.reply.backlog if self.reply is not None else 0

    @property
    def now_mic(self) -> int:
        """Mic position of the last item."""
        return self._at.mic

    def _react(self, item: it.Item) -> Iterator[do.Effect]:
        match item:
            case it.SpeechBegan():
                yield from self._speech_began(item)
            case it.SpeechPaused():
                self.presence.fell_silent(item.end)
                if (turn := self.turns.talking) is not None and turn.barge == "quiet":
                    turn.claims = True  # the core suspected nothing of it and will say nothing about it
                yield do.Emit(ev.SpeechEnded(at_s=self._now_s, ended_s=item.end / MIC_RATE))
            case it.TurnOver():
                yield from self._turn_over(item)
            case it.TurnWentOn():
                yield from self._went_on(item)
            case it.TurnUnanswered():
                yield do.Emit(ev.TurnModelSilent(at_s=self._now_s, late=item.late))
            case it.BargeChanged():
                self._judge(item.state)
                yield do.Emit(ev.BargeIn(at_s=self._now_s, state=item.state, before=item.before))
                if item.state == "backchannel":
                    yield from self._listened()
            case it.LineStarved():
                yield do.Emit(ev.InputStarved(at_s=self._now_s, missing_for_s=item.samples / MIC_RATE))
            case it.LinkChanged():
                told = ev.LinkLost if item.lost else ev.LinkBack
                yield do.Emit(told(at_s=self._now_s, without_for_s=item.without_ms / 1000))
            case it.AudioLost():
                yield do.Emit(ev.AudioLost(at_s=self._now_s, lost_for_s=item.samples / MIC_RATE))
            case it.MicLevelChanged():
                level = 10 * math.log10(max(item.mean_square, 1e-12))
                yield do.Emit(
                    ev.MicrophoneLevel(at_s=self._now_s, state=item.state, before=item.before, level_dbfs=level)
                )
            case it.MicClippingChanged():
                share = item.clipped / max(item.judged, 1)
                yield do.Emit(ev.MicrophoneClipping(at_s=self._now_s, clipping=item.clipping, clipped_share=share))
            case it.EventsLost():
                yield do.Emit(ev.EventsLost(at_s=self._now_s, count=item.count))
            case it.TranscriptCame() | it.TranscriptFailed():
                if (turn := self.turns.find(item.turn)) is not None and turn.state is not Hearing.SETTLED:
                    yield from self._transcript(turn, item)
            case it.TokenCame() | it.TokensEnded() | it.TokensFailed():
                if (reply := self._find(item.reply)) is not None and reply.working:
                    yield from take_tokens(reply, item)
                    yield from self._retire_silent(reply)
            case it.AudioCame() | it.WordsFound() | it.AudioEnded() | it.AudioFailed():
                if (reply := self._find(item.reply)) is not None and reply.working:
                    yield from take_audio(reply, item)
                    yield from self._retire_silent(reply)
            case it.ReplySounded() | it.ReplyAudible() | it.ReplyDone() | it.ReplyCut():
                if (reply := self._find(item.reply)) is not None:
                    yield from self._played(reply, item)
            case it.ProviderTroubled():
                yield do.Emit(
                    ev.ProviderFailed(at_s=self._now_s, kind=item.kind, provider=item.provider, what=item.what)
                )
            case it.SayAsked():
                self.says.append(item)
            case it.TimeCame():
                if self.presence.time_came(item.at.mic):
                    silent_for_s = self.presence.silent_for(item.at.mic) / MIC_RATE
                    yield do.Emit(ev.UserAway(at_s=self._now_s, silent_for_s=silent_for_s, times=self.presence.times))
            case it.InterruptAsked():
                yield from self._interrupt()
            case it.CloseAsked():
                yield from self._close(item)
            case it.Ended():
                yield do.Emit(ev.SessionClosed(at_s=self._now_s, reason=self._reason))
            case _:
                raise TypeError(f"{type(item).__name__} is no item of a session")

    # ---- The user's turns.

    def _speech_began(self, item: it.SpeechBegan) -> Iterator[do.Effect]:
        yield do.Emit(ev.SpeechStarted(at_s=self._now_s, began_s=item.begin / MIC_RATE))
        if (away_since := self.presence.spoke()) is not None:
            yield do.Emit(ev.UserBack(at_s=self._now_s, away_for_s=max(0, item.begin - away_since) / MIC_RATE))
        if (open_turn := self.turns.talking) is not None:
            if open_turn.barge in LET_GO_ON:  # that was about what was said before
                open_turn.barge = self._suspicion
            return
        turn = self.turns.begin(item.begin)
        turn.barge = self._suspicion
        turn.core = self._core_turn if self._core_turn is not None else turn.core
        yield do.OpenRecognition(turn.number, turn.start)
        reply = self.reply
        if reply is not None and reply.kind == "answer" and reply.phase is Phase.THINKING:
            yield from self._stop(reply)

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
        listened = before is not None and before.barge in LET_GO_ON
        turn = self.turns.resume(item.turn, joins=not heard and not listened)
        if turn is None:
            return
        yield do.Emit(ev.TurnResumed(at_s=self._now_s, turn=turn.turn, began_s=turn.begin / MIC_RATE))
        if reply is not None:
            yield from self._stop(reply)

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
        count = len(turn.words.split())
        if count != turn.hinted:
            turn.hinted = count
            yield do.Hint("words", count, turn.core)
            backchannel = is_backchannel(turn.words, self.options.backchannel_words)
            yield do.Hint("backchannel", int(backchannel), turn.core)
        open_end = turn.text.endswith((",", ";", ":", "-", "…"))
        if item.complete or open_end:
            yield do.Hint("stt", STT_COMPLETE if item.complete else STT_OPEN, turn.core)

    def _settle(self, turn: Turn) -> Iterator[do.Effect]:
        turn.final_ns = self._at.time_ns
        for taken in self.turns.settle(turn):
            yield do.CloseRecognition(taken.number)
            yield from self._take_turn(taken)

    def _take_turn(self, turn: Turn) -> Iterator[do.Effect]:
        if not turn.text:
            if turn.failed and not (turn.waived or self._unanswered or self.says) and self.options.stt_failed_text:
                self.says.append(it.SayAsked(self._at, self.options.stt_failed_text, 0))
            return
        speaking = self.reply is not None and self.reply.phase is not Phase.THINKING
        goes_on = self.reply is not None and self.reply.phase is Phase.SPEAKING
        backchannel = self._is_backchannel(turn, goes_on)
        message = ChatMessage(
            "user", turn.text, began_s=turn.begin / MIC_RATE, ended_s=turn.end / MIC_RATE, backchannel=backchannel
        )
        if backchannel:
            yield do.Emit(ev.Backchannel(at_s=self._now_s, turn=turn.turn, text=turn.text))
        if speaking:
            self._after.append(message)
        else:
            yield self._remember_user(message)
        if backchannel or turn.waived:
            return
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
        if speaking:
            return turn.barge == "backchannel" or listens
        last = self.history[-1] if len(self.history) else None
        asked = last is None or last.role != "assistant" or last.interrupted or last.text.rstrip().endswith("?")
        return listens and turn.barge == "backchannel" and not asked and self._unanswered is None

    def _remember_user(self, message: ChatMessage) -> do.Effect:
        """Joins what the user says to what is still unanswered, where that is the last message."""
        last = self.history[-1] if len(self.history) else None
        joins = last is not None and last.role == "user" and not (last.backchannel or message.backchannel)
        if self._unanswered is not None and last is not None and joins:
            message = replace(message, text=f"{last.text} {message.text}", began_s=last.began_s)
            self.history.replace_last(message)
            return do.Remember(message, instead=True)
        self.history.append(message)
        return do.Remember(message)

    # ---- The agent's reply.

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
        return self.reply

    def _tell_begin(self, reply: Reply) -> Iterator[do.Effect]:
        """What the core is to do when the user speaks meanwhile. Each time: its line may be a new one."""
        if self.options.min_words is not None:
            yield do.Hint("min_words", self.options.min_words)
        yield do.BeginReply(reply.number, reply.interruption)

    def _find(self, number: int) -> Reply | None:
        return self.reply if self.reply is not None and self.reply.number == number else None

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

    def _hint_asked(self, what: Asked) -> Iterator[do.Effect]:
        if what is not self._asked:
            self._asked = what
            yield do.Hint("asked", int(what))

    def _close(self, item: it.CloseAsked) -> Iterator[do.Effect]:
        self.closed, self._reason = True, item.reason
        self.says.clear()
        for turn in self.turns.clear():
            yield do.CloseRecognition(turn.number)
            if turn.text:
                yield from self._take_turn(turn)
        if (reply := self.reply) is not None:
            yield do.DropReply(reply.number)
            if reply.opened:
                yield do.Flush(reply.number)
            yield from self._retire(reply, item.heard, item.bound)

    # ---- What is told.

    @property
    def _now_s(self) -> float:
        return self._at.mic / MIC_RATE

    def _tell_state(self) -> Iterator[do.Effect]:
        state: ev.State = "listening"
        if self.reply is not None and self.reply.phase is Phase.SPEAKING:
            state = "speaking"
        elif self.reply is not None or (self.turns.open and self.turns.talking is None):
            state = "thinking"
        if state != self.state:
            self.state, before = state, self.state
            if "thinking" in (state, before):
                yield do.Hint("thinking", int(state == "thinking"))
            yield do.Emit(ev.StateChanged(at_s=self._now_s, state=state, before=before))

    def _tell_metrics(self, reply: Reply) -> Iterator[do.Effect]:
        if not reply.told:
            reply.told = True
            yield do.Emit(metrics(reply, self._at))
