"""The user's turns, from the first word to the transcript: pure, a part of the session's machine.

    turn        leaves to
    TALKING     AWAITED when the core decides that it has ended. At most one turn is in it, the latest.
    AWAITED     SETTLED with the final transcript, or with what there was of it when recognition failed
    SETTLED     taken, in the order of the turns, once every earlier one has been

A turn that begins while an earlier one is awaited does not wait for it: nothing said is lost (law 10), and a slow
transcript never overtakes or falls behind.

A turn that the core resumes goes on as another `Turn` here, its next part: recognised by itself, from where the part
before ended (or from where its speech began, if that is earlier), so that no sample is lost. Parts share the number
that users see (`turn`) and the place by which the core knows the turn (`core`); `words` are those of all parts so far.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from rtaudio.voice.events import BargeState

CLAIMS: Final[tuple[BargeState, ...]] = ("confirmed", "kept")


class Hearing(StrEnum):
    """Where a turn is; see the module."""

    TALKING = "talking"
    AWAITED = "awaited"
    SETTLED = "settled"


@dataclass(slots=True)
class EagerTally:
    """Of replies that were begun before the turn was over (machine_eager.py)."""

    attempts: int = 0
    kept: bool = False
    wasted_tokens: int = 0
    wasted_audio_s: float = 0.0


@dataclass(slots=True)
class Turn:
    """One turn, or one part of a turn that was resumed. Positions count samples of the mic ring."""

    number: int  # of the recognition
    turn: int  # as users see it: the same for all parts
    begin: int  # mic position at which speech began
    start: int  # from which recognition gets audio
    state: Hearing = Hearing.TALKING
    end: int = 0  # of speech
    until: int = 0  # up to which recognition gets audio
    text: str = ""
    barge: BargeState = "quiet"  # how the core judged it
    claims: bool = False  # it holds speech of which the core did not say, and will not, that it asks for nothing
    failed: bool = False
    waived: bool = False  # nobody wants an answer to it
    ended_ns: int = 0  # end of speech, on the loop's clock
    decided_ns: int = 0
    final_ns: int = 0
    core: int = 0  # where the whole turn began, as the core has it
    before: Turn | None = None  # the part that this one goes on with
    hinted: int = 0  # words that the core was told of
    heard: bool = False  # something of an answer to it was
    cold: bool = False  # it began while the core did not act on sounds yet
    by_words: bool = False  # the core heard nothing of it
    words_at: int = 0  # mic position at which the last words of such a turn came
    typed: bool = False  # it came as text, and was taken at once
    eager: EagerTally = field(default_factory=EagerTally)  # of all parts

    def judge(self, barge: BargeState, lets_go_on: bool) -> None:
        """The core's word on what was said last. `lets_go_on`: that asks for nothing; so it says nothing of a turn
        that holds more."""
        claimed = self.barge in CLAIMS and barge != "confirmed"
        if not (claimed or (lets_go_on and self.claims)):
            self.barge = barge

    @property
    def words(self) -> str:
        """What was understood of all parts."""
        return f"{self.before.words} {self.text}".strip() if self.before is not None else self.text


class Turns:
    """The turns that are not dealt with yet, oldest first."""

    def __init__(self, pre_roll_samples: int) -> None:
        self._pre_roll = pre_roll_samples
        self._turns: deque[Turn] = deque()
        self._last_until = 0
        self._count = self._seen = 0
        self._over: Turn | None = None  # the last one that ended
        self.standing: Turn | None = None  # of nobody yet: its recognition runs, and the next turn takes it

    @property
    def talking(self) -> Turn | None:
        return self._turns[-1] if self._turns and self._turns[-1].state is Hearing.TALKING else None

    @property
    def latest(self) -> Turn | None:
        return self._turns[-1] if self._turns else None

    @property
    def open(self) -> bool:
        """Somebody talks, or a transcript is awaited."""
        return bool(self._turns)

    def __iter__(self) -> Iterator[Turn]:
        return iter(self._turns)

    @property
    def alone(self) -> bool:
        """There is one turn, and no more."""
        return len(self._turns) == 1

    def find(self, number: int) -> Turn | None:
        if self.standing is not None and self.standing.number == number:
            return self.standing
        return next((turn for turn in self._turns if turn.number == number), None)

    @property
    def waiting(self) -> tuple[Turn, ...]:
        """Those that are not dealt with yet."""
        return tuple(self._turns)

    @property
    def counted(self) -> tuple[int, int]:
        """(recognitions so far, turns so far as users see them)."""
        return self._count, self._seen

    @property
    def last_until(self) -> int:
        """Where the audio of the last one that ended ends."""
        return self._last_until

    def take_up(self, waiting: Iterable[Turn], over: Turn | None, counted: tuple[int, int], last_until: int) -> None:
        """Goes on as another that had these."""
        self._turns, self._over = deque(waiting), over
        self._count, self._seen = counted
        self._last_until = last_until

    def stand(self, position: int) -> Turn:
        """Recognition that runs from where the turn before ended, at that mic position the first time."""
        self._count += 1
        start = self._last_until or position
        self.standing = Turn(self._count, 0, start, start, core=start)
        return self.standing

    def begin(self, position: int) -> Turn:
        """A new turn. Its pre-roll does not reach into the turn before, but its speech may have begun within that."""
        if (standing := self.standing) is not None:
            return self._take_standing(standing, position)
        self._count += 1
        self._seen += 1
        start = min(position, max(position - self._pre_roll, self._last_until, 0))
        turn = Turn(self._count, self._seen, position, start, core=position)
        self._turns.append(turn)
        return turn

    def _take_standing(self, turn: Turn, position: int) -> Turn:
        self.standing = None
        self._seen += 1
        turn.turn, turn.begin, turn.core = self._seen, position, position
        self._turns.append(turn)
        return turn

    def typed(self, text: str, position: int, time_ns: int) -> Turn:
        """A turn that came as text at that mic position: nothing of it is awaited."""
        self._seen += 1
        turn = Turn(0, self._seen, position, position, Hearing.SETTLED, position, position, text, typed=True)
        turn.ended_ns = turn.decided_ns = turn.final_ns = time_ns
        return turn

    @property
    def over(self) -> Turn | None:
        """The last one that ended."""
        return self._over

    def resume(self, core: int, joins: bool) -> Turn | None:
        """The turn that is being spoken goes on with the one before, which the core knows as `core`. None: it stays a
        turn of its own, because `joins` says so, or because that one is not known here, as after lost events."""
        turn, before = self.talking, self._over
        if turn is None or before is None or before.core != core or turn.before is not None:
            return None
        if not joins:
            turn.core = core
            return None
        self._seen -= turn.turn == self._seen  # its number is free again, unless others came after it
        turn.turn, turn.core, turn.before = before.turn, core, before
        turn.eager = before.eager
        return turn

    def end(self, turn: Turn, end: int, until: int) -> None:
        self._over = turn
        turn.state, turn.end, turn.until = Hearing.AWAITED, end, until
        self._last_until = until

    def waive(self) -> None:
        """No answer to what is over already, once its words come."""
        for turn in self._turns:
            turn.waived = turn.state is not Hearing.TALKING

    def settle(self, turn: Turn) -> list[Turn]:
        """The turns that can be taken now, in order."""
        turn.state = Hearing.SETTLED
        taken = []
        while self._turns and self._turns[0].state is Hearing.SETTLED:
            taken.append(self._turns.popleft())
        return taken

    def clear(self) -> list[Turn]:
        left = [*self._turns, *([self.standing] if self.standing is not None else [])]
        self._turns.clear()
        self.standing = None
        return left
