"""Providers that raise, hang or send nothing: said clearly, nothing left behind, the next turn works (law 11)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
import pytest

from rtaudio.testing import Failure, FakeLLM, FakeSTT, FakeTTS, Simulation, run
from rtaudio.testing.failures import Mode
from rtaudio.voice import Agent, ChatContext, ProviderFailed, SessionOptions, Speech, Token, ToolCall, ToolSpec, Word
from rtaudio.voice.protocols import LLMStream, TTSStream
from tests.voice.conversations import LONG, Cast, caller_with, conversation

QUICK = SessionOptions(
    stt_final_timeout_s=1.0,
    llm_first_timeout_s=1.0,
    llm_next_timeout_s=0.5,
    tts_first_timeout_s=1.0,
    tts_next_timeout_s=0.5,
    close_timeout_s=0.3,
    stt_failed_text="I did not hear.",
    llm_failed_text="I cannot answer.",
)
TWO_TURNS = ({"at_s": 0.5}, {"at_s": 6.5})
WHAT = {
    "raise_at_open": "FakeFailure: told to raise when opened",
    "raise": "FakeFailure: told to raise before piece",
    "hang": "within",
}


async def two_turns(cast: Cast) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Failures told, and the history's texts, of a conversation of two turns; nothing may be left behind."""
    async with conversation(cast, caller_with(*TWO_TURNS), options=QUICK) as sim:
        await sim.finish(idle_s=3)
        texts = [message.text for message in sim.session.history]
    return [(e.kind, e.provider, e.what) for e in sim.told(ProviderFailed)], texts


@pytest.mark.parametrize("mode", ["raise_at_open", "raise", "hang", "nothing"])
def test_recognition_that_fails_is_said_and_the_next_turn_works(mode: Mode) -> None:
    async def main() -> None:
        stt = FakeSTT(["first", "second"], partials=False, failure=Failure(mode, streams=1))
        if mode == "raise_at_open":
            stt.texts = ["second"]
        told, texts = await two_turns(Cast(stt=stt, llm=FakeLLM(["An answer."])))
        assert [(kind, name) for kind, name, _ in told] == [("stt", "fake-stt")]
        assert WHAT.get(mode, "ended without a final transcript") in told[0][2]
        assert texts == ["I did not hear.", "second", "An answer."]

    run(main())


def test_what_was_understood_before_recognition_failed_is_answered() -> None:
    """Law 10: a partial transcript is better than none."""

    async def main() -> None:
        stt = FakeSTT(["first part", "second"], failure=Failure("hang", after=1, streams=1))
        told, texts = await two_turns(Cast(stt=stt, llm=FakeLLM(["An answer."])))
        assert "no final transcript within 1.0 s of the end of the turn" in told[0][2]
        assert texts == ["first", "An answer.", "second", "An answer."]

    run(main())


@pytest.mark.parametrize("mode", ["raise_at_open", "raise", "hang", "nothing"])
def test_a_model_that_fails_at_once_is_said_aloud(mode: Mode) -> None:
    async def main() -> None:
        llm = FakeLLM(["Never.", "An answer."] if mode != "raise_at_open" else ["An answer."])
        llm.failure = Failure(mode, streams=1)
        told, texts = await two_turns(Cast(llm=llm))
        assert [(kind, name) for kind, name, _ in told] == [("llm", "fake-llm")]
        assert WHAT.get(mode, "sent nothing") in told[0][2]
        assert texts == ["first question", "I cannot answer.", "second question", "An answer."]

    run(main())


@pytest.mark.parametrize("mode", ["raise", "hang"])
def test_a_model_that_fails_on_the_way_leaves_what_it_had_said(mode: Mode) -> None:
    async def main() -> None:
        llm = FakeLLM([LONG, "An answer."], failure=Failure(mode, after=12, streams=1))
        told, texts = await two_turns(Cast(llm=llm))
        assert [kind for kind, _, _ in told] == ["llm"]
        assert texts[1] == "This is a long reply, with many words in it."
        assert texts[2:] == ["second question", "An answer."]

    run(main())


@pytest.mark.parametrize("mode", ["raise_at_open", "raise", "hang", "nothing"])
def test_a_tts_that_fails_leaves_the_session_usable(mode: Mode) -> None:
    async def main() -> None:
        tts = FakeTTS(failure=Failure(mode, streams=1))
        told, texts = await two_turns(Cast(llm=FakeLLM(["One.", "An answer."]), tts=tts))
        assert [(kind, name) for kind, name, _ in told] == [("tts", "fake-tts")]
        assert WHAT.get(mode, "gave no audio") in told[0][2]
        assert texts == ["first question", "second question", "An answer."]

    run(main())


@pytest.mark.parametrize("mode", ["raise", "hang"])
def test_a_tts_that_fails_on_the_way_leaves_what_was_heard(mode: Mode) -> None:
    """Law 9: the words of which the audio came, and no more."""

    async def main() -> None:
        tts = FakeTTS(failure=Failure(mode, after=1, streams=1, first=1), piece_s=0.6)
        told, texts = await two_turns(Cast(llm=FakeLLM(["One thing. Another thing.", "An answer."]), tts=tts))
        assert [kind for kind, _, _ in told] == ["tts"]
        # The other clause has 0.6 s of its 0.84 s: "Another" (0 to 0.48), not "thing." (0.48 to 0.84).
        assert texts == ["first question", "One thing. Another", "second question", "An answer."]

    run(main())


