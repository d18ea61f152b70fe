"""What a docstring tells a model: what a tool does, what each parameter means (Google, numpy or Sphinx style)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import docstring_parser


@dataclass(frozen=True, slots=True)
class Described:
    """`parameters`: by name, those that are described."""

    text: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


def read_docstring(function: Callable[..., Any]) -> Described:
    """Of a docstring in no known style, the whole text says what the tool does."""
    text = inspect.getdoc(function) or ""
    try:
        parsed = docstring_parser.parse(text)
    except docstring_parser.ParseError:
        return Described(text)
    parts = [part.strip() for part in (parsed.short_description, parsed.long_description) if part]
    parameters = {
        entry.arg_name.lstrip("*"): " ".join(entry.description.split()) for entry in parsed.params if entry.description
    }
    return Described("\n\n".join(parts), parameters)
