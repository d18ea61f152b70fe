"""Costs of the core measured in C, without Python around each call: for ``rtaudio-bench``."""

def measure_pull(*, rate: int = 48000, frame_samples: int = 480, frames: int = 10000) -> dict[str, float]:
    """What one pull of a frame costs the consumer of a playout whose queue is full, the reference tap included.

    Gives `pull_ns` (best second of audio), `pull_median_ns`, `memcpy_ns` (one copy of such a frame) and `mismatches`
    (samples not put out as written; 0). Releases the GIL. ValueError: frames longer than half a second, or not 1 to 256
    seconds in all. Any thread.
    """
