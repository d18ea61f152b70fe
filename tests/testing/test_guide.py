"""The examples of docs/testing-agents.md run and say what they seem to say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest


def run_example(repo_root: Path, number: int) -> str:
    """Runs it; gives the page behind it."""
    guide = (repo_root / "docs" / "testing-agents.md").read_text(encoding="utf-8")
    example = list(re.finditer(r"```python\n(.*?)```", guide, re.DOTALL))[number]
    exec(compile(example[1], "docs/testing-agents.md", "exec"), {"__name__": __name__})
    return guide[example.end() :]


def test_the_example_of_the_guide_runs(repo_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_example(repo_root, 0)
    said = capsys.readouterr().out
    assert said.startswith("heard: From nine")
    assert "| cut: " in said
    assert said.endswith("user Stop.\nassistant All right.\n")


def test_the_example_by_ear_prints_what_the_guide_shows(repo_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    behind = run_example(repo_root, 1)
    shown = re.search(r"```text\n(.*?)```", behind, re.DOTALL)
    assert shown is not None
    assert capsys.readouterr().out == shown[1]


def test_the_example_by_text_prints_what_the_guide_shows(repo_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    behind = run_example(repo_root, 3)
    shown = re.search(r"```text\n(.*?)```", behind, re.DOTALL)
    assert shown is not None
    assert capsys.readouterr().out == shown[1]
