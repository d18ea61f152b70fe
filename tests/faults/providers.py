"""Providers that answer honestly, and at the places of a schedule do what no provider should.

They keep what they gave: `FaultySTT.finals`, `FaultyTTS.made`, `FaultyLLM.asked`. Checks are made against that.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np

from rtaudio.testing import FakeFailure, numbered
from rtaudio.voice import Speech, Token, ToolCall, Transcript, Word
from rtaudio.voice.chat import ChatContext
from rtaudio.voice.protocols import Audio, ToolSpec
from tests.faults.schedule import Schedule
from tests.faults.words import QUESTION, Ear, own_words

Fault = tuple[int, str, int]


class Faulty:
    """What the three have in common. `open`: streams that are now."""

    kind: str

    def __init__(self, schedule: Schedule, faults: Sequence[Fault]) -> None:
        self.name = f"faulty-{self.kind}"
        self.schedule = schedule
        self._faults = {stream: (mode, after) for stream, mode, after in faults}
        self.opened = self.open = 0

    def fault_of_next(self) -> tuple[str, int]:
        fault = self._faults.get(self.opened, ("", 0))
        self.opened += 1
        if fault[0] == "raise_at_open":
            raise FakeFailure("told to raise when opened")
        self.open += 1
        return fault

    async def warm_up(self) -> None:
        if self._faults.get(-1):
            raise FakeFailure("told to raise when warmed up")

    async def aclose(self) -> None:
        pass


class FaultyStream:
    """Honest pieces, but for the fault of this stream."""

    def __init__(self, provider: Any) -> None:
        self.provider = provider
        self.mode, self.after = provider.fault_of_next()
        self.closed = False

    def pieces(self) -> AsyncIterator[Any]:
        raise NotImplementedError

    def gives(self, piece: Any) -> None:
        """An honest piece goes out: whoever reads has it with the next line, nothing can come between."""

    def odd(self) -> list[Any]:
        """What comes in the place of the honest rest, for the faults of one kind of provider."""
        return []

    async def __aiter__(self) -> AsyncIterator[Any]:
        number = 0
        async for piece in self.pieces():
            if self.mode and number >= self.after:
                if not await self._at_fault():
                    for odd in self.odd():
                        yield odd
                    if self.mode in ("wrong", "nothing", "half", "huge", "unspeakable", "other_rate"):
                        return
                    self.mode = ""
                if self.mode == "none":
                    return
            number += 1
            self.gives(piece)
            yield piece
        if self.mode and number < self.after:
            self.mode = ""

    async def _at_fault(self) -> bool:
        match self.mode:
            case "raise":
                raise FakeFailure("told to raise")
            case "hang":
                await asyncio.get_running_loop().create_future()
            case "cancelled":
                raise asyncio.CancelledError("by the provider itself")
            case "swallow":
                await swallow()
            case "raise_on_close" | "hang_on_close" | "raise_on_push":
                return True
        return False

    async def aclose(self) -> None:
        if not self.closed:
            self.closed = True
            self.provider.open -= 1
            if self.mode == "raise_on_close":
                raise FakeFailure("told to raise when closed")
            if self.mode == "hang_on_close":
                await asyncio.get_running_loop().create_future()


async def swallow() -> None:
    """Takes no cancellation, twice; ends after half a minute."""
    for _ in range(3):
        try:
            await asyncio.sleep(10.0)
        except asyncio.CancelledError:
            continue


class FaultySTT(Faulty):
    """Understands which of the caller's utterances are in the audio. `finals`: the last text that was taken of each
    stream as final, in order of time."""

    kind = "stt"

    def __init__(self, schedule: Schedule, faults: Sequence[Fault]) -> None:
        super().__init__(schedule, faults)
        self.finals: list[str] = []

    def stream(self) -> FaultySTTStream:
        return FaultySTTStream(self)

    def text_of(self, numbers: list[int]) -> str:
        said = []
        for number in numbers:
            what = self.schedule.cues[number][3]
            said.append(f"ask{_letters(number)} is it so" if what == "question" else what)
        return " ".join(said)


def _letters(number: int) -> str:
    return f"a{'bcdefghijk'[number]}"


class FaultySTTStream(FaultyStream):
    """One turn."""

    provider: FaultySTT

    def __init__(self, provider: FaultySTT) -> None:
        super().__init__(provider)
        self._ear = Ear([length for length, *_ in provider.schedule.cues])
        self._news = asyncio.Event()
        self._ended = self._over = False
        self._told = ""

    @property
    def _text(self) -> str:
        return self.provider.text_of(self._ear.order)

    def push(self, samples: Audio) -> None:
        if self.mode == "raise_on_push":
            raise FakeFailure("told to raise at audio")
        self._ear.hear(samples)
        if self._text != self._told and self._ear.silent >= 5:
            self._news.set()

    def end(self) -> None:
        self._ended = True
        self._news.set()

    async def pieces(self) -> AsyncIterator[Transcript]:
        if self.mode == "early":
            self.mode = ""
            yield Transcript(self._text, True)
        while not self._ended:
            await self._news.wait()
            self._news.clear()
            if self._text != self._told:
                self._told = self._text
                yield Transcript(self._told, False, complete=self.provider.schedule.complete)
        await asyncio.sleep(3.0 if self.mode == "late" else self.provider.schedule.waits[0] / 1000)
        text = self._text
        yield Transcript(text, True)
        if self.mode == "twice":
            yield Transcript("and once more", True)

    def gives(self, piece: Transcript) -> None:
        if piece.final and self._ended and not self._over:
            self._over = True
            self.provider.finals.append(piece.text)

    def odd(self) -> list[Any]:
        match self.mode:
            case "wrong":
                return ["text"]
            case "half":
                return [Transcript("ha\ud83d", False)]
            case "huge":
                return [Transcript("long " * 400_000, True)]
            case "empty":
                return [Transcript("", False)] * 50
        return []


class FaultyLLM(Faulty):
    """Answers with words of its own, after a word for each question that it was asked; `written` keeps them."""

    kind = "llm"

    def __init__(self, schedule: Schedule, faults: Sequence[Fault]) -> None:
        super().__init__(schedule, faults)
        self.asked: list[ChatContext] = []
        self.written: list[str] = []
        self.numbers = 0
        self.calm = False

    def next_number(self) -> int:
        """For what has words of its own; those of the program have some, too."""
        self.numbers += 1
        return self.numbers

    def stream(self, chat: ChatContext, tools: Sequence[ToolSpec] = ()) -> FaultyLLMStream:
        return FaultyLLMStream(self, chat)


class FaultyLLMStream(FaultyStream):
    """One reply."""

    provider: FaultyLLM

    def __init__(self, provider: FaultyLLM, chat: ChatContext) -> None:
        super().__init__(provider)
        provider.asked.append(chat.copy())
        replies = provider.schedule.replies
        reply = replies[min(len(provider.asked) - 1, len(replies) - 1)]
        kind, calls = (reply, ()) if isinstance(reply, str) else reply
        if provider.calm:
            kind, calls = "one", ()
            self.mode = "" if self.mode == "huge" else self.mode  # it would speak for minutes
        self._number = provider.next_number()
        last = list(chat.spoken())[-1:]
        asked = QUESTION.findall(chat.last_user_text()) if last and last[0].role == "user" else []
        own = text_of(kind, self._number) if kind else ""
        self._text = " ".join([*(f"re{word}" for word in asked if own), own]).strip()
        provider.written.append(self._text)
        self._calls = [
            ToolCall(self._id(given, at), name, '{"a":' * 500 if arguments == "deep" else arguments)
            for at, (name, arguments, given) in enumerate(calls)
        ]

    def _id(self, given: str, at: int) -> str:
        return f"call_{self._number}_{at}" if given == "new" else given

    async def pieces(self) -> AsyncIterator[Token | ToolCall]:
        await asyncio.sleep(self.provider.schedule.waits[1] / 1000)
        for at, word in enumerate(self._text.split(" ") if self._text else ()):
            if at:
                await asyncio.sleep(0.01)
            yield Token(f" {word}" if at else word)
        for call in self._calls:
            yield call

    def odd(self) -> list[Any]:
        match self.mode:
            case "wrong":
                return ["text"]
            case "half":
                return [Token(" ha\ud83d")]
            case "huge":
                return [Token(" blah" * 40_000)] * 10
            case "empty":
                return [Token("")] * 50
            case "unspeakable":
                return [Token("---- ```\n" * 200)] * 5
        return []


class Replies:
    """What a speech-to-speech model says: the replies of the schedule, each with words and ids of its own."""

    def __init__(self, schedule: Schedule, llm: FaultyLLM) -> None:
        self._schedule, self._llm = schedule, llm
        self._given = 0

    def __call__(self, items: Any) -> list[str | ToolCall]:
        replies, number = self._schedule.replies, self._llm.next_number()
        reply = replies[min(self._given, len(replies) - 1)]
        self._given += 1
        kind, calls = (reply, ()) if isinstance(reply, str) else reply
        if self._llm.calm:
            kind, calls = "one", ()
        made = [
            ToolCall(f"call_{number}_{at}", name, arguments if arguments != "deep" else '{"a":' * 500)
            for at, (name, arguments, _) in enumerate(calls)
        ]
        return [text_of(kind or "one", number), *made] if kind or not made else list(made)


def text_of(kind: str, number: int) -> str:
    match kind:
        case "one":
            return own_words(number, 1)
        case "long":
            return own_words(number, 24)
        case "marked":
            words = own_words(number, 9).split()
            return f"**{words[0]}** {words[1]}, " + " ".join(words[2:5]) + f" 🙂 _{words[5]}_ " + " ".join(words[6:])
    return own_words(number, 6)


class FaultyTTS(Faulty):
    """`made`: text, number of its first sample and how many came, of each stream that gave any; `given`: characters.
    Samples are numbered as FakeTTS does."""

    kind = "tts"

    def __init__(self, schedule: Schedule, faults: Sequence[Fault]) -> None:
        super().__init__(schedule, faults)
        self.made: list[list[Any]] = []
        self.numbered = self.given = 0

    def stream(self, text: str) -> FaultyTTSStream:
        self.given += len(text)
        return FaultyTTSStream(self, text)


class FaultyTTSStream(FaultyStream):
    """One clause."""

    provider: FaultyTTS

    def __init__(self, provider: FaultyTTS, text: str) -> None:
        super().__init__(provider)
        self._text = text
        self._made: list[Any] | None = None

    def words(self) -> tuple[Word, ...]:
        if not self.provider.schedule.words:
            return ()
        char_s = self.provider.schedule.char / 1000
        return tuple(Word(at * char_s, at) for at in word_starts(self._text))

    async def pieces(self) -> AsyncIterator[Speech]:
        schedule, tts = self.provider.schedule, self.provider
        count = min(round(len(self._text) * schedule.char / 1000 * schedule.rate), 60 * schedule.rate)
        first = tts.numbered
        tts.numbered += count
        tts.made.append(made := [self._text, first, 0])
        piece = max(1, schedule.piece * schedule.rate // 1000)
        for begin in range(0, count, piece):
            await asyncio.sleep((schedule.piece_every if begin else schedule.waits[2]) / 1000)
            length = min(piece, count - begin)
            made[2] += length
            yield Speech(numbered(first + begin, length), schedule.rate, () if begin else self.words())

    def odd(self) -> list[Any]:
        rate, tone = self.provider.schedule.rate, np.full(480, 0.3, np.float32)
        match self.mode:
            case "wrong":
                return ["audio"]
            case "other_rate":
                return [Speech(tone, 22050)]
            case "no_rate":
                return [Speech(tone, 0)]
            case "nan":
                return [Speech(np.full(480, np.nan, np.float32), rate)]
            case "stereo":
                return [Speech(np.zeros((2, 240), np.float32), rate)]
            case "int16":
                return [Speech(np.ones(480, np.int16), rate)]  # type: ignore[arg-type]
            case "empty":
                return [Speech(tone[:0], rate)] * 20
            case "long":
                return [Speech(np.tile(tone, 1000), rate)]
            case "odd_words":
                return [Speech(tone, rate, (Word(5.0, 3), Word(-1.0, 999), Word(float("nan"), -4)))]
        return []


def word_starts(text: str) -> list[int]:
    return [at for at, char in enumerate(text) if not char.isspace() and (at == 0 or text[at - 1].isspace())]
