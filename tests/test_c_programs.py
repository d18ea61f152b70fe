"""The core tested from C: real threads, two processes, sanitizers, counters no Python could set.

Every ``tests/c/*.c`` is a program of its own. Near its top it names what it is made of:

    // sources: csrc/ring.c csrc/platform.c       files of the core (.c or .cc), from the root; required
    // flags: -DRTA_TRAP=1                        more compiler flags; optional

It is compiled with those, with ``csrc`` and ``tests/c`` to include from, run without arguments, and must exit with 0
within a minute; better within a second. ``tests/c/check.h`` has ``CHECK`` and other small helpers.

``RTAUDIO_BUILD`` chooses the kind of build, as it does for setup.py: release, debug, asan, tsan or trap. ``CC`` and
``CXX`` name other compilers.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = sorted((ROOT / "tests/c").glob("*.c"))

FLAGS = {
    "release": ["-O2"],
    "debug": ["-O0", "-g"],
    "asan": ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"],
    "tsan": ["-O1", "-g", "-fsanitize=thread"],
    "trap": ["-O2", "-g", "-DRTA_TRAP=1"],
}
KIND = os.environ.get("RTAUDIO_BUILD", "release")
COMMON = ["-fno-math-errno", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-Icsrc", "-Itests/c"]


def line(text: str, name: str) -> list[str]:
    found = re.search(rf"^// {name}: (.*)$", text, re.MULTILINE)
    return shlex.split(found[1]) if found else []


def environment() -> dict[str, str]:
    """Without what a sanitized Python needs preloaded: the compiler would be sanitized with it. The trap stays: it
    minds nothing but the audio path."""
    own = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD" or KIND == "trap"}
    return own | {"TSAN_OPTIONS": "halt_on_error=1", "UBSAN_OPTIONS": "print_stacktrace=1"}


def run(command: list[str], timeout_s: float) -> None:
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=timeout_s)
    assert done.returncode == 0, f"exit {done.returncode}: {shlex.join(command)}\n{done.stdout}{done.stderr}"


def compiler(variable: str, *usual: str) -> list[str]:
    if named := os.environ.get(variable):
        return shlex.split(named)
    for name in usual:
        if shutil.which(name):
            return [name]
    pytest.skip(f"no compiler: install one of {', '.join(usual)} or set {variable}")


def build(program: Path, folder: Path) -> Path:
    text = program.read_text(encoding="utf-8")
    sources = line(text, "sources")
    assert sources, f"{program.name}: say what it is made of: // sources: csrc/..."
    objects: list[str] = []
    flags = [*COMMON, *FLAGS[KIND], *line(text, "flags")]
    for source in [str(program.relative_to(ROOT)), *sources]:
        made = str(folder / f"{len(objects)}-{Path(source).stem}.o")
        language = (
            [*compiler("CXX", "c++", "g++", "clang++"), "-std=c++17"]
            if source.endswith(".cc")
            else [*compiler("CC", "cc", "gcc", "clang"), "-std=gnu11"]
        )
        run([*language, *flags, "-c", source, "-o", made], 120)
        objects.append(made)
    linker = (
        compiler("CXX", "c++", "g++", "clang++") if any(s.endswith(".cc") for s in sources) else compiler("CC", "cc")
    )
    built = folder / program.stem
    run([*linker, *FLAGS[KIND], *objects, "-o", str(built), "-lpthread", "-lm"], 120)
    return built


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_c_program(program: Path, tmp_path: Path) -> None:
    run([str(build(program, tmp_path))], 60)


def test_there_are_programs() -> None:
    assert PROGRAMS


def test_a_failing_program_fails_the_test(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="not so"):
        run(["sh", "-c", "echo not so >&2; exit 1"], 10)
