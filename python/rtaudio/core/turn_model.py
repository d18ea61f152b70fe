"""Has the caller finished? Evidence from a model (Smart Turn v3.2) and from the voice, for the core's questions.

    engine's tick ── event "turn_asked" ──► [model thread: questions of all lines, the oldest first]
         ▲                                          │ mic ring: the turn so far
         │                                          ▼
         └── Line.post_turn_evidence ◄── prosody (C++) ─► energy end ─► log-mel (C++) ─► ONNX Runtime

What the model says of a turn hangs on the silence it is given: the more, the higher, whatever was said. So it is given
the turn up to its energy end and no silence; a later question of the same silence has it run again only if that end has
moved. The voice's own marks (melody, last syllable, levels) are measured at each question anew: csrc/kernels/prosody.h.
What evidence is worth is csrc/turn_policy.h's to say.

Questions of all lines are taken together and answered one after another, the one that waited longest first: one tensor
for four takes as long as four (299 and 286 ms of CPU, measured), and the first would wait for the last. Answers enter
the core as events that it journals.

Per question, one of these, counted in `TurnModel.figures`:

    answered   posted to the line
    late       it waited for more than `late_after_s` of the line's time: dropped
    failed     the model raised, or gave what is no probability: the voice's marks alone are posted
    lost       the mic ring no longer holds the turn's last 8 s: dropped
    gone       the line was removed, or its port closed

Of each line the first that is not answered is told of (`on_failure`). The core then decides by silence.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rtaudio.core import model_store
from rtaudio.core._features import LogMel, prosody
from rtaudio.core._port import MIC_RATE, PortClosed
from rtaudio.core._ring import LostSamples
from rtaudio.core.onnx_vad import guarded, report
from rtaudio.core.pumping import Pumping
from rtaudio.core.turns import TurnEvidence
from rtaudio.core.vad import ModelMissing, Samples, checked_samples

if TYPE_CHECKING:
    from rtaudio.core._engine import Line
    from rtaudio.core._port import Event
    from rtaudio.core.turn_detector import TurnQuestion

__all__ = ["TurnModel", "TurnModelClosed", "TurnQuestionDropped"]

Floats = NDArray[np.float32]
MODEL: Final = "smart-turn-v3.2"
_SHAPE: Final = (80, 800)
_MOST: Final = 8 * MIC_RATE
_PROSODY_LEAD: Final = MIC_RATE // 2
"""Heard before the turn for the sake of the noise."""
_MODEL_LEAD: Final = MIC_RATE // 5
"""Given to the model before the turn: the gate finds speech a little late."""
_SAME_END: Final = 160
"""Samples by which the energy end may move (one step of its measure) before the model is asked again."""
_NAN: Final = float("nan")


class TurnModelClosed(Exception):
    """The `TurnModel` was closed."""


class TurnQuestionDropped(Exception):
    """A question of a line was not answered; the message says why. The core decides by silence."""


Failed = Callable[["Line", Exception], None]


class TurnModel:
    """The model, and the thread on which it answers lines. Live: `start`. Simulation: `pump` after a step.

    Any thread may call what is here. Close it, or use it as a context manager.
    """

    def __init__(
        self,
        path: Path | str | None = None,
        *,
        late_after_s: float = 0.1,
        whole: bool = False,
        interval_s: float = 0.005,
        instruction_set: str | None = None,
        on_failure: Failed | None = None,
    ) -> None:
        """Loads the model and tries it on silence. `path`: an ONNX file of Smart Turn's interface; default: that of the
        model store, whose SHA-256 is checked. `late_after_s`: a question that waited longer, in its line's time, is
        dropped. `whole`: also ask the model about the audio up to the asked position (`p_asked`): a second run for
        each question. `interval_s`: how often the thread looks for questions. `on_failure`: called once per line on
        the model thread with why a question was not answered; default: ``threading.excepthook``.

        Raises `ModelMissing` (install it with ``rtaudio models install``), `ModelAltered`, ValueError for a model of
        another interface or a file that onnxruntime does not take, ImportError without onnxruntime.
        """
        if not 0.0 < late_after_s <= 60.0:
            raise ValueError(f"TurnModel: late_after_s must be above 0 and at most 60 seconds, not {late_after_s}")
        self.path: Final = model_store.find(MODEL) if path is None else Path(path)
        self.whole: Final = whole
        self._late_after = round(late_after_s * MIC_RATE)
        self._pumping = Pumping(self, interval_s, "rtaudio turn model")
        self._on_failure = on_failure if on_failure is not None else report
        self._network = _Network(self.path, instruction_set)
        self._answering = threading.RLock()  # who answers; held while the model runs. on_failure may come back in
        self._lock = threading.RLock()  # the feeds; never held while the model runs: event loops wait for it
        self._feeds: dict[Line, _Feed] = {}
        self._counts = dict.fromkeys(("asked", "answered", "late", "failed", "lost", "gone"), 0)
        self._closed = False

    # ---- by hand

    def probability(self, samples: Samples) -> float:
        """That the turn is complete, 0..1. samples: (n,) at 16 kHz, float32 nominally in [-1, 1] or int16, of which the
        last 8 s count. It means most on audio that ends where speech ends. Raises TypeError, ValueError (also where the
        model gives no probability)."""
        return self._network.probability(checked_samples(samples, "TurnModel.probability"))

    def evidence(self, samples: Samples, *, speech_start: int = 0) -> TurnEvidence:
        """All that can be told of a turn. samples: as in `probability`, from half a second before the turn, if there is
        so much, to the moment of asking. `speech_start`: where among them speech began. Raises as `probability`."""
        chunk = checked_samples(samples, "TurnModel.evidence")
        return self._judge(chunk, speech_start, None)[0]

    def answer(self, question: TurnQuestion) -> TurnEvidence:
        """Evidence for a question of a `TurnDetector`: ``TurnDetector(answers=model.answer)``. Raises as `evidence`."""
        first = question.asked - len(question.audio)
        return self.evidence(question.audio, speech_start=min(max(question.began - first, 0), len(question.audio)))

    def answers(self) -> Callable[[TurnQuestion], TurnEvidence]:
        """`answer` for the questions of one stream, one at a time: like for a line, the model runs again within a
        silence only if the energy end has moved. For ``TurnDetector(answers=model.answers())``."""
        fell, end, p = -1, 0, _NAN  # of the last question: its silence, the energy end, what the model said of it

        def answer(question: TurnQuestion) -> TurnEvidence:
            nonlocal fell, end, p
            first = question.asked - len(question.audio)
            start = min(max(question.began - first, 0), len(question.audio))
            known = (end - first, p) if question.fell == fell else None
            evidence, at, p = self._judge(question.audio, start, known)
            fell, end = question.fell, first + at
            return evidence

        return answer

    # ---- lines

    def add(self, line: Line) -> None:
        """Answers the questions of `line` from now on; its port has its session side in this process. Raises
        ValueError (it is here already), TurnModelClosed, PortClosed."""
        if line.removed:
            raise PortClosed("TurnModel.add: this line was removed from its engine")
        with self._lock:
            if self._closed:
                raise TurnModelClosed("TurnModel.add: closed")
            if line in self._feeds:
                raise ValueError("TurnModel.add: this line is here already")
            self._feeds[line] = _Feed(line)

    def remove(self, line: Line) -> None:
        """Lets go of `line`: nothing is posted to it any more when this returns. Not here: does nothing."""
        with self._lock:
            self._feeds.pop(line, None)

    def pump(self) -> int:
        """Answers what was asked since the last call, of all lines; gives how many questions it dealt with. Returns
        when all are dealt with: about 40 ms for each run of the model."""
        with self._answering:
            with self._lock:
                questions = self._collect()
            for question in questions:
                self._answer(question)
        return len(questions)

    def start(self) -> None:
        """Starts the model thread. RuntimeError: it runs; TurnModelClosed."""
        with self._lock:
            if self._closed:
                raise TurnModelClosed("TurnModel.start: closed")
            self._pumping.start()

    def stop(self) -> None:
        """Stops the thread; returns when it has ended. Not running: nothing."""
        self._pumping.stop()

    @property
    def running(self) -> bool:
        """The thread runs. False after `start` means that it died: lines are decided by silence until it is started."""
        return self._pumping.running

    def close(self) -> None:
        """Stops, and lets go of every line. May be called again."""
        self.stop()
        with self._lock:
            self._closed = True
            self._feeds.clear()

    def __enter__(self) -> TurnModel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def figures(self) -> dict[str, int]:
        """lines; asked, answered, late, failed, lost, gone: questions, as the module says (a failed one is answered,
        too); model_runs, and model_us, feature_us: time spent in the model and in what it is given, microseconds."""
        with self._lock:
            network = self._network
            spent = {"model_us": network.model_ns // 1000, "feature_us": network.feature_ns // 1000}
            return {"lines": len(self._feeds), **self._counts, "model_runs": network.runs, **spent}

    # ---- within

    def _collect(self) -> list[_Question]:
        questions: list[_Question] = []
        for line, feed in list(self._feeds.items()):
            try:
                questions += feed.read()
            except Exception as error:  # the other lines go on
                del self._feeds[line]
                if not isinstance(error, PortClosed):
                    self._tell(feed, error)
        self._counts["asked"] += len(questions)
        questions.sort(key=lambda question: -question.waited)
        return questions

    def _answer(self, question: _Question) -> None:
        feed, event = question.feed, question.event
        if self._feeds.get(feed.line) is not feed:
            self._counts["gone"] += 1
            return
        try:
            waited = feed.written() - event.decided
            if waited > self._late_after:
                self._counts["late"] += 1
                waited_ms = waited * 1000 // MIC_RATE
                # Told, not raised: a traceback would hold the line, and with it the port, for whoever keeps the error.
                why = f"question {event.a} waited for {waited_ms} ms: the model does not keep up"
                self._tell(feed, TurnQuestionDropped(why))
                return
            begin = max(0, event.b - _PROSODY_LEAD, event.decided - _MOST)
            samples = feed.mic.copy(begin, event.decided - begin)
            memo = feed.memo if feed.memo is not None and feed.memo.fell == event.mic else None
            evidence, end, p, failure = self._judge_line(samples, max(0, event.b - begin), begin, memo)
            feed.memo = _Memo(event.mic, end, p)
            with self._lock:
                if self._feeds.get(feed.line) is not feed:  # removed while the model ran
                    self._counts["gone"] += 1
                    return
                feed.line.post_turn_evidence(event.a, evidence)
            self._counts["answered"] += 1
            if failure is not None:
                self._counts["failed"] += 1
                self._tell(feed, failure)
        except LostSamples:
            self._counts["lost"] += 1
            self._tell(feed, TurnQuestionDropped(f"question {event.a}: the mic ring no longer holds its turn"))
        except PortClosed:
            self._counts["gone"] += 1
            with self._lock:
                if self._feeds.get(feed.line) is feed:
                    del self._feeds[feed.line]
        except Exception as error:
            self._tell(feed, error)

    def _judge_line(
        self, samples: Floats, speech_start: int, begin: int, memo: _Memo | None
    ) -> tuple[TurnEvidence, int, float, Exception | None]:
        """Evidence; where speech ended (mic) and what the model said of it; what the model raised."""
        known = None if memo is None else (memo.end - begin, memo.p)
        try:
            evidence, end, p = self._judge(samples, speech_start, known)
            return evidence, begin + end, p, None
        except Exception as error:
            told = prosody(samples, speech_start)
            return _evidence(told, len(samples), _NAN, _NAN), begin + told["energy_end"], _NAN, error

    def _judge(
        self, samples: Floats, speech_start: int, known: tuple[int, float] | None
    ) -> tuple[TurnEvidence, int, float]:
        """`known`: an energy end and what the model said of it."""
        started = time.perf_counter_ns()
        told = prosody(samples, speech_start)
        self._network.feature_ns += time.perf_counter_ns() - started
        end = told["energy_end"]
        first = max(0, speech_start - _MODEL_LEAD)
        if known is not None and abs(known[0] - end) <= _SAME_END and known[1] == known[1]:
            end, p = known  # the end to compare with stays where the model heard it
        else:
            p = self._network.probability(samples[first:end])
        whole = self._network.probability(samples[first:]) if self.whole else _NAN
        return _evidence(told, len(samples), p, whole), end, p

    def _tell(self, feed: _Feed, error: Exception) -> None:
        if not feed.told:
            feed.told = True
            guarded(self._on_failure, feed.line, error)


def _evidence(told: Any, asked: int, p: float, whole: float) -> TurnEvidence:
    marks = {name: told[name] for name in TurnEvidence._fields if name in told}
    return TurnEvidence(p_trimmed=p, p_asked=whole, silence_s=(asked - told["energy_end"]) / MIC_RATE, **marks)


class _Memo(NamedTuple):
    """What the model said in the present silence."""

    fell: int
    end: int
    p: float


class _Feed:
    """One line, under the model's lock."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.mic = line.port.mic()
        self.memo: _Memo | None = None
        self.told = False
        self._events = line.port.event_reader()
        self._events.read()  # what was asked before is nobody's question any more

    def written(self) -> int:
        """Mic samples heard so far."""
        return int(self.line.port.mic_written)

    def read(self) -> list[_Question]:
        if self.line.removed or self.line.port.closed:
            raise PortClosed("the line is gone")
        _, hearing = self._events.read()
        now = self.written()
        return [_Question(self, event, now - event.decided) for event in hearing if event.kind == "turn_asked"]


