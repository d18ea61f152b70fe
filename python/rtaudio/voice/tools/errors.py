"""What can be wrong with a tool, by whose mistake it is."""

from __future__ import annotations


class ToolDefinitionError(TypeError):
    """The programmer's: a tool that cannot be described to a model, or not be run as asked. Raised when it is defined,
    or when tools are put together."""


class ArgumentError(ValueError):
    """The model's: arguments that do not fit. The text is for the model: what, where, what is expected."""


class ToolError(Exception):
    """For a tool to raise: it could not do what was asked, and the text tells the model why ("no table free on that
    day; the next is on the 4th"). Of any other exception the model only hears that the tool failed: its text may hold
    what is not for others."""
