"""An audio turn detector for livekit-agents that decides the delay itself.

The framework asks for a probability once its VAD has seen 200 ms of silence, waits for the future it is given, and then
takes the shorter of two delays if the probability reaches a threshold, else the longer one. This detector's future is
done when the turn is over by rtaudio's policy (`rtaudio.TurnDetector`; csrc/turn_policy.h), with probability 1: the
shorter delay has passed by then, and the framework commits the turn. So the delay follows the evidence, between the
policy's bounds, instead of being one of two numbers.

    framework calls          our turn is           the future it gets
    predict()                idle, ended           done, 1.0
                             open, waiting         done with 1.0 when the turn ends
    cancel_inference()                             done with 0.0: speech goes on, or the turn is committed
    no audio any more                              `prediction_timeout`, then the framework decides

`endpointing.min_delay` of the session stays the least delay there is (0.3 s with a turn detector, by the framework's
default); `max_delay` has no say.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, Final

from livekit import rtc
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions
from livekit.agents.voice.turn import TurnDetectionEvent

from rtaudio import SileroVad, TurnConfig, TurnEnded
from rtaudio.integrations.hearing import mono
from rtaudio.integrations.turns import TurnAnswers, Turns, usual_model

__all__ = ["TurnDetector", "TurnDetectorStream"]

_log = logging.getLogger("rtaudio.integrations.livekit_agents")
_LONGEST_S: Final = 3.0
"""The framework gives up on a future after so long: more than any profile waits."""
_THRESHOLD: Final = 0.5


class TurnDetector:
    """For ``AgentSession(turn_handling={"turn_detection": TurnDetector()})``. Immutable; any number of streams."""

    def __init__(
        self,
        config: TurnConfig | None = None,
        *,
        turn_model: TurnAnswers | None = None,
        vad: SileroVad | None = None,
        silence_only: bool = False,
    ) -> None:
        """`config`: profile (``"patient"``, ``"default"``, ``"quick"``) and bounds. `turn_model`: answers the
        detector's questions; default the one of the model store, loaded here, without which, or with `silence_only`,
        silence decides. Raises as `SileroVad()` does where its model is missing."""
        self._config = config or TurnConfig()
        self._vad = vad or SileroVad()
        self._turn_model = None if silence_only else turn_model if turn_model is not None else usual_model()

    @property
    def model(self) -> str:
        """What decides, for the framework's metrics."""
        return "rtaudio-turns" if self._turn_model is not None else "rtaudio-silence"

    @property
    def provider(self) -> str:
        """ "rtaudio"."""
        return "rtaudio"

    def stream(self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> TurnDetectorStream:
        """A new stream. There is nothing to connect to: the options are of no account."""
        return TurnDetectorStream(self, self._config, self._turn_model, self._vad)


class TurnDetectorStream:
    """One stream of a `TurnDetector`. On the session's event loop."""

    def __init__(
        self, detector: TurnDetector, config: TurnConfig, turn_model: TurnAnswers | None, vad: SileroVad
    ) -> None:
        self._detector = detector
        self._config = config
        self._turn_model = turn_model
        self._vad = vad
        self._turns: Turns | None = None  # made for the rate of the first frame
        self._asked: asyncio.Future[TurnDetectionEvent] | None = None
        self._asked_at = 0.0
        self._closed = False
        self.last: TurnEnded | None = None
        """The last turn that ended, with its reasons: why it was taken for complete."""
        self.frames_refused = 0
        """Frames with another rate than the first one's: heard as if they had not come."""

    @property
    def model(self) -> str:
        """Of the detector."""
        return self._detector.model

    @property
    def provider(self) -> str:
        """Of the detector."""
        return self._detector.provider

    @property
    def is_fallback(self) -> bool:
        """No model: silence decides."""
        return self._turn_model is None

    @property
    def prediction_timeout(self) -> float:
        """Seconds after which the framework decides without us."""
        return _LONGEST_S

    async def unlikely_threshold(self, language: Any) -> float | None:
        """What a decision's probability, 1, is above."""
        return _THRESHOLD

    async def backchannel_threshold(self, language: Any) -> float | None:
        """None: no opportunities for the agent's "mhm" are told."""
        return None

    async def supports_language(self, language: Any) -> bool:
        """Any: it goes by the voice."""
        return True

    def predict(self) -> asyncio.Future[TurnDetectionEvent]:
        """A future that is done when the turn is over; replaces the one before, which is done with 0."""
        self.cancel_inference()
        future: asyncio.Future[TurnDetectionEvent] = asyncio.get_running_loop().create_future()
        if self._closed or self._turns is None or self._turns.turn in ("idle", "grace"):
            future.set_result(self._event(1.0, 0.0))
        else:
            self._asked, self._asked_at = future, time.perf_counter()
        return future

    def cancel_inference(self, *, timed_out: bool = False) -> None:
        """The framework no longer asks."""
        self._answer(0.0)

    def flush(self, reason: str | None = None) -> None:
        """The turn was committed or cleared: what is said next is another one. Hearing goes on."""
        self.cancel_inference()

    def push_audio(self, frame: rtc.AudioFrame) -> None:
        """Takes audio of any length, at the rate of the stream's first frame; after `end_input` nothing.

        Raises ValueError for a first frame whose rate `rtaudio.Resampler` has no filter for. A later frame of another
        rate is refused, counted in `frames_refused`, and said once.
        """
        if self._closed:
            return
        if self._turns is None:
            self._turns = Turns(frame.sample_rate, self._config, model=self._turn_model, vad=self._vad)
        if frame.sample_rate != self._turns.rate:
            self.frames_refused += 1
            if self.frames_refused == 1:
                _log.error("a frame of %d Hz came into a turn detector's stream of %d Hz: it is not heard, nor are "
                           "others like it", frame.sample_rate, self._turns.rate)  # fmt: skip
            return
        for event in self._turns.hear(mono(frame.data, frame.num_channels)):
            if isinstance(event, TurnEnded):
                self.last = event
                self._answer(1.0)

    def end_input(self) -> None:
        """No audio comes any more."""
        self.cancel_inference()
        self._closed = True
        if self._turns is not None:
            self._turns.forget()

    async def aclose(self) -> None:
        """Lets go of everything; no task was ever started."""
        self.end_input()

    def _answer(self, probability: float) -> None:
        future, self._asked = self._asked, None
        if future is not None and not future.done():
            future.set_result(self._event(probability, time.perf_counter() - self._asked_at))

    def _event(self, probability: float, took_s: float) -> TurnDetectionEvent:
        return TurnDetectionEvent(
            type="eot_prediction",
            end_of_turn_probability=probability,
            last_speaking_time=time.time(),
            inference_duration=took_s,
        )
