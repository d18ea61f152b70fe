"""What front ends are shown of the agent's words is the agent's to say; the history has what was heard (law 9)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio.testing import FakeLLM, FakeTTS, Simulation, run
from rtaudio.voice import (
    Agent,
    AgentSpeechHeard,
    AgentSpeechInterrupted,
    ProviderFailed,
    ReplyText,
    SessionOptions,
)
from tests.voice.conversations import Cast, caller_with, conversation

REPLY = "Your number is 4711. It is valid until the third of May. Goodbye."


class Masked(Agent):
    async def transcription(self, text: AsyncIterator[str]) -> AsyncIterator[str]:
        async for clause in super().transcription(text):
            yield re.sub(r"\d", "•", clause)


class Loud(Agent):
    async def transcription(self, text: AsyncIterator[str]) -> AsyncIterator[str]:
        async for clause in text:
            for word in re.findall(r"\s*\S+", clause):
                yield word.upper() + "!"


class AllAtOnce(Agent):
    async def transcription(self, text: AsyncIterator[str]) -> AsyncIterator[str]:
        yield "".join([clause async for clause in text])


async def shown(
    agent: Agent, cut_at_s: float | None = None, reply: str = REPLY, **options: Any
) -> tuple[list[ReplyText], Simulation, list[tuple[int, int]]]:
    cast = Cast(llm=FakeLLM([reply]), tts=FakeTTS(words=True))
    places = list[tuple[int, int]]()
    settings = {"options": SessionOptions(**options), "agent": agent}
    async with conversation(cast, caller_with({"at_s": 0.1}, clip_s=0.5), **settings) as sim:
        await sim.until(lambda: sim.session.state == "speaking")
        for _ in range(round(20 * (cut_at_s if cut_at_s is not None else 1.0))):
            places.append(sim.session.progress)
            await sim.advance(0.05)
        if cut_at_s is not None:
            sim.session.interrupt()
        await sim.finish()
    return sim.told(ReplyText), sim, places


def test_a_mask_is_shown_and_the_history_keeps_the_words() -> None:
    pieces, sim, _ = run(shown(Masked()))
    assert [(piece.text, piece.text_offset) for piece in pieces] == [
        ("Your number is ••••.", 0),
        (" It is valid until the third of May.", 20),
        (" Goodbye.", 56),
    ]
    assert sim.told(AgentSpeechHeard)[0].text == REPLY.replace("4711", "••••")
    assert sim.session.history.messages[-1].text == REPLY
    assert not any("4711" in repr(event) for event in sim.events)


@pytest.mark.parametrize("cut_at_s", [0.4, 0.8, 1.3, 2.0, 2.7])
def test_a_cut_is_told_in_what_is_shown(cut_at_s: float) -> None:
    """As many words as were written: those heard are the same ones."""
    _, plain, plain_places = run(shown(Agent(), cut_at_s))
    _, masked, places = run(shown(Masked(), cut_at_s))
    (was,), (told,) = plain.told(AgentSpeechInterrupted), masked.told(AgentSpeechInterrupted)
    assert len(told.heard.split()) == len(was.heard.split())
    assert told.heard == was.heard.replace("4711", "••••")
    assert masked.session.history.messages == plain.session.history.messages
    assert [number for number, _ in places] == [number for number, _ in plain_places]


def test_what_is_longer_than_the_text_is_told_in_its_own_characters() -> None:
    pieces, sim, places = run(shown(Loud(), 1.0))
    told = "".join(piece.text for piece in pieces)
    assert all(piece.text_offset == sum(len(p.text) for p in pieces[:at]) for at, piece in enumerate(pieces))
    (cut,) = sim.told(AgentSpeechInterrupted)
    assert cut.heard
    assert f"{cut.heard} {cut.cut}" == told.strip()
    assert [place for _, place in places] == sorted(place for _, place in places)
    assert sim.session.history.messages[-1].text == REPLY[: len(sim.session.history.messages[-1].text)]


def test_what_is_held_back_to_the_end_of_the_text_is_shown_then() -> None:
    pieces, sim, _ = run(shown(AllAtOnce()))
    assert [piece.text for piece in pieces] == [REPLY]
    assert sim.told(AgentSpeechHeard)[0].text == REPLY


def test_a_greeting_is_shown_in_the_same_way() -> None:
    async def main() -> None:
        agent = Masked(greeting="This is line 12.")
        async with conversation(Cast(), agent=agent) as sim:
            await sim.finish()
        assert [event.text for event in sim.told(ReplyText)] == ["This is line ••."]
        assert [message.text for message in sim.session.history] == ["This is line 12."]

    run(main())


class Broken(Agent):
    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way

    async def transcription(self, text: AsyncIterator[str]) -> AsyncIterator[str]:
        yield await anext(text)
        match self.way:
            case "raises":
                raise OSError("no such thing")
            case "a wrong type":
                yield 3  # type: ignore[misc]
            case "cancels itself":
                raise asyncio.CancelledError
            case "hangs":
                await asyncio.get_running_loop().create_future()
            case "without end":
                while True:
                    yield "more and more " * 1000


WHAT = {
    "raises": "OSError: no such thing",
    "a wrong type": "TypeError: yielded int 3, not str",
    "cancels itself": "CancelledError",
    "without end": "showed more than 1000000 characters of one reply",
}


@pytest.mark.parametrize("way", [*WHAT, "hangs", "ends early"])
def test_one_that_fails_shows_no_more_and_the_agent_speaks_on(way: str) -> None:
    pieces, sim, _ = run(shown(Broken(way)))
    assert pieces[0].text == "Your number is 4711."
    assert not any("valid" in piece.text for piece in pieces)
    assert sim.session.history.messages[-1].text == REPLY
    assert "valid" not in sim.told(AgentSpeechHeard)[0].text
    told = [(event.kind, event.provider, event.what) for event in sim.told(ProviderFailed)]
    assert told == ([("transcription", "Broken.transcription", WHAT[way])] if way in WHAT else [])


@settings(max_examples=25, deadline=None)
@given(st.floats(0.05, 3.5), st.lists(st.integers(0, 3), min_size=1, max_size=4))
def test_any_cut_of_any_shown_text_adds_up(cut_at_s: float, times: list[int]) -> None:
    """What is told as heard and as cut is what was shown, whatever is made of the clauses."""

    class Odd(Agent):
        async def transcription(self, text: AsyncIterator[str]) -> AsyncIterator[str]:
            number = 0
            async for clause in text:
                yield clause * times[number % len(times)]
                number += 1

    pieces, sim, _ = run(shown(Odd(), cut_at_s))
    ended = [*sim.told(AgentSpeechInterrupted), *sim.told(AgentSpeechHeard)]
    told = "".join(piece.text for piece in pieces)
    if isinstance(ended[0], AgentSpeechInterrupted):
        assert (ended[0].heard + ended[0].cut).replace(" ", "") == told.replace(" ", "")
    else:
        assert ended[0].text == told.strip()


class Upper(Agent):
    async def transcription(self, text: AsyncIterator[str]) -> AsyncIterator[str]:
        async for clause in text:
            yield clause.upper()


@pytest.mark.parametrize("reply", ["你好。很高兴认识你。再见。", "One. Two, three. Four."])
def test_clauses_come_with_a_space_between_them_only_where_one_was_written(reply: str) -> None:
    async def main() -> None:
        _, sim, _ = await shown(Upper(), reply=reply)
        (heard,) = sim.told(AgentSpeechHeard)
        assert heard.text == reply.upper()

    run(main())
