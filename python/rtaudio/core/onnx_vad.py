"""Any other VAD in an ONNX file, through onnxruntime, on a thread of its own.

An ONNX Runtime call allocates and locks, so it has no place on the audio path. `OnnxVad` owns one *model thread*; many
`OnnxVadStream`s hand it windows through one bounded queue, and it runs them in batches: one window of each stream that
has one waiting, the longest waiting first. Results come back stamped with their position on the stream's media clock,
in order, through a callback and through the future that `push` returns.

    push ──► windows of stream A ─┐                          ┌─► on_result(VadResult), then the push's future
    push ──► windows of stream B ─┼─► ready ─► [batch] ─► run ─┼─► ...
    push ──► windows of stream C ─┘   ▲                      └─► streams with more windows: ready again

onnxruntime does not promise that a row comes out the same in every batch; whoever replays (law 5) records the results
as events, or sets ``max_batch=1``.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from rtaudio.core.vad import ModelMissing, Samples, checked_samples

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

__all__ = ["OnnxVad", "OnnxVadStream", "VadClosed", "VadResult"]

Floats = NDArray[np.float32]


class VadClosed(Exception):
    """The `OnnxVad` or the stream has been closed; windows that were waiting were not run."""


@dataclass(frozen=True, slots=True)
class VadResult:
    """Speech probability of the window that ends just before sample `position_end` of its stream."""

    position_end: int
    probability: float


class OnnxVad:
    """A model and its thread. Any thread may open streams; close it, or use it as a context manager."""

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        rate: int = 16000,
        window_samples: int = 512,
        context_samples: int | None = None,
        max_batch: int = 32,
        queue_windows: int = 1024,
    ) -> None:
        """Loads the model and tries it on silence; takes as long as onnxruntime does (a second at the first).

        The interface is Silero's, told by types and shapes: inputs are audio, float32 (batch, samples); at most one
        state, float32 with one axis for the batch; at most one sample rate, int64. Outputs are the probability, one
        value per row, and, with a state, the new state.
        `context_samples`: samples of the window before that stand before each window; default 64 at 16 kHz (in
        proportion at other rates) for models with state and rate, as Silero's since v5, else 0.
        `queue_windows`: bound of what may wait, over all streams; a `push` beyond it is refused.

        Raises `ModelMissing`; ValueError for another interface, or a file that onnxruntime does not take; ImportError
        without onnxruntime.
        """
        for name, value in (("rate", rate), ("window_samples", window_samples), ("max_batch", max_batch)):
            if value < 1:
                raise ValueError(f"OnnxVad: {name} must be at least 1, not {value}")
        if context_samples is not None and context_samples < 0:
            raise ValueError(f"OnnxVad: context_samples must not be negative, not {context_samples}")
        if queue_windows < 1:
            raise ValueError(f"OnnxVad: queue_windows must be at least 1, not {queue_windows}")
        self.rate: Final = rate
        self.queue_windows: Final = queue_windows
        self.window_samples: Final = window_samples
        from pathlib import Path

        self.path: Final = Path(path)
        model = _Model(self.path, rate, window_samples, context_samples)
        self.context_samples: Final = model.context
        self.max_batch: Final = min(max_batch, model.most_rows or max_batch)
        self._worker = _Worker(model, self.max_batch, queue_windows)
        # The thread knows the worker alone, so that an OnnxVad that is let go of stops it.
        self._stop = weakref.finalize(self, self._worker.stop)
        thread = threading.Thread(target=self._worker.main, name="rtaudio model", daemon=True)
        self._thread = thread
        thread.start()

    def stream(
        self,
        on_result: Callable[[VadResult], None] | None = None,
        on_failure: Callable[[int, Exception], None] | None = None,
    ) -> OnnxVadStream:
        """A new stream at position 0. For each window, in order of position, one of the two is called on the model
        thread: `on_failure` with its end and what the model raised, where there is no result. They must not block. One
        that raises is reported to ``threading.excepthook``; the stream goes on. Raises `VadClosed`."""
        if self._worker.closed:
            raise VadClosed("OnnxVad.stream: this model is closed")
        return OnnxVadStream(self, self._worker, on_result, on_failure)

    @property
    def waiting(self) -> int:
        """Windows in the queue, of all streams."""
        return self._worker.waiting

    @property
    def refused(self) -> int:
        """Windows that a full queue refused so far."""
        return self._worker.refused

    @property
    def failures(self) -> int:
        """Windows on which the model raised, or gave what is no number."""
        return self._worker.failures

    def close(self) -> None:
        """Stops the thread after the batch it is at. Futures of windows that wait raise `VadClosed`. May be called
        twice, and from any thread but the model's."""
        self._stop()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def __enter__(self) -> OnnxVad:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class OnnxVadStream:
    """One stream of samples. One thread pushes; results come as `OnnxVad.stream` says."""

    def __init__(
        self,
        vad: OnnxVad,
        worker: _Worker,
        on_result: Callable[[VadResult], None] | None,
        on_failure: Callable[[int, Exception], None] | None,
    ) -> None:
        self._vad = vad
        self._worker = worker
        self._lane = _Lane(on_result, on_failure)
        self._pending = np.zeros(0, np.float32)
        self._start = 0
        self._windows = 0
        self._fresh = True

    @property
    def position(self) -> int:
        """Of the next sample: samples taken, and where the stream began (`reset`)."""
        return self._start + self._windows * self._vad.window_samples + len(self._pending)

    def push(self, samples: Samples) -> Future[list[VadResult]]:
        """Takes samples, shape (n,), float32 nominally in [-1, 1] or int16, never blocks, and gives a future of the
        results of the windows that are now full (``await asyncio.wrap_future(future)``). It cannot be cancelled.

        Takes all or nothing. Raises BufferError when the queue has no room for its windows (counted in
        `OnnxVad.refused`), `VadClosed`, and TypeError and ValueError as `VadStream.process` does. The future raises
        what the model raised, or `VadClosed`; the stream then goes on behind that window from silence.
        """
        chunk = checked_samples(samples, "OnnxVadStream.push")
        size = self._vad.window_samples
        held = np.concatenate((self._pending, chunk))  # a copy in any case: the caller may use its array again
        count = len(held) // size
        push = _Push(count)
        first = self._windows
        jobs = [
            _Job(
                self._lane,
                held[k * size : (k + 1) * size],
                self._start + (first + k + 1) * size,
                push,
                self._fresh and k == 0,
            )
            for k in range(count)
        ]
        self._worker.put(self._lane, jobs)
        if count:
            self._fresh = False
        else:
            push.future.set_result([])
        self._windows += count
        self._pending = held[count * size :].copy()
        return push.future

    def reset(self, position: int = 0) -> None:
        """The next sample is the first of a new stream and has this position. Windows that wait are still run, as they
        were pushed."""
        self._pending = np.zeros(0, np.float32)
        self._start = position
        self._windows = 0
        self._fresh = True

    def close(self) -> None:
        """No more is taken. Futures of windows that wait raise `VadClosed`. May be called twice."""
        self._worker.drop(self._lane)


