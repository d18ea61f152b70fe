"""Two PortAudio streams on the callbacks of csrc/device.h: opened together, started together, closed in bounded time.

PortAudio's threads call into memory of ours. So the order is: streams closed, then the callbacks' memory given back. A
sound server that no longer answers can make PortAudio wait for ever; then the streams are given up, with the memory
they may still touch, and the caller goes on.
"""

from __future__ import annotations

import atexit
import math
import threading
from collections.abc import Callable
from typing import Any, Final

from rtaudio.core import DeviceCallbacks, Line
from rtaudio.transports.sound_devices import SPOKEN, Kind, Setting, SoundUnavailable, portaudio

CLOSE_WITHIN_S: Final = 3.0
"""PortAudio closes in some milliseconds where it can at all."""

_given_up: list[Streams] = []


class Ended:
    """Which stream ended first by itself. Told by PortAudio's thread after its last callback; it knows nothing else."""

    def __init__(self) -> None:
        self.kind: Kind | None = None
        self.closing = False

    def tell(self, kind: Kind) -> None:
        """A stream ended."""
        if self.kind is None and not self.closing:
            self.kind = kind


class Streams:
    """Both streams of a device line, open. SoundUnavailable: a device refuses; nothing is left open then."""

    def __init__(self, line: Line, mic: Setting, speaker: Setting, block_s: float, *, detour: bool = False) -> None:
        self.ended = Ended()
        self.callbacks = DeviceCallbacks(
            line,
            input_channels=mic.channels,
            output_channels=speaker.channels,
            detour_rate=mic.rate if detour else None,
        )
        self._streams: list[Any] = []
        try:
            into = self._open("input", mic, block_s, self.callbacks.input_callback)
            out = self._open("output", speaker, block_s, self.callbacks.output_callback)
            self.callbacks.set_latency(out.latency, into.latency)
        except BaseException:
            self.close()
            raise
        self.output_latency_s = float(out.latency)

    def _open(self, kind: Kind, setting: Setting, block_s: float, callback: int) -> Any:
        sound, ended = portaudio(), self.ended
        pointer = sound._ffi.cast
        try:
            stream = sound._StreamBase(  # the class that sounddevice documents for callbacks in C
                kind=kind,
                device=setting.device.index,
                channels=setting.channels,
                dtype="float32",
                samplerate=setting.rate,
                blocksize=math.ceil(block_s * setting.rate),
                latency="low",  # two blocks: what "high" adds to it, ALSA delivers in bursts
                callback=pointer("void *", callback),
                userdata=pointer("void *", self.callbacks.userdata),
                finished_callback=lambda: ended.tell(kind),
            )
        except (sound.PortAudioError, ValueError) as error:
            raise SoundUnavailable(
                f"{setting.device.name!r} ({setting.device.host_api}) does not open as {SPOKEN[kind]}: {error}"
            ) from error
        self._streams.append(stream)
        return stream

    def start(self) -> None:
        """Lets both run. SoundUnavailable: one does not; close() is still to be called."""
        try:
            for stream in self._streams:
                stream.start()
        except portaudio().PortAudioError as error:
            raise SoundUnavailable(f"the sound card does not start: {error}") from error

    def close(self) -> None:
        """What the device still holds is not played. Returns within `CLOSE_WITHIN_S`; once."""
        self.ended.closing = True
        if self._streams and not within(CLOSE_WITHIN_S, self._close_streams):
            _given_up.append(self)
            # Its own end of the process would wait for the same answer.
            atexit.unregister(portaudio()._exit_handler)
            return
        self._streams = []
        self.callbacks.close()

    def _close_streams(self) -> None:
        """PortAudio waits for a callback that is under way. Errors say only that a stream had ended before."""
        for stream in self._streams:
            stream.abort(ignore_errors=True)
            stream.close(ignore_errors=True)


def within(limit_s: float, work: Callable[[], None]) -> bool:
    """Whether `work` came to its end in that time; it goes on in a thread that nobody waits for if not."""
    thread = threading.Thread(target=work, name="rtaudio-sound-close", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # no new threads while the interpreter ends
        work()
        return True
    thread.join(limit_s)
    return not thread.is_alive()