class _Question(NamedTuple):
    feed: _Feed
    event: Event
    waited: int


class _Network:
    """The ONNX session and the features before it. onnxruntime lets any number of threads run at once."""

    def __init__(self, path: Path, instruction_set: str | None) -> None:
        if not path.is_file():
            raise ModelMissing(f"TurnModel: no model at {path}; rtaudio models install {MODEL}")
        import onnxruntime  # type: ignore[import-untyped]

        self.path = path
        self.runs = self.model_ns = self.feature_ns = 0
        self._mel = LogMel(instruction_set)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # two gain nothing
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise ValueError(f"TurnModel: onnxruntime does not take {path}: {error}") from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        said = "; ".join(f"{each.name}: {each.type} {each.shape}" for each in (*inputs, *outputs))
        good = len(inputs) == len(outputs) == 1 and inputs[0].type == outputs[0].type == "tensor(float)"
        if not good or len(inputs[0].shape) != 3 or tuple(inputs[0].shape[1:]) != _SHAPE:
            raise ValueError(
                f"TurnModel: {path} has not Smart Turn's interface, features (n, 80, 800) to one probability: {said}"
            )
        self._input = inputs[0].name
        try:
            self.probability(np.zeros(MIC_RATE, np.float32))
        except Exception as error:
            raise ValueError(f"TurnModel: {path} cannot be run on silence: {error}") from error

    def probability(self, samples: Floats) -> float:
        """Of a complete turn. Raises ValueError for what is no probability, and what onnxruntime raises."""
        started = time.perf_counter_ns()
        features = self._mel.run(samples)
        between = time.perf_counter_ns()
        (out,) = self._session.run(None, {self._input: features[None]})
        self.runs += 1
        self.feature_ns += between - started
        self.model_ns += time.perf_counter_ns() - between
        p = float(out.reshape(-1)[0]) if out.size == 1 else _NAN
        if not -1e-3 <= p <= 1.0 + 1e-3:
            raise ValueError(f"the model gave {p if out.size == 1 else out.shape}, no probability")
        return min(max(p, 0.0), 1.0)
