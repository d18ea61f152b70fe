"""Playing many: one process's share, with what a single run cannot see: descriptors, shared memory, time."""

from __future__ import annotations

import gc
import logging
import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.faults.checks import problems_of
from tests.faults.schedule import Schedule, drawn
from tests.faults.shrink import shrunk

MOST_REAL_S: Final = 60
"""A schedule takes a fraction of a second; one that takes so long hangs, or spins."""


class Stuck(BaseException):
    """A schedule takes for ever."""


@dataclass
class Failed:
    """One that has problems."""

    seed: int
    problems: list[str]
    smallest: str

    def __str__(self) -> str:
        problems = "\n  ".join(problem[:1500] for problem in self.problems[:6])
        return f"seed {self.seed}:\n  {problems}\n  python -m tests.faults --replay '{self.smallest}'"


@dataclass
class Report:
    """Of all processes."""

    played: int = 0
    failures: list[Failed] = field(default_factory=list)


@contextmanager
def watched(seconds: int = MOST_REAL_S) -> Iterator[None]:
    """Raises Stuck in this thread after so long, by the clock on the wall."""

    def stuck(*_: Any) -> None:
        raise Stuck(f"it takes more than {seconds} s of real time")

    before = signal.signal(signal.SIGALRM, stuck)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def problems(schedule: Schedule) -> list[str]:
    """What is wrong with one, also where it breaks the run itself."""
    try:
        with watched():
            return problems_of(schedule)
    except (Exception, Stuck) as error:
        import traceback

        at = traceback.extract_tb(error.__traceback__)[-3:]
        where = "; ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in at)
        return [f"run broke: {type(error).__name__}: {error} ({where})"]


def held() -> tuple[int, int, int]:
    """(descriptors, shared-memory files, mappings of them) of this process."""
    gc.collect()
    maps = Path("/proc/self/maps").read_text().count("memfd:")
    return len(os.listdir("/proc/self/fd")), len(os.listdir("/dev/shm")), maps


def run_many(seeds: Iterable[int], news: Any, shrinks: bool = True) -> None:
    """Puts 1 for each played, a Failed for each that fails, None at the end."""
    logging.disable(logging.CRITICAL)  # what fails is told by events, too, and is meant to fail
    before: tuple[int, int, int] | None = None
    for number, seed in enumerate(seeds):
        schedule = drawn(seed)
        if found := problems(schedule):
            smallest = shrunk(schedule, problems) if shrinks else schedule
            news.put(Failed(seed, found, smallest.line()))
        if number % 20 == 19:
            now = held()
            if before is not None and (now[0] > before[0] or now[2] > before[2]):
                news.put(
                    Failed(seed, [f"left by the 20 up to this one: {before} descriptors, files, maps became {now}"], "")
                )
            before = now
        news.put(1)
    news.put(None)


def replay(what: str) -> int:
    """A seed, a line or a file with one."""
    text = Path(what[1:]).read_text().strip() if what.startswith("@") else what
    schedule = drawn(int(text)) if text.isdigit() else Schedule.read(text)
    found = problems(schedule)
    print(schedule.line())
    print("\n".join(found) or "all laws held")
    return 1 if found else 0
