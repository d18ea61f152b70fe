"""The fake speech-to-speech model: what it tells, in which order, and what it refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest

from rtaudio.testing import BrokenRule, Failure, FakeFailure, FakeRealtime, numbers_of, run
from rtaudio.voice.chat import ChatContext, ChatMessage
from rtaudio.voice.protocols import ToolCall, ToolSpec
from rtaudio.voice.realtime import (
    AudioDelta,
    Expiring,
    Interrupted,
    Ready,
    RealtimeEvent,
    RealtimeModel,
    RealtimeStream,
    ResponseBegan,
    ResponseDone,
    TextDelta,
    ToolCalled,
    UserBegan,
    UserTranscript,
    UserTurn,
)

LOUD = np.full(8000, 0.3, np.float32)
SILENCE = np.zeros(8000, np.float32)
BOOK = ToolCall("call_1", "book", "{}")


class Talk:
    """A stream of `model`, and all it told."""

    def __init__(self, model: FakeRealtime) -> None:
        self.model = model
        self.stream = model.connect(ChatContext("Be brief."), [ToolSpec("book", "Books.", {"type": "object"})])
        self.events: list[RealtimeEvent] = []

    async def read(self) -> None:
        async for event in self.stream:
            self.events.append(event)

    def told(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def talk(model: FakeRealtime, act: Callable[[Talk], Coroutine[Any, Any, None]]) -> Talk:
    async def main() -> Talk:
        talking = Talk(model)
        reader = asyncio.create_task(talking.read())
        await asyncio.sleep(0.1)
        await act(talking)
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        await talking.stream.aclose()
        return talking

    talking = run(main())
    assert model.open == 0
    return talking


def test_it_is_what_the_protocol_says() -> None:
    model = FakeRealtime(["Hi."])
    assert isinstance(model, RealtimeModel)

    async def act(talking: Talk) -> None:
        assert isinstance(talking.stream, RealtimeStream)

    talk(model, act)


def test_a_turn_is_committed_answered_and_understood_later() -> None:
    model = FakeRealtime(["We open at nine."], ["when"], transcript_after_s=2.0)

    async def act(talking: Talk) -> None:
        talking.stream.push(LOUD)
        talking.stream.commit()
        talking.stream.respond(7)
        await asyncio.sleep(3)

    talking = talk(model, act)
    kinds = [type(event) for event in talking.events]
    assert kinds[:3] == [Ready, UserTurn, ResponseBegan]
    assert talking.told(ResponseBegan)[0].request == 7
    assert "".join(event.text for event in talking.told(TextDelta)) == "We open at nine."
    audio = np.concatenate([event.samples for event in talking.told(AudioDelta)])
    assert numbers_of(audio) == list(range(round(16 * 0.06 * 24000)))
    assert kinds.index(ResponseDone) < kinds.index(UserTranscript), "the transcript came after the answer"
    assert talking.told(UserTranscript)[0].item == talking.told(UserTurn)[0].item
    assert np.array_equal(model.connections[0].audio, LOUD)


def test_a_cancelled_response_is_done_soon_and_what_it_said_can_be_truncated() -> None:
    model = FakeRealtime(["A long answer, with many words in it."], piece_every_s=0.1)

    async def act(talking: Talk) -> None:
        talking.stream.respond(1)
        await asyncio.sleep(0.45)
        talking.stream.cancel()
        item = talking.told(AudioDelta)[0].item
        talking.stream.truncate(item, 150)
        await asyncio.sleep(1)
        talking.stream.respond(2)  # not refused: the first is done
        await asyncio.sleep(0.1)

    talking = talk(model, act)
    assert len(talking.told(AudioDelta)) == 3
    assert len(talking.told(ResponseDone)) == 1
    assert model.connections[0].items[0].heard_ms == 150


def test_calls_of_tools_want_their_results() -> None:
    model = FakeRealtime([["One moment.", BOOK], "Booked."])

    async def act(talking: Talk) -> None:
        talking.stream.respond(1)
        await asyncio.sleep(2)
        assert talking.told(ToolCalled)[0].call == BOOK
        with pytest.raises(BrokenRule, match="call_1"):
            talking.stream.respond(2)
        talking.stream.tool_result("call_1", "done", False)
        talking.stream.respond(3)
        await asyncio.sleep(2)

    talking = talk(model, act)
    assert [event.request for event in talking.told(ResponseBegan)] == [1, 3]
    assert [item.role for item in model.connections[0].items] == ["assistant", "call", "result", "assistant"]


@pytest.mark.parametrize(
    ("does", "why"),
    [
        (lambda stream: (stream.respond(1), stream.respond(2)), "already has an active response"),
        (lambda stream: stream.commit(), "empty"),
        (lambda stream: stream.cancel(), "no active response"),
        (lambda stream: stream.tool_result("call_9", "", False), "no open call"),
        (lambda stream: stream.truncate("item_9", 0), "no message of the assistant's"),
        (lambda stream: stream.push(np.zeros(8, np.int16)), "float32"),
    ],
)
def test_what_a_real_server_refuses_is_refused(does: Callable[[Any], Any], why: str) -> None:
    model = FakeRealtime(["Hi."])

    async def act(talking: Talk) -> None:
        with pytest.raises(BrokenRule, match=why):
            does(talking.stream)

    talk(model, act)
    assert len(model.broken) == 1


def test_nothing_beyond_what_was_sent_can_be_truncated_and_nothing_that_is_still_made() -> None:
    model = FakeRealtime(["Hello there."], piece_every_s=0.1)

    async def act(talking: Talk) -> None:
        talking.stream.respond(1)
        await asyncio.sleep(0.25)
        item = talking.told(AudioDelta)[0].item
        with pytest.raises(BrokenRule, match="still being made"):
            talking.stream.truncate(item, 0)
        await asyncio.sleep(2)
        with pytest.raises(BrokenRule, match="721 ms"):
            talking.stream.truncate(item, 721)
        talking.stream.truncate(item, 720)

    talk(model, act)


def test_a_server_that_takes_turns_answers_and_interrupts_itself() -> None:
    model = FakeRealtime(["A long answer, with many words in it."], ["one", "two"], turns="server")

    async def act(talking: Talk) -> None:
        for samples in (SILENCE, LOUD, SILENCE, SILENCE[:2000]):
            talking.stream.push(samples)
        await asyncio.sleep(0.25)
        talking.stream.push(LOUD)
        await asyncio.sleep(0.1)
        talking.stream.push(np.concatenate([SILENCE, SILENCE]))
        await asyncio.sleep(5)
        with pytest.raises(BrokenRule, match="the server takes the turns"):
            talking.stream.commit()

    talking = talk(model, act)
    assert [event.audio_ms for event in talking.told(UserBegan)] == [500, 1625]
    assert [event.audio_ms for event in talking.told(UserTurn)] == [999, 2124]
    assert len(talking.told(Interrupted)) == 1
    assert [event.request for event in talking.told(ResponseBegan)] == [None, None]


def test_a_connection_has_its_time_and_says_so_and_may_be_lost() -> None:
    model = FakeRealtime(["Hi."], expires_after_s=2.0, warns_s=0.5)

    async def main() -> list[RealtimeEvent]:
        talking = Talk(model)
        with pytest.raises(ConnectionError, match="limit"):
            await talking.read()
        await talking.stream.aclose()
        again = Talk(model)
        model.drop()
        with pytest.raises(ConnectionError, match="reset"):
            await again.read()
        await again.stream.aclose()
        return talking.events

    assert run(main()) == [Ready(), Expiring(0.5)]


def test_it_fails_as_told() -> None:
    async def main() -> None:
        model = FakeRealtime(["Hi."], failure=Failure("raise", after=1))
        talking = Talk(model)
        with pytest.raises(FakeFailure):
            await talking.read()
        await talking.stream.aclose()
        assert talking.events == [Ready()]
        with pytest.raises(FakeFailure):
            FakeRealtime(["Hi."], failure=Failure("raise_at_open")).connect(ChatContext())

    run(main())


def test_what_the_session_appends_is_in_the_conversation() -> None:
    model = FakeRealtime(["Hi."])
    message = ChatMessage("assistant", "Welcome.")

    async def act(talking: Talk) -> None:
        talking.stream.append(message)

    talk(model, act)
    assert model.connections[0].items[0].message == message
    assert model.connections[0].did == [("append", message)]
