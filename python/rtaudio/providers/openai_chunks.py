"""The chunks of an OpenAI-compatible chat stream, sans IO: the data of events in, tokens and tool calls out.

Of a chunk, choices[0].delta is read: its `content`, and its `tool_calls`, which come in fragments by index (the first
has id and name, all have pieces of the arguments). A call is given when the server says that the reply is complete:
only then is it known to be whole. Some servers send every call with index 0, each with an id of its own; those are
kept apart. `usage` is read where it comes, mostly in a chunk of its own at the end. What else servers put there (roles,
reasoning) is passed over.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

from rtaudio.voice.protocols import Token, ToolCall, Usage

MAX_CALLS: Final = 64
MAX_ARGUMENTS: Final = 1 << 18
"""Characters of all the arguments of a reply."""


class ReportedError(Exception):
    """The server reported an error within its stream; the text is what it said, as JSON."""


@dataclass(slots=True)
class _Fragments:
    index: int
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class ChunkReader:
    """One reply. `finished`: the server said that it is complete."""

    def __init__(self) -> None:
        self.finished = False
        self._calls: list[_Fragments] = []
        self._length = 0

    def feed(self, data: str) -> list[Token | ToolCall | Usage]:
        """What the data of one event brings. Raises ReportedError, and ValueError for a chunk that is none."""
        if data.strip() == "[DONE]":
            return self.finish()
        try:
            chunk = json.loads(data)
            if chunk.get("error"):
                raise ReportedError(json.dumps(chunk["error"]))
            used = _usage(chunk.get("usage"))
            choices = chunk.get("choices") or []
            if not choices:
                return used
            delta = choices[0].get("delta") or {}
            text = delta.get("content") or ""
            if not isinstance(text, str):
                raise TypeError(f"content is {type(text).__name__}")
            for fragment in delta.get("tool_calls") or ():
                self._take(fragment)
            came = [*used, *([Token(text)] if text else [])]
            return came + self.finish() if choices[0].get("finish_reason") is not None else came
        except (AttributeError, LookupError, TypeError, RecursionError) as cause:
            raise ValueError(str(cause) or type(cause).__name__) from cause

    def finish(self) -> list[Token | ToolCall | Usage]:
        """The reply is complete: its calls, once."""
        self.finished = True
        calls, self._calls = self._calls, []
        for call in calls:
            if not call.name:
                raise ValueError("a tool call without a name")
        return [ToolCall(call.id, call.name, "".join(call.arguments)) for call in calls]

    def _take(self, fragment: dict[str, Any]) -> None:
        index, call_id = fragment.get("index") or 0, fragment.get("id") or ""
        function = fragment.get("function") or {}
        name, arguments = function.get("name") or "", function.get("arguments")
        if arguments is None:
            arguments = ""
        elif isinstance(arguments, dict):  # not what the protocol says, and unmistakable
            arguments = json.dumps(arguments)
        for what, value in (("id", call_id), ("name", name), ("arguments", arguments)):
            if not isinstance(value, str):
                raise TypeError(f"the {what} of a tool call is {type(value).__name__}")
        call = next((known for known in reversed(self._calls) if known.index == index), None)
        if call is None or (call_id and name and call.id and call_id != call.id):
            if len(self._calls) == MAX_CALLS:
                raise ValueError(f"more than {MAX_CALLS} tool calls in one reply")
            call = _Fragments(index)
            self._calls.append(call)
        call.id, call.name = call.id or call_id, call.name or name
        call.arguments.append(arguments)
        self._length += len(arguments)
        if self._length > MAX_ARGUMENTS:
            raise ValueError(f"tool calls with more than {MAX_ARGUMENTS} characters of arguments")


def _usage(told: Any) -> list[Token | ToolCall | Usage]:
    """What was used, if the chunk says so; counts that are none are passed over: no reply fails for its bill."""
    if not isinstance(told, dict):
        return []
    details = told.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    counts = (told.get("prompt_tokens"), told.get("completion_tokens"), cached)
    prompt, completion, cached = (count if isinstance(count, int) and count >= 0 else 0 for count in counts)
    return [Usage(prompt, completion, cached)]
