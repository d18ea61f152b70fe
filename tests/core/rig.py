"""What the tests of the engine share: a native VAD whose probability is the level of its input, and a line in virtual
time with a port on which the agent speaks numbered samples."""

from __future__ import annotations

import ctypes
import functools
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from rtaudio import AudioPort, DetectorConfig, Engine, Event, Line, PacketConfig, Segment

HERE = Path(__file__).resolve().parent
RATE = 24000
TICK_NS = 10_000_000
W = 512
Audio = NDArray[np.float32]


@functools.cache
def compiled(source: str) -> ctypes.CDLL:
    """`source`.c of this folder as a library, with the core's headers. Skips the test where there is no compiler."""
    found = shlex.split(os.environ.get("CC", "")) or [p for p in map(shutil.which, ("cc", "gcc", "clang")) if p][:1]
    if not found:
        pytest.skip(f"no C compiler for {source}.c: install gcc or set CC")
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / f"{source}.so"
        own = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
        command = [*found, "-O2", "-fPIC", "-shared", f"-I{HERE.parents[1] / 'csrc'}", str(HERE / f"{source}.c")]
        subprocess.run([*command, "-o", str(made)], check=True, env=own)
        return ctypes.CDLL(str(made))


def capsule(source: str, table: str, name: bytes) -> object:
    """The capsule `name` over a table of `compiled(source)`."""
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    made: object = new(ctypes.addressof(ctypes.c_char.in_dll(compiled(source), table)), name, None)
    return made


class LevelVad:
    """tests/core/level_vad.c: it may run under the trap, which a VAD in Python may not."""

    def __init__(self) -> None:
        self.kernel = capsule("level_vad", "level_vad", b"rtaudio.vad_kernel")


def level(*parts: tuple[float, float], rate: int = 16000) -> Audio:
    """Input of a constant level: (seconds, level) after one another."""
    return np.concatenate([np.full(round(s * rate), value, np.float32) for s, value in parts])


def windows(*parts: tuple[int, float]) -> Audio:
    """The same, in windows of 512 samples at 16 kHz."""
    return np.concatenate([np.full(n * W, value, np.float32) for n, value in parts])


def numbered(start: int, count: int) -> Audio:
    """Sample k is k / 2^24: exact, and small enough to stay within full scale."""
    return np.arange(start, start + count, dtype=np.float32) / np.float32(1 << 24)


class Rig:
    """One line in virtual time, paced unless it is told; everything that comes out is kept."""

    def __init__(
        self,
        *,
        rate: int = RATE,
        input_rate: int | None = None,
        tick_s: float = 0.01,
        detector: DetectorConfig | None = None,
        hears: bool = True,
        vad: object | None = None,
        outside_vad: bool = False,
        input_s: float = 60.0,
        kind: Literal["paced", "network"] = "paced",
        link_lost_s: float | None = None,
        packets: PacketConfig | None = None,
    ) -> None:
        self.port = AudioPort(rate, queue_s=60, tap_s=60, mic_s=60)
        self.engine = Engine(tick_s=tick_s, vad=vad or (LevelVad() if hears else None))
        self.line: Line = self.engine.add(
            self.port,
            kind=kind,
            input_rate=input_rate,
            input_s=input_s,
            detector=detector,
            outside_vad=outside_vad,
            link_lost_s=link_lost_s,
            packets=packets,
        )
        self.tap, self.mic = self.port.tap(0), self.port.mic(0)
        self.now_ns = 0
        self.engine.step(0)

    def hear(self, samples: Audio) -> None:
        assert self.line.push(samples) == len(samples)

    def speak(self, seconds: float, start: int = 1) -> Segment:
        segment = self.port.playout.open_segment()
        count = round(seconds * self.port.rate)
        assert segment.write(numbered(start, count)) == count
        segment.end()
        return segment

    def run(self, seconds: float, step_s: Sequence[float] = (0.01,)) -> None:
        """Time passes; steps are `step_s` apart, over and over."""
        end_ns, i = self.now_ns + round(seconds * 1e9), 0
        while self.now_ns < end_ns:
            self.now_ns = min(end_ns, self.now_ns + round(step_s[i % len(step_s)] * 1e9))
            i += 1
            self.engine.step(self.now_ns)

    def put_out(self) -> Audio:
        return self.tap.read()

    def events(self, *kinds: str) -> list[Event]:
        return [e for e in self.port.events() if not kinds or e.kind in kinds]
