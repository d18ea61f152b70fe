"""Recognition of one turn: exactly the mic audio [start, until) goes in, transcripts come out, the stream is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from rtaudio.core import LostSamples
from rtaudio.voice import received
from rtaudio.voice.protocols import STT, STTStream
from rtaudio.voice.streams import BREATH, being_cancelled, describe

if TYPE_CHECKING:
    from rtaudio.core._port import MediaReader

MOST_SAMPLES: Final = 16000
"""Handed over at once: after a stall the audio comes in pieces of a second."""


class Recognition:
    """`feed` is called whenever there may be new audio; `run` is the task that reads the transcripts.

    `came(text, final, complete)`: at most one final, the last. `failed(what)`: at most once, instead of it.
    `lost(samples)`: audio was overwritten before it could be taken.
    """

    def __init__(
        self,
        stt: STT,
        reader: MediaReader,
        *,
        final_timeout_s: float | None,
        close_timeout_s: float,
        came: Callable[[str, bool, bool], None],
        failed: Callable[[str], None],
        lost: Callable[[int], None],
    ) -> None:
        """Opens the stream; raises what the provider raises."""
        self._stream: STTStream = stt.stream()
        self._reader = reader
        self._final_timeout_s, self._close_timeout_s = final_timeout_s, close_timeout_s
        self._came, self._failed, self._lost = came, failed, lost
        self._until: int | None = None
        self._ended = False  # the stream was told that no more audio comes
        self._over = False  # final or failed
        self._limit: asyncio.Timeout | None = None
        self._last: asyncio.TimerHandle | None = None  # for a stream that does not heed that limit
        if reader.lost:  # its start was already overwritten
            lost(reader.lost)

    @property
    def stream(self) -> STTStream:
        return self._stream

    def end_at(self, until: int) -> None:
        self._until = until
        self.feed()

    def feed(self) -> None:
        if self._ended or self._over:
            return
        try:
            self._push()
            if self._until is not None and self._reader.position >= self._until:
                self._ended = True
                self._stream.end()
                self._arm()
        except Exception as error:
            self._fail(describe(error))

    def _push(self) -> None:
        while True:
            count = min(self._reader.available, MOST_SAMPLES)
            if self._until is not None:
                count = min(count, self._until - self._reader.position)
            if count <= 0:
                return
            try:
                samples = self._reader.read(count)
            except LostSamples as error:
                self._lost(error.samples)
                continue
            self._stream.push(samples)

    def _arm(self) -> None:
        if self._limit is not None and self._ended and self._final_timeout_s is not None:
            loop, what = asyncio.get_running_loop(), f"{self._no_final}, and it does not heed its cancellation"
            self._limit.reschedule(loop.time() + self._final_timeout_s)
            self._last = loop.call_later(self._final_timeout_s + self._close_timeout_s, self._fail, what)

    @property
    def _no_final(self) -> str:
        return f"no final transcript within {self._final_timeout_s} s of the end of the turn"

    def _fail(self, what: str) -> None:
        if not self._over:
            self._over = True
            self._failed(what)

    async def run(self) -> None:
        try:
            await self._read()
        finally:
            if self._last is not None:
                self._last.cancel()

    async def _read(self) -> None:
        text, settled = "", False
        try:
            async with asyncio.timeout(None) as self._limit:
                self._arm()
                number = 0
                async for transcript in self._stream:
                    if self._over:
                        return
                    if (number := number + 1) % BREATH == 0:
                        await asyncio.sleep(0)
                    if number > received.MOST_TRANSCRIPTS:
                        return self._fail(f"sent more than {received.MOST_TRANSCRIPTS} transcripts in one turn")
                    transcript = received.checked_transcript(transcript)
                    text, settled = transcript.text, transcript.final
                    final = settled and self._ended
                    self._over = final
                    self._came(text, final, transcript.complete)
                    if final:
                        return
        except TimeoutError as error:
            ours = self._limit is not None and self._limit.expired()
            return self._fail(self._no_final if ours else describe(error))
        except asyncio.CancelledError as error:
            if being_cancelled():
                raise
            return self._fail(describe(error))
        except Exception as error:
            return self._fail(describe(error))
        if self._over:
            return None
        if settled and self._ended:  # it settled before the turn's end and had nothing to add
            self._over = True
            self._came(text, True, True)
        else:
            self._fail("ended without a final transcript")
