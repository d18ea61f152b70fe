"""How one attempt of a tool is run, wherever it runs, and what came of it as plain data.

`attempt` is the whole of it for what does not wait: it is called in the tool's own thread or process, or on the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rtaudio.voice.handoff import Handoff, handoff_of
from rtaudio.voice.task import TaskCancelled
from rtaudio.voice.tools.context import ToolContext
from rtaudio.voice.tools.definition import Tool
from rtaudio.voice.tools.errors import ToolError
from rtaudio.voice.tools.results import UnusableResult, as_text, bounded

BROKEN = "The tool failed, by a mistake of its own and not of the arguments."
UNUSABLE = "The tool ran, but its result cannot be shown."
MOST_ERROR_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Outcome:
    """`text`: for the model. `failed`: it is about a failure; `transient`: the tool says that one more attempt is worth
    it. `error`: for the programmer, where the model is not told; None where there was none, or the text says it.
    `handoff`: to whom the tool wants the talk handed over."""

    text: str
    failed: bool = False
    transient: bool = False
    error: BaseException | None = None
    handoff: Handoff | None = None


def outcome_of(tool: Tool[..., Any], get: Callable[[], Any]) -> Outcome:
    """What `get()` returned or raised. Only what ends the whole program passes through."""
    try:
        return returned(tool, get())
    except Exception as error:
        return raised(tool, error)


def returned(tool: Tool[..., Any], value: Any) -> Outcome:
    """A result, as text within the tool's bound."""
    try:
        handoff = None if tool.run == "process" else handoff_of(value)
        text = as_text(value if handoff is None else handoff.text)
        return Outcome(bounded(text, tool.policy.most_chars), handoff=handoff)
    except UnusableResult as error:
        return Outcome(UNUSABLE, failed=True, error=error)
    except Exception as error:  # a result whose own methods raise
        return Outcome(UNUSABLE, failed=True, error=error)


def raised(tool: Tool[..., Any], error: BaseException) -> Outcome:
    """A failure: a ToolError says why, so does a task that was broken off; any other only that it happened."""
    transient = isinstance(error, tool.retry_on)
    if isinstance(error, TaskCancelled):
        return Outcome(f"Not finished: {error}.", failed=True, transient=transient)
    if isinstance(error, ToolError):
        text = bounded(str(error) or "The tool could not do it.", MOST_ERROR_CHARS)
        return Outcome(text.encode("utf-8", "replace").decode(), failed=True, transient=transient)
    return Outcome(BROKEN, failed=True, transient=transient, error=error)


def attempt(tool: Tool[..., Any], arguments: Mapping[str, Any], context: ToolContext[Any] | None) -> Outcome:
    """Calls a blocking function."""
    return outcome_of(tool, lambda: tool.invoke(arguments, context))
