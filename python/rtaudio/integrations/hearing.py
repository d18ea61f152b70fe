"""What every plug-in hears: int16 audio at the framework's rate in, one `Heard` for each window of 32 ms out.

    int16 at 8…48 kHz ─► rtaudio.Resampler ─► rtaudio.VadStream ─► rtaudio.Detector's gate
                                  positions of the *input* come back ◄────────┘

Positions and durations are samples of the stream as the framework pushes it, from 0; the resampler's declared delay is
taken off, so that onsets mean what was pushed (law 7). How the stream is cut into chunks never shows (law 6).
Everything is computed where `hear` is called: a window takes less than handing it to another thread would. One thread.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from rtaudio import MIC_RATE, VAD_WINDOW, Detector, DetectorConfig, Resampler, SileroVad
from rtaudio.core.resampler import FROM_RATES

__all__ = ["FROM_RATES", "Gate", "Heard", "Hearing", "checked_rate", "mono", "off_below"]

Pcm = NDArray[np.int16]
GateState = Literal["silence", "rising", "speech", "falling"]

_WINDOW_S: Final = VAD_WINDOW / MIC_RATE


@dataclass(frozen=True, slots=True)
class Gate:
    """Settings of the gate between silence and speech, as `rtaudio.Vad` has them (csrc/detector.h)."""

    on: float = 0.5
    off: float = 0.35
    min_speech_s: float = 0.064
    min_silence_s: float = 0.1

    def config(self) -> DetectorConfig:
        """For the core. Raises ValueError for thresholds that do not satisfy 0 < off <= on < 1, or a bad duration."""
        return DetectorConfig(
            on=self.on,
            off=self.off,
            min_speech_s=self.min_speech_s,
            min_silence_s=self.min_silence_s,
            barge_in=False,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """One window: input samples [begin, end)."""

    begin: int
    end: int
    pcm: Pcm
    """The window's input, end - begin samples."""
    probability: float
    gate: GateState
    """After this window."""
    started_at: int | None
    """Speech was decided on at `end`: it began at this sample."""
    ended_at: int | None
    """The end of speech was decided on at `end`: it ended at this sample."""


