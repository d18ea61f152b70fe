"""The bench of two clocks: what it judges by is right where it can be known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rtaudio.bench.clocks import Clock, Way, even, simulate, summary, warming
from rtaudio.bench.command import run


def test_a_clock_is_as_fast_as_it_is_said_to_be() -> None:
    clock = Clock(48000, 3600.0, even(500.0))
    assert clock.time_s(48000 * 3600.0 * 1.0005) == pytest.approx(3600.0, abs=1e-6)
    wandering = Clock(48000, 3600.0, warming(0.0))
    assert np.diff(wandering.samples).min() > 0
    assert wandering.time_s(48000 * 900.0) != pytest.approx(900.0, abs=1e-3)


def test_the_bench_sees_a_drift_that_is_not_followed() -> None:
    """A bridge that may steer by 1 ppm only: what is judged must show it, whatever the bridge believes."""
    way = Way(source_rate=16000, sink_rate=16000, late_ms=0.0, spike_ms=0.0)
    left = simulate(60.0, even(200.0), even(-200.0), way, most_ppm=1.0)
    figures = summary(left, np.full(len(left.at_s), 400.0))
    assert figures["level_off_ms_worst"] == pytest.approx(0.399 * 59, abs=1.5)
    assert figures["pitch_off_ppm_most"] < 2.0


def test_the_bench_sees_a_target_that_is_too_short() -> None:
    left = simulate(20.0, even(0.0), even(0.0), Way(source_rate=16000, sink_rate=16000, late_ms=15.0, target_ms=25.0))
    assert left.figures["underruns"] > 0


def test_the_command_prints_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "clocks.png"
    options = ["clocks", "--ppm", "-300", "--minutes", "0.5", "--warming", "--sink-rate", "16000"]
    assert run([*options, "--plot", str(picture), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["underruns"] == figures["dropped"] == figures["skipped"] == 0
    assert figures["ppm"] == -300
    assert picture.stat().st_size > 10_000


def test_a_drift_beyond_what_can_be_steered_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["clocks", "--ppm", "950", "--minutes", "1"]) == 2
    assert "at most 900" in capsys.readouterr().err
