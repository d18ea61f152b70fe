"""What the program wants said or answered, and what it does not want any more; words of the user that come as text. A
part of the session's machine, whose rules are in the head of machine.py; the order is that of speech_queue.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import items as it
from rtaudio.voice.chat import ChatMessage
from rtaudio.voice.machine_reply import ReplyLife
from rtaudio.voice.machine_tools import ToolStep
from rtaudio.voice.reply import Phase, Reply
from rtaudio.voice.replying import MIC_RATE
from rtaudio.voice.speech_queue import Wish
from rtaudio.voice.turns import Turn


class ProgramSpeech(ReplyLife):
    """See the module."""

    def _asked_for(self, wish: Wish) -> Iterator[do.Effect]:
        self.queue.put(wish)
        if wish.priority == "now" and self.reply is not None:
            yield from self._stop(self.reply)
        if isinstance(wish, it.ReplyAsked) and wish.user_input is not None:
            yield from self._typed(wish.user_input)

    def _typed(self, text: str) -> Iterator[do.Effect]:
        """A turn that is complete as it comes. An answer of which nothing is heard yet is given up for it, as for
        speech; what is spoken goes on."""
        turn = self.turns.typed(text, self._at.mic, self._at.time_ns)
        yield do.Emit(ev.UserText(at_s=self._now_s, turn=turn.turn, text=text))
        yield from self._user_is_back(self._at.mic)
        self.presence.fell_silent(self._at.mic)
        if self.reply is not None and self.reply.kind != "say" and self.reply.phase is Phase.THINKING:
            yield from self._stop(self.reply)
        message = ChatMessage("user", text, began_s=self._now_s, ended_s=self._now_s)
        speaking = self.reply is not None and self.reply.phase is not Phase.THINKING
        if speaking or self.step is not None:
            self._after.append(message)
        else:
            yield self._remember_user(message)
        if self._unanswered is None:
            self._unanswered = turn

    def _user_is_back(self, since: int) -> Iterator[do.Effect]:
        """The user does something; since that mic position."""
        if (away_since := self.presence.spoke()) is not None:
            yield do.Emit(ev.UserBack(at_s=self._now_s, away_for_s=max(0, since - away_since) / MIC_RATE))

    # ---- Not wanted any more.

    def _stop_speech(self, ticket: int) -> Iterator[do.Effect]:
        """One alone, wherever it is; what it shares an answer with is answered without it."""
        if (wish := self.queue.remove(ticket)) is not None:
            yield from self._take_out(wish)
        elif self.reply is not None and _has(self.reply.wishes, ticket):
            yield from self._stop_spoken(self.reply, ticket)
        elif self.step is not None and _has(self.step.wishes, ticket):
            yield from self._stop_step(self.step, ticket)
        elif (step := self._go_on) is not None and _has(step.wishes, ticket):
            if not _others_want(step, ticket):
                self._go_on = None
            yield from self._leave_step(step, ticket)
        else:
            yield from self._stop_aside(ticket)

    def _stop_aside(self, ticket: int) -> Iterator[do.Effect]:
        """Of an agent that waits for a task: it does not go on with it then."""
        for doing in [stay.aside for stay in self.stack if stay.aside is not None]:
            if (step := doing.step) is not None and _has(step.wishes, ticket):
                step.goes_on = step.goes_on and _others_want(step, ticket)
                yield from self._leave_step(step, ticket)
            elif (step := doing.go_on) is not None and _has(step.wishes, ticket):
                doing.go_on = step if _others_want(step, ticket) else None
                yield from self._leave_step(step, ticket)

    def _take_out(self, wish: Wish) -> Iterator[do.Effect]:
        """Of the queue. What the user typed stays in the history, and nobody wants an answer to it alone."""
        unanswered = self._unanswered
        typed = any(isinstance(other, it.ReplyAsked) and other.user_input is not None for other in self.queue)
        if isinstance(wish, it.ReplyAsked) and wish.user_input is not None and unanswered is not None:
            self._unanswered = None if unanswered.typed and not typed else unanswered
        yield from self._never_begun((wish,))

    def _stop_spoken(self, reply: Reply, ticket: int) -> Iterator[do.Effect]:
        reply.dropped.add(ticket)
        wanted = _others_want(reply, ticket)
        reply.abandoned = reply.abandoned or not wanted
        if (step := self.step) is not None and step.reply == reply.number and not wanted:
            step.goes_on = False
            yield from self._interrupt_tools(step.reply)
        yield from self._stop(reply)

    def _stop_step(self, step: ToolStep, ticket: int) -> Iterator[do.Effect]:
        """Its tools run; what it had to say was said."""
        if _others_want(step, ticket):
            yield from self._leave_step(step, ticket)
        else:
            step.goes_on = False
            yield from self._interrupt_tools(step.reply)

    def _leave_step(self, step: ToolStep, ticket: int) -> Iterator[do.Effect]:
        gone = tuple(wish for wish in step.wishes if wish.ticket == ticket)
        step.wishes = tuple(wish for wish in step.wishes if wish.ticket != ticket)
        yield from self._move(gone, "interrupted", step.told)


def _has(wishes: tuple[Wish, ...], ticket: int) -> bool:
    return any(wish.ticket == ticket for wish in wishes)


def _others_want(answer: Reply | ToolStep, ticket: int) -> bool:
    """Somebody else wants that answer: the user who spoke, or another wish."""
    turn: Turn | None = answer.answers
    spoke = turn is not None and not turn.typed
    return spoke or any(wish.ticket != ticket for wish in answer.wishes)
