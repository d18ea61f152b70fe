"""The providers of one kind that stand for one another: which is next, what became of each, warm-up and closing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from rtaudio.providers.fallback.health import Health, HealthPolicy, HealthState
from rtaudio.voice.clock import now_ns
from rtaudio.voice.protocols import ProviderError, ProviderKind
from rtaudio.voice.streams import Closable, close_stream, describe
from rtaudio.voice.troubles import tell


class Provider(Protocol):
    """What STT, LLM and TTS have in common."""

    name: str

    async def warm_up(self) -> None: ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """How one provider is. `failures`: streams in a row that failed; `retry_in_s`: while it is down, until when it is
    passed over."""

    provider: str
    state: HealthState
    failures: int
    retry_in_s: float


@dataclass(frozen=True, slots=True)
class HealthChange:
    """A provider's health has changed. `what`: the failure that led to it, "" where none did."""

    kind: ProviderKind
    provider: str
    before: HealthState
    after: HealthState
    what: str


P = TypeVar("P", bound=Provider)


class Pool(Generic[P]):
    """See the module. `on_change` is called at once, in the loop's thread, and must not raise."""

    def __init__(
        self,
        kind: ProviderKind,
        providers: Sequence[P],
        policy: HealthPolicy | None,
        on_change: Callable[[HealthChange], None] | None,
    ) -> None:
        if not isinstance(providers, Sequence):
            raise TypeError(f"a fallback for {kind} takes a list of providers, not {type(providers).__name__}")
        for provider in providers:
            if isinstance(provider, type):
                raise TypeError(f"{provider.__name__} is a class: give an instance, {provider.__name__}(...)")
        if not providers:
            raise ValueError(f"a fallback for {kind} needs at least one provider")
        self.kind = kind
        self.providers = tuple(providers)
        names = [provider.name for provider in providers]
        self.names = [
            f"{name} #{names[:at].count(name) + 1}" if names.count(name) > 1 else name for at, name in enumerate(names)
        ]
        self.name = " or ".join(self.names)
        self._health = [Health(policy or HealthPolicy()) for _ in providers]
        self._on_change = on_change

    @property
    def health(self) -> tuple[ProviderHealth, ...]:
        """In the order of the providers. Needs a running loop."""
        now_s = now_ns() / 1e9
        return tuple(
            ProviderHealth(
                name,
                health.state,
                health.failures,
                max(0.0, health.retry_at_s - now_s) if health.state is HealthState.DOWN else 0.0,
            )
            for name, health in zip(self.names, self._health, strict=True)
        )

    def take(self, tried: Collection[int]) -> int | None:
        """The next to ask, beside those `tried` for this stream: the first that is well or due for a trial; where none
        is, the first that is left, since a provider that may fail is better than none. None: all were tried."""
        now_s = now_ns() / 1e9
        left = [at for at in range(len(self.providers)) if at not in tried]
        chosen = next((at for at in left if self._health[at].may_try(now_s)), left[0] if left else None)
        if chosen is not None:
            self._change(chosen, "", lambda health: health.began(now_s))
        return chosen

    def succeeded(self, at: int) -> None:
        self._change(at, "", Health.succeeded)

    def let_go(self, at: int) -> None:
        self._change(at, "", Health.let_go)

    def failed(self, at: int, what: str) -> None:
        """Of a stream that may go on with another: tells the session that reads it."""
        tell(self.kind, self.names[at], what)
        self._change(at, what, lambda health: health.failed(now_ns() / 1e9))

    def _change(self, at: int, what: str, change: Callable[[Health], None]) -> None:
        before = self._health[at].state
        change(self._health[at])
        after = self._health[at].state
        if before is not after and self._on_change is not None:
            self._on_change(HealthChange(self.kind, self.names[at], before, after, what))

    async def warm_up(self) -> None:
        """All at once; one that fails counts as failed. Raises ProviderError if every one does."""
        wrong = await self._each(provider.warm_up() for provider in self.providers)
        for at, error in enumerate(wrong):
            if error is not None:
                self.failed(at, f"warm-up: {describe(error)}")
        if all(error is not None for error in wrong):
            raise self.error([(at, describe(error)) for at, error in enumerate(wrong) if error is not None])

    async def aclose(self) -> None:
        """Closes all; raises ProviderError, once all were tried, for those that failed to."""
        wrong = await self._each(provider.aclose() for provider in self.providers)
        if left := [(at, describe(error)) for at, error in enumerate(wrong) if error is not None]:
            raise self.error(left)

    async def _each(self, work: Any) -> list[BaseException | None]:
        results = await asyncio.gather(*work, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, Exception):
                raise result
        return results

    def error(self, wrong: Sequence[tuple[int, str]]) -> ProviderError:
        """What each of them did wrong, by name."""
        told = "; ".join(f"{self.names[at]}: {what}" for at, what in wrong)
        return ProviderError(self.kind, self.name, told)


class Leaving:
    """Streams that were left, closed beside what goes on: nobody waits for one that does not close."""

    def __init__(self, kind: ProviderKind, close_timeout_s: float) -> None:
        self._kind, self._close_timeout_s = kind, close_timeout_s
        self._tasks: set[asyncio.Task[None]] = set()

    def leave(self, stream: Closable, name: str) -> None:
        work: Coroutine[Any, Any, None] = close_stream(
            stream, self._close_timeout_s, lambda what: tell(self._kind, name, what)
        )
        task = asyncio.get_running_loop().create_task(work, name=f"close a stream of {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Waits until all have closed, or were given up."""
        try:
            while self._tasks:
                await asyncio.wait(self._tasks)
        except asyncio.CancelledError:
            for task in self._tasks:
                task.cancel()
            raise
