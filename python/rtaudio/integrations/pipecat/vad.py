"""A Pipecat `VADAnalyzer` on rtaudio's kernel.

Pipecat's four states are those of the core's gate (csrc/detector.h), window by window:

    QUIET = silence     STARTING = rising     SPEAKING = speech     STOPPING = falling

What differs from the framework's Silero analyzer: any rate that `rtaudio.Resampler` takes, not 8 and 16 kHz alone; a
window is computed at once rather than handed to a thread; speech must fall below a lower threshold to stop; loudness
is asked about only if `VADParams.min_volume` is above 0, since measuring it costs more than all else; and new
parameters in mid-speech do not end it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from pipecat.audio.utils import exp_smoothing
from pipecat.audio.vad import vad_analyzer as framework
from pipecat.audio.volume import AudioVolumeTracker

from rtaudio import MIC_RATE, VAD_WINDOW, SileroVad
from rtaudio.integrations.hearing import Gate, Hearing, Pcm, checked_rate, off_below

__all__ = ["RtaudioVADAnalyzer"]

_STATES: Final = {
    "silence": framework.VADState.QUIET,
    "rising": framework.VADState.STARTING,
    "speech": framework.VADState.SPEAKING,
    "falling": framework.VADState.STOPPING,
}
_SMOOTHING: Final = 0.2  # of the volume, as the framework smooths it


class RtaudioVADAnalyzer(framework.VADAnalyzer):
    """Voice activity for one stream: Silero VAD v6.2 on rtaudio's kernel."""

    def __init__(
        self,
        *,
        sample_rate: int | None = None,
        params: framework.VADParams | None = None,
        deactivation: float | None = None,
        model: SileroVad | None = None,
    ) -> None:
        """`sample_rate`: of the audio, None for what the pipeline says. `params`: default confidence 0.5, start_secs
        0.064, stop_secs 0.2, min_volume 0 (loudness is not asked about). `deactivation`: the probability below which
        speech stops, default 0.15 below the confidence.

        Raises ValueError for a rate there is no filter for and for parameters that cannot be; what `SileroVad()` raises
        where its model is missing.
        """
        self._deactivation = deactivation
        self._model = model or SileroVad()
        self._hearing: Hearing | None = None
        self._volume = AudioVolumeTracker()
        self._smoothed_volume = 0.0
        self._half = b""  # of a sample that was cut in two
        if params is None:
            params = framework.VADParams(confidence=0.5, start_secs=0.064, stop_secs=0.2, min_volume=0.0)
        self._gate(params).config()
        super().__init__(sample_rate=None if sample_rate is None else checked_rate(sample_rate), params=params)
        if sample_rate is not None:
            self.set_sample_rate(sample_rate)

    def _gate(self, params: framework.VADParams) -> Gate:
        off = off_below(params.confidence) if self._deactivation is None else self._deactivation
        return Gate(params.confidence, off, params.start_secs, params.stop_secs)

    def set_sample_rate(self, sample_rate: int) -> None:
        """The rate of the audio to come, unless one was given when the analyzer was made; begins a new stream if it is
        another than before. Raises ValueError for one there is no filter for."""
        rate = self._init_sample_rate or checked_rate(sample_rate)
        if self._hearing is None or self._hearing.rate != rate:
            self._hearing = Hearing(rate, self._gate(self._params), model=self._model)
            self._half = b""
        super().set_sample_rate(rate)

    def set_params(self, params: framework.VADParams) -> None:
        """From the next window on; whoever speaks goes on speaking. Raises ValueError, and then nothing is changed."""
        gate = self._gate(params)
        gate.config()
        self._params = params
        if self._hearing is not None and self._hearing.gate != gate:
            self._hearing.set_gate(gate)

    def reset(self) -> None:
        """A new stream: silence, and a model that has heard nothing."""
        self._half = b""
        self._volume.reset()
        self._smoothed_volume = 0.0
        if self._hearing is not None:
            self._hearing.reset()

    def num_frames_required(self) -> int:
        """Samples of a window at the stream's rate."""
        return int(VAD_WINDOW * self.sample_rate // MIC_RATE)

    def voice_confidence(self, buffer: bytes) -> float:
        """Hears `buffer` as the stream's next audio; gives the probability of speech in the last whole window."""
        self._hear(buffer)
        return self._hearing.probability if self._hearing is not None else 0.0

    async def analyze_audio(self, buffer: bytes) -> framework.VADState:
        """Hears mono int16 of any length and gives the state after it.

        A sample that was cut in two is put together with the next chunk. Raises RuntimeError before `set_sample_rate`.
        """
        self._hear(buffer)
        assert self._hearing is not None
        return _STATES[self._hearing.state]

    def _hear(self, buffer: bytes) -> None:
        hearing = self._hearing
        if hearing is None:
            raise RuntimeError("RtaudioVADAnalyzer: set_sample_rate comes before audio, or give sample_rate=...")
        if self._half or len(buffer) % 2:
            buffer = self._half + buffer
            whole = len(buffer) // 2 * 2
            buffer, self._half = buffer[:whole], buffer[whole:]
        hearing.hear(np.frombuffer(buffer, np.int16), self._loud_enough if self._params.min_volume > 0 else None)

    def _loud_enough(self, window: Pcm) -> bool:
        self._volume.update(window.tobytes(), self.sample_rate)
        self._smoothed_volume = exp_smoothing(self._volume.volume, self._smoothed_volume, _SMOOTHING)
        return bool(self._smoothed_volume >= self._params.min_volume)
