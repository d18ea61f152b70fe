"""What measures the echo guard and cancellers tells good from bad; small runs on real speech. Nothing is timed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rtaudio.bench import echo, speex
from rtaudio.bench.command import run
from rtaudio.bench.echo_scenes import RATE, Material, Way, material, scene


@pytest.fixture(scope="module")
def given(shared_data: Path) -> Material:
    return material(shared_data)


def test_a_scene_is_the_same_for_the_same_seed_and_its_parts_add_up(given: Material) -> None:
    way = Way(-10.0, 3)
    one, same, other = scene(given, way, 5, 12), scene(given, way, 5, 12), scene(given, way, 6, 12)
    assert np.array_equal(one.mic, same.mic)
    assert not np.array_equal(one.mic, other.mic)
    assert np.allclose(one.mic, one.user + one.echo + one.noise)
    assert not one.user[: 6 * RATE].any()


def test_auc_is_one_for_what_is_apart_and_a_half_for_what_is_equal() -> None:
    assert echo.auc(np.array([0.8, 0.9]), np.array([0.1, 0.2, 0.3])) == 1
    assert echo.auc(np.array([0.1, 0.2]), np.array([0.5, 0.6])) == 0
    assert echo.auc(np.full(5, 0.5), np.full(7, 0.5)) == 0.5


def test_erle_and_the_loss_of_a_voice_are_what_was_done_to_them() -> None:
    rng = np.random.default_rng(1)
    signal = rng.normal(size=4 * RATE).astype(np.float32) * 0.1
    long = np.tile(signal, 4)
    erle = echo.erle_db(signal, 0.1 * signal)
    assert np.allclose(erle, 20, atol=0.01)
    every = np.ones(len(signal) // echo.WINDOW, np.bool_)
    assert echo.loss_db(signal, 0.5 * signal, every) == pytest.approx(6.02, abs=0.1)
    gain = np.where(np.arange(len(long)) < 3 * RATE, 1.0, 0.1).astype(np.float32)
    assert echo.convergence_s(long, long * gain) == pytest.approx(3, abs=1)
    assert echo.convergence_s(long, 0.1 * long) == 0
    assert echo.convergence_s(long[: 2 * RATE], long[: 2 * RATE]) is None


def test_the_guard_tells_the_caller_from_the_agent(given: Material) -> None:
    figures = echo.guard_figures(given, echo.Ear(), [Way(-10.0, 3)], 14)
    assert figures["found"] == "1/1"
    assert figures["delay_error_samples_max"] <= 4
    assert figures["auc_guarded"] > figures["auc_p"]
    assert figures["agent_taken_for_user_pct_guarded"] < 0.2 * figures["agent_taken_for_user_pct_p"]


@pytest.mark.parametrize("name", ["webrtc", "speex"])
def test_a_canceller_is_measured(name: str, given: Material) -> None:
    found = echo.cancellers()
    if name not in found:
        pytest.skip(f"{name} is not installed (pip install '.[echo]'; Debian: libspeexdsp1)")
    figures = echo.canceller_figures(found[name], given, echo.Ear(), Way(-5.0, 3), 14)
    assert figures["erle_db"] > 5
    assert 0 <= figures["agent_taken_for_user_pct"] <= 100


def test_without_the_library_there_is_no_speex(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speex, "find_library", lambda name: None)
    assert "speex" not in echo.cancellers()
    with pytest.raises(OSError, match="libspeexdsp1"):
        speex.SpeexProcessor()


def test_a_folder_without_recordings_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["echo", "--json", "--audio", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_the_command_prints_one_object(
    given: Material, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(echo, "material", lambda folder: given)
    monkeypatch.setattr(echo, "LEVELS_DB", (-10.0,))
    monkeypatch.setattr(echo, "HARD", {})
    monkeypatch.setattr(echo, "ways", lambda level: {"room": [Way(level, 3)]})
    monkeypatch.setattr(echo, "cancellers", dict)
    assert run(["echo", "--json", "--seconds", "14"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["guard"][0]["path"] == "room"