class _Push:
    """One call of `push`: its future, and what of it is not done."""

    __slots__ = ("error", "future", "left", "results")

    def __init__(self, count: int) -> None:
        from concurrent.futures import Future  # it brings logging: only where it is used

        self.future: Future[list[VadResult]] = Future()
        self.future.set_running_or_notify_cancel()
        self.results: list[VadResult] = []
        self.error: BaseException | None = None
        self.left = count

    def done(self, result: VadResult | BaseException) -> None:
        self.left -= 1
        if isinstance(result, BaseException):
            self.error = self.error or result
        else:
            self.results.append(result)
        if self.left == 0:
            if self.error is not None:
                self.future.set_exception(self.error)
            else:
                self.future.set_result(self.results)


@dataclass(slots=True, eq=False)
class _Job:
    lane: _Lane
    window: Floats
    position_end: int
    push: _Push
    fresh: bool
    """The first window of a stream: state and context are zero."""


class _Lane:
    """What the model thread keeps of a stream. `jobs` and `busy` under the worker's lock, the rest the thread's own."""

    __slots__ = ("busy", "closed", "context", "jobs", "on_failure", "on_result", "state")

    def __init__(
        self,
        on_result: Callable[[VadResult], None] | None,
        on_failure: Callable[[int, Exception], None] | None,
    ) -> None:
        self.on_result = on_result
        self.on_failure = on_failure
        self.jobs: deque[_Job] = deque()
        self.busy = False  # ready, or in the batch that is run
        self.closed = False
        self.state: Floats | None = None  # None: zero
        self.context: Floats | None = None


