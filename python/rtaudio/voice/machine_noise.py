"""An answer that was begun already when somebody was heard, and nobody knows yet whether that was more than a noise. A
part of the session's machine, whose rules are in the head of machine.py; only with `SessionOptions.hold_thinking`.

    reply       leaves to
    THINKING    HELD      speech began, nothing of it was written to the playout, and it is a plain answer
    HELD        THINKING  what was heard had no words: it goes on, with what was made of it meanwhile
    HELD        gone      words came, or anything else did that gives an answer up: as if it had been given up at once;
                          its turn is unanswered, and answered together with what was said

It is held as a reply begun ahead is (machine_eager.py), by the same bounds. Until it is decided its turn counts as
unanswered, so that the user's words join it.
"""

from __future__ import annotations

from collections.abc import Iterator

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice.eager import Held
from rtaudio.voice.machine_eager import EagerReplies
from rtaudio.voice.reply import Phase, Reply


class NoiseHolds(EagerReplies):
    """See the module."""

    def _heard_while_thinking(self, reply: Reply) -> Iterator[do.Effect]:
        if not self._may_wait(reply):
            yield from super()._heard_while_thinking(reply)
            return
        turn, chat = reply.answers, self.chat
        assert turn is not None
        self.reply, self._unanswered = None, turn
        self._answered_to = min(self._answered_to, reply.answered_to)
        reply.phase = Phase.HELD
        before, agent = chat.messages[:-1], self.top.number
        self.held = Held(reply, turn, turn.text, chat[-1], before, chat.instructions, agent, self._at.mic, waits=True)
        yield self._told(self.held, "held", None)

    def _may_wait(self, reply: Reply) -> bool:
        top = self.top
        busy = self.held is not None or self.step is not None or top.waits or bool(self._switches)
        plain = reply.kind == "answer" and reply.answers is not None and not (reply.opened or reply.wishes)
        plain = plain and reply.steps == 0 and self._continued is None and not (reply.text_ended and reply.calls)
        asked = len(self.chat) > 0 and self.chat[-1].role == "user"
        return self.options.hold_thinking and plain and asked and not busy and "on_turn" not in top.settings.hooks

    def _decide(self, held: Held) -> Iterator[do.Effect]:
        if not held.waits:
            yield from super()._decide(held)
            return
        why = held.ended or self._overtakes(held)
        if why is None and self.turns.open:
            if not any(turn.text for turn in self.turns):
                return
            why = "words"
        why = why or held.compare(self.chat)
        if why is None:
            yield from self._keep(held)
        else:
            yield from self._give_up_held(held, why)

    def _overtakes(self, held: Held) -> ev.EagerReason | None:
        """Why it is of no use any more, whatever is heard."""
        if self.closed:
            return "closed"
        at_work = self.reply is not None or self.step is not None or bool(self._switches)
        at_work = at_work or self.keys.open
        if at_work or self._overtaken or held.agent != self.top.number:
            return "chat"
        return None if self._unanswered is held.turn else "words"

    def _give_up_held(self, held: Held, why: ev.EagerReason) -> Iterator[do.Effect]:
        """As if it had been given up when the speech began."""
        reply, self.held = held.reply, None
        yield self._told(held, "dropped", why)
        if self.closed or self.reply is not None:
            yield do.DropReply(reply.number)
            return
        self.reply, reply.phase = reply, Phase.THINKING
        reply.abandoned = reply.abandoned or why == "interrupted"
        yield from self._stop(reply)
