"""Which response of a speech-to-speech model is which reply: one connection's bookkeeping, without a clock or a task.

    reply       leaves to
    QUEUED      ASKED once the response before it is done: a server takes one at a time
    ASKED       bound, with the ResponseBegan of its request, or of one that the server began by itself
    AWAITED     bound, with the next response that the server begins by itself
    bound       what comes of the response goes to the reply, until it is done or given up

A response that no reply waits for is held until one does, or nobody wants it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from rtaudio.voice.protocols import ToolSpec
from rtaudio.voice.realtime import RealtimeEvent
from rtaudio.voice.word_finder import WordFinder

REMEMBERED: Final = 64
"""Replies whose messages can still be truncated, and whose calls get results."""


class Waiting(Enum):
    """Where a reply without a response is; see the module."""

    QUEUED = "queued"
    ASKED = "asked"
    AWAITED = "awaited"


@dataclass(slots=True)
class Response:
    """One response. Its messages are the reply's clauses, in the order in which they appear."""

    id: str
    reply: int | None = None
    tools: tuple[ToolSpec, ...] | None = None  # it may call; None: those of the connection
    given_up: bool = False
    complete: bool = False  # and the session knows: its calls are run
    messages: list[str] = field(default_factory=list)
    finders: list[WordFinder] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    held: list[RealtimeEvent] = field(default_factory=list)
    held_samples: int = 0

    def clause_of(self, message: str) -> int | None:
        """None: it is a new one."""
        return self.messages.index(message) if message in self.messages else None


@dataclass(slots=True)
class Waiter:
    """The reply that waits for a response."""

    reply: int
    state: Waiting
    instructions: str | None = None
    tools: tuple[ToolSpec, ...] | None = None  # None: those of the connection


class Responses:
    """`active`: the server is making it. `pending`: the request that it has not begun, or refused, yet."""

    def __init__(self) -> None:
        self.active: Response | None = None
        self.pending: int | None = None
        self.waiter: Waiter | None = None
        self.held: Response | None = None
        self.refuses_next = False
        self._of: OrderedDict[int, Response] = OrderedDict()

    @property
    def busy(self) -> bool:
        return self.active is not None or self.pending is not None

    def of(self, reply: int) -> Response | None:
        return self._of.get(reply)

    def began(self, id: str, request: int | None) -> Response:
        """A response is under way: bound, given up or held, as is seen in it."""
        response = self.active = Response(id)
        waiter = self.waiter
        if request is not None:
            if request == self.pending:
                self.pending = None
            if waiter is not None and waiter.reply == request:
                self.bind(response, request)
            else:
                response.given_up = True
        elif waiter is not None:
            self.bind(response, waiter.reply)
        elif self.refuses_next:
            response.given_up = True
        else:
            self.held = response
        self.refuses_next = False
        return response

    def bind(self, response: Response, reply: int) -> None:
        response.reply = reply
        if self.waiter is not None and self.waiter.state is Waiting.ASKED:
            response.tools = self.waiter.tools
        self.waiter = None
        if self.held is response:
            self.held = None
        self._of[reply] = response
        if len(self._of) > REMEMBERED:
            self._of.popitem(last=False)

    def refuse_held(self) -> Response | None:
        """Nobody wants it; gives it, if it is there."""
        response, self.held = self.held, None
        if response is not None:
            response.given_up = True
        return response
