"""Several recognisers in order: the next gets the turn from its beginning where one fails.

The audio of the turn so far is kept, so that no word is lost when one fails; `keep_s` bounds that (law 8). A recogniser
that hangs is noticed once the turn is over: before, silence is no failure.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from rtaudio.providers.fallback.health import HealthPolicy
from rtaudio.providers.fallback.pool import HealthChange, Leaving, Pool, ProviderHealth
from rtaudio.voice.protocols import STT, Audio, STTStream, Transcript
from rtaudio.voice.streams import describe
from rtaudio.voice.troubles import tell

RATE: Final = 16000


class FallbackSTT:
    """Recognisers as one, tried in order.

    final_s     from the end of the turn (or from when it was given the turn) to one recogniser's final transcript;
                None: as long as it takes. All of the trials together must fit into the session's `stt_final_timeout_s`
    keep_s      how much audio of a turn is kept for the next recogniser; of a longer turn it gets the last so much
    health      when a recogniser that failed is asked again
    on_change   hears of each change of a recogniser's health, at once; it must not raise
    """

    def __init__(
        self,
        recognisers: Sequence[STT],
        *,
        final_s: float | None = 2.0,
        keep_s: float = 120.0,
        health: HealthPolicy | None = None,
        on_change: Callable[[HealthChange], None] | None = None,
        close_s: float = 1.0,
    ) -> None:
        if keep_s <= 0:
            raise ValueError(f"keep_s = {keep_s}: must be above 0")
        self._pool: Pool[STT] = Pool("stt", recognisers, health, on_change)
        self.name = self._pool.name
        self._final_s, self._keep_samples, self._close_s = final_s, round(keep_s * RATE), close_s

    @property
    def health(self) -> tuple[ProviderHealth, ...]:
        """In the order of the recognisers. Needs a running loop."""
        return self._pool.health

    def stream(self) -> FallbackSTTStream:
        return FallbackSTTStream(self._pool, self._final_s, self._keep_samples, self._close_s)

    async def warm_up(self) -> None:
        """All of them. Raises ProviderError if every one fails."""
        await self._pool.warm_up()

    async def aclose(self) -> None:
        await self._pool.aclose()


class FallbackSTTStream:
    """One turn. One task reads it; the other calls may come from any task of the loop. Raises ProviderError when no
    recogniser is left."""

    def __init__(self, pool: Pool[STT], final_s: float | None, keep_samples: int, close_s: float) -> None:
        self._pool, self._final_s = pool, final_s
        self._kept = _Kept(keep_samples)
        self._leaving = Leaving("stt", close_s)
        self._tried: set[int] = set()
        self._wrong: list[tuple[int, str]] = []
        self._at: int | None = None
        self._stream: STTStream | None = None
        self._source: AsyncIterator[Transcript] | None = None
        self._settled: Transcript | None = None  # the last, if it was final
        self._trouble: str | None = None  # it refused audio: to be left by whoever reads
        self._limit: asyncio.Timeout | None = None
        self._deadline: float | None = None
        self._ended = self._closed = self._over = False
        self._open()

    def push(self, samples: Audio) -> None:
        self._kept.add(samples)
        self._push(samples)

    def end(self) -> None:
        self._ended = True
        self._try(lambda stream: stream.end())
        self._arm()

    def __aiter__(self) -> AsyncIterator[Transcript]:
        return self

    async def __anext__(self) -> Transcript:
        while not (self._closed or self._over):
            if self._stream is None and not self._open():
                raise self._pool.error(self._wrong)
            transcript = await self._next()
            if transcript is not None:
                return transcript
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self._closed = True
        stream, self._stream = self._stream, None
        try:
            if stream is not None:
                if not self._over and self._at is not None:
                    self._pool.let_go(self._at)
                await stream.aclose()
        finally:
            await self._leaving.aclose()

    def _open(self) -> bool:
        """The next recogniser's stream, with all the audio so far. False: none is left."""
        while (at := self._pool.take(self._tried)) is not None:
            self._tried.add(at)
            try:
                stream = self._pool.providers[at].stream()
            except Exception as error:
                self._failed(at, describe(error))
                continue
            self._at, self._stream, self._source, self._trouble, self._settled = at, stream, None, None, None
            if self._kept.lost and self._wrong:
                lost_s = self._kept.lost / RATE
                tell("stt", self._pool.names[at], f"begins {lost_s:.1f} s into the turn: more audio is not kept")
            for samples in self._kept.audio:
                self._push(samples)
            if self._ended:
                self._try(lambda stream: stream.end())
            self._arm()
            return True
        return False

    async def _next(self) -> Transcript | None:
        """The next transcript; None: look again."""
        assert self._stream is not None
        what = self._trouble
        if what is None:
            try:
                async with asyncio.timeout_at(self._deadline) as self._limit:
                    if self._source is None:
                        self._source = aiter(self._stream)
                    return self._take(await anext(self._source))
            except StopAsyncIteration:
                if self._closed:
                    return None
                if self._settled is not None and self._ended:
                    return self._take(self._settled)
                what = "ended without a final transcript"
            except TimeoutError as error:
                ours = self._limit is not None and self._limit.expired()
                what = self._trouble or f"no final transcript within {self._final_s} s" if ours else describe(error)
            except Exception as error:
                what = describe(error)
            finally:
                self._limit = None
        if not self._closed:
            at, stream, self._stream = self._at, self._stream, None
            assert at is not None
            if stream is not None:
                self._leaving.leave(stream, self._pool.names[at])
            self._failed(at, what)
        return None

    def _take(self, transcript: Transcript) -> Transcript:
        self._settled = transcript if transcript.final else None
        if transcript.final and self._ended and not self._over:
            self._over = True
            assert self._at is not None
            self._pool.succeeded(self._at)
        return transcript

    def _push(self, samples: Audio) -> None:
        self._try(lambda stream: stream.push(samples))

    def _try(self, call: Callable[[STTStream], None]) -> None:
        """Audio, or its end, to the present recogniser, if it takes any."""
        if self._stream is None or self._trouble is not None:
            return
        try:
            call(self._stream)
        except Exception as error:
            self._trouble = describe(error)
            if self._limit is not None:
                self._limit.reschedule(asyncio.get_running_loop().time())

    def _arm(self) -> None:
        if self._ended and self._final_s is not None:
            self._deadline = asyncio.get_running_loop().time() + self._final_s
            if self._limit is not None and self._trouble is None:
                self._limit.reschedule(self._deadline)

    def _failed(self, at: int, what: str) -> None:
        self._wrong.append((at, what))
        self._pool.failed(at, what)


class _Kept:
    """The last samples of a turn, as they were pushed. `lost`: samples that are not there any more."""

    def __init__(self, most: int) -> None:
        self.audio: deque[Audio] = deque()
        self.lost = 0
        self._most, self._count = most, 0

    def add(self, samples: Audio) -> None:
        self.audio.append(samples)
        self._count += len(samples)
        while self._count > self._most:
            cut = min(self._count - self._most, len(self.audio[0]))
            self.audio[0] = self.audio[0][cut:]
            self._count -= cut
            self.lost += cut
            if not len(self.audio[0]):
                self.audio.popleft()
