"""The caller, the recognition, the model and the voice of a scenario: each does at a stated time what its line says.

Nobody is told what another one does: the caller's audio carries in its level which speech of the line it is, so that
what recognition says depends on the audio that the session gave it, and the voice finds what it is asked to say in what
the model wrote.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from rtaudio.voice.chat import ChatContext
from rtaudio.voice.protocols import Audio, Speech, Token, ToolCall, ToolSpec, Transcript, Word

RATE: Final = 16000
VOICE_RATE: Final = 24000
WORDS_S: Final = 2.5
"""Words a second, of a text that the line does not give."""
_LEVEL: Final = 0.125
_STEP: Final = 1 / 8192
LOUD: Final = _LEVEL * 0.5**0.5
"""Of a window: more than half of it is speech."""
LEAST_S: Final = 0.04
"""Less of a speech than this is no word: the end of a turn may be decided a window after the next speech began."""


def spoken(number: int, seconds: float) -> Audio:
    """The audio of speech `number` of the line: loud, as a square wave whose level says which it is."""
    square = np.where(np.arange(round(seconds * RATE)) // 40 % 2, -1.0, 1.0)
    audio: Audio = (square * (_LEVEL + number * _STEP)).astype(np.float32)
    return audio


def numbers_in(samples: Audio) -> dict[int, int]:
    """Which speeches of the line are in there, with how many samples."""
    levels, counts = np.unique(np.abs(samples[np.abs(samples) >= _LEVEL / 2]), return_counts=True)
    return {round((float(level) - _LEVEL) / _STEP): int(count) for level, count in zip(levels, counts, strict=True)}


class _Provider:
    """What they have in common."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def warm_up(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


# ---- Recognition.


class TimedSTT(_Provider):
    """Says of each speech that it hears its first two words half its delay after the end, and all after the delay."""

    def __init__(self, user: Sequence[dict[str, Any]], *, complete: bool = False) -> None:
        super().__init__("timed-stt")
        self.user, self.complete = user, complete
        self.origin_s: float = asyncio.get_running_loop().time()

    def stream(self) -> TimedSTTStream:
        return TimedSTTStream(self)


class TimedSTTStream:
    """One turn's."""

    def __init__(self, stt: TimedSTT) -> None:
        self._stt = stt
        self._heard: list[int] = []
        self._samples: dict[int, int] = {}
        self._news = asyncio.Event()
        self._ended = False

    def push(self, samples: Audio) -> None:
        for number, count in numbers_in(samples).items():
            self._samples[number] = self._samples.get(number, 0) + count
            if number not in self._heard and self._samples[number] >= LEAST_S * RATE:
                self._heard.append(number)
                self._news.set()

    def end(self) -> None:
        self._ended = True
        self._news.set()

    async def __aiter__(self) -> AsyncIterator[Transcript]:
        done: list[str] = []
        said = 0
        while True:
            while said < len(self._heard):
                speech = self._stt.user[self._heard[said]]
                said += 1
                end_s, delay_s = self._stt.origin_s + speech["end"], speech["stt_delay"]
                if not speech["text"]:
                    continue
                await _until(end_s + delay_s / 2)
                interim = " ".join([*done, " ".join(speech["text"].split()[:2])])
                yield Transcript(interim, False)
                await _until(end_s + delay_s)
                done.append(speech["text"] if speech["final"] else " ".join(speech["text"].split()[:2]))
                if speech["final"]:
                    yield Transcript(" ".join(done), True, complete=self._stt.complete)
            if self._ended:
                yield Transcript(" ".join(done), True)
                return
            await self._news.wait()
            self._news.clear()

    async def aclose(self) -> None:
        pass


async def _until(at_s: float) -> None:
    await asyncio.sleep(max(0.0, at_s - asyncio.get_running_loop().time()))


# ---- Model and voice.


@dataclass(slots=True)
class Piece:
    """So much of a text is one piece of speech."""

    begin: int
    end: int
    audio_s: float
    ttfb_s: float
    duration_s: float


@dataclass(slots=True)
class Utterance:
    """A text that is to be spoken, its pieces, and how far it was asked for."""

    text: str
    pieces: list[Piece]
    asked: int = 0

    def at_s(self, character: int) -> float:
        """Where in the audio a character is."""
        before = sum(piece.audio_s for piece in self.pieces if piece.end <= character)
        inside = next((piece for piece in self.pieces if piece.begin <= character < piece.end), None)
        if inside is None:
            return before
        return before + inside.audio_s * (character - inside.begin) / (inside.end - inside.begin)


