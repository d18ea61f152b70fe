"""What was put out, brought to the microphone's clock: the echo guard of a line whose two directions drift apart, whose
engine was late, whose network stalled. Laws 4, 5 and 7."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rtaudio import AudioPort, Engine, Journal, SileroVad, check_replay, read_journal
from rtaudio.core.journal import JournalFile
from rtaudio.core.replay import windows_of
from tests.core.rig import LevelVad

RATE, BLOCK, TICK_NS, W = 16000, 320, 10_000_000, 512
DELAY = 1200  # samples from put out to heard
Audio = NDArray[np.float32]


def voice(seconds: float, seed: int) -> Audio:
    """Noise with a spectrum like speech, in syllables."""
    rng = np.random.default_rng(seed)
    sound = np.convolve(rng.normal(size=round(seconds * RATE)), np.exp(-np.arange(24) / 5), "same")
    loudness = np.repeat(rng.random(len(sound) // 2000 + 1) > 0.3, 2000)[: len(sound)]
    return (0.05 * sound * loudness).astype(np.float32)


class Call:
    """An agent who speaks all the time, and its echo on a network line whose mic runs `ppm` fast. A block comes when
    it is full, or as `comes` says: (seconds when it is full) -> when it comes, None: never. `steps`: does the engine
    run?"""

    def __init__(
        self, path: Path, seconds: float, ppm: float = 0.0, comes: Any = None, steps: Any = None, vad: Any = None
    ) -> None:
        said = voice(seconds, 1)
        at = np.arange(len(said)) / (1 + ppm * 1e-6)
        late = np.concatenate([np.zeros(DELAY, np.float32), 0.5 * said])[: len(said)]
        heard = np.interp(at, np.arange(len(said)), late).astype(np.float32)
        heard += np.random.default_rng(2).normal(0, 1e-4, len(heard)).astype(np.float32)
        blocks = [
            (full_s if comes is None else comes(full_s), heard[end - BLOCK : end])
            for end in range(BLOCK, len(heard), BLOCK)
            for full_s in [end / RATE / (1 + ppm * 1e-6)]
        ]
        blocks = [(at_s, block) for at_s, block in blocks if at_s is not None]
        port = AudioPort(RATE, queue_s=seconds + 5)
        with Journal(path, port, interval_s=0.005), Engine(vad=vad or LevelVad()) as engine:
            line = engine.add(port, kind="network", input_rate=RATE, input_s=4.0, observe=True)
            port.playout.open_segment().write(said)
            engine.step(0)
            for tick in range(1, round(seconds * 100) - 50):
                while blocks and blocks[0][0] <= tick * 0.01:
                    at_s, block = blocks.pop(0)
                    line.push(block, arrival_ns=round(at_s * 1e9))
                if steps is None or steps(tick * 0.01):
                    engine.step(tick * TICK_NS)
                if tick % 100 == 0:
                    time.sleep(0.006)  # for the journal's own thread: virtual time is faster than it
            self.figures = line.figures()
        self.journal: JournalFile = read_journal(path)

    def missed(self, from_s: float) -> float:
        """Share of the windows from there on of which less than half was taken for echo, where there is any."""
        windows = windows_of(self.journal.engine)
        begin = from_s * RATE
        told = np.array([w.echo for w in windows if w.mean_square > 1e-5 and w.position_end > begin])
        assert len(told) > 100
        return float(np.mean(told < 0.5))


def each(every_s: float, for_s: float, first_s: float = 12.0) -> Any:
    """When is it so: for `for_s` of each `every_s`, from first_s on; else None. Gives when it ends."""

    def when(now_s: float) -> float | None:
        into_s = (now_s - first_s) % every_s
        return now_s - into_s + for_s if now_s >= first_s and into_s < for_s else None

    return when


@pytest.mark.parametrize("ppm", [200.0, -200.0])
def test_clocks_that_drift_cost_no_window(tmp_path: Path, ppm: float) -> None:
    call = Call(tmp_path / "call.rtj", 60.0, ppm)
    assert call.missed(8.0) < 0.01
    assert call.figures["echo_realigned"] == 0


def test_law7_the_delay_is_as_found_without_the_filter(tmp_path: Path) -> None:
    """It lies where it would lie without; what drifted apart before both clocks were known (8 s) stays as it is."""
    for ppm in (0.0, 100.0):
        call = Call(tmp_path / "call.rtj", 12.0, ppm)
        assert abs(call.figures["echo_delay_samples"] - DELAY) <= (2 if ppm == 0.0 else 16)


def test_law4_an_engine_that_is_late_moves_nothing(tmp_path: Path) -> None:
    late = each(6.0, 0.3)
    call = Call(tmp_path / "call.rtj", 40.0, steps=lambda now_s: late(now_s) is None)
    assert call.figures["echo_realigned"] == 0
    assert call.missed(8.0) < 0.05, "hops that the guard heard before what was put out was there"


@pytest.mark.parametrize("ppm", [0.0, 100.0])
def test_a_network_that_stalls_and_then_brings_all_moves_nothing(tmp_path: Path, ppm: float) -> None:
    stalls = each(8.0, 1.0)
    call = Call(tmp_path / "call.rtj", 40.0, ppm, comes=lambda full_s: stalls(full_s) or full_s)
    assert call.figures["echo_realigned"] == 0
    assert call.missed(8.0) < 0.01


def test_what_the_network_lost_is_passed_over_once_it_is_known(tmp_path: Path) -> None:
    """0.3 s of the mic never came, twice: the echo lies 0.3 s too early until the clock is known to have moved."""
    lost = each(14.0, 0.3)
    call = Call(tmp_path / "call.rtj", 40.0, comes=lambda full_s: None if lost(full_s) else full_s)
    assert call.figures["echo_realigned"] == 2
    assert call.missed(30.0) < 0.01


def test_law5_a_call_with_two_clocks_replays_bit_for_bit(tmp_path: Path) -> None:
    vad = SileroVad()
    call = Call(tmp_path / "call.rtj", 8.0, 300.0, vad=vad)
    assert check_replay(call.journal, vad).found == []
