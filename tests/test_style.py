"""What a reader may count on in every file: it fits in the head, and it says what it is."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path
from typing import TypeGuard

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = {".py", ".pyi", ".pyx", ".pxd", ".c", ".h", ".cc", ".hh", ".inc"}
MOST_LINES = 600
Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

# Places on one machine, and left-over notes. (Written in pieces, so that this file passes.)
FORBIDDEN = re.compile(
    r"/wo" r"rk/|/tm" r"p/|/ro" r"ot/|/ho" r"me/\w"
    r"|\bTO" r"DO\b|\bFIX" r"ME\b|\bXX" r"X\b"
)  # fmt: skip


def tracked() -> list[Path]:
    """The files of the project: those git knows, or everything that is not built, where there is no git."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split("\0")
        paths = [ROOT / name for name in listed if name]
    except (OSError, subprocess.CalledProcessError):
        skipped = {".venv", "build", "dist", "__pycache__", ".hypothesis"}
        paths = [path for path in ROOT.rglob("*") if not skipped & set(path.relative_to(ROOT).parts)]
    return sorted(path for path in paths if path.is_file())


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


SOURCES = [path for path in tracked() if path.suffix in SOURCE]


@pytest.mark.parametrize("path", SOURCES, ids=ids)
def test_a_file_holds_one_idea(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES, f"{lines} lines: split it where it holds two ideas"


@pytest.mark.parametrize("path", SOURCES, ids=ids)
def test_a_file_begins_by_saying_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8").lstrip()
    if not text:
        return
    if path.suffix in {".py", ".pyi"}:
        assert ast.get_docstring(ast.parse(text)), "a module docstring is missing"
    else:
        assert text.startswith(("/*", "//", "#", '"""')), "a head comment is missing"


@pytest.mark.parametrize("path", [p for p in SOURCES if p.suffix in {".c", ".h", ".cc", ".hh", ".inc"}], ids=ids)
def test_core_sources_carry_the_licence(path: Path) -> None:
    if path.parts[len(ROOT.parts)] == "csrc":
        assert "SPDX-License-Identifier: Apache-2.0" in path.read_text(encoding="utf-8")[:200]


def test_no_machine_s_paths_and_no_left_over_notes() -> None:
    wrong = []
    for path in tracked():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # a picture or the like
        wrong += [f"{ids(path)}:{k}: {line.strip()}" for k, line in enumerate(lines, 1) if FORBIDDEN.search(line)]
    assert not wrong, "\n".join(wrong)


def test_headers_have_guards_named_after_them() -> None:
    for path in SOURCES:
        if path.suffix == ".h" and path.parts[len(ROOT.parts)] == "csrc":
            guard = f"RTA_{path.stem.upper()}_H"
            assert f"#ifndef {guard}\n#define {guard}\n" in path.read_text(encoding="utf-8"), ids(path)


def exported(node: ast.AST) -> TypeGuard[Definition]:
    return isinstance(node, Definition) and not node.name.startswith("_")


PACKAGE = [p for p in SOURCES if p.parts[len(ROOT.parts)] == "python" and p.suffix in {".py", ".pyi"}]


@pytest.mark.parametrize("path", PACKAGE, ids=ids)
def test_every_public_class_and_function_says_what_it_does(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not [node.name for node in tree.body if exported(node) and ast.get_docstring(node) is None]
