"""Makes a schedule smaller as long as it has a problem of the same kind."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, replace
from typing import Any

from tests.faults.schedule import Schedule


def kind_of(problem: str) -> str:
    """What a problem is about, without numbers and names."""
    return re.sub(r"[^a-z]+", " ", problem.partition("{")[0].lower())[:40]


def shrunk(schedule: Schedule, problems_of: Callable[[Schedule], list[str]], within_s: float = 60.0) -> Schedule:
    """The smallest that was found in that time."""
    kinds = {kind_of(problem) for problem in problems_of(schedule)}
    end = time.monotonic() + within_s
    again = True
    while again:
        again = False
        for smaller in _smaller(schedule):
            if time.monotonic() > end:
                return schedule
            if kinds & {kind_of(problem) for problem in problems_of(smaller)}:
                schedule, again = smaller, True
                break
    return schedule


def _smaller(schedule: Schedule) -> Iterator[Schedule]:
    for field in fields(Schedule):
        default = field.default
        assert default is not MISSING
        if (value := getattr(schedule, field.name)) != default:
            yield replace(schedule, **{field.name: default})
            if isinstance(value, tuple):
                for fewer in _fewer(value):
                    if fewer != default:
                        yield replace(schedule, **{field.name: fewer})


def _fewer(values: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Without one; and with one of them simpler, where it has calls of its own."""
    for at, value in enumerate(values):
        if len(values) > 1:
            yield values[:at] + values[at + 1 :]
        if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], tuple):
            for fewer in _fewer(value[1]):
                yield (*values[:at], (value[0], fewer), *values[at + 1 :])
