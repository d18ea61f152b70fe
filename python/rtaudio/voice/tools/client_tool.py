"""`@client_tool`: a tool whose body lives in the client, in the page or the app that the user speaks by.

    @client_tool(timeout_s=60)
    async def pick_table(free: list[int]) -> int:
        \"\"\"Shows the free tables and lets the user pick one.\"\"\"
        raise NotImplementedError

The function is never run: its signature and docstring say what a model is told and what may be sent. To the machine of
calls it is a tool as any other, so that time-outs, interruptions and late results are the same.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, ParamSpec, TypeVar, overload

from pydantic_core import to_jsonable_python

from rtaudio.voice.rpc import MOST_TIMEOUT_S
from rtaudio.voice.tools.context import ToolContext
from rtaudio.voice.tools.definition import Tool, decorate
from rtaudio.voice.tools.errors import ToolDefinitionError, ToolError
from rtaudio.voice.tools.signature import NO_DEFAULT

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
LAST_WORD_S = 1.0
"""So much longer than the tool's own time limit the client is waited for: the tool's clock has the last word, and what
it says to the model."""


class ClientTool(Tool[P, R]):
    """`method`: what the client knows it by."""

    method: str

    def __init__(self, function: Callable[P, R], *, method: str | None, schema: Mapping[str, Any] | None, **more: Any):
        super().__init__(function, schema=schema, run=None, **more)
        if self._signature.context is not None:
            raise ToolDefinitionError(f"{self.where}: no ToolContext reaches the client; leave it out")
        if self.policy.timeout_s + LAST_WORD_S > MOST_TIMEOUT_S:
            most = MOST_TIMEOUT_S - LAST_WORD_S
            raise ToolDefinitionError(
                f"{self.where}: timeout_s = {self.policy.timeout_s}; a client has {most:g} s at most"
            )
        self.is_async, self.run = True, "loop"
        self.method = method if method is not None else self.name
        self._raw = schema is not None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> NoReturn:
        """TypeError: there is nothing to call here."""
        raise TypeError(f"{self.where}: it is served by the client; only a session calls it")

    def invoke(self, arguments: Mapping[str, Any], context: ToolContext[Any] | None) -> Any:
        """Asks the client: an awaitable of its result."""
        return self._ask(arguments, context)

    async def _ask(self, arguments: Mapping[str, Any], context: ToolContext[Any] | None) -> Any:
        if context is None or context._session is None:
            raise ToolError("There is no app of the user here that could do this.")
        parameters = self._signature.parameters
        if self._raw:
            params = arguments[parameters[0].name]
        else:
            defaults = {one.name: one.default for one in parameters if one.default is not NO_DEFAULT}
            params = to_jsonable_python(defaults | dict(arguments), inf_nan_mode="null")
        return await context.call_client(self.method, params, timeout_s=self.policy.timeout_s + LAST_WORD_S)


@overload
def client_tool(function: Callable[P, R], /) -> ClientTool[P, R]:
    """`@client_tool`."""


@overload
def client_tool(
    *,
    name: str | None = None,
    description: str | None = None,
    schema: Mapping[str, Any] | None = None,
    strict: bool | None = None,
    method: str | None = None,
    key: Callable[..., str] | None = None,
    retry_on: type[BaseException] | tuple[type[BaseException], ...] = (),
    **policy: Any,
) -> Callable[[Callable[P, R]], ClientTool[P, R]]:
    """`@client_tool(...)`."""


def client_tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    schema: Mapping[str, Any] | None = None,
    strict: bool | None = None,
    method: str | None = None,
    key: Callable[..., str] | None = None,
    retry_on: type[BaseException] | tuple[type[BaseException], ...] = (),
    **policy: Any,
) -> Any:
    """Makes a function without a body a tool that the client serves. Raises ToolDefinitionError.

    `method`: what the client knows it by; by default the tool's name. The client gets the arguments as one object,
    those left out with their defaults; what it gives is the result. Where it cannot be asked, or refuses, the model is
    told so. All else as in `tool`, but there is no `run`. `retry_on=ClientError` tries again whatever went wrong at the
    client.
    """
    names = dict(sys._getframe(1).f_locals)
    told = {"name": name, "description": description, "schema": schema, "strict": strict, "method": method}
    return decorate(
        ClientTool, "@client_tool", function, names=names, key=key, retry_on=retry_on, policy=policy, **told
    )
