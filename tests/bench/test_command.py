"""The command line of the figures: what cannot be used is said in one line, and nothing but what runs is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rtaudio.bench.catalogue import COMMANDS
from rtaudio.bench.command import run


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("core --only nonsense", "no part called nonsense; there are ring"),
        ("core --only vad --data {nowhere}", "cannot be read as a sound file"),
        ("vad --audio {nowhere}", "no such folder"),
        ("echo --audio {nowhere}", "name a folder with --audio"),
        ("peers --peers {nowhere}", "make peers, or --peers DIR"),
        ("scenes --out {nowhere} --data {nowhere}", "give one with --data"),
        ("bargein --scenes {nowhere}", "no scenes in it"),
        ("jitter", "give --trace FILE, --link KIND or --speech WAV"),
        ("clocks --ppm 901", "at most 900"),
        ("truncation --data {nowhere}", "phrases.json"),
        ("eager --data {nowhere}", "cannot be read"),
        ("turn --phrases {nowhere} --audio {nowhere}", "cannot be read"),
        ("turn-fit --speech {nowhere}", "there is no such folder"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(
    line: str, part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for package in ("soundfile", "hibari"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install 'rtaudio[demo]'")
    words = line.format(nowhere=tmp_path / "nowhere").split()
    assert run(words) == 2
    out, errors = capsys.readouterr()
    assert not out
    last = errors.splitlines()[-1]
    assert last.startswith(f"rtaudio-bench {words[0]}: ")
    assert part in last


@pytest.mark.parametrize(
    "line",
    [
        "call --turns 0",
        "call --turns x",
        "truncation --cuts 0",
        "eager --pairs 0",
        "pacing --seconds 0",
        "pacing --seconds x",
        "nonsense",
        "",
    ],
)
def test_a_value_that_cannot_be_is_named(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(line.split())
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_help_names_every_command_and_imports_none() -> None:
    program = """
import sys
from rtaudio.bench.command import run
try:
    run(["--help"])
finally:
    loaded = [name for name in sys.modules if name.startswith("rtaudio.bench.")]
    print("loaded", *sorted(loaded), "numpy" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    for command in COMMANDS:
        assert f"  {command.name} " in done.stdout or f"  {command.name}\n" in done.stdout
    assert done.stdout.splitlines()[-1] == "loaded rtaudio.bench.catalogue rtaudio.bench.command False"
