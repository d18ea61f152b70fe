"""The user's app: for each call, who answers it.

    from rtaudio.server import CallSetup

    app = CallSetup(agent=Agent(greeting="Hello."), stt=..., llm=..., tts=...)     the same for every call

    def app(call: CallInfo) -> CallSetup: ...                                      or one for each; may be async

    @asynccontextmanager                                                           or one that also tidies up
    async def app(call: CallInfo):
        async with my_model() as llm:
            yield CallSetup(agent=..., stt=stt, llm=llm, tts=tts)

Providers of the first two forms are shared: the server closes each once, when it stops. What a call of the third form
makes for itself, it closes itself.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeAlias

from rtaudio.core import DetectorConfig
from rtaudio.voice.agent import Agent
from rtaudio.voice.cast import Cast
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.protocols import LLM, STT, TTS
from rtaudio.voice.realtime import RealtimeModel
from rtaudio.voice.session import Session

DEFAULT_NAME: Final = "app"


class AppError(Exception):
    """What is wrong with an app, where, and what to do."""


@dataclass(frozen=True, slots=True)
class CallInfo:
    """What is known of a call before it begins. `query`: of the URL it came by, the first value of each name."""

    call: str
    client: str = ""
    peer: str = ""
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSetup:
    """Who answers a call: the agent, and what it hears, thinks and speaks with, as `Session` takes it: `stt`, `llm` and
    `tts`, where the agent has none of its own, or `realtime`, a speech-to-speech model."""

    agent: Agent
    stt: STT | None = None
    llm: LLM | None = None
    tts: TTS | None = None
    realtime: RealtimeModel | None = None
    options: SessionOptions | None = None
    detector: DetectorConfig | None = None
    data: object = None
    """What the agent's tools get (`ToolContext.data`)."""
    methods: Sequence[object] = ()
    """What the client may call, as `Session.expose` takes it. Nothing, unless it is named here."""
    on_start: Callable[[Session], None] | None = None
    """Told of the call's session when it runs, before the agent is heard; to keep it, to say things. Must not block."""

    def __post_init__(self) -> None:
        try:
            Cast(self.agent, self.stt, self.llm, self.tts, self.realtime)
        except TypeError as error:
            raise TypeError(f"CallSetup: {str(error).removeprefix('session: ')}") from None

    def providers(self) -> list[STT | LLM | TTS | RealtimeModel]:
        """All that were given here."""
        return [one for one in (self.stt, self.llm, self.tts, self.realtime) if one is not None]


Answering: TypeAlias = CallSetup | Awaitable[CallSetup] | AbstractAsyncContextManager[CallSetup]


class App:
    """An app of any of the three forms, as one."""

    def __init__(self, what: CallSetup | Callable[[CallInfo], Answering], name: str = DEFAULT_NAME) -> None:
        """AppError: `what` is none."""
        if not isinstance(what, CallSetup):
            if isinstance(what, type) or not callable(what):
                raise AppError(f"{name} is {what!r}: it must be a CallSetup, or a function of a call that gives one")
            try:
                inspect.signature(what).bind(CallInfo(""))
            except TypeError as error:
                raise AppError(f"{name} cannot be called with one argument, the CallInfo: {error}") from None
            except ValueError:
                pass  # no signature to be had: it is tried with the first call
        self._what, self._name = what, name
        self._shared: dict[int, STT | LLM | TTS | RealtimeModel] = {}

    async def warm_up(self) -> None:
        """Loads the models of an app that is the same for every call. AppError: one cannot be."""
        if isinstance(self._what, CallSetup):
            self._share(self._what)
            for provider in self._what.providers():
                try:
                    await provider.warm_up()
                except Exception as error:
                    what = f"{type(error).__name__}: {error}"
                    raise AppError(f"{self._name}: {provider.name} cannot be made ready: {what}") from error

    @asynccontextmanager
    async def answering(self, call: CallInfo) -> AsyncIterator[CallSetup]:
        """Who answers `call`, as long as it lasts. Raises what the app raises; AppError for what is no CallSetup."""
        if isinstance(self._what, CallSetup):
            self._share(self._what)
            yield self._what
            return
        given = self._what(call)
        if isinstance(given, AbstractAsyncContextManager):
            async with given as setup:
                yield self._checked(setup)
            return
        setup = self._checked(await given if inspect.isawaitable(given) else given)
        self._share(setup)
        yield setup

    async def aclose(self) -> None:
        """Closes what calls shared. May be called again."""
        while self._shared:
            _, provider = self._shared.popitem()
            await provider.aclose()

    def _checked(self, setup: Any) -> CallSetup:
        if not isinstance(setup, CallSetup):
            raise AppError(f"{self._name} gave {setup!r} for a call: it must give a rtaudio.server.CallSetup")
        return setup

    def _share(self, setup: CallSetup) -> None:
        for provider in setup.providers():
            self._shared[id(provider)] = provider
        if len(self._shared) > MOST_SHARED:
            raise AppError(
                f"{self._name} made more than {MOST_SHARED} providers: make them once, outside of the function, or "
                "give a context manager that closes those of its call"
            )


MOST_SHARED: Final = 64


def load_app(where: str) -> App:
    """From "file.py", "file.py:name", "package.module" or "package.module:name"; `name` is "app" if not given. AppError
    says what is wrong."""
    place, _, name = where.partition(":")
    module = _from_file(Path(place)) if place.endswith(".py") or "/" in place else _from_import(place)
    name = name or DEFAULT_NAME
    try:
        what = getattr(module, name)
    except AttributeError:
        there = [each for each, value in vars(module).items() if isinstance(value, CallSetup)]
        hint = f"; there is {', '.join(f'{place}:{each}' for each in there)}" if there else ""
        raise AppError(
            f"{place} defines no “{name}”: a CallSetup, or a function of a call that gives one{hint}"
        ) from None
    return what if isinstance(what, App) else App(what, f"{place}:{name}")


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise AppError(f"{path}: there is no such file")
    name = path.stem.replace("-", "_")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise AppError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)  # so that it may import what lies beside it
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise AppError(
            f"{path} cannot be loaded: {type(error).__name__}: {error}{_where(error, spec.origin)}"
        ) from error
    return module


def _from_import(place: str) -> ModuleType:
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is not None and (place == error.name or place.startswith(f"{error.name}.")):
            raise AppError(f"there is no module {place!r}; for a file: {place}.py") from None
        raise AppError(f"{place} cannot be loaded: {error}") from error
    except Exception as error:
        raise AppError(f"{place} cannot be loaded: {type(error).__name__}: {error}") from error


def _where(error: BaseException, file: str | None) -> str:
    """The line of the file that failed, if it was in the file."""
    trace, line = error.__traceback__, 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f" (line {line})" if line else ""
