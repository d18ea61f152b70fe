"""Audio that the program has itself, in place of a voice: an array, or pieces as they come.

It is a TTS to those who play it: a stream of pieces, closed when it is over or not wanted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import numpy as np

from rtaudio.voice.protocols import Audio, Speech

PIECE_S: Final = 0.2
RATES: Final = range(8000, 192_001)


class Recording:
    """`audio`: (mono float32 samples in [-1, 1], rate), or an async iterator of `Speech`, which is closed if it can be.
    Raises ValueError for what is no audio. Played once."""

    name = "recording"

    def __init__(self, audio: tuple[Audio, int] | AsyncIterator[Speech]) -> None:
        self.streamed = False
        """Who took the stream closes it."""
        if isinstance(audio, AsyncIterator):
            self._pieces = audio
            return
        samples, rate = audio
        if not isinstance(samples, np.ndarray):
            raise ValueError(f"audio: give samples as a NumPy array, not {type(samples).__name__}")
        if samples.dtype != np.float32 or samples.ndim != 1 or not samples.size:
            raise ValueError(f"audio: give mono float32, at least one sample, not {samples.dtype} of {samples.shape}")
        if rate not in RATES:
            raise ValueError(f"audio: a rate of {rate} Hz; it must lie in {RATES.start}..{RATES.stop - 1}")
        if not np.isfinite(samples).all():
            raise ValueError("audio: some samples are not finite")
        self._pieces = _cut(samples, rate)

    def stream(self, text: str) -> Recording:
        """Itself: it has but one."""
        self.streamed = True
        return self

    async def warm_up(self) -> None:
        """There is nothing to warm up."""

    def __aiter__(self) -> AsyncIterator[Speech]:
        return self._pieces

    async def aclose(self) -> None:
        close = getattr(self._pieces, "aclose", None)
        if close is not None:
            await close()


async def _cut(samples: Audio, rate: int) -> AsyncIterator[Speech]:
    step = max(1, round(PIECE_S * rate))
    for begin in range(0, len(samples), step):
        yield Speech(samples[begin : begin + step], rate)
