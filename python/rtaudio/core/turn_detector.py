"""Turns of one stream, without an engine: samples in, in chunks of any size; speech, questions and turns out.

    samples ─► VadStream ─► Detector (gate, turn: csrc/gate.h, turn.h) ─► events
                               ▲ │ question
                      evidence │ ▼
                            the model: asked at once (`answers`), or by you (`answer`)

For authors of frameworks. A line of an `Engine` does the same on the audio path and needs none of this.
Positions count samples at 16 kHz from the start of the stream. How the stream is cut into chunks never shows in what
comes out (law 6); what comes in beside it (`answer`, `hint`, `speaking`) takes effect at the position of the call.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from rtaudio.core._engine import Detector, DetectorConfig
from rtaudio.core._port import MIC_RATE
from rtaudio.core._port import VAD_WINDOW as WINDOW
from rtaudio.core.turns import TurnReasons
from rtaudio.core.vad import Samples, SileroVad, SpeechEnded, SpeechStarted, checked_samples

if TYPE_CHECKING:
    from rtaudio.core._engine import HintKind
    from rtaudio.core._port import Event

__all__ = ["TurnAsked", "TurnDetector", "TurnEnded", "TurnQuestion", "TurnResumed"]

QUESTION_S: Final = 8.0
"""Audio that goes with a question, at most: as much as end-of-turn models hear."""


@dataclass(frozen=True, slots=True, eq=False)
class TurnQuestion:
    """Is the turn complete? `number` grows by one in a stream; `index` counts the questions of this silence from 0.

    `audio`: the last 8 s at most before the asked position, float32 at 16 kHz, shape (n,), a copy; it may hold more
    than this turn. `began`, `fell`, `asked`: where the turn began, where speech fell, up to where it was heard.
    """

    number: int
    index: int
    began: int
    fell: int
    asked: int
    audio: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TurnAsked:
    """A question is open: answer it with `TurnDetector.answer` within `TurnConfig.late_after_s`."""

    question: TurnQuestion


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The turn that began at sample `began` ended at sample `at`, which was decided at `decided_at`, for `reasons`."""

    began: int
    at: int
    decided_at: int
    reasons: TurnReasons


@dataclass(frozen=True, slots=True)
class TurnResumed:
    """Speech that began at sample `at` goes on with the turn that began at `began` and had seemed to end at `ended`."""

    began: int
    ended: int
    at: int
    decided_at: int


TurnEvent = SpeechStarted | SpeechEnded | TurnAsked | TurnEnded | TurnResumed
Answers = Callable[[TurnQuestion], Sequence[float] | None]


