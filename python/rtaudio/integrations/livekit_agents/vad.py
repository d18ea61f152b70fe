"""A `livekit.agents.vad.VAD` on rtaudio's kernel.

Options have the names of the framework's own VADs, so that one can be put in place of the other. What differs: frames
of any rate that `rtaudio.Resampler` takes are heard through a filter that lets nothing alias; several channels are
mixed down; a window is computed at once on the event loop rather than handed to a thread; `raw_accumulated_*` of an
INFERENCE_DONE event include its own window; and what is buffered grows with the speech instead of being set aside for
the longest there may be.

Events, in the framework's words, for each window of 32 ms:

    always                    INFERENCE_DONE   probability, frames = the window, raw_accumulated_speech or _silence
    speech was decided on     START_OF_SPEECH  speech_duration since its onset, frames = what was buffered before it
                                               (`prefix_padding_duration`) and the speech so far
    its end was decided on    END_OF_SPEECH    silence_duration since its end, speech_duration, frames = padding, speech
                                               and that silence, at most `max_buffered_speech` + the padding

A flush in mid-speech begins a new stream and tells of no end, as in the framework's own VADs: where the STT ends turns,
the session flushes and counts on a START_OF_SPEECH coming next if the user still speaks.
"""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from collections import deque
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from livekit import rtc
from livekit.agents import vad as framework

from rtaudio import MIC_RATE, VAD_WINDOW, SileroVad
from rtaudio.integrations.hearing import Gate, Heard, Hearing, Pcm, mono, off_below

__all__ = ["VAD", "VADStream"]

_log = logging.getLogger("rtaudio.integrations.livekit_agents")
_WINDOW_S: Final = VAD_WINDOW / MIC_RATE
_BREATH_WINDOWS: Final = 32  # a burst gives the loop to others after each second of audio


@dataclass(frozen=True, slots=True)
class _Options:
    min_speech_duration: float
    min_silence_duration: float
    prefix_padding_duration: float
    max_buffered_speech: float
    activation_threshold: float
    deactivation_threshold: float | None

    def __post_init__(self) -> None:
        for name in ("prefix_padding_duration", "max_buffered_speech"):
            value = getattr(self, name)
            if not 0 <= value <= 3600:
                raise ValueError(f"rtaudio VAD: {name} must be 0 to 3600 s, not {value!r}")
        self.gate().config()

    def gate(self) -> Gate:
        on = self.activation_threshold
        off = self.deactivation_threshold
        return Gate(on, off_below(on) if off is None else off, self.min_speech_duration, self.min_silence_duration)


class VAD(framework.VAD):
    """Voice activity for an `AgentSession`: Silero VAD v6.2 on rtaudio's kernel."""

    def __init__(
        self,
        *,
        min_speech_duration: float = 0.064,
        min_silence_duration: float = 0.25,
        prefix_padding_duration: float = 0.5,
        max_buffered_speech: float = 60.0,
        activation_threshold: float = 0.5,
        deactivation_threshold: float | None = None,
        model: SileroVad | None = None,
    ) -> None:
        """Durations in seconds. Speech starts at the first window above `activation_threshold` if it lasts
        `min_speech_duration`, and ends at the first below `deactivation_threshold` (default: 0.15 less) if silence
        lasts `min_silence_duration`; the framework's audio turn detectors want at least 0.25 of it.

        Raises ValueError for options that cannot be; what `SileroVad()` raises where its model is missing.
        """
        super().__init__(capabilities=framework.VADCapabilities(update_interval=_WINDOW_S))
        self._silero = model or SileroVad()
        self._options = _Options(
            min_speech_duration=min_speech_duration,
            min_silence_duration=min_silence_duration,
            prefix_padding_duration=prefix_padding_duration,
            max_buffered_speech=max_buffered_speech,
            activation_threshold=activation_threshold,
            deactivation_threshold=deactivation_threshold,
        )
        self._streams: weakref.WeakSet[VADStream] = weakref.WeakSet()

    @property
    def model(self) -> str:
        """ "silero"."""
        return "silero"

    @property
    def provider(self) -> str:
        """ "rtaudio"."""
        return "rtaudio"

    @property
    def min_silence_duration(self) -> float:
        """Seconds of silence that end speech: `AgentSession` asks whether a turn detector has time to answer."""
        return self._options.min_silence_duration

    def stream(self) -> VADStream:
        """A new stream; needs a running event loop, as the framework's do."""
        stream = VADStream(self, self._options, self._silero)
        self._streams.add(stream)
        return stream

    def update_options(
        self,
        *,
        min_speech_duration: float | None = None,
        min_silence_duration: float | None = None,
        prefix_padding_duration: float | None = None,
        max_buffered_speech: float | None = None,
        activation_threshold: float | None = None,
        deactivation_threshold: float | None = None,
    ) -> None:
        """Changes what is given, for new streams and, from their next window on, for those that run: who speaks goes on
        speaking. Raises ValueError, and then nothing is changed."""
        given = {name: value for name, value in locals().items() if name != "self" and isinstance(value, int | float)}
        self._options = replace(self._options, **given)
        for stream in self._streams:
            stream._set_options(self._options)


