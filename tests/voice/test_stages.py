"""Stages that an agent does itself: they wrap what the providers give, and fail as providers do (laws 8, 9, 11)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
import pytest

from rtaudio.testing import Failure, FakeLLM, FakeSTT, FakeTTS, Simulation, run
from rtaudio.voice import (
    Agent,
    ChatContext,
    ChatMessage,
    ProviderFailed,
    SessionOptions,
    Speech,
    Token,
    ToolCall,
    ToolSpec,
    Transcript,
)
from rtaudio.voice.protocols import Audio
from tests.voice.conversations import Cast, caller_with, conversation

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


async def two_turns(agent: Agent, cast: Cast) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Failures told, and the history's texts, of a conversation of two turns; nothing may be left behind."""
    async with conversation(cast, caller_with(*TWO_TURNS), options=QUICK, agent=agent) as sim:
        await sim.finish(idle_s=3)
        texts = [message.text for message in sim.session.history]
    return [(e.kind, e.provider, e.what) for e in sim.told(ProviderFailed)], texts


class Wrapping(Agent):
    """Each stage wraps the provider's, and is seen to."""

    async def stt(self, audio: AsyncIterator[Audio]) -> AsyncIterator[Transcript]:
        async def softer() -> AsyncIterator[Audio]:
            async for samples in audio:
                yield samples * np.float32(0.5)

        async for heard in super().stt(softer()):
            yield Transcript(heard.text.upper(), heard.final)

    async def llm(self, chat: ChatContext, tools: Sequence[ToolSpec]) -> AsyncIterator[Token | ToolCall]:
        chat.append(ChatMessage("user", "(the sky is green)"))
        async for piece in super().llm(chat, tools):
            yield Token(piece.text.replace("blue", "green")) if isinstance(piece, Token) else piece

    async def tts(self, text: str) -> AsyncIterator[Speech]:
        async for speech in super().tts(text):
            yield Speech(speech.samples * np.float32(0.5), speech.rate, speech.words)


def test_stages_wrap_what_the_providers_give() -> None:
    async def main() -> None:
        cast = Cast(stt=FakeSTT(["what colour", "and now"]), llm=FakeLLM(["It is blue.", "Still blue."]))
        told, texts = await two_turns(Wrapping(), cast)
        assert told == []
        assert texts == ["WHAT COLOUR", "It is green.", "AND NOW", "Still green."]
        assert [message.text for message in cast.llm.asked[1]][-1] == "(the sky is green)"
        assert len(cast.llm.asked[1].messages) == 4, "what a stage adds to its chat is not in the history"
        plain = Cast(stt=FakeSTT(["what colour", "and now"]), llm=FakeLLM(["It is blue.", "Still blue."]))
        await two_turns(Agent(), plain)
        for heard, as_it_was in zip(cast.stt.heard, plain.stt.heard, strict=True):
            assert np.array_equal(heard, as_it_was * np.float32(0.5)), "every sample of the turn, in order"

    run(main())


def test_what_is_heard_of_a_reply_is_exact_behind_a_stage() -> None:
    """Law 9: a voice of other loudness, and one that is twice as slow and knows its words no more."""

    class Slow(Agent):
        async def tts(self, text: str) -> AsyncIterator[Speech]:
            async for speech in super().tts(text):
                words = [type(word)(2 * word.start_s, word.text_offset) for word in speech.words]
                yield Speech(np.repeat(speech.samples, 2), speech.rate, words)

    async def main(agent: Agent, after_s: float) -> ChatMessage:
        cast = Cast(llm=FakeLLM(["one two three four five six seven eight."]), tts=FakeTTS(words=True))
        async with conversation(cast, caller_with({"at_s": 0.1}, clip_s=0.5), agent=agent) as sim:
            await sim.until(lambda: sim.session.state == "speaking")
            await sim.advance(after_s)
            sim.session.interrupt()
            await sim.advance(0.5)
            return sim.session.history.messages[-1]

    for after_s in (0.37, 0.71, 1.13, 1.52):
        plain = run(main(Agent(), after_s))
        assert plain.interrupted
        assert run(main(Wrapping(), after_s)) == plain
        assert run(main(Slow(), 2 * after_s)).text == plain.text


# ---- Generators that fail.


