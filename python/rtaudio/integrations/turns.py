"""The end of turns for every plug-in: int16 audio at the framework's rate in, `rtaudio.TurnDetector`'s events out.

    int16 ─► Resampler ─► TurnDetector ─► SpeechStarted, SpeechEnded, TurnEnded, TurnResumed
                           ▲        │ question
                  evidence │        ▼
                [one thread for the whole process: the turn model, questions of all streams in order]

What frameworks know is a probability and two delays; here the delay itself is decided (csrc/turn_policy.h): the event
`TurnEnded` says that the turn is over *now*. Answers are taken with the next audio: nothing is left running when a
stream is let go of, and no callback comes from another thread. Without a model, or when it is late, silence decides.

Thread rule: one stream on one thread. The model's thread computes and touches nothing else. At most `WAITING_MOST`
questions wait for it, of all streams together: more are as good as late, and a model that never answers holds no more.
"""

from __future__ import annotations

import logging
import threading
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
WAITING_MOST: Final = 64
"""Questions (each with up to 8 s of sound) that may wait for the model's thread, those included that nobody wants any
more. An answer takes tens of milliseconds and is late after 100."""
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


class _ModelThread:
    """One thread for the process: the model takes a core for tens of milliseconds, and two at once are no faster."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="rtaudio-turns")
        self._lock = threading.Lock()
        self._waiting = 0

    def ask(
        self, answers: Callable[[TurnQuestion], Sequence[float]], question: TurnQuestion, late_after_s: float
    ) -> Future[Sequence[float] | None]:
        """The answer, or None if it is too late to begin with it by then, or too much waits."""
        future: Future[Sequence[float] | None] = Future()
        with self._lock:
            if self._waiting >= WAITING_MOST:
                future.set_result(None)
                return future
            self._waiting += 1
        # A cancelled future of the executor's own would leave its question in the queue, uncounted.
        self._executor.submit(self._answer, future, answers, question, time.monotonic() + late_after_s)
        return future

    def _answer(
        self,
        future: Future[Sequence[float] | None],
        answers: Callable[[TurnQuestion], Sequence[float]],
        question: TurnQuestion,
        until: float,
    ) -> None:
        try:
            if future.set_running_or_notify_cancel():
                future.set_result(answers(question) if time.monotonic() <= until else None)
        except BaseException as error:
            future.set_exception(error)
        finally:
            with self._lock:
                self._waiting -= 1


@cache
def _model_thread() -> _ModelThread:
    return _ModelThread()


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
            self._asked.append((question, _model_thread().ask(self._answers, question, self.config.late_after_s)))

    def _take_answers(self, told: list[TurnEvent]) -> None:
        asked, self._asked = self._asked, []
        for question, answer in asked:
            if not answer.done():
                self._asked.append((question, answer))  # it waits, or never ends: the others do not wait for it
                continue
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
