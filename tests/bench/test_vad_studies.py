"""The studies of ``rtaudio-bench vad``: onset rules and drift. What they measure is checked on what is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rtaudio import SileroVad
from rtaudio.bench import vad_drift, vad_onset
from rtaudio.bench.command import run
from rtaudio.bench.vad import read_16k
from rtaudio.bench.vad_material import Material, at_level, endless, level_db, pink, read_material
from rtaudio.bench.vad_onset import CHOSEN, HOP, Rule, Scene, fired, judge, peeks, stretches


@pytest.fixture(scope="module")
def material(shared_data: Path) -> Material:
    """A little of each kind."""
    names = ["speech/ljspeech/LJ001-0001.wav", "speech/ljspeech/LJ001-0002.wav"]
    noises = ["noise/noise1.wav", "noise/noise2.wav"]
    load = lambda paths: [(name, read_16k(shared_data / name)[:80_000]) for name in paths]  # noqa: E731
    return Material(load(names), load(noises))


# Free-running against onnxruntime


def test_from_equal_states_and_free_running_the_kernel_stays_with_onnxruntime(material: Material) -> None:
    """Ninety seconds of what ``rtaudio-bench vad --drift`` does for hours. The bounds: 1e-5 from equal states; free,
    what was once measured of onnxruntime against itself, 3.5e-5."""
    figures = vad_drift.measure(material, 90 / 3600, lambda text: None, seed=3)
    assert figures["drift_windows"] == 2812
    assert figures["equal_max_abs_dp"] <= 1e-5
    assert figures["free_max_abs_dp"] <= 3.5e-5
    assert figures["free_above_1e-5_pct"] <= 0.05
    assert figures["decisions_that_differ"] == 0
    assert len(figures["drift_by_part"]) == 10
    assert max(part["free_max"] for part in figures["drift_by_part"]) == figures["free_max_abs_dp"]


def test_no_time_is_no_drift(material: Material) -> None:
    with pytest.raises(ValueError, match="too few"):
        vad_drift.measure(material, 1e-6, lambda text: None)


def test_material_is_the_same_for_a_seed_and_in_range(material: Material) -> None:
    one, other, third = (endless(material, seed) for seed in (1, 1, 2))
    for _ in range(5):
        piece = next(one)
        np.testing.assert_array_equal(piece, next(other))
        assert not np.array_equal(piece, next(third))
        assert piece.dtype == np.float32
        assert np.abs(piece).max(initial=0) <= 1
    assert level_db(at_level(pink(np.random.default_rng(1), 16000), -30)) == pytest.approx(-30, abs=0.01)


# Early onset


def test_peeks_are_those_of_a_stream(material: Material) -> None:
    vad, samples = SileroVad(), material.speech[0][1][:20_480]
    stream = vad.stream()
    expected = []
    for k in range(0, len(samples), HOP):
        stream.process(samples[k : k + HOP])
        expected.append(stream.peek())
    np.testing.assert_array_equal(peeks(vad, samples), np.array(expected, np.float32))


def test_rules_hold_where_they_say() -> None:
    p = np.array([0, 0.1, 0.2, 0.4, 0.7, 0.7, 0.7, 0.96], np.float32)
    assert np.flatnonzero(Rule(0.5).holds(p)).tolist() == [4, 5, 6, 7]
    assert np.flatnonzero(Rule(0.5, every=4).holds(p)).tolist() == [7]
    assert np.flatnonzero(CHOSEN.holds(p)).tolist() == [4, 7]
    assert str(CHOSEN) == "peek: rise > 0.5 in 24 ms and > 0.5, or > 0.95"


def test_a_rule_fires_again_only_after_a_rest() -> None:
    holds = np.zeros(200, bool)
    holds[[10, 11, 40, 80, 120]] = True
    assert (fired(holds) // HOP).tolist() == [11, 81, 121]


def test_a_rule_is_judged_by_onsets_and_by_what_fires_elsewhere() -> None:
    def scene(speech: list[tuple[int, int]], at: list[int]) -> tuple[Scene, np.ndarray]:
        p = np.zeros(10 * 16000 // HOP, np.float32)
        p[at] = 1
        return Scene(np.zeros(10 * 16000, np.float32), speech), p

    figures = judge(Rule(0.5), [scene([(32000, 48000), (80000, 96000)], [253, 500, 900]), scene([], [100, 300])])
    assert figures["onset_ms_p50"] == pytest.approx(1000 * (254 * HOP - 32000) / 16000)
    assert figures["missed_pct"] == pytest.approx(50)
    assert figures["false_per_min"] == pytest.approx(60 * 2 / (10 - 2 * 1.3))
    assert figures["false_per_min_noise_alone"] == pytest.approx(12)
    assert figures["kernel_runs_per_window"] == 4


def test_an_onset_is_where_the_energy_of_a_clean_stretch_begins() -> None:
    tone = (0.1 * np.sin(np.arange(16000) * 0.3)).astype(np.float32)
    quiet = np.full(16000, 1e-5, np.float32)
    samples = np.concatenate([quiet, tone, quiet, tone, quiet])
    found = list(stretches(samples))
    assert len(found) == 2
    for piece, begin, end in found:
        assert (begin, end) == (1600, 17600)
        assert len(piece) >= 17600
    assert vad_onset.is_clean(samples)
    assert not vad_onset.is_clean(np.concatenate([tone, tone * np.float32(0.1)]))


def test_the_chosen_rule_is_sooner_and_calmer_than_a_window_above_a_half(material: Material) -> None:
    figures = vad_onset.measure(material, lambda text: None)
    assert figures["onsets"] >= 12
    rules = {rule["rule"]: rule for rule in figures["onset_rules"]}
    window, chosen = rules["window > 0.5"], rules[figures["onset_chosen"]]
    assert chosen["onset_ms_p50"] < window["onset_ms_p50"]
    assert chosen["false_per_min"] <= window["false_per_min"]
    assert chosen["false_per_min_noise_alone"] <= window["false_per_min_noise_alone"]


def test_the_command_draws_what_it_measures(
    tmp_path: Path, shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    audio = tmp_path / "audio"
    (audio / "noise").mkdir(parents=True)
    (audio / "a.wav").symlink_to(shared_data / "speech/ljspeech/LJ001-0002.wav")
    (audio / "noise" / "n.wav").symlink_to(shared_data / "noise/noise2.wav")
    assert len(read_material(audio).noise) == 1
    options = ["--onset", "--drift", "0.002", "--plot", str(tmp_path / "plots"), "--json"]
    assert run(["vad", "--audio", str(audio), *options]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["equal_max_abs_dp"] <= 1e-5
    assert figures["onset_rules"]
    names = {path.name for path in (tmp_path / "plots").iterdir()}
    assert names == {"vad-probability.png", "vad-onset.png", "vad-drift.png"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--onset", "--audio", "nowhere"], "no such folder"),
        (["--drift", "-1", "--audio", "."], "a number of hours"),
        (["--onset"], "--audio DIR"),
    ],
)
def test_bad_options_are_named(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["vad", *arguments]) == 2
    assert says in capsys.readouterr().err


def test_a_folder_without_recordings_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["vad", "--onset", "--audio", str(tmp_path)]) == 2
    assert "no recordings of speech" in capsys.readouterr().err
