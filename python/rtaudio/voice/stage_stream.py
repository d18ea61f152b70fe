"""One run of an agent's own stage: a generator of the user, read as a provider's stream is.

    pump ──asks for a piece──► StageStream ──a step──► the agent's generator ──super()──► stage_use ──► a provider

It runs in a task of its own from its first step to its last, as code that uses time-outs or task groups needs it; and
one that ignores its cancellation holds up nobody.

    state     begun by         leaves to
    new                        running when the first piece is asked for; over when closed
    running   a piece asked    waiting when it yields; over when it ends, raises, or is closed (cancelled)
    waiting                    running when the next is asked for; over when closed (GeneratorExit at its yield)
    over      then all that it has opened of the providers is closed
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any, Generic, NoReturn, TypeVar

from rtaudio.voice.protocols import ProviderError, StageKind
from rtaudio.voice.stage_use import StageUse, Surroundings, enter
from rtaudio.voice.streams import being_cancelled, describe

T = TypeVar("T")


class StageStream(Generic[T]):
    """One run of a generator, as a provider's stream. `wanted`: what it may yield."""

    def __init__(
        self,
        kind: StageKind,
        name: str,
        makes: Callable[[], AsyncIterator[T]],
        wanted: type[Any] | tuple[type[Any], ...],
        around: Surroundings,
    ) -> None:
        self._kind, self._name, self._makes, self._wanted = kind, name, makes, wanted
        self._use = StageUse(around)
        self._task: asyncio.Task[None] | None = None
        self._piece: asyncio.Future[T] | None = None  # what is asked for
        self._next = asyncio.Event()
        self._over = asyncio.Event()
        self._error: ProviderError | None = None
        self._closing = False

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        if self._over.is_set() or self._closing:
            self._end()
        self._piece = asyncio.get_running_loop().create_future()
        if self._task is None:
            self._task = self._use.around.owner.start(self._run(), self._name)
        self._next.set()
        return await self._piece

    def _end(self) -> NoReturn:
        if (error := self._error) is not None:
            self._error = None  # told once
            raise error
        raise StopAsyncIteration

    async def _run(self) -> None:
        enter(self._use)
        try:
            await self._generate()
        except asyncio.CancelledError as error:
            if not self._closing and not being_cancelled():
                self._failed(error)  # the user's own code raised it
        except Exception as error:
            self._failed(error)
        finally:
            self._over.set()
            if self._piece is not None and not self._piece.done():
                if self._error is not None:
                    self._piece.set_exception(self._error)
                    self._error = None
                else:
                    self._piece.set_exception(StopAsyncIteration())
            await self._use.aclose()

    def _failed(self, error: BaseException) -> None:
        what = describe(error)
        if self._use.failed is not None and self._use.failed[0] is error:
            what = f"{self._use.failed[1]}: {what}"
        self._error = ProviderError(self._kind, self._name, what)
        self._error.__cause__ = error

    async def _generate(self) -> None:
        made: Any = self._makes()
        if inspect.iscoroutine(made):
            made.close()
            raise TypeError(f"{self._name} must be an async generator, but never yields")
        if not isinstance(made, AsyncIterable):
            raise TypeError(f"{self._name} must be an async generator, but gave {type(made).__name__}")
        source: AsyncIterator[T] = aiter(made)
        try:
            async for piece in source:
                if self._closing:
                    return
                if not isinstance(piece, self._wanted):
                    raise TypeError(f"yielded {type(piece).__name__} {piece!r:.60}, not {_names(self._wanted)}")
                self._next.clear()
                if self._piece is not None and not self._piece.done():
                    self._piece.set_result(piece)
                await self._next.wait()
        finally:
            if isinstance(source, AsyncIterator) and hasattr(source, "aclose"):
                await source.aclose()

    async def aclose(self) -> None:
        """Ends the generator and waits for that. Raises what it raises meanwhile, once."""
        closing, self._closing = self._closing, True
        if (task := self._task) is None:
            return
        if not closing and not self._over.is_set() and not task.cancelling():
            task.cancel()
        over = asyncio.ensure_future(self._over.wait())  # a task cancelled before its first step is never over
        try:
            await asyncio.wait({task, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
        if (error := self._error) is not None:
            self._error = None
            raise error


def _names(kinds: type[Any] | tuple[type[Any], ...]) -> str:
    return " or ".join(kind.__name__ for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))
