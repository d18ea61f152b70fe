"""What the peers' bench hears and how it scores, without the frameworks; with them: tests/peers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rtaudio.bench.command import run
from rtaudio.bench.peers import driver, scenes
from rtaudio.bench.peers.outcome import Told, score


def scene() -> scenes.Scene:
    return scenes.Scene(1000, np.zeros(12000, np.int16), ((1000, 3000), (7000, 8000)), ("a", "b"))


def test_what_was_told_is_scored() -> None:
    told = Told(cpu_s=0.6, starts=[1.1, 2.0, 5.0, 7.2], ends=[2.0, 3.4, 9.0])
    assert score(scene(), told) == {
        "onset_ms": [pytest.approx(100), pytest.approx(200)],
        "turn_delay_ms": [pytest.approx(400), pytest.approx(1000)],
        "cut": 1,
        "false_starts": 0,  # 5.0 lies in the first one's silence: it goes on speaking, as far as a framework can know
        "cpu_ms_per_session_second": pytest.approx(50),
    }


def test_what_was_never_told_is_missing() -> None:
    outcome = score(scene(), Told(starts=[0.2], ends=[]))
    assert outcome["onset_ms"] == [None, None]
    assert outcome["turn_delay_ms"] == [None, None]
    assert outcome["false_starts"] == 1
    figures = driver.summary([{**outcome, "vad_cpu_ms_per_audio_second": 1.0}])
    assert (figures["onsets_missed"], figures["turns_missed"], figures["utterances"]) == (2, 2, 2)
    assert figures["turn_delay_ms_p50"] is None


def test_quantiles_are_linear_between_neighbours() -> None:
    assert driver.quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert driver.quantile([0.0, 10.0], 0.9) == pytest.approx(9.0)
    assert driver.quantile([4.0], 0.9) == 4.0


def test_a_scene_keeps_where_it_was_spoken(shared_data: Path, tmp_path: Path) -> None:
    made = scenes.make(scenes.recordings(shared_data)[:2], 16000, seed=1)
    assert len(made.spoken) == 2
    quiet = made.pcm[: made.spoken[0][0] - 80].astype(np.float64)
    loud = made.pcm[slice(*made.spoken[0])].astype(np.float64)
    assert np.sqrt(np.mean(loud**2)) > 20 * np.sqrt(np.mean(quiet**2)) > 0
    after = made.pcm[made.spoken[0][1] + 160 : made.spoken[1][0] - 160]
    assert 3.4 < len(after) / 16000 < 4.0
    assert np.abs(after).max() < 0.01 * 32768
    scenes.save(made, tmp_path / "scene.npz")
    again = scenes.load(tmp_path / "scene.npz")
    assert (again.rate, again.spoken, again.names) == (made.rate, made.spoken, made.names)
    assert np.array_equal(again.pcm, made.pcm)


def test_what_is_missing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["peers", "--peers", str(tmp_path)]) == 2
    assert "make peers" in capsys.readouterr().err
    python = tmp_path / "livekit/bin/python"
    python.parent.mkdir(parents=True)
    python.touch()
    assert run(["peers", "--peers", str(tmp_path), "--framework", "livekit", "--data", str(tmp_path)]) == 2
    assert "no recordings below" in capsys.readouterr().err
