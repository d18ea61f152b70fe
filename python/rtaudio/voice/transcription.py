"""What front ends are shown of the agent's words, where an agent makes its own of them (`Agent.transcription`).

    machine ──events──► Shown ──events──► observers
                         │ ▲
       clauses of a reply▼ │text
                 the agent's generator

Those who look at a session see a reply by its text and by characters of it: ReplyText, AgentSpeechHeard,
AgentSpeechInterrupted, Session.progress. All of these are told in the text that is shown. The history and the handles
of `say` are not touched: they keep what was heard, by the model's text (law 9); nothing here comes back to the machine.

What a generator yields belongs to the clause that it took last; so every clause has its shown text, and a place in the
one is found in the other by counting words: exactly, where as many are shown as were written, else by proportion.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Final

from rtaudio.voice import events as ev
from rtaudio.voice.agent import Agent
from rtaudio.voice.received import MOST_REPLY
from rtaudio.voice.stage_stream import StageStream
from rtaudio.voice.stage_use import Surroundings
from rtaudio.voice.streams import close_stream, describe
from rtaudio.voice.tasks import Tasks

_WORD: Final = re.compile(r"\S+")


@dataclass(slots=True)
class _Clause:
    """As the machine told of it, and what is shown for it."""

    told: ev.ReplyText
    shown: str = ""

    @property
    def end(self) -> int:
        return self.told.text_offset + len(self.told.text)

    def place(self, offset: int) -> int:
        """Of character `offset` of the reply's text, in what is shown for the clause."""
        inside = offset - self.told.text_offset
        if inside <= 0:
            return 0
        if offset >= self.end:
            return len(self.shown)
        words = [word.span() for word in _WORD.finditer(self.told.text)]
        shown = [word.span() for word in _WORD.finditer(self.shown)]
        passed = sum(end <= inside for _, end in words) * len(shown) // max(len(words), 1)
        if any(start == inside for start, _ in words):  # where a word begins
            return shown[passed][0] if passed < len(shown) else len(self.shown)
        return shown[passed - 1][1] if passed else 0


class _Reply:
    """One reply's clauses, on their way through the generator."""

    def __init__(self, agent: Agent, around: Surroundings, put: Callable[[ev.SessionEvent], None]) -> None:
        self._around, self._put = around, put
        self._name = f"{type(agent).__name__}.transcription"
        self._clauses: list[_Clause] = []
        self._waiting: deque[_Clause] = deque()
        self._in_hand: _Clause | None = None
        self._moved = asyncio.Event()
        self._ended = False
        self._length = 0  # of what is shown
        self._stream = StageStream("transcription", self._name, lambda: agent.transcription(self), str, around)
        self._task: asyncio.Task[None] | None = None

    def add(self, told: ev.ReplyText) -> None:
        clause = _Clause(told)
        self._clauses.append(clause)
        self._waiting.append(clause)
        self._moved.set()
        if self._task is None:
            self._task = self._around.owner.start(self._run(), f"{self._name} of reply {told.reply}")

    def end(self) -> None:
        """The text is complete."""
        self._ended = True
        self._moved.set()

    def stop(self) -> None:
        """No more is shown."""
        if self._task is not None:
            Tasks.cancel(self._task)

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        while not self._waiting:
            if self._ended:
                raise StopAsyncIteration
            self._moved.clear()
            await self._moved.wait()
        before, clause = self._in_hand, self._waiting.popleft()
        self._in_hand = clause
        apart = before is not None and before.end < clause.told.text_offset
        return f" {clause.told.text}" if apart else clause.told.text

    async def _run(self) -> None:
        troubled = self._around.owner.troubled("transcription", self._name)
        try:
            async for text in self._stream:
                if self._length + len(text) > MOST_REPLY:
                    return troubled(f"showed more than {MOST_REPLY} characters of one reply")
                self._show(text)
        except Exception as error:
            troubled(describe(error))
        finally:
            await close_stream(self._stream, self._around.owner.close_timeout_s, troubled)

    def _show(self, text: str) -> None:
        clause = self._in_hand or self._clauses[0]
        if text:
            clause.shown += text
            self._put(replace(clause.told, text=text, text_offset=self._length))
            self._length += len(text)

    def place(self, offset: int) -> int:
        """Of character `offset` of the reply's text, in the text that is shown."""
        place = 0
        for clause in self._clauses:
            if clause.told.text_offset >= offset:
                break
            place += clause.place(offset)
        return place

    @property
    def text(self) -> str:
        return "".join(clause.shown for clause in self._clauses)

    def split(self, heard: str) -> tuple[str, str]:
        """What is shown, up to where `heard` of the reply's text ends and from there on."""
        place = self.place(self._clauses[0].told.text_offset + len(heard)) if heard else 0
        return self.text[:place].strip(), self.text[place:].strip()


class Shown:
    """Where a session's events go through; as they are, where the agent has no transcription of its own."""

    def __init__(self, put: Callable[[ev.SessionEvent], None]) -> None:
        self._put = put
        self._number = 0  # of the reply that is shown in another way
        self._reply: _Reply | None = None

    def told(self, event: ev.SessionEvent, agent: Agent, around: Callable[[], Surroundings]) -> None:
        """Hands the event on, now or when its text is there. `agent`: the one in charge."""
        match event:
            case ev.ReplyText() if event.reply != self._number and _own(agent):
                self._leave()
                self._number, self._reply = event.reply, _Reply(agent, around(), self._put)
                self._reply.add(event)
            case ev.ReplyText() if self._reply is not None and event.reply == self._number:
                self._reply.add(event)
            case ev.AgentSpeechHeard() if self._reply is not None and event.reply == self._number:
                self._put(replace(event, text=self._reply.text.strip()))
                self._leave()
            case ev.AgentSpeechInterrupted() if self._reply is not None and event.reply == self._number:
                heard, cut = self._reply.split(event.heard)
                self._put(replace(event, heard=heard, cut=cut))
                self._leave()
            case ev.AgentSpeechInterrupted() if _own(agent):
                self._put(replace(event, heard="", cut=""))  # nothing of it was ready to be shown
            case _:
                self._put(event)

    def complete(self, number: int) -> None:
        """The text of the reply is."""
        if self._reply is not None and number == self._number:
            self._reply.end()

    def stop(self, number: int) -> None:
        """The reply is not wanted any more."""
        if self._reply is not None and number == self._number:
            self._reply.stop()

    def progress(self, number: int, offset: int) -> tuple[int, int]:
        """As Session.progress, in the text that is shown."""
        if self._reply is None or number != self._number:
            return number, offset
        return number, self._reply.place(offset)

    def _leave(self) -> None:
        if self._reply is not None:
            self._reply.stop()
            self._reply = None


def _own(agent: Agent) -> bool:
    return type(agent).transcription is not Agent.transcription
