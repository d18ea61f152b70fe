"""The turn bench on two pairs of phrases: its protocol and its shape. No figure that a machine could change."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rtaudio import ModelMissing, TurnEvidence
from rtaudio.bench import turn_fit, turn_scenes
from rtaudio.bench.command import run
from rtaudio.bench.turn_material import PAIRS
from rtaudio.core import model_store
from rtaudio.core._turn import TurnFacts


@pytest.fixture
def two_pairs(shared_data: Path, tmp_path: Path) -> Path:
    entries = json.loads((shared_data / "turns" / "phrases.json").read_text())
    voice = entries[0]["voice"]
    names = sorted({entry["phrase"] for entry in entries})[:2]
    chosen = [entry for entry in entries if entry["phrase"] in names and entry["voice"] == voice]
    folder = tmp_path / "turns"
    folder.mkdir()
    for entry in chosen:
        (folder / entry["file"]).symlink_to(shared_data / "turns" / entry["file"])
    (folder / "phrases.json").write_text(json.dumps(chosen))
    return folder


@pytest.mark.timeout(400)
def test_it_prints_profiles_and_rules_in_one_shape(two_pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        model_store.find("smart-turn-v3.2")
    except ModelMissing as missing:
        pytest.skip(str(missing))
    assert run(["turn", "--phrases", str(two_pairs / "phrases.json"), "--audio", str(two_pairs), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(figures["profiles"]) == ["default", "patient", "quick"]
    assert list(figures["rules"]) == ["fixed_600", "pipecat", "livekit", "livekit_90"]
    for each in (*figures["profiles"].values(), *figures["rules"].values()):
        assert {"short_delay_ms_p50", "short_delay_ms_p90", "short_delay_ms_mean"} <= each.keys()
        for noise in ("-60", "-45"):
            cut = each["cutoff_pct"][noise]
            assert list(cut) == ["300", "600", "1000", "1500", "2000"]
            assert list(cut.values()) == sorted(cut.values()), "who is cut in a pause is cut in a longer one"
    fixed = figures["rules"]["fixed_600"]
    assert fixed["cutoff_pct"]["-60"] == {"300": 0, "600": 0, "1000": 100, "1500": 100, "2000": 100}
    assert 600 <= fixed["short_delay_ms_p50"] <= 800
    assert figures["turn_model_ms_per_session_second"] > 0
    assert set(figures["leave_one_phrase_out"]["chosen_bias"]) == {
        entry["phrase"] for entry in json.loads((two_pairs / "phrases.json").read_text())
    }
    assert "skipped" in figures["read_speech"]
    assert "skipped" in figures["phone_call"]


def test_scenes_are_as_the_protocol_says(two_pairs: Path) -> None:
    pair = turn_scenes.pairs(two_pairs / "phrases.json", two_pairs)[0]
    short = pair.short_scene(-60)
    assert short.resume is None
    assert short.end == 16000 + round(pair.short_end_s * 16000)
    scenes = [pair.long_scene(-60, pause) for pause in turn_scenes.PAUSES_MS]
    for scene, pause in zip(scenes, turn_scenes.PAUSES_MS, strict=True):
        assert scene.resume == scene.end + pause * 16
        assert abs(scene.end - 16000 - pair.cut_s * 16000) <= 640, "within 40 ms of the word's end"
        gap = scene.audio[scene.end : scene.resume]
        assert 20 * np.log10(np.sqrt(np.mean(gap**2))) == pytest.approx(-60, abs=3)
        assert np.array_equal(scene.audio[: scene.end], scenes[0].audio[: scene.end])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda e: e.pop(), "has no long twin|no words|lacks"),
        (lambda e: e[0].pop("vad"), "lacks 'vad'"),
        (lambda e: e[0].update(file="nothing.wav"), "there is no .*nothing.wav"),
        (lambda e: e[0].update(starts=[0.0]), "a start for each word"),
        (lambda e: e.clear(), "a list of phrases"),
    ],
)
def test_law11_data_that_do_not_fit_are_told(two_pairs: Path, change, says: str) -> None:
    entries = json.loads((two_pairs / "phrases.json").read_text())
    entries.sort(key=lambda entry: entry["size"], reverse=True)  # short first: the last is a long one
    change(entries)
    (two_pairs / "phrases.json").write_text(json.dumps(entries))
    with pytest.raises(turn_scenes.BadData, match=says):
        turn_scenes.pairs(two_pairs / "phrases.json", two_pairs)
    assert run(["turn", "--phrases", str(two_pairs / "phrases.json"), "--audio", str(two_pairs), "--json"]) == 2


def test_the_fit_finds_what_carries_and_leaves_alone_what_does_not() -> None:
    pick = np.random.default_rng(1)
    examples = []
    for n in range(400):
        complete = n % 2 == 0
        p, f0 = pick.uniform(0.4, 0.99) if complete else pick.uniform(0.01, 0.6), pick.normal(0, 3)
        facts = TurnFacts([TurnEvidence(p_trimmed=p, f0_end_st=f0, speech_s=1.0, syllables=4)])
        examples.append(turn_fit.Example("made up", complete, facts))
    _, weights, _ = turn_fit._fit(examples, turn_fit.FITTED)
    found = dict(zip(turn_fit.FITTED, weights, strict=True))
    assert found["p_trimmed"] > 0.3
    assert abs(found["f0_high"]) < 0.2
    assert found["last_length"] == 0, "of what is unknown nothing is learnt"


def test_sentences_to_fit_on_are_whole_and_go_on() -> None:
    assert len(PAIRS) == len({first for first, _ in PAIRS}) > 50
    for first, rest in PAIRS:
        assert first[0].isupper()
        assert first[-1] in ".?"
        assert rest[-1] in ".?"
        assert len(rest.split()) >= 3
