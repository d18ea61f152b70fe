"""A Pipecat turn analyzer that decides the delay itself, for `TurnAnalyzerUserTurnStopStrategy`.

The framework's own analyzers are asked once, when its VAD has seen the end of speech, and a wrong "incomplete" costs
three seconds of silence. This one hears every frame and says COMPLETE from `append_audio` when the turn is over by
rtaudio's policy (`rtaudio.TurnDetector`; csrc/turn_policy.h), as the framework's streaming analyzers do:

    our turn              framework's VAD     append_audio          analyze_end_of_turn
    open, waiting         any                 INCOMPLETE            INCOMPLETE
    ended                 speaking            INCOMPLETE            COMPLETE
    ended                 silent              COMPLETE, once        COMPLETE until speech or `clear`
    none was heard        silent              INCOMPLETE            COMPLETE: the VAD heard something, there is no turn
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pipecat.audio.turn.base_turn_analyzer import BaseTurnAnalyzer, BaseTurnParams, EndOfTurnState
from pipecat.metrics.metrics import MetricsData, TurnMetricsData

from rtaudio import SileroVad, SpeechStarted, TurnConfig, TurnEnded, TurnResumed
from rtaudio.integrations.hearing import checked_rate
from rtaudio.integrations.turns import TurnAnswers, Turns, usual_model

__all__ = ["RtaudioTurnAnalyzer", "RtaudioTurnParams"]


class RtaudioTurnParams(BaseTurnParams):
    """What the pipeline is told of the analyzer's settings."""

    profile: Literal["patient", "default", "quick"] = "default"


class RtaudioTurnAnalyzer(BaseTurnAnalyzer):
    """The end of turns of one stream. On the pipeline's event loop."""

    def __init__(
        self,
        *,
        sample_rate: int | None = None,
        params: RtaudioTurnParams | None = None,
        config: TurnConfig | None = None,
        turn_model: TurnAnswers | None = None,
        vad: SileroVad | None = None,
        silence_only: bool = False,
    ) -> None:
        """`sample_rate`: of the audio, None for what the pipeline says. `config`: bounds and more, in the place of
        `params`. `turn_model`: answers the detector's questions; default the one of the model store, loaded here,
        without which, or with `silence_only`, silence decides.

        Raises ValueError for a rate there is no filter for; as `SileroVad()` where its model is missing.
        """
        super().__init__(sample_rate=None if sample_rate is None else checked_rate(sample_rate))
        self._turn_params = params or RtaudioTurnParams()
        self._config = config or TurnConfig(profile=self._turn_params.profile)
        self._vad = vad or SileroVad()
        self._turn_model = None if silence_only else turn_model if turn_model is not None else usual_model()
        self._turns: Turns | None = None
        self._half = b""  # of a sample that was cut in two
        self._over: TurnEnded | None = None
        self._said = False  # that it is over
        self.last: TurnEnded | None = None
        """The last turn that ended, with its reasons: why it was taken for complete."""
        if sample_rate is not None:
            self.set_sample_rate(sample_rate)

    def set_sample_rate(self, sample_rate: int) -> None:
        """The rate of the audio to come, unless one was given when the analyzer was made; begins a new stream if it is
        another than before. Raises ValueError for one there is no filter for."""
        rate = self._init_sample_rate or checked_rate(sample_rate)
        super().set_sample_rate(rate)
        if self._turns is None or self._turns.rate != rate:
            self._turns = Turns(rate, self._config, model=self._turn_model, vad=self._vad)
            self._half, self._over, self._said = b"", None, False

    @property
    def speech_triggered(self) -> bool:
        """A turn was begun and has not ended."""
        return self._turns is not None and self._turns.turn in ("open", "waiting")

    @property
    def params(self) -> RtaudioTurnParams:
        """The settings."""
        return self._turn_params

    def append_audio(self, buffer: bytes, is_speech: bool) -> EndOfTurnState:
        """Hears mono int16 of any length. `is_speech`: what the framework's VAD holds. COMPLETE once for each turn.

        A sample that was cut in two is put together with the next chunk. Raises RuntimeError before `set_sample_rate`.
        """
        if self._turns is None:
            raise RuntimeError("RtaudioTurnAnalyzer: set_sample_rate comes before audio, or give sample_rate=...")
        if self._half or len(buffer) % 2:
            buffer = self._half + buffer
            whole = len(buffer) // 2 * 2
            buffer, self._half = buffer[:whole], buffer[whole:]
        for event in self._turns.hear(np.frombuffer(buffer, np.int16)):
            if isinstance(event, TurnEnded):
                self.last = self._over = event
                self._said = False
            elif isinstance(event, SpeechStarted | TurnResumed):
                self._over = None
        if self._over is None or is_speech or self._said:
            return EndOfTurnState.INCOMPLETE
        self._said = True
        return EndOfTurnState.COMPLETE

    async def analyze_end_of_turn(self) -> tuple[EndOfTurnState, MetricsData | None]:
        """Whether the turn is over by now; waits for nothing. The metrics are those of the end that was decided on."""
        if self._over is None:
            nothing = self._turns is None or self._turns.turn == "idle"
            return (EndOfTurnState.COMPLETE if nothing else EndOfTurnState.INCOMPLETE), None
        reasons = self._over.reasons
        metrics = TurnMetricsData(
            processor="RtaudioTurnAnalyzer",
            is_complete=True,
            probability=1.0 if reasons.probability is None else reasons.probability,
            e2e_processing_time_ms=0.0,
        )
        return EndOfTurnState.COMPLETE, metrics

    def clear(self) -> None:
        """A new stream: silence, and nothing heard before."""
        self._half, self._over, self._said = b"", None, False
        if self._turns is not None:
            self._turns.reset()

    async def cleanup(self) -> None:
        """Lets go of open questions. The framework cleans up between uses, too: it can be used again."""
        await super().cleanup()
        if self._turns is not None:
            self._turns.forget()
