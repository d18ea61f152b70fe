"""The demonstration's conversation, had once on virtual time, and the command run as its user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rtaudio.cli.demo import SCRIPT, Placed, perform, voice_of_the_caller
from rtaudio.cli.screen import PlainScreen
from rtaudio.cli.take import Take
from rtaudio.cli.wav import WavWriter, read_wav
from rtaudio.testing import virtual_time

Command = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class Demo:
    """What the demonstration left, with the caller's channel and the agent's as float32 at `rate`."""

    take: Take
    placed: list[Placed]
    lines: list[str]
    caller: NDArray[np.float32]
    agent: NDArray[np.float32]
    rate: int
    journal: Path


@pytest.fixture(scope="session")
def clips() -> list[NDArray[np.float32]]:
    for package in ("hibari", "pocketsphinx", "soxr", "soundfile"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install 'rtaudio[local,cli]'")
    return voice_of_the_caller(SCRIPT)


@pytest.fixture(scope="session")
def demo(clips: list[NDArray[np.float32]], tmp_path_factory: pytest.TempPathFactory) -> Demo:
    lines: list[str] = []
    path = tmp_path_factory.mktemp("demo") / "recording.wav"
    journal = path.with_name("journal.rtj")
    take, placed = virtual_time.run(perform(clips, path, PlainScreen(lines.append), fast=True, journal=journal))
    sound = read_wav(path)
    return Demo(take, placed, lines, sound.samples[:, 0], sound.samples[:, 1], sound.rate, journal)


@pytest.fixture(scope="session")
def question(clips: list[NDArray[np.float32]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A WAV in which the caller says goodbye, after 0.2 s."""
    path = tmp_path_factory.mktemp("question") / "caller.wav"
    with WavWriter(path, 16000, 1) as file:
        file.write(np.concatenate([np.zeros(3200, np.float32), clips[-1]])[:, np.newaxis])
    return path


@pytest.fixture
def rtaudio() -> Command:
    """Runs the command in a process of its own."""

    def run(*arguments: str | Path, timeout_s: float = 240) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        return subprocess.run(
            [sys.executable, "-m", "rtaudio.cli", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env=environment,
            check=False,
        )

    return run
