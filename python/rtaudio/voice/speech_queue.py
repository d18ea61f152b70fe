"""What the program wants said or answered and that waits: pure, a part of the session's machine.

    now     what is being said is cut for it, then as "high", before the others
    high    next, after what is being said. While tools run, or the model is to go on from them, a reply that is "high"
            comes before that: the talk moves on, and what the tools have not brought yet follows late
    normal  in order. Texts are said while tools run; replies wait until the answer under way has come to its end
    low     when nothing else is to be said or answered

Texts pass replies that wait for tools. Otherwise the order within a priority is that in which they were asked for. What
had begun, and is to be begun again, comes first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, Literal

from rtaudio.voice.items import ReplyAsked, SayAsked
from rtaudio.voice.policies import Priority

Wish = SayAsked | ReplyAsked
MOST_WAITING: Final = 16
"""How much of the program's may wait; `Session.say` and `generate_reply` refuse more."""


class SpeechQueue:
    """`put` takes what is asked for, `take` gives what is next. What is asked for without a ticket (an apology, a
    filler) counts in `len`, too."""

    def __init__(self) -> None:
        self._high = deque[Wish]()
        self._normal = deque[Wish]()
        self._low = deque[Wish]()

    def __len__(self) -> int:
        return len(self._high) + len(self._normal) + len(self._low)

    def __iter__(self) -> Iterator[Wish]:
        """In order, were they all to be said."""
        yield from (*self._high, *self._normal, *self._low)

    @property
    def texts(self) -> bool:
        """A text is to be said that need not wait for an answer."""
        return any(isinstance(wish, SayAsked) for wish in (*self._high, *self._normal))

    @property
    def presses(self) -> bool:
        """A reply waits for which the talk moves on."""
        return any(isinstance(wish, ReplyAsked) for wish in self._high)

    def put(self, wish: Wish) -> None:
        """A filler takes the place of one that waits already: one is enough."""
        if isinstance(wish, SayAsked) and wish.while_call:
            self.drop_fillers()
        if wish.priority == "now":
            self._high.appendleft(wish)
        else:
            self._of(wish.priority).append(wish)

    def put_back(self, wishes: Iterable[Wish]) -> None:
        """They had been taken, in this order, and are to be begun again."""
        for wish in reversed(tuple(wishes)):
            self._of(wish.priority).appendleft(wish)

    def take(self, *, replies: Literal["all", "high", "none"], low: bool) -> Wish | None:
        """The next, of texts and of those `replies`; `low`: of all priorities."""
        for waiting in (self._high, self._normal, self._low) if low else (self._high, self._normal):
            for wish in waiting:
                if isinstance(wish, SayAsked) or replies == "all" or (replies == "high" and waiting is self._high):
                    waiting.remove(wish)
                    return wish
        return None

    def take_typed(self) -> tuple[ReplyAsked, ...]:
        """All that brought words of the user: whatever answers the user now answers them."""
        taken = tuple(wish for wish in self if isinstance(wish, ReplyAsked) and wish.user_input is not None)
        self._without(taken)
        return taken

    def remove(self, ticket: int) -> Wish | None:
        """The one with that ticket, if it waits."""
        found = next((wish for wish in self if ticket and wish.ticket == ticket), None)
        if found is not None:
            self._without((found,))
        return found

    def drop_fillers(self, call_id: str | None = None) -> None:
        """Those for the call, or all: they have come too late."""
        fillers = [wish for wish in self if isinstance(wish, SayAsked) and wish.while_call]
        self._without(wish for wish in fillers if call_id in (None, wish.while_call))

    def clear(self) -> tuple[Wish, ...]:
        left = tuple(self)
        self._without(left)
        return left

    def _of(self, priority: Priority) -> deque[Wish]:
        return {"low": self._low, "normal": self._normal}.get(priority, self._high)

    def _without(self, gone: Iterable[Wish]) -> None:
        numbers = {id(wish) for wish in tuple(gone)}
        for waiting in (self._high, self._normal, self._low):
            kept = [wish for wish in waiting if id(wish) not in numbers]
            waiting.clear()
            waiting.extend(kept)
