"""One reply on its way from text to audio: pure bookkeeping, a part of the session's machine.

    tokens ──splitter──► clauses ──at most `in_flight` at once──► TTS ──in the text's order──► one segment

It knows which character of the text begins at which sample of the segment, and so what was heard of it (law 9).

    phase      leaves to
    HELD       THINKING when its turn is decided and it is the answer; gone when it is not (machine_eager.py)
    THINKING   SPEAKING when its first sample is put out; gone when cancelled with nothing written, or without audio
    SPEAKING   gone when its segment is done or cut
    STOPPING   flushed by the session: gone when the cut, or the end that overtook it, is reported
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from rtaudio.voice import effects as do
from rtaudio.voice.clause_rules import rules_for
from rtaudio.voice.clauses import Clause, ClauseSplitter
from rtaudio.voice.heard import WordAt, heard_until, place_words
from rtaudio.voice.items import AudioCame, ReplyAsked, SayAsked
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.policies import Interruption
from rtaudio.voice.protocols import ToolCall, Word
from rtaudio.voice.start_buffer import PIECES, StartBuffer
from rtaudio.voice.transforms import Speakable, SpokenText, speakable
from rtaudio.voice.turns import Turn

MIC_RATE = 16000
CHARS_PER_S = 15.0
"""English speech, roughly: places the words of a first clause that is heard before its end was synthesised."""


ReplyKind = Literal["answer", "say", "asked", "late", "entry"]
"""asked: of the model, by the program's wish. late: by itself, about results of tools that came late. entry: likewise,
of an agent that took over."""


class Phase(StrEnum):
    """Where a reply is; see the module."""

    HELD = "held"
    THINKING = "thinking"
    SPEAKING = "speaking"
    STOPPING = "stopping"


@dataclass(slots=True)
class ClauseAudio:
    """A clause, as a voice gets it, and the audio that came for it, in samples of the TTS's rate."""

    clause: Clause
    spoken: SpokenText
    begin: int = 0  # set when it becomes the current one
    samples: int = 0
    pieces: int = 0
    played: int = 0  # pieces handed to the playout
    done: bool = False
    words: list[Word] = field(default_factory=list)  # as its TTS says
    found: tuple[Word, ...] = ()  # by their sound
    found_until_s: float = 0.0
    words_refused: bool = False  # its TTS's times made no sense
    arrivals: list[tuple[float, float]] = field(default_factory=list)  # of its pieces: when, and how long, in seconds
    begun: bool = False  # enough of it is there to go on without a gap, as far as is known

    @property
    def known(self) -> list[Word]:
        """Where words begin: as its TTS says, beyond that by their sound."""
        last = self.words[-1] if self.words else Word(-1.0, -1)
        return [
            *self.words,
            *(word for word in self.found if word.start_s > last.start_s and word.text_offset > last.text_offset),
        ]


@dataclass(slots=True)
class Milestones:
    """When, on the loop's clock; None: not yet."""

    origin_ns: int
    turn_decided: int | None = None
    stt_final: int | None = None
    first_token: int | None = None
    first_clause: int | None = None
    first_audio: int | None = None
    first_sample: int | None = None
    heard: int | None = None


