"""Replies begun before their turn is over, and kept unheard until it is decided. A part of the session's machine, whose
rules are in the head of machine.py; when one may be begun is said in eager.py.

    reply      leaves to
    (none)     HELD      nobody speaks, one turn is open and nothing else is under way, and its end is probable
    HELD       THINKING  kept: the turn is over, its final words ask for an answer and are those it was asked with, and
                         nothing else has come into the chat. From here on it is a reply like any other
    HELD       gone      dropped: the turn is answered in the ordinary way

    while HELD                            outcome
    the user speaks again                 dropped ("spoke"), with a blip of noise as well; another may follow
    the words change                      dropped ("words"); another may follow once they stand
    the turn goes on after its end        dropped ("spoke"); the attempts of its parts count together
    the turn asks for no answer           dropped ("unasked"): a backchannel, no words, or waived by `interrupt`
    something is to be said first         dropped ("chat"): `say`, an apology, a result that came late
    the chat or the instructions change   dropped ("chat"), at the latest when the turn is decided
    another agent takes over              dropped ("chat"), as soon as it is known. One with an on_turn begins none
    `interrupt`                           dropped ("interrupted"); the turn is answered all the same, if it is spoken on
    the model or the voice fails          reported and dropped ("failed"); the turn's answer tries them again
    the model calls tools                 the calls are held, and run when it is kept: none is run for a dropped reply
    close                                 dropped ("closed")

Its effects are withheld, and carried out in order once it is kept: nothing is told, written to the playout or run
before that. What does run is bounded: the model up to `eager_tokens` tokens, of the voice the first clause (where
`eager` is "speech"), `eager_attempts` a turn. None is begun while the agent speaks or its tools run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import items as it
from rtaudio.voice.chat import ChatMessage
from rtaudio.voice.eager import CLAUSES, Held, Why, same_words
from rtaudio.voice.machine_turns import LET_GO_ON, UserTurns
from rtaudio.voice.reply import Milestones, Phase
from rtaudio.voice.replying import MIC_RATE, take_audio, take_tokens
from rtaudio.voice.turns import Hearing, Turn

OfReply = (
    it.TokenCame | it.CallCame | it.TokensEnded | it.TokensFailed
    | it.AudioCame | it.WordsFound | it.AudioEnded | it.AudioFailed
)  # fmt: skip
OF_TEXT: Final = (it.TokenCame, it.CallCame, it.TokensEnded, it.TokensFailed)


class EagerReplies(UserTurns):
    """See the module."""

    def wants_text(self, reply: int) -> bool:
        """Whether more of that reply's text is to be taken now."""
        if (held := self.held) is not None and held.reply.number == reply:
            return held.tokens < self.options.eager_tokens
        return self.reply is None or self.reply.backlog < self.options.clauses_waiting

    @property
    def _eager_due(self) -> int | None:
        """Mic position at which one may be begun, as things are."""
        if self._open_to_eager() is None or (ripe := self._watch.ripe()) is None:
            return None
        return ripe[0]

    def _eager(self, item: it.Item) -> Iterator[do.Effect]:
        """After each item was taken: what becomes of the one that is held, and whether one is begun."""
        self._observe(item)
        if (held := self.held) is not None:
            if isinstance(item, it.InterruptAsked):
                held.ended = "interrupted"
            yield from self._decide(held)
        if (turn := self._open_to_eager()) is None:
            return
        if (ripe := self._watch.ripe()) is not None and ripe[0] <= self._at.mic:
            yield from self._hold(turn, ripe[1])

    def _observe(self, item: it.Item) -> None:
        watch, turn = self._watch, self.turns.talking
        match item:
            case it.SpeechBegan() if turn is not None:
                watch.spoke(turn.number)
            case it.SpeechPaused():
                watch.fell_silent(item.end)
            case it.TurnWeighed():
                watch.weigh(item.end, item.probability)
            case it.TranscriptCame() if turn is not None and turn.number == item.turn:
                watch.understood(turn.text, item.complete, item.at.mic)

    def _open_to_eager(self) -> Turn | None:
        """The turn for which one may be begun."""
        turn, step = self.turns.talking, self.step or self._go_on
        if self.options.eager == "off" or self.held is not None or self.closed:
            return None
        if turn is None or not self.turns.alone:
            return None
        if self.reply is not None or step is not None or self._overtaken:
            return None
        if "on_turn" in self.top.settings.hooks or self._no_model or self._typing:
            return None
        if turn.failed or turn.barge in LET_GO_ON or turn.eager.attempts >= self.options.eager_attempts:
            return None
        return turn

    @property
    def _overtaken(self) -> bool:
        """Something comes before the answer."""
        waiting = (wish for wish in self.queue if wish.priority != "low" or not isinstance(wish, it.SayAsked))
        return bool(self._late or self._switches or self.top.waits) or next(waiting, None) is not None

    # ---- Begin, take, end.

    def _hold(self, turn: Turn, why: Why) -> Iterator[do.Effect]:
        turn.eager.attempts += 1
        self._watch.tried.append(turn.text)
        reply = self._new_reply("answer", Milestones(self._at.time_ns))
        self.reply = None  # it is not the agent's yet
        reply.phase, reply.answers = Phase.HELD, turn
        message = ChatMessage("user", turn.text, began_s=turn.begin / MIC_RATE, ended_s=self._now_s)
        said = self._joined(message)
        chat = self.chat
        before = chat.messages[:-1] if said.instead else chat.messages
        self.held = Held(reply, turn, turn.text, said.message, before, chat.instructions, self.top.number, self._at.mic)
        yield self._told(self.held, "begun", why)
        yield from self._tell_begin(reply)
        yield do.StartModel(reply.number, said=said)

    def _take_held(self, held: Held, item: OfReply) -> Iterator[do.Effect]:
        """Its providers brought something."""
        reply = held.reply
        if not reply.working:
            return
        if isinstance(item, it.TokenCame):
            held.tokens += 1
        elif isinstance(item, it.AudioCame):
            held.audio_s += item.samples / item.rate
        effects = take_tokens(reply, item) if isinstance(item, OF_TEXT) else take_audio(reply, item)
        yield from self._withhold(held, effects)
        if reply.model_failed or reply.broken:
            held.ended = "failed"

    def _withhold(self, held: Held, effects: Iterable[do.Effect]) -> Iterator[do.Effect]:
        for effect in effects:
            match effect:
                case do.StartSpeech() if self._speaks_ahead(held) and effect.clause < CLAUSES:
                    yield effect
                case do.StopProviders() | do.Emit(event=ev.ProviderFailed()):
                    yield effect
                case _:
                    held.withheld.append(effect)

    def _speaks_ahead(self, held: Held) -> bool:
        return held.waits or self.options.eager == "speech"

    def _decide(self, held: Held) -> Iterator[do.Effect]:
        turn = held.turn
        why: ev.EagerReason
        if self.closed:
            why = "closed"
        elif held.ended is not None:
            why = held.ended
        elif self.turns.latest not in (turn, None) or (turn is self.turns.talking and self._watch.silent_since is None):
            why = "spoke"
        elif self.reply is not None or self.step is not None or self._overtaken or held.agent != self.top.number:
            why = "chat"
        elif turn.state is not Hearing.SETTLED:
            if same_words(turn.text, held.text):
                return
            why = "words"
        elif self._unanswered is not turn:
            why = "unasked"
        elif (verdict := held.compare(self.chat)) is None:
            yield from self._keep(held)
            return
        else:
            why = verdict
        yield from self._drop_held(held, why)

    def _drop_held(self, held: Held, why: ev.EagerReason) -> Iterator[do.Effect]:
        self.held = None
        held.turn.eager.wasted_tokens += held.tokens
        held.turn.eager.wasted_audio_s += held.audio_s
        yield do.DropReply(held.reply.number)
        yield self._told(held, "dropped", why)

    def _keep(self, held: Held) -> Iterator[do.Effect]:
        """From here on as if it had been begun now, and its providers were very fast."""
        reply, turn, times = held.reply, held.turn, held.reply.times
        self.held, self.reply = None, reply
        reply.answered_to, self._answered_to = self._answered_to, len(self.history)
        self._unanswered, self._speaks, self._steps = None, False, 0
        reply.phase, turn.eager.kept = Phase.THINKING, turn.eager.kept or not held.waits
        times.origin_ns, times.turn_decided, times.stt_final = turn.ended_ns, turn.decided_ns, turn.final_ns
        yield self._told(held, "kept", None)
        for effect in held.withheld:
            if isinstance(effect, do.Emit):  # told now
                effect = do.Emit(replace(effect.event, at_s=self._now_s))
            yield effect
        if reply.text_ended and reply.calls:
            yield from self._run_tools(reply)
        yield from self._retire_silent(reply)

    def _told(self, held: Held, state: ev.EagerState, why: Why | ev.EagerReason | None) -> do.Effect:
        return do.Emit(
            ev.EagerReply(
                at_s=self._now_s,
                turn=held.turn.turn,
                reply=held.reply.number,
                state=state,
                why=why,
                held_for_s=(self._at.mic - held.since) / MIC_RATE,
                tokens=held.tokens,
                audio_for_s=held.audio_s,
            )
        )
