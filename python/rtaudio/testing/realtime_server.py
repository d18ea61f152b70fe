"""The server's side of a fake speech-to-speech model: its conversation as items, and responses as they are made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from rtaudio.testing.providers import FakeReply, numbered
from rtaudio.voice.chat import ChatContext, ChatMessage
from rtaudio.voice.protocols import Audio, ToolCall, ToolSpec, Usage, Word
from rtaudio.voice.realtime import (
    AudioDelta,
    RealtimeEvent,
    ResponseBegan,
    ResponseDone,
    TextDelta,
    ToolCalled,
    Used,
)

ItemRole = Literal["user", "assistant", "call", "result", "message"]


class BrokenRule(AssertionError):
    """The session did what a real server refuses."""


@dataclass(slots=True)
class FakeItem:
    """One item of the server's conversation; "message": appended by the session."""

    id: str
    role: ItemRole
    text: str = ""
    samples: int = 0  # of its audio, taken or sent
    first: int = 0  # of the agent's: where its audio begins in the numbering of samples
    heard_ms: int | None = None  # as truncated
    call: str = ""  # of a call and of its result
    message: ChatMessage | None = None


@dataclass(slots=True)
class FakeConnection:
    """What one connection knows and was told."""

    chat: ChatContext
    tools: tuple[ToolSpec, ...]
    items: list[FakeItem] = field(default_factory=list)
    deleted: list[FakeItem] = field(default_factory=list)
    pushed: list[Audio] = field(default_factory=list)
    did: list[tuple[object, ...]] = field(default_factory=list)  # what the session called, in order; not `push`
    made: int = 0

    @property
    def audio(self) -> Audio:
        """All that was pushed."""
        return np.concatenate([np.zeros(0, np.float32), *self.pushed])

    @property
    def open_calls(self) -> list[str]:
        results = {item.call for item in self.items if item.role == "result"}
        return [item.call for item in self.items if item.role == "call" and item.call not in results]

    def add(self, role: ItemRole, text: str = "") -> FakeItem:
        self.made += 1
        item = FakeItem(f"item_{self.made}", role, text)
        self.items.append(item)
        return item


@dataclass(slots=True)
class Voice:
    """How a fake model speaks; shared by its connections, so that its samples are numbered through."""

    replies: list[FakeReply] | Callable[[list[FakeItem]], FakeReply]
    rate: int
    char_s: float
    piece_s: float
    first_after_s: float
    piece_every_s: float
    cancel_after_s: float
    words: bool
    responses: int = 0
    numbered: int = 0

    def next_reply(self, items: list[FakeItem]) -> FakeReply:
        number, self.responses = self.responses, self.responses + 1
        if callable(self.replies):
            return self.replies(items)
        return self.replies[min(number, len(self.replies) - 1)]


class Host(Protocol):
    """The connection that a response is made on."""

    server: FakeConnection

    def tell(self, event: RealtimeEvent) -> None: ...

    def later(self, after_s: float, act: Callable[[], None]) -> asyncio.TimerHandle: ...

    def over(self, response: FakeResponse) -> None: ...


class FakeResponse:
    """One response: text a word ahead of its audio, then the calls, each a step later."""

    def __init__(self, host: Host, voice: Voice, request: int | None) -> None:
        self._host, self._voice, self.request = host, voice, request
        reply = voice.next_reply(host.server.items)
        self.id = f"response_{voice.responses}"
        parts = [reply] if isinstance(reply, str) else reply
        self._text = " ".join(part for part in parts if isinstance(part, str))
        self._calls = [part for part in parts if isinstance(part, ToolCall)]
        self.item: FakeItem | None = None
        self._told = 0  # characters
        self.cancelled = False
        self.then = False  # the user's turn was over meanwhile: another response follows by itself
        host.tell(ResponseBegan(self.id, request))
        self._timer = host.later(voice.first_after_s, self._piece if self._text else self._next_call)

    def cancel(self) -> None:
        if not self.cancelled:
            self.cancelled = True
            self._timer.cancel()
            self._host.later(self._voice.cancel_after_s, self._done)

    def _piece(self) -> None:
        voice = self._voice
        if self.item is None:
            self.item = self._host.server.add("assistant")
            self.item.first = voice.numbered
        item, count = self.item, round(len(self._text) * voice.char_s * voice.rate)
        piece = min(max(1, round(voice.piece_s * voice.rate)), count - item.samples)
        spoken = (item.samples + piece) * len(self._text) // count + 1
        until = next((at for at in range(spoken, len(self._text)) if self._text[at] == " "), len(self._text))
        words = self._words(self._told, until)
        if until > self._told:
            delta = self._text[self._told : until]
            item.text, self._told = item.text + delta, until
            self._host.tell(TextDelta(self.id, item.id, delta))
        samples = numbered(voice.numbered, piece)
        voice.numbered += piece
        item.samples += piece
        self._host.tell(AudioDelta(self.id, item.id, samples, voice.rate, words))
        more = item.samples < count
        self._timer = self._host.later(voice.piece_every_s, self._piece if more else self._next_call)

    def _words(self, begin: int, end: int) -> tuple[Word, ...]:
        if not self._voice.words:
            return ()
        text = self._text
        starts = [at for at in range(begin, end) if text[at] != " " and (at == 0 or text[at - 1] == " ")]
        return tuple(Word(at * self._voice.char_s, at) for at in starts)

    def _next_call(self) -> None:
        if not self._calls:
            return self._done()
        call = self._calls.pop(0)
        self._host.server.add("call", call.name).call = call.id
        self._host.tell(ToolCalled(self.id, call))
        self._timer = self._host.later(self._voice.piece_every_s, self._next_call)

    def _done(self) -> None:
        self._host.tell(Used(self.id, Usage(100, 20)))
        self._host.tell(ResponseDone(self.id))
        self._host.over(self)
