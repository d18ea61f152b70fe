"""Sound from one clock to another, row by row of the table in csrc/clock_bridge.h (laws 1, 5, 8, 11)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio import ClockBridge
from rtaudio.bench.clocks import Way, even, simulate, summary, warming

MS = 1_000_000
BLOCK = np.full(160, 0.5, np.float32)  # 10 ms at 16 kHz


def exact(bridge: ClockBridge) -> dict[str, Any]:
    f = bridge.figures()
    assert f["taken"] == f["used"] + f["skipped"] + f["queued"]  # law 1
    assert f["pulled"] == f["played"] + f["waited"] + f["starved"]
    return f


class Call:
    """Blocks of 10 ms, pushed and then pulled every 10 ms; unless told otherwise."""

    def __init__(self, **options: Any) -> None:
        self.bridge = ClockBridge(16000, 16000, **{"target_s": 0.04, **options})
        self.now = 0
        self.out: list[np.ndarray[Any, Any]] = []

    def run(self, ticks: int, *, pushes: int = 1, pulls: int = 1) -> dict[str, Any]:
        for _ in range(ticks):
            self.now += 10 * MS
            for _ in range(pushes):
                self.bridge.push(BLOCK, self.now)
            for _ in range(pulls):
                self.out.append(self.bridge.pull(160, self.now))
            exact(self.bridge)
        return exact(self.bridge)


@pytest.mark.parametrize("ppm", [500.0, -500.0, 200.0, 0.0])
def test_two_minutes_of_drift_without_a_gap_a_drop_or_a_step(ppm: float) -> None:
    """The hour is `rtaudio-bench clocks`."""
    run = simulate(120.0, even(ppm / 2), even(-ppm / 2), Way(sink_rate=16000))
    figures = summary(run, np.full(len(run.at_s), ppm))
    for name in ("underruns", "overruns", "dropped", "skipped", "starved", "clock_steps"):
        assert figures[name] == 0, name
    assert figures["accounting_error"] == [0, 0]
    assert figures["locked_s"] <= 30.0
    assert figures["level_off_ms_worst"] <= 5.0
    assert figures["pitch_slope_ppm_per_s_most"] <= 101.0
    assert figures["pitch_off_ppm_most"] <= 1001.0


@pytest.mark.parametrize(
    "way",
    [
        Way(source_block_ms=60, sink_block_ms=10, late_ms=20, spike_ms=60),
        Way(source_block_ms=10, sink_block_ms=60, late_ms=20, spike_ms=60, source_rate=16000),
        Way(source_block_ms=40, sink_block_ms=20, source_rate=44100, sink_rate=8000),
    ],
)
def test_long_blocks_and_late_threads(way: Way) -> None:
    run = simulate(120.0, warming(300.0), even(-200.0), way)
    figures = summary(run, np.zeros(len(run.at_s)))
    assert [figures[name] for name in ("underruns", "overruns", "dropped", "skipped", "starved")] == [0] * 5
    assert figures["locked_s"] <= 60.0
    assert figures["level_off_ms_worst_locked"] <= 5.0
    assert figures["pitch_slope_ppm_per_s_most"] <= 101.0


def test_it_is_silent_until_the_level_is_at_its_target() -> None:
    """WAITING -> SETTLING, within a pull."""
    call = Call(target_s=0.045)
    call.run(20)
    sound = np.flatnonzero(np.abs(np.concatenate(call.out)) > 0.4)
    f = call.bridge.figures()
    # Both clocks stand at the end of the first block by then; the target later its first sample is played, and comes
    # out of the filter after the delay.
    assert f["waited"] == round(0.045 * 16000) - 160
    assert abs(sound[0] - f["waited"] - call.bridge.delay_samples) < 16
    assert f["skipped"] == 0


def test_an_underrun_fades_out_and_begins_again_at_the_target() -> None:
    call = Call()
    call.run(50)
    f = call.run(10, pushes=0)
    assert (f["underruns"], f["state"]) == (1, "waiting")
    assert f["starved"] > 0
    for _ in range(10):  # what was held up comes at once
        call.bridge.push(BLOCK, call.now)
    f = call.run(100)
    assert f["underruns"] == 1
    assert f["state"] != "waiting"
    assert f["level_s"] == pytest.approx(0.04, abs=0.003)
    out = np.concatenate(call.out)
    assert np.abs(np.diff(out)[600:]).max() < 0.02  # no step: 5 ms of fade on both sides
    assert np.abs(out).max() < 0.55  # a filter overshoots a step


def test_a_sink_that_stood_still_finds_the_newest_not_the_oldest() -> None:
    call = Call()
    call.run(50)
    call.run(100, pulls=0)  # 1 s
    call.run(100)  # it may yet catch up
    assert call.bridge.figures()["overruns"] == 0
    f = call.run(300)  # it does not: after two seconds its clock is taken to have stood
    assert (f["overruns"], f["underruns"], f["dropped"]) == (1, 0, 0)
    assert f["skipped"] > 14000
    assert f["level_s"] == pytest.approx(0.04, abs=0.003)
    assert np.abs(np.diff(np.concatenate(call.out))[600:]).max() < 0.02


def test_a_full_ring_drops_the_newest_and_counts_it() -> None:  # law 8
    call = Call(capacity_s=0.1)
    f = call.run(100, pulls=0)
    assert f["taken"] + f["dropped"] == 16000
    assert f["queued"] == f["taken"] == 2048
    assert call.bridge.push(BLOCK, call.now) == 0


def test_the_same_calls_give_the_same_bits() -> None:  # law 5
    way, seconds = Way(source_rate=16000, sink_rate=16000, late_ms=12), 20.0
    first, second = (simulate(seconds, warming(100.0), even(-300.0), way) for _ in range(2))
    assert first.pitch_ppm.tobytes() == second.pitch_ppm.tobytes()
    assert first.figures == second.figures


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 900), st.integers(-5, 60)), min_size=1, max_size=80),
    st.sampled_from([(16000, 16000), (8000, 48000), (48000, 8000), (44100, 16000)]),
)
def test_whatever_comes_sums_hold_and_sound_is_sound(
    calls: list[tuple[bool, int, int]], pair: tuple[int, int]
) -> None:  # laws 1, 11
    bridge, now = ClockBridge(*pair, target_s=0.02, capacity_s=0.05), 0
    before = 0
    for pushes, count, later_ms in calls:
        now += later_ms * MS
        if pushes:
            taken = bridge.push(np.full(count, 0.5, np.float32), now)
            f = exact(bridge)
            assert f["taken"] + f["dropped"] == before + count
            assert taken <= count
            before += count
        else:
            out = bridge.pull(count, now)
            assert len(out) == count
            assert np.abs(out).max(initial=0) < 0.6
            exact(bridge)


def test_what_is_no_number_becomes_silence() -> None:  # law 11
    bridge = ClockBridge(16000, 16000, target_s=0.02)
    bad = BLOCK.copy()
    bad[::7], bad[3], bad[5] = np.nan, np.inf, 1e30
    outs = []
    for tick in range(30):
        bridge.push(bad, tick * 10 * MS)
        outs.append(bridge.pull(160, tick * 10 * MS))
    assert np.isfinite(np.concatenate(outs)).all()
    assert np.abs(np.concatenate(outs)).max() < 1.0


def test_times_that_jump_or_fall_end_in_order() -> None:  # law 11
    call = Call()
    call.run(50)
    for jump_ms in (-100_000, 400_000_000, -5, 0):
        call.now += jump_ms * MS
        call.run(300)
    f = call.bridge.figures()
    assert f["times_back"] > 0
    assert np.isfinite([f["level_s"], f["ppm"], f["drift_ppm"]]).all()
    assert max(np.abs(np.diff(np.concatenate([a, b]))).max() for a, b in pairwise(call.out[60:])) < 0.02


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"target_s": 0.0}, "target_s"),
        ({"target_s": float("nan")}, "target_s"),
        ({"capacity_s": 0.05}, "capacity_s"),
        ({"most_ppm": 0.0}, "most_ppm"),
        ({"most_ppm": 6000.0}, "most_ppm"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, float], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        ClockBridge(16000, 16000, **{"target_s": 0.04, **options})


def test_wrong_calls_are_refused_by_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="no filter from 1 to 2"):
        ClockBridge(1, 2)
    bridge = ClockBridge(16000, 16000)
    with pytest.raises(TypeError, match="float32"):
        bridge.push(np.zeros(4, np.int16), 0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="now_ns"):
        bridge.push(BLOCK, 1 << 62)
    with pytest.raises(ValueError, match="count"):
        bridge.pull(-1, 0)
