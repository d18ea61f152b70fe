"""Fake providers: set answers, set latencies, set failures; deterministic on virtual time.

They count what is open, so that a test can say that nothing was left behind: `provider.open == 0`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import numpy as np

from rtaudio.testing.failures import Failure, at_close, at_open, at_piece
from rtaudio.voice.chat import ChatContext
from rtaudio.voice.protocols import Audio, Speech, Token, ToolCall, ToolSpec, Transcript, Usage, Word

FakeReply = str | Sequence[str | ToolCall]


class FakeProvider:
    """What the three have in common."""

    def __init__(self, name: str, failure: Failure | None) -> None:
        self.name = name
        self.failure = failure
        self.opened = 0  # streams, ever
        self.open = 0  # now
        self.warm = False

    def _open(self) -> Failure | None:
        failure = self.failure.of(self.opened) if self.failure is not None else None
        self.opened += 1
        at_open(failure)
        self.open += 1
        return failure

    async def warm_up(self) -> None:
        self.warm = True

    async def aclose(self) -> None:
        pass


class _Stream:
    """Closing counts once, and fails where it is told to."""

    def __init__(self, provider: FakeProvider) -> None:
        self._provider = provider
        self._failure = provider._open()
        self.closed = False

    async def aclose(self) -> None:
        if not self.closed:
            self.closed = True
            self._provider.open -= 1
            await at_close(self._failure)


class FakeSTT(FakeProvider):
    """Turn k is understood as `texts[k]` ("" beyond them), or as what `texts` makes of the audio.

    `heard` keeps the audio of each turn, exactly. The final comes `final_after_s` after the end; with `partials`, a
    partial transcript comes as soon as there is audio: the first word. With `all_after_s`, another comes with all the
    words whenever the audio has been silent (below -40 dBFS) for so long after sound; `complete`: the STT takes them
    for all of the turn.
    """

    def __init__(
        self,
        texts: Sequence[str] | Callable[[Audio], str],
        *,
        final_after_s: float = 0.1,
        partials: bool = True,
        all_after_s: float | None = None,
        complete: bool = False,
        failure: Failure | None = None,
    ) -> None:
        super().__init__("fake-stt", failure)
        self.texts, self.final_after_s, self.partials = texts, final_after_s, partials
        self.all_after_s, self.complete = all_after_s, complete
        self.heard: list[Audio] = []

    def stream(self) -> FakeSTTStream:
        return FakeSTTStream(self)

    def text_of(self, number: int) -> str:
        if callable(self.texts):
            return self.texts(self.heard[number])
        return self.texts[number] if number < len(self.texts) else ""


class FakeSTTStream(_Stream):
    """Recognition of one turn by FakeSTT."""

    def __init__(self, provider: FakeSTT) -> None:
        super().__init__(provider)
        self._stt = provider
        self._number = len(provider.heard)
        provider.heard.append(np.zeros(0, dtype=np.float32))
        self._audio = asyncio.Event()
        self._news = asyncio.Event()
        self._ended = False
        self._silent: int | None = None  # samples since sound; None: nothing was heard that is not told
        self._all = False  # all the words are to be told

    def push(self, samples: Audio) -> None:
        self._stt.heard[self._number] = np.concatenate([self._stt.heard[self._number], samples])
        self._audio.set()
        if (all_after_s := self._stt.all_after_s) is not None:
            loud = np.flatnonzero(np.abs(samples) > 0.01)
            if len(loud):
                self._silent = len(samples) - 1 - int(loud[-1])
            elif self._silent is not None:
                self._silent += len(samples)
            if self._silent is not None and self._silent >= all_after_s * 16000:
                self._silent, self._all = None, True
                self._news.set()

    def end(self) -> None:
        self._ended = True
        self._news.set()

    async def __aiter__(self) -> AsyncIterator[Transcript]:
        pieces = 0
        if self._stt.partials:
            await self._audio.wait()
            if not await at_piece(self._failure, pieces):
                return
            pieces += 1
            yield Transcript(self._stt.text_of(self._number).partition(" ")[0], False)
        while not self._ended:
            await self._news.wait()
            self._news.clear()
            if self._all and not self._ended:
                self._all = False
                if not await at_piece(self._failure, pieces):
                    return
                pieces += 1
                yield Transcript(self._stt.text_of(self._number), False, complete=self._stt.complete)
        await asyncio.sleep(self._stt.final_after_s)
        if await at_piece(self._failure, pieces):
            yield Transcript(self._stt.text_of(self._number), True)


class FakeLLM(FakeProvider):
    """Reply k is `replies[k]` (the last one again beyond them), or what `replies` makes of the chat: a text, of which
    each word is a token, or a list of texts and tool calls. `usage`: comes at the end of each.

    `asked` keeps the chat of each reply, `offered` the tools it might have called.
    """

    def __init__(
        self,
        replies: Sequence[FakeReply] | Callable[[ChatContext], FakeReply],
        *,
        first_after_s: float = 0.2,
        token_every_s: float = 0.02,
        usage: Usage | None = None,
        failure: Failure | None = None,
    ) -> None:
        super().__init__("fake-llm", failure)
        self.usage = usage
        self.replies, self.first_after_s, self.token_every_s = replies, first_after_s, token_every_s
        self.asked: list[ChatContext] = []
        self.offered: list[tuple[ToolSpec, ...]] = []

    def stream(self, chat: ChatContext, tools: Sequence[ToolSpec] = ()) -> FakeLLMStream:
        self.offered.append(tuple(tools))
        return FakeLLMStream(self, chat)


class FakeLLMStream(_Stream):
    """One reply of FakeLLM."""

    def __init__(self, provider: FakeLLM, chat: ChatContext) -> None:
        super().__init__(provider)
        self._llm = provider
        number = len(provider.asked)
        provider.asked.append(chat.copy())
        replies = provider.replies
        reply = replies(chat) if callable(replies) else replies[min(number, len(replies) - 1)]
        self._pieces: list[Token | ToolCall] = []
        for part in [reply] if isinstance(reply, str) else reply:
            if isinstance(part, ToolCall):
                self._pieces.append(part)
            else:
                words = part.split(" ")
                self._pieces += [Token(word if at == 0 else f" {word}") for at, word in enumerate(words)]

    async def __aiter__(self) -> AsyncIterator[Token | ToolCall | Usage]:
        for number, piece in enumerate(self._pieces):
            await asyncio.sleep(self._llm.token_every_s if number else self._llm.first_after_s)
            if not await at_piece(self._failure, number):
                return
            yield piece
        if self._llm.usage is not None:
            yield self._llm.usage


class FakeTTS(FakeProvider):
    """Speaks at a set pace, `char_s` a character, in pieces of `piece_s`, the first after `first_after_s`, the others
    each `piece_every_s`.

    Samples are numbered: the k-th sample ever spoken is (k + 1) / 2**22, exact in float32, so that what a sink kept
    says which samples they are (below 0.5 for 87 s at 24 kHz). With `tone` they are a tone that EnergyVad hears, for a
    caller's voice. `spoken` keeps each clause and where its audio begins in that numbering; `words` gives word times,
    at once with the first piece.
    """

    def __init__(
        self,
        *,
        rate: int = 24000,
        char_s: float = 0.06,
        piece_s: float = 0.2,
        first_after_s: float = 0.1,
        piece_every_s: float = 0.0,
        words: bool = False,
        tone: bool = False,
        failure: Failure | None = None,
    ) -> None:
        super().__init__("fake-tts", failure)
        self.tone = tone
        self.rate, self.char_s, self.piece_s = rate, char_s, piece_s
        self.first_after_s, self.piece_every_s, self.words = first_after_s, piece_every_s, words
        self.spoken: list[tuple[str, int, int]] = []  # (clause, first sample, samples)
        self._numbered = 0

    def stream(self, text: str) -> FakeTTSStream:
        return FakeTTSStream(self, text)

    def number(self, text: str) -> tuple[int, int]:
        count = round(len(text) * self.char_s * self.rate)
        first, self._numbered = self._numbered, self._numbered + count
        self.spoken.append((text, first, count))
        return first, count


class FakeTTSStream(_Stream):
    """One clause spoken by FakeTTS."""

    def __init__(self, provider: FakeTTS, text: str) -> None:
        super().__init__(provider)
        self._tts, self._text = provider, text
        self._first, self._count = provider.number(text)

    def _words(self) -> tuple[Word, ...]:
        if not self._tts.words:
            return ()
        starts = [
            at for at, char in enumerate(self._text) if not char.isspace() and self._text[at - 1 : at].strip() == ""
        ]
        return tuple(Word(at * self._tts.char_s, at) for at in starts)

    async def __aiter__(self) -> AsyncIterator[Speech]:
        samples = numbered(self._first, self._count)
        if self._tts.tone:
            samples = (0.3 * np.sin(2 * np.pi * 220 / self._tts.rate * np.arange(self._count))).astype(np.float32)
        piece = max(1, round(self._tts.piece_s * self._tts.rate))
        for number, begin in enumerate(range(0, len(samples), piece)):
            await asyncio.sleep(self._tts.piece_every_s if number else self._tts.first_after_s)
            if not await at_piece(self._failure, number):
                return
            yield Speech(samples[begin : begin + piece], self._tts.rate, () if number else self._words())


def numbered(first: int, count: int) -> Audio:
    """Samples first, first + 1, ... of the numbering."""
    return (np.arange(first + 1, first + count + 1) / 2**22).astype(np.float32)


def numbers_of(samples: Audio) -> list[int]:
    """The numbers of those samples that are whole ones: what came out unchanged by fades and gains."""
    numbers = samples.astype(np.float64) * 2**22
    whole = (numbers >= 1) & (numbers == np.round(numbers))
    return [int(number) - 1 for number in numbers[whole]]
