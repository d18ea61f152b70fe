"""Tool calls and their results in the history: always paired, never lost, never what a model's server would refuse."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio.providers.openai_messages import messages_of
from rtaudio.voice.chat import ChatContext, ChatMessage, ToolUse
from tests.voice.message_rules import anthropic_messages, anthropic_problems, openai_problems

USE = ToolUse("c1", "add", '{"a": 1}', "2")
NAMES = st.from_regex(r"\A[A-Za-z0-9_-]{1,64}\Z")
TEXTS = st.sampled_from(["", "Hello.", "And on Sundays?"])
ARGUMENTS = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3).map(json.dumps)


def uses(ids: list[str]) -> st.SearchStrategy[tuple[ToolUse, ...]]:
    one = [st.builds(ToolUse, st.just(i), NAMES, ARGUMENTS, st.text(max_size=20), st.booleans()) for i in ids]
    return st.tuples(*one)


@st.composite
def histories(draw: st.DrawFn) -> ChatContext:
    ids = draw(st.lists(NAMES, max_size=8, unique=True))
    chat = ChatContext(draw(TEXTS))
    for _ in range(draw(st.integers(0, 10))):
        role = draw(st.sampled_from(["user", "assistant"]))
        mine = ids[: draw(st.integers(0, 3))] if role == "assistant" else []
        ids = ids[len(mine) :]
        text = draw(TEXTS)
        chat.append(
            ChatMessage(
                role,  # type: ignore[arg-type]
                text,
                interrupted=role == "assistant" and not text,
                unheard="" if role == "user" else "What nobody heard.",
                backchannel=role == "user" and draw(st.booleans()),
                tools=draw(uses(mine)),
            )
        )
    return chat


@given(histories())
def test_any_history_is_one_that_servers_take(chat: ChatContext) -> None:
    """No orphan call, no call without a result: whatever was said between, joined or cut."""
    assert openai_problems(messages_of(chat)) == []
    assert anthropic_problems(anthropic_messages(chat)) == []
    kept = [use for message in chat.spoken() for use in message.tools]
    assert kept == [use for message in chat.messages for use in message.tools]


@given(histories())
def test_a_history_with_tools_is_the_same_after_json(chat: ChatContext) -> None:
    assert ChatContext.from_dict(json.loads(json.dumps(chat.to_dict()))) == chat


def test_a_history_from_before_there_were_tools_can_be_read() -> None:
    old = {"role": "user", "text": "Hello."}
    assert ChatMessage.from_dict(old) == ChatMessage("user", "Hello.")


def test_a_cut_message_keeps_its_tools() -> None:
    """Law 9 is about words."""
    said = ChatMessage("assistant", "Let me look.", tools=(USE,))
    cut = replace(said, text="", interrupted=True, unheard="Let me look.")
    assert list(ChatContext("", [cut]).spoken()) == [cut]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": ""}, "id '' must be 1 to 64"),
        ({"id": "call 1"}, "id 'call 1' must be"),
        ({"name": "x" * 65}, "name .* must be 1 to 64"),
        ({"arguments": "[1]"}, r"c1: arguments must be a JSON object, not '\[1\]'"),
        ({"arguments": '{"a": '}, "c1: arguments must be"),
        ({"arguments": "[" * 100_000}, "c1: arguments must be"),
    ],
)
def test_what_a_server_would_refuse_is_refused_at_once(change: dict[str, Any], message: str) -> None:
    """Law 11."""
    with pytest.raises(ValueError, match=message):
        replace(USE, **change)


def test_only_the_assistant_uses_tools() -> None:
    with pytest.raises(ValueError, match="only the assistant uses tools, not user"):
        ChatMessage("user", "Hello.", tools=(USE,))


def test_an_id_is_used_once() -> None:
    message = ChatMessage("assistant", "", tools=(USE,))
    chat = ChatContext("", [message])
    with pytest.raises(ValueError, match="c1: this id is in the history already"):
        chat.append(message)
    with pytest.raises(ValueError, match="c1: this id"):
        ChatContext("", [ChatMessage("assistant", "", tools=(USE, USE))])
    chat.replace_last(replace(message, text="One moment."))
    assert chat[0].text == "One moment."


CALL: dict[str, Any] = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "2"}
ASKED = {"role": "user", "content": "Add."}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([ASKED, CALLED], "end: no result"),
        ([ASKED, CALLED, ASKED], "before the next"),
        ([ASKED, RESULT], "waits for none"),
        ([ASKED, CALLED, RESULT, RESULT], "waits for none"),
        ([{"role": "assistant", "content": ""}], "no content"),
        ([{**CALLED, "tool_calls": [CALL, CALL]}, RESULT, RESULT], "one id"),
    ],
)
def test_the_checker_for_openai_sees_what_is_wrong(messages: list[dict[str, Any]], problem: str) -> None:
    assert any(problem in found for found in openai_problems(messages))


A_CALL = {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "add", "input": {}}]}
A_RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "2"}]}
A_TEXT = {"role": "user", "content": [{"type": "text", "text": "Hi."}]}


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([A_CALL], "end: no result"),
        ([A_CALL, A_TEXT, A_RESULT], "results come first"),
        ([A_RESULT], "got"),
        ([A_CALL, A_RESULT, A_CALL, A_RESULT], "two calls with id"),
        ([{"role": "user", "content": [{"type": "text", "text": " "}]}], "empty text"),
    ],
)
def test_the_checker_for_anthropic_sees_what_is_wrong(messages: list[dict[str, Any]], problem: str) -> None:
    assert any(problem in found for found in anthropic_problems(messages))
