"""A table in the place of a language model, for demonstrations and tests: it understands nothing.

It looks for keywords in what the user said last and streams the answer of the first row that fits, token by token at a
set pace, as a model would. The same words always give the same tokens at the same pace.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rtaudio.voice.protocols import Token, ToolSpec

if TYPE_CHECKING:
    from rtaudio.voice.chat import ChatContext

# A word with the white space before it, which is about what models call a token.
_TOKEN: Final = re.compile(r"\s*\S+|\s+$")


@dataclass(frozen=True, slots=True)
class Answer:
    """One row. It fits when every word of `keywords` occurs in what the user said; "a|b" is either of them. Whole
    words count, upper and lower case do not."""

    keywords: Sequence[str]
    text: str

    def fits(self, words: frozenset[str]) -> bool:
        return all(not words.isdisjoint(keyword.lower().split("|")) for keyword in self.keywords)


LIBRARY: Final[Sequence[Answer]] = (
    Answer(
        ["saturday"],
        "On Saturday, the library is open from nine thirty in the morning until five in the afternoon. "
        "The reading room and the children's section close half an hour earlier, so please come in good time.",
    ),
    Answer(["sunday"], "On Sunday, we are open from noon until four. The return box outside takes books at any hour."),
    Answer(
        ["hours|open|opens|opening|close|closes|closing"],
        "Monday to Friday we are open from nine to seven, on Saturday until five, and on Sunday from noon to four.",
    ),
    Answer(
        ["how", "many", "book|books|borrow|take"],
        "Up to ten books, and you can keep them for four weeks. If nobody waits for them, you may have them longer.",
    ),
    Answer(["film|films|movie|movies"], "Yes, films too. You can take three of them, for one week."),
    Answer(["where|address|find"], "We are at number twelve, Mill Street, across the road from the station."),
    Answer(["card|join|member"], "A library card is free. Please bring something with your name and address on it."),
    Answer(["goodbye|bye"], "You are welcome. Goodbye!"),
    Answer(["thank|thanks"], "You are welcome."),
    Answer(["hello|hi"], "Hello! What would you like to know about the library?"),
)
"""What a caller may want of a small library. Used by `rtaudio demo` and, without a model, by `rtaudio talk`."""

NOT_UNDERSTOOD: Final = "I only know a few things about the library: opening hours, borrowing, and where we are."


class ScriptedLLM:
    """Answers from a table of keywords; not a language model.

    answers     rows, the first that fits is taken
    otherwise   said when none fits
    first_s     before the first token
    token_s     between tokens; 0.02 is 50 tokens a second
    """

    name = "scripted answers (not a language model)"

    def __init__(
        self,
        answers: Sequence[Answer] = LIBRARY,
        *,
        otherwise: str = NOT_UNDERSTOOD,
        first_s: float = 0.12,
        token_s: float = 0.02,
    ) -> None:
        if first_s < 0 or token_s < 0:
            raise ValueError(f"first_s = {first_s}, token_s = {token_s}: waits cannot be negative")
        self._answers = tuple(answers)
        self._otherwise = otherwise
        self._first_s = first_s
        self._token_s = token_s

    def answer(self, said: str) -> str:
        """The text the table has for these words."""
        words = frozenset(re.findall(r"[a-z0-9']+", said.lower()))
        return next((answer.text for answer in self._answers if answer.fits(words)), self._otherwise)

    def stream(self, chat: ChatContext, tools: Sequence[ToolSpec] = ()) -> ScriptedStream:
        """The answer to the last words of the user. Calls no tools."""
        last = next((message.text for message in reversed(chat.messages) if message.role == "user"), "")
        return ScriptedStream(_TOKEN.findall(self.answer(last)), self._first_s, self._token_s)

    async def warm_up(self) -> None:
        """Nothing to load."""

    async def aclose(self) -> None:
        """Nothing to close."""


class ScriptedStream:
    """One answer, token by token. One task reads it; `aclose` may come from any task."""

    def __init__(self, tokens: Sequence[str], first_s: float, token_s: float) -> None:
        self._tokens = list(reversed(tokens))
        self._next_s = first_s
        self._token_s = token_s
        self._closing = asyncio.Event()

    def __aiter__(self) -> AsyncIterator[Token]:
        return self

    async def __anext__(self) -> Token:
        if self._tokens and not self._closing.is_set():
            try:
                async with asyncio.timeout(self._next_s):
                    await self._closing.wait()
            except TimeoutError:
                self._next_s = self._token_s
                return Token(self._tokens.pop())
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self._closing.set()