@dataclass(slots=True)
class Reply:
    """One reply; see the module. `number` counts the session's replies from 1."""

    number: int
    kind: ReplyKind
    times: Milestones
    port_rate: int
    options: SessionOptions
    wishes: tuple[SayAsked | ReplyAsked, ...] = ()  # of the program, that it is for
    dropped: set[int] = field(default_factory=set)  # tickets of those, nobody wants any more
    interruption: Interruption = "immediate"
    phase: Phase = Phase.THINKING
    began_mic: int = 0
    text: str = ""
    rate: int = 0  # of the TTS; fixed by its first audio
    text_ended: bool = False
    broken: bool = False  # its TTS failed: no audio beyond what came
    answers: Turn | None = None  # the turn, to be answered anew if nothing is heard of this
    answered_to: int = 0  # messages of the history that were answered before it
    steps: int = 0  # with tools, of the same answer, before this one
    heard_before: bool = False  # some of those was heard
    tools_ns: int = 0  # spent in waiting for their tools
    calls: list[ToolCall] = field(default_factory=list)  # of tools, to be run when the text is complete
    may_be_silent: bool = False
    only: tuple[str, ...] | None = None  # tools that it may call; None: all there are
    abandoned: bool = False  # stopped by `interrupt`, or without any audio: its turn is not answered anew
    model_failed: bool = False
    told: bool = False  # its TurnMetrics are out
    clauses: list[ClauseAudio] = field(default_factory=list)
    started: int = 0  # clauses handed to the TTS
    current: int = 0  # clause whose audio goes to the segment now
    written: int = 0  # samples handed to the playout, at the TTS's rate
    segment_ended: bool = False
    start_buffer: StartBuffer = field(default_factory=lambda: StartBuffer(0.0))  # its voice's
    splitter: ClauseSplitter = field(init=False)
    speakable: Speakable = field(init=False)

    def __post_init__(self) -> None:
        rules = rules_for(self.options.language)
        self.splitter = ClauseSplitter(self.options.first_clause_chars, self.options.clause_chars, rules)
        self.speakable = speakable(self.options.text_transforms, self.options.pronunciations, self.options.language)

    @property
    def opened(self) -> bool:
        """Some of its audio went to the playout: it has a segment."""
        return self.written > 0

    @property
    def recording(self) -> int:
        """The ticket under which its audio is kept; 0: a voice speaks it."""
        return next((wish.ticket for wish in self.wishes if isinstance(wish, SayAsked) and wish.recorded), 0)

    @property
    def failed(self) -> bool:
        """Of a provider, so that there is nothing to hear."""
        return (self.model_failed or self.broken) and self.phase is not Phase.STOPPING

    @property
    def working(self) -> bool:
        return self.phase is not Phase.STOPPING and not self.segment_ended

    @property
    def backlog(self) -> int:
        """Clauses not yet begun to be synthesised."""
        return len(self.clauses) - self.started

    def add_text(self, text: str) -> list[Clause]:
        self.text += text
        return self._add(self.splitter.feed(text))

    def add_recorded(self, text: str) -> list[Clause]:
        """All of it, in one piece, as its audio has it: nothing is split or written otherwise for a voice."""
        self.text, self.speakable, self.start_buffer = text, speakable((), {}), StartBuffer(0.0)
        return self._add([Clause(text, 0)])

    def end_text(self, complete: bool) -> list[Clause]:
        """No more text. An incomplete one loses the clause that was under way."""
        self.text_ended = True
        return self._add(self.splitter.finish() if complete else [])

    def _add(self, clauses: list[Clause]) -> list[Clause]:
        self.clauses += [ClauseAudio(clause, self.speakable.spoken(clause.spoken)) for clause in clauses]
        return clauses

    @property
    def speaks(self) -> bool:
        """Whether a voice has anything to say in it."""
        return any(clause.spoken.speakable for clause in self.clauses)

    def start_clauses(self) -> Iterator[do.Effect]:
        """Hands clauses to the TTS, as many as may be in flight; those of which nothing is spoken are passed over."""
        in_flight = sum(not clause.done for clause in self.clauses[self.current : self.started])
        while not self.broken and self.started < len(self.clauses) and in_flight < self.options.clauses_in_flight:
            clause, number = self.clauses[self.started], self.started
            self.started += 1
            if clause.spoken.speakable:
                yield do.StartSpeech(self.number, number, clause.spoken.text, self.recording)
                in_flight += 1
            else:
                yield from self.end_clause(number)

    def add_audio(self, item: AudioCame) -> Iterator[do.Effect]:
        """Raises ValueError for audio at another rate than before: a segment has one."""
        if self.rate not in (0, item.rate):
            raise ValueError(f"gave audio at {item.rate} Hz after audio at {self.rate} Hz")
        self.rate = item.rate
        clause = self.clauses[item.clause]
        clause.samples += item.samples
        clause.pieces += 1
        if len(clause.arrivals) < PIECES:
            clause.arrivals.append((item.at.mic / MIC_RATE, item.samples / item.rate))
        return self.play()

    def add_words(self, item: AudioCame) -> None:
        """Raises ValueError, once, for times that make no sense; the clause's words are then placed in proportion."""
        clause = self.clauses[item.clause]
        if clause.words_refused:
            return
        try:
            place_words(clause.spoken.text, [*clause.words, *item.words], clause.samples, item.rate)
        except ValueError:
            clause.words_refused = True
            clause.words.clear()
            raise
        clause.words.extend(item.words)

    def end_clause(self, number: int) -> Iterator[do.Effect]:
        self.clauses[number].done = True
        self.start_buffer.learn(self.clauses[number].arrivals)
        return self.play()

    def play(self) -> Iterator[do.Effect]:
        """Hands over what is next, in order, and the words that belong to it. A clause is begun once so much of it is
        there as its voice needs to go on without a gap."""
        while self.current < len(self.clauses):
            clause = self.clauses[self.current]
            if clause.played == 0:
                clause.begin = self.written
            held_s = clause.samples / self.rate if self.rate else 0.0
            clause.begun |= clause.done or self.broken or held_s >= self.start_buffer.learned_s
            if not clause.begun:
                return
            while clause.played < clause.pieces:
                yield do.PlayAudio(self.number, self.current, clause.played)
                clause.played += 1
            self.written = clause.begin + clause.samples
            if not clause.done:
                return
            if clause.pieces:
                yield do.PlaceWords(self.number, tuple(self._in_segment(clause)))
            if self.interruption == "after_sentence" and clause.clause.ends_sentence:
                yield do.PlaceSentenceEnd(self.number, self._at_port(self.written))
            self.current += 1

    def finish_writing(self) -> bool:
        """True once, when all its audio has been handed over."""
        if self.segment_ended or not (self.broken or (self.text_ended and self.current == len(self.clauses))):
            return False
        self.segment_ended = True
        return True

    def heard(self, samples: int) -> tuple[str, str]:
        """(heard, not heard) of the text, given how far its segment was heard, in samples at the port's rate."""
        spoken = [clause for clause in self.clauses[: self.current + 1] if clause.pieces]
        words = [word for clause in spoken for word in self._in_segment(clause)]
        text_end = spoken[-1].clause.offset + len(spoken[-1].clause.text) if spoken else 0
        audio_end = self._at_port(spoken[-1].begin + self._length(spoken[-1])) if spoken else 0
        end = heard_until(words, text_end, audio_end, samples)
        if spoken and end == text_end:
            end = self._past_unspoken(end)
        if end and not any(map(str.isalnum, self.text[end:])):
            end = len(self.text)  # nothing in the rest can be heard
        return self.text[:end].strip(), self.text[end:].strip()

    def _past_unspoken(self, end: int) -> int:
        """What no voice would say has been heard with what is before it: where the text goes on after that."""
        for clause in self.clauses:
            if clause.clause.offset == end and not clause.spoken.speakable:
                end += len(clause.clause.text)
        return end

    @property
    def audio_end(self) -> int:
        """Of what was handed over, at the port's rate."""
        return self._at_port(self.written)

    def _in_segment(self, clause: ClauseAudio) -> list[WordAt]:
        """Words as written; of several that are spoken for one, it begins with the first."""
        words, written = list[WordAt](), -1
        for word in self._placed(clause):
            if (start := clause.spoken.word_start(word.offset)) > written:
                words.append(WordAt(self._at_port(clause.begin + word.sample), clause.clause.spoken_offset + start))
                written = start
        return words

    def _placed(self, clause: ClauseAudio) -> list[WordAt]:
        return place_words(clause.spoken.text, clause.known, self._length(clause), self.rate, clause.found_until_s)

    def _length(self, clause: ClauseAudio) -> int:
        """Samples of the clause; of one that is not complete, what they will be at the pace of those that are, from
        where its last word that is known begins."""
        if clause.done:
            return clause.samples
        done = [other for other in self.clauses if other.done and other.samples]
        done_chars = sum(len(other.spoken.text) for other in done)
        pace = sum(other.samples for other in done) / done_chars if done else self.rate / CHARS_PER_S
        last = clause.known[-1] if clause.known else Word(clause.found_until_s, 0)
        to_come = pace * (len(clause.spoken.text) - last.text_offset)
        return max(clause.samples, round(last.start_s * self.rate + to_come))

    def _at_port(self, sample: int) -> int:
        return sample * self.port_rate // self.rate if self.rate else 0
