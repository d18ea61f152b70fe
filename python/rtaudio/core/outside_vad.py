"""Any ONNX VAD instead of the engine's own: the model runs beside the audio path, and its answers come back as events.

    mic ring of a line ─► OutsideVad.pump ─► stream of the line ─► [model thread: one batch over all lines]
          ▲                (a thread, each                                        │
          │                 10 ms, or by hand)                                    ▼ probability, mic position
    engine's tick ◄── ring of the line ◄────────────────────────── Line.post_probability

The engine never waits for any of it (csrc/engine.h says what a line does meanwhile): with this VAD, barge-in comes as
late as the model and Python do, playout does not. The native VAD (`rtaudio.SileroVad`) has no such delay.

Per line, in this order:

    waiting    fewer than 512 new samples
    handed     whole windows, at most 64 at once, are in the model's queue; a full queue holds them back in the mic ring
    answered   a probability; or 0, silence, where the model raised or gave none: counted, and told once
    lost       the mic ring had moved on (20 s at least): counted, and the stream begins anew behind it. The line hears
               the windows between as the one before them
    gone       the line was removed, its port closed, or the model closed: let go of by the next pump
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from rtaudio.core._engine import Line
from rtaudio.core._port import MIC_RATE, VAD_WINDOW, PortClosed
from rtaudio.core._ring import LostSamples
from rtaudio.core.onnx_vad import OnnxVad, VadClosed, VadResult, guarded, report
from rtaudio.core.pumping import Pumping

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["OutsideVad"]

MOST_WINDOWS: Final = 64
"""Handed over for one line at a time, so that a line with a backlog leaves room in the queue to the others."""
ROUNDING: Final = 1e-3
"""How far beyond 0..1 a model's arithmetic may lead; further out, it gave no probability."""

Failed = Callable[[Line, Exception], None]


class OutsideVad:
    """Drives the detectors of lines with an `OnnxVad`. Live: `start`. Simulation: `pump` after a step of the engine.

    Any thread may call what is here. The model stays the caller's: close it after this.
    """

    def __init__(self, model: OnnxVad, *, interval_s: float = 0.01, on_failure: Failed | None = None) -> None:
        """`model`: at 16 kHz with windows of 512 samples (ValueError). `interval_s`: how often the thread looks for new
        samples. `on_failure`: called once per line, on the model thread, with what the model raised first, or on the
        pump's thread when the line was let go of for an error; default: ``threading.excepthook``."""
        if (model.rate, model.window_samples) != (MIC_RATE, VAD_WINDOW):
            raise ValueError(
                f"OutsideVad: a line's windows are {VAD_WINDOW} samples at {MIC_RATE} Hz; {model.path} was opened "
                f"with {model.window_samples} at {model.rate} Hz"
            )
        self._model = model
        self._pumping = Pumping(self, interval_s, "rtaudio outside VAD")
        self._on_failure = on_failure if on_failure is not None else report
        self._lock = threading.RLock()  # the feeds, and who pumps; on_failure may come back in
        self._feeds: dict[Line, _Feed] = {}
        self._gone = _Counts()
        self._closed = False

    def add(self, line: Line) -> None:
        """Answers for `line`, a line with ``outside_vad=True`` whose port has its session side in this process, from
        where it was last answered. Raises ValueError, VadClosed, PortClosed."""
        if not line.outside_vad:
            raise ValueError("OutsideVad.add: the engine's own VAD hears this line; add the port with outside_vad=True")
        if line.removed:
            raise PortClosed("OutsideVad.add: this line was removed from its engine")
        with self._lock:
            if self._closed:
                raise VadClosed("OutsideVad.add: closed")
            if line in self._feeds:
                raise ValueError("OutsideVad.add: this line is here already")
            self._feeds[line] = _Feed(line, self._model, self._on_failure)

    def remove(self, line: Line) -> None:
        """Lets go of `line`: nothing is posted to it any more when this returns. Not here: does nothing."""
        with self._lock:
            self._let_go(line)

    def pump(self, wait: bool = False) -> int:
        """Hands what is new in the mic rings to the model; gives how many windows. `wait`: until all that was there is
        answered (virtual time; not on the model thread)."""
        handed, pushes, held_back = self._hand_over()
        while wait and (pushes or held_back):
            for push in pushes:
                push.exception()
            if not pushes:
                time.sleep(self._pumping.interval_s)  # others fill the queue
            more, pushes, held_back = self._hand_over()
            handed += more
        return handed

    def start(self) -> None:
        """Starts the thread that pumps. RuntimeError: it runs; VadClosed."""
        with self._lock:
            if self._closed:
                raise VadClosed("OutsideVad.start: closed")
            self._pumping.start()

    def stop(self) -> None:
        """Stops the thread; returns when it has ended. What was handed over is still answered. Not running: nothing."""
        self._pumping.stop()

    def close(self) -> None:
        """Stops, and lets go of every line: nothing is posted any more when this returns. May be called again."""
        self.stop()
        with self._lock:
            self._closed = True
            for line in list(self._feeds):
                self._let_go(line)

    def __enter__(self) -> OutsideVad:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def figures(self) -> dict[str, int]:
        """lines; windows answered; failures: windows answered with silence because the model raised or gave no
        probability; lost_samples: of the mic ring, before they were read."""
        with self._lock:
            every = [self._gone, *(feed.counts for feed in self._feeds.values())]
            return {
                "lines": len(self._feeds),
                "windows": sum(counts.windows for counts in every),
                "failures": sum(counts.failures for counts in every),
                "lost_samples": sum(counts.lost_samples for counts in every),
            }

    def _hand_over(self) -> tuple[int, list[Future[list[VadResult]]], bool]:
        handed, pushes, held_back = 0, [], False
        with self._lock:
            for line, feed in list(self._feeds.items()):
                push, windows = feed.hand_over()
                handed += windows
                if push is not None:
                    pushes.append(push)
                if feed.gone:
                    self._let_go(line)
                else:
                    held_back |= feed.held_back
        return handed, pushes, held_back

    def _let_go(self, line: Line) -> None:
        feed = self._feeds.pop(line, None)
        if feed is not None:
            feed.close()
            self._gone.add(feed.counts)


