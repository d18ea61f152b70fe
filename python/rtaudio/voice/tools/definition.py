"""`@tool`: a function that a model may call. It stays an ordinary function to everyone else.

    @tool
    async def weather(city: str, unit: Literal["C", "F"] = "C") -> str:
        \"\"\"The weather now.

        Args:
            city: As the user says it.
        \"\"\"

Everything that is wrong with a tool is found when it is defined.
"""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from functools import update_wrapper
from typing import Any, Concatenate, Final, Generic, Literal, ParamSpec, TypeVar, get_args, overload

from rtaudio.voice.chat import TOOL_NAME
from rtaudio.voice.protocols import ToolSpec
from rtaudio.voice.tools.arguments import Arguments, TypedArguments, read_object
from rtaudio.voice.tools.context import ToolContext
from rtaudio.voice.tools.docstrings import Described, read_docstring
from rtaudio.voice.tools.errors import ToolDefinitionError
from rtaudio.voice.tools.policy import AfterCrash, Duplicates, OnInterruption, ToolPolicy
from rtaudio.voice.tools.raw import RawArguments
from rtaudio.voice.tools.signature import Signature, read_signature, where_of
from rtaudio.voice.tools.strict import obstacles, strictened

P = ParamSpec("P")
P2 = ParamSpec("P2")
R = TypeVar("R", covariant=True)
S = TypeVar("S")
Run = Literal["loop", "thread", "process"]
"""Where a tool runs. Async functions: on the event loop. Others: each call in a thread of its own, unless told
otherwise; "loop" is for what returns at once, "process" for what computes long."""


