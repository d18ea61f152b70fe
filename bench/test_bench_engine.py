"""Cost of one step of the engine, ten milliseconds of every line: input at 48 kHz, resampling, mic ring, detector,
playout of speech at 24 kHz, reference tap. The VAD's windows come every 32 ms, so three ticks of ten have one."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from rtaudio import AudioPort, DetectorConfig, Engine, SileroVad

TICK_NS = 10_000_000
ROUNDS = 320


def stepping(benchmark: BenchmarkFixture, engine: Engine, lines: int) -> None:
    rng = np.random.default_rng(1)
    audio = rng.normal(scale=0.05, size=480).astype(np.float32)
    speech = rng.normal(scale=0.05, size=24000 * 5).astype(np.float32)
    ports = [AudioPort(24000, queue_s=6.0, history_s=0.5, tap_s=1.0) for _ in range(lines)]
    pushed = [engine.add(port, input_rate=48000, detector=DetectorConfig(barge_in=False)) for port in ports]
    for port in ports:
        port.playout.open_segment().write(speech)
    now_ns = count(TICK_NS, TICK_NS)
    engine.step(0)

    def caller() -> tuple[tuple[int], dict[str, object]]:
        for line in pushed:
            line.push(audio)
        return (next(now_ns),), {}

    benchmark.pedantic(engine.step, setup=caller, rounds=ROUNDS)
    assert sum(line.figures()["input_starved"] for line in pushed) == 0
    steps = pushed[0].figures()["input_taken"] // len(audio)  # one where nothing is timed (--benchmark-disable)
    assert steps in (1, ROUNDS)
    assert ports[0].playout.ledger().played == steps * 240
    if benchmark.stats is None:
        return
    benchmark.extra_info["us_per_line"] = benchmark.stats.stats.mean * 1e6 / lines
    benchmark.extra_info["ms_per_session_second"] = benchmark.stats.stats.mean * 1e3 * 100 / lines


@pytest.mark.parametrize("lines", [1, 8, 64])
def test_step_with_silero(benchmark: BenchmarkFixture, lines: int) -> None:
    benchmark.group = "engine step, with VAD"
    stepping(benchmark, Engine(vad=SileroVad(), max_lines=lines), lines)


@pytest.mark.parametrize("lines", [1, 8, 64])
def test_step_without_a_vad(benchmark: BenchmarkFixture, lines: int) -> None:
    benchmark.group = "engine step, without VAD"
    stepping(benchmark, Engine(max_lines=lines), lines)
