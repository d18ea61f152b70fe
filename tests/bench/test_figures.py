"""The figures that are laws hold, and what measures them would see it if they did not. Nothing here is timed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rtaudio.bench import call, playout
from rtaudio.bench.command import run
from rtaudio.core._measure import flush_race, measure_pull


def test_flushes_that_race_pulls_keep_laws_1_and_2() -> None:
    figures = playout.measure_flush(150, seed=11)
    assert figures["accounting_error_samples"] == 0
    assert figures["stale_samples"] == 0
    assert figures["flush_to_silence_samples"] <= figures["flush_to_silence_bound_samples"]


def test_pauses_at_random_moments_keep_law_3() -> None:
    assert playout.measure_pause(40, seed=12)["pause_lost_samples"] == 0


def test_a_pull_gives_what_was_written() -> None:
    assert measure_pull(frames=400)["mismatches"] == 0


@pytest.mark.parametrize("wrong", [0, 300, 1000, 1999])
def test_a_wrong_sample_is_seen(wrong: int) -> None:
    expected = playout.numbered(5, 0, 2000)
    got = expected.copy()
    assert playout._misplaced(got, expected, fade_in=True, fade_out=True) == 0
    got[wrong] = -got[wrong]
    assert playout._misplaced(got, expected, fade_in=True, fade_out=True) == 1


def test_a_sample_off_by_one_is_seen_outside_the_fades() -> None:
    expected = playout.numbered(5, 0, 2000)
    got = expected.copy()
    got[1000:1200] = expected[1001:1201]
    assert playout._misplaced(got, expected, fade_in=True, fade_out=True) == 200


def test_numbers_are_exact_and_name_their_segment() -> None:
    one, other = playout.numbered(1, 0, 96000), playout.numbered(2, 0, 96000)
    assert np.all(np.diff(one.astype(np.float64)) == 2.0**-23)
    assert not np.intersect1d(one, other).size
    assert one.min() > 0
    assert playout.numbered(63, 0, 96000).max() < 1


def test_a_ledger_that_claims_what_the_sink_never_got_is_seen() -> None:
    record = playout._Record(100, np.ones(10, np.float32))
    with pytest.raises(AssertionError, match="never got"):
        record.cut_out(105, 6)
    assert np.all(record.cut_out(102, 3) == 1)
    assert np.count_nonzero(record.samples) == 7


def test_an_onset_is_where_the_energy_begins() -> None:
    clip = np.zeros(16000, np.float32)
    clip[4000:] = np.sin(np.arange(12000) * 0.3)
    clip[:4000] += 0.001
    assert call.onset(clip) == 4000


def test_bad_arguments_of_the_race_are_refused() -> None:
    from rtaudio import AudioPort

    with AudioPort(48000) as port:
        with pytest.raises(TypeError, match="float32"):
            flush_race(port, np.zeros(480, np.float64), 480, 0)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="whole number of frames"):
            flush_race(port, np.zeros(481, np.float32), 480, 0)
    with pytest.raises(ValueError, match="cannot measure"):
        measure_pull(frames=1)


def test_the_command_gives_one_json_object_on_its_last_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rtaudio.bench", "core", "--json", "--only", "pause"],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["pause_lost_samples"] == 0
    assert figures["cores"] >= 1
    assert "pause" in done.stderr


def test_an_unknown_part_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["core", "--only", "nonsense"]) == 2
    assert "nonsense" in capsys.readouterr().err