class _Counts:
    __slots__ = ("failures", "lost_samples", "windows")

    def __init__(self) -> None:
        self.windows = self.failures = self.lost_samples = 0

    def add(self, other: _Counts) -> None:
        self.windows += other.windows
        self.failures += other.failures
        self.lost_samples += other.lost_samples


class _Feed:
    """One line: read by who pumps, answered by the model thread."""

    def __init__(self, line: Line, model: OnnxVad, on_failure: Failed) -> None:
        self.counts = _Counts()
        self.gone = False
        self._line = line
        self._on_failure = on_failure
        self._told = False
        self._answering = threading.Lock()  # held while an answer is posted, so that close() ends it
        self._closed = False
        self._stream = model.stream(self._answer, self._failed)
        self._most = min(MOST_WINDOWS, model.queue_windows)
        self._mic = line.port.mic(line.answered)
        self._held: NDArray[np.float32] | None = None
        self._begin_anew(line.answered)

    @property
    def held_back(self) -> bool:
        """The queue had no room for what was read."""
        return self._held is not None

    def hand_over(self) -> tuple[Future[list[VadResult]] | None, int]:
        """What is new, as one push; its future and its windows."""
        if self._line.removed or self._line.port.closed:
            self.gone = True
        if self.gone:
            return None, 0
        try:
            samples = self._held if self._held is not None else self._read()
            windows = len(samples) // VAD_WINDOW
            if not windows:
                return None, 0
            self._held = samples
            push = self._stream.push(samples)
        except BufferError:
            return None, 0  # the queue is full: next time
        except Exception as error:  # the other lines go on
            self.gone = True
            self._tell(error)
            return None, 0
        self._held = None
        return push, windows

    def close(self) -> None:
        """Nothing is posted any more when this returns."""
        with self._answering:
            self._closed = True
        self._stream.close()

    def _read(self) -> NDArray[np.float32]:
        """Whole windows; the mic reader stays on a multiple of the window."""
        while True:
            windows = min(self._mic.available // VAD_WINDOW, self._most)
            position = self._mic.position
            try:
                return self._mic.read(windows * VAD_WINDOW)
            except LostSamples:
                self._begin_anew(position)

    def _begin_anew(self, wanted: int) -> None:
        """The next whole window that is still there; what lies before it, from `wanted` on, is lost."""
        self._mic.position += -self._mic.position % VAD_WINDOW
        self._stream.reset(self._mic.position)
        self.counts.lost_samples += self._mic.position - wanted

    def _answer(self, result: VadResult) -> None:
        if -ROUNDING <= result.probability <= 1 + ROUNDING:
            self._post(result.position_end, min(max(result.probability, 0.0), 1.0))
        else:
            self._failed(result.position_end, ValueError(f"the model gave {result.probability}, no probability"))

    def _failed(self, position_end: int, error: Exception) -> None:
        self._post(position_end, 0.0, error)

    def _post(self, position_end: int, probability: float, failure: Exception | None = None) -> None:
        with self._answering:
            if self._closed or self.gone:
                return
            try:
                self._line.post_probability(position_end, probability)
            except PortClosed:
                self.gone = True
                return
            except ValueError as error:  # somebody else posts to this line
                self.gone = True
                failure = error
            else:
                self.counts.windows += 1
                self.counts.failures += failure is not None
        if failure is not None:
            self._tell(failure)

    def _tell(self, error: Exception) -> None:
        if not self._told:
            self._told = True
            guarded(self._on_failure, self._line, error)
