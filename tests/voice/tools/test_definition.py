"""What a model is told of a function, and what is wrong with one: found when it is defined."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from rtaudio.voice.tools import ToolContext, ToolDefinitionError, Toolset, tool

if TYPE_CHECKING:
    from decimal import Decimal


class Mood(Enum):
    CALM = "calm"
    LOUD = "loud"


@dataclass
class Place:
    street: str
    number: int = 1
    floor: int | None = None


class Options(TypedDict, total=False):
    loud: bool


class Guest(BaseModel):
    name: str = Field(min_length=2, description="As on the card.")
    age: int | None = None


def schema_of(annotation: Any, default: Any = ...) -> dict[str, Any]:
    """Of one parameter of that type."""

    def it(value: Any) -> str:
        """It."""
        return ""

    it.__annotations__["value"] = annotation
    if default is not ...:
        it.__defaults__ = (default,)
    made = tool(strict=False)(it)
    found: dict[str, Any] = dict(made.spec.parameters["properties"]["value"])
    return found


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (str, {"type": "string"}),
        (bool, {"type": "boolean"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (date, {"type": "string", "format": "date"}),
        (Literal["x", "y"], {"type": "string", "enum": ["x", "y"]}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (Annotated[int, "How many."], {"type": "integer", "description": "How many."}),
        (Annotated[int, Field(ge=1, le=9)], {"type": "integer", "minimum": 1, "maximum": 9}),
        (Mood, {"$ref": "#/$defs/Mood"}),
        (Place, {"$ref": "#/$defs/Place"}),
        (Guest, {"$ref": "#/$defs/Guest"}),
        (Options, {"$ref": "#/$defs/Options"}),
    ],
    ids=str,
)
def test_a_type_says_what_to_give(annotation: Any, schema: dict[str, Any]) -> None:
    assert schema_of(annotation) == schema


def test_a_default_is_told_and_makes_it_optional() -> None:
    assert schema_of(Mood, Mood.CALM) == {"$ref": "#/$defs/Mood", "default": "calm"}

    @tool(strict=False)
    def it(one: str, other: int = 5) -> str:
        """It."""
        return ""

    assert it.spec.parameters["required"] == ["one"]
    assert it.spec.parameters["additionalProperties"] is False


GOOGLE = """Books a table.

Only for today.

Args:
    guests: How many
        people come.
    name: In whose name.

Returns:
    A number.
"""
NUMPY = """Books a table.

Only for today.

Parameters
----------
guests : int
    How many
    people come.
name : str
    In whose name.
"""
SPHINX = """Books a table.

Only for today.

:param guests: How many
    people come.
