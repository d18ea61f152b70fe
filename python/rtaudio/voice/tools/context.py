"""What a tool may ask for about its own call: a parameter annotated `ToolContext` gets it, and the model sees nothing.

@tool
async def book(context: ToolContext[Guests], day: date) -> str:
    "Books a table."
    context.say("One moment, I am looking.")
    ...
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol

from typing_extensions import TypeVar

from rtaudio.voice.chat import ChatContext
from rtaudio.voice.history_policy import HistoryPolicy
from rtaudio.voice.policies import Priority
from rtaudio.voice.rpc import RpcError
from rtaudio.voice.speech import SpeechHandle
from rtaudio.voice.task import Task
from rtaudio.voice.tools.errors import ClientError

T = TypeVar("T")
Data = TypeVar("Data", default=None)


class SessionHandle(Protocol):
    """What a tool sees of the session that its call belongs to. Event loop's thread only."""

    @property
    def history(self) -> ChatContext: ...

    def say(self, text: str) -> SpeechHandle: ...

    def generate_reply(
        self, *, user_input: str | None = None, instructions: str | None = None, priority: Priority = "normal"
    ) -> SpeechHandle: ...

    async def run_task(
        self, task: Task[T], *, timeout_s: float | None = None, history: HistoryPolicy | None = None
    ) -> T: ...

    def interrupt(self) -> None: ...

    def press(self, keys: str) -> None: ...

    async def call_client(self, method: str, params: Any = None, *, timeout_s: float = 10.0) -> Any: ...


@dataclass(slots=True)
class ToolContext(Generic[Data]):
    """One call, in all its attempts. May be used from the tool's own thread, but for `session`.

    `call_id`     as the history has it
    `tool`        the tool's name
    `key`         names what is asked for, in every attempt: hand it on to a service that must not do a thing twice
    `data`        the user's own, as the runner was given it
    `attempt`     1, and more when it is tried again
    `may_cancel`  with `on_interruption="ask"`: whether an interruption cancels the call at this moment. Set it to False
                  before what cannot be undone
    `cancelled`   nobody waits for the result any more. A blocking function cannot be stopped: it looks here and returns
    """

    call_id: str
    tool: str
    key: str
    data: Data
    attempt: int = 1
    may_cancel: bool = True
    _session: SessionHandle | None = None
    _tell: Callable[[str, bool], None] = lambda text, spoken: None
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _thread: int = field(default_factory=threading.get_ident)

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    @property
    def session(self) -> SessionHandle:
        """Raises RuntimeError without one, and in another thread than the event loop's."""
        if self._session is None:
            raise RuntimeError(f"tool {self.tool}: this call belongs to no session")
        if threading.get_ident() != self._thread:
            raise RuntimeError(f"tool {self.tool}: `session` is for the event loop's thread; use `say` and `progress`")
        return self._session

    async def run_task(
        self, task: Task[T], *, timeout_s: float | None = None, history: HistoryPolicy | None = None
    ) -> T:
        """Has the task take over, and gives its result (`Session.run_task`); the call's time limit does not run
        meanwhile. Event loop's thread only."""
        return await self.session.run_task(task, timeout_s=timeout_s, history=history)

    def say(self, text: str) -> None:
        """Has the agent say it while the call goes on. Does not wait; nothing once the call is over."""
        self._tell(text, True)

    def progress(self, text: str) -> None:
        """Tells whoever looks on; nothing is spoken."""
        self._tell(text, False)

    async def call_client(self, method: str, params: Any = None, *, timeout_s: float = 10.0) -> Any:
        """Calls a method of the client (the page, the app that the user speaks by), and gives its result. Raises
        ClientError, whose text tells the model why there is none; cancelled with the call, and the client is told."""
        try:
            return await self.session.call_client(method, params, timeout_s=timeout_s)
        except RpcError as error:
            raise ClientError(error.code, error.text) from error
