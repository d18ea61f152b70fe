"""A fake speech-to-speech model: set answers, set latencies, set failures, and the rules of a real server.

It keeps the server's side of the conversation, so that a test can compare what the model believes was said with what
was heard. Who does what a real server refuses is told so at once, with BrokenRule, also kept in `broken`: a response
while one is under way, a truncation beyond what was sent, the result of a call that is not open, a commit of nothing.
Deterministic on virtual time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import NoReturn

import numpy as np

from rtaudio.testing.failures import Failure, at_close, at_piece
from rtaudio.testing.providers import FakeProvider, FakeReply
from rtaudio.testing.realtime_server import BrokenRule, FakeConnection, FakeItem, FakeResponse, Voice
from rtaudio.voice.chat import ChatContext, ChatMessage
from rtaudio.voice.protocols import Audio, ToolSpec
from rtaudio.voice.realtime import (
    INPUT_RATE,
    Expiring,
    Interrupted,
    Ready,
    RealtimeEvent,
    ResponseBegan,
    ResponseDone,
    ResponseRefused,
    TurnsBy,
    UserBegan,
    UserTranscript,
    UserTurn,
)

LOUD = 0.02
"""The fake server takes a sample beyond it for speech."""


class FakeRealtime(FakeProvider):
    """Answer k is `replies[k]` (the last one again beyond them), or what `replies` makes of the server's items: a text,
    or a list of texts (one message) and tool calls. The user's turn k is understood as `texts[k]` ("" beyond them).

    `first_after_s`: a request to the first piece; `piece_every_s`: between pieces of `piece_s`; `char_s`: how long a
    character is spoken; `transcript_after_s`: a turn's end to its transcript; `cancel_after_s`: until a response that
    is cancelled is done. Samples are numbered as FakeTTS numbers them; `words` gives word times. `turns="server"`: it
    takes turns by itself: speech is what is louder than LOUD, a turn is over after `silence_s`. `expires_after_s`: of
    each connection, which says so `warns_s` before.

    `connections` keeps what each knew and was told. `Failure.after` counts events.
    """

    def __init__(
        self,
        replies: Sequence[FakeReply] | Callable[[list[FakeItem]], FakeReply],
        texts: Sequence[str] = (),
        *,
        turns: TurnsBy = "local",
        truncates: bool = True,
        rate: int = 24000,
        char_s: float = 0.06,
        piece_s: float = 0.2,
        first_after_s: float = 0.2,
        piece_every_s: float = 0.02,
        ready_after_s: float = 0.05,
        transcript_after_s: float = 0.3,
        cancel_after_s: float = 0.03,
        silence_s: float = 0.5,
        expires_after_s: float | None = None,
        warns_s: float = 1.0,
        words: bool = False,
        failure: Failure | None = None,
    ) -> None:
        super().__init__("fake-realtime", failure)
        self.turns, self.truncates, self.texts = turns, truncates, list(texts)
        self.voice = Voice(
            replies if callable(replies) else list(replies),
            *(rate, char_s, piece_s, first_after_s, piece_every_s, cancel_after_s, words),
        )
        self.ready_after_s, self.transcript_after_s, self.silence_s = ready_after_s, transcript_after_s, silence_s
        self.expires_after_s, self.warns_s = expires_after_s, warns_s
        self.connections: list[FakeConnection] = []
        self.broken: list[str] = []
        self.taken = 0  # turns of the user's
        self._streams: list[FakeRealtimeStream] = []

    def connect(self, chat: ChatContext, tools: Sequence[ToolSpec] = ()) -> FakeRealtimeStream:
        self._streams.append(FakeRealtimeStream(self, chat, tools))
        return self._streams[-1]

    def drop(self) -> None:
        """The network takes the connection away."""
        self._streams[-1].die("the connection was reset")


class FakeRealtimeStream:
    """One connection of FakeRealtime."""

    def __init__(self, model: FakeRealtime, chat: ChatContext, tools: Sequence[ToolSpec]) -> None:
        self._model = model
        self._failure = model._open()
        self.closed = False
        self.server = FakeConnection(chat.copy(), tuple(tools))
        model.connections.append(self.server)
        self._loop = asyncio.get_running_loop()
        self._events: deque[RealtimeEvent | Exception] = deque()
        self._told = asyncio.Event()
        self._timers: set[asyncio.TimerHandle] = set()
        self._response: FakeResponse | None = None
        self._taken = self._committed = 0  # samples pushed
        self._loud_at: int | None = None  # server turns: last loud sample of the turn under way
        self._began_at = 0
        self.later(model.ready_after_s, lambda: self.tell(Ready()))
        if model.expires_after_s is not None:
            self.later(model.expires_after_s - model.warns_s, lambda: self.tell(Expiring(model.warns_s)))
            self.later(model.expires_after_s, lambda: self.die("the session has reached its limit"))

    # ---- What the session calls.

    def push(self, samples: Audio) -> None:
        self._need_open("push")
        if samples.dtype != np.float32 or samples.ndim != 1:
            self._refuse(f"push: mono float32 is wanted, not {samples.dtype} of shape {samples.shape}")
        self.server.pushed.append(samples.copy())
        self._taken += len(samples)
        if self._model.turns == "server":
            self._hear(samples)

    def commit(self) -> None:
        self._called("commit")
        self._need_local("commit")
        if self._taken == self._committed:
            self._refuse("commit: the input audio buffer is empty")
        self._take_turn(self._taken - self._committed, None)

    def clear(self) -> None:
        self._called("clear")
        self._need_local("clear")
        self._committed = self._taken

    def append(self, message: ChatMessage) -> None:
        self._called("append", message)
        self.server.add("message", message.text).message = message

    def tool_result(self, call: str, output: str, failed: bool) -> None:
        self._called("tool_result", call, output, failed)
        if call not in self.server.open_calls:
            self._refuse(f"tool_result: {call!r} is no open call of this connection")
        self.server.add("result", output).call = call

    def update(self, instructions: str, tools: Sequence[ToolSpec]) -> None:
        self._called("update", instructions, tuple(tools))
        self.server.chat.instructions, self.server.tools = instructions, tuple(tools)

    def respond(self, request: int, instructions: str | None = None, tools: Sequence[ToolSpec] | None = None) -> None:
        self._called("respond", request, instructions, tools)
        if self._response is not None and self._response.request is None and self._untold(ResponseBegan):
            self.tell(ResponseRefused(request, "the conversation already has an active response"))
            return  # begun by the server itself, which the session cannot know yet
        if self._response is not None:
            self._refuse("respond: the conversation already has an active response")
        if self.server.open_calls:
            self._refuse(f"respond: the calls {self.server.open_calls} have no result")
        self._response = FakeResponse(self, self._model.voice, request)

    def cancel(self) -> None:
        self._called("cancel")
        if self._response is not None:
            self._response.cancel()
        elif not self._untold(ResponseDone):  # else it was done just now, which the session cannot know yet
            self._refuse("cancel: there is no active response")

    def truncate(self, item: str, audio_end_ms: int) -> None:
        self._called("truncate", item, audio_end_ms)
        found = self._message(item, "truncate")
        sent_ms = found.samples * 1000 // self._model.voice.rate
        if not 0 <= audio_end_ms <= sent_ms:
            self._refuse(f"truncate: {audio_end_ms} ms of {item}, of which {sent_ms} ms were sent")
        if found.heard_ms is not None:
            self._refuse(f"truncate: {item} was truncated already")
        found.heard_ms = audio_end_ms

    def delete(self, item: str) -> None:
        self._called("delete", item)
        found = self._message(item, "delete")
        self.server.items.remove(found)
        self.server.deleted.append(found)

    async def aclose(self) -> None:
        if not self.closed:
            self.closed = True
            self._stop()
            self._model.open -= 1
            await at_close(self._failure)

    async def __aiter__(self) -> AsyncIterator[RealtimeEvent]:
        number = 0
        while await at_piece(self._failure, number):
            while not self._events:
                self._told.clear()
                await self._told.wait()
            event = self._events.popleft()
            if isinstance(event, Exception):
                raise event
            number += 1
            yield event

    # ---- What the server does.

    def tell(self, event: RealtimeEvent) -> None:
        self._events.append(event)
        self._told.set()

    def die(self, what: str) -> None:
        self._stop()
        self._events.append(ConnectionError(what))
        self._told.set()

    def _untold(self, kind: type[RealtimeEvent]) -> bool:
        """The session has not taken an event of that kind yet."""
        return any(isinstance(event, kind) for event in self._events)

    def later(self, after_s: float, act: Callable[[], None]) -> asyncio.TimerHandle:
        def due() -> None:
            self._timers.discard(timer)
            act()

        timer = self._loop.call_later(max(0.0, after_s), due)
        self._timers.add(timer)
        return timer

    def over(self, response: FakeResponse) -> None:
        self._response = FakeResponse(self, self._model.voice, None) if response.then else None

    def _stop(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _take_turn(self, samples: int, audio_ms: int | None) -> None:
        model = self._model
        item = self.server.add("user", model.texts[model.taken] if model.taken < len(model.texts) else "")
        item.samples = samples
        model.taken += 1
        self._committed = self._taken
        self.tell(UserTurn(item.id, audio_ms))
        self.later(model.transcript_after_s, lambda: self.tell(UserTranscript(item.id, item.text, True)))

    def _hear(self, samples: Audio) -> None:
        """Server turns, to the sample, however the audio comes in pieces."""
        silence, start = round(self._model.silence_s * INPUT_RATE), self._taken - len(samples)
        for at in (np.flatnonzero(np.abs(samples) > LOUD) + start).tolist():
            self._end_turn(at, silence)
            if self._loud_at is None:
                self._began_at = at
                self.tell(UserBegan(at * 1000 // INPUT_RATE))
                if self._response is not None:
                    self._response.cancel()
                    self.tell(Interrupted())
            self._loud_at = at
        self._end_turn(self._taken, silence)

    def _end_turn(self, now: int, silence: int) -> None:
        if self._loud_at is None or now - self._loud_at <= silence:
            return
        ended, self._loud_at = self._loud_at, None
        self._take_turn(ended - self._began_at, ended * 1000 // INPUT_RATE)
        if self._response is None:
            self._response = FakeResponse(self, self._model.voice, None)
        else:
            self._response.then = True

    # ---- Rules.

    def _called(self, *what: object) -> None:
        self._need_open(str(what[0]))
        self.server.did.append(what)

    def _need_open(self, what: str) -> None:
        if self.closed:
            self._refuse(f"{what}: the stream is closed")

    def _need_local(self, what: str) -> None:
        if self._model.turns == "server":
            self._refuse(f"{what}: the server takes the turns")

    def _message(self, item: str, what: str) -> FakeItem:
        found = next((one for one in self.server.items if one.id == item and one.role == "assistant"), None)
        if found is None:
            self._refuse(f"{what}: {item!r} is no message of the assistant's")
        if self._response is not None and self._response.item is found and not self._response.cancelled:
            self._refuse(f"{what}: {item} is still being made; cancel the response first")
        return found

    def _refuse(self, what: str) -> NoReturn:
        self._model.broken.append(what)
        raise BrokenRule(what)
