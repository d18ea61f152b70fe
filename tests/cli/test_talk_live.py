"""`rtaudio talk` as a person uses it: spoken to at the microphone of a sound server, heard, ended with Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.sound.pulse import PulseServer, end, what_is_missing


def test_it_answers_at_the_sound_card_until_it_is_interrupted(question: Path) -> None:
    if missing := what_is_missing():
        pytest.skip(missing)
    with tempfile.TemporaryDirectory(prefix="rta") as folder, PulseServer(Path(folder)) as server:
        environment = server.environment | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"}
        with server.recorded() as heard, Talk(environment) as talk:
            talk.until("Ctrl-C ends it")
            talk.until("[listening]")  # after the greeting
            said = server.say(question)
            try:
                assert talk.until("caller ").split()[-1] == "goodbye"
                assert "Goodbye!" in talk.until("agent ")
            finally:
                end(said)
            assert np.abs(heard.samples()).max() > 0.05
            talk.process.send_signal(signal.SIGINT)
            assert talk.process.wait(15) == 130, talk.complaints()
            assert "Traceback" not in talk.complaints()


class Talk:
    """The command, with its lines as they come."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.seen: list[str] = []
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by __exit__
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rtaudio.cli", "talk", "--greeting", "Hello."],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._late = threading.Timer(100, self.process.kill)
        self._late.start()

    def until(self, part: str) -> str:
        """The next line that holds `part`."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.seen.append(line)
            if part in line:
                return line.rstrip()
        pytest.fail(f"it ended without a line with {part!r}: {self.seen}\n{self.complaints()}")

    def complaints(self) -> str:
        """What it wrote to its standard error."""
        self._errors.seek(0)
        return self._errors.read()

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *exc: object) -> None:
        self._late.cancel()
        end(self.process)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._errors.close()
