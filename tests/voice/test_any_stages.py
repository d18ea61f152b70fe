"""Any conversation of an agent whose stages do anything at any moment: it ends in order, and nothing is left behind."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio.testing import Failure, FakeLLM, FakeSTT, FakeTTS, Simulation, run
from rtaudio.voice import (
    Agent,
    ChatContext,
    SessionClosed,
    SessionOptions,
    Speech,
    Token,
    ToolCall,
    ToolSpec,
    Transcript,
)
from rtaudio.voice.protocols import Audio
from tests.voice.conversations import caller_with

TEXTS = ["This is a long reply, with many words. It goes on and on, until it ends.", "Short.", "Of course. I can."]


class Whimsical(Agent):
    """Does what `chance` says, before any piece of any stage."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(greeting=chance.choice([None, "Hello there, how are you?"]))
        self.chance, self.trouble = chance, chance.choice([0.0, 0.1, 0.3])

    async def odd(self, pieces: AsyncIterator[Any]) -> AsyncIterator[Any]:
        try:
            async for piece in pieces:
                wrong = piece
                if self.chance.random() < self.trouble:
                    match self.chance.randrange(6):
                        case 0:
                            raise OSError("no such thing")
                        case 1:
                            await asyncio.sleep(3 * self.chance.random())
                        case 2:
                            wrong = {"of": "another type"}
                        case 3:
                            raise asyncio.CancelledError
                        case 4:
                            return
                        case _:
                            await asyncio.get_running_loop().create_future()
                yield wrong
        finally:
            if self.chance.random() < self.trouble:
                await asyncio.sleep(self.chance.random() / 2)

    def stt(self, audio: AsyncIterator[Audio]) -> AsyncIterator[Transcript]:
        return self.odd(super().stt(audio))

    async def llm(self, chat: ChatContext, tools: Sequence[ToolSpec]) -> AsyncIterator[Token | ToolCall]:
        if self.chance.random() < 0.2:
            await anext(super().llm(chat, tools))  # and leaves it open
        async for piece in super().llm(chat, tools):
            if self.chance.random() < self.trouble / 10:
                return
            yield piece

    def tts(self, text: str) -> AsyncIterator[Speech]:
        return self.odd(super().tts(text))

    def transcription(self, text: AsyncIterator[str]) -> AsyncIterator[str]:
        return self.odd(super().transcription(text))


def failure(chance: random.Random) -> Failure | None:
    if chance.random() < 0.7:
        return None
    modes = ("raise_at_open", "raise", "hang", "nothing", "raise_on_close", "hang_on_close")
    return Failure(chance.choice(modes), chance.randrange(3), chance.randrange(1, 3), chance.randrange(3))


async def talk(chance: random.Random) -> None:
    options = SessionOptions(
        stt_final_timeout_s=1.0,
        llm_first_timeout_s=1.0,
        llm_next_timeout_s=0.5,
        tts_first_timeout_s=1.0,
        tts_next_timeout_s=0.5,
        close_timeout_s=0.3,
        ahead_s=chance.choice([0.3, 2.0, 10.0]),
        clauses_in_flight=chance.choice([1, 3]),
    )
    stt = FakeSTT([f"turn {number}" for number in range(8)], failure=failure(chance))
    llm, tts = FakeLLM(TEXTS, failure=failure(chance)), FakeTTS(words=chance.random() < 0.5, failure=failure(chance))
    cues = [{"at_s": 0.3 + number * chance.uniform(1.2, 5)} for number in range(chance.randrange(1, 5))]
    caller = caller_with(*cues, clip_s=chance.uniform(0.3, 1.2))
    before = asyncio.all_tasks()
    async with Simulation(Whimsical(chance), stt=stt, llm=llm, tts=tts, caller=caller, options=options) as sim:
        does: list[Callable[[], object]] = [
            sim.session.interrupt,
            lambda: sim.session.say("This, by the way."),
            lambda: None,
        ]
        for _ in range(chance.randrange(6)):
            await sim.advance(2 * chance.random())
            chance.choice(does)()
        if chance.random() < 0.7:
            await sim.finish(limit_s=120)
    assert [event.reason for event in sim.told(SessionClosed)] == ["closed"]
    assert asyncio.all_tasks() == before
    assert (stt.open, llm.open, tts.open) == (0, 0, 0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_any_conversation_ends_in_order(seed: int) -> None:
    """Laws 8 and 11."""
    run(talk(random.Random(seed)))
