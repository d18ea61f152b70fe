"""What happened in one turn of a conversation, and what a test expects of it, in order.

    turn.expect.calls("book", {"guests": 4}, output="Booked.")
    turn.expect.says(contains="booked")
    turn.expect.no_more()

Each expectation takes the next thing that happened. One that is not met raises AssertionError, whose text shows the
whole turn as people read it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn, TypeVar, get_args

from rtaudio.voice.agent import HookName
from rtaudio.voice.chat import ChatMessage
from rtaudio.voice.events import ChangeReason, SessionEvent
from rtaudio.voice.protocols import StageKind


@dataclass(frozen=True, slots=True)
class Said:
    """The agent said `text`, to its end or `interrupted`."""

    text: str
    interrupted: bool = False

    def __str__(self) -> str:
        return f"agent  {self.text}{' (cut)' if self.interrupted else ''}"


@dataclass(frozen=True, slots=True)
class Called:
    """The model called a tool. `output`: what it was told; `failed`: the tool did not do what was asked."""

    name: str
    arguments: dict[str, Any] = field(hash=False)
    output: str
    failed: bool = False

    def __str__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"tool   {self.name}({arguments}) {'failed' if self.failed else '->'} {self.output!r}"


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Another agent is in charge; both by name, as in AgentChanged."""

    before: str
    after: str
    why: ChangeReason

    def __str__(self) -> str:
        return f"agents {self.before} -> {self.after} ({self.why})"


@dataclass(frozen=True, slots=True)
class ProviderBroke:
    """A provider, or a stage of the agent, failed: the model, mostly."""

    kind: StageKind
    what: str

    def __str__(self) -> str:
        return f"failed {self.kind}: {self.what}"


@dataclass(frozen=True, slots=True)
class HookBroke:
    """A hook of the agent failed, or the choice of what it is shown; as in HookFailed."""

    kind: str
    what: str

    def __str__(self) -> str:
        return f"failed {self.kind}: {self.what}"


Happening = Said | Called | HandedOver | ProviderBroke | HookBroke
H = TypeVar("H", Said, Called, HandedOver, ProviderBroke, HookBroke)


def happenings_of(message: ChatMessage) -> list[Happening]:
    """Of a message of the agent as it came into the history."""
    happened: list[Happening] = [Said(message.text, message.interrupted)] if message.text else []
    return happened + [Called(use.name, json.loads(use.arguments), use.output, use.failed) for use in message.tools]


class Turn:
    """What the user wrote ("" where the agent began by itself), what came of it in order, and the session's events.
    `str(turn)` is the turn as people read it."""

    def __init__(self, user: str, happened: Iterable[Happening], events: Iterable[SessionEvent] = ()) -> None:
        self.user, self.happened, self.events = user, tuple(happened), tuple(events)
        self.expect = Expectations(self)

    @property
    def text(self) -> str:
        """All that the agent said."""
        return " ".join(each.text for each in self.happened if isinstance(each, Said))

    @property
    def calls(self) -> tuple[Called, ...]:
        """All tools that were called."""
        return tuple(each for each in self.happened if isinstance(each, Called))

    def __str__(self) -> str:
        return "\n".join([*([f"user   {self.user}"] if self.user else []), *map(str, self.happened)])


class Expectations:
    """A turn from its begin to its end; each method goes one further, and gives what it took."""

    def __init__(self, turn: Turn) -> None:
        self._turn, self._at = turn, 0

    def says(self, equal: str | None = None, *, contains: str | None = None, matches: str | None = None) -> Said:
        """The agent says something next: just that; with that in it, capitals aside; or in which that regular
        expression is found. Of several, all must hold; of none, anything is right."""
        wanted = [
            *([f"{equal!r}"] if equal is not None else []),
            *([f"something with {contains!r} in it"] if contains is not None else []),
            *([f"something that matches {matches!r}"] if matches is not None else []),
        ]
        expected = f"the agent says {' and '.join(wanted) or 'something'}"
        said = self._next(Said, expected)
        right = equal is None or said.text == equal
        right = right and (contains is None or contains.casefold() in said.text.casefold())
        if not (right and (matches is None or re.search(matches, said.text) is not None)):
            self._fail(expected)
        self._at += 1
        return said

    def may_say(self) -> Said | None:
        """The agent may say something next, before what is expected after it. None: it does not."""
        if self._at < len(self._turn.happened) and isinstance(said := self._turn.happened[self._at], Said):
            self._at += 1
            return said
        return None

    def calls(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        output: str | None = None,
        failed: bool = False,
    ) -> Called:
        """The model calls that tool next, with just these arguments, as the model wrote them, and `output` comes of it;
        None: any. `failed`: the call does not succeed."""
        shown = "" if arguments is None else ", ".join(f"{key}={value!r}" for key, value in arguments.items())
        expected = f"a call of {name}({'...' if arguments is None else shown})"
        expected += "" if output is None else f" -> {output!r}"
        expected += ", which fails" if failed else ""
        called = self._next(Called, expected)
        right = called.name == name and called.failed == failed
        right = right and (arguments is None or called.arguments == dict(arguments))
        if not (right and (output is None or called.output == output)):
            self._fail(expected)
        self._at += 1
        return called

    def hands_over(self, to: str) -> HandedOver:
        """The agent of that name is in charge next (`Agent.name`, by default its class)."""
        expected = f"{to} in charge"
        handed = self._next(HandedOver, expected)
        if handed.after != to:
            self._fail(expected)
        self._at += 1
        return handed

    def fails(self, kind: StageKind | HookName | Literal["history"]) -> ProviderBroke | HookBroke:
        """A provider, or a stage of the agent, of that kind fails next, or that hook."""
        expected = f"a failure of the {kind}"
        broke: ProviderBroke | HookBroke
        broke = self._next(ProviderBroke, expected) if kind in get_args(StageKind) else self._next(HookBroke, expected)
        if broke.kind != kind:
            self._fail(expected)
        self._at += 1
        return broke

    def no_more(self) -> None:
        """Nothing else happened."""
        if self._at < len(self._turn.happened):
            self._fail("nothing more")

    def _next(self, kind: type[H], expected: str) -> H:
        if self._at < len(self._turn.happened) and isinstance(found := self._turn.happened[self._at], kind):
            return found
        self._fail(expected)

    def _fail(self, expected: str) -> NoReturn:
        turn = self._turn
        lines = [f"  user   {turn.user}"] if turn.user else []
        lines += [f"{'>' if at == self._at else ' '} {each}" for at, each in enumerate(turn.happened)]
        lines += ["> (nothing more)"] if self._at == len(turn.happened) else []
        raise AssertionError("\n".join([f"expected {expected}; the turn was", *lines]))
