"""What a tool returns, as the text that the model reads: any value that JSON can carry, within a bound."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

from pydantic_core import PydanticSerializationError, to_json

from rtaudio.voice.agent import Agent
from rtaudio.voice.streams import describe


class UnusableResult(Exception):
    """What was returned cannot be told to a model; the text is for the programmer."""


def as_text(value: Any) -> str:
    """Text as it is, None as "Done.", all else as JSON (dataclasses, models, dates, enumerations too). Raises
    UnusableResult."""
    if value is None:
        return "Done."
    if isinstance(value, Agent):
        raise UnusableResult("it returned an Agent, and there is no session that could be handed over")
    if inspect.iscoroutine(value):
        value.close()
        raise UnusableResult("it returned a coroutine that nobody awaits: `await` it, in an `async def`")
    if isinstance(value, Iterator | AsyncIterator):
        raise UnusableResult(f"it returned {type(value).__name__}, which is not read out: return a list")
    if not isinstance(value, str):
        try:
            value = to_json(value, inf_nan_mode="null").decode()
        except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
            raise UnusableResult(f"its {type(value).__name__} cannot be written as JSON: {describe(error)}") from error
    return str(value).encode("utf-8", "replace").decode()  # half a character would break the request


def bounded(text: str, most_chars: int) -> str:
    """At most that much of it, with a word on what is missing."""
    if len(text) <= most_chars:
        return text
    return f"{text[:most_chars]}\n[Cut off here: {len(text) - most_chars} of {len(text)} characters are left out.]"