class Bad(Agent):
    """One stage, in its first use, does what `way` says; later ones, and the others, are the providers'."""

    def __init__(self, stage: str, way: str) -> None:
        super().__init__()
        self.stage, self.way, self.used, self.closed = stage, way, 0, 0
        self.released = asyncio.Event()

    async def _first(self, stage: str) -> AsyncIterator[Any]:
        """What comes instead of the provider's; nothing and the end: go on with those."""
        self.used += 1
        if self.used > 1:
            return
        match self.way:
            case "raises":
                raise OSError("no such thing")
            case "raises later":
                if stage == "tts":
                    yield Speech(np.full(2400, 0.1, np.float32), 24000)
                raise OSError("no such thing")
            case "hangs":
                await asyncio.get_running_loop().create_future()
            case "a wrong type":
                yield "text"
            case "cancels itself":
                raise asyncio.CancelledError
            case "ignores cancellation":
                while not self.released.is_set():
                    with contextlib.suppress(asyncio.CancelledError):
                        await self.released.wait()

    async def _stage(self, stage: str, of_provider: AsyncIterator[Any]) -> AsyncIterator[Any]:
        try:
            if stage == self.stage:
                async for piece in self._first(stage):
                    yield piece
                if self.used == 1 and self.way == "ends early":
                    return
            async for piece in of_provider:
                yield piece
        finally:
            self.closed += 1

    def stt(self, audio: AsyncIterator[Audio]) -> AsyncIterator[Transcript]:
        return self._stage("stt", super().stt(audio))

    def llm(self, chat: ChatContext, tools: Sequence[ToolSpec]) -> AsyncIterator[Token | ToolCall]:
        return self._stage("llm", super().llm(chat, tools))

    def tts(self, text: str) -> AsyncIterator[Speech]:
        return self._stage("tts", super().tts(text))


WHAT = {
    "raises": "OSError: no such thing",
    "raises later": "OSError: no such thing",
    "a wrong type": "TypeError: yielded str 'text', not ",
    "cancels itself": "CancelledError",
    "hangs": "within 1.0 s",
    "ignores cancellation": "within 1.0 s",
}
EARLY = {"stt": "ended without a final transcript", "llm": "sent nothing", "tts": "gave no audio"}


@pytest.mark.parametrize("way", [*WHAT, "ends early"])
@pytest.mark.parametrize("stage", ["stt", "llm", "tts"])
def test_a_stage_that_fails_is_a_provider_that_fails(stage: str, way: str) -> None:
    async def main() -> None:
        agent = Bad(stage, way)
        cast = Cast(
            stt=FakeSTT(["first", "second"] if stage != "stt" else ["second"]),
            llm=FakeLLM(["One."] if stage != "llm" else ["Two."]),
        )
        if way == "ignores cancellation":
            await ignored(agent, cast)
            return
        told, texts = await two_turns(agent, cast)
        assert [(kind, name) for kind, name, _ in told] == [(stage, f"Bad.{stage}")]
        assert WHAT.get(way, EARLY[stage]) in told[0][2]
        answer = "Two." if stage == "llm" else "One."
        assert (
            texts
            == {
                "stt": ["I did not hear.", "second", answer],
                "llm": ["first", "I cannot answer.", "second", answer],
                "tts": ["first", "second", answer],
            }[stage]
        )

    async def ignored(agent: Bad, cast: Cast) -> None:
        with contextlib.ExitStack() as stack:
            stack.enter_context(pytest.warns(ResourceWarning, match=f"keeps running: Bad.{stage}"))
            before = asyncio.all_tasks()
            try:
                await two_turns(agent, cast)
            except AssertionError as error:  # its task is there still
                assert "every task" in str(error)  # noqa: PT017
            left = asyncio.all_tasks() - before
            assert [task.get_name() for task in left] == [f"Bad.{stage}"]
        agent.released.set()
        await asyncio.wait(left, timeout=1)
        assert all(task.done() for task in left)

    run(main())


def test_an_error_of_the_provider_goes_through_a_stage_and_names_it() -> None:
    async def main() -> None:
        cast = Cast(stt=FakeSTT(["a", "b"]), llm=FakeLLM(["Never.", "Yes."], failure=Failure("raise", streams=1)))
        told, texts = await two_turns(Wrapping(), cast)
        assert told == [("llm", "Wrapping.llm", "fake-llm: FakeFailure: told to raise before piece 0")]
        assert texts == ["A", "I cannot answer.", "B", "Yes."]

    run(main())


def test_a_stage_may_catch_what_a_provider_raises() -> None:
    class Again(Agent):
        async def llm(self, chat: ChatContext, tools: Sequence[ToolSpec]) -> AsyncIterator[Token | ToolCall]:
            for _ in range(2):
                with contextlib.suppress(RuntimeError):
                    async for piece in super().llm(chat, tools):
                        yield piece
                    return

    async def main() -> None:
        cast = Cast(llm=FakeLLM(["Never.", "Yes."], failure=Failure("raise", streams=1)))
        told, texts = await two_turns(Again(), cast)
        assert told == []
        assert texts[:2] == ["first question", "Yes."]

    run(main())


