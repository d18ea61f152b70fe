"""What a simulated caller sounds like: clips from files, text spoken by a voice, noise at a stated distance."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from rtaudio.voice.protocols import TTS, Audio, Word

FRAME_S: Final = 0.02
SPEECH_DB: Final = 30.0
"""A frame is speech if it is no more than this below the loudest."""


def read_wav(path: str | Path) -> tuple[Audio, int]:
    """(mono float32 samples, rate) of a 16-bit WAV file; channels are averaged. ValueError for other widths."""
    with wave.open(str(path)) as file:
        if file.getsampwidth() != 2:
            raise ValueError(f"{path}: {8 * file.getsampwidth()}-bit samples; only 16-bit WAV files are read")
        pcm = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, file.getnchannels())
        return (pcm.mean(axis=1) / 32768).astype(np.float32), file.getframerate()


def at_rate(samples: Audio, rate: int, wanted: int) -> Audio:
    """A whole sound at another rate, without delay."""
    if rate == wanted or not len(samples):
        return samples
    import soxr  # type: ignore[import-untyped]  # not at the top: few scripts need it

    resampled: Audio = soxr.resample(samples, rate, wanted).astype(np.float32)
    return resampled


def loaded(clip: Audio | str | Path, rate: int) -> Audio:
    """Samples at `rate`, of a file or as they are. ValueError for what is no mono float32."""
    samples = at_rate(*read_wav(clip), rate) if isinstance(clip, str | Path) else clip
    if samples.dtype != np.float32 or samples.ndim != 1:
        raise ValueError(f"a clip must be mono float32, not {samples.dtype} of shape {samples.shape}")
    return samples


async def spoken_by(tts: TTS, text: str, rate: int) -> tuple[Audio, tuple[Word, ...]]:
    """`text` in that voice, at `rate`, and where its words begin, as far as the voice says. ValueError where it gives
    nothing, or changes its rate."""
    pieces: list[Audio] = []
    words: list[Word] = []
    rates = set[int]()
    stream = tts.stream(text)
    try:
        async for speech in stream:
            pieces.append(speech.samples)
            words += [Word(word.start_s, word.text_offset) for word in speech.words]
            rates.add(speech.rate)
    finally:
        await stream.aclose()
    if len(rates) != 1:
        raise ValueError(f"the caller's voice {tts.name} gave {text!r} at {len(rates)} rates: {sorted(rates)}")
    return at_rate(np.concatenate(pieces), rates.pop(), rate), tuple(words)


def speech_power(clips: Sequence[Audio], rate: int) -> float:
    """Mean power of what is speech in them; 0 where all is silent."""
    frame = max(1, round(FRAME_S * rate))
    powers = [
        float(np.mean(np.square(clip[at : at + frame], dtype=np.float64)))
        for clip in clips
        for at in range(0, len(clip), frame)
    ]
    loudest = max(powers, default=0.0)
    speech = [power for power in powers if power > loudest * 10 ** (-SPEECH_DB / 10)]
    return float(np.mean(speech)) if speech else 0.0


class Noise:
    """A background that goes round and round, `snr_db` below the speech of `clips`. ValueError where there is no speech
    to go by, or no noise."""

    def __init__(self, samples: Audio, snr_db: float, clips: Sequence[Audio], rate: int) -> None:
        power, speech = float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0, 0.0
        if not power:
            raise ValueError("the noise is silent")
        if not (speech := speech_power(clips, rate)):
            raise ValueError("noise at a distance from speech: the caller says nothing; say or speak first")
        gain = np.sqrt(speech / power * 10 ** (-snr_db / 10))
        self._samples: Audio = (samples * gain).astype(np.float32)

    def at(self, position: int, count: int) -> Audio:
        return np.take(self._samples, np.arange(position, position + count), mode="wrap")


__all__ = ["Noise", "at_rate", "loaded", "read_wav", "speech_power", "spoken_by"]
