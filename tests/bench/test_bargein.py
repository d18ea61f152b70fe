"""rtaudio-bench scenes and bargein: what is made is the same again, what is judged is judged by its definitions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rtaudio.bench import bargein
from rtaudio.bench.bargein import Scene, Told, judge, read_scene
from rtaudio.bench.command import run
from rtaudio.bench.scene_sounds import Clip, Sounds, trim
from rtaudio.bench.scenes import make_scene

soundfile = pytest.importorskip("soundfile")


def scene(events: list[tuple[float, float, str]], seconds: float = 60.0) -> Scene:
    nothing = np.zeros(int(seconds * 16000), np.float32)
    return Scene("made up", nothing, nothing, 16000, events, None)


def test_times_run_from_the_onset_to_the_first_state_that_high() -> None:
    figures = judge(scene([(1.0, 3.0, "barge_in")]), [Told(1.05, 1), Told(1.2, 2), Told(1.5, 3)]).told()
    assert (figures["duck_ms_p50"], figures["pause_ms_p50"], figures["flush_ms_p50"]) == (50.0, 200.0, 500.0)
    assert figures["missed_pct"] == 0


def test_a_flush_that_comes_too_late_is_a_miss_and_a_false_one() -> None:
    figures = judge(scene([(1.0, 3.0, "barge_in")]), [Told(3.6, 3)]).told()
    assert figures["missed_pct"] == 100
    assert figures["false_flush_per_min"] == 1.0
    assert figures["flush_ms_p50"] is None


def test_what_was_there_before_the_user_began_counts_as_at_once_and_as_false() -> None:
    figures = judge(scene([(1.0, 3.0, "barge_in")]), [Told(0.9, 1), Told(1.5, 2)]).told()
    assert figures["duck_ms_p50"] == 0
    assert figures["false_duck_per_min"] == 1.0


def test_backchannels_are_counted_by_what_they_came_to() -> None:
    events = [(1.0, 1.4, "backchannel"), (11.0, 11.4, "backchannel")]
    figures = judge(scene(events), [Told(1.3, 3), Told(11.05, 1), Told(12.0, 5)]).told()
    assert figures["backchannel_flush_pct"] == 50
    assert figures["backchannel_known_pct"] == 50
    assert figures["false_flush_per_min"] == 0


def sounds() -> Sounds:
    noise = np.random.default_rng(5)

    def voice() -> Clip:
        return Clip(trim(noise.normal(size=16000).astype(np.float32) * np.hanning(16000).astype(np.float32)), "noise")

    return Sounds(
        agents={"a": [voice() for _ in range(3)]},
        callers={"b": [voice() for _ in range(3)]},
        backchannels={"c": [voice()]},
        rooms=[Clip(np.array([1.0, 0, 0.3, 0, 0.1], np.float32), "room")],
    )


def test_a_seed_makes_the_same_scene_again() -> None:
    one, other = (make_scene(np.random.default_rng(3), sounds(), echo_db=-10.0, alone=False) for _ in range(2))
    np.testing.assert_array_equal(one[0], other[0])
    assert one[2] == other[2]
    assert one[2]["user_speech"]
    alone = make_scene(np.random.default_rng(3), sounds(), echo_db=None, alone=True)[2]
    assert alone["user_speech"] == []


def test_a_scene_that_cannot_be_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    (folder / "truth.json").write_text(json.dumps({"user_speech": [[2.0, 1.0, "barge_in"]]}))
    soundfile.write(folder / "mic.wav", np.zeros(16000), 16000)
    with pytest.raises(ValueError, match=r"ref\.wav"):
        read_scene(folder)
    soundfile.write(folder / "ref.wav", np.zeros(16000), 8000)
    with pytest.raises(ValueError, match="rate"):
        read_scene(folder)
    soundfile.write(folder / "ref.wav", np.zeros(16000), 16000)
    with pytest.raises(ValueError, match="is no event"):
        read_scene(folder)
    assert run(["bargein", "--scenes", str(tmp_path), "--json"]) == 2
    assert "is no event" in capsys.readouterr().err
    assert run(["bargein", "--scenes", str(tmp_path / "nothing"), "--json"]) == 2


def test_a_folder_without_recordings_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["scenes", "--out", str(tmp_path / "out"), "--data", str(tmp_path), "--minutes", "1"]) == 2
    assert f"{tmp_path}: no recordings in it" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_files_that_are_no_sound_and_events_that_lie_outside_are_named(tmp_path: Path) -> None:
    (tmp_path / "truth.json").write_text('{"user_speech": [[9, 10, "barge_in"]]}')
    for name in ("mic", "ref"):
        (tmp_path / f"{name}.wav").write_bytes(b"no sound")
    with pytest.raises(ValueError, match=r"mic\.wav: not to be read"):
        read_scene(tmp_path)
    for name in ("mic", "ref"):
        soundfile.write(tmp_path / f"{name}.wav", np.zeros(16000, np.float32), 16000)
    with pytest.raises(ValueError, match="ends at 1 s"):
        read_scene(tmp_path)
    (tmp_path / "truth.json").write_text('{"user_speech": [], "echo_db": "loud"}')
    with pytest.raises(ValueError, match="a number or null"):
        read_scene(tmp_path)


def test_an_agent_alone_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str], shared_data: Path) -> None:
    """The whole way: files, engine, real VAD, echo guard, JSON."""
    from rtaudio.bench.vad import read_16k

    ref = read_16k(shared_data / "speech" / "ljspeech" / "LJ001-0001.wav")
    mic = 0.1 * np.concatenate([np.zeros(800, np.float32), ref])[: len(ref)]
    folder = tmp_path / "alone"
    folder.mkdir()
    soundfile.write(folder / "mic.wav", mic + 1e-4 * np.random.default_rng(1).normal(size=len(mic)), 16000)
    soundfile.write(folder / "ref.wav", ref, 16000)
    (folder / "truth.json").write_text(json.dumps({"user_speech": []}))
    assert run(["bargein", "--scenes", str(tmp_path), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["false_flush_per_min"] == 0
    assert figures["scenes"] == 1
    assert figures["duck_ms_p50"] is None


def test_a_scene_judged_again_from_its_journal_is_the_same_and_a_longer_confirmation_flushes_later(
    tmp_path: Path, shared_data: Path
) -> None:
    """Law 5 is what the curve of flush delay and backchannels rests on."""
    from rtaudio import SileroVad
    from rtaudio.bench.bargein_trade import CONFIRM_AFTER_S, settings, told_again
    from rtaudio.bench.vad import read_16k

    ref, user = (read_16k(shared_data / "speech" / "ljspeech" / f"LJ001-000{k}.wav")[:96000] for k in (1, 3))
    mic = 0.1 * np.roll(ref, 800) + 1e-4 * np.random.default_rng(1).normal(size=96000)
    mic[32000:80000] += user[:48000]
    talk = Scene("talk", mic.astype(np.float32), ref, 16000, [(2.0, 5.0, "barge_in")], -20.0)
    journal = tmp_path / "talk.rtaj"
    told = bargein.run_scene(talk, SileroVad(), journal=journal)
    late_s = bargein.late_s("none", 16000)
    again = told_again(journal, settings(0.256), late_s=late_s)
    assert [(round(t.at_s, 3), t.state) for t in again] == [(round(t.at_s, 3), t.state) for t in told]
    flushes = [
        judge(talk, told_again(journal, settings(after), late_s=late_s)).told()["flush_ms_p50"]
        for after in CONFIRM_AFTER_S
    ]
    assert None not in flushes
    assert flushes == sorted(flushes)
    assert flushes[0] < flushes[-1]


def test_the_echo_of_a_scene_that_does_not_say_is_measured() -> None:
    random = np.random.default_rng(2)
    ref = random.normal(size=16000 * 8).astype(np.float32)
    user = np.zeros_like(ref)
    user[16000:48000] = random.normal(size=32000)
    late = np.concatenate([np.zeros(1000, np.float32), ref])[: len(ref)]
    events = [(1.0, 3.0, "barge_in")]
    assert bargein._measured_echo(user + 0.1 * late, ref, 16000, events) == -20
    assert (
        bargein._measured_echo(user + 0.001 * random.normal(size=len(ref)).astype(np.float32), ref, 16000, events)
        is None
    )
