"""What can be said of a recording of the loudspeaker."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import correlate

Signal = NDArray[np.float32]
AUDIBLE = 0.005
"""-46 dBFS: far below all that the agent says in these tests, and far above what a silent null sink puts out."""


def audible(signal: Signal) -> Signal:
    """The samples that are not silence, in their order."""
    return signal[np.abs(signal) > AUDIBLE]


def span(signal: Signal) -> tuple[int, int]:
    """From the first audible sample to just after the last."""
    at = np.flatnonzero(np.abs(signal) > AUDIBLE)
    assert len(at), "the loudspeaker was silent all the time"
    return int(at[0]), int(at[-1]) + 1


def silence_inside(signal: Signal) -> int:
    """Samples of silence, in runs of 16 and more, between the first audible sample and the last."""
    steps = np.diff(np.flatnonzero(np.abs(signal) > AUDIBLE))
    return int((steps[steps >= 16] - 1).sum())


def without_silence_inside(signal: Signal) -> Signal:
    """Those runs cut out, so that what lay before and after them meets."""
    first, last = span(signal)
    at = np.flatnonzero(np.abs(signal) > AUDIBLE)
    keep = np.ones(len(signal), bool)
    for k in np.flatnonzero(np.diff(at) >= 16):
        keep[at[k] + 1 : at[k + 1]] = False
    return signal[first:last][keep[first:last]]


def sine(signal: Signal, rate: int) -> tuple[float, float, float]:
    """(frequency in Hz, amplitude, everything else in dB below it) of the sine nearest to the signal."""
    window = np.hanning(len(signal))
    spectrum = np.abs(np.fft.rfft(signal * window, 8 * len(signal)))
    hertz = float(np.argmax(spectrum)) * rate / (8 * len(signal))
    for width in (1e-1, 1e-2, 1e-3):  # least squares around the peak, finer each time
        tried = hertz + np.linspace(-width, width, 41)
        hertz = float(min(tried, key=lambda f: residue(signal, f, rate)[1]))
    amplitude, rest = residue(signal, hertz, rate)
    return hertz, amplitude, 20 * np.log10(amplitude / np.sqrt(2) / rest)


def residue(signal: Signal, hertz: float, rate: int) -> tuple[float, float]:
    """(amplitude of that frequency, RMS of the rest)."""
    angle = 2 * np.pi * hertz * np.arange(len(signal)) / rate
    basis = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    weights, *_ = np.linalg.lstsq(basis, signal, rcond=None)
    return float(np.hypot(*weights)), float(np.sqrt(np.mean((signal - basis @ weights) ** 2)))


def found_at(part: Signal, whole: Signal) -> tuple[int, float]:
    """Where `part` begins in `whole`, and how like it that stretch is: 1 is the same but for loudness."""
    products = correlate(whole, part, mode="valid", method="fft")
    at = int(np.argmax(products))
    stretch = whole[at : at + len(part)]
    return at, float(products[at] / np.sqrt(np.sum(stretch.astype(float) ** 2) * np.sum(part.astype(float) ** 2)))