class TurnDetector:
    """Where turns begin and end in one stream. One thread."""

    def __init__(
        self,
        vad: SileroVad | None = None,
        answers: Answers | None = None,
        *,
        config: DetectorConfig | None = None,
        answer_after_s: float = 0.0,
    ) -> None:
        """`vad`: default `SileroVad()`. `answers`: called with each question while `process` runs; gives the numbers of
        a `rtaudio.TurnEvidence`, or None if it has nothing to say. What it raises is counted (`failures`) and warned of
        once; silence decides then. Its evidence takes effect `answer_after_s` of the stream after the question, so that
        a recording is decided as a live call would be. Without `answers` the questions come out as `TurnAsked`.

        `config`: settings; barge-in is of no account here. Raises as `SileroVad` does; ValueError for a time below 0.
        """
        if not 0.0 <= answer_after_s <= 60.0:
            raise ValueError(f"TurnDetector: answer_after_s must be 0..60 seconds, not {answer_after_s}")
        self._stream = (vad or SileroVad()).stream()
        self._config = config if config is not None else DetectorConfig()
        self._answers = answers
        self._answer_after = round(answer_after_s * MIC_RATE)
        self._warned = False
        self.failures = 0
        self._keep = round(QUESTION_S * MIC_RATE)
        self.reset()

    def reset(self) -> None:
        """Back to position 0 and silence, as if new."""
        self._stream.reset()
        self._detector = Detector(self._config)
        self._due: deque[tuple[int, int, Sequence[float]]] = deque()  # (takes effect at, question, evidence)
        self._audio = np.zeros(3 * self._keep, np.float32)
        self._kept = 0  # samples in it, up to the stream's position: 8 s at least, once they were heard
        self._speaking = False
        self._segment = 0

    @property
    def position(self) -> int:
        """Samples taken since the start."""
        return self._stream.position

    @property
    def speaking(self) -> bool:
        """The user speaks: speech has started and its end is not decided."""
        return self._detector.gate in ("speech", "falling")

    @property
    def turn(self) -> str:
        """'idle', 'open' (speaking), 'waiting' (silent, not decided) or 'grace' (ended, may be resumed)."""
        return self._detector.turn

    @property
    def delay_s(self) -> float:
        """The silence that ends the turn, as last decided."""
        return self._detector.turn_delay_s

    def figures(self) -> dict[str, int]:
        """turn_asked, turn_answered, turn_late, turn_stale, turn_unanswered, turn_resumed."""
        return self._detector.figures()

    def process(self, samples: Samples) -> list[TurnEvent]:
        """Takes samples at 16 kHz, shape (n,), float32 nominally in [-1, 1] or int16, any n; gives what was decided on
        them, in order. Nothing is taken of a chunk that raises: TypeError, ValueError as `VadStream.process` has them.
        """
        chunk = checked_samples(samples, "TurnDetector.process")
        window = self._stream.windows
        probabilities = self._stream.process(chunk)
        self._keep_audio(chunk)
        told: list[TurnEvent] = []
        for probability in probabilities:
            window += 1
            end = window * WINDOW
            self._take_due(end - 1, told)
            self._tell(self._detector.step(float(probability), end, self._speaking, self._segment)[1], told)
            self._take_due(end, told)
        self._take_due(self.position, told)
        return told

    def answer(self, question: TurnQuestion | int, evidence: Sequence[float]) -> list[TurnEvent]:
        """Evidence for an open question (a `rtaudio.TurnEvidence`); takes effect now, and may end the turn."""
        number = question.number if isinstance(question, TurnQuestion) else question
        told: list[TurnEvent] = []
        self._tell(self._detector.evidence(number, evidence, self.position), told)
        return told

    def hint(self, kind: HintKind, value: int) -> list[TurnEvent]:
        """What else is known, as `Line.post_turn_hint` has it; words are taken to be of the present turn."""
        told: list[TurnEvent] = []
        self._tell(self._detector.hint(kind, value, self._detector.turn_began, self.position), told)
        return told

    def agent_speaks(self, speaking: bool) -> None:
        """Whether the agent is heard, from the next window on. What the user says to an answer is a new turn."""
        self._segment += speaking and not self._speaking
        self._speaking = speaking

    def _keep_audio(self, chunk: NDArray[np.float32]) -> None:
        if self._kept + len(chunk) > len(self._audio):
            rest = self._audio[max(0, self._kept - self._keep - WINDOW) : self._kept]
            room = np.zeros(max(len(self._audio), len(rest) + len(chunk)), np.float32)
            room[: len(rest)] = rest
            self._audio, self._kept = room, len(rest)
        self._audio[self._kept : self._kept + len(chunk)] = chunk
        self._kept += len(chunk)

    def _take_due(self, position: int, told: list[TurnEvent]) -> None:
        while self._due and self._due[0][0] <= position:
            at, question, evidence = self._due.popleft()
            self._tell(self._detector.evidence(question, evidence, at), told)

    def _tell(self, events: list[Event], told: list[TurnEvent]) -> None:
        for event in events:
            match event.kind:
                case "speech_started":
                    told.append(SpeechStarted(event.mic, event.decided))
                case "speech_ended":
                    told.append(SpeechEnded(event.mic, event.decided))
                case "turn_asked":
                    self._ask(event, told)
                case "turn_ended":
                    told.append(TurnEnded(event.out, event.mic, event.decided, TurnReasons.of(event)))
                case "turn_resumed":
                    told.append(TurnResumed(event.a, event.b, event.mic, event.decided))

    def _ask(self, event: Event, told: list[TurnEvent]) -> None:
        first = self.position - self._kept  # position of the first sample that is kept
        audio = self._audio[max(0, event.decided - self._keep - first) : event.decided - first].copy()
        question = TurnQuestion(event.a, event.c, event.b, event.mic, event.decided, audio)
        if self._answers is None:
            told.append(TurnAsked(question))
            return
        try:
            evidence = self._answers(question)
        except Exception as error:
            self.failures += 1
            if not self._warned:
                self._warned = True
                warnings.warn(f"TurnDetector: the model failed: {error!r}; silence decides", RuntimeWarning, 4)
            return
        if evidence is not None:
            self._due.append((event.decided + self._answer_after, question.number, tuple(evidence)))
