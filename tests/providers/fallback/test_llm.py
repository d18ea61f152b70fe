"""FallbackLLM: the next model answers where one fails, whatever the failure is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from rtaudio.providers import FallbackLLM, HealthChange, HealthPolicy, HealthState
from rtaudio.providers.fallback.llm import GO_ON
from rtaudio.testing import Failure, FakeLLM, run
from rtaudio.testing.failures import Mode
from rtaudio.voice.chat import ChatContext, ChatMessage, ToolUse
from rtaudio.voice.protocols import ProviderError, Token, ToolCall, ToolSpec
from rtaudio.voice.troubles import listening

CHAT = ChatContext("Be brief.", [ChatMessage("user", "Hello?")])
TOOL = ToolSpec("look", "Looks.", {"type": "object"})


def fakes(*failures: Failure | None, text: str = "from") -> list[FakeLLM]:
    models = []
    for at, failure in enumerate(failures, 1):
        model = FakeLLM([f"{text} {at}, and more."], failure=failure)
        model.name = f"model-{at}"
        models.append(model)
    return models


async def reply(llm: FallbackLLM, chat: ChatContext = CHAT, tools: tuple[ToolSpec, ...] = ()) -> list[Any]:
    stream = llm.stream(chat, tools)
    try:
        return [piece async for piece in stream]
    finally:
        await stream.aclose()


def text_of(pieces: list[Any]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Token))


def on_virtual_time(models: list[FakeLLM], work: Callable[[], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        before = asyncio.all_tasks()
        try:
            return await work()
        finally:
            assert asyncio.all_tasks() == before, "nothing is left behind"
            assert [model.open for model in models] == [0] * len(models), "every stream is closed"

    return run(main())


@pytest.mark.parametrize("mode", ["raise_at_open", "raise", "hang", "nothing"])
def test_a_model_that_fails_before_anything_came_is_left_for_the_next(mode: Mode) -> None:
    models = fakes(Failure(mode), None)
    changes: list[HealthChange] = []
    told: list[tuple[str, str]] = []
    llm = FallbackLLM(models, first_s=1.0, on_change=changes.append)

    async def work() -> tuple[str, float]:
        began = asyncio.get_running_loop().time()
        with listening(lambda kind, name, what: told.append((name, what))):
            text = text_of(await reply(llm))
        assert [(one.provider, one.state, one.failures) for one in llm.health] == [
            ("model-1", HealthState.DOWN, 1),
            ("model-2", HealthState.HEALTHY, 0),
        ]
        return text, asyncio.get_running_loop().time() - began

    text, took_s = on_virtual_time(models, work)
    assert text == "from 2, and more."
    assert [(change.provider, change.before, change.after) for change in changes] == [
        ("model-1", HealthState.HEALTHY, HealthState.DOWN)
    ]
    assert changes[0].what == told[0][1]
    assert [name for name, _ in told] == ["model-1"]
    waited_s = {"raise_at_open": 0.0, "raise": 0.2, "hang": 1.0, "nothing": 0.2}[mode]
    assert took_s == pytest.approx(waited_s + 0.2 + 3 * 0.02)


def test_a_model_that_is_down_is_passed_over_tried_again_and_comes_back() -> None:
    models = fakes(Failure("hang", streams=2), None)
    llm = FallbackLLM(models, first_s=1.0, health=HealthPolicy(pause_s=5.0))

    async def work() -> list[tuple[str, float]]:
        loop, replies = asyncio.get_running_loop(), []
        for wait_s in (0.0, 0.0, 5.0, 5.0, 5.0, 0.0):
            await asyncio.sleep(wait_s)
            began = loop.time()
            text = text_of(await reply(llm))
            replies.append((text[:6], round(loop.time() - began, 3)))
        return replies

    assert on_virtual_time(models, work) == [
        ("from 2", 1.26),  # left after 1 s
        ("from 2", 0.26),  # passed over
        ("from 2", 1.26),  # tried again after 5 s: fails, and the pause is 10 s now
        ("from 2", 0.26),  # passed over
        ("from 1", 0.26),  # tried again, and well
        ("from 1", 0.26),
    ]


def test_of_two_streams_one_tries_the_model_that_was_down() -> None:
    models = fakes(Failure("raise", streams=1), None)
    llm = FallbackLLM(models, health=HealthPolicy(pause_s=1.0))

    async def work() -> list[str]:
        await reply(llm)
        await asyncio.sleep(2.0)
        return [text_of(pieces)[:6] for pieces in await asyncio.gather(reply(llm), reply(llm))]

    assert on_virtual_time(models, work) == ["from 1", "from 2"]


def test_models_that_are_all_down_are_tried_all_the_same() -> None:
    models = fakes(Failure("raise", streams=1), Failure("raise", streams=1))
    llm = FallbackLLM(models)

    async def work() -> str:
        with pytest.raises(ProviderError) as raised:
            await reply(llm)
        assert str(raised.value) == (
            "llm model-1 or model-2: model-1: FakeFailure: told to raise before piece 0; "
            "model-2: FakeFailure: told to raise before piece 0"
        )
        return text_of(await reply(llm))

    assert on_virtual_time(models, work) == "from 1, and more."


@pytest.mark.parametrize("mode", ["raise", "hang"])
def test_after_words_were_given_the_reply_ends_as_with_one_model(mode: Mode) -> None:
    models = fakes(Failure(mode, after=2), None)
    llm = FallbackLLM(models, next_s=1.0)

    async def work() -> list[str]:
        stream = llm.stream(CHAT)
        texts = [text_of([await anext(stream)]) for _ in range(2)]
        with pytest.raises(ProviderError, match="model-1: "):
            await anext(stream)
        await stream.aclose()
        return texts

    assert on_virtual_time(models, work) == ["from", " 1,"]
    assert models[1].opened == 0


@pytest.mark.parametrize("mode", ["raise", "hang"])
def test_asked_to_go_on_the_next_model_gets_what_was_said_and_the_text_is_joined_at_a_word(mode: Mode) -> None:
    models = fakes(Failure(mode, after=3), None)
    models[1].replies = [" more to say."]
    llm = FallbackLLM(models, next_s=1.0, go_on=True)
    assert text_of(on_virtual_time(models, lambda: reply(llm))) == "from 1, more to say."
    chat = models[1].asked[0]
    assert chat.messages == (*CHAT.messages, ChatMessage("assistant", "from 1,"))
    assert chat.instructions == f"Be brief.\n\n{GO_ON}"
    assert CHAT.instructions == "Be brief.", "the session's own conversation is untouched"


def test_asked_to_go_on_before_a_whole_word_was_given_it_begins_anew() -> None:
    models = fakes(Failure("raise", after=1), None)
    llm = FallbackLLM(models, go_on=True)
    assert text_of(on_virtual_time(models, lambda: reply(llm))) == "from 2, and more."
    assert models[1].asked == [CHAT]


def test_nothing_is_lost_by_going_on_where_nothing_fails() -> None:
    models = fakes(None, None)
    models[0].replies = [["  Two  spaces,\nand", " ", ToolCall("c", "look", "{}")]]
    pieces = on_virtual_time(models, lambda: reply(FallbackLLM(models, go_on=True), tools=(TOOL,)))
    assert text_of(pieces) == "  Two  spaces,\nand "
    assert pieces[-1] == ToolCall("c", "look", "{}")


def test_after_a_tool_call_nobody_goes_on() -> None:
    """The next model would call it again."""
    models = fakes(Failure("raise", after=2), None)
    models[0].replies = [["Wait", ToolCall("c", "look", "{}"), "there is more"]]

    async def work() -> None:
        with pytest.raises(ProviderError, match="model-1"):
            await reply(FallbackLLM(models, go_on=True), tools=(TOOL,))

    on_virtual_time(models, work)
    assert models[1].opened == 0


def test_where_every_model_has_nothing_to_say_the_reader_judges_that() -> None:
    models = fakes(Failure("nothing"), Failure("nothing"))
    llm = FallbackLLM(models)

    async def work() -> list[Any]:
        pieces = await reply(llm)
        assert {one.state for one in llm.health} == {HealthState.HEALTHY}
        return pieces

    assert on_virtual_time(models, work) == []


def test_silence_is_an_answer_to_results_of_tools() -> None:
    use = ToolUse("c", "look", "{}", "nothing there")
    chat = ChatContext("", [ChatMessage("user", "Look."), ChatMessage("assistant", "", tools=(use,))])
    models = fakes(Failure("nothing"), None)
    assert on_virtual_time(models, lambda: reply(FallbackLLM(models), chat)) == []
    assert models[1].opened == 0


@pytest.mark.parametrize("mode", ["raise_on_close", "hang_on_close"])
def test_nobody_waits_for_a_stream_that_does_not_close(mode: Mode) -> None:
    models = fakes(Failure(mode), None)
    models[0].replies = [[]]
    told: list[tuple[str, str]] = []
    llm = FallbackLLM(models, close_s=0.5)

    async def work() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        with listening(lambda kind, name, what: told.append((name, what))):
            stream = llm.stream(CHAT)
            first_piece = await anext(aiter(stream))
            at_s = loop.time() - began
            assert first_piece == Token("from")
            await stream.aclose()
        return at_s

    assert on_virtual_time(models, work) == pytest.approx(0.2)
    assert {name for name, _ in told} == {"model-1"}
    assert sorted("close" in what for _, what in told) == [False, True]


def test_a_stream_that_is_closed_while_it_is_read_ends_and_says_nothing_of_health() -> None:
    models = fakes(Failure("raise", streams=1), Failure("raise", streams=1))
    llm = FallbackLLM(models, health=HealthPolicy(pause_s=1.0))

    async def work() -> None:
        with pytest.raises(ProviderError):
            await reply(llm)
        await asyncio.sleep(2.0)
        stream = llm.stream(CHAT)
        reading = asyncio.create_task(anext(stream, None))  # type: ignore[arg-type]
        await asyncio.sleep(0.1)
        assert llm.health[0].state is HealthState.PROBING
        await stream.aclose()
        await stream.aclose()
        assert llm.health[0].state is HealthState.DOWN
        assert await reading is None

    on_virtual_time(models, work)


def test_all_are_warmed_up_and_closed_and_errors_name_them() -> None:
    class Cold(FakeLLM):
        closed = False

        async def warm_up(self) -> None:
            raise ConnectionError("no route")

        async def aclose(self) -> None:
            self.closed = True
            raise ConnectionError("gone")

    async def main() -> None:
        cold, well = Cold(["x"]), FakeLLM(["y"])
        llm = FallbackLLM([cold, well])
        assert llm.name == "fake-llm #1 or fake-llm #2"
        await llm.warm_up()
        assert well.warm
        assert llm.health[0].state is HealthState.DOWN
        with pytest.raises(ProviderError, match=r"fake-llm #1: ConnectionError: gone"):
            await llm.aclose()
        assert cold.closed
        with pytest.raises(ProviderError, match=r"fake-llm #1: .*no route; fake-llm #2: .*no route"):
            await FallbackLLM([Cold(["x"]), Cold(["y"])]).warm_up()

    run(main())


def test_none_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        FallbackLLM([])