:param name: In whose name.
:returns: A number.
"""


@pytest.mark.parametrize("doc", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_docstrings_of_all_styles_describe_tool_and_parameters(doc: str) -> None:
    def book(guests: int, name: Annotated[str, "The name."]) -> str:
        return ""

    book.__doc__ = doc
    spec = tool(book).spec
    assert spec.description == "Books a table.\n\nOnly for today."
    assert spec.parameters["properties"]["guests"]["description"] == "How many people come."
    assert spec.parameters["properties"]["name"]["description"] == "The name.", "what stands nearer counts"


def test_a_tool_is_still_the_function() -> None:
    @tool(name="plus", description="Adds.")
    def add(a: int, b: int = 1) -> int:
        return a + b

    assert add(2) == 3
    assert (add.name, add.spec.description, add.function.__name__) == ("plus", "Adds.", "add")


def test_the_context_is_not_the_model_s_business() -> None:
    @tool
    def it(context: ToolContext[Place], word: str) -> str:
        """It.

        Args:
            context: Not told.
            word: Told.
        """
        return context.data.street + word

    assert list(it.spec.parameters["properties"]) == ["word"]


class Shop:
    """Two methods that are tools, and one that is none."""

    def __init__(self, goods: str) -> None:
        self.goods = goods

    @tool
    def look(self, word: str) -> str:
        """Looks."""
        return f"{self.goods} {word}"

    @tool
    async def buy(self) -> str:
        """Buys."""
        return self.goods

    @staticmethod
    @tool
    def hours() -> str:
        """Tells the hours."""
        return "nine to five"

    def close(self) -> None:
        """No tool."""


def test_methods_are_tools_of_their_object() -> None:
    tools = Toolset(Shop("tea"))
    assert tools.names == ("look", "buy", "hours")
    look = tools.find("look")
    assert look is not None
    assert look.invoke(look.check('{"word": "green"}'), None) == "tea green"
    assert Shop("milk").look("cold") == "milk cold"
    assert list(look.spec.parameters["properties"]) == ["word"]
    with pytest.raises(ToolDefinitionError, match="it is a method; give the object it belongs to"):
        Toolset(Shop.look)


def test_a_method_that_is_overridden_by_none_is_no_tool() -> None:
    class Quiet(Shop):
        def buy(self) -> str:  # type: ignore[override]
            return ""

    assert Toolset(Quiet("tea")).names == ("look", "hours")


@tool
def twice(word: str) -> str:
    """One of two."""
    return word


def test_two_of_one_name_are_refused_and_named() -> None:
    other = tool(name="twice", description="The other.")(lambda: "")
    with pytest.raises(ToolDefinitionError, match=r"two tools are named 'twice': tool twice .*tool .*<lambda>"):
        Toolset(twice, other)
    assert Toolset(twice, Toolset(twice)).names == ("twice",), "the same one is no second"
    with pytest.raises((ToolDefinitionError, RuntimeError)) as raised:  # RuntimeError: Python 3.11 wraps it

        class Both:
            @tool(name="same")
            def one(self) -> str:
                """One."""
                return ""

            @tool(name="same")
            def two(self) -> str:
                """Two."""
                return ""

    assert "named 'same' as well" in str(raised.value.__cause__ or raised.value)


def test_what_holds_no_tool_and_too_many_are_refused() -> None:
    with pytest.raises(ToolDefinitionError, match="holds no tool: put @tool above"):
        Toolset(print)
    many = [tool(name=f"t{k}", description="One of many.")(lambda: "") for k in range(129)]
    with pytest.raises(ToolDefinitionError, match="129 tools; model servers take at most 128"):
        Toolset(*many)


# ---- Mistakes.


def no_annotation(word):  # type: ignore[no-untyped-def]
    """It."""


def star(*words: str) -> None:
    """It."""


def stars(**words: str) -> None:
    """It."""


def positional(word: str, /) -> None:
    """It."""


def undescribed(word: str) -> None:
    pass


def described_wrongly(word: str) -> None:
    """It.

    Args:
        ward: Misspelt.
    """


def a_callable(word: Callable[[], None]) -> None:
    """It."""


def a_class(word: contextlib.ExitStack) -> None:
    """It."""


def typing_only(word: Decimal) -> None:
    """It."""


def wrong_default(word: int = "one") -> None:  # type: ignore[assignment]
    """It."""


def two_contexts(one: ToolContext, two: ToolContext) -> None:
    """It."""


def yields() -> Iterator[str]:
    """It."""
    yield ""


async def yields_too() -> AsyncIterator[str]:
    """It."""
    yield ""


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_annotation, r"`word` has no annotation, .*`word: str`"),
        (star, r"a model cannot give `\*words: 'str'`"),
        (stars, r"a model cannot give `\*\*words"),
        (positional, "`word` is positional-only"),
        (undescribed, "write a docstring"),
        (described_wrongly, r"its docstring describes \['ward'\], which it does not take; it takes \['word'\]"),
        (a_callable, "a model cannot be told of `word: .*Callable"),
        (a_class, "a model cannot be told of `word: ExitStack`: .*use types that JSON can carry"),
        (typing_only, "annotation of `word`, 'Decimal', means nothing at run time .*outside `if TYPE_CHECKING`"),
        (wrong_default, "the default of `word`, 'one', does not fit its type int"),
        (two_contexts, "both `one` and `two` are a ToolContext"),
        (yields, "it yields; a tool returns one result"),
        (yields_too, "it yields"),
        (staticmethod(undescribed), "write @staticmethod above @tool"),
        (twice, "it is a tool already"),
        (Place, "is no function"),
        (7, "is no function"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_mistake_is_told_at_import_with_its_place(function: Any, message: str) -> None:
    """Law 11."""
    with pytest.raises(ToolDefinitionError, match=message) as raised:
        tool(function)
    if hasattr(function, "__code__"):
        assert f"test_definition.py:{function.__code__.co_firstlineno}" in str(raised.value)


async def fine_async() -> None:
    """It."""


def fine() -> None:
    """It."""


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        (fine, {"name": "two words"}, "name 'two words'; model servers take 1 to 64"),
        (fine, {"timeout_s": 0}, r"timeout_s = 0; it must be positive"),
        (fine, {"timeout_s": float("inf")}, "it must be positive and finite"),
        (fine, {"detach_after_s": 60}, "detach_after_s = 60 is no less than timeout_s"),
        (fine, {"at_once": 0}, "at_once = 0; it must be at least 1"),
        (fine, {"most_chars": 5}, "most_chars = 5"),
        (fine, {"on_interruption": "stop"}, "on_interruption = 'stop'; it is one of"),
        (fine, {"duplicates": "never"}, "duplicates = 'never'; it is one of"),
        (fine, {"retries": 2}, "retries and retry_on go together"),
        (fine, {"retry_on": OSError}, "retries and retry_on go together"),
        (fine, {"retries": 1, "retry_on": 7}, "retry_on = 7 is no exception class"),
        (fine, {"run": "fork"}, "run = 'fork'; it is one of"),
        (fine_async, {"run": "thread"}, "an async function runs on the event loop"),
        (lambda: "", {"run": "process", "description": "It."}, "another process must be able to import it"),
        (two_contexts, {"schema": {"type": "object"}}, "are a ToolContext"),
        (fine, {"schema": {"type": "object"}}, "it takes one dict of arguments"),
    ],
)
def test_an_option_that_makes_no_sense_is_told(function: Any, options: dict[str, Any], message: str) -> None:
    """Law 11."""
    with pytest.raises(ToolDefinitionError, match=message):
        tool(**options)(function)


def test_a_process_has_no_context() -> None:
    with pytest.raises(ToolDefinitionError, match="a ToolContext does not reach into another process"):
        tool(run="process")(with_context)


def with_context(context: ToolContext) -> None:
    """It."""
