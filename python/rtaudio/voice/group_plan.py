"""In which order the steps of a group are asked: a state machine, pure. What it is told and what it wants are names.

    step       leaves to
    OPEN       ASKED, when all before it in order are DONE or SKIPPED
    ASKED      DONE (value) with a result; SKIPPED where it is optional and the user does not want it, or its task came
               to nothing; OPEN again when the user went back to another, or when an attempt is left
    DONE       OPEN when the user goes back to it; and where a step that it depends on has got another value, unless it
               is kept then
    SKIPPED    OPEN when the user goes back to it

    group      RUNNING until no step is OPEN: COMPLETE; FAILED when a step that is not optional comes to nothing

A step that is not wanted (`Step.when` says no of what is known) is passed over: its value, if it has one, stays, and
counts again when it is wanted again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

OnChange = Literal["ask", "keep"]


class StepState(Enum):
    """Where a step is; see the module."""

    OPEN = "open"
    ASKED = "asked"
    DONE = "done"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class StepRules:
    """Of one step. `depends_on`: names of steps before it. `on_change`: what becomes of its result when one of those
    has got another value. `attempts`: how often its task may come to nothing before the step does."""

    name: str
    depends_on: tuple[str, ...] = ()
    on_change: OnChange = "ask"
    optional: bool = False
    attempts: int = 1
    when: Callable[[Mapping[str, Any]], bool] | None = None


@dataclass(slots=True)
class Progress:
    """Of one step. `known`: `value` is a result, perhaps one that is to be asked again."""

    state: StepState = StepState.OPEN
    value: Any = None
    known: bool = False
    failures: int = 0


@dataclass(slots=True)
class GroupPlan:
    """`most_returns`: how often the user may go back. Raises ValueError for rules that do not fit together."""

    steps: Sequence[StepRules]
    most_returns: int = 16
    returns: int = 0
    failed: str = ""
    """The step that came to nothing; "": none."""
    _progress: dict[str, Progress] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names: list[str] = []
        for step in self.steps:
            if step.name in names:
                raise ValueError(f"group: two steps are called {step.name!r}")
            if unknown := [name for name in step.depends_on if name not in names]:
                raise ValueError(f"group: {step.name} depends on {unknown}; before it come {names}")
            if step.attempts < 1:
                raise ValueError(f"group: {step.name}: attempts = {step.attempts}: must be at least 1")
            if step.on_change not in ("ask", "keep"):
                raise ValueError(f'group: {step.name}: on_change = {step.on_change!r}: must be "ask" or "keep"')
            names.append(step.name)
        if not names:
            raise ValueError("group: it has no steps")
        self._progress = {name: Progress() for name in names}

    def state(self, step: str) -> StepState:
        return self._progress[step].state

    @property
    def asked(self) -> StepRules | None:
        """The one that is asked now."""
        return next((step for step in self.steps if self.state(step.name) is StepState.ASKED), None)

    @property
    def results(self) -> dict[str, Any]:
        """By name, of steps that are done and wanted, in order."""
        known: dict[str, Any] = {}
        for step in self.steps:
            if self.state(step.name) is StepState.DONE and (step.when is None or step.when(known)):
                known[step.name] = self._progress[step.name].value
        return known

    @property
    def earlier(self) -> tuple[str, ...]:
        """Steps to which the user may go back."""
        if self.returns >= self.most_returns:
            return ()
        return tuple(s.name for s in self.steps if self.state(s.name) in (StepState.DONE, StepState.SKIPPED))

    def before(self, step: str) -> tuple[Any, ...]:
        """(the value that it had when the user went back to it,), or ()."""
        progress = self._progress[step]
        return (progress.value,) if progress.known else ()

    def begin(self) -> StepRules | None:
        """The step to be asked now; None: no more is, and the group is complete or has failed."""
        if self.failed or self.asked is not None:
            return self.asked if not self.failed else None
        for step in self.steps:
            if self.state(step.name) is StepState.OPEN and (step.when is None or step.when(self._known_before(step))):
                self._progress[step.name].state = StepState.ASKED
                return step
        return None

    def done(self, value: Any) -> None:
        """The step that is asked has this result."""
        step = self._asked()
        progress = self._progress[step.name]
        changed = progress.known and progress.value != value
        progress.state, progress.value, progress.known, progress.failures = StepState.DONE, value, True, 0
        if changed:
            self._changed(step.name)

    def skip(self) -> None:
        """The user does not want the step that is asked. ValueError where it is not optional."""
        step = self._asked()
        if not step.optional:
            raise ValueError(f"{step.name} is not optional")
        self._left_out(step)

    def refused(self) -> None:
        """The user will not answer the step that is asked."""
        step = self._asked()
        if step.optional:
            self._left_out(step)
        else:
            self._progress[step.name].state, self.failed = StepState.OPEN, step.name

    def came_to_nothing(self) -> None:
        """The task of the step that is asked has failed, or took too long."""
        step = self._asked()
        progress = self._progress[step.name]
        progress.state, progress.failures = StepState.OPEN, progress.failures + 1
        if progress.failures < step.attempts:
            return
        progress.failures = 0
        if step.optional:
            self._left_out(step)
        else:
            self.failed = step.name

    def go_back(self, to: str) -> None:
        """The user wants to answer that one again; the one that is asked waits. ValueError for one that it cannot."""
        if to not in self.earlier:
            raise ValueError(f"{to!r} is no step to go back to; there are {list(self.earlier)}")
        if (asked := self.asked) is not None:
            self._progress[asked.name].state = StepState.OPEN
        self._progress[to].state = StepState.OPEN
        self.returns += 1

    def _asked(self) -> StepRules:
        if (step := self.asked) is None:
            raise ValueError("no step is asked")
        return step

    def _left_out(self, step: StepRules) -> None:
        progress = self._progress[step.name]
        changed = progress.known
        progress.state, progress.value, progress.known = StepState.SKIPPED, None, False
        if changed:
            self._changed(step.name)

    def _changed(self, name: str) -> None:
        """Those that depend on it, and are not kept, are asked again; with another value than before they do the same
        to those that depend on them."""
        for step in self.steps:
            if name in step.depends_on and step.on_change == "ask" and self.state(step.name) is not StepState.ASKED:
                self._progress[step.name].state = StepState.OPEN

    def _known_before(self, step: StepRules) -> dict[str, Any]:
        names = [other.name for other in self.steps]
        earlier = set(names[: names.index(step.name)])
        return {name: value for name, value in self.results.items() if name in earlier}