@pytest.mark.parametrize("mode", ["raise_on_close", "hang_on_close"])
@pytest.mark.parametrize("kind", ["stt", "llm", "tts"])
def test_a_stream_below_a_stage_that_does_not_close_is_reported(kind: str, mode: Any) -> None:
    async def main() -> None:
        failure = Failure(mode, streams=1)
        cast = Cast(
            stt=FakeSTT(["first", "second"], failure=failure if kind == "stt" else None),
            llm=FakeLLM(["One.", "Two."], failure=failure if kind == "llm" else None),
            tts=FakeTTS(failure=failure if kind == "tts" else None),
        )
        told, texts = await two_turns(Wrapping(), cast)
        assert [(k, name) for k, name, _ in told] == [(kind, f"fake-{kind}")]
        assert texts == ["FIRST", "One.", "SECOND", "Two."]

    run(main())


def test_streams_that_a_stage_left_open_are_closed_when_it_is_cut() -> None:
    class Greedy(Agent):
        """Opens two streams and reads the first pieces of both."""

        async def llm(self, chat: ChatContext, tools: Sequence[ToolSpec]) -> AsyncIterator[Token | ToolCall]:
            first, second = super().llm(chat, tools), super().llm(chat, tools)
            yield await anext(first)
            yield await anext(second)
            async for piece in first:
                yield piece

    async def main() -> None:
        cast = Cast(llm=FakeLLM(["word " * 200]))
        async with conversation(cast, caller_with({"at_s": 0.5}), agent=Greedy()) as sim:
            await sim.until(lambda: cast.llm.open == 2)
            await sim.advance(1.0)
            sim.session.interrupt()
            await sim.advance(0.1)
            assert cast.llm.open == 0
        assert cast.llm.opened == 2

    run(main())


def test_a_stage_runs_in_one_task_from_its_first_step_to_its_last() -> None:
    """Time-outs and task groups of a user's code need that."""

    class Timed(Agent):
        async def llm(self, chat: ChatContext, tools: Sequence[ToolSpec]) -> AsyncIterator[Token | ToolCall]:
            tasks = set()
            async with asyncio.timeout(60):
                async for piece in super().llm(chat, tools):
                    tasks.add(asyncio.current_task())
                    yield piece
                    tasks.add(asyncio.current_task())
            assert len(tasks) == 1

    async def main() -> None:
        told, texts = await two_turns(Timed(), Cast())
        assert told == []
        assert len(texts) == 4

    run(main())


def test_a_method_that_never_yields_is_said_to_be_none() -> None:
    class NoGenerator(Agent):
        async def llm(self, chat: ChatContext, tools: Sequence[ToolSpec]) -> Any:  # type: ignore[override]
            return [Token("Hello.")]

    async def main() -> None:
        told, _ = await two_turns(NoGenerator(), Cast())
        assert told[0] == (
            *("llm", "NoGenerator.llm"),
            "TypeError: NoGenerator.llm must be an async generator, but never yields",
        )

    run(main())


def test_a_recognition_that_does_not_read_its_audio_is_bounded() -> None:
    """Law 8."""

    class Deaf(Agent):
        async def stt(self, audio: AsyncIterator[Audio]) -> AsyncIterator[Transcript]:
            await asyncio.sleep(10_000)
            yield Transcript("never", True)

    async def main() -> None:
        options = SessionOptions(stt_final_timeout_s=None, stt_failed_text=None)
        async with conversation(Cast(), caller_with({"at_s": 0.5}, clip_s=130.0), options=options, agent=Deaf()) as sim:
            await sim.advance(125.0)
        assert ["has not read 120 s of the turn's audio" in e.what for e in sim.told(ProviderFailed)] == [True]

    run(main())


def test_outside_of_a_session_a_stage_says_where_it_belongs() -> None:
    with pytest.raises(RuntimeError, match="from within one of these methods"):
        Agent().tts("Hello.")


def test_two_sessions_may_share_an_agent() -> None:
    async def one(agent: Agent, answer: str) -> str:
        cast = Cast(llm=FakeLLM([answer]))
        providers = {"stt": cast.stt, "llm": cast.llm, "tts": cast.tts}
        async with Simulation(agent, caller=caller_with({"at_s": 0.5}), **providers) as sim:  # type: ignore[arg-type]
            await sim.finish()
            return sim.session.history.messages[-1].text

    async def main() -> list[str]:
        agent = Wrapping()
        return await asyncio.gather(*(one(agent, word) for word in ("One.", "Two.")))

    assert run(main()) == ["One.", "Two."]
