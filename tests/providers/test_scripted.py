"""ScriptedLLM: says what it is, and says it at a set pace."""

from __future__ import annotations

import asyncio

import pytest

from rtaudio.providers import ScriptedLLM
from rtaudio.providers.scripted import LIBRARY, NOT_UNDERSTOOD, Answer
from rtaudio.testing import virtual_time
from rtaudio.voice.chat import ChatContext, ChatMessage
from rtaudio.voice.protocols import LLM


def chat(said: str) -> ChatContext:
    return ChatContext("", [ChatMessage("user", "goodbye"), ChatMessage("user", said)])


@pytest.mark.parametrize(
    ("said", "begins"),
    [
        ("hello when does the library open on saturday", "On Saturday, the library"),
        ("wait what about SUNDAY?", "On Sunday"),
        ("how many books can i take home", "Up to ten books"),
        ("can i borrow films as well", "Yes, films"),
        ("okay thank you goodbye", "You are welcome. Goodbye!"),
        ("where is the library", "We are at number twelve"),
        ("what are the opening hours", "Monday to Friday"),
        ("xyzzy", NOT_UNDERSTOOD),
        ("", NOT_UNDERSTOOD),
    ],
)
def test_it_answers_from_its_table(said: str, begins: str) -> None:
    assert ScriptedLLM().answer(said).startswith(begins)


def test_whole_words_count_and_all_of_them() -> None:
    llm = ScriptedLLM([Answer(["open|close", "door"], "Done.")], otherwise="No.")
    assert llm.answer("Open the door!") == "Done."
    assert llm.answer("open the window") == "No."
    assert llm.answer("doors open") == "No."


def test_it_says_plainly_what_it_is() -> None:
    assert "not a language model" in ScriptedLLM.name


def test_tokens_come_at_a_set_pace_and_make_up_the_text() -> None:
    async def run() -> tuple[list[str], list[float]]:
        llm: LLM = ScriptedLLM(first_s=0.25, token_s=0.03125)
        loop = asyncio.get_running_loop()
        began = loop.time()
        texts, times = [], []
        async for token in llm.stream(chat("sunday")):
            texts.append(token.text)
            times.append(loop.time() - began)
        return texts, times

    texts, times = virtual_time.run(run())
    assert "".join(texts) == next(row.text for row in LIBRARY if "sunday" in row.keywords)
    assert times == [0.25 + 0.03125 * k for k in range(len(texts))]


def test_closing_ends_it_at_once() -> None:
    async def run() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        stream = ScriptedLLM(first_s=10).stream(chat("sunday"))
        loop.call_later(0.5, lambda: loop.create_task(stream.aclose()))
        assert [token async for token in stream] == []
        await stream.aclose()
        return loop.time() - began

    assert virtual_time.run(run()) == 0.5


def test_waits_cannot_be_negative() -> None:
    with pytest.raises(ValueError, match="first_s = -1"):
        ScriptedLLM(first_s=-1)
