"""Bindings of csrc/dsp.h, csrc/g711.h and csrc/framer.h: small arithmetic on mono samples, G.711, framing.

Arrays are one-dimensional, contiguous and in native byte order; empty ones are fine everywhere. Errors: TypeError for
another dtype, ValueError for another shape or stride and for float32 samples that are not finite (the error names the
first). Results are new arrays. Functions may be called from any thread; an object belongs to one thread.
"""

from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer

S = TypeVar("S", np.float32, np.int16)

def to_float32(x: NDArray[np.int16] | Buffer) -> NDArray[np.float32]:
    """int16 samples [n], or the 2n bytes of little-endian int16 PCM, divided by 32768: exact, -1.0 .. 32767/32768.

    ValueError for an odd number of bytes.
    """

def from_pcm16(data: Buffer) -> NDArray[np.int16]:
    """The 2n bytes of little-endian int16 PCM as [n] samples (a copy). ValueError for an odd number of bytes."""

def to_int16(x: NDArray[np.float32]) -> NDArray[np.int16]:
    """float32 [n] times 32768, to the nearest integer, halves to even, saturated at -32768 and 32767.

    The inverse of `to_float32`. Here, alone, samples need not be finite: infinities saturate, NaN gives 0.
    """

def gain(x: NDArray[S], gain: float) -> NDArray[S]:
    """[n] samples times a linear factor; int16 is rounded to even and saturated. ValueError: a gain not finite."""

def dbfs(amplitude: float) -> float:
    """20 log10(amplitude), -inf for 0. 0 dBFS is amplitude 1.0: a full-scale sine has an RMS of -3.01 dBFS.

    ValueError below 0 and for NaN.
    """

class Ramp:
    """A gain that moves in a straight line over a stream: fades, ducking, background under speech.

    At position p of a ramp over n samples the gain is from + (to - from) * p / n, then `to`. How the stream is cut
    into chunks does not show (law 6).
    """

    gain: float
    moving: bool
    def __init__(self, gain: float = 1.0) -> None:
        """Stands at a gain (a linear factor)."""

    def to(self, gain: float, length_samples: int) -> None:
        """Sets out from the gain of the next sample to another, over `length_samples` (0: at once)."""

    def apply(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """[n] samples times the gain, which moves by n."""

    def mix(self, speech: NDArray[np.float32], background: NDArray[np.float32]) -> NDArray[np.float32]:
        """speech + background * gain, both [n]; the gain moves by n. ValueError: different lengths."""

class Meter:
    """Level of all samples pushed since the last reset, in full-scale units and in dBFS (-inf for silence or none).

    int16 counts as x / 32768. The figures do not depend on chunking, to the last bit.
    """

    samples: int
    rms: float
    peak: float
    rms_dbfs: float
    peak_dbfs: float
    def push(self, x: NDArray[np.float32] | NDArray[np.int16]) -> None:
        """Takes [n] samples into account."""

    def reset(self) -> None:
        """Forgets all."""

def ulaw_encode(x: NDArray[np.int16]) -> NDArray[np.uint8]:
    """ITU-T G.711 mu-law: [n] samples to [n] octets as they are sent (0xFF is silence)."""

def ulaw_decode(octets: NDArray[np.uint8] | Buffer) -> NDArray[np.int16]:
    """ITU-T G.711 mu-law: [n] octets, an array or bytes, to [n] samples."""

def alaw_encode(x: NDArray[np.int16]) -> NDArray[np.uint8]:
    """ITU-T G.711 A-law: [n] samples to [n] octets as they are sent, even bits inverted (0xD5 is silence)."""

def alaw_decode(octets: NDArray[np.uint8] | Buffer) -> NDArray[np.int16]:
    """ITU-T G.711 A-law: [n] octets, an array or bytes, to [n] samples."""

class Framer:
    """Re-blocks a stream that comes in chunks of any size into frames of N samples, one every `hop_samples`.

    Frame i holds the samples at positions i * hop .. i * hop + N - 1 of the stream, whatever the chunks were (law 6).
    A hop below N overlaps, one above N leaves samples out.
    """

    frame_samples: int
    hop_samples: int
    position: int
    """Of the first sample of the frame that comes next."""
    pending_samples: int
    """How many samples of that frame are there already: 0 .. N - 1."""
    def __init__(
        self, frame_samples: int, hop_samples: int | None = None, dtype: Literal["float32", "int16"] | str = "float32"
    ) -> None:
        """hop_samples None: as long as a frame. ValueError outside 1 .. 2**24."""

    def push(self, x: NDArray[S]) -> NDArray[S]:
        """[n] samples in; the frames they complete out, [frames, N]. The first lies at what `position` was before."""

    def reset(self, position: int = 0) -> None:
        """Forgets all; the next sample pushed has this position."""
