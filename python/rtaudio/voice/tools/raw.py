"""Tools with a JSON schema of their own: the escape for what no annotation says, and for tools described elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from typing import Any, Final

from rtaudio.voice.tools.arguments import mistakes, quoted
from rtaudio.voice.tools.errors import ToolDefinitionError
from rtaudio.voice.tools.schemas import Schema, parts, without_nulls

MAX_SCHEMA: Final = 1 << 17
"""Characters of a schema as JSON."""


class RawArguments:
    """Of a function that takes one dict, in `parameter`. The schema is of the draft 2020-12; "$ref" reaches no further
    than the schema itself, and nothing is ever fetched."""

    def __init__(self, where: str, schema: Mapping[str, Any], parameter: str) -> None:
        self._parameter = parameter
        try:
            text = json.dumps(schema)
            self.schema: Schema = json.loads(text)
        except (TypeError, ValueError, RecursionError) as error:
            raise ToolDefinitionError(f"{where}: its schema is no JSON: {error}") from error
        if len(text) > MAX_SCHEMA:
            raise ToolDefinitionError(f"{where}: its schema has {len(text)} characters; at most {MAX_SCHEMA}")
        if self.schema.get("type") != "object":
            raise ToolDefinitionError(f'{where}: its schema must have "type": "object", since arguments have names')
        self.schema.setdefault("properties", {})
        jsonschema: Any = import_module("jsonschema")
        try:
            jsonschema.Draft202012Validator.check_schema(self.schema)
        except jsonschema.SchemaError as error:
            raise ToolDefinitionError(f"{where}: its schema is wrong at {error.json_path}: {error.message}") from None
        _check_refs(where, self.schema, self.schema)

    def check(self, given: dict[str, Any]) -> dict[str, Any]:
        """The whole object for the one parameter; nulls that stand for "not given" are gone. Raises ArgumentError."""
        given = without_nulls(given, self.schema, self.schema)
        found = sorted(self._validator.iter_errors(given), key=lambda error: error.json_path)
        if found:
            raise mistakes((self._mistake(error) for error in found), len(found))
        return {self._parameter: given}

    @staticmethod
    def _mistake(error: Any) -> str:
        place = error.json_path.removeprefix("$.")
        rule = f"{error.validator}: {quoted(error.validator_value)}"
        if error.validator in ("required", "additionalProperties"):  # these name what is missing, or too much
            return f"{place}: {error.message[:200]}"
        return f"{place}: {quoted(error.instance)} breaks the rule {rule}"

    @cached_property
    def _validator(self) -> Any:
        jsonschema, referencing = import_module("jsonschema"), import_module("referencing")
        return jsonschema.Draft202012Validator(self.schema, registry=referencing.Registry())


def _check_refs(where: str, part: Schema, root: Schema) -> None:
    ref = part.get("$ref")
    if ref is not None:
        target: Any = root
        for step in str(ref).removeprefix("#").strip("/").split("/"):
            step = step.replace("~1", "/").replace("~0", "~")
            target = target.get(step) if isinstance(target, dict) and step else (target if not step else None)
        if not str(ref).startswith("#") or not isinstance(target, dict):
            raise ToolDefinitionError(f"{where}: its schema refers to {ref!r}, which is not within it")
    for _, inner in parts(part):
        _check_refs(where, inner, root)
