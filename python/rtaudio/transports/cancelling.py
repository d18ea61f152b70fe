"""Taking the agent's voice out of what the microphone hears, before it comes to a line.

    processor = WebrtcProcessor()  # AEC3 of WebRTC; also noise suppression and gain control
    delay_s = Cancelling.delay_s(processor, 48000)
    line = engine.add(port, input_rate=16000, upstream_delay_s=delay_s, cleaned=True)
    cancelling = Cancelling(line, processor, input_rate=48000)
    cancelling.push(samples)  # instead of line.push

What was put out is read from the port's reference tap, so it is what really was heard: after gains, fades and flushes.
A canceller presses the caller down with the echo. So a line that takes both (``cleaned=True``) gets the mic as it was,
too, just as late: its VAD, echo guard and barge-in hear that, recognition and the turn model what was cleaned; where
there is echo while the agent speaks, barge-in hears both. Any other line gets what was cleaned and nothing else.

Driven by hand (`push` in the order of the ticks) it is a function of what goes in: simulations and `--fast` runs are
the same every time, and since its result is the line's input, a journal of the call replays without it. Live it runs on
a thread of its own (`rtaudio.transports.feeder`), because the package allocates and holds Python's lock: it may be late
when Python is, and with it barge-in; playout is not (law 4).

A processor that fails is left out from then on: the microphone passes through, as late as before, and it is counted.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from rtaudio.core import MIC_RATE, Line, LostSamples
from rtaudio.core._resample import FirResampler

Audio = NDArray[np.float32]

FRAME: Final = 160
"""Samples at 16 kHz that a processor takes at once: 10 ms."""
LEAD: Final = 176
"""Samples of silence before the reference of a paced line: a tick of 10 ms, and what a resampler holds back."""
AHEAD: Final = 4000
"""More reference than this waiting (250 ms): two clocks have come apart, or the microphone stood still; all but `KEPT`
(a paced line: `LEAD`) is passed over."""
KEPT: Final = 960


class CancellerUnavailable(ImportError):
    """The package of a canceller is not installed, or does not load; the message says what to install."""


class Processor(Protocol):
    """What cleans a frame of 10 ms at 16 kHz. One thread."""

    name: str
    delay_samples: int
    """At 16 kHz, from what goes in to what comes out (law 7)."""

    def process(self, mic: Audio, reference: Audio) -> Audio:
        """Both [160] float32; gives [160]. `reference` is what was put out at about that time, or sooner."""


def webrtc_available() -> bool:
    """Whether `WebrtcProcessor` can be made here."""
    return find_spec("pywebrtc_audio") is not None


class WebrtcProcessor:
    """WebRTC's audio processing at 16 kHz (package pywebrtc-audio, extra `echo`): echo cancelling (AEC3), on request
    noise suppression (about 12 dB) and gain control (AGC2). 80 µs for 10 ms of one line on a server's processor.

    Raises CancellerUnavailable without the package; ValueError when nothing is asked for.
    """

    name = "webrtc"

    def __init__(
        self, *, echo_cancellation: bool = True, noise_suppression: bool = False, gain_control: bool = False
    ) -> None:
        if not (echo_cancellation or noise_suppression or gain_control):
            raise ValueError("WebrtcProcessor: ask for echo_cancellation, noise_suppression or gain_control")
        if not webrtc_available():
            raise CancellerUnavailable(
                "WebRTC's echo canceller needs the package 'pywebrtc-audio', which is not installed; install it with: "
                'pip install "rtaudio[echo]"',
                name="pywebrtc_audio",
            )
        try:
            package: Any = import_module("pywebrtc_audio")
            self._processor = package.AudioProcessor(
                sample_rate=MIC_RATE,
                echo_cancellation=echo_cancellation,
                noise_suppression=noise_suppression,
                auto_gain_control=gain_control,
            )
        except (ImportError, OSError) as error:
            raise CancellerUnavailable(
                f"the package 'pywebrtc-audio' is installed but does not load: {error}"
            ) from error
        # Measured at 16 kHz by where an impulse comes out (tests/test_cancelling.py): AEC3 works in blocks of 64
        # samples and two of them behind, the suppressor's filter bank is 96 samples late, gain control is not.
        self.delay_samples = 128 * echo_cancellation + 96 * noise_suppression

    def process(self, mic: Audio, reference: Audio) -> Audio:
        cleaned: Audio = self._processor.process(mic, reference)
        return cleaned


class Cancelling:
    """Stands before a line: takes what the microphone heard at `input_rate`, pushes what is left of it at 16 kHz.

    `own_clocks`: microphone and loudspeaker are a device's, each with its clock; else both are at the pace of the
    engine's ticks, of at most 10 ms. One thread, which is the line's producer. ValueError: the line is not at 16 kHz,
    or there is no way from a rate to 16 kHz.
    """

    def __init__(
        self, line: Line, processor: Processor, *, input_rate: int = MIC_RATE, own_clocks: bool = False
    ) -> None:
        if line.input_rate != MIC_RATE:
            raise ValueError(f"the line's input is at {line.input_rate} Hz; what is cleaned is at {MIC_RATE}")
        self.processor = processor
        self.failure: Exception | None = None
        """Why the processor was left out; None: it works."""
        self._line = line
        self._own_clocks = own_clocks
        self._mic_down = FirResampler(input_rate, MIC_RATE)
        self._reference_down = FirResampler(line.port.rate, MIC_RATE)
        self._tap = line.port.tap()
        self._mic = np.zeros(0, np.float32)
        self._reference = np.zeros(0 if own_clocks else LEAD, np.float32)
        self._held = np.zeros(processor.delay_samples, np.float32)  # for what passes by a processor that failed
        self._frames = self._failed = self._bad = self._starved = self._passed_over = 0

    @staticmethod
    def delay_s(processor: Processor, input_rate: int = MIC_RATE) -> float:
        """What is to be declared to `Engine.add` as `upstream_delay_s` (law 7). What is held back for a whole frame of
        10 ms comes besides where pushes are no multiples of it."""
        return (processor.delay_samples + FirResampler(input_rate, MIC_RATE).delay_samples) / MIC_RATE

    @property
    def line(self) -> Line:
        return self._line

    @property
    def room(self) -> int:
        """Samples at 16 kHz that the line would take."""
        return max(self._line.room - FRAME, 0)

    def push(self, samples: Audio) -> int:
        """As `Line.push`: mono float32 at `input_rate`, shape (n,), any n; gives n. What is no number, or beyond ±64,
        becomes silence and is counted. Raises TypeError for anything else."""
        if not isinstance(samples, np.ndarray) or samples.dtype != np.float32 or samples.ndim != 1:
            got = (
                f"{samples.dtype} of shape {samples.shape}"
                if isinstance(samples, np.ndarray)
                else type(samples).__name__
            )
            raise TypeError(f"Cancelling.push: mono float32 samples of shape (n,) are wanted, not {got}")
        good = np.abs(samples) <= 64
        if not good.all():  # NaN compares false, too
            self._bad += int(np.count_nonzero(~good))
            samples = np.where(good, samples, np.float32(0))
        heard = np.asarray(self._mic_down.process(np.ascontiguousarray(samples)), np.float32)
        self._mic = np.concatenate([self._mic, heard])
        self._take_reference()
        whole = len(self._mic) // FRAME * FRAME
        for begin in range(0, whole, FRAME):
            late, cleaned = self._clean(np.ascontiguousarray(self._mic[begin : begin + FRAME]))
            if self._line.cleaned:
                self._line.push(late, cleaned)
            else:
                self._line.push(cleaned)
        self._mic = self._mic[whole:]
        return len(samples)

    def figures(self) -> dict[str, int]:
        """frames (of 10 ms), failed (those that passed by a processor that was left out), bad (samples that were no
        numbers), reference_starved (samples that were not there in time), reference_passed_over."""
        return {
            "frames": self._frames,
            "failed": self._failed,
            "bad": self._bad,
            "reference_starved": self._starved,
            "reference_passed_over": self._passed_over,
        }

    # ---- Inside.

    def _take_reference(self) -> None:
        try:
            put_out = self._tap.read()
        except LostSamples:  # the feeder stood still for longer than the tap is: the oldest are gone
            self._reference = np.zeros(0, np.float32)
            put_out = self._tap.read()
        if len(put_out):
            down = np.asarray(self._reference_down.process(put_out), np.float32)
            self._reference = np.concatenate([self._reference, down])
        waiting = len(self._reference) - len(self._mic)
        if waiting > AHEAD:
            kept = KEPT if self._own_clocks else LEAD
            self._passed_over += waiting - kept
            self._reference = self._reference[waiting - kept :]

    def _clean(self, mic: Audio) -> tuple[Audio, Audio]:
        """A frame as it was, as late as the processor is, and what the processor gave."""
        reference, self._reference = self._reference[:FRAME], self._reference[FRAME:]
        if len(reference) < FRAME:
            self._starved += FRAME - len(reference)
            reference = np.concatenate([reference, np.zeros(FRAME - len(reference), np.float32)])
        self._frames += 1
        late = np.concatenate([self._held, mic])
        self._held = late[FRAME:]
        if self.failure is None:
            try:
                cleaned = self.processor.process(mic, np.ascontiguousarray(reference))
                if cleaned.shape != (FRAME,) or not np.isfinite(cleaned).all():
                    raise ValueError(f"{self.processor.name} gave {cleaned.shape} samples, or such as are no numbers")
                return late[:FRAME], np.ascontiguousarray(cleaned, np.float32)
            except Exception as error:  # whatever a foreign package raises: the caller must still be heard
                self.failure = error
        self._failed += 1
        return late[:FRAME], late[:FRAME]
