"""Records a call: the caller as the detector hears them, the agent as it was really put out, aligned to the sample.

The caller comes from the mic ring (16 kHz), the agent from the reference tap (the port's rate), both counted from the
first tick of the port's line. Mic sample m and tap sample n belong together when (m - input delay) / 16000 = n / rate
(csrc/engine.h), so the first `input delay` samples of the mic are left out, and the rest is brought to the port's rate
by soxr, which gives back as many samples as fit and delays nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtaudio.cli.wav import WavWriter
from rtaudio.core import MIC_RATE, AudioPort, LostSamples, MediaReader
from rtaudio.providers.packages import load


class Recorder:
    """Writes a WAV at the port's rate: caller left, agent right, or the agent alone.

    `collect` must come at least once in the time that the port's tap retains (8 s by default); what was lost by then is
    silence in the file, counted in `lost`. One thread.
    """

    def __init__(self, port: AudioPort, path: Path, *, stereo: bool = True, input_delay_samples: int = 0) -> None:
        self._tap = port.tap(0)
        self._mic = port.mic(0) if stereo else None
        self._skip = input_delay_samples
        self._rate = port.rate
        self._file = WavWriter(path, port.rate, 2 if stereo else 1)
        self._caller = np.zeros(0, np.float32)
        self._agent = np.zeros(0, np.float32)
        self._resampler: Any = None
        if stereo and port.rate != MIC_RATE:
            soxr = load("soxr", extra="cli", wanted_by="recording")
            self._resampler = soxr.ResampleStream(MIC_RATE, port.rate, 1, dtype="float32", quality="VHQ")
        self.lost = 0

    @property
    def frames(self) -> int:
        """Frames in the file so far, at the port's rate."""
        return self._file.frames

    def collect(self) -> None:
        """Writes what both sides have by now."""
        self._agent = np.concatenate([self._agent, self._read(self._tap)])
        if self._mic is None:
            self._write(len(self._agent))
            return
        self._caller = np.concatenate([self._caller, self._at_port_rate(self._heard(), last=False)])
        self._write(min(len(self._agent), len(self._caller)))

    def close(self) -> None:
        """Writes what is left, the shorter side filled up with silence."""
        self.collect()
        if self._mic is not None:
            self._caller = np.concatenate([self._caller, self._at_port_rate(np.zeros(0, np.float32), last=True)])
            longer = max(len(self._agent), len(self._caller))
            self._agent = np.pad(self._agent, (0, longer - len(self._agent)))
            self._caller = np.pad(self._caller, (0, longer - len(self._caller)))
            self._write(longer)
        self._file.close()

    def _heard(self) -> NDArray[np.float32]:
        assert self._mic is not None
        heard = self._read(self._mic)
        skipped = min(self._skip, len(heard))
        self._skip -= skipped
        return heard[skipped:]

    def _at_port_rate(self, heard: NDArray[np.float32], last: bool) -> NDArray[np.float32]:
        if self._resampler is None:
            return heard
        resampled: NDArray[np.float32] = self._resampler.resample_chunk(heard, last=last)
        return resampled

    def _read(self, reader: MediaReader) -> NDArray[np.float32]:
        try:
            return reader.read()
        except LostSamples as lost:
            self.lost += lost.samples
            return np.concatenate([np.zeros(lost.samples, np.float32), reader.read()])

    def _write(self, count: int) -> None:
        if self._mic is None:
            frames = self._agent[:count, np.newaxis]
        else:
            frames = np.stack([self._caller[:count], self._agent[:count]], axis=1)
            self._caller = self._caller[count:]
        self._file.write(frames)
        self._agent = self._agent[count:]
