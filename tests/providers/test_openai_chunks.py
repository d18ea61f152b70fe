"""Chunks of a chat stream, whatever a server puts there: tokens and whole calls, or an error."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rtaudio.providers.openai_chunks import ChunkReader, ReportedError
from rtaudio.voice.protocols import Token, ToolCall

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A dict with any of these, each as it should be or not at all so."""
    return st.fixed_dictionaries({}, optional={name: right | JUNK for name, right in fields.items()})


FUNCTION = some(name=st.sampled_from(["add", "book"]), arguments=st.text(max_size=8))
CALL = some(index=st.integers(-1, 3), id=st.sampled_from(["a", "b", ""]), function=FUNCTION)
DELTA = some(content=st.text(max_size=5), tool_calls=st.lists(CALL, max_size=3))
CHOICE = some(delta=DELTA, finish_reason=st.sampled_from(["stop", None]))
CHUNK = some(choices=st.lists(CHOICE, max_size=2), error=st.none())
DATA = (CHUNK | JUNK).map(json.dumps) | st.text(max_size=10) | st.just("[DONE]")


@given(st.lists(DATA, max_size=8))
def test_any_chunks_give_tokens_and_calls_or_an_error(chunks: list[str]) -> None:
    """Law 11."""
    reader = ChunkReader()
    with contextlib.suppress(ReportedError, ValueError):
        for data in chunks:
            for piece in reader.feed(data):
                assert isinstance(piece, Token | ToolCall)
                values = [piece.text] if isinstance(piece, Token) else [piece.id, piece.name, piece.arguments]
                assert all(isinstance(value, str) for value in values)
                assert piece.text if isinstance(piece, Token) else piece.name


@given(st.lists(st.text(max_size=4), min_size=1, max_size=4), st.data())
def test_fragments_of_calls_are_put_together_however_they_are_cut(texts: list[str], data: st.DataObject) -> None:
    """Law 6, of text."""
    waiting = {index: list(text) for index, text in enumerate(texts)}
    reader, came = ChunkReader(), list[Token | ToolCall]()

    def send(fragment: dict[str, Any]) -> None:
        came.extend(reader.feed(json.dumps({"choices": [{"delta": {"tool_calls": [fragment]}}]})))

    for index in waiting:
        send({"index": index, "id": f"c{index}", "function": {"name": "add", "arguments": ""}})
    while left := [index for index, text in waiting.items() if text]:
        index = data.draw(st.sampled_from(left))
        cut = data.draw(st.integers(1, len(waiting[index])))
        send({"index": index, "function": {"arguments": "".join(waiting[index][:cut])}})
        del waiting[index][:cut]
    assert came == []
    assert reader.feed("[DONE]") == [ToolCall(f"c{index}", "add", text) for index, text in enumerate(texts)]
