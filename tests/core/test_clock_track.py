"""Where another clock stands, row by row of the table in csrc/clock_track.h (laws 5 and 11)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rtaudio import ClockTrack

RATE, BLOCK = 16000, 320


def marks(ppm: float, seconds: float, late_ms: float, seed: int = 1) -> list[tuple[int, int]]:
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE / BLOCK)
    at = np.arange(1, count + 1) * BLOCK / (RATE * (1 + ppm * 1e-6))
    late = at + rng.uniform(0, late_ms / 1e3, count)
    return [((k + 1) * BLOCK, round(t * 1e9)) for k, t in enumerate(np.maximum.accumulate(late))]


def off_ms(track: ClockTrack, ppm: float, at_s: float) -> float:
    true = at_s * RATE * (1 + ppm * 1e-6)
    return (track.beyond(0, round(at_s * 1e9)) - true) / RATE * 1e3


def test_states_from_nothing_to_tracking() -> None:
    track = ClockTrack(RATE)
    assert (track.state, track.beyond(0, 5)) == ("empty", 0.0)
    track.mark(320, 0)
    assert track.state == "first"
    track.mark(320 + 16000, 999_999_999)
    assert track.state == "first"
    track.mark(320 + 17000, 1_060_000_000)
    assert track.state == "tracking"


def test_in_the_first_second_the_line_goes_through_what_came_earliest() -> None:
    track = ClockTrack(RATE)
    track.mark(0, 0)
    track.mark(320, 12_000_000)  # 8 ms earlier than the first let expect
    track.mark(640, 90_000_000)  # and one that is late changes nothing
    assert track.beyond(0, 12_000_000) == pytest.approx(320)


@pytest.mark.parametrize("ppm", [-500.0, -20.0, 0.0, 200.0, 500.0])
@pytest.mark.parametrize("late_ms", [0.0, 5.0, 20.0])
def test_place_and_rate_are_found(ppm: float, late_ms: float) -> None:
    track = ClockTrack(RATE)
    for mark in marks(ppm, 60.0, late_ms):
        track.mark(*mark)
    assert track.ppm == pytest.approx(ppm, abs=1.0 + 2.5 * late_ms)
    assert abs(off_ms(track, ppm, 60.0)) < 0.05 + late_ms / 20
    assert track.figures()["steps"] == 0


def test_what_wakes_late_now_and_then_moves_nothing() -> None:
    on_time, with_spikes = ClockTrack(RATE), ClockTrack(RATE)
    for k, (position, now) in enumerate(marks(100.0, 60.0, 2.0)):
        on_time.mark(position, now)
        with_spikes.mark(position, now + (200_000_000 if k % 97 == 50 else 0) if k % 97 < 60 else now)
    assert with_spikes.ppm == pytest.approx(on_time.ppm, abs=3.0)
    assert abs(off_ms(with_spikes, 100.0, 60.0)) < 0.2


def test_a_second_that_is_late_as_a_whole_is_an_outlier() -> None:
    """DOUBT, and back: nothing was learned of it."""
    track, alone = ClockTrack(RATE), ClockTrack(RATE)
    for position, now in marks(0.0, 30.0, 0.0):
        stalled = 20.0 <= now / 1e9 < 21.1
        track.mark(position, 21_100_000_000 if stalled else now)
        alone.mark(position, now)
    assert track.figures()["steps"] == 0
    assert track.ppm == pytest.approx(alone.ppm, abs=1.0)
    assert abs(off_ms(track, 0.0, 30.0)) < 0.1


@pytest.mark.parametrize("lost_ms", [50, 400, -100])
def test_samples_that_are_lost_for_good_move_the_line_at_once(lost_ms: int) -> None:
    track = ClockTrack(RATE)
    for position, now in marks(300.0, 40.0, 2.0):
        track.mark(position, now + (lost_ms * 1_000_000 if now > 20_000_000_000 else 0))
    assert track.figures()["steps"] == 1
    assert track.ppm == pytest.approx(300.0, abs=8.0)
    assert off_ms(track, 300.0, 40.0) == pytest.approx(-lost_ms, abs=1.0)


def test_a_rate_that_wanders_is_followed() -> None:
    track, now = ClockTrack(RATE), 0.0
    for k in range(1, 60_000):  # 20 minutes: from 0 to 120 ppm, 0.1 a second
        now += BLOCK / (RATE * (1 + k * 0.002e-6))
        track.mark(k * BLOCK, round(now * 1e9))
    assert track.ppm == pytest.approx(120.0, abs=3.0)


def test_the_same_marks_give_the_same_bits() -> None:  # law 5
    first, second = ClockTrack(RATE), ClockTrack(RATE)
    for mark in marks(-77.0, 20.0, 9.0):
        first.mark(*mark)
        second.mark(*mark)
    assert (first.ppm, first.sigma_s, first.beyond(0, 10)) == (second.ppm, second.sigma_s, second.beyond(0, 10))


def test_times_and_positions_that_fall_count_as_what_was() -> None:  # law 11
    track = ClockTrack(RATE)
    track.mark(1000, 50)
    track.mark(900, 40)
    track.mark(1000, 60)
    assert track.figures()["backwards"] == 1
    assert abs(track.beyond(1000, 60)) < 1


def test_nothing_makes_it_no_number() -> None:  # law 11
    rng = np.random.default_rng(5)
    track = ClockTrack(RATE)
    for _ in range(3000):
        position = int(rng.integers(0, 1 << 62)) if rng.random() < 0.1 else int(rng.integers(0, 1 << 20))
        track.mark(position, int(rng.integers(-(1 << 60), 1 << 60)))
        assert np.isfinite([track.ppm, track.sigma_s, track.sigma_ppm, track.beyond(0, 0)]).all()
        assert abs(track.ppm) <= 2005


@pytest.mark.parametrize(
    ("position", "now"), [(-1, 0), (1 << 63, 0), (1.5, 0), (True, 0), (0, 1 << 61), (0, 0.5), (0, None)]
)
def test_what_is_no_mark_is_refused(position: Any, now: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        ClockTrack(RATE).mark(position, now)
