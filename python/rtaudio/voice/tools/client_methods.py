"""What a client may call of a session: functions with typed parameters, checked as those of tools are.

    class Basket:
        @client_method
        async def add(self, item: str, count: int = 1) -> int: ...

    session.expose(Basket(), opening_hours)      objects with such methods, and plain functions

Async functions run on the event loop, all others in a thread of their own.
"""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Callable, Mapping
from functools import update_wrapper
from typing import Any, Final, overload

from pydantic_core import to_jsonable_python

from rtaudio.voice.rpc import MOST_METHOD_CHARS, RpcCode, RpcError
from rtaudio.voice.tools.arguments import TypedArguments
from rtaudio.voice.tools.context import ToolContext
from rtaudio.voice.tools.errors import ArgumentError, ToolDefinitionError, ToolError
from rtaudio.voice.tools.running import Outcome
from rtaudio.voice.tools.signature import read_signature, where_of
from rtaudio.voice.tools.threads import Threads

TIMEOUT_S: Final = 30.0


class ClientMethod:
    """A function that a client may call by `name`. Made by `@client_method`; to everyone else it stays the function."""

    def __init__(self, function: Callable[..., Any], *, names: Mapping[str, Any], name: str | None, timeout_s: float):
        self.where = where_of(function, "method")
        if isinstance(function, type) or not callable(function):
            raise ToolDefinitionError(f"@client_method: {function!r} is no function")
        if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
            raise ToolDefinitionError(f"{self.where}: it yields; a method gives one result")
        update_wrapper(self, function)
        self.function, self.timeout_s = function, timeout_s
        self.name = name if name is not None else getattr(function, "__name__", "")
        if not 0 < len(self.name) <= MOST_METHOD_CHARS:
            raise ToolDefinitionError(f"{self.where}: its name must have 1 to {MOST_METHOD_CHARS} characters")
        if not 0 < timeout_s < float("inf"):
            raise ToolDefinitionError(f"{self.where}: timeout_s = {timeout_s}; it must be positive and finite")
        self._signature = read_signature(function, names, "method")
        self._arguments = TypedArguments(self.where, self._signature.parameters, {})
        self._bound = False

    @property
    def needs_object(self) -> bool:
        """It is a method of a class, and not yet of an object."""
        return self._signature.method and not self._bound

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the function as it is."""
        return self.function(*args, **kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> ClientMethod:
        if instance is None or not self._signature.method:
            return self
        bound = copy.copy(self)
        bound.function, bound._bound = self.function.__get__(instance, owner), True
        return bound

    async def serve(self, params: Any, context: ToolContext[Any], threads: Threads) -> Any:
        """What it gives, as JSON carries it. RpcError: the parameters do not fit, or it refuses (by a ToolError)."""
        given = self._checked(params)
        if self._signature.context is not None:
            given[self._signature.context] = context
        try:
            if inspect.iscoroutinefunction(self.function):
                value = await self.function(**given)
            else:
                value = await self._in_thread(given, context, threads)
        except ToolError as error:
            raise RpcError(RpcCode.APPLICATION_ERROR, str(error)) from error
        return to_jsonable_python(value, inf_nan_mode="null")

    def _checked(self, params: Any) -> dict[str, Any]:
        if not isinstance(params, dict | None):
            raise RpcError(RpcCode.INVALID_PARAMS, f"{self.name} takes an object of parameters by name")
        try:
            return self._arguments.check(params or {})
        except ArgumentError as error:
            raise RpcError(RpcCode.INVALID_PARAMS, str(error)) from error

    async def _in_thread(self, given: dict[str, Any], context: ToolContext[Any], threads: Threads) -> Any:
        values: list[Any] = []

        def work() -> Outcome:
            try:
                values.append(self.function(**given))
            except Exception as error:
                return Outcome("", failed=True, error=error)
            return Outcome("")

        outcome = await threads.run(work, f"method {self.name}", context._cancelled.set)
        if not values:
            raise outcome.error if outcome.error is not None else RuntimeError("no thread could be had")
        return values[0]


@overload
def client_method(function: Callable[..., Any], /) -> ClientMethod:
    """`@client_method`."""


@overload
def client_method(*, name: str | None = None, timeout_s: float = TIMEOUT_S) -> Callable[..., ClientMethod]:
    """`@client_method(...)`."""


def client_method(
    function: Callable[..., Any] | None = None, /, *, name: str | None = None, timeout_s: float = TIMEOUT_S
) -> Any:
    """Makes a function or a method one that a client may call, once a session exposes it. Raises ToolDefinitionError.

    `name`: by default the function's. `timeout_s`: then it is cancelled, and the client told; less if the client waits
    for less. A parameter annotated `ToolContext` gets one: `session`, `data`, `cancelled`.
    """
    names = dict(sys._getframe(1).f_locals)

    def make(function: Callable[..., Any]) -> ClientMethod:
        return ClientMethod(function, names=names, name=name, timeout_s=timeout_s)

    return make if function is None else make(function)


def methods_of(source: object) -> list[ClientMethod]:
    """Of a function, or of an object with such methods. ToolDefinitionError: there are none."""
    if isinstance(source, ClientMethod):
        if source.needs_object:
            raise ToolDefinitionError(f"{source.where}: it is a method of a class; give the object")
        return [source]
    if inspect.isfunction(source) or inspect.ismethod(source):
        return [ClientMethod(source, names={}, name=None, timeout_s=TIMEOUT_S)]
    attributes = {name: None for kind in type(source).__mro__ for name in vars(kind)}
    marked = (name for name in attributes if isinstance(inspect.getattr_static(source, name), ClientMethod))
    if not (found := [getattr(source, name) for name in marked]):
        raise ToolDefinitionError(
            f"{source!r} has nothing for a client to call: give a function, or an object with methods under "
            "@client_method"
        )
    return found
