"""What was said: plain messages, in order, serialisable.

The history is what was heard (law 9): an agent's message holds the words that reached the listener, and keeps the rest
beside them as `unheard`. What its tools did stays whole, however little was heard. Nothing here refers to a port, a
provider or a task.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, Literal

Role = Literal["system", "user", "assistant"]
TOOL_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What OpenAI and Anthropic take for a tool's name, and for the id of a call."""


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool call of the model and what came of it: one thing, so that neither is in a history without the other.

    `id`: unique in its history. `arguments`: a JSON object as text. `output`: what the model is to read. `failed`: the
    tool did not do what was asked. Raises ValueError for an id, a name or arguments that a model's server would refuse.
    """

    id: str
    name: str
    arguments: str
    output: str
    failed: bool = False

    def __post_init__(self) -> None:
        for what, value in (("id", self.id), ("name", self.name)):
            if not TOOL_NAME.fullmatch(value):
                raise ValueError(f"tool use: {what} {value!r} must be 1 to 64 letters, digits, _ or -")
        try:
            whole = isinstance(json.loads(self.arguments), dict)
        except (ValueError, RecursionError):
            whole = False
        if not whole:
            raise ValueError(f"tool use {self.id}: arguments must be a JSON object, not {self.arguments[:60]!r}")


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message.

    `text`: what was said; of an agent's message, only what was heard. `interrupted`: it ended before its text did;
    `unheard` is then the rest, as it would have gone on. `heard_bound_s`: how far, either way, the position up to which
    the message was heard may be off. `began_s`, `ended_s`: seconds of the session's media clock (mic samples / 16000).
    `backchannel`: the user said it while the agent spoke on, without wanting the floor ("mhm"); nobody answers it.
    `tools`: of an agent's message, what the model called after its text, in the order of the calls, with the results.
    """

    role: Role
    text: str
    interrupted: bool = False
    unheard: str = ""
    heard_bound_s: float = 0.0
    began_s: float = 0.0
    ended_s: float = 0.0
    backchannel: bool = False
    tools: tuple[ToolUse, ...] = ()

    def __post_init__(self) -> None:
        if self.tools and self.role != "assistant":
            raise ValueError(f"chat message: only the assistant uses tools, not {self.role}")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ChatMessage:
        """Raises ValueError for a field it does not know (what, and which ones there are)."""
        known = {field.name for field in fields(cls)}
        if unknown := set(data) - known:
            raise ValueError(f"chat message: unknown fields {sorted(unknown)}; known are {sorted(known)}")
        return cls(**{**data, "tools": tuple(ToolUse(**use) for use in data.get("tools", ()))})


class ChatContext:
    """Instructions and the messages so far. A language model gets a copy and begins a reply to its last message."""

    __slots__ = ("_messages", "instructions")

    def __init__(self, instructions: str = "", messages: Iterable[ChatMessage] = ()) -> None:
        self.instructions = instructions
        self._messages: list[ChatMessage] = []
        for message in messages:
            self.append(message)

    @property
    def messages(self) -> tuple[ChatMessage, ...]:
        """All of them, those of which nothing was heard included."""
        return tuple(self._messages)

    def spoken(self) -> Iterator[ChatMessage]:
        """What a model is to see: messages with any text, or with tools. An agent's message of which no word was heard
        is left out, unless tools were called in it. A backchannel is joined to what the user says next to it ("mhm" and
        then "and on Sundays?" are one message), since many models want user and assistant to take turns; it is a
        message of its own between two of the agent's."""
        last: ChatMessage | None = None
        for message in self._messages:
            if not message.text and not message.tools:
                continue
            if last is not None and last.role == message.role == "user" and (last.backchannel or message.backchannel):
                both = last.backchannel and message.backchannel
                last = replace(last, text=f"{last.text} {message.text}", ended_s=message.ended_s, backchannel=both)
                continue
            if last is not None:
                yield last
            last = message
        if last is not None:
            yield last

    def last_user_text(self) -> str:
        """What the user said since the agent was last heard, backchannels left out, joined; "" if nothing."""
        said: list[str] = []
        for message in reversed(self._messages):
            if message.role == "assistant" and message.text:
                break
            if message.role == "user" and message.text and not message.backchannel:
                said.append(message.text)
        return " ".join(reversed(said))

    def append(self, message: ChatMessage) -> None:
        """ValueError: one of its tool calls has an id that is in the history already."""
        self._check_ids(message, self._messages)
        self._messages.append(message)

    def insert(self, index: int, message: ChatMessage) -> None:
        """As a list does; ValueError as for `append`."""
        self._check_ids(message, self._messages)
        self._messages.insert(index, message)

    def replace(self, index: int, message: ChatMessage) -> None:
        """Puts `message` in the place of the one at `index`; IndexError if there is none, ValueError as above."""
        self._check_ids(message, self._messages[:index] + self._messages[index + 1 :])
        self._messages[index] = message

    def replace_last(self, message: ChatMessage) -> None:
        """Puts `message` in the place of the last one; IndexError if there is none, ValueError as for `append`."""
        self._check_ids(message, self._messages[:-1])
        self._messages[-1] = message

    def cut(self, length: int) -> None:
        """Keeps the first `length` messages."""
        del self._messages[length:]

    @staticmethod
    def _check_ids(message: ChatMessage, others: list[ChatMessage]) -> None:
        if not message.tools:
            return
        taken = {use.id for other in others for use in other.tools}
        for use in message.tools:
            if use.id in taken:
                raise ValueError(f"tool use {use.id}: this id is in the history already; each call needs its own")
            taken.add(use.id)

    def copy(self) -> ChatContext:
        copied = ChatContext(self.instructions)
        copied._messages = self._messages.copy()
        return copied

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[ChatMessage]:
        return iter(self.messages)

    def __getitem__(self, index: int) -> ChatMessage:
        return self._messages[index]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ChatContext):
            return NotImplemented
        return self.instructions == other.instructions and self._messages == other._messages

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        return f"ChatContext({len(self._messages)} messages)"

    def to_dict(self) -> dict[str, Any]:
        return {"instructions": self.instructions, "messages": [message.to_dict() for message in self._messages]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ChatContext:
        return cls(data["instructions"], (ChatMessage.from_dict(entry) for entry in data["messages"]))
