"""Costs of the core measured in C, without Python around each call: for ``rtaudio-bench``."""

import numpy as np
from numpy.typing import NDArray

from rtaudio.core._port import AudioPort

def measure_pull(*, rate: int = 48000, frame_samples: int = 480, frames: int = 10000) -> dict[str, float]:
    """What one pull of a frame costs the consumer of a playout whose queue is full, the reference tap included.

    Gives `pull_ns` (best second of audio), `pull_median_ns`, `memcpy_ns` (one copy of such a frame) and `mismatches`
    (samples not put out as written; 0). Releases the GIL. ValueError: frames longer than half a second, or not 1 to 256
    seconds in all. Any thread.
    """

def flush_race(port: AudioPort, out: NDArray[np.float32], frame_samples: int, delay_ns: int) -> int:
    """Pulls the playout of a private port on a native thread, back to back, frame by frame until `out` is full, and
    flushes it (as its engine side) from the calling thread `delay_ns` after the first pull began. Gives where in `out`
    the pull that was under way when the flush returned had begun, or the next one. Releases the GIL. SecondConsumer:
    somebody else pulls this playout. ValueError: `out` is not a whole number of frames.
    """