class _Worker:
    """The queue and the loop of the model thread."""

    def __init__(self, model: _Model, max_batch: int, queue_windows: int) -> None:
        self._model = model
        self._max_batch = max_batch
        self._bound = queue_windows
        self._changed = threading.Condition()
        self._ready: deque[_Lane] = deque()
        self.waiting = 0
        self.refused = 0
        self.failures = 0
        self.closed = False

    def put(self, lane: _Lane, jobs: Sequence[_Job]) -> None:
        with self._changed:
            if self.closed or lane.closed:
                raise VadClosed("OnnxVadStream.push: the model or this stream is closed")
            if self.waiting + len(jobs) > self._bound:
                self.refused += len(jobs)
                raise BufferError(
                    f"OnnxVadStream.push: {self.waiting} of {self._bound} windows wait, no room for {len(jobs)} more: "
                    "the model does not keep up; push later, or drop this chunk"
                )
            if not jobs:
                return
            lane.jobs.extend(jobs)
            self.waiting += len(jobs)
            if not lane.busy:
                lane.busy = True
                self._ready.append(lane)
                self._changed.notify()

    def drop(self, lane: _Lane) -> None:
        with self._changed:
            lane.closed = True
            dropped = list(lane.jobs)
            lane.jobs.clear()
            self.waiting -= len(dropped)
        for job in dropped:
            job.push.done(VadClosed("the stream was closed before this window was run"))

    def stop(self) -> None:
        with self._changed:
            self.closed = True
            self._changed.notify()

    def main(self) -> None:
        while batch := self._next():
            self._run(batch)
            with self._changed:
                for job in batch:
                    if job.lane.jobs:
                        self._ready.append(job.lane)
                    else:
                        job.lane.busy = False
        with self._changed:
            lanes = list(self._ready)
        for lane in lanes:
            self.drop(lane)

    def _next(self) -> list[_Job]:
        """Waits for work; empty: closed."""
        with self._changed:
            while True:
                if self.closed:
                    return []
                batch: list[_Job] = []
                while self._ready and len(batch) < self._max_batch:
                    lane = self._ready.popleft()
                    if lane.jobs:
                        batch.append(lane.jobs.popleft())
                    else:
                        lane.busy = False  # its stream was closed
                self.waiting -= len(batch)
                if batch:
                    return batch
                self._changed.wait()

    def _run(self, batch: list[_Job]) -> None:
        for job in batch:
            if job.fresh:
                job.lane.state = job.lane.context = None
        try:
            probabilities, states = self._model.run(
                [job.window for job in batch],
                [job.lane.context for job in batch],
                [job.lane.state for job in batch],
            )
        except Exception as error:  # whatever a user's model makes onnxruntime raise
            self._fail(batch, error)
            return
        for k, job in enumerate(batch):
            probability = float(probabilities[k])
            if not np.isfinite(probability):
                self._fail([job], ValueError(f"{self._model.path}: the probability is {probability}"))
                continue
            lane = job.lane
            lane.state = states[k] if states is not None else None
            lane.context = self._model.context_of(job.window, lane.context)
            result = VadResult(job.position_end, probability)
            if lane.on_result is not None:
                guarded(lane.on_result, result)
            job.push.done(result)

    def _fail(self, batch: list[_Job], error: Exception) -> None:
        self.failures += len(batch)
        for job in batch:
            job.lane.state = job.lane.context = None
            if job.lane.on_failure is not None:
                guarded(job.lane.on_failure, job.position_end, error)
            job.push.done(error)


def guarded(what: Callable[..., None], *arguments: object) -> None:
    """A user's callback: whatever it raises, even SystemExit, is reported: it is the other streams' thread too."""
    try:
        what(*arguments)
    except BaseException:
        threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))


def report(line: object, error: Exception) -> None:
    """What is done with a line's failure where the user says nothing else."""
    threading.excepthook(
        threading.ExceptHookArgs((type(error), error, error.__traceback__, threading.current_thread()))
    )


