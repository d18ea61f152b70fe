"""The tools that a model may call at one moment: put together once, never changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rtaudio.voice.protocols import ToolSpec
from rtaudio.voice.tools.definition import Tool
from rtaudio.voice.tools.errors import ToolDefinitionError

MOST: Final = 128
"""As many as OpenAI takes."""


class Toolset:
    """Of functions made tools, and of objects with methods that are: `Toolset(weather, Bookings(database))`.

    Raises ToolDefinitionError: two of one name, more than 128, or something that holds no tool.
    """

    def __init__(self, *sources: object) -> None:
        self._tools: dict[str, Tool[..., Any]] = {}
        for source in sources:
            for tool in _tools_of(source):
                if (other := self._tools.setdefault(tool.name, tool)) is not tool:
                    raise ToolDefinitionError(f"two tools are named {tool.name!r}: {other.where} and {tool.where}")
        if len(self._tools) > MOST:
            raise ToolDefinitionError(f"{len(self._tools)} tools; model servers take at most {MOST}")

    def find(self, name: str) -> Tool[..., Any] | None:
        return self._tools.get(name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._tools)

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """What `LLM.stream` is given."""
        return tuple(tool.spec for tool in self)

    def __iter__(self) -> Iterator[Tool[..., Any]]:
        return iter(self._tools.values())

    def __len__(self) -> int:
        return len(self._tools)


def _tools_of(source: object) -> list[Tool[..., Any]]:
    if isinstance(source, Toolset):
        return list(source)
    if isinstance(source, Tool):
        if source.needs_object:
            raise ToolDefinitionError(f"{source.where}: it is a method; give the object it belongs to")
        return [source]
    found: dict[str, Tool[..., Any]] = {}
    for kind in reversed(type(source).__mro__):
        for attribute in vars(kind):
            value = getattr(source, attribute) if isinstance(_unwrapped(vars(kind)[attribute]), Tool) else None
            if isinstance(value, Tool):
                found[attribute] = value
            else:
                found.pop(attribute, None)  # overridden by what is no tool
    if not found and isinstance(source, type):
        raise ToolDefinitionError(f"{source.__name__} is a class: give an object, {source.__name__}()")
    if not found:
        raise ToolDefinitionError(f"{source!r} holds no tool: put @tool above the function, or above methods")
    return list(found.values())


def _unwrapped(value: object) -> object:
    return value.__func__ if isinstance(value, staticmethod | classmethod) else value
