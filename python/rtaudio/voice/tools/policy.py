"""How a tool's calls are run: plain data, the same for every call of a tool, checked when the tool is defined."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from rtaudio.voice.tools.errors import ToolDefinitionError

OnInterruption = Literal["cancel", "keep", "ask"]
"""What becomes of a call when the user interrupts the reply that made it: cancelled; goes on, and its result comes
later; or what the tool says at that moment (`ToolContext.may_cancel`)."""
Duplicates = Literal["run", "join", "refuse"]
"""What becomes of a call that is the same as one under way: it is run as well; it gets the result of the other; or the
model is told that it is under way."""
AfterCrash = Literal["unknown", "again"]
"""What becomes of a call that was run when its process died, and whose result is not known: the model is told that; or
it is run again, with the same key, because the service behind the tool does the same thing once for one key."""


@dataclass(frozen=True, slots=True)
class ToolPolicy:
    """`timeout_s`: of one attempt, and of waiting for one. `at_once`: how many of this tool run side by side; more
    wait. `detach_after_s`: the model is told that the call takes longer, and gets the result when it comes. `retries`:
    further attempts after a failure that the tool calls transient, the first after `backoff_s`, each later one after
    twice as long. `most_chars`: of a result; what is beyond is cut off, and said to be. `filler`: what the agent says,
    one of them in turn, when the call has taken `filler_after_s` and nobody speaks.
    """

    timeout_s: float = 30.0
    at_once: int = 8
    detach_after_s: float | None = None
    on_interruption: OnInterruption = "keep"
    duplicates: Duplicates = "run"
    retries: int = 0
    backoff_s: float = 0.5
    most_chars: int = 16_000
    filler: tuple[str, ...] = ()
    filler_after_s: float = 1.5
    after_crash: AfterCrash = "unknown"

    def __post_init__(self) -> None:
        filler: object = self.filler  # one text, or none, where a tool is defined; a list from a journal
        texts = (filler,) if isinstance(filler, str) else tuple(self.filler or ())
        object.__setattr__(self, "filler", texts)

    def check(self, where: str) -> None:
        """Raises ToolDefinitionError for what makes no sense."""
        seconds = {"timeout_s": self.timeout_s, "backoff_s": self.backoff_s, "detach_after_s": self.detach_after_s}
        for name, value in seconds.items():
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ToolDefinitionError(f"{where}: {name} = {value}; it must be positive and finite")
        if self.detach_after_s is not None and self.detach_after_s >= self.timeout_s:
            raise ToolDefinitionError(
                f"{where}: detach_after_s = {self.detach_after_s} is no less than timeout_s = {self.timeout_s}: no "
                "call ever takes that long; give a long-running tool a long timeout_s"
            )
        for name, number, least in (("at_once", self.at_once, 1), ("retries", self.retries, 0)):
            if number < least:
                raise ToolDefinitionError(f"{where}: {name} = {number}; it must be at least {least}")
        self._check_filler(where)
        if self.most_chars < 100:
            raise ToolDefinitionError(f"{where}: most_chars = {self.most_chars}; it must be at least 100")
        choices = (
            ("on_interruption", self.on_interruption, OnInterruption),
            ("duplicates", self.duplicates, Duplicates),
            ("after_crash", self.after_crash, AfterCrash),
        )
        for name, chosen, known in choices:
            if chosen not in get_args(known):
                raise ToolDefinitionError(f"{where}: {name} = {chosen!r}; it is one of {get_args(known)}")

    def _check_filler(self, where: str) -> None:
        if not self.filler:
            return
        for text in self.filler:
            if not (isinstance(text, str) and any(map(str.isalnum, text))):
                raise ToolDefinitionError(f"{where}: filler = {text!r}; it must be a text that can be spoken")
        if not (math.isfinite(self.filler_after_s) and self.filler_after_s > 0):
            raise ToolDefinitionError(
                f"{where}: filler_after_s = {self.filler_after_s}; it must be positive and finite"
            )
        for name, ends_s in (("timeout_s", self.timeout_s), ("detach_after_s", self.detach_after_s)):
            if ends_s is not None and self.filler_after_s >= ends_s:
                raise ToolDefinitionError(
                    f"{where}: filler_after_s = {self.filler_after_s} is no less than {name} = {ends_s}: "
                    "the filler would never be said"
                )