class Tool(Generic[P, R]):
    """A function and what a model is told of it. Made by `@tool`.

    `spec`: name, description and schema, in its strict form if it has one. `not_strict`: where it has none, and why.
    `policy`: how calls are run, `run` where. `retry_on`: the exceptions that are worth another attempt.
    """

    spec: ToolSpec
    not_strict: tuple[str, ...]
    policy: ToolPolicy
    is_async: bool
    run: Run
    retry_on: tuple[type[BaseException], ...]

    def __init__(
        self,
        function: Callable[P, R],
        *,
        names: Mapping[str, Any],
        name: str | None,
        description: str | None,
        schema: Mapping[str, Any] | None,
        strict: bool | None,
        run: Run | None,
        policy: ToolPolicy,
        retry_on: tuple[type[BaseException], ...],
        key: Callable[..., str] | None,
    ) -> None:
        self._where = where_of(function)
        _check_function(self._where, function)
        update_wrapper(self, function)
        self.function, self.policy, self.retry_on, self._key = function, policy, retry_on, key
        policy.check(self._where)
        _check_retries(self._where, policy, retry_on)
        if policy.after_crash == "again" and key is None:
            raise ToolDefinitionError(
                f"{self._where}: after_crash='again' needs a key, by which the service behind it knows what it has done"
            )
        self._object: object | None = None
        self._signature = read_signature(function, names)
        self.is_async = _is_async(function)
        self.run = _where_it_runs(self._where, function, self._signature, run)
        described = Described(description) if description is not None and schema else read_docstring(function)
        self._arguments = self._read_arguments(schema, described)
        self.not_strict = tuple(obstacles(self._arguments.schema))
        if strict and self.not_strict:
            raise ToolDefinitionError(f"{self._where}: there is no strict schema for {'; '.join(self.not_strict)}")
        strictly = not self.not_strict and strict is not False
        self.spec = ToolSpec(
            self._checked_name(name if name is not None else getattr(function, "__name__", "")),
            self._checked_description(description if description is not None else described.text),
            strictened(self._arguments.schema) if strictly else self._arguments.schema,
            strictly,
        )

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def where(self) -> str:
        """For messages: which function, and where it is."""
        return self._where

    @property
    def needs_object(self) -> bool:
        """It is a method, and not yet one of an object."""
        return self._signature.method and self._object is None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Calls the function as it is: no schema, no policy."""
        return self.function(*args, **kwargs)

    @overload
    def __get__(self, instance: None, owner: type) -> Tool[P, R]: ...
    @overload
    def __get__(self: Tool[Concatenate[S, P2], R], instance: S, owner: type | None = None) -> Tool[P2, R]: ...
    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None or not self._signature.method:
            return self
        bound = copy.copy(self)
        bound._object = instance
        bound.function = self.function.__get__(instance, owner)
        return bound

    def __set_name__(self, owner: type, attribute: str) -> None:
        for other_name, other in vars(owner).items():
            if isinstance(other, Tool) and other is not self and other.name == self.name:
                raise ToolDefinitionError(
                    f"{self._where}: `{owner.__name__}.{other_name}` is named {self.name!r} as well; "
                    "a model could not tell them apart"
                )

    def __repr__(self) -> str:
        return f"<Tool {self.name}>"

    # ---- For whoever runs it.

    def check(self, text: str) -> dict[str, Any]:
        """The function's arguments, from what a model wrote. Raises ArgumentError; what the user's own validators
        raise comes as it is."""
        return self._arguments.check(read_object(text))

    def key(self, arguments: Mapping[str, Any]) -> str | None:
        """What names the thing that is asked for; None: nothing but the call itself does."""
        return None if self._key is None else f"{self.name}:{self._key(**arguments)}"

    def invoke(self, arguments: Mapping[str, Any], context: ToolContext[Any] | None) -> Any:
        """Calls the function: a value, or an awaitable of one."""
        more = {self._signature.context: context} if self._signature.context is not None else {}
        return self.function(**arguments, **more)  # type: ignore[arg-type, call-arg]

    # ---- Definition.

    def _read_arguments(self, schema: Mapping[str, Any] | None, described: Described) -> Arguments:
        parameters = self._signature.parameters
        if schema is not None:
            if len(parameters) != 1:
                raise ToolDefinitionError(
                    f"{self._where}: with a schema of your own it takes one dict of arguments (and perhaps a "
                    f"ToolContext), not {[parameter.name for parameter in parameters]}"
                )
            return RawArguments(self._where, schema, parameters[0].name)
        known = {parameter.name for parameter in parameters} | {self._signature.context, "self", "cls"}
        if unknown := set(described.parameters) - known:
            raise ToolDefinitionError(
                f"{self._where}: its docstring describes {sorted(unknown)}, which it does not take; "
                f"it takes {[parameter.name for parameter in parameters]}"
            )
        return TypedArguments(self._where, parameters, described.parameters)

    def _checked_name(self, name: str) -> str:
        if not TOOL_NAME.fullmatch(name):
            raise ToolDefinitionError(
                f"{self._where}: name {name!r}; model servers take 1 to 64 letters, digits, _ or -"
            )
        return name

    def _checked_description(self, text: str) -> str:
        if not text.strip():
            raise ToolDefinitionError(
                f"{self._where}: what is it for? A model knows a tool by its description: write a docstring, "
                "or @tool(description=...)"
            )
        return text.strip()


_POLICY: Final = {option.name for option in fields(ToolPolicy)}


@overload
def tool(function: Callable[P, R], /) -> Tool[P, R]:
    """`@tool`."""


@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    schema: Mapping[str, Any] | None = None,
    strict: bool | None = None,
    run: Run | None = None,
    timeout_s: float = 30.0,
    at_once: int = 8,
    detach_after_s: float | None = None,
    on_interruption: OnInterruption = "keep",
    duplicates: Duplicates = "run",
    key: Callable[..., str] | None = None,
    retries: int = 0,
    retry_on: type[BaseException] | tuple[type[BaseException], ...] = (),
    backoff_s: float = 0.5,
    most_chars: int = 16_000,
    filler: str | Sequence[str] | None = None,
    filler_after_s: float = 1.5,
    after_crash: AfterCrash = "unknown",
) -> Callable[[Callable[P, R]], Tool[P, R]]:
    """`@tool(...)`."""


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    schema: Mapping[str, Any] | None = None,
    strict: bool | None = None,
    run: Run | None = None,
    key: Callable[..., str] | None = None,
    retry_on: type[BaseException] | tuple[type[BaseException], ...] = (),
    **policy: Any,
) -> Any:
    """Makes a function, an async function or a method one that a model may call. Raises ToolDefinitionError.

    name, description   by default the function's, and its docstring's text
    schema      JSON schema of the arguments, for a function that takes them as one dict; by default from annotations
    strict      True: refuse a tool that has no strict schema; False: never strict; None: where there is one
    run         "loop", "thread" or "process"; see `Run`
    key         from the arguments, by name: the same text for the same thing asked for. Calls with one key run once
    retry_on    exceptions worth another attempt (TimeoutError: after `timeout_s`, too), `retries` times
    filler      a text, several to be taken in turn, or None: said once when a call takes longer than `filler_after_s`
    after_crash   "again": run again, with the same key, where a process died in it; see `AfterCrash`
    timeout_s, at_once, detach_after_s, on_interruption, duplicates, retries, backoff_s, most_chars   see `ToolPolicy`
    """
    names = dict(sys._getframe(1).f_locals)
    told = {"name": name, "description": description, "schema": schema, "strict": strict, "run": run}
    return decorate(Tool, "@tool", function, names=names, key=key, retry_on=retry_on, policy=policy, **told)


def decorate(
    kind: type[Tool[..., Any]],
    where: str,
    function: Callable[..., Any] | None,
    *,
    retry_on: type[BaseException] | tuple[type[BaseException], ...],
    policy: Mapping[str, Any],
    **settings: Any,
) -> Any:
    """What a decorator gives: the function as a tool of that kind, or what makes it one. `where`: as it is written."""
    if unknown := sorted(set(policy) - _POLICY):
        options = _POLICY | {*settings, "retry_on"} - {"names"}
        near = get_close_matches(unknown[0], sorted(options), n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(options))}"
        raise ToolDefinitionError(f"{where}: there is no option {unknown[0]!r}; {hint}")
    retry = retry_on if isinstance(retry_on, tuple) else (retry_on,)

    def make(function: Callable[..., Any]) -> Tool[..., Any]:
        return kind(function, policy=ToolPolicy(**policy), retry_on=retry, **settings)

    return make if function is None else make(function)


def _check_function(where: str, function: Any) -> None:
    if isinstance(function, staticmethod | classmethod):
        kind = type(function).__name__
        raise ToolDefinitionError(f"{where}: write @{kind} above @tool, not below")
    if isinstance(function, Tool):
        raise ToolDefinitionError(f"{where}: it is a tool already")
    if not callable(function) or isinstance(function, type):
        raise ToolDefinitionError(f"@tool: {function!r} is no function")
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise ToolDefinitionError(
            f"{where}: it yields; a tool returns one result (`ToolContext.progress` tells of steps)"
        )


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _check_retries(where: str, policy: ToolPolicy, retry_on: tuple[Any, ...]) -> None:
    for kind in retry_on:
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            raise ToolDefinitionError(f"{where}: retry_on = {kind!r} is no exception class")
    if bool(policy.retries) != bool(retry_on):
        raise ToolDefinitionError(
            f"{where}: retries and retry_on go together: how often, and after what (retry_on=ConnectionError)"
        )


def _where_it_runs(where: str, function: Callable[..., Any], signature: Signature, run: Run | None) -> Run:
    is_async = _is_async(function)
    if run is None:
        return "loop" if is_async else "thread"
    if run not in get_args(Run):
        raise ToolDefinitionError(f"{where}: run = {run!r}; it is one of {get_args(Run)}")
    if is_async and run != "loop":
        raise ToolDefinitionError(f"{where}: an async function runs on the event loop, not in a {run}")
    if run == "process":
        name = getattr(function, "__qualname__", "<locals>")
        if signature.method or "<locals>" in name or "<lambda>" in name:
            raise ToolDefinitionError(f"{where}: another process must be able to import it: a function of a module")
        if signature.context is not None:
            raise ToolDefinitionError(f"{where}: a ToolContext does not reach into another process")
    return run
