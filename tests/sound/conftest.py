"""A sound server for the tests that need one, and a way to run an agent against it."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sound.pulse import PulseServer, end, what_is_missing

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


class Scene:
    """An agent in a process of its own, and what it tells."""

    def __init__(
        self, program: Path, name: str, folder: Path, environment: dict[str, str], arguments: list[str]
    ) -> None:
        self.folder = folder
        paths = [str(ROOT / "python"), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        self._log = (folder / f"{name}.log").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-X", "faulthandler", str(program), name, str(folder), *arguments],
            cwd=ROOT,
            # The build under test first: a sanitizer's, for one, is named by PYTHONPATH.
            env=environment | {"PYTHONPATH": os.pathsep.join([*paths[1:], paths[0]])},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._told: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith('{"tell"'):
                self._told.put(json.loads(line))
        self._told.put(None)

    def told(self, within_s: float = 60.0) -> Iterator[dict[str, Any]]:
        """What it tells, as it tells it, to its end; its failing is a failure here."""
        deadline = time.monotonic() + within_s
        while True:
            try:
                fact = self._told.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                pytest.fail(f"the agent still runs after {within_s} s:\n{self.log()}")
            if fact is None:
                assert self.process.wait(10) == 0, self.log()
                return
            yield fact

    def until(self, what: str, within_s: float = 60.0) -> dict[str, Any]:
        """The next fact of that name; what comes before it is passed over."""
        for fact in self.told(within_s):
            if fact["tell"] == what:
                return fact
        pytest.fail(f"the agent ended without telling {what!r}:\n{self.log()}")

    def log(self) -> str:
        """What it wrote to its standard error."""
        self._log.flush()
        return (Path(self._log.name)).read_text(encoding="utf-8", errors="replace")[-4000:]

    def close(self) -> None:
        """Ends it where it has not ended."""
        end(self.process)
        self._reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder with a short path: a Unix socket's may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="rta") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def pulse() -> Iterator[PulseServer]:
    """A server with a loudspeaker and a microphone; skips where there cannot be one."""
    if missing := what_is_missing():
        pytest.skip(missing)
    with tempfile.TemporaryDirectory(prefix="rta") as folder, PulseServer(Path(folder)) as server:
        yield server


@pytest.fixture
def own_pulse(scratch: Path) -> Iterator[PulseServer]:
    """The same for one test alone, which may do to it what it likes."""
    if missing := what_is_missing():
        pytest.skip(missing)
    with PulseServer(scratch) as server:
        yield server


@pytest.fixture
def run(scratch: Path) -> Iterator[Callable[..., Scene]]:
    """run(name, *arguments, environment=...) starts a scene; it is ended with the test."""
    begun: list[Scene] = []

    def start(name: str, *arguments: str, environment: dict[str, str], program: str = "scenes.py") -> Scene:
        folder = scratch / f"scene-{len(begun)}"
        folder.mkdir()
        begun.append(Scene(HERE / program, name, folder, environment, list(arguments)))
        return begun[-1]

    yield start
    for each in begun:
        each.close()
