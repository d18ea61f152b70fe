"""What a program gives to a session, looked at before anything runs: an agent that is one, providers of the right kind.

Mistakes that would be found in the middle of a call are TypeErrors here, which say what is wrong, in which class, and
what to write instead.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any, Final

from rtaudio.voice.agent import HOOKS, Agent
from rtaudio.voice.history_policy import Filtered, Kept, Summarised
from rtaudio.voice.protocols import ProviderKind

STAGES: Final = ("stt", "llm", "tts", "transcription")
_GIVEN: Final[dict[str, tuple[str, ...]]] = {
    "on_enter": ("session",),
    "on_exit": ("session",),
    "on_turn": ("session", "message"),
    "on_digits": ("session", "digits"),
    "stt": ("audio",),
    "llm": ("chat", "tools"),
    "tts": ("text",),
    "transcription": ("text",),
}
"""What the methods of an agent that a subclass may have are called with."""
_STREAM: Final[dict[ProviderKind, tuple[str, ...]]] = {"stt": (), "llm": ("chat", "tools"), "tts": ("text",)}
"""What a provider's `stream` is called with."""


def checked_agent(agent: object) -> Agent:
    """Raises TypeError for what is no agent, or one that could not run."""
    if isinstance(agent, type):
        raise TypeError(f"{agent.__name__} is a class: give an instance, {agent.__name__}()")
    if not isinstance(agent, Agent):
        raise TypeError(f"an Agent is wanted, not {type(agent).__name__}")
    kind = type(agent).__name__
    if "providers" not in vars(agent):
        raise TypeError(f"{kind}: its __init__ must call super().__init__()")
    if not isinstance(agent.instructions, str):
        raise TypeError(f"{kind}: instructions = {agent.instructions!r:.80}; a text is wanted")
    if not isinstance(agent.greeting, str | None):
        raise TypeError(f"{kind}: greeting = {agent.greeting!r:.80}; a text is wanted, or None")
    if not isinstance(agent.history, Kept | Filtered | Summarised):
        raise TypeError(f"{kind}: {agent.history!r:.80} is no history policy; see rtaudio.voice.history_policy")
    if agent.turns is not None:
        from rtaudio.core import TurnConfig

        if not isinstance(agent.turns, TurnConfig):
            raise TypeError(f"{kind}: turns = {agent.turns!r:.80}; an rtaudio.TurnConfig is wanted, or None")
    for name in (*HOOKS, *STAGES):
        if getattr(type(agent), name, None) is not getattr(Agent, name):
            _check_method(f"{kind}.{name}", getattr(agent, name), name)
    own = agent.providers
    checked_providers(kind, own.stt, own.llm, own.tts)
    return agent


def _check_method(where: str, method: Any, name: str) -> None:
    if not callable(method):
        raise TypeError(f"{where} is a method that sessions call, not {type(method).__name__}: give that another name")
    function = inspect.unwrap(method)
    function = getattr(function, "__func__", function)
    if name in HOOKS:
        if isinstance(function, types.FunctionType) and not inspect.iscoroutinefunction(function):
            raise TypeError(f"{where} must be async: write `async def {name}`")
    elif inspect.isgeneratorfunction(function):
        raise TypeError(f"{where} must be an async generator: write `async def {name}`")
    if not _takes(method, len(_GIVEN[name])):
        raise TypeError(f"{where} must take ({', '.join(('self', *_GIVEN[name]))})")


def checked_providers(where: str, stt: object, llm: object, tts: object) -> None:
    """Raises TypeError for one that is none, or of another kind. None is none given."""
    given: tuple[tuple[ProviderKind, object], ...] = (("stt", stt), ("llm", llm), ("tts", tts))
    for kind, provider in given:
        if provider is not None:
            checked_provider(f"{where}: {kind}", provider, kind)


def checked_provider(where: str, provider: Any, kind: ProviderKind) -> None:
    """As `checked_providers`, of one."""
    if isinstance(provider, type):
        raise TypeError(f"{where} is the class {provider.__name__}: give an instance, {provider.__name__}(...)")
    lacks = [name for name in ("name", "stream", "warm_up", "aclose") if not hasattr(provider, name)]
    protocol = f"rtaudio.voice.protocols.{kind.upper()}"
    if lacks:
        raise TypeError(f"{where} = {provider!r:.80} is no {kind.upper()}: it lacks {', '.join(lacks)}; see {protocol}")
    if not _takes(provider.stream, len(_STREAM[kind])):
        wanted = f"stream({', '.join(_STREAM[kind])})"
        raise TypeError(f"{where} = {provider!r:.80}: its `stream` does not take what {wanted} takes; see {protocol}")


def _takes(function: Callable[..., Any], count: int) -> bool:
    """Whether it can be called with that many arguments; True where nobody can tell."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(*(None,) * count)
    except TypeError:
        return False
    return True
