"""The example of docs/testing-agents.md runs and says what it seems to say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest


def test_the_example_of_the_guide_runs(repo_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    guide = (repo_root / "docs" / "testing-agents.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    exec(compile(example, "docs/testing-agents.md", "exec"), {"__name__": "guide"})
    said = capsys.readouterr().out
    assert said.startswith("heard: From nine")
    assert "| cut: " in said
    assert said.endswith("user Stop.\nassistant All right.\n")
