"""Says which function blocks the event loop, where, and for how long. Meanwhile audio goes on (law 4): what was written
is heard, and can be interrupted; but the session takes nothing new.

A thread asks the loop a question every half of `after_s`: a callback that answers at once if the loop is free.

    ASKING ──answered──► (a pause) ──► ASKING
       └──no answer within half of after_s──► BLOCKED: looks at the loop's stack, tells ──answered──► told again, ASKING

So a block of `after_s` is always noticed, and one of half of that perhaps. It costs the loop one callback for each
question, and the thread nothing in between. What never gives up the interpreter's lock (a long regular expression, a
C function that holds it) stops the thread as well: then it is told afterwards, and without a stack.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import selectors
import sys
import sysconfig
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Final

from rtaudio import core

MOST_FRAMES: Final = 50
log = logging.getLogger("rtaudio.watchdog")

_NOT_THE_USERS: Final = tuple(
    {sysconfig.get_path(kind) + os.sep for kind in ("stdlib", "platstdlib", "purelib", "platlib")}
    | {os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep, "<frozen "}
)


@dataclass(frozen=True, slots=True)
class LoopBlocked:
    """One block of the event loop.

    `for_s`      since the question that was not answered: so far, or in all if it is `over`
    `function`   the innermost one of the user's own code, or the innermost one if none of it is there; "": not seen
    `place`      its file and line
    `task`       the name of the asyncio task it runs in, if any
    `stack`      from what the loop called to where it stands, at most 50 entries
    """

    for_s: float
    over: bool
    function: str = ""
    place: str = ""
    task: str = ""
    stack: tuple[str, ...] = ()

    def __str__(self) -> str:
        what = f"{self.function} ({self.place})" if self.function else "what held the interpreter's lock"
        task = f", in task {self.task!r}" if self.task else ""
        return f"the event loop {'was' if self.over else 'is'} blocked for {self.for_s:.3f} s by {what}{task}"


class Watchdog:
    """Watches the running event loop.

        async with Watchdog():
            ...

    `told` is called in the watchdog's thread (the loop is blocked), when a block is noticed and when it is over; by
    default that is logged (`rtaudio.watchdog`). What it raises is logged. `blocks`, `longest_s`: those that are over.
    On a virtual-time loop nothing is watched: there, computing takes no time. ValueError: `after_s` is not positive.
    """

    def __init__(self, told: Callable[[LoopBlocked], None] | None = None, *, after_s: float = 0.1) -> None:
        if not (after_s > 0 and math.isfinite(after_s)):
            raise ValueError(f"after_s = {after_s}: must be positive and finite")
        self.blocks = 0
        self.longest_s = 0.0
        self._told = told if told is not None else _log
        self._half_s = after_s / 2
        self._answer = threading.Event()
        self._answered_ns = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    async def __aenter__(self) -> Watchdog:
        """RuntimeError: it watches already."""
        if self._thread is not None:
            raise RuntimeError("this watchdog watches already; make one for each loop")
        loop = asyncio.get_running_loop()
        if not hasattr(loop, "now_ns"):
            watch = (loop, threading.get_ident())
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, args=watch, name="rtaudio watchdog", daemon=True)
            self._thread.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stop.set()
            self._answer.set()
            await asyncio.get_running_loop().run_in_executor(None, thread.join)

    # ---- On the loop.

    def _answers(self) -> None:
        self._answered_ns = int(core.clock_ns())
        self._answer.set()

    # ---- The watchdog's thread.

    def _run(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        while not self._stop.is_set():
            self._answer.clear()
            asked_ns = int(core.clock_ns())
            try:
                loop.call_soon_threadsafe(self._answers)
            except RuntimeError:
                return  # the loop was closed
            seen: LoopBlocked | None = None
            while not self._answer.wait(self._half_s):
                if self._stop.is_set():
                    return
                if seen is None:
                    seen = look(loop, thread, (int(core.clock_ns()) - asked_ns) / 1e9)
                    self._tell(seen)
            if self._stop.is_set():
                return
            for_s = (self._answered_ns - asked_ns) / 1e9
            if seen is not None or for_s >= self._half_s:
                self._over(seen, for_s)
            self._stop.wait(self._half_s)

    def _over(self, seen: LoopBlocked | None, for_s: float) -> None:
        self.blocks += 1
        self.longest_s = max(self.longest_s, for_s)
        if seen is None:
            self._tell(LoopBlocked(for_s, over=True))
        else:
            self._tell(LoopBlocked(for_s, True, seen.function, seen.place, seen.task, seen.stack))

    def _tell(self, blocked: LoopBlocked) -> None:
        try:
            self._told(blocked)
        except Exception as error:
            log.error("%r: %s", self._told, error, exc_info=error)


def look(loop: asyncio.AbstractEventLoop, thread: int, for_s: float) -> LoopBlocked:
    """Where the thread of that loop stands now. Any thread."""
    frames = _frames(sys._current_frames().get(thread))
    if not frames:
        return LoopBlocked(for_s, over=False)
    own = [frame for frame in frames if not frame[1].startswith(_NOT_THE_USERS)]
    function, path, line = own[-1] if own else frames[-1]
    try:
        task = asyncio.current_task(loop)
    except RuntimeError:
        task = None
    return LoopBlocked(
        for_s,
        over=False,
        function=function,
        place=f"{path}:{line}",
        task=task.get_name() if task is not None else "",
        stack=tuple(f"{path}:{line} in {function}" for function, path, line in frames[-MOST_FRAMES:]),
    )


def _frames(frame: FrameType | None) -> list[tuple[str, str, int]]:
    """(function, file, line), outermost first, of what the loop has called; none while it waits."""
    found: list[tuple[str, str, int]] = []
    called = None  # how many frames are below the innermost one of asyncio's that is known to have called
    while frame is not None:
        code = frame.f_code
        if code.co_filename == asyncio.events.__file__ and code.co_name == "_run":
            return found[::-1]
        if called is None and code.co_filename.startswith(os.path.dirname(asyncio.__file__) + os.sep):
            called = len(found)
        found.append((code.co_qualname, code.co_filename, frame.f_lineno or 0))
        frame = frame.f_back
    found = found[:called]  # a loop that is not asyncio's own has no `_run`
    return [] if found and found[0][1] == selectors.__file__ else found[::-1]


def _log(blocked: LoopBlocked) -> None:
    log.warning("%s%s", blocked, "" if blocked.over else "".join(f"\n  {line}" for line in blocked.stack))
