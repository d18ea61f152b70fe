"""What the agent says, recorded where a person would hear it: at the monitor of a loudspeaker.

The port runs at the rate of the server's sink, so samples pass it unchanged and can be compared one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.sound import measure
from tests.sound.conftest import Scene
from tests.sound.pulse import RATE, PulseServer, Recording

TRIES = 3


def played(
    pulse: PulseServer, run: Callable[..., Scene], *scene: str
) -> tuple[list[dict[str, Any]], dict[str, Any], np.ndarray, Recording]:
    """(all it told, its accounts, its reference tap, the recording) of a scene at the loudspeaker.

    Where the machine was so busy that the sound server itself ran dry, samples go lost below us; the device counts
    that, and the scene is played again.
    """
    for _ in range(TRIES):
        with pulse.recorded() as recording:
            agent = run(*scene, environment=pulse.environment)
            told = list(agent.told())
        accounts = next(fact for fact in told if fact["tell"] == "accounts")
        if not accounts["figures"]["output_underflows"]:
            return told, accounts, np.load(agent.folder / "tap.npy"), recording
    pytest.fail(f"the sound server ran dry in each of {TRIES} runs: {accounts['figures']}")


def check_every_sample_arrived(accounts: dict[str, Any], tap: np.ndarray, recording: Recording) -> None:
    """Law 1 from end to end: played in the ledger = put out in the tap = heard at the loudspeaker."""
    port, segment = accounts["port"], accounts["segment"]
    assert port["written"] + port["replayed"] == port["played"] + port["queued"] + port["dropped"]
    assert segment["played"] == segment["written"] == port["played"]
    assert port["pulled"] == port["played"] + port["silence"] + port["concealed"] == len(tap)
    assert accounts["figures"]["output_samples"] == port["pulled"]
    assert accounts["figures"]["output_failed"] == port["underruns"] == 0
    assert np.count_nonzero(tap) == port["played"]
    np.testing.assert_allclose(measure.audible(recording.samples()), measure.audible(tap), atol=1e-6)


def test_what_the_ledger_calls_played_left_the_loudspeaker_once_in_order_and_unchanged(
    pulse: PulseServer, run: Callable[..., Scene], capsys: pytest.CaptureFixture[str]
) -> None:
    """Law 1; and what is said to be heard (law 9 stands on it) is where the loudspeaker is."""
    told, accounts, tap, recording = played(pulse, run, "play")
    assert accounts["figures"]["rate"] == RATE
    check_every_sample_arrived(accounts, tap, recording)

    first, _ = measure.span(recording.samples())
    errors_s = []
    moments = [fact for fact in told if fact["tell"] == "heard"]
    assert len(moments) == 10
    for moment in moments:
        there = (moment["at_ns"] / 1e9 - recording.time_of(first)) * RATE
        errors_s.append((moment["now"] - there) / RATE)
        assert moment["now"] <= moment["final"] <= accounts["segment"]["written"]
        assert 0 < moment["bound"] <= 0.2 * RATE
    assert accounts["heard"]["now"] == accounts["heard"]["final"] == accounts["segment"]["written"]
    assert max(np.abs(errors_s)) < 0.5
    with capsys.disabled():
        print(
            f"\n  heard_now against the monitor: {1e3 * min(errors_s):+.0f}..{1e3 * max(errors_s):+.0f} ms, "
            f"bound {1e3 * moments[-1]['bound'] / RATE:.0f} ms, "
            f"device latency {accounts['figures']['output_latency_ns'] / 1e6:.0f} ms"
        )


def test_a_tone_from_a_provider_has_its_pitch_and_level_at_the_loudspeaker(
    pulse: PulseServer, run: Callable[..., Scene]
) -> None:
    """Written at 24 kHz, resampled once, put out without a gap."""
    _, accounts, tap, recording = played(pulse, run, "sing", "1000", "0.25", "24000")
    assert accounts["segment"]["played"] == accounts["segment"]["written"] == 2 * RATE
    signal = measure.without_silence_inside(recording.samples())
    assert len(signal) == pytest.approx(2 * RATE, abs=RATE // 100)
    assert measure.silence_inside(tap) == 0
    hertz, amplitude, rest_db = measure.sine(signal[RATE // 4 : -RATE // 4], RATE)
    assert hertz == pytest.approx(1000, abs=0.1)
    assert 20 * np.log10(amplitude / 0.25) == pytest.approx(0, abs=0.1)
    assert rest_db > 80


def test_a_blocked_event_loop_leaves_no_gap(
    pulse: PulseServer, run: Callable[..., Scene], capsys: pytest.CaptureFixture[str]
) -> None:
    """Law 4: 2 s in which nobody gets the GIL, 5 s buffered. Playout goes on, and so does the microphone."""
    told, accounts, tap, recording = played(pulse, run, "stall")
    blocked = next(fact for fact in told if fact["tell"] == "blocked")
    assert blocked["for_s"] >= 2
    assert measure.silence_inside(tap) == 0
    check_every_sample_arrived(accounts, tap, recording)
    for way, rate in (("output", "rate"), ("input", "input_rate")):
        moved = blocked["after"][f"{way}_samples"] - blocked["before"][f"{way}_samples"]
        assert moved / accounts["figures"][rate] > 1.0, f"{way} stood still"
    # On a machine that is busy with other things the server may insert silence of its own; a playout that waits for
    # Python would be silent for 2 s.
    gap = measure.silence_inside(recording.samples())
    assert gap < RATE
    with capsys.disabled():
        print(f"\n  silence in the recording while the loop was blocked for 2 s: {gap} samples")
