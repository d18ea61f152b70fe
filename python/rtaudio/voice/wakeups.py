"""One wake-up descriptor for all sessions of a process: the engine writes to it once a tick, then each looks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ClassVar, Protocol
from weakref import WeakValueDictionary


class WakeDescriptor(Protocol):
    """rtaudio.Wake."""

    @property
    def fd(self) -> int: ...
    def drain(self) -> bool: ...


class Wakeups:
    """Shares `wake` among the sessions of the running loop. Watches it while there is any."""

    _shared: ClassVar[WeakValueDictionary[int, Wakeups]] = WeakValueDictionary()

    @classmethod
    def of(cls, wake: WakeDescriptor) -> Wakeups:
        """The one that shares `wake`: an event loop watches a descriptor for one reader only, so all sessions that are
        given the same wake-up must come by the same Wakeups."""
        found = cls._shared.get(wake.fd)
        if found is None or found._wake is not wake:
            found = cls._shared[wake.fd] = cls(wake)
        return found

    def __init__(self, wake: WakeDescriptor) -> None:
        self._wake = wake
        self._takers: list[Callable[[], None]] = []

    def add(self, take: Callable[[], None]) -> None:
        if not self._takers:
            asyncio.get_running_loop().add_reader(self._wake.fd, self._ready)
        self._takers.append(take)

    def remove(self, take: Callable[[], None]) -> None:
        """Nothing happens if it is not there."""
        if take in self._takers:
            self._takers.remove(take)
            if not self._takers:
                asyncio.get_running_loop().remove_reader(self._wake.fd)

    def _ready(self) -> None:
        self._wake.drain()
        for take in tuple(self._takers):
            take()
