"""What the documentation shows works.

Every block tagged ``python`` is run as a program of its own in an empty folder, as a reader does who pastes it into a
file; what stands behind ``if __name__ == "__main__"`` (a microphone, a network) is not run, but mypy reads all of it.
Commands in ``console`` blocks and in running text name targets of the Makefile, commands and options that are there.
Links lead somewhere.

A block that begins with ``# Needs livekit-agents.`` or another framework is read by mypy, and run where that is
installed: `make peers-test` runs this file there, too.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import rtaudio

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    *(ROOT / f"{page}.md" for page in ("README", "CHANGELOG", "CONTRIBUTING")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:make|rtaudio|rtaudio-bench) [^`]+)`")
PACKAGE = str(Path(rtaudio.__file__).resolve().parent.parent)
TAGS = {"python", "console", "javascript", "text", "c", "json"}
MODULES = {"rtaudio": "rtaudio.cli", "rtaudio-bench": "rtaudio.bench"}
NEEDS = re.compile(r"\A# Needs ([\w-]+)\.")
FRAMEWORKS = {"livekit-agents": "livekit.agents", "pipecat-ai": "pipecat"}
RUN_NOT_AS_MAIN = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='example')"


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(tag: str) -> list[tuple[str, int, str]]:
    """(page, line of its first line, text) of every block with that tag."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        matches = (match for match in BLOCK.finditer(text) if match[1] == tag)
        found += [(name(page), text.count("\n", 0, match.start()) + 2, match[2]) for match in matches]
    return found


# ---- Programs.


@pytest.mark.parametrize(
    ("page", "line", "code"), [pytest.param(*block, id=f"{block[0]}:{block[1]}") for block in blocks("python")]
)
def test_a_python_block_runs(page: str, line: int, code: str, tmp_path: Path) -> None:
    if needs := NEEDS.match(code):
        pytest.importorskip(FRAMEWORKS[needs[1]], reason=f"{needs[1]} is not installed: make peers-test")
    program = tmp_path / "block.py"
    program.write_text("\n" * (line - 1) + code, encoding="utf-8")  # so that a traceback names the page's line
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", RUN_NOT_AS_MAIN, str(program)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": PACKAGE, "PYTHONWARNINGS": "error::RuntimeWarning"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, f"{page}, the block at line {line}:\n{done.stderr}"


def test_python_blocks_fit_the_types(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed: it is part of rtaudio[dev]")
    programs = []
    for page, line, code in blocks("python"):
        program = tmp_path / f"{re.sub(r'[^a-z]', '_', page.lower())}_{line}.py"
        program.write_text("\n" * (line - 1) + code, encoding="utf-8")
        programs.append(str(program))
    # A cache of its own: programs in passing folders have no business in that of `make lint`.
    cache_dir = ["--cache-dir", ".mypy_cache/docs"]
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", *cache_dir, *programs]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr


# ---- Commands.


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command line shown that is one of ours: where, and its words."""
    for page, line, text in blocks("console"):
        for offset, shown in enumerate(text.splitlines()):
            if shown.startswith("$ "):
                yield f"{page}:{line + offset}", shlex.split(shown[2:], comments=True)
    for path in PAGES:
        for match in INLINE.finditer(BLOCK.sub("", path.read_text(encoding="utf-8"))):
            yield f"{name(path)}: {match[1]}", shlex.split(match[1])


COMMANDS = [(where, words) for where, words in commands() if words[0] in {"make", *MODULES}]


@cache
def help_of(command: str, *subcommand: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", MODULES[command], *subcommand, "--help"],
        env={**os.environ, "PYTHONPATH": PACKAGE},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, f"{command} {' '.join(subcommand)}: no such command\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize(("where", "words"), [pytest.param(*found, id=found[0]) for found in COMMANDS])
def test_a_command_that_is_shown_exists(where: str, words: list[str]) -> None:
    program, *rest = words
    if program == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        targets = {word for word in rest if "=" not in word and word != "..."}
        there = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
        assert targets <= there, f"{where}: no target {targets - there}"
    else:
        options = {word for word in rest if word.startswith("-")}
        subcommand = [word for word in rest[:1] if word not in options]
        there = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", help_of(program, *subcommand)))
        assert options <= there, f"{where}: no option {options - there}"


def test_commands_are_found() -> None:
    """This file would pass if nothing were read."""
    shown = {tuple(words[:2]) for _, words in COMMANDS}
    assert {("make", "demo"), ("make", "test"), ("rtaudio", "talk"), ("rtaudio-bench", "core")} <= shown


# ---- Pages.


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_says_what_it_is(page: Path) -> None:
    tags = [match[1] for match in BLOCK.finditer(page.read_text(encoding="utf-8"))]
    assert set(tags) <= TAGS, f"tag these python (then they are run), console or text: {sorted(set(tags) - TAGS)}"


def anchors(page: Path) -> set[str]:
    """The names by which a page's headings can be linked to."""
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)]+)\)", BLOCK.sub("", page.read_text(encoding="utf-8"))):
        path, _, anchor = target.replace("\n", "").partition("#")
        place = page.parent / path if path else page
        if "://" not in target and (not place.exists() or (anchor and anchor not in anchors(place))):
            broken.append(target)
    assert not broken


def test_every_page_is_reached_from_the_architecture_or_the_readme() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    missing = [path.name for path in (ROOT / "docs/decisions").glob("*.md") if f"decisions/{path.name}" not in text]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    missing += [path.name for path in (ROOT / "docs").glob("*.md") if f"docs/{path.name}" not in readme]
    assert not missing
