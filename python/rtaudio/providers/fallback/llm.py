"""Several language models in order: the next answers where one fails.

Before anything of a reply was given, the next model is asked the same. After that the words cannot be taken back: they
may have been spoken. Then the reply ends there, as with one model, or, with `go_on`, the next model is asked to go on:

    asked        the same conversation, with the text so far as the agent's last message, and GO_ON as an instruction
    joined       where a word ends: with `go_on` the text is given word by word, so that the one that was under way when
                 the model failed is not half spoken
    never after  a tool call: the next model would call it again
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from rtaudio.providers.fallback.health import HealthPolicy
from rtaudio.providers.fallback.pool import HealthChange, Pool, ProviderHealth
from rtaudio.providers.fallback.reading import Failed, FallbackStream, Reading, Stream
from rtaudio.voice.chat import ChatMessage
from rtaudio.voice.protocols import LLM, Token, ToolCall, ToolSpec, Usage

if TYPE_CHECKING:
    from rtaudio.voice.chat import ChatContext

GO_ON: Final = (
    "Your last message was broken off. Go on with it from where it ends, in the same words and style, as if nothing "
    "had happened. Do not repeat any of it."
)
_LAST_WORD: Final = re.compile(r"\S*\Z")

Piece = Token | ToolCall | Usage


class FallbackLLM:
    """Language models as one, tried in order.

    first_s, next_s   to the first piece of one model's reply, and between two; None: as long as it takes. All of the
                      trials together must fit into the session's own `llm_first_timeout_s`
    go_on             after a failure in the middle of a reply the next model goes on with it; see the module
    health            when a model that failed is asked again
    on_change         hears of each change of a model's health, at once; it must not raise
    """

    def __init__(
        self,
        models: Sequence[LLM],
        *,
        first_s: float | None = 4.0,
        next_s: float | None = 4.0,
        go_on: bool = False,
        health: HealthPolicy | None = None,
        on_change: Callable[[HealthChange], None] | None = None,
        close_s: float = 1.0,
    ) -> None:
        self._pool: Pool[LLM] = Pool("llm", models, health, on_change)
        self.name = self._pool.name
        self._limits = (first_s, next_s, close_s)
        self._go_on = go_on

    @property
    def health(self) -> tuple[ProviderHealth, ...]:
        """In the order of the models. Needs a running loop."""
        return self._pool.health

    def stream(self, chat: ChatContext, tools: Sequence[ToolSpec] = ()) -> FallbackLLMStream:
        return FallbackLLMStream(Reading(self._pool, "token", *self._limits), chat, tools, self._go_on)

    async def warm_up(self) -> None:
        """All of them. Raises ProviderError if every one fails."""
        await self._pool.warm_up()

    async def aclose(self) -> None:
        await self._pool.aclose()


class FallbackLLMStream(FallbackStream[LLM, Piece]):
    """One reply. One task reads it; `aclose` may come from any task. Raises ProviderError when no model is left."""

    def __init__(self, reading: Reading[LLM, Piece], chat: ChatContext, tools: Sequence[ToolSpec], go_on: bool) -> None:
        super().__init__(reading)
        self._chat, self._tools = chat, tools
        self._words = _WholeWords() if go_on else None
        # An answer to results of tools may be that there is nothing to say.
        self._may_be_silent = len(chat) > 0 and bool(chat[-1].tools)
        self._silent: list[int] = []  # ended with nothing; what another model does says whether that was a failure
        self._given = self._called = False

    async def aclose(self) -> None:
        for at in self._silent:
            self._reading.pool.let_go(at)
        self._silent.clear()
        await super().aclose()

    async def _step(self) -> None:
        reading = self._reading
        if reading.at is None and not reading.open(self._opener):
            if self._silent and not self._given:
                self._ended = True  # nothing, which is for the reader to judge
                return
            raise reading.pool.error(reading.wrong)
        try:
            piece = await reading.next()
        except StopAsyncIteration:
            if not reading.closed:
                self._over()
        except Failed as error:
            if not reading.closed:
                self._broke(error.what)
        else:
            self._take(piece)

    def _opener(self, model: LLM) -> Stream[Piece]:
        chat = self._chat
        if self._words is not None and (given := self._words.given.strip()):
            chat = chat.copy()
            chat.append(ChatMessage("assistant", given))
            chat.instructions = f"{chat.instructions}\n\n{GO_ON}".strip()
        return model.stream(chat, self._tools) if self._tools else model.stream(chat)

    def _take(self, piece: Piece) -> None:
        reading = self._reading
        if isinstance(piece, Usage):
            self._ready.append(piece)
            return
        if isinstance(piece, Token) and not piece.text:
            return
        reading.well()
        self._given = True
        for at in self._silent:
            reading.pool.failed(at, "sent nothing")
        self._silent.clear()
        if self._words is None:
            self._ready.append(piece)
        elif isinstance(piece, Token):
            self._give(self._words.add(piece.text))
        else:
            self._give(self._words.rest())
            self._ready.append(piece)
        self._called = self._called or isinstance(piece, ToolCall)

    def _over(self) -> None:
        """The model's reply is complete."""
        reading = self._reading
        if self._given or self._may_be_silent:
            if self._words is not None:
                self._give(self._words.rest())
            self._ended = True
            reading.done()
        elif reading.at is not None:
            self._silent.append(reading.at)
            reading.leave()

    def _broke(self, what: str) -> None:
        reading = self._reading
        reading.failed(what)
        if self._called or (self._given and self._words is None):
            raise reading.pool.error(reading.wrong)
        if self._words is not None:
            self._words.drop()
            self._given = bool(self._words.given)

    def _give(self, text: str) -> None:
        if text:
            self._ready.append(Token(text))


class _WholeWords:
    """Text in any pieces in, whole words out. `given`: all that came out."""

    def __init__(self) -> None:
        self.given = ""
        self._held = ""
        self._joins = False  # the next piece begins another model's text

    def add(self, text: str) -> str:
        self._held += text
        if self._joins:
            self._held = self._held.lstrip()
            self._joins = not self._held
        return self._out(_LAST_WORD.search(self._held).start())  # type: ignore[union-attr]  # it always matches

    def rest(self) -> str:
        return self._out(len(self._held))

    def drop(self) -> None:
        """What is not a whole word yet will never be one."""
        self._held, self._joins = "", bool(self.given)

    def _out(self, until: int) -> str:
        out, self._held = self._held[:until], self._held[until:]
        self.given += out
        return out
