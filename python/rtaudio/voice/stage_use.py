"""What `super().llm(...)` and the like give within an agent's own stages: streams of the providers in charge.

A generator of a user may leave such a stream open, or open several. All that one use of a stage has opened is kept
here, and closed when the use is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from rtaudio.voice.streams import Closable, close_stream

if TYPE_CHECKING:
    from rtaudio.voice.chat import ChatContext
    from rtaudio.voice.protocols import (
        LLM,
        STT,
        TTS,
        Audio,
        ProviderKind,
        Speech,
        StageKind,
        STTStream,
        Token,
        ToolCall,
        ToolSpec,
        Transcript,
        Usage,
    )

T = TypeVar("T")
TRANSCRIPTS_WAITING: Final = 64
"""Of one stream, unread; then it is not read further."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Of a use of a stage: starts and keeps its tasks, hears of trouble."""

    start: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]
    troubled: Callable[[StageKind, str], Callable[[str], None]]
    close_timeout_s: float


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a use of a stage runs in: the providers in charge, and its owner."""

    stt: STT
    llm: LLM
    tts: TTS
    owner: Owner


class StageUse:
    """One run of an agent's generator. `failed`: the provider's error that went through it last, and whose it was."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.failed: tuple[Exception, str] | None = None
        self._opened: list[_Provided[Any]] = []

    def stt(self, audio: AsyncIterator[Audio]) -> AsyncIterator[Transcript]:
        return self._kept(_ProvidedTranscripts(self, audio))

    def llm(self, chat: ChatContext, tools: Sequence[ToolSpec]) -> AsyncIterator[Token | ToolCall | Usage]:
        llm = self.around.llm
        return self._kept(
            _Provided(self, "llm", llm.name, lambda: llm.stream(chat, tools) if tools else llm.stream(chat))
        )

    def tts(self, text: str) -> AsyncIterator[Speech]:
        tts = self.around.tts
        return self._kept(_Provided(self, "tts", tts.name, lambda: tts.stream(text)))

    def _kept(self, provided: _Provided[T]) -> _Provided[T]:
        self._opened.append(provided)
        return provided

    async def aclose(self) -> None:
        """Closes what is still open; what goes wrong is told, not raised."""
        while self._opened:
            await self._opened.pop().aclose()


_IN_USE: ContextVar[StageUse] = ContextVar("rtaudio stage in use")


def in_use() -> StageUse:
    """The use that the running task belongs to. RuntimeError outside of any."""
    if (use := _IN_USE.get(None)) is None:
        raise RuntimeError(
            "an agent's stt, llm and tts lead to the providers of a running session: "
            "call them through super(), or self, from within one of these methods"
        )
    return use


def enter(use: StageUse) -> None:
    """For the running task and those that it starts."""
    _IN_USE.set(use)


class _Provided(Generic[T]):
    """A provider's stream, opened when it is first read. No generator: one that is left lying about is closed by the
    event loop, in a task that nobody owns."""

    def __init__(self, use: StageUse, kind: ProviderKind, name: str, opens: Callable[[], Any]) -> None:
        self._use, self._kind, self._name, self._opens = use, kind, name, opens
        self._stream: Closable | None = None
        self._source: AsyncIterator[T] | None = None
        self._closed = False

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        if self._closed:
            raise StopAsyncIteration
        try:
            return await self._read()
        except StopAsyncIteration:
            raise
        except Exception as error:
            self._use.failed = (error, self._name)
            raise

    async def _read(self) -> T:
        if self._source is None:
            self._stream = stream = self._opens()
            self._source = aiter(stream)
        return await anext(self._source)

    async def aclose(self) -> None:
        """Idempotent; never raises."""
        self._closed = True
        if (stream := self._stream) is not None:
            self._stream = None
            owner = self._use.around.owner
            await close_stream(stream, owner.close_timeout_s, owner.troubled(self._kind, self._name))


class _ProvidedTranscripts(_Provided["Transcript"]):
    """Recognition of `audio`, which is read by a task of its own: words come while it does."""

    def __init__(self, use: StageUse, audio: AsyncIterator[Audio]) -> None:
        stt = use.around.stt
        super().__init__(use, "stt", stt.name, stt.stream)
        self._audio = audio
        self._came = asyncio.Queue["Transcript | Exception | None"](TRANSCRIPTS_WAITING)  # None: the end
        self._work: asyncio.Task[None] | None = None

    async def _read(self) -> Transcript:
        if self._work is None:
            stream: STTStream = self._opens()
            self._stream = stream
            self._work = self._use.around.owner.start(self._recognise(stream), f"recognition by {self._name}")
        if (came := await self._came.get()) is None:
            raise StopAsyncIteration
        if isinstance(came, Exception):
            raise came
        return came

    async def _recognise(self, stream: STTStream) -> None:
        last: Exception | None = None
        try:
            async with asyncio.TaskGroup() as group:
                feeding = group.create_task(self._feed(stream))
                async for transcript in stream:
                    await self._came.put(transcript)
                feeding.cancel()
        except* Exception as errors:
            last = _first(errors)
        await self._came.put(last)

    async def _feed(self, stream: STTStream) -> None:
        async for samples in self._audio:
            stream.push(samples)
        stream.end()

    async def aclose(self) -> None:
        self._closed = True
        if (work := self._work) is not None:
            self._work = None
            if not work.done() and not work.cancelling():
                work.cancel()
            await asyncio.wait({work}, timeout=self._use.around.owner.close_timeout_s)
        await super().aclose()


def _first(errors: BaseExceptionGroup[Exception]) -> Exception:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
