"""What the documentation shows works: every block tagged ``python`` is run as a program of its own, every link leads
somewhere. Blocks of shell sessions, output and fragments are tagged ``console`` or ``text``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rtaudio

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PACKAGE = str(Path(rtaudio.__file__).resolve().parent.parent)
TAGS = {"python", "console", "text", "c", "json"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks() -> list[tuple[str, int, str]]:
    return [
        (name(page), text.count("\n", 0, match.start()) + 2, match[2])
        for page, text in ((page, page.read_text(encoding="utf-8")) for page in PAGES)
        for match in BLOCK.finditer(text)
        if match[1] == "python"
    ]


@pytest.mark.parametrize(
    ("page", "line", "code"), [pytest.param(*block, id=f"{block[0]}:{block[1]}") for block in blocks()]
)
def test_a_python_block_runs(page: str, line: int, code: str, tmp_path: Path) -> None:
    program = tmp_path / "block.py"
    program.write_text("\n" * (line - 1) + code, encoding="utf-8")  # so that a traceback names the page's line
    done = subprocess.run(
        [sys.executable, "-X", "dev", str(program)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": PACKAGE, "PYTHONWARNINGS": "error::RuntimeWarning"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, f"{page}, the block at line {line}:\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_says_what_it_is(page: Path) -> None:
    tags = [match[1] for match in BLOCK.finditer(page.read_text(encoding="utf-8"))]
    assert set(tags) <= TAGS, f"tag these python (then they are run), console or text: {sorted(set(tags) - TAGS)}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    broken = [
        target
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert not broken


def test_every_decision_is_reached_from_the_architecture() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    missing = [path.name for path in (ROOT / "docs/decisions").glob("*.md") if f"decisions/{path.name}" not in text]
    assert not missing
