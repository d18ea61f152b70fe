"""Records a call: the caller as the detector hears them, the agent as it was really put out, aligned to the sample.

The caller comes from the mic ring (16 kHz), the agent from what was put out (the port's rate), each sample when its
time came, both counted from the first tick of the port's line. On a paced line mic sample m and sample n of the agent
belong together when (m - input delay) / 16000 = n / rate (csrc/engine.h), so the first `input delay` samples of the mic
are left out, and the rest is brought to the port's rate by soxr, which gives back as many samples as fit and delays
nothing. On other lines the two have clocks of their own, and the line's anchors say what belongs together
(rtaudio.cli.placing).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from rtaudio.cli.placing import Placing
from rtaudio.cli.wav import WavWriter
from rtaudio.core import MIC_RATE, AudioPort, LostSamples, OutAudio, OutLost
from rtaudio.providers.packages import load


class Output(Protocol):
    """Takes what is recorded: float32 frames, shape (n, 2): caller, agent."""

    def write(self, frames: NDArray[np.float32]) -> None: ...


class AgentOnly:
    """An output that writes the agent alone to a mono file."""

    def __init__(self, file: WavWriter) -> None:
        self._file = file

    def write(self, frames: NDArray[np.float32]) -> None:
        self._file.write(frames[:, 1:])


class Envelope:
    """An output that keeps what a picture needs: the lowest and highest sample of each bin of 1/120 s."""

    BINS_PER_S: Final = 120

    def __init__(self, rate: int) -> None:
        self._size = rate // self.BINS_PER_S
        self.bin_s = self._size / rate
        self._rest = np.zeros((0, 2), np.float32)
        self._blocks: list[NDArray[np.float32]] = [np.zeros((0, 2, 2), np.float32)]

    def write(self, frames: NDArray[np.float32]) -> None:
        frames = np.concatenate([self._rest, frames])
        whole = len(frames) - len(frames) % self._size
        bins = frames[:whole].reshape(-1, self._size, 2)
        self._blocks.append(np.stack([bins.min(axis=1), bins.max(axis=1)], axis=1))
        self._rest = frames[whole:]

    def bins(self) -> NDArray[np.float32]:
        """Shape (bins, 2, 2): lowest and highest; caller and agent."""
        return np.concatenate(self._blocks)


class Recorder:
    """Gives both sides of a call to its outputs, at the port's rate.

    `collect` must come at least once in the time that the port's tap retains (8 s by default); what was lost by then is
    silence to the outputs, counted in `lost`. One thread.
    """

    def __init__(
        self,
        port: AudioPort,
        outputs: Sequence[Output],
        *,
        input_delay_samples: int = 0,
        anchors: Callable[[int], tuple[int, list[tuple[int, float]]]] | None = None,
    ) -> None:
        """`input_delay_samples`: the line's, in samples at 16 kHz (`Line.figures()`). `anchors`: `Line.anchors`, of a
        line whose two directions have clocks of their own; the outputs are then 4 s behind, and longer while nothing
        comes from the caller."""
        self._out = port.outgoing(0, played=True)
        self._mic = port.mic(0)
        self._skip = input_delay_samples
        self._outputs = outputs
        self._caller = np.zeros(0, np.float32)
        self._agent = np.zeros(0, np.float32)
        self._anchors = anchors
        self._next_anchor = 0
        self._placing = Placing(port.rate, input_delay_samples) if anchors is not None else None
        self._put_out = 0
        self._resampler: Any = None
        if anchors is None and port.rate != MIC_RATE:
            soxr = load("soxr", extra="cli", wanted_by="recording")
            self._resampler = soxr.ResampleStream(MIC_RATE, port.rate, 1, dtype="float32", quality="VHQ")
        self.frames = 0
        self.lost = 0

    def collect(self) -> None:
        """Gives the outputs what both sides have by now."""
        said = list(self._said())
        self._put_out += sum(map(len, said))
        self._agent = np.concatenate([self._agent, *said])
        self._caller = np.concatenate([self._caller, self._beside()])
        self._give(min(len(self._agent), len(self._caller)))

    def close(self) -> None:
        """Gives what is left, the shorter side filled up with silence. Does not close the outputs."""
        self.collect()
        if self._placing is not None:
            rest = self._placing.finish(self._put_out)
        else:
            rest = self._at_port_rate(np.zeros(0, np.float32), last=True)
        self._caller = np.concatenate([self._caller, rest])
        longer = max(len(self._agent), len(self._caller))
        self._agent = np.pad(self._agent, (0, longer - len(self._agent)))
        self._caller = np.pad(self._caller, (0, longer - len(self._caller)))
        self._give(longer)

    @property
    def placing(self) -> Placing | None:
        """What places the caller by anchors; None where both directions have one clock."""
        return self._placing

    def _beside(self) -> NDArray[np.float32]:
        if self._placing is None or self._anchors is None:
            return self._at_port_rate(self._heard(), last=False)
        first, anchors = self._anchors(self._next_anchor)
        self._next_anchor = first + len(anchors)
        self._placing.take(self._read_mic())
        return self._placing.place(anchors)

    def _heard(self) -> NDArray[np.float32]:
        heard = self._read_mic()
        skipped = min(self._skip, len(heard))
        self._skip -= skipped
        return heard[skipped:]

    def _read_mic(self) -> NDArray[np.float32]:
        try:
            return self._mic.read()
        except LostSamples as lost:
            self.lost += lost.samples
            return np.concatenate([np.zeros(lost.samples, np.float32), self._mic.read()])

    def _at_port_rate(self, heard: NDArray[np.float32], last: bool) -> NDArray[np.float32]:
        if self._resampler is None:
            return heard
        resampled: NDArray[np.float32] = self._resampler.resample_chunk(heard, last=last)
        return resampled

    def _said(self) -> Iterator[NDArray[np.float32]]:
        for item in self._out.read():
            if isinstance(item, OutAudio):
                yield item.samples
            elif isinstance(item, OutLost):
                self.lost += item.samples
                yield np.zeros(item.samples, np.float32)

    def _give(self, count: int) -> None:
        frames = np.stack([self._caller[:count], self._agent[:count]], axis=1)
        self._caller, self._agent = self._caller[count:], self._agent[count:]
        self.frames += count
        for output in self._outputs:
            output.write(frames)
