"""The strict form of a JSON schema, as OpenAI's structured outputs want it: the server then holds the model to it.

Every object is closed and has all its properties required; what is optional takes null instead, which
`schemas.without_nulls` takes out again. Keywords that a server would refuse are said in the description, and are still
checked here when the arguments come. What has no strict form: objects with any keys, values of any type, tuples of
several types, lists of anything, and rules such as "not" or "if".
https://platform.openai.com/docs/guides/structured-outputs (supported schemas)
"""

from __future__ import annotations

import json
from typing import Any, Final

from rtaudio.voice.tools.schemas import Schema, parts, rebuilt, takes_null

KEPT: Final = frozenset(
    [
        *("type", "properties", "required", "additionalProperties", "items", "anyOf", "enum", "const", "$ref", "$defs"),
        *("description", "pattern", "format", "minItems", "maxItems"),
        *("multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    ]
)
FORMATS: Final = frozenset(("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"))
IMPOSSIBLE: Final = frozenset(
    ("not", "if", "then", "else", "patternProperties", "dependentRequired", "dependentSchemas", "definitions")
)
SILENT: Final = frozenset(("$schema", "$id", "$comment", "discriminator", "examples", "readOnly", "writeOnly"))


def obstacles(schema: Schema) -> list[str]:
    """Where a schema has no strict form, and why; empty: it has one."""
    found: list[str] = []

    def look(place: str, part: Schema) -> None:
        if (why := _why_not(part)) is not None:
            found.append(f"{place or 'the arguments'}: {why}")
            return
        within = dict(part)
        if _same_items(within) is not None:
            within["items"] = within.pop("prefixItems")[0]
        if not isinstance(within.get("additionalProperties"), dict):
            within.pop("additionalProperties", None)
        for name, inner in parts(within):
            look(f"{place}.{name}".lstrip("."), inner)

    look("", schema)
    return found


def strictened(schema: Schema) -> Schema:
    """The strict form; `obstacles` must be empty."""
    root = rebuilt(schema, _closed)

    def nullable(part: Schema) -> Schema:
        properties = part.get("properties")
        if not isinstance(properties, dict):
            return part
        needed = set(part.get("required", ()))
        changed = {
            name: inner if name in needed or takes_null(inner, root) else _or_null(inner)
            for name, inner in properties.items()
        }
        return {**part, "properties": changed, "required": list(properties)}

    return rebuilt(rebuilt(root, nullable), _ref_alone)


def _why_not(part: Schema) -> str | None:
    if wrong := IMPOSSIBLE & part.keys():
        return f"the rule {min(wrong)!r}"
    if len(part.get("allOf", ())) > 1:
        return "a schema that is several at once"
    kind = part.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    if "object" in kinds:
        others = part.get("additionalProperties", not part.get("properties"))
        if others is not False:
            return "an object that may have any keys"
    if "array" in kinds:
        if "prefixItems" in part and _same_items(part) is None:
            return "a tuple of several types"
        if "prefixItems" not in part and not part.get("items"):
            return "a list of anything"
    if not part.keys() & {"type", "anyOf", "oneOf", "allOf", "enum", "const", "$ref"}:
        return "a value of any type"
    return None


def _same_items(part: Schema) -> Schema | None:
    """Of a tuple whose places are all of one type: that type."""
    places = part.get("prefixItems")
    if isinstance(places, list) and places and all(place == places[0] for place in places):
        return places[0] if isinstance(places[0], dict) else None
    return None


def _closed(part: Schema) -> Schema:
    """One schema within the words that servers know."""
    schema = dict(part)
    if len(only := schema.pop("allOf", [])) == 1:
        schema = {**only[0], **schema}
    if "oneOf" in schema:
        schema["anyOf"] = schema.pop("oneOf")
    if (same := _same_items(schema)) is not None:
        schema["minItems"] = schema["maxItems"] = len(schema.pop("prefixItems"))
        schema["items"] = same
    if "properties" in schema:
        schema["additionalProperties"] = False
    told = []
    for key in [key for key in schema if key not in KEPT or (key == "format" and schema[key] not in FORMATS)]:
        value = schema.pop(key)
        if key not in SILENT and (key, value) != ("default", None):
            told.append(f"{key}: {json.dumps(value, ensure_ascii=False)}")
    if told:
        schema["description"] = " ".join(filter(None, (schema.get("description"), f"({', '.join(told)})")))
    return schema


def _or_null(schema: Schema) -> Schema:
    inner = dict(schema)
    outer: dict[str, Any] = {}
    if "description" in inner:
        outer["description"] = inner.pop("description")
    branches = inner["anyOf"] if inner.keys() == {"anyOf"} else [inner]
    return {"anyOf": [*branches, {"type": "null"}], **outer}


def _ref_alone(part: Schema) -> Schema:
    """Beside a "$ref" nothing else may stand."""
    if "$ref" not in part or len(part) == 1:
        return part
    return {"anyOf": [{"$ref": part["$ref"]}], **{key: value for key, value in part.items() if key != "$ref"}}
