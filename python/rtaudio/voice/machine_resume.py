"""A session goes on where another was: the state of its machine is taken up by this one. A part of the session's
machine, whose rules are in the head of machine.py.

    turn open         recognised again, from the mic position where it began; answered once
    turn awaited      the same, up to where it ended
    reply thought     begun again: nothing of it had gone to the playout
    reply spoken      cut, as if the user had interrupted it: what was heard is looked up in the port (law 9), the rest
                      is `unheard`. Nothing heard: begun again
    reply not known   begun to be spoken after the state was written down: it counts as an answer to all that was said
                      by then, and the history says that its words are not known
    tools called      what came of them is said by the tools' own machine (tools/call_resume.py)
    a task            is over: whoever waited for it died with its process. The agent of the talk goes on
    on_enter, greeting   are not run or said again, unless nothing of the greeting was heard
    on_turn           is run again, before the answer
    keys pressed      of an entry that was not complete: in the history, and nobody answers them
    begun ahead       gone, as if it had never been
    handles           are gone; what they were of waits as before, and recorded audio is spoken by the voice

What the core told since then comes between SessionRestored and SessionCaughtUp, in order, as after a stall of the event
loop. A reply that is to be cut counts as stopped from the beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import items as it
from rtaudio.voice.chat import ChatContext, ChatMessage
from rtaudio.voice.clauses import Clause
from rtaudio.voice.machine_keys import KeyPresses
from rtaudio.voice.machine_state import ClauseState, MachineState, ReplyState, StepState, TurnState, WishState
from rtaudio.voice.machine_tools import ToolStep
from rtaudio.voice.reply import ClauseAudio, Milestones, Phase, Reply
from rtaudio.voice.replying import MIC_RATE
from rtaudio.voice.speech_queue import Wish
from rtaudio.voice.stack import LateResult, Switch
from rtaudio.voice.transforms import speakable
from rtaudio.voice.turns import Hearing, Turn

TurnAt = Callable[[int], Turn | None]
WORDS_UNKNOWN: Final = (
    "An answer was begun to be spoken here, and broken off. Which words of it were heard is not known."
)
"""In the history, from nobody, where a reply sounded of which no text had been written down."""


class Resuming(KeyPresses):
    """See the module."""

    _restored = 0
    """Number of the reply that was under way when the state was written down."""
    _answered_until = 0
    """Mic position at which something of which nothing is known was last begun to be said."""

    def _resume(self, item: it.SessionRestored) -> Iterator[do.Effect]:
        state = item.state
        turns = self._turns_of(state.turns)

        def turn_at(place: int) -> Turn | None:
            return turns[place] if place >= 0 else None

        self._take_history(state)
        open_turns = [turns[place] for place in state.open_turns]
        counted = (state.turns_counted, state.turns_seen)
        self.turns.take_up(open_turns, turn_at(state.over), counted, state.last_until)
        self._spoke_at = state.spoke_at
        self._core_turn, self._unanswered = state.core_turn, turn_at(state.unanswered)
        self._after, self._replies, self._runs = list(state.after), state.replies, state.hook_runs
        self.step, self._go_on = self._step_at(state.step, turn_at), self._step_at(state.go_on, turn_at)
        self._left = [step for each in state.left if (step := self._step_at(each, turn_at)) is not None]
        self._steps, self._speaks = state.steps, state.speaks
        self._late = [LateResult(one.use, one.handoff) for one in state.late]
        self._late_untold = state.late_untold
        self._switches.extend(
            Switch(one.kind, one.number, self._same(one.step), one.speaks, one.quiet, one.hurries)
            for one in state.switches
        )
        self.queue.put_back(map(self._wish, state.queue))
        presence = state.presence
        self.presence.times, self.presence.told_at = presence.times, presence.told_at
        self.presence.last_heard = presence.last_heard
        if state.reply is not None:
            self._continued = self._step_at(state.continued, turn_at)
            self.reply = self._reply_of(state.reply, turn_at(state.reply.answers))
            self._restored = self.reply.number
        self._answered_to = state.answered_to
        missed_s = max(0, item.at.mic - state.mic) / MIC_RATE
        yield do.Emit(ev.SessionResumed(at_s=self._now_s, missed_for_s=missed_s))
        if self.reply is None and self.step is None:
            yield from self._remember_after()
        for turn in open_turns:
            if turn.state is not Hearing.SETTLED:
                yield do.OpenRecognition(turn.number, turn.start)
            if turn.state is Hearing.AWAITED:
                yield do.EndRecognition(turn.number, turn.until)

    def _caught_up(self, item: it.SessionCaughtUp) -> Iterator[do.Effect]:
        """A reply of the one before that is under way still is over now. Where it is not known what became of it, it is
        not said again."""
        if (reply := self._find(self._restored)) is None:
            return
        reply.abandoned = reply.abandoned or (item.lost and reply.opened)
        if reply.opened:
            yield do.DropReply(reply.number)
            yield do.Flush(reply.number)
        else:
            yield from self._stop(reply)

    def _unknown_sounded(self, item: it.UnknownSounded) -> Iterator[do.Effect]:
        """Something was said after the state was written down: it may have answered what the user had said by then,
        which so is not answered again."""
        self._answered_until = item.mic
        if (reply := self._find(item.reply)) is not None and not reply.opened:
            reply.written, reply.abandoned, reply.phase = 1, True, Phase.STOPPING
        if self._unanswered is not None and self._unanswered.until <= item.mic:
            self._unanswered = None
        self._go_on, self._speaks = None, False
        yield self._remember(ChatMessage("system", WORDS_UNKNOWN, began_s=self._now_s, ended_s=self._now_s))

    def _take_turn(self, turn: Turn) -> Iterator[do.Effect]:
        turn.waived = turn.waived or 0 < turn.until <= self._answered_until
        yield from super()._take_turn(turn)

    def _begin_again(self, reply: Reply) -> tuple[Wish, ...]:
        """A text that the crash silenced is said again as well."""
        if reply.number == self._restored:
            self.queue.put_back(wish for wish in reply.wishes if isinstance(wish, it.SayAsked))
        return super()._begin_again(reply)

    # ---- From plain data.

    def _take_history(self, state: MachineState) -> None:
        instructions = self.top.settings.instructions
        self.history = ChatContext(instructions, state.history)
        self.top.chat = ChatContext(instructions, state.history if state.chat is None else state.chat)

    def _same(self, message: ChatMessage | None) -> ChatMessage | None:
        """The one in the chat that is equal: it is told from others by its identity."""
        return next((one for one in self.top.chat if one == message), message)

    def _turns_of(self, states: tuple[TurnState, ...]) -> list[Turn]:
        """Recognition of those that are open begins anew, so whatever failed of it is forgotten."""
        now = self._at.time_ns
        turns = [
            Turn(
                *(state.number, state.turn, state.begin, state.start, state.state, state.end, state.until, state.text),
                barge=state.barge,
                claims=state.claims,
                failed=state.failed and state.state is Hearing.SETTLED,
                waived=state.waived,
                ended_ns=now,
                decided_ns=now,
                final_ns=now,
                core=state.core,
                heard=state.heard,
                cold=state.cold,
                by_words=state.by_words,
                words_at=state.words_at,
                typed=state.typed,
            )
            for state in states
        ]
        for turn, state in zip(turns, states, strict=True):
            turn.before = turns[state.before] if state.before >= 0 else None
        return turns

    def _wish(self, state: WishState) -> Wish:
        if state.kind == "say":
            return it.SayAsked(self._at, state.text, 0, state.interruption, state.priority)
        more = (state.instructions, state.user_input, state.tools, state.interruption, state.priority)
        return it.ReplyAsked(self._at, 0, *more)

    def _step_at(self, state: StepState | None, turn_at: TurnAt) -> ToolStep | None:
        if state is None:
            return None
        return ToolStep(
            *(state.reply, state.kind, turn_at(state.answers), state.steps, self._at.time_ns, state.tools_ns),
            heard=state.heard,
            text=state.text,
            message=state.message,
            uses=state.uses,
            handoffs=state.handoffs,
            goes_on=state.goes_on,
            wishes=tuple(map(self._wish, state.wishes)),
        )

    def _reply_of(self, state: ReplyState, answers: Turn | None) -> Reply:
        """Its providers are gone: nothing will be added to it."""
        wishes = tuple(map(self._wish, state.wishes))
        reply = Reply(state.number, state.kind, Milestones(self._at.time_ns), self._port_rate, self.options, wishes)
        reply.interruption, reply.began_mic, reply.text, reply.rate = (
            *(state.interruption, state.began_mic, state.text, state.rate),
        )
        reply.phase = Phase.STOPPING if state.opened else Phase.THINKING
        reply.answers, reply.steps, reply.heard_before = answers, state.steps, state.heard_before
        reply.answered_to = state.answered_to
        reply.abandoned, reply.text_ended, reply.segment_ended = state.abandoned, True, True
        if state.recorded:
            reply.speakable = speakable((), {})
        reply.clauses = [_clause(clause, reply) for clause in state.clauses]
        reply.started, reply.current, reply.written = len(reply.clauses), state.current, state.written
        return reply


def _clause(state: ClauseState, reply: Reply) -> ClauseAudio:
    clause = Clause(state.text, state.offset)
    return ClauseAudio(
        clause,
        reply.speakable.spoken(clause.spoken),
        begin=state.begin,
        samples=state.samples,
        pieces=state.pieces,
        played=state.played,
        done=state.done,
        words=list(state.words),
        found=state.found,
        found_until_s=state.found_until_s,
    )
