"""Functions that compute long, each call in a process that can be killed. Processes are kept and used again.

    us                                            worker: python -m rtaudio.voice.tools.process_worker
      {"main": file} ──────────────────────────────►   once: the program, for tools that are defined in it
      {"tool": [module, name], "arguments": "…"} ──►   imports the module, checks the arguments again, calls
                                                 ◄──   {"text", "failed", "transient", "error"}

Lines of JSON over two pipes of its own: nothing is pickled, and what a tool prints goes where prints go. `call` blocks,
so it is called in a thread; `kill` from another one ends it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from typing import Any, Final

from rtaudio.voice.tools.definition import Tool
from rtaudio.voice.tools.running import BROKEN, Outcome

CLOSE_S: Final = 2.0
IDLE: Final = 4
"""Processes that are kept for the next call."""


class ProcessDied(RuntimeError):
    """The process ended before it answered."""


class Worker:
    """One process. One call at a time; `kill` from any thread."""

    def __init__(self) -> None:
        main = sys.modules.get("__main__")
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "rtaudio.voice.tools.process_worker", str(theirs_in), str(theirs_out)],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs_in, theirs_out),
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
        except BaseException:
            os.close(ours_out)
            os.close(ours_in)
            raise
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        self._out = os.fdopen(ours_out, "w", encoding="utf-8")
        self._in = os.fdopen(ours_in, encoding="utf-8")
        self._start: dict[str, Any] | None = {"main": getattr(main, "__file__", None)}

    def call(self, tool: Tool[..., Any], arguments: str) -> Outcome:
        """Blocks until the tool has ended. Raises ProcessDied."""
        function = tool.function
        ask = {"tool": [function.__module__, function.__qualname__], "arguments": arguments}
        try:
            for line in filter(None, (self._start, ask)):
                self._out.write(json.dumps(line) + "\n")
            self._start = None
            self._out.flush()
            answer = self._in.readline()
        except OSError:
            answer = ""
        if not answer:
            raise ProcessDied(f"the process of {tool.where} ended with {self._process.wait()}")
        got = json.loads(answer)
        error = RuntimeError(got["error"]) if got["error"] is not None else None
        return Outcome(got["text"], got["failed"], got["transient"], error)

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        """Ends it, and waits for it."""
        for pipe in (self._out, self._in):
            with contextlib.suppress(OSError):
                pipe.close()
        try:
            self._process.wait(CLOSE_S)  # it ends when its input does
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Processes:
    """Of one runner. Any thread."""

    def __init__(self) -> None:
        self._idle: list[Worker] = []
        self._lock = threading.Lock()
        self._closed = False

    def call(self, tool: Tool[..., Any], arguments: str, killer: Killer) -> Outcome:
        """Runs it in an idle process, or a new one. `killer.kill()` ends the process meanwhile."""
        with self._lock:
            worker = self._idle.pop() if self._idle else None
        try:
            worker = worker if worker is not None else Worker()
        except OSError as error:  # no process or descriptor to be had
            return Outcome(BROKEN, failed=True, error=error)
        kept = False
        try:
            if not killer.watch(worker):
                return Outcome(BROKEN, failed=True)
            outcome = worker.call(tool, arguments)
            kept = killer.let_go() and self._keep(worker)
            return outcome
        except ProcessDied as error:
            return Outcome(BROKEN, failed=True, error=error)
        finally:
            if not kept:
                worker.close()

    def _keep(self, worker: Worker) -> bool:
        with self._lock:
            if self._closed or len(self._idle) >= IDLE:
                return False
            self._idle.append(worker)
            return True

    def close(self) -> None:
        """Ends those that are idle, now and later. Blocks for at most CLOSE_S each."""
        with self._lock:
            self._closed = True
            workers, self._idle = self._idle, []
        for worker in workers:
            worker.close()


class Killer:
    """Ends one call's process, whether it has begun or not. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._killed = False

    def watch(self, worker: Worker) -> bool:
        """False: killed already."""
        with self._lock:
            self._worker = worker
            return not self._killed

    def let_go(self) -> bool:
        """False: killed meanwhile."""
        with self._lock:
            self._worker = None
            return not self._killed

    def kill(self) -> None:
        with self._lock:
            self._killed = True
            if self._worker is not None:
                self._worker.kill()
