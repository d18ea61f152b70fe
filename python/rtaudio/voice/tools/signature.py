"""What a function takes, as its signature says it: every mistake that a schema could not show is found here."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, get_origin, get_type_hints

from rtaudio.voice.tools.context import ToolContext
from rtaudio.voice.tools.errors import ToolDefinitionError

NO_DEFAULT: Final = inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Parameter:
    """`annotation`: the type, resolved, with what `Annotated` says of it. `default`: NO_DEFAULT where there is none."""

    name: str
    annotation: Any
    default: Any = NO_DEFAULT


@dataclass(frozen=True, slots=True)
class Signature:
    """`parameters`: those that the model gives. `context`: the name of the one that gets the ToolContext. `method`: the
    first one is `self` or `cls`, which `parameters` leaves out."""

    parameters: tuple[Parameter, ...]
    context: str | None
    method: bool


def where_of(function: Callable[..., Any], kind: str = "tool") -> str:
    """For messages: what, which function, and where it is."""
    name = getattr(function, "__qualname__", repr(function))
    code = getattr(function, "__code__", None)
    place = f" ({code.co_filename}:{code.co_firstlineno})" if code is not None else ""
    return f"{kind} {name}{place}"


def read_signature(function: Callable[..., Any], names: Mapping[str, Any], kind: str = "tool") -> Signature:
    """`names`: local ones that annotations may use. Raises ToolDefinitionError."""
    where = where_of(function, kind)
    try:
        entries = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError, NameError) as error:
        raise ToolDefinitionError(f"{where}: its parameters cannot be read: {error}") from error
    method = bool(entries) and entries[0].name in ("self", "cls") and entries[0].annotation is NO_DEFAULT
    parameters: list[Parameter] = []
    context: str | None = None
    for entry in entries[method:]:
        _check_kind(where, entry)
        annotation = _resolve(where, function, entry, names)
        if annotation is ToolContext or get_origin(annotation) is ToolContext:
            if context is not None:
                raise ToolDefinitionError(
                    f"{where}: both `{context}` and `{entry.name}` are a ToolContext; one will do"
                )
            context = entry.name
        else:
            parameters.append(Parameter(entry.name, annotation, entry.default))
    return Signature(tuple(parameters), context, method)


def _check_kind(where: str, entry: inspect.Parameter) -> None:
    if entry.kind in (entry.VAR_POSITIONAL, entry.VAR_KEYWORD):
        raise ToolDefinitionError(
            f"{where}: a model cannot give `{entry}`; name every parameter, or give the schema yourself: "
            "@tool(schema={...}) on a function of one dict"
        )
    if entry.kind is entry.POSITIONAL_ONLY:
        raise ToolDefinitionError(f"{where}: `{entry.name}` is positional-only, and a model gives arguments by name")
    if entry.annotation is NO_DEFAULT:
        kind = "ToolContext" if entry.name in ("context", "ctx", "run_context") else "str"
        raise ToolDefinitionError(
            f"{where}: `{entry.name}` has no annotation, so the model cannot be told what to give; "
            f"write `{entry.name}: {kind}`, or whatever it is"
        )


def _resolve(where: str, function: Callable[..., Any], entry: inspect.Parameter, names: Mapping[str, Any]) -> Any:
    """Each by itself: what a return annotation names need not exist at run time."""
    holder = type("_", (), {"__annotations__": {"it": entry.annotation}})
    own = getattr(inspect.unwrap(function), "__globals__", {})
    try:
        return get_type_hints(holder, globalns=own, localns=dict(names), include_extras=True)["it"]
    except Exception as error:  # whatever evaluating an annotation can raise
        raise ToolDefinitionError(
            f"{where}: the annotation of `{entry.name}`, {entry.annotation!r}, means nothing at run time "
            f"({error}); import what it names outside `if TYPE_CHECKING`"
        ) from error