class Script:
    """What the model writes and the voice gives, by the line. Entries with an `input` are for that text; the others
    are taken in their order, one for each new thing that is asked or said."""

    def __init__(
        self, llm: Sequence[dict[str, Any]] | None, tts: Sequence[dict[str, Any]], segments: list[str]
    ) -> None:
        self._answers = [entry for entry in llm if entry["input"] is None] if llm is not None else None
        self._answers_to = [entry for entry in llm or () if entry["input"] is not None]
        self._voices = [entry for entry in tts if entry["input"] is None]
        self._voices_of = {entry["input"].strip(): entry for entry in tts if entry["input"] is not None}
        self._segments = segments
        self._asked: dict[tuple[str, ...], tuple[dict[str, Any], list[Piece]] | None] = {}
        self._said: dict[str, list[Piece]] = {}
        self._count = 0
        self.utterances: list[Utterance] = []

    def answer(self, chat: ChatContext) -> tuple[dict[str, Any], Utterance | None] | None:
        """What the model answers to that chat; None: nothing."""
        last = chat.messages[-1] if chat.messages else None
        results = tuple(use.output or "" for use in last.tools) if last is not None else ()
        said = last.text if last is not None else ""
        key = (last.role if last is not None else "", said, chat.instructions, *results)
        if key not in self._asked:
            self._asked[key] = self._new_answer(said, chat.instructions, results)
        if (found := self._asked[key]) is None:
            return None
        entry, pieces = found
        return entry, self._utter(entry["text"], pieces) if entry["text"].strip() else None

    def _new_answer(
        self, said: str, instructions: str, results: tuple[str, ...]
    ) -> tuple[dict[str, Any], list[Piece]] | None:
        entry: dict[str, Any] | None
        wanted = (text for text in (*results, said) if text)
        matching = [e for e in self._answers_to if any(text.endswith(e["input"]) for text in wanted)]
        matching += [e for e in self._answers_to if e["input"] in instructions]
        if matching:
            entry = matching[0]
        elif self._answers is not None:
            entry = self._answers.pop(0) if self._answers else None
        else:
            entry = (
                {"ttft": 0.1, "duration": 0.3, "tool_calls": [], "text": None}
                if self._voices or self._segments
                else None
            )
        if entry is None:
            return None
        self._count += 1
        text = entry["text"]
        if text is None:
            text = self._invented() if not entry["tool_calls"] else ""
        texts = [text]
        if self._segments:
            texts, entry = self._segments, {**entry, "ttft": 0.0, "duration": 0.0}
        return {**entry, "text": "".join(texts)}, self._pieces(texts)

    def _invented(self) -> str:
        """A text that is told apart from others, of as many words as are spoken in the time."""
        seconds = self._voices[0]["audio"] if self._voices else 1.0
        return " ".join([f"Answer number {self._count}", *["and more"] * round(seconds * WORDS_S / 2)]) + "."

    def _pieces(self, texts: Sequence[str]) -> list[Piece]:
        pieces, begin = [], 0
        for text in texts:
            if text.strip():
                voice = self._voices_of.get(text.strip()) or (self._voices.pop(0) if self._voices else None)
                if voice is not None:
                    end = begin + len(text)
                    pieces.append(Piece(begin, end, voice["audio"], voice["ttfb"], voice["duration"]))
            begin += len(text)
        return pieces

    def _utter(self, text: str, pieces: list[Piece]) -> Utterance:
        utterance = Utterance(text, pieces)
        self.utterances.append(utterance)
        return utterance

    def speak(self, text: str) -> Utterance:
        """Of which that clause is; a text that no model wrote is one by itself."""
        for utterance in reversed(self.utterances):
            if utterance.text.find(text, utterance.asked) >= 0:
                return utterance
        if text not in self._said:
            self._said[text] = self._pieces([text])
        return self._utter(text, self._said[text])

    def of_reply(self, text: str) -> Utterance | None:
        """Whose text begins like that."""
        return next((u for u in reversed(self.utterances) if u.text.strip().startswith(text.strip())), None)


class TimedLLM(_Provider):
    """Writes the first word after `ttft`, the rest and its calls after `duration`: no clause is complete before."""

    def __init__(self, script: Script) -> None:
        super().__init__("timed-llm")
        self._script = script

    def stream(self, chat: ChatContext, tools: Sequence[ToolSpec] = ()) -> TimedLLMStream:
        return TimedLLMStream(self._script.answer(chat))


class TimedLLMStream:
    """One answer."""

    def __init__(self, answer: tuple[dict[str, Any], Utterance | None] | None) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[Token | ToolCall]:
        if self._answer is None:
            return
        entry, utterance = self._answer
        text = utterance.text if utterance is not None else ""
        await asyncio.sleep(entry["ttft"])
        first = len(text) - len(text.lstrip()) + 1
        if text:
            yield Token(text[:first])
        await asyncio.sleep(max(0.0, entry["duration"] - entry["ttft"]))
        if text[first:]:
            yield Token(text[first:])
        for number, call in enumerate(entry["tool_calls"]):
            arguments = call["arguments"] or "{}"
            yield ToolCall(call["call_id"] or f"call-{id(entry)}-{number}", call["name"], arguments)

    async def aclose(self) -> None:
        pass


class TimedTTS(_Provider):
    """Gives all the audio of a clause at once, `ttfb` after it was asked for, with the times of its words."""

    def __init__(self, script: Script) -> None:
        super().__init__("timed-tts")
        self._script = script

    def stream(self, text: str) -> TimedTTSStream:
        utterance = self._script.speak(text)
        begin = max(0, utterance.text.find(text, utterance.asked))
        end = begin + len(text)
        if not utterance.text[end:].strip():
            end = len(utterance.text)
        asked, utterance.asked = utterance.asked, end
        seconds = utterance.at_s(end) - utterance.at_s(asked)
        piece = next((piece for piece in utterance.pieces if piece.begin <= begin < piece.end), None)
        return TimedTTSStream(text, seconds, piece)


class TimedTTSStream:
    """One clause."""

    def __init__(self, text: str, seconds: float, piece: Piece | None) -> None:
        self._text, self._seconds, self._piece = text, seconds, piece

    async def __aiter__(self) -> AsyncIterator[Speech]:
        if self._piece is None:
            return
        await asyncio.sleep(self._piece.ttfb_s)
        audio = np.full(round(self._seconds * VOICE_RATE), 0.01, np.float32)
        starts = [at for at, char in enumerate(self._text) if char.strip() and not self._text[at - 1 : at].strip()]
        words = [
            Word(min(self._seconds * at / len(self._text), number / WORDS_S), at) for number, at in enumerate(starts)
        ]
        for begin in range(0, len(audio), VOICE_RATE // 2):
            yield Speech(audio[begin : begin + VOICE_RATE // 2], VOICE_RATE, () if begin else words)
        await asyncio.sleep(max(0.0, self._piece.duration_s - self._piece.ttfb_s))

    async def aclose(self) -> None:
        pass