@pytest.mark.parametrize("mode", ["raise_on_close", "hang_on_close"])
@pytest.mark.parametrize("kind", ["stt", "llm", "tts"])
def test_a_stream_that_does_not_close_is_reported(kind: str, mode: Mode) -> None:
    async def main() -> None:
        failure = Failure(mode, streams=1)
        cast = Cast(
            stt=FakeSTT(["first", "second"], failure=failure if kind == "stt" else None),
            llm=FakeLLM(["One.", "Two."], failure=failure if kind == "llm" else None),
            tts=FakeTTS(failure=failure if kind == "tts" else None),
        )
        told, texts = await two_turns(cast)
        assert [k for k, _, _ in told] == [kind]
        assert ("did not close within 0.3 s" if mode == "hang_on_close" else "while its stream was closed") in told[0][
            2
        ]
        assert texts == ["first", "One.", "second", "Two."]

    run(main())


def test_a_model_that_never_ends_is_held_back() -> None:
    """Law 8: what it sends is read as it is spoken, not faster."""

    async def main() -> None:
        cast = Cast(llm=FakeLLM(["And on, and on it goes. " * 500], token_every_s=0.0))
        async with conversation(
            cast, caller_with({"at_s": 0.5}), options=SessionOptions(clauses_waiting=4, ahead_s=1.0)
        ) as sim:
            await sim.advance(8.0)
            reply = sim.session._machine.reply
            assert reply is not None
            assert reply.backlog <= 5
            assert len(reply.text) < 100 * 24

    run(main())


class OddTTS:
    """Speaks one set piece."""

    name = "odd-tts"

    def __init__(self, speech: Speech) -> None:
        self.speech = speech
        self.open = 0

    def stream(self, text: str) -> TTSStream:
        outer = self

        class Stream:
            async def __aiter__(self) -> AsyncIterator[Speech]:
                yield outer.speech

            async def aclose(self) -> None:
                pass

        return Stream()

    async def warm_up(self) -> None:
        raise OSError("no model there")

    async def aclose(self) -> None:
        pass


ONES: Any = np.full(2400, 0.125, np.float32)


@pytest.mark.parametrize(
    ("speech", "what"),
    [
        (Speech(ONES.astype(np.float64), 24000), "float32"),
        (Speech(ONES.reshape(2, 1200), 24000), "mono"),
        (Speech(ONES * np.nan, 24000), "NaN"),
        (Speech(ONES, 0), "rate"),
        (Speech(ONES, 12345), "12345"),
    ],
)
def test_bad_audio_is_refused_and_the_session_goes_on(speech: Speech, what: str) -> None:
    async def main() -> None:
        cast = Cast(tts=OddTTS(speech))  # type: ignore[arg-type]
        async with conversation(cast, agent=Agent(greeting="Hello.")) as sim:
            await sim.advance(1.0)
            assert sim.session.state == "listening"
            assert len(sim.session.history) == 0
        warm_up, failed = sim.told(ProviderFailed)
        assert "no model there" in warm_up.what
        assert what in failed.what

    run(main())


def test_word_times_out_of_order_are_reported_and_estimated() -> None:
    async def main() -> None:
        speech = Speech(np.tile(ONES, 10), 24000, (Word(0.5, 0), Word(0.1, 6)))
        cast = Cast(tts=OddTTS(speech))  # type: ignore[arg-type]
        async with conversation(cast, agent=Agent(greeting="Hello there.")) as sim:
            await sim.advance(2.0)
            assert [m.text for m in sim.session.history] == ["Hello there."]
        assert "in proportion" in sim.told(ProviderFailed)[1].what

    run(main())


class Stubborn:
    """A model whose stream ignores cancellation until it is released."""

    name = "stubborn-llm"

    def __init__(self) -> None:
        self.release = asyncio.Event()

    def stream(self, chat: ChatContext, tools: Sequence[ToolSpec] = ()) -> LLMStream:
        release = self.release

        class Stream:
            async def __aiter__(self) -> AsyncIterator[Token]:
                while not release.is_set():
                    with contextlib.suppress(asyncio.CancelledError):
                        await release.wait()
                yield Token("too late")

            async def aclose(self) -> None:
                pass

        return Stream()

    async def warm_up(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


def test_a_provider_that_will_not_stop_is_named() -> None:
    """Nothing can be done about it; but it is not silent."""

    async def main() -> None:
        llm = Stubborn()
        settings: dict[str, Any] = {"caller": caller_with({"at_s": 0.5}), "options": QUICK}
        with pytest.warns(ResourceWarning, match="keeps running: model for reply 1"):
            async with Simulation(Agent(), stt=FakeSTT(["question"]), llm=llm, tts=FakeTTS(), **settings) as sim:
                await sim.advance(3.0)
        llm.release.set()
        await asyncio.sleep(0.01)

    run(main())


def test_a_model_that_calls_a_tool_where_there_is_none_is_told() -> None:
    """Law 11."""

    async def main() -> None:
        llm = FakeLLM([["One moment.", ToolCall("c1", "book", "{}")], "An answer."])
        told, texts = await two_turns(Cast(llm=llm))
        assert told == [("llm", "fake-llm", "called the tool 'book', but was offered none")]
        assert texts[1::2] == ["I cannot answer.", "An answer."]

    run(main())