class _Model:
    """The session, and the shapes of its inputs. Used by one thread at a time."""

    def __init__(self, path: Path, rate: int, window: int, context: int | None) -> None:
        if not path.is_file():
            raise ModelMissing(f"OnnxVad: no model at {path}; give the path of an ONNX file")
        import onnxruntime  # type: ignore[import-untyped]

        self.path = path
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # batches are what makes it faster
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise ValueError(f"OnnxVad: onnxruntime does not take {path}: {error}") from error
        self._audio = self._state = self._rate = ""
        self._state_shape: tuple[int, ...] = ()
        self._batch_axis = 0
        self.most_rows: int | None = None  # None: any number
        self._read_interface(window, context, rate)
        self._rate_value = np.array(rate, np.int64)
        self._try(window)

    def _read_interface(self, window: int, context: int | None, rate: int) -> None:
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        said = ", ".join(f"{each.name}: {each.type} {each.shape}" for each in inputs)
        wrong = f"OnnxVad: {self.path} has not the interface of a VAD (see OnnxVad): inputs {said}"
        audio = [each for each in inputs if each.type == "tensor(float)"]
        rates = [each for each in inputs if each.type == "tensor(int64)"]
        if not 1 <= len(audio) <= 2 or len(rates) > 1 or len(audio) + len(rates) != len(inputs):
            raise ValueError(wrong)
        if len(audio[0].shape) != 2 or len(outputs) < len(audio):
            raise ValueError(wrong)
        self._audio = audio[0].name
        self._outputs = [each.name for each in outputs[: len(audio)]]
        rows, columns = audio[0].shape
        if isinstance(rows, int):
            self.most_rows = rows
        if rates:
            self._rate = rates[0].name
            self._rate_shape = tuple(1 for _ in rates[0].shape)
        if len(audio) == 2:
            self._state = audio[1].name
            shape = audio[1].shape
            free = [k for k, size in enumerate(shape) if not isinstance(size, int)]
            if not free:  # a fixed batch of one
                free = [k for k, size in enumerate(shape) if size == 1][-1:]
                self.most_rows = 1
            if len(free) != 1:
                raise ValueError(wrong)
            self._batch_axis = free[0]
            self._state_shape = tuple(size for k, size in enumerate(shape) if k != free[0])
        if self.most_rows is not None and self.most_rows != 1:
            raise ValueError(f"{wrong}; a fixed batch other than 1 is not served")
        self.context = context if context is not None else rate * 64 // 16000 if self._state and self._rate else 0
        if isinstance(columns, int) and columns != window + self.context:
            raise ValueError(f"{wrong}; it takes {columns} samples, not {window} with {self.context} of context")

    def _try(self, window: int) -> None:
        """One run on silence: what a model gives is known before a stream depends on it."""
        silence = np.zeros(window, np.float32)
        try:
            self.run([silence], [None], [None])
        except Exception as error:
            raise ValueError(f"OnnxVad: {self.path} cannot be run on {window} samples: {error}") from error

    def context_of(self, window: Floats, before: Floats | None) -> Floats | None:
        """The context of the window after this one."""
        if self.context == 0:
            return None
        if len(window) >= self.context:
            return window[len(window) - self.context :]
        return np.concatenate((self._or_zero(before), window))[-self.context :]

    def _or_zero(self, context: Floats | None) -> Floats:
        return context if context is not None else np.zeros(self.context, np.float32)

    def run(
        self, windows: Sequence[Floats], contexts: Sequence[Floats | None], states: Sequence[Floats | None]
    ) -> tuple[Floats, list[Floats] | None]:
        """Probabilities (batch,) and the states after it, each without the batch axis."""
        count = len(windows)
        audio = np.empty((count, self.context + len(windows[0])), np.float32)
        for row, window, context in zip(audio, windows, contexts, strict=True):
            row[: self.context] = self._or_zero(context)
            row[self.context :] = window
        feed: dict[str, Any] = {self._audio: audio}
        if self._state:
            zero = np.zeros(self._state_shape, np.float32)
            feed[self._state] = np.stack([zero if state is None else state for state in states], self._batch_axis)
        if self._rate:
            feed[self._rate] = self._rate_value.reshape(self._rate_shape)
        found = self._session.run(self._outputs, feed)
        probabilities = np.asarray(found[0], np.float32)
        if probabilities.size != count:
            raise ValueError(f"the output has the shape {probabilities.shape} for a batch of {count}")
        if not self._state:
            return probabilities.reshape(count), None
        after = np.moveaxis(np.asarray(found[1], np.float32), self._batch_axis, 0)
        if after.shape != (count, *self._state_shape):
            raise ValueError(f"the new state has the shape {after.shape}, the state {(count, *self._state_shape)}")
        return probabilities.reshape(count), [state.copy() for state in after]
