"""The end of turns for every plug-in: int16 audio at the framework's rate in, `rtaudio.TurnDetector`'s events out.

    int16 ─► Resampler ─► TurnDetector ─► SpeechStarted, SpeechEnded, TurnEnded, TurnResumed
                           ▲        │ question
                  evidence │        ▼
                [one thread for the whole process: the turn model, questions of all streams in order]

What frameworks know is a probability and two delays; here the delay itself is decided (csrc/turn_policy.h): the event
`TurnEnded` says that the turn is over *now*. Answers are taken with the next audio: nothing is left running when a
stream is let go of, and no callback comes from another thread. Without a model, or when it is late, silence decides.

Thread rule: one stream on one thread. The model's thread computes and touches nothing else.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Final, Protocol

import numpy as np

from rtaudio import (
    MIC_RATE,
    DetectorConfig,
    Resampler,
    SileroVad,
    SpeechEnded,
    SpeechStarted,
    TurnAsked,
    TurnConfig,
    TurnDetector,
    TurnEnded,
    TurnQuestion,
    TurnResumed,
)
from rtaudio.integrations.hearing import Pcm, checked_rate

__all__ = ["TurnAnswers", "Turns", "usual_model"]

_log = logging.getLogger("rtaudio.integrations")
TurnEvent = SpeechStarted | SpeechEnded | TurnEnded | TurnResumed


class TurnAnswers(Protocol):
    """What answers the detector's questions: a `rtaudio.TurnModel`, or anything else with its `answers`."""

    def answers(self) -> Callable[[TurnQuestion], Sequence[float]]:
        """Gives a `rtaudio.TurnEvidence` for each question of one stream, in order; called on the model's thread."""
        ...


@cache
def usual_model() -> TurnAnswers | None:
    """The model of the model store, one for the process; None, and a warning, if it is not installed."""
    from rtaudio import TurnModel

    try:
        return TurnModel()
    except (ImportError, OSError) as error:
        _log.warning("turns end by silence alone: %s", error)
        return None


@cache
def _model_thread() -> ThreadPoolExecutor:
    """One thread: the model takes a core for tens of milliseconds, and two at once are no faster."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="rtaudio-turns")


class Turns:
    """One stream."""

    def __init__(
        self,
        rate: int,
        config: TurnConfig | None = None,
        *,
        model: TurnAnswers | None = None,
        vad: SileroVad | None = None,
    ) -> None:
        """`rate`: of the input, one of `hearing.FROM_RATES`; ValueError otherwise. `model`: None: silence decides."""
        self.rate: Final = checked_rate(rate)
        self.config: Final = config or TurnConfig()
        self._answers = None if model is None else model.answers()
        self.late = 0
        """Questions that waited for the model's thread until they were too old to answer."""
        self.failed = 0
        """Questions at which the model raised."""
        self._resampler = None if rate == MIC_RATE else Resampler(rate, MIC_RATE, dtype="int16")
        self._detector = TurnDetector(vad, config=DetectorConfig(turn=self.config, barge_in=False))
        self._asked: list[tuple[TurnQuestion, Future[Sequence[float] | None]]] = []

    def reset(self) -> None:
        """Silence, and nothing heard before; questions that are open are forgotten."""
        if self._resampler is not None:
            self._resampler.reset()
        self._detector.reset()
        self.forget()

    def forget(self) -> None:
        """Lets go of open questions; what the model has not begun with it never begins."""
        for _, answer in self._asked:
            answer.cancel()
        self._asked.clear()

    @property
    def turn(self) -> str:
        """'idle', 'open', 'waiting' or 'grace', as `rtaudio.TurnDetector.turn`."""
        return self._detector.turn

    @property
    def open_questions(self) -> int:
        """Questions whose answers have not been taken."""
        return len(self._asked)

    def hear(self, pcm: Pcm) -> list[TurnEvent]:
        """Takes mono samples, shape (n,), any n, and the answers there are; gives what was decided, in order."""
        told: list[TurnEvent] = []
        self._take_answers(told)
        at_16k = pcm if self._resampler is None else self._resampler.process(np.ascontiguousarray(pcm))
        for event in self._detector.process(np.ascontiguousarray(at_16k)):
            if isinstance(event, TurnAsked):
                self._ask(event.question)
            else:
                told.append(event)
        return told

    def _ask(self, question: TurnQuestion) -> None:
        if self._answers is not None:
            for _, older in self._asked:
                older.cancel()  # not begun: this one knows more
            answer = _model_thread().submit(
                _answer, self._answers, question, time.monotonic() + self.config.late_after_s
            )
            self._asked.append((question, answer))

    def _take_answers(self, told: list[TurnEvent]) -> None:
        while self._asked and self._asked[0][1].done():
            question, answer = self._asked.pop(0)
            failure = None if answer.cancelled() else answer.exception()
            if failure is not None:
                self.failed += 1
                if self.failed == 1:
                    _log.warning("the turn model failed: %r; silence decides", failure)
            elif answer.cancelled() or (evidence := answer.result()) is None:
                self.late += 1
                if self.late == 1:
                    _log.warning("the turn model is busy: a question waited too long; silence decides")
            else:
                told += [
                    event for event in self._detector.answer(question, evidence) if not isinstance(event, TurnAsked)
                ]


def _answer(
    answers: Callable[[TurnQuestion], Sequence[float]], question: TurnQuestion, until: float
) -> Sequence[float] | None:
    """On the model's thread. None: it is too late to begin."""
    if time.monotonic() > until:
        return None
    return answers(question)
