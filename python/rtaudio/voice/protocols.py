"""What a user plugs in: speech to text, a language model, text to speech. All streaming, all cancellable.

Providers are async context-free objects with one method that opens a stream. A stream is an async iterator with
``aclose()``; closing it cancels the work, may be called at any moment, more than once, and must not raise. A provider
that computes in this process does so through ``asyncio.get_running_loop().run_in_executor`` (so that virtual time can
stand still while it computes); one that waits for the outside world wraps its waits in ``rtaudio.voice.clock.outside``.

Audio is mono float32 NumPy in [-1, 1] with its rate beside it. Text offsets count characters.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from rtaudio.voice.chat import ChatContext

Audio = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard so far in one turn. `final`: it will not change any more. `text` is the whole turn's text.
    `complete`: the STT by itself takes the utterance for all there is (its "eager end"): the core waits less."""

    text: str
    final: bool
    complete: bool = False


@runtime_checkable
class STTStream(Protocol):
    """One turn's recognition. The session pushes audio as it comes and reads transcripts as they come."""

    def push(self, samples: Audio) -> None:
        """Takes 16 kHz samples; never blocks (bounded inside: a stream that cannot keep up drops nothing but may raise
        BufferError, which ends the turn with a provider error)."""

    def end(self) -> None:
        """No more audio in this turn: the final transcript is wanted now."""

    def __aiter__(self) -> AsyncIterator[Transcript]: ...

    async def aclose(self) -> None: ...


@runtime_checkable
class STT(Protocol):
    """Speech to text: opens one stream for each turn of the user. `name` appears in events and errors."""

    name: str

    def stream(self) -> STTStream:
        """Opens recognition of one turn. Cheap: models are loaded by `warm_up`."""

    async def warm_up(self) -> None:
        """Loads what takes time. Called once before the first turn; may be called again."""

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the reply's text as the model streams it."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model is told of it. `parameters`: JSON schema of the arguments, an object. `strict`: the schema is
    within what a server can hold the model to, and it should."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    strict: bool = False


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call, complete, as the model wrote it, unchecked. `arguments`: meant to be a JSON object."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What a reply has used, in tokens as its server counts them. It may come anywhere in the stream; of several the
    last one holds. `cached`: how many of `prompt` were read from a cache."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0


@runtime_checkable
class LLMStream(Protocol):
    """One reply as it is written: tokens and tool calls in order, until it is complete or closed; what it has used, if
    that is known."""

    def __aiter__(self) -> AsyncIterator[Token | ToolCall | Usage]: ...

    async def aclose(self) -> None: ...


@runtime_checkable
class LLM(Protocol):
    """A language model: replies to a conversation. `name` appears in events and errors."""

    name: str

    def stream(self, chat: ChatContext, tools: Sequence[ToolSpec] = ()) -> LLMStream:
        """Begins a reply to the last message of `chat`. The model may call `tools`, and no others."""

    async def warm_up(self) -> None: ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Word:
    """Where a word of the spoken text begins: seconds from the start of this stream's audio, character in its text."""

    start_s: float
    text_offset: int


@dataclass(frozen=True, slots=True)
class Speech:
    """A piece of synthesised audio. Words may come with it, later, or never; empty samples are allowed."""

    samples: Audio
    rate: int
    words: Sequence[Word] = field(default=())


@runtime_checkable
class TTSStream(Protocol):
    """One clause as it is spoken: pieces of audio in order, until it is complete or closed."""

    def __aiter__(self) -> AsyncIterator[Speech]: ...

    async def aclose(self) -> None: ...


@runtime_checkable
class TTS(Protocol):
    """Text to speech: one stream for each clause. `name` appears in events and errors."""

    name: str

    def stream(self, text: str) -> TTSStream:
        """Speaks one clause or sentence."""

    async def warm_up(self) -> None: ...

    async def aclose(self) -> None: ...


ProviderKind = Literal["stt", "llm", "tts"]
StageKind = Literal["stt", "llm", "tts", "transcription"]
"""What an agent can do itself; the last one has no provider."""


class ProviderError(Exception):
    """A provider raised, hung, or sent nothing. `provider` is its name, `kind` what it does, `what` the trouble; the
    cause is chained."""

    def __init__(self, kind: StageKind, provider: str, what: str) -> None:
        super().__init__(f"{kind} {provider}: {what}")
        self.kind = kind
        self.provider = provider
        self.what = what
