"""The commands of the sound card as a user runs them: `rtaudio devices`, `rtaudio talk`."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from rtaudio import SileroVad
from tests.sound import measure
from tests.sound.conftest import ROOT
from tests.sound.pulse import RATE, PulseServer, end

WITHIN_S = 40.0


class Command:
    """A command that is running, and the lines that it prints."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        paths = [*filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)), str(ROOT / "python")]
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "rtaudio.cli", *arguments],
            cwd=ROOT,
            env=environment | {"PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        self.printed: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def within(self, limit_s: float, part: str) -> str:
        """The next line that holds `part`; empty where none comes in that time."""
        deadline = time.monotonic() + limit_s
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return ""
            if line is None:
                return ""
            self.printed.append(line)
            if part in line:
                return line

    def until(self, part: str) -> str:
        """The same, and it must come."""
        if line := self.within(WITHIN_S, part):
            return line
        pytest.fail(f"no line with {part!r} in:\n" + "\n".join(self.printed))

    def close(self) -> None:
        end(self.process)
        self._reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def rtaudio(pulse: PulseServer) -> Iterator[Callable[..., Command]]:
    """rtaudio(*arguments) runs the command on the sound server; it is ended with the test."""
    pytest.importorskip("hibari", reason="hibari-tts is not installed: pip install 'rtaudio[local]'")
    pytest.importorskip("pocketsphinx", reason="pocketsphinx is not installed: pip install 'rtaudio[local]'")
    begun: list[Command] = []

    def start(*arguments: str) -> Command:
        begun.append(Command(pulse.environment, *arguments))
        return begun[-1]

    yield start
    for each in begun:
        each.close()


def test_devices_marks_the_default(rtaudio: Callable[..., Command]) -> None:
    listed = rtaudio("devices").until("default")
    assert listed.startswith("*")
    assert "ALSA" in listed


@pytest.mark.parametrize("vad", ["native", "outside"])
def test_talk_answers_at_the_loudspeaker_until_ctrl_c(
    pulse: PulseServer, rtaudio: Callable[..., Command], tmp_path: Path, vad: str
) -> None:
    from rtaudio.providers.hibari import RATE as VOICE_RATE
    from rtaudio.providers.hibari import HibariVoice

    question = tmp_path / "question.wav"
    with wave.open(str(question), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(VOICE_RATE)
        samples = HibariVoice(pitch=0.85).say("Are you open on Saturday?").samples
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())

    with pulse.recorded() as loudspeaker:
        talk = rtaudio("talk", *(["--vad", str(SileroVad().path)] if vad == "outside" else []))
        talk.until("Ctrl-C ends it")
        heard = ""
        for _ in range(6):  # until its providers are warm, it hears nothing, or the end alone
            pulse.say(question).wait(10)
            heard = talk.within(4.0, "caller ").lower()
            if "saturday" in heard:
                break
        assert "saturday" in heard
        talk.until("[speaking]")
        loudspeaker.wait_for(RATE, measure.AUDIBLE)
        assert pulse.streams_that_play() == 1
        talk.process.send_signal(signal.SIGINT)
        assert talk.process.wait(10) == 130  # what a shell expects of a command that ended at Ctrl-C
    talk.until("agent ")
    assert "Traceback" not in "\n".join(talk.printed)
    assert pulse.streams_that_play() == 0
