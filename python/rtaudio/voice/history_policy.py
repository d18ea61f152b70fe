"""What an agent that takes over is shown of the talk before it. The session's own record keeps all of it in any case.

    share         goes on in the same talk: what is said in a task, its caller's model sees as well
    copy          all there is now; what is added is not seen by others
    last(6)       the last six messages
    fresh         nothing
    filtered(keep)        messages for which `keep(message)` is true
    summarised(...)       one message that says it in short, by a model or a function of one's own

Always shown, whatever the policy: the step whose tool handed over (its calls with their results), and what the user
said that nobody has answered yet. A call and its result are one message, and are kept or left out together.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rtaudio.voice.chat import ChatMessage

KeptKind = Literal["share", "copy", "last", "fresh"]


@dataclass(frozen=True, slots=True)
class Kept:
    """Plain data: `kind`, and of "last" the `count`. Made by `share`, `copy`, `last(n)` and `fresh`."""

    kind: KeptKind
    count: int = 0

    def of(self, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
        """Those of `messages` that are kept, in order."""
        if self.kind == "last":
            shown = [message for message in messages if message.text or message.tools]
            return shown[-self.count :]
        return [] if self.kind == "fresh" else list(messages)


share: Final = Kept("share")
copy: Final = Kept("copy")
fresh: Final = Kept("fresh")


def last(count: int) -> Kept:
    """The last `count` messages that have text or tool calls. ValueError for less than one."""
    if not isinstance(count, int):
        raise TypeError(f"last({count!r}): a number of messages is wanted")
    if count < 1:
        raise ValueError(f"last({count}): at least 1 message; nothing of the talk is `fresh`")
    return Kept("last", count)


Summary = Callable[[Sequence[ChatMessage]], Awaitable[str]]
"""Makes one text of messages; runs on the event loop, within the time that `summarised` says."""


@dataclass(frozen=True, slots=True)
class Filtered:
    """See `filtered`."""

    keep: Callable[[ChatMessage], bool]
    otherwise: Kept


@dataclass(frozen=True, slots=True)
class Summarised:
    """See `summarised`."""

    by: Summary | None
    timeout_s: float
    recent: int
    otherwise: Kept


HistoryPolicy = Kept | Filtered | Summarised


def filtered(keep: Callable[[ChatMessage], bool], *, otherwise: Kept = copy) -> Filtered:
    """`otherwise`: what holds where `keep` raises."""
    return Filtered(keep, otherwise)


def summarised(
    by: Summary | None = None, *, timeout_s: float = 10.0, recent: int = 0, otherwise: Kept | None = None
) -> Summarised:
    """`by`: an async function from messages to text; None: the model of the agent that takes over. The `recent` last
    messages are kept as they are, behind the summary. No answer of the agent begins before it is there, its greeting
    does. `otherwise` (by default `last(6)`): what holds where it fails or takes longer than `timeout_s`. ValueError for
    numbers that make no sense."""
    if not 0 < timeout_s <= 3600:
        raise ValueError(f"summarised: timeout_s = {timeout_s}: must lie in 0..3600 seconds")
    if recent < 0:
        raise ValueError(f"summarised: recent = {recent}: must not be negative")
    return Summarised(by, timeout_s, recent, otherwise if otherwise is not None else last(6))
