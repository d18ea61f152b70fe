"""Arguments of a call: checked, converted, and sent back with what is wrong, where, and what is expected (law 11)."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from rtaudio.voice.tools import ToolDefinitionError, tool
from rtaudio.voice.tools.errors import ArgumentError
from rtaudio.voice.tools.schemas import parts


class Room(Enum):
    SMALL = "small"
    LARGE = "large"


@dataclass
class Wish:
    what: str
    count: int = 1
    note: str | None = None


class Person(BaseModel):
    name: Annotated[str, Field(min_length=2)]
    born: date | None = None


@tool
def book(
    day: date,
    guests: Annotated[int, Field(ge=1, le=20)],
    room: Room = Room.SMALL,
    wishes: list[Wish] = [],  # noqa: B006
    person: Person | None = None,
    place: tuple[float, float] = (0.0, 0.0),
    how: Literal["inside", "outside"] = "inside",
    table: int | str = 1,
) -> str:
    """Books a table."""
    return ""


def check(**given: Any) -> dict[str, Any]:
    return book.check(json.dumps(given))


def test_values_come_as_the_types_say() -> None:
    given = {"day": "2026-02-03", "guests": "4", "room": "large", "place": [1, 2.5], "table": "by the window"}
    assert check(**given, wishes=[{"what": "cake", "count": "2"}], person={"name": "Ann", "born": "1990-01-01"}) == {
        "day": date(2026, 2, 3),
        "guests": 4,
        "room": Room.LARGE,
        "place": (1.0, 2.5),
        "table": "by the window",
        "wishes": [Wish("cake", 2)],
        "person": Person(name="Ann", born=date(1990, 1, 1)),
    }


def test_a_null_for_what_is_optional_is_as_if_it_were_not_given() -> None:
    """At any depth; where null is a value, it stays one."""
    given = {"day": "2026-02-03", "guests": 4, "room": None, "table": None, "person": None}
    assert check(**given, wishes=[{"what": "cake", "count": None, "note": None}]) == {
        "day": date(2026, 2, 3),
        "guests": 4,
        "person": None,
        "wishes": [Wish("cake", 1, None)],
    }
    with pytest.raises(ArgumentError, match=r"- day: .*not null"):
        check(day=None, guests=1)


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ({"guests": 2}, ["day: missing; a string (date) is expected"]),
        ({"day": "soon", "guests": 0}, ["day: Input should be a valid date", "guests: Input should be greater than"]),
        (
            {"day": "2026-01-01", "guests": 2, "room": "huge"},
            ["room: Input should be 'small' or 'large', not \"huge\""],
        ),
        (
            {"day": "2026-01-01", "guests": 2, "gests": 3},
            ["gests: there is no such argument; those there are: day, guests, room"],
        ),
        ({"day": "2026-01-01", "guests": 2, "wishes": [{"count": 1}]}, ["wishes.0.what: missing"]),
        ({"day": "2026-01-01", "guests": 2, "person": {"name": "A"}}, ["person.name: String should have at least 2"]),
        ({"day": "2026-01-01", "guests": 1e999}, ["guests: "]),
    ],
)
def test_every_mistake_is_named_with_its_place(given: dict[str, Any], lines: list[str]) -> None:
    with pytest.raises(ArgumentError) as raised:
        check(**given)
    told = str(raised.value)
    assert told.startswith("The arguments do not fit:\n- ")
    for line in lines:
        assert f"- {line}" in told


def test_mistakes_are_bounded_and_so_is_what_they_quote() -> None:
    """Law 8."""
    wishes = [{"count": "x" * 1000} for _ in range(100)]
    with pytest.raises(ArgumentError) as raised:
        check(day="x" * 10_000, guests=1, wishes=wishes)
    told = str(raised.value)
    assert len(told) < 3000
    assert "- and 191 more" in told


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"day": "2026', "not valid JSON: Unterminated string .* at character 8, near .*one complete JSON object"),
        ("book it", "not valid JSON: Expecting value at character 0"),
        ('["2026-01-01"]', r"must be a JSON object, not \[\"2026-01-01\"\]"),
        ("null", "must be a JSON object, not null"),
        ("[" * 100_000, "not usable JSON"),
        ('{"guests": ' + "9" * 5000 + "}", "not usable JSON"),
        ('{"a": "' + "x" * (1 << 18) + '"}', "characters; at most 262144 are taken"),
    ],
)
def test_broken_text_is_told_as_such(text: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        book.check(text)


@given(st.text(max_size=60) | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: (
    st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["day", "guests", "wishes", "what", "x"]), inner)
)).map(json.dumps))  # fmt: skip
def test_whatever_a_model_sends_fits_or_is_an_argument_error(text: str) -> None:
    with contextlib.suppress(ArgumentError):
        assert isinstance(book.check(text), dict)


def test_no_text_is_no_arguments() -> None:
    @tool
    def hours() -> str:
        """Tells the hours."""
        return ""

    assert hours.check("") == hours.check(" ") == hours.check("{}") == {}
    with pytest.raises(ArgumentError, match="those there are: none"):
        hours.check('{"day": 1}')


# ---- Strict.


def everything_is_strict(schema: dict[str, Any]) -> bool:
    """By OpenAI's rules for structured outputs, written down once more."""
    if "properties" in schema and (
        schema.get("additionalProperties") is not False or sorted(schema["required"]) != sorted(schema["properties"])
    ):
        return False
    if "$ref" in schema and len(schema) > 1:
        return False
    words = "type properties required additionalProperties items anyOf enum const $ref $defs description pattern format"
    numbers = "multipleOf minimum maximum exclusiveMinimum exclusiveMaximum minItems maxItems"
    return schema.keys() <= {*words.split(), *numbers.split()} and all(
        everything_is_strict(inner) for _, inner in parts(schema)
    )


