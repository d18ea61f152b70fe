"""Keys that the user presses, on a telephone (DTMF) or a page: an entry of them, on the media clock; pure.

    state      leaves to
    EMPTY      OPEN with the first key
    OPEN       COMPLETE with a key of `Keypad.ends`, with so many keys as are wanted (`Keypad.most`), or once no key has
               come for `Keypad.timeout_s`
    COMPLETE   taken by whoever is in charge: EMPTY, or OPEN with what was pressed beyond it

What is pressed while nobody can take it (a group between two of its tasks) stays, and is of whoever comes next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

KEYS: Final = "0123456789*#ABCD"
MASK: Final = "•"
"""Stands for a secret key wherever plain data goes: items, effects, events, history, models."""
MOST_KEYS: Final = 64
"""Of one entry; what is pressed beyond it before it is taken is dropped."""
MIC_RATE: Final = 16000


@dataclass(frozen=True, slots=True)
class Keypad:
    """How keys are taken while an agent is in charge.

    `most`: so many make an entry complete; None: as many as come (64). `ends`: keys that end one. `timeout_s`: so long
    after a key an entry is complete; on the media clock. `interrupts`: the agent stops speaking for a key, where what
    it says may be interrupted. `secret`: the keys are for the program alone (a PIN): history, journal, events and
    models have a "•" for each. ValueError for what makes no sense.
    """

    most: int | None = None
    ends: str = "#"
    timeout_s: float = 3.0
    interrupts: bool = True
    secret: bool = False

    def __post_init__(self) -> None:
        if self.most is not None and not 1 <= self.most <= MOST_KEYS:
            raise ValueError(f"Keypad: most = {self.most}: must lie in 1..{MOST_KEYS}, or be None")
        if unknown := [key for key in self.ends if key not in KEYS]:
            raise ValueError(f"Keypad: ends = {self.ends!r}: {unknown} are no keys; there are {KEYS}")
        if not 0 < self.timeout_s <= 3600:
            raise ValueError(f"Keypad: timeout_s = {self.timeout_s}: must lie in 0..3600 seconds")

    def shown(self, key: str) -> str:
        """As plain data has it."""
        return MASK if self.secret and key not in self.ends else key


@dataclass(slots=True)
class KeyEntry:
    """See the module. Positions are of the mic clock (16 kHz)."""

    keys: str = ""
    began: int = 0
    last: int = 0

    @property
    def open(self) -> bool:
        return bool(self.keys)

    @property
    def secret(self) -> bool:
        return MASK in self.keys

    def press(self, key: str, mic: int) -> None:
        if not self.keys:
            self.began = mic
        self.keys = (self.keys + key)[:MOST_KEYS]
        self.last = mic

    def due(self, rules: Keypad) -> int:
        """Mic position at which it is complete, as things are; 0: it is."""
        return 0 if self._length(rules) else self.last + round(rules.timeout_s * MIC_RATE)

    def take(self, rules: Keypad) -> str:
        """A complete entry; what was pressed beyond it stays."""
        length = self._length(rules) or len(self.keys)
        taken, self.keys = self.keys[:length], self.keys[length:]
        self.began = self.last
        return taken

    def _length(self, rules: Keypad) -> int:
        """Of the entry that is complete by its keys; 0: none is."""
        most = rules.most if rules.most is not None else MOST_KEYS
        ends = next((at + 1 for at, key in enumerate(self.keys) if key in rules.ends), MOST_KEYS + 1)
        length = min(most, ends)
        return length if length <= len(self.keys) else 0


class SecretKeys:
    """What stands behind the masks, for the hands: in memory alone, until whoever is in charge has got it."""

    def __init__(self) -> None:
        self._keys: list[str] = []

    def keep(self, key: str, shown: str) -> None:
        if shown == MASK and len(self._keys) < MOST_KEYS:
            self._keys.append(key)

    def reveal(self, shown: str) -> str:
        """The entry with its keys in the place of the masks. They are forgotten."""
        return "".join((self._keys.pop(0) if self._keys else "") if key == MASK else key for key in shown)

    def forget(self) -> None:
        self._keys.clear()
