"""What the agent was to say, kept beside a session: audio given to the playout, its text, where its words begin.

A recorder of the session's items and effects. What of all that left the loudspeaker is not asked here: see
rtaudio.testing.heard, which looks for this audio in what the sink kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from rtaudio.core import resample
from rtaudio.voice import effects as do
from rtaudio.voice import items as it
from rtaudio.voice.events import AgentSpeechHeard, AgentSpeechInterrupted, ReplyText
from rtaudio.voice.heard import WordAt, place_words
from rtaudio.voice.protocols import Audio, Word


@dataclass(slots=True)
class ClauseLog:
    """`spoken`: as its voice was given it; `begin`: its first sample in the reply's audio, at the voice's rate.
    `placed`: where its words are is known for good."""

    spoken: str = ""
    begin: int = 0
    samples: int = 0
    words: list[Word] = field(default_factory=list)
    placed: bool = False


@dataclass(slots=True)
class ReplyLog:
    """One reply. `from_at`, `until_at`: samples of the sink between which it can have sounded; None: it goes on."""

    number: int
    from_at: int = 0
    until_at: int | None = None
    texts: list[tuple[int, str]] = field(default_factory=list)  # from which character on
    pieces: list[Audio] = field(default_factory=list)
    rate: int = 0
    clauses: dict[int, ClauseLog] = field(default_factory=dict)
    placed: list[WordAt] = field(default_factory=list)  # at the port's rate

    @property
    def text(self) -> str:
        text = ""
        for offset, part in self.texts:
            text = text.ljust(offset) + part
        return text

    def audio(self, port_rate: int) -> Audio:
        """All that was given to the playout, as the core writes it to the segment."""
        if not self.pieces:
            return np.zeros(0, np.float32)
        samples = np.concatenate(self.pieces)
        return samples if self.rate == port_rate else resample(samples, self.rate, port_rate, quality="fir")

    def words(self, port_rate: int) -> list[WordAt]:
        """Where words begin: as the session has placed them; in a clause that was cut before its audio was complete, as
        its voice said, and in proportion beyond that."""
        words = list(self.placed)
        for number, clause in sorted(self.clauses.items()):
            if clause.placed or not clause.samples:
                continue
            offset, text = self._text_of(number, clause, words)
            known = clause.words if clause.spoken == text else []
            try:
                found = place_words(text, known, clause.samples, self.rate)
            except ValueError:  # times that make no sense
                found = place_words(text, [], clause.samples, self.rate)
            words += [
                WordAt((clause.begin + word.sample) * port_rate // self.rate, offset + word.offset) for word in found
            ]
        return words

    def _text_of(self, number: int, clause: ClauseLog, before: list[WordAt]) -> tuple[int, str]:
        """From which character on, and what; of a speech-to-speech model, all that is not placed yet."""
        if clause.spoken:
            return self.texts[number]
        text = self.text
        begin = len(text) - len(text[before[-1].offset :].partition(" ")[2]) if before else 0
        return begin, text[begin:]


class AgentLog:
    """A recorder. `audio_of`: the session's; `now`: samples that the sink has."""

    def __init__(self, audio_of: Callable[[do.PlayAudio], tuple[Audio, int]], now: Callable[[], int]) -> None:
        self._audio_of, self._now = audio_of, now
        self.replies: dict[int, ReplyLog] = {}

    def record(self, what: object) -> None:
        match what:
            case do.Emit(event=ReplyText() as event):
                self._reply(event.reply).texts.append((event.text_offset, event.text))
            case do.StartSpeech():
                self._clause(what.reply, what.clause).spoken = what.text
            case do.PlayAudio():
                self._play(what)
            case it.AudioCame() if what.words:
                self._clause(what.reply, what.clause).words += what.words
            case do.PlaceWords():
                self._place(what)
            case do.Emit(event=AgentSpeechHeard() | AgentSpeechInterrupted() as event):
                self._reply(event.reply).until_at = self._now()
            case _:
                pass

    def _play(self, effect: do.PlayAudio) -> None:
        reply, clause = self._reply(effect.reply), self._clause(effect.reply, effect.clause)
        samples, rate = self._audio_of(effect)
        if not reply.pieces:
            reply.from_at = self._now()
        if effect.number == 0:
            clause.begin = sum(map(len, reply.pieces))
        reply.pieces.append(samples.copy())
        reply.rate = rate
        clause.samples += len(samples)

    def _place(self, effect: do.PlaceWords) -> None:
        reply = self._reply(effect.reply)
        reply.placed += effect.words
        waiting = (each for _, each in sorted(reply.clauses.items()) if each.samples and not each.placed)
        if (clause := next(waiting, None)) is not None:  # they are placed in their order
            clause.placed = True

    def _reply(self, number: int) -> ReplyLog:
        return self.replies.setdefault(number, ReplyLog(number))

    def _clause(self, reply: int, number: int) -> ClauseLog:
        return self._reply(reply).clauses.setdefault(number, ClauseLog())
