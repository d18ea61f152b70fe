"""When a simulated caller speaks: at a time, or by what the agent does or says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from rtaudio.voice.events import AgentSpeechHeard, AgentSpeechInterrupted, ReplyText, SessionEvent

_WORD = re.compile(r"\w+(?:['’]\w+)*")


def words_of(text: str) -> list[str]:
    """The words alone, without capitals and marks: what two texts are compared by."""
    return [match[0].casefold().replace("’", "'") for match in _WORD.finditer(text)]


def place_in(words: Sequence[str], wanted: Sequence[str]) -> int | None:
    """Where `wanted` begins in `words`, the first time."""
    last = len(words) - len(wanted)
    return next((at for at in range(last + 1) if words[at : at + len(wanted)] == list(wanted)), None)


@dataclass(slots=True)
class AgentSeen:
    """What a caller knows of the agent, in samples of the caller's own clock; -1: never. `words`: that were heard to
    their end, and when."""

    speaks: bool = False
    started_at: int = -1
    stopped_at: int = -1
    words: list[tuple[int, str]] = field(default_factory=list)

    def speaking(self, speaks: bool, position: int) -> None:
        if speaks and not self.speaks:
            self.started_at = position
        elif self.speaks and not speaks:
            self.stopped_at = position
        self.speaks = speaks


@dataclass(frozen=True, slots=True)
class At:
    """At that second of the call."""

    s: float

    def begin(self, agent: AgentSeen, free_at: int, rate: int) -> int | None:
        """The sample, once it is known; it may have passed. `free_at`: where the clip before ended, before which the
        agent's doings do not count."""
        return max(free_at, round(self.s * rate))


@dataclass(frozen=True, slots=True)
class AfterOwn:
    """So long after the clip before."""

    s: float

    def begin(self, agent: AgentSeen, free_at: int, rate: int) -> int | None:
        return free_at + round(self.s * rate)


@dataclass(frozen=True, slots=True)
class AfterStart:
    """So long after the agent begins to speak."""

    s: float

    def begin(self, agent: AgentSeen, free_at: int, rate: int) -> int | None:
        return agent.started_at + round(self.s * rate) if agent.started_at >= free_at else None


@dataclass(frozen=True, slots=True)
class AfterStop:
    """So long after the agent is silent."""

    s: float

    def begin(self, agent: AgentSeen, free_at: int, rate: int) -> int | None:
        known = not agent.speaks and agent.stopped_at >= free_at
        return agent.stopped_at + round(self.s * rate) if known else None


@dataclass(frozen=True, slots=True)
class AfterWords:
    """So long after the agent was heard to say so many words."""

    count: int
    s: float

    def begin(self, agent: AgentSeen, free_at: int, rate: int) -> int | None:
        at = [position for position, _ in agent.words if position >= free_at]
        return at[self.count - 1] + round(self.s * rate) if len(at) >= self.count else None


@dataclass(frozen=True, slots=True)
class AfterPhrase:
    """So long after the agent was heard to say just that."""

    words: tuple[str, ...]
    s: float

    def begin(self, agent: AgentSeen, free_at: int, rate: int) -> int | None:
        since = [(position, word) for position, word in agent.words if position >= free_at]
        place = place_in([word for _, word in since], self.words)
        return since[place + len(self.words) - 1][0] + round(self.s * rate) if place is not None else None


When = At | AfterOwn | AfterStart | AfterStop | AfterWords | AfterPhrase


class AgentWords:
    """Which words of the agent were heard to their end, as they are."""

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}
        self._told: dict[int, int] = {}
        self._progress = (0, 0)

    def take(self, events: Sequence[SessionEvent], progress: tuple[int, int]) -> list[str]:
        """Those that came since it was asked. `progress`: the session's."""
        new: list[str] = []
        for event in events:
            match event:
                case ReplyText():
                    self._texts[event.reply] = self._texts.get(event.reply, "").ljust(event.text_offset) + event.text
                case AgentSpeechHeard():
                    new += self._up_to(event.reply, event.text)
                case AgentSpeechInterrupted():
                    new += self._up_to(event.reply, event.heard)
        if progress == self._progress:  # as in most ticks
            return new
        self._progress = progress
        number, offset = progress
        return new + self._up_to(number, self._texts.get(number, "")[:offset])

    def _up_to(self, reply: int, text: str) -> list[str]:
        words = words_of(text)
        told = self._told.get(reply, 0)
        self._told[reply] = max(told, len(words))
        return words[told:]
