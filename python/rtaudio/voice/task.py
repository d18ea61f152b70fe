"""`Task[T]`: an agent that takes over for one typed result, and gives the talk back.

    class AskAddress(Task[Address]):
        instructions = "Find out where the user lives. Ask for what is missing."

        @tool
        def note(self, street: str, town: str) -> None:
            "Notes the address, once it is complete."
            self.complete(Address(street, town))

    address = await session.run_task(AskAddress())       in a hook, or any code of the session
    address = await context.run_task(AskAddress())       in a tool

It is in charge, as an agent that was handed the talk to, from when whoever speaks has ended until its result is there;
what the agent below was about waits, and goes on then. Tasks may run tasks.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from rtaudio.voice.agent import Agent

T = TypeVar("T")


class TaskCancelled(Exception):
    """The task will bring no result, and the text says why: the session closed, the talk was handed over to another
    agent, or the task that began this one is over."""


class Task(Agent, Generic[T]):
    """An agent for one result; see the module. Takes what `Agent` takes. `timeout_s`: how long it may take, from
    `run_task` on; None: as long as the talk. One that has no greeting begins to speak by itself, by its model.

    `complete` and `fail` may be called from its tools, also those in threads, its hooks, and any code; once. They take
    effect when the step that called them is over. An exception of `on_enter` fails it.
    """

    timeout_s: float | None = None

    _state: Literal["new", "running", "completed", "failed"] = "new"
    _value: T | None = None
    _error: BaseException | None = None
    _over: Callable[[], None] = staticmethod(lambda: None)

    def complete(self, value: T) -> None:
        """The result is there. RuntimeError for a task that does not run, or has its outcome."""
        self._end("completed")
        self._value = value
        self._over()

    def fail(self, error: BaseException) -> None:
        """There will be none: whoever waits gets `error`. RuntimeError as for `complete`, TypeError
        for what is no exception."""
        if not isinstance(error, BaseException):
            raise TypeError(f"task {self.name}: fail({error!r:.80}): an exception is wanted")
        self._end("failed")
        self._error = error
        self._over()

    @property
    def over(self) -> bool:
        """It has its outcome."""
        return self._state in ("completed", "failed")

    def _end(self, state: Literal["completed", "failed"]) -> None:
        if self._state != "running":
            was = (
                "was not begun: `await session.run_task(task)`"
                if self._state == "new"
                else f"has {self._state} already"
            )
            raise RuntimeError(f"task {self.name} {was}")
        self._state = state

    def _need_new(self) -> None:
        if self._state != "new":
            raise RuntimeError(f"task {self.name} was run before; make a new one")

    def _begin(self, over: Callable[[], None]) -> None:
        """By the session. `over` is called on its loop."""
        self._need_new()
        loop, thread = asyncio.get_running_loop(), threading.get_ident()

        def tell() -> None:
            if threading.get_ident() == thread:
                over()
            else:
                loop.call_soon_threadsafe(over)

        self._state, self._over = "running", tell

    if not TYPE_CHECKING:  # for type checkers it has no such method, and they say so

        def __await__(self):
            raise TypeError(
                f"a task is not awaited itself: `await context.run_task({type(self).__name__}())` in a tool, "
                f"`await session.run_task({type(self).__name__}())` elsewhere"
            )

    def _result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # completed: it is a T
