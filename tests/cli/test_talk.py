"""`rtaudio talk` from file to file, and what it says when it cannot."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from rtaudio import SileroVad, check_replay, read_journal
from rtaudio.cli import main
from rtaudio.cli.wav import WavWriter, read_wav

from .conftest import Command


def test_two_fast_runs_write_the_same_bytes(rtaudio: Command, question: Path, tmp_path: Path) -> None:
    """Law 5, in two processes."""
    answers = [tmp_path / "one.wav", tmp_path / "two.wav"]
    for answer in answers:
        result = rtaudio("talk", "--in", question, "--out", answer, "--fast")
        assert result.returncode == 0, result.stderr
    assert answers[0].read_bytes() == answers[1].read_bytes()
    assert "You are welcome. Goodbye!" in result.stdout
    assert "a small table" in result.stdout  # says that no model answers


def test_the_answer_starts_with_the_caller_s_first_sample(question: Path, tmp_path: Path) -> None:
    arguments = ["talk", "--in", str(question), "--fast", "--out"]
    assert main([*arguments, str(tmp_path / "mono.wav")]) == 0
    extras = ["--transcript", str(tmp_path / "t.json"), "--picture", str(tmp_path / "p.png")]
    assert main([*arguments, str(tmp_path / "stereo.wav"), "--stereo", *extras]) == 0
    mono, stereo, asked = read_wav(tmp_path / "mono.wav"), read_wav(tmp_path / "stereo.wav"), read_wav(question)
    assert np.array_equal(mono.samples[:, 0], stereo.samples[:, 1])
    heard = asked.mono(stereo.rate)
    assert np.abs(stereo.samples[: len(heard) - 200, 0] - heard[:-200]).max() < 1e-3
    transcript = json.loads((tmp_path / "t.json").read_text())
    assert transcript["turns"][0]["text"] == "okay thank you goodbye"
    assert [message["role"] for message in transcript["history"]["messages"]] == ["user", "assistant"]
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_another_vad_hears_the_caller_and_its_call_can_be_replayed(question: Path, tmp_path: Path) -> None:
    """Law 5. The native VAD's own file, but through onnxruntime: the same words, a tick later."""
    told = []
    for name, extra in (("native", []), ("outside", ["--vad", str(SileroVad().path)])):
        files = [tmp_path / f"{name}.{kind}" for kind in ("wav", "json", "rtj")]
        arguments = ["--out", str(files[0]), "--transcript", str(files[1]), "--journal", str(files[2])]
        assert main(["talk", "--in", str(question), "--fast", *arguments, *extra]) == 0
        told.append(json.loads(files[1].read_text())["turns"][0])
        journal = read_journal(files[2])
        assert journal.complete
        assert journal.header["outside_vad"] is bool(extra)
        assert check_replay(journal).found == []
    native, outside = told
    assert outside["text"] == native["text"] == "okay thank you goodbye"
    assert outside["ended_s"] == native["ended_s"]
    assert 0 < outside["decided_s"] - native["decided_s"] <= 0.02


def test_in_real_time_the_engine_paces_the_call(rtaudio: Command, question: Path, tmp_path: Path) -> None:
    result = rtaudio("talk", "--in", question, "--out", tmp_path / "answer.wav", "--greeting", "Hello.")
    assert result.returncode == 0, result.stderr
    assert "You are welcome. Goodbye!" in result.stdout
    assert "too little audio" not in result.stdout
    assert np.abs(read_wav(tmp_path / "answer.wav").samples).max() > 0.05


