"""Digits from a user who says or presses them, as a state machine, pure: what came in, what is to be said or done out.

    state        leaves to
    COLLECTING   CONFIRMING (or DONE, where nothing is confirmed) with as many digits as are wanted
    CONFIRMING   DONE with "yes", or key 1; COLLECTING with "no", key 2, or *; CONFIRMING with a correction ("no, six
                 instead"), or other digits
    DONE         (left)

Too many digits, and "no", are failed attempts; after so many of them there is no result.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal

from rtaudio.voice.spoken_digits import spoken_digits, yes_or_no

PRESSED: Final = re.compile(r"\[pressed [^\]]*\]")
CLEARS: Final = "*"
YES_KEY, NO_KEY = "1", "2"


@dataclass(frozen=True, slots=True)
class DigitTexts:
    """What is said. `{digits}`: those there are, one by one; `{wanted}`: how many are."""

    read_back: str = "I have {digits}. Is that right?"
    go_on: str = "I have {digits} so far. Please go on."
    again: str = "Once more, please, from the beginning."
    too_many: str = "That is too many digits; I need {wanted}. Once more, please."
    keys_only: str = "Please use the keys of your telephone."


@dataclass(frozen=True, slots=True)
class Do:
    """`say` this text; the result is `done`; it is `spent`; only the `model` can tell; or `nothing`."""

    what: Literal["say", "done", "spent", "model", "nothing"]
    text: str = ""


@dataclass(slots=True)
class DigitCollection:
    """See the module. `least`, `most`: how many digits. `secret`: by keys alone, and never said. `ends`: keys that end
    an entry."""

    prompt: str
    least: int
    most: int
    confirm: bool = True
    secret: bool = False
    ends: str = "#"
    attempts: int = 3
    texts: DigitTexts = field(default_factory=DigitTexts)
    digits: str = ""
    confirming: bool = False
    failures: int = 0

    def heard(self, text: str) -> Do:
        """A turn of the user in words."""
        text = PRESSED.sub(" ", text)
        if self.secret:
            return Do("say", self.texts.keys_only)
        if self.confirming and (answer := yes_or_no(text)) is not None:
            return Do("done", self.digits) if answer else self._failed(self.texts.again)
        if (said := spoken_digits(text)) is None:
            return Do("model")
        whole = self.confirming and not said.corrects and len(said.digits) >= self.least
        return self._weigh(said.digits if whole else said.after(self.digits))

    def keyed(self, entry: str) -> Do:
        """An entry of keys."""
        ends = entry[-1:] in self.ends
        cleared = CLEARS in entry
        keys = "".join(key for key in entry.rpartition(CLEARS)[2] if key.isdigit())
        if cleared:
            self.digits, self.confirming = "", False
            if not keys:
                return Do("say", self.texts.again)
        if self.confirming:
            if keys == YES_KEY:
                return Do("done", self.digits)
            if keys == NO_KEY:
                return self._failed(self.texts.again)
            return self._weigh(keys or self.digits)
        if not keys and not (ends and self.digits):
            return Do("say", self.prompt) if ends else Do("nothing")
        return self._weigh(self.digits + keys)

    def noted(self, digits: str) -> str:
        """The model has understood these. "": they will do; else what is wrong with them."""
        if not digits.isdigit() or not digits.isascii():
            return "Give digits alone, without anything between them."
        if not self.least <= len(digits) <= self.most:
            return f"{self.wanted} digits are wanted, and these are {len(digits)}."
        self.digits, self.confirming = digits, self.confirm
        return ""

    @property
    def wanted(self) -> str:
        return str(self.least) if self.least == self.most else f"{self.least} to {self.most}"

    def said(self, text: str) -> str:
        return text.format(digits=", ".join(self.digits), wanted=self.wanted)

    def _weigh(self, digits: str) -> Do:
        if len(digits) > self.most:
            return self._failed(self.texts.too_many)
        self.digits, self.confirming = digits, False
        if len(digits) < self.least:
            return Do("say", self.prompt if self.secret else self.said(self.texts.go_on))
        if not self.confirm:
            return Do("done", digits)
        self.confirming = True
        return Do("say", self.said(self.texts.read_back))

    def _failed(self, text: str) -> Do:
        self.digits, self.confirming, self.failures = "", False, self.failures + 1
        return Do("spent") if self.failures >= self.attempts else Do("say", self.said(text))
