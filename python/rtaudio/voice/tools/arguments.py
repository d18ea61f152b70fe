"""Arguments of a call: from the text that a model wrote to the values that a function takes, or to why they are none.

Schema and conversion are pydantic's (docs/decisions/tools.md). The text that goes back to the model names every mistake
at once, with its place and what is expected there, so that one more attempt can mend them all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, NotRequired, Protocol, get_args, get_origin

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError, with_config
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError
from typing_extensions import TypedDict

from rtaudio.voice.tools.call_ids import MAX_ARGUMENTS
from rtaudio.voice.tools.errors import ArgumentError, ToolDefinitionError
from rtaudio.voice.tools.schemas import Schema, resolved, without_nulls, without_titles
from rtaudio.voice.tools.signature import NO_DEFAULT, Parameter

MAX_MISTAKES: Final = 10
_QUOTED: Final = 80


class Arguments(Protocol):
    """What the tool takes. `schema`: JSON schema of an object, what is optional not required."""

    schema: Schema

    def check(self, given: dict[str, Any]) -> dict[str, Any]:
        """The values by parameter. Raises ArgumentError."""


def read_object(text: str) -> dict[str, Any]:
    """The object that a model wrote; no text at all is an empty one. Raises ArgumentError."""
    if len(text) > MAX_ARGUMENTS:
        raise ArgumentError(f"The arguments have {len(text)} characters; at most {MAX_ARGUMENTS} are taken.")
    try:
        given = json.loads(text) if text.strip() else {}
    except json.JSONDecodeError as error:
        near = text[max(0, error.pos - 20) : error.pos + 20]
        raise ArgumentError(
            f"The arguments are not valid JSON: {error.msg} at character {error.pos}, near {near!r}. "
            "Send one complete JSON object."
        ) from None
    except (ValueError, RecursionError) as error:
        raise ArgumentError(f"The arguments are not usable JSON: {error}. Send one JSON object.") from None
    if not isinstance(given, dict):
        raise ArgumentError(f"The arguments must be a JSON object, not {quoted(given)}.")
    return given


def quoted(value: object) -> str:
    """A value as JSON, for a message, and no longer than one reads."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= _QUOTED else text[:_QUOTED] + "…"


def mistakes(lines: Iterable[str], total: int) -> ArgumentError:
    """One error of all of them."""
    told = [f"- {line}" for line, _ in zip(lines, range(MAX_MISTAKES), strict=False)]
    more = [f"- and {total - MAX_MISTAKES} more"] if total > MAX_MISTAKES else []
    return ArgumentError("\n".join(["The arguments do not fit:", *told, *more, "Call it again with these mended."]))


class TypedArguments:
    """Of a function with annotations. `documented`: what its docstring says of each parameter."""

    def __init__(self, where: str, parameters: Iterable[Parameter], documented: Mapping[str, str]) -> None:
        self._where = where
        parameters = tuple(parameters)
        fields = {}
        for parameter in parameters:
            adapter = self._adapter(parameter)
            self._check_default(parameter, adapter)
            optional = parameter.default is not NO_DEFAULT
            fields[parameter.name] = NotRequired[parameter.annotation] if optional else parameter.annotation
        config = ConfigDict(extra="forbid", allow_inf_nan=False)
        shape = with_config(config)(TypedDict("Arguments", fields))  # type: ignore[operator]
        self._adapter_of_all: TypeAdapter[dict[str, Any]] = TypeAdapter(shape)
        self.schema = self._schema(parameters, documented)

    def check(self, given: dict[str, Any]) -> dict[str, Any]:
        """See `Arguments`."""
        try:
            return self._adapter_of_all.validate_json(json.dumps(without_nulls(given, self.schema, self.schema)))
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False)
            raise mistakes((self._mistake(one) for one in found), len(found)) from None  # type: ignore[arg-type]

    def _mistake(self, error: dict[str, Any]) -> str:
        place = ".".join(str(step) for step in error["loc"])
        properties = self.schema["properties"]
        match error["type"]:
            case "missing":
                name = error["loc"][0]
                kind = brief(properties[name], self.schema) if len(error["loc"]) == 1 else "a value"
                return f"{place}: missing; {kind} is expected"
            case "extra_forbidden":
                known = ", ".join(properties) or "none"
                return f"{place}: there is no such argument; those there are: {known}"
            case _:
                return f"{place}: {error['msg']}, not {quoted(error['input'])}"

    def _adapter(self, parameter: Parameter) -> TypeAdapter[Any]:
        try:
            adapter: TypeAdapter[Any] = TypeAdapter(parameter.annotation)
            adapter.json_schema()
        except (PydanticUserError, PydanticSchemaGenerationError, PydanticInvalidForJsonSchema, TypeError) as error:
            reason, shown = str(error).splitlines()[0], _shown(parameter.annotation)
            raise ToolDefinitionError(
                f"{self._where}: a model cannot be told of `{parameter.name}: {shown}`: {reason}; "
                "use types that JSON can carry, or give the schema yourself: @tool(schema={...})"
            ) from error
        return adapter

    def _check_default(self, parameter: Parameter, adapter: TypeAdapter[Any]) -> None:
        if parameter.default is NO_DEFAULT:
            return
        try:
            adapter.validate_python(parameter.default)
        except ValidationError as error:
            raise ToolDefinitionError(
                f"{self._where}: the default of `{parameter.name}`, {parameter.default!r}, does not fit its type "
                f"{_shown(parameter.annotation)}: {error.errors()[0]['msg']}"
            ) from None

    def _schema(self, parameters: tuple[Parameter, ...], documented: Mapping[str, str]) -> Schema:
        schema = without_titles(self._adapter_of_all.json_schema())
        schema.setdefault("properties", {})
        for parameter in parameters:
            entry = schema["properties"][parameter.name]
            said = entry.pop("description", None) or _annotated_text(parameter.annotation)
            said = said or documented.get(parameter.name, "")
            if said:
                entry["description"] = said
            if parameter.default is not NO_DEFAULT:
                adapter: TypeAdapter[Any] = TypeAdapter(parameter.annotation)
                entry["default"] = adapter.dump_python(parameter.default, mode="json")
        return schema


def brief(schema: Schema, root: Schema) -> str:
    """What fits a schema, in a few words."""
    schema = resolved(schema, root)
    if "enum" in schema or "const" in schema:
        return "one of " + ", ".join(quoted(value) for value in schema.get("enum", [schema.get("const")]))
    if "anyOf" in schema:
        return " or ".join(brief(branch, root) for branch in schema["anyOf"])
    kind = schema.get("type", "a value")
    name = {"integer": "a whole number", "object": "an object", "array": "a list", "null": "null"}.get(
        kind, f"a {kind}"
    )
    return f"{name} ({schema['format']})" if "format" in schema else name


def _shown(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


def _annotated_text(annotation: Any) -> str:
    """`Annotated[int, "How many."]`: the text."""
    if get_origin(annotation) is not Annotated:
        return ""
    return next((extra for extra in get_args(annotation)[1:] if isinstance(extra, str)), "")