def test_a_model_that_cannot_be_reached_is_an_apology_and_a_clear_error(
    rtaudio: Command, question: Path, tmp_path: Path
) -> None:
    pytest.importorskip("httpx")
    nobody = ["--llm-url", "http://127.0.0.1:9/v1", "--model", "m"]
    result = rtaudio("talk", "--in", question, "--out", tmp_path / "answer.wav", "--fast", *nobody)
    assert result.returncode == 1
    assert "Sorry, I cannot answer right now." in result.stdout
    assert "no connection" in result.stderr
    assert "is the server up" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--in", "{tmp}/no such.wav", "--out", "{tmp}/a.wav"], "there is no such file"),
        (["--in", "{tmp}", "--out", "{tmp}/a.wav"], "is a folder"),
        (["--in", "{tmp}/text.wav", "--out", "{tmp}/a.wav"], "cannot be read as a sound file"),
        (["--in", "{tmp}/text.wav"], "needs --out"),
        (["--in", "{tmp}/text.wav", "--out", "{tmp}/text.wav"], "the same file"),
        (["--out", "{tmp}/a.wav"], "--out: only from file to file"),
        (["--fast", "--stereo"], "--stereo, --fast: only from file to file"),
        (["--in", "{tmp}/text.wav", "--out", "{tmp}/a.wav", "--mic", "x"], "leave them out with --in"),
        (["--llm-url", "http://x"], "go together"),
        (["--in", "{tmp}/good.wav", "--out", "{tmp}/a.wav", "--vad", "{tmp}/no.onnx"], "no model at"),
        (["--in", "{tmp}/good.wav", "--out", "{tmp}/a.wav", "--vad", "{tmp}/text.wav"], "onnxruntime does not take"),
    ],
)
def test_what_cannot_be_done_is_said_plainly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """Law 11."""
    (tmp_path / "text.wav").write_text("this is no sound")
    with WavWriter(tmp_path / "good.wav", 16000, 1) as file:
        file.write(np.zeros((1600, 1), np.float32))
    assert main(["talk", *(argument.format(tmp=tmp_path) for argument in arguments)]) == 1
    assert message in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_said_before_the_call(question: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert main(["talk", "--in", str(question), "--fast", "--out", str(tmp_path / "file" / "answer.wav")]) == 1


@pytest.mark.parametrize("command", [["devices"], ["talk"]])
def test_without_a_sound_device_the_message_names_the_other_way(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    imported = importlib.import_module

    def missing(name: str, package: str | None = None) -> ModuleType:
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return imported(name, package)

    monkeypatch.setattr(importlib, "import_module", missing)
    assert main(command) == 1
    said = capsys.readouterr().err
    assert "libportaudio2" in said
    assert "rtaudio talk --in" in said


def test_help_and_version(rtaudio: Command) -> None:
    assert "rtaudio" in rtaudio("--version").stdout
    assert rtaudio().returncode == 2
    assert "--in" in rtaudio("talk", "--help").stdout
    assert rtaudio("nonsense").returncode == 2


def test_the_caller_can_be_cleaned_before_he_is_heard_and_the_call_replays(question: Path, tmp_path: Path) -> None:
    """Law 5: two runs are alike, and the journal needs no canceller."""
    pytest.importorskip("pywebrtc_audio")
    for name in ("one", "two"):
        arguments = ["--out", str(tmp_path / f"{name}.wav"), "--journal", str(tmp_path / f"{name}.rtj")]
        assert main(["talk", "--in", str(question), "--fast", "--aec", "webrtc", *arguments]) == 0
    assert (tmp_path / "one.wav").read_bytes() == (tmp_path / "two.wav").read_bytes()
    journal = read_journal(tmp_path / "one.rtj")
    assert journal.complete
    assert check_replay(journal).found == []


def test_a_canceller_that_is_not_installed_is_named(
    question: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rtaudio.transports import cancelling

    monkeypatch.setattr(cancelling, "find_spec", lambda name: None)
    arguments = ["talk", "--in", str(question), "--fast", "--out", str(tmp_path / "answer.wav")]
    assert main([*arguments, "--aec", "webrtc"]) == 1
    assert 'pip install "rtaudio[echo]"' in capsys.readouterr().err
    assert not (tmp_path / "answer.wav").exists()
