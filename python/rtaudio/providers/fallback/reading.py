"""What the streams of FallbackLLM and FallbackTTS share: one provider's stream after the other, read with time-outs."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Generic, Protocol, TypeVar

from rtaudio.providers.fallback.pool import Leaving, Pool, Provider
from rtaudio.voice.streams import Stalled, describe, next_within

P = TypeVar("P", bound=Provider)
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Stream(Protocol[T_co]):
    """A provider's stream."""

    def __aiter__(self) -> AsyncIterator[T_co]: ...

    async def aclose(self) -> None: ...


class Failed(Exception):
    """The provider's stream raised or hung; `what` as for an event."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Reading(Generic[P, T]):
    """One stream that is made of those of several providers.

        open ──next: a piece──► (give) … next ──StopAsyncIteration, Failed──► leave ──► open the next one

    `at`: the provider that is read now; None: none is. One task reads; `aclose` may come from any.
    """

    def __init__(
        self, pool: Pool[P], waiting_for: str, first_s: float | None, next_s: float | None, close_s: float
    ) -> None:
        self.pool = pool
        self.at: int | None = None
        self.closed = False
        self.wrong: list[tuple[int, str]] = []
        self._waiting_for, self._first_s, self._next_s = waiting_for, first_s, next_s
        self._tried: set[int] = set()
        self._stream: Stream[T] | None = None
        self._source: AsyncIterator[T] | None = None
        self._well = False  # the provider that is read now gave something
        self._leaving = Leaving(pool.kind, close_s)

    @property
    def name(self) -> str:
        assert self.at is not None
        return self.pool.names[self.at]

    def open(self, opener: Callable[[P], Stream[T]]) -> bool:
        """Opens the next provider's stream, passing over those that raise. False: none is left."""
        while (at := self.pool.take(self._tried)) is not None:
            self._tried.add(at)
            try:
                stream = opener(self.pool.providers[at])
            except Exception as error:
                self._failed(at, describe(error))
                continue
            self.at, self._stream, self._source, self._well = at, stream, None, False
            return True
        return False

    async def next(self) -> T:
        """The next piece; StopAsyncIteration at the end, Failed when it raised or hung."""
        assert self._stream is not None
        try:
            if self._source is None:
                self._source = aiter(self._stream)
            return await next_within(self._source, self._next_s if self._well else self._first_s, self._waiting_for)
        except StopAsyncIteration:
            raise
        except Stalled as error:
            raise Failed(str(error)) from error
        except Exception as error:
            raise Failed(describe(error)) from error

    def well(self) -> None:
        """It gave something of use."""
        self._well = True

    def done(self) -> None:
        """It is left, having done what was asked."""
        if self.at is not None:
            self.pool.succeeded(self.at)
        self.leave()

    def failed(self, what: str) -> None:
        """It is left, and counts as failed."""
        at = self.at
        self.leave()
        if at is not None:
            self._failed(at, what)

    def leave(self) -> None:
        """It is left: its stream is closed beside what goes on."""
        stream, self._stream = self._stream, None
        if stream is not None:
            self._leaving.leave(stream, self.name)
        self.at = None

    def _failed(self, at: int, what: str) -> None:
        self.wrong.append((at, what))
        self.pool.failed(at, what)

    async def aclose(self) -> None:
        """Closes what is open. Raises what the present provider's stream raises."""
        self.closed = True
        stream, self._stream = self._stream, None
        try:
            if stream is not None:
                if self.at is not None:
                    (self.pool.succeeded if self._well else self.pool.let_go)(self.at)
                await stream.aclose()
        finally:
            await self._leaving.aclose()


class FallbackStream(Generic[P, T]):
    """What is given of it, piece by piece. One task reads; `aclose` may come from any."""

    def __init__(self, reading: Reading[P, T]) -> None:
        self._reading = reading
        self._ready: deque[T] = deque()
        self._ended = False

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        while not self._ready and not self._ended and not self._reading.closed:
            await self._step()
        if not self._ready or self._reading.closed:
            raise StopAsyncIteration
        return self._ready.popleft()

    async def aclose(self) -> None:
        await self._reading.aclose()

    async def _step(self) -> None:
        """Reads on: puts what may be given into `_ready`, and sets `_ended` at the end."""
        raise NotImplementedError
