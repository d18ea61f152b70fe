"""The world of tool_world.py in which the end of a turn is probable before it is decided, so that replies are begun
ahead; and what no schedule may break about them."""

from __future__ import annotations

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import items as it
from tests.voice.tool_world import ToolWorld


class EagerWorld(ToolWorld):
    """Users pause within a turn; the core weighs the silence; the STT has partial transcripts, right and wrong."""

    silent_since: int | None = None

    @property
    def may_resume(self) -> bool:
        """The core lets a turn go on until the agent speaks, or while it does."""
        over = [at for at, item in enumerate(self.items) if isinstance(item, it.TurnOver)]
        since = self.items[over[-1] :] if over else []
        return bool(since) and (self.machine.reply is not None or not any(map(_sounded, since)))

    def pause(self) -> None:
        at = self.at()
        self.silent_since = at.mic - 3200
        self.give(it.SpeechPaused(at, self.silent_since, at.mic))

    def go_on(self) -> None:
        """In the same turn."""
        self.silent_since = None
        at = self.at()
        self.give(it.SpeechBegan(at, at.mic - 1000, at.mic))

    def _answer(self, effect: do.StartModel) -> None:
        if effect.said is not None:
            assert self.machine.turns.alone, "another turn's words are not known yet"
        super()._answer(effect)

    def begin_speech(self) -> None:
        self.silent_since = None
        super().begin_speech()

    def weigh(self, probability: float) -> None:
        since = self.silent_since if self.silent_since is not None else self.mic
        self.give(it.TurnWeighed(self.at(), since, probability))

    def understand(self, how: int, complete: bool) -> None:
        """A partial transcript of the latest turn, if it is still recognised."""
        turn = self.opened_turns
        known = self.machine.turns.find(turn)
        if known is None:
            return
        text = self.words.get(turn, f"turn{turn}." if turn % 4 else "")
        texts = [text, text.upper(), f"{text}!", text, text, "other words", text.partition(" ")[0]]
        self.give(it.TranscriptCame(self.at(), turn, texts[how % len(texts)], False, complete))


def _sounded(item: it.Item) -> bool:
    return isinstance(item, it.ReplySounded)


def told(world: EagerWorld) -> list[ev.EagerReply]:
    events = [effect.event for effect in world.effects if isinstance(effect, do.Emit)]
    return [event for event in events if isinstance(event, ev.EagerReply)]


OUTWARD = (do.PlayAudio, do.PlaceWords, do.PlaceSentenceEnd, do.EndSegment, do.RunTools)


def check_eager(world: EagerWorld) -> None:
    """Of a reply that is held nothing gets out; it is kept or dropped, once; of one that is dropped nothing is left."""
    options = world.machine.options
    held: int | None = None
    dropped: set[int] = set()
    begun: dict[int, list[str]] = {}
    attempts: dict[int, int] = {}
    for effect in world.effects:
        reply = getattr(effect, "reply", None)
        if isinstance(effect, do.Emit):
            event = effect.event
            if isinstance(event, ev.EagerReply):
                begun.setdefault(event.reply, []).append(event.state)
                if event.state == "begun":
                    assert held is None, "one at a time"
                    held = event.reply
                    attempts[event.turn] = attempts.get(event.turn, 0) + 1
                else:
                    assert held == event.reply
                    held = None
                    dropped |= {event.reply} if event.state == "dropped" else set()
            elif isinstance(event, (ev.ReplyText, ev.AgentSpeechStarted, ev.AgentSpeechHeard)):
                assert event.reply != held, "nothing is told of it before it is kept"
                assert event.reply not in dropped, "nothing is told of one that was dropped"
        elif isinstance(effect, OUTWARD):
            assert reply != held, f"{type(effect).__name__} of a reply that is held"
            assert reply not in dropped, f"{type(effect).__name__} of a reply that was dropped"
        elif isinstance(effect, do.StartSpeech):
            assert reply not in dropped
            assert reply != held or (options.eager == "speech" and effect.clause == 0), "no more than the first clause"
        elif isinstance(effect, (do.BeginReply, do.StartModel)):
            assert held in (None, reply), "another reply begins only once this one is decided"
    assert held is None, "all are decided in the end"
    assert all(states in (["begun", "kept"], ["begun", "dropped"]) for states in begun.values())
    assert max(attempts.values(), default=0) <= options.eager_attempts
    drops = [effect.reply for effect in world.effects if isinstance(effect, do.DropReply)]
    assert dropped <= set(drops), "their streams are closed"
