"""The pacing bench: it counts what a player lacks, and shows what it should on a short run."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from rtaudio.bench import pacing_udp
from rtaudio.bench.pacing_loop import measure, starved_ms

MS = 1_000_000


def frames(*came: tuple[int, int, int]) -> np.ndarray:
    return np.array(came, np.int64).reshape(-1, 3)


def test_frames_in_time_starve_nobody() -> None:
    assert starved_ms(frames(*((10 * k * MS, 160 * k, 160) for k in range(50))), 0, 8000, 16000) == 0.0


def test_a_gap_is_as_long_as_it_is_heard() -> None:
    late = [(10 * k * MS + (40 * MS if k >= 20 else 0), 160 * k, 160) for k in range(50)]
    assert starved_ms(frames(*late), 0, 8000, 16000) == 40.0
    ahead = frames((0, 0, 1600), *((10 * k * MS + 65 * MS * (k > 10), 1600 + 160 * k, 160) for k in range(40)))
    assert starved_ms(ahead, 0, 8000, 16000) == 0.0, "what is there already is played meanwhile"


def test_what_never_came_counts() -> None:
    assert starved_ms(frames((0, 0, 4000)), 0, 8000, 16000) == 250.0
    assert starved_ms(frames(), 0, 8000, 16000) == 500.0


def test_a_short_run_has_both_figures() -> None:
    figures = measure(lambda _: None, seconds=1.0, stalls_ms=(60,))
    assert figures.keys() == {"lead_s", "starved_ms_per_10s", "starved_ms_per_10s_without_lead"}
    assert figures["starved_ms_per_10s"]["60"] <= figures["starved_ms_per_10s_without_lead"]["60"]


def test_the_age_of_a_frame_is_counted_from_the_most_punctual() -> None:
    came = np.array([5 * MS, 25 * MS, 52 * MS, 65 * MS])
    ages = pacing_udp.frame_ages_ms(came, np.array([0, 160, 320, 480]), 8000)
    assert ages.tolist() == [0.0, 0.0, 7.0, 0.0]


@pytest.mark.skipif(sys.platform != "linux", reason="datagrams are stamped by Linux")
def test_a_short_run_of_rtp_loses_nothing() -> None:
    both = pacing_udp.measure(lambda _: None, seconds=0.6, ports=5, opus_ports=2)
    assert both["frame_age_ms_p99"] == both["udp"]["frame_age_ms_p99"]
    for figures in filter(None, (both["udp"], both["udp_opus"])):
        assert figures["packets"] >= figures["ports"] * 20
        assert figures["packets_missing"] == 0
        assert 0 <= figures["frame_age_ms_p50"] <= figures["frame_age_ms_p99"] <= figures["frame_age_ms_max"]
        assert figures["cpu_us_per_port_second"] > 0
