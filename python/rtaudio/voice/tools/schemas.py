"""Walking a JSON schema: the one place that knows which keywords hold schemas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

Schema = dict[str, Any]
LISTS: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
MAPS: Final = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
ONES: Final = ("items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else")


def parts(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """The schemas right within one, and where each is."""
    for key in LISTS:
        for at, part in enumerate(schema.get(key) or ()):
            if isinstance(part, dict):
                yield f"{key}[{at}]", part
    for key in MAPS:
        for name, part in (schema.get(key) or {}).items():
            if isinstance(part, dict):
                yield name if key == "properties" else f"{key}.{name}", part
    for key in ONES:
        if isinstance(part := schema.get(key), dict):
            yield "[]" if key == "items" else key, part


def rebuilt(schema: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """A copy in which every schema within, and then it itself, is what `change` made of it."""
    copy = dict(schema)
    for key in LISTS:
        if isinstance(copy.get(key), list):
            copy[key] = [rebuilt(part, change) if isinstance(part, dict) else part for part in copy[key]]
    for key in MAPS:
        if isinstance(copy.get(key), dict):
            copy[key] = {
                name: rebuilt(part, change) if isinstance(part, dict) else part for name, part in copy[key].items()
            }
    for key in ONES:
        if isinstance(copy.get(key), dict):
            copy[key] = rebuilt(copy[key], change)
    return change(copy)


def without_titles(schema: Schema) -> Schema:
    """Titles repeat names in capitals, and cost tokens."""

    def untitled(part: Schema) -> Schema:
        return {key: value for key, value in part.items() if key != "title" or not isinstance(value, str)}

    return rebuilt(schema, untitled)


def resolved(schema: Schema, root: Schema) -> Schema:
    """What a "$ref" within the document stands for, with what is said beside it."""
    seen: set[str] = set()
    while isinstance(ref := schema.get("$ref"), str) and ref.startswith("#/") and ref not in seen:
        seen.add(ref)
        target: Any = root
        for step in ref[2:].split("/"):
            target = target.get(step.replace("~1", "/").replace("~0", "~"), {}) if isinstance(target, dict) else {}
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**target, **beside} if isinstance(target, dict) else beside
    return schema


def alternatives(schema: Schema, root: Schema) -> list[Schema]:
    """The schemas of which a value fits one, references and unions taken apart."""
    found: list[Schema] = []
    waiting, looked = [schema], 0
    while waiting and looked < 200:  # a document that refers to itself ends here
        looked += 1
        one = resolved(waiting.pop(0), root)
        branches = [*(one.get("anyOf") or ()), *(one.get("oneOf") or ())]
        if branches:
            waiting += [branch for branch in branches if isinstance(branch, dict)]
        else:
            found.append(one)
    return found


def takes_null(schema: Schema, root: Schema) -> bool:
    """Whether null fits it, as far as types, enumerations and unions say."""
    for one in alternatives(schema, root):
        kind = one.get("type")
        if kind == "null" or (isinstance(kind, list) and "null" in kind):
            return True
        if None in one.get("enum", ()) or ("const" in one and one["const"] is None):
            return True
        if not one.keys() & {"type", "enum", "const", "properties", "items", "$ref", "allOf"}:
            return True  # anything fits
    return False


def without_nulls(value: Any, schema: Schema, root: Schema) -> Any:
    """`value` with every null left out that stands for "not given": models send it for what is optional, and must
    where the schema is strict. Where null is a value of its own, it stays."""
    options = alternatives(schema, root)
    if isinstance(value, list):
        items = [one["items"] for one in options if isinstance(one.get("items"), dict)]
        return [without_nulls(entry, {"anyOf": items}, root) for entry in value] if items else value
    if not isinstance(value, dict):
        return value
    objects = [one for one in options if isinstance(one.get("properties"), dict)]
    kept: dict[str, Any] = {}
    for key, entry in value.items():
        known = [one for one in objects if key in one["properties"]]
        schemas = [one["properties"][key] for one in known]
        optional = known and all(key not in one.get("required", ()) for one in known)
        if entry is None and optional and not any(takes_null(one, root) for one in schemas):
            continue
        kept[key] = without_nulls(entry, {"anyOf": schemas}, root) if schemas else entry
    return kept
