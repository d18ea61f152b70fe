"""A caller who follows a script: clips of audio, and when each is spoken.

    caller = SimulatedCaller(24000)
    caller.say(question, at_s=0.5)
    caller.say(stop, after_agent_starts_s=1.2)   # barges in
    caller.say(thanks, after_agent_stops_s=0.8)

Cues happen in their order, never two at once. The agent's starts and stops count from the end of the clip before, so
that a cue never answers to what the agent did earlier.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtaudio.voice.protocols import Audio


def read_wav(path: str | Path) -> tuple[Audio, int]:
    """(mono float32 samples, rate) of a 16-bit WAV file; channels are averaged. ValueError for other widths."""
    with wave.open(str(path)) as file:
        if file.getsampwidth() != 2:
            raise ValueError(f"{path}: {8 * file.getsampwidth()}-bit samples; only 16-bit WAV files are read")
        pcm = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, file.getnchannels())
        return (pcm.mean(axis=1) / 32768).astype(np.float32), file.getframerate()


@dataclass(frozen=True, slots=True)
class Cue:
    """When a clip begins; exactly one of the three is set."""

    clip: Audio
    at_s: float | None
    after_agent_starts_s: float | None
    after_agent_stops_s: float | None


class SimulatedCaller:
    """Source of a simulated line at `rate`. `spoken` tells, per clip said, from which to which sample it was."""

    def __init__(self, rate: int = 24000) -> None:
        self.rate = rate
        self.position = 0
        self.spoken: list[tuple[int, int]] = []
        self._cues: list[Cue] = []
        self._clip: Audio | None = None
        self._offset = 0
        self._free_at = 0  # end of the clip before
        self._speaks = False
        self._started_at = self._stopped_at = -1  # of the agent, in samples here

    def say(
        self,
        clip: Audio | str | Path,
        *,
        at_s: float | None = None,
        after_agent_starts_s: float | None = None,
        after_agent_stops_s: float | None = None,
    ) -> None:
        """`clip`: float32 samples at `rate`, or a 16-bit WAV file at any rate (resampled). Give one of the times."""
        if sum(time is not None for time in (at_s, after_agent_starts_s, after_agent_stops_s)) != 1:
            raise ValueError("say when: exactly one of at_s, after_agent_starts_s, after_agent_stops_s")
        samples = self._load(clip) if isinstance(clip, str | Path) else clip
        if samples.dtype != np.float32 or samples.ndim != 1:
            raise ValueError(f"a clip must be mono float32, not {samples.dtype} of shape {samples.shape}")
        self._cues.append(Cue(samples, at_s, after_agent_starts_s, after_agent_stops_s))

    def _load(self, path: str | Path) -> Audio:
        samples, rate = read_wav(path)
        if rate == self.rate:
            return samples
        import soxr  # type: ignore[import-untyped]  # not at the top: few scripts need it

        resampled: Audio = soxr.resample(samples, rate, self.rate).astype(np.float32)
        return resampled

    @property
    def done(self) -> bool:
        """Everything has been said."""
        return self._clip is None and not self._cues

    def agent_speaks(self, speaks: bool) -> None:
        """Told after every tick."""
        if speaks and not self._speaks:
            self._started_at = self.position
        elif self._speaks and not speaks:
            self._stopped_at = self.position
        self._speaks = speaks

    def read(self, count: int) -> Audio:
        out = np.zeros(count, dtype=np.float32)
        filled = 0
        while filled < count:
            if self._clip is None:
                begin = self._begin_of_next()
                if begin is None or begin >= self.position + count:
                    break
                filled = max(filled, begin - self.position)
                self._clip, self._offset = self._cues.pop(0).clip, 0
                self.spoken.append((self.position + filled, self.position + filled + len(self._clip)))
            part = self._clip[self._offset : self._offset + count - filled]
            out[filled : filled + len(part)] = part
            filled += len(part)
            self._offset += len(part)
            if self._offset == len(self._clip):
                self._clip, self._free_at = None, self.position + filled
        self.position += count
        return out

    def _begin_of_next(self) -> int | None:
        """Where the next clip begins, if that is known yet; a place that has passed means at once."""
        if not self._cues:
            return None
        cue = self._cues[0]
        if cue.at_s is not None:
            return max(self._free_at, round(cue.at_s * self.rate))
        if cue.after_agent_starts_s is not None:
            known, since, delay_s = self._started_at >= self._free_at, self._started_at, cue.after_agent_starts_s
        else:
            assert cue.after_agent_stops_s is not None
            known = not self._speaks and self._stopped_at >= self._free_at
            since, delay_s = self._stopped_at, cue.after_agent_stops_s
        return since + round(delay_s * self.rate) if known else None
