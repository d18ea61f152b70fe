"""The stages that an agent has made its own (`stt`, `llm`, `tts` of a subclass of Agent), in the shape of providers:
what reads providers reads them as well, with the same time-outs and the same outcome where they fail.

    pump ──asks for a piece──► StageStream ──a step──► the agent's generator ──super()──► stage_use ──► a provider

A generator runs in a task of its own from its first step to its last, as code that uses time-outs or task groups needs
it; and one that ignores its cancellation holds up nobody.

    state     begun by         leaves to
    new                        running when the first piece is asked for; over when closed
    running   a piece asked    waiting when it yields; over when it ends, raises, or is closed (cancelled)
    waiting                    running when the next is asked for; over when closed (GeneratorExit at its yield)
    over      then all that it has opened of the providers is closed

Nothing of this exists where nothing is overridden: the provider itself is read.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, NoReturn, TypeVar

from rtaudio.voice.agent import Agent
from rtaudio.voice.protocols import (
    LLM,
    STT,
    TTS,
    ProviderError,
    ProviderKind,
    Speech,
    StageKind,
    Token,
    ToolCall,
    Transcript,
)
from rtaudio.voice.stage_use import StageUse, Surroundings, enter
from rtaudio.voice.streams import being_cancelled, describe

if TYPE_CHECKING:
    from rtaudio.voice.chat import ChatContext
    from rtaudio.voice.protocols import Audio, ToolSpec

T = TypeVar("T")
AUDIO_WAITING: Final = 120 * 16000
"""Samples of a turn that an agent's `stt` has not read yet; beyond them recognition of the turn fails."""


class InCharge(NamedTuple):
    """What hears, thinks and speaks now."""

    stt: STT
    llm: LLM
    tts: TTS


def staged(agent: Agent, around: Surroundings) -> InCharge:
    """For one use: each provider of `around`, or the agent's own stage over it."""
    return InCharge(
        _OwnSTT(agent, around) if _own(agent, "stt") else around.stt,
        _OwnLLM(agent, around) if _own(agent, "llm") else around.llm,
        _OwnTTS(agent, around) if _own(agent, "tts") else around.tts,
    )


def _own(agent: Agent, stage: ProviderKind) -> bool:
    return getattr(type(agent), stage) is not getattr(Agent, stage)


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


class _Own:
    """What the three have in common."""

    kind: ProviderKind

    def __init__(self, agent: Agent, around: Surroundings) -> None:
        self._agent, self._around = agent, around
        self.name = f"{type(agent).__name__}.{self.kind}"

    async def warm_up(self) -> None:
        """Nothing: the providers below are warmed up by the session."""

    async def aclose(self) -> None:
        """Nothing: the providers below belong to whoever made them."""


class _OwnLLM(_Own):
    kind = "llm"

    def stream(self, chat: ChatContext, tools: Sequence[ToolSpec] = ()) -> StageStream[Token | ToolCall]:
        return StageStream(self.kind, self.name, lambda: self._agent.llm(chat, tools), (Token, ToolCall), self._around)


class _OwnTTS(_Own):
    kind = "tts"

    def stream(self, text: str) -> StageStream[Speech]:
        return StageStream(self.kind, self.name, lambda: self._agent.tts(text), Speech, self._around)


class _OwnSTT(_Own):
    kind = "stt"

    def stream(self) -> _OwnSTTStream:
        return _OwnSTTStream(self.name, self._agent, self._around)


class _TurnAudio:
    """The audio of one turn, as it comes, for the generator to read; once."""

    def __init__(self) -> None:
        self._waiting: deque[Audio] = deque()
        self._samples = 0
        self._moved = asyncio.Event()
        self._ended = False

    def push(self, samples: Audio) -> None:
        if self._samples + len(samples) > AUDIO_WAITING:
            raise BufferError(f"has not read {self._samples / 16000:.0f} s of the turn's audio")
        self._waiting.append(samples)
        self._samples += len(samples)
        self._moved.set()

    def end(self) -> None:
        self._ended = True
        self._moved.set()

    def __aiter__(self) -> AsyncIterator[Audio]:
        return self

    async def __anext__(self) -> Audio:
        while not self._waiting:
            if self._ended:
                raise StopAsyncIteration
            self._moved.clear()
            await self._moved.wait()
        samples = self._waiting.popleft()
        self._samples -= len(samples)
        return samples


class _OwnSTTStream(StageStream[Transcript]):
    """A turn's recognition by the generator."""

    def __init__(self, name: str, agent: Agent, around: Surroundings) -> None:
        self._audio = audio = _TurnAudio()
        super().__init__("stt", name, lambda: agent.stt(audio), Transcript, around)

    def push(self, samples: Audio) -> None:
        self._audio.push(samples)

    def end(self) -> None:
        self._audio.end()