def test_a_strict_schema_follows_the_rules_and_loses_nothing() -> None:
    assert book.spec.strict
    assert book.not_strict == ()
    assert everything_is_strict(dict(book.spec.parameters))
    properties = book.spec.parameters["properties"]
    assert {"type": "null"} in properties["room"]["anyOf"]
    assert '(default: "small")' in properties["room"]["description"]
    assert properties["place"] == {
        "anyOf": [{"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}, {"type": "null"}],
        "description": "(default: [0.0, 0.0])",
    }
    assert book.spec.parameters["$defs"]["Person"]["properties"]["name"]["description"] == "(minLength: 2)"


@dataclass
class Tree:
    name: str
    children: list[Tree] = field(default_factory=list)


def test_a_type_that_holds_itself_can_be_strict() -> None:
    @tool(strict=True)
    def plant(tree: Tree) -> str:
        """Plants."""
        return ""

    assert everything_is_strict(dict(plant.spec.parameters))
    grown = plant.check('{"tree": {"name": "a", "children": [{"name": "b", "children": null}]}}')
    assert grown == {"tree": Tree("a", [Tree("b")])}


@pytest.mark.parametrize(
    ("annotation", "why"),
    [
        (dict[str, int], "value: an object that may have any keys"),
        (list[dict[str, int]], r"value\.\[\]: an object that may have any keys"),
        (Any, "value: a value of any type"),
        (list, "value: a list of anything"),
        (tuple[int, str], "value: a tuple of several types"),
    ],
    ids=str,
)
def test_what_cannot_be_strict_says_where_and_is_not(annotation: Any, why: str) -> None:
    def it(value: Any) -> str:
        """It."""
        return ""

    it.__annotations__["value"] = annotation
    with pytest.raises(ToolDefinitionError, match=f"there is no strict schema for {why}"):
        tool(strict=True)(it)
    loose = tool(it)
    assert not loose.spec.strict
    assert loose.not_strict


# ---- A schema of one's own.

RAW = {
    "type": "object",
    "properties": {
        "q": {"type": "string", "minLength": 2},
        "n": {"type": "integer"},
        "filter": {"$ref": "#/$defs/filter"},
    },
    "required": ["q"],
    "$defs": {"filter": {"type": "object", "properties": {"by": {"enum": ["day", "name"]}}, "required": ["by"]}},
}


@tool(schema=RAW)
def find(arguments: dict[str, Any]) -> str:
    """Finds."""
    return json.dumps(arguments)


def test_a_raw_schema_is_held_to() -> None:
    assert find.check('{"q": "ab", "n": null, "filter": {"by": "day"}}') == {
        "arguments": {"q": "ab", "filter": {"by": "day"}}
    }
    with pytest.raises(ArgumentError) as raised:
        find.check('{"q": "a", "n": "1", "filter": {}}')
    assert str(raised.value).splitlines()[1:-1] == [
        "- filter: 'by' is a required property",
        '- n: "1" breaks the rule type: "integer"',
        '- q: "a" breaks the rule minLength: 2',
    ]
    assert find.spec.strict
    assert everything_is_strict(dict(find.spec.parameters))


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "array"}, 'must have "type": "object"'),
        ({"type": "object", "properties": {"a": {"type": "strange"}}}, r"its schema is wrong at .*a.type"),
        ({"type": "object", "properties": {"a": {"$ref": "https://example.com/a"}}}, "which is not within it"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/none"}}}, "which is not within it"),
        ({"type": "object", "default": {1, 2}}, "its schema is no JSON"),
        ({"type": "object", "description": "x" * (1 << 17)}, "characters; at most 131072"),
    ],
)
def test_a_raw_schema_that_is_none_is_refused(schema: dict[str, Any], message: str) -> None:
    with pytest.raises(ToolDefinitionError, match=message):
        tool(schema=schema)(find.function)