class Hearing:
    """One stream. `hear` takes chunks of any length."""

    __slots__ = (
        "_config",
        "_delay",
        "_detector",
        "_held",
        "_pending",
        "_position",
        "_resampler",
        "_shift",
        "_silence_windows",
        "_stream",
        "_windows",
        "gate",
        "probability",
        "rate",
    )

    def __init__(self, rate: int, gate: Gate | None = None, *, model: SileroVad | None = None) -> None:
        """`rate`: of the input, one of `FROM_RATES`; ValueError otherwise, and for a gate that cannot be."""
        self.rate: Final = checked_rate(rate)
        self.gate = gate or Gate()
        self._config = self.gate.config()
        self._stream = (model or SileroVad()).stream()
        self._resampler = None if rate == MIC_RATE else Resampler(rate, MIC_RATE, dtype="int16")
        self._delay = 0 if self._resampler is None else self._resampler.delay_samples
        self.reset()

    def reset(self) -> None:
        """Back to position 0, silence and a model that has heard nothing."""
        self._stream.reset()
        if self._resampler is not None:
            self._resampler.reset()
        self._detector = Detector(self._config)
        self._shift = 0  # the detector's positions are this many samples ahead of the stream's, at 16 kHz
        self._pending: Pcm = np.zeros(0, np.int16)
        self._position = 0  # input samples before `_pending`
        self._held: deque[float] = deque()
        self._windows = 0  # told
        self._silence_windows = 0
        self.probability = 0.0
        """Of the last whole window."""

    @property
    def position(self) -> int:
        """Input samples taken."""
        return self._position + len(self._pending)

    @property
    def state(self) -> GateState:
        """Of the gate, after the last whole window."""
        return self._detector.gate

    @property
    def speaking(self) -> bool:
        """Speech has started and its end is not decided."""
        return self._detector.gate in ("speech", "falling")

    def seconds(self, samples: int) -> float:
        """Of so many input samples."""
        return samples / self.rate

    def set_gate(self, gate: Gate) -> None:
        """From the next window on; whoever speaks goes on speaking, with the silence so far. ValueError as above."""
        config, speaking, falling = gate.config(), self.speaking, self._detector.gate == "falling"
        windows = self._windows
        self.gate, self._config = gate, config
        detector = Detector(config)
        # The core's gate cannot be told a state, but it can be led there: with a voice that lasts long enough, and the
        # silence there was. What it says on the way was said before.
        spoken = math.ceil(gate.min_speech_s / _WINDOW_S) + 1 if speaking else 0
        longest = max(math.ceil(gate.min_silence_s / _WINDOW_S) - 1, 0)  # short of an end, which would go unsaid
        silent = min(self._silence_windows, longest) if falling else 0
        self._shift = (spoken + silent) * VAD_WINDOW
        base = windows * VAD_WINDOW + self._shift
        led = [1.0] * spoken + [0.0] * silent
        for k, probability in enumerate(led, 1):
            detector.step(probability, base - (len(led) - k) * VAD_WINDOW)
        self._detector = detector

    def hear(self, pcm: Pcm, admit: Callable[[Pcm], bool] | None = None) -> list[Heard]:
        """Takes mono samples, shape (n,), any n; gives the windows that are now full, in order. `admit` is asked about
        each window's input: one that it refuses is silence to the gate, whatever the model says."""
        self._pending = np.concatenate([self._pending, pcm]) if len(self._pending) else pcm.copy()
        at_16k = pcm if self._resampler is None else self._resampler.process(np.ascontiguousarray(pcm))
        self._held += self._stream.process(np.ascontiguousarray(at_16k)).tolist()
        heard = []
        while self._held:
            # The filter may be a sample or two ahead of where the window ends in the input: it waits for them.
            samples = (self._windows + 1) * VAD_WINDOW * self.rate // MIC_RATE - self._position
            if samples > len(self._pending):
                break
            heard.append(self._window(self._held.popleft(), samples, admit))
        return heard

    def _window(self, probability: float, samples: int, admit: Callable[[Pcm], bool] | None) -> Heard:
        pcm, self._pending = self._pending[:samples], self._pending[samples:]
        begin = self._position
        self._position += samples
        self._windows += 1
        self.probability = probability if admit is None or admit(pcm) else 0.0
        started_at = ended_at = None
        for event in self._detector.step(self.probability, self._windows * VAD_WINDOW + self._shift)[1]:
            if event.kind == "speech_started":
                started_at = self._input_position(event.mic - self._shift)
            elif event.kind == "speech_ended":
                ended_at = self._input_position(event.mic - self._shift)
        state = self._detector.gate
        self._silence_windows = self._silence_windows + 1 if state in ("silence", "falling") else 0
        return Heard(begin, self._position, pcm, self.probability, state, started_at, ended_at)

    def _input_position(self, at_16k: int) -> int:
        return max(at_16k - self._delay, 0) * self.rate // MIC_RATE


def checked_rate(rate: int) -> int:
    """`rate`, if there is a filter for it. Raises ValueError."""
    if rate not in FROM_RATES:
        known = ", ".join(map(str, FROM_RATES))
        raise ValueError(f"rtaudio hears audio at {known} Hz, not at {rate!r} Hz: resample it first")
    return rate


def mono(data: bytes | bytearray | memoryview, channels: int) -> Pcm:
    """Interleaved int16 of any number of channels as one: their mean. ValueError for a number of bytes that is no whole
    number of samples of all channels."""
    width = 2 * channels
    if channels < 1 or memoryview(data).nbytes % width:
        raise ValueError(f"{memoryview(data).nbytes} bytes are no whole number of int16 samples of {channels} channels")
    pcm = np.frombuffer(data, np.int16)
    return pcm if channels == 1 else pcm.reshape(-1, channels).mean(axis=1).astype(np.int16)


def off_below(on: float) -> float:
    """The lower threshold that frameworks take where none is given: 0.15 below the upper one."""
    return max(on - 0.15, 0.01)