class VADStream(framework.VADStream):
    """One stream of a `VAD`; made by `VAD.stream`."""

    def __init__(self, parent: VAD, options: _Options, model: SileroVad) -> None:
        self._options = options
        self._silero = model
        self._hearing: Hearing | None = None  # made for the rate of the first frame
        self._recent: deque[Heard] = deque()  # the speech, or what may become its padding
        self._reached = False  # as much is buffered of this speech as may be
        self._forget()
        self.frames_refused = 0
        """Frames with another rate than the first one's: heard as if they had not come."""
        super().__init__(parent)

    def push_frame(self, frame: rtc.AudioFrame) -> None:
        """Takes audio of any length, at the rate of the stream's first frame.

        Raises ValueError for a first frame whose rate `rtaudio.Resampler` has no filter for; RuntimeError after
        `end_input` and `aclose`. A later frame of another rate is refused, counted in `frames_refused`, and said once.
        """
        if self._hearing is None:
            self._hearing = Hearing(frame.sample_rate, self._options.gate(), model=self._silero)
        super().push_frame(frame)

    def _set_options(self, options: _Options) -> None:
        if self._hearing is not None:
            self._hearing.set_gate(options.gate())
        if options.max_buffered_speech > self._options.max_buffered_speech:
            self._reached = False
        self._options = options

    async def _main_task(self) -> None:
        windows = 0
        async for item in self._input_ch:
            if isinstance(item, self._FlushSentinel):
                self._reset()
                continue
            windows += self._take(item)
            if windows >= _BREATH_WINDOWS:
                windows = 0
                await asyncio.sleep(0)

    def _reset(self) -> None:
        if self._hearing is not None:
            self._hearing.reset()
        self._forget()

    def _forget(self) -> None:
        self._recent.clear()
        self._recent_samples = 0
        self._reached = False
        self._speaking = False  # as the events have it so far
        self._since = 0  # input sample where the speech or silence of now began
        self._onset = 0  # of the last speech
        self._speech_windows = self._silence_windows = 0  # in a row

    def _take(self, frame: rtc.AudioFrame) -> int:
        """Hears a frame and tells what was heard; gives how many windows that were."""
        hearing = self._hearing
        assert hearing is not None  # push_frame made it
        if frame.sample_rate != hearing.rate:
            self.frames_refused += 1
            if self.frames_refused == 1:
                _log.error(
                    "a frame of %d Hz came into a stream of %d Hz: it is not heard, nor are others like it; "
                    "flush() does not change a stream's rate, a new stream does",
                    frame.sample_rate,
                    hearing.rate,
                )
            return 0
        began = time.perf_counter()
        heard = hearing.hear(mono(frame.data, frame.num_channels))
        took_s = (time.perf_counter() - began) / max(len(heard), 1)
        for window in heard:
            self._tell(window, hearing, took_s)
        return len(heard)

    def _tell(self, window: Heard, hearing: Hearing, took_s: float) -> None:
        """Events of one window. As in the framework's own VADs, `speaking` and the durations of INFERENCE_DONE are
        those before this window decided anything, so that nothing is interrupted before START_OF_SPEECH has come."""
        if window.gate in ("rising", "speech"):
            self._speech_windows, self._silence_windows = self._speech_windows + 1, 0
        else:
            self._speech_windows, self._silence_windows = 0, self._silence_windows + 1
        self._keep(window, hearing)
        kind = framework.VADEventType
        self._send(kind.INFERENCE_DONE, window, hearing, [_frame(window.pcm, hearing.rate)], took_s)
        if window.started_at is not None:
            self._speaking, self._since, self._onset = True, window.started_at, window.started_at
            self._send(kind.START_OF_SPEECH, window, hearing, [self._buffered(hearing)], took_s)
        elif window.ended_at is not None:
            self._speaking, spoken, self._since = False, window.ended_at - self._since, window.ended_at
            self._send(kind.END_OF_SPEECH, window, hearing, [self._buffered(hearing)], took_s, spoken)
            self._reached = False
            self._trim(hearing)

    def _send(
        self,
        kind: framework.VADEventType,
        window: Heard,
        hearing: Hearing,
        frames: list[rtc.AudioFrame],
        took_s: float,
        spoken: int = 0,
    ) -> None:
        lasted_s = hearing.seconds(window.end - self._since)
        self._event_ch.send_nowait(
            framework.VADEvent(
                type=kind,
                samples_index=window.end * MIC_RATE // hearing.rate,
                timestamp=hearing.seconds(window.end),
                speech_duration=lasted_s if self._speaking else hearing.seconds(spoken),
                silence_duration=0.0 if self._speaking else lasted_s,
                frames=frames,
                probability=window.probability,
                inference_duration=took_s,
                speaking=self._speaking,
                raw_accumulated_speech=self._speech_windows * _WINDOW_S,
                raw_accumulated_silence=self._silence_windows * _WINDOW_S,
            )
        )

    def _keep(self, window: Heard, hearing: Hearing) -> None:
        """Buffers the window's input: for the padding, and for the speech up to its limit."""
        options = self._options
        limit = (options.max_buffered_speech + options.prefix_padding_duration) * hearing.rate
        if self._speaking and self._recent_samples + len(window.pcm) > limit:
            if not self._reached:
                self._reached = True
                _log.warning(
                    "speech lasts longer than max_buffered_speech (%g s): the rest is not kept for its end",
                    options.max_buffered_speech,
                )
            return
        self._recent.append(window)
        self._recent_samples += len(window.pcm)
        if window.gate == "silence" and not self._speaking:
            self._trim(hearing)

    def _trim(self, hearing: Hearing) -> None:
        padding = self._options.prefix_padding_duration * hearing.rate
        while self._recent and self._recent_samples - len(self._recent[0].pcm) >= padding:
            self._recent_samples -= len(self._recent.popleft().pcm)

    def _buffered(self, hearing: Hearing) -> rtc.AudioFrame:
        """From the padding before the speech that began at `_onset` on."""
        begin = self._onset - round(self._options.prefix_padding_duration * hearing.rate)
        if not self._recent:
            return _frame(np.zeros(0, np.int16), hearing.rate)
        pcm = np.concatenate([window.pcm for window in self._recent])
        return _frame(pcm[max(begin - self._recent[0].begin, 0) :], hearing.rate)


def _frame(pcm: Pcm, rate: int) -> rtc.AudioFrame:
    return rtc.AudioFrame(data=pcm.tobytes(), sample_rate=rate, num_channels=1, samples_per_channel=len(pcm))
