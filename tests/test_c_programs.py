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


def build(program: Path, folder: Path, target: str = "", link: tuple[str, ...] = ()) -> Path:
    """`target`: of a cross compiler, its prefix; `link`: more flags of the linker."""
    text = program.read_text(encoding="utf-8")
    sources = line(text, "sources")
    assert sources, f"{program.name}: say what it is made of: // sources: csrc/..."
    cc = [f"{target}gcc"] if target else compiler("CC", "cc", "gcc", "clang")
    cxx = [f"{target}g++"] if target else compiler("CXX", "c++", "g++", "clang++")
    objects: list[str] = []
    flags = [*COMMON, *FLAGS[KIND], *line(text, "flags")]
    for source in [str(program.relative_to(ROOT)), *sources]:
        made = str(folder / f"{len(objects)}-{Path(source).stem}.o")
        language = [*cxx, "-std=c++17"] if source.endswith(".cc") else [*cc, "-std=gnu11"]
        run([*language, *flags, "-c", source, "-o", made], 120)
        objects.append(made)
    linker = cxx if any(source.endswith(".cc") for source in sources) else cc
    built = folder / program.stem
    run([*linker, *FLAGS[KIND], *link, *objects, "-o", str(built), "-lpthread", "-lm"], 120)
    return built


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_c_program(program: Path, tmp_path: Path) -> None:
    run([str(build(program, tmp_path))], 60)


@pytest.mark.skipif(KIND != "release", reason="the ARM build is tried once, in the normal build")
def test_the_vad_kernel_gives_the_same_bits_on_arm(tmp_path: Path) -> None:
    """Law 5 across processors: NEON against the bits of x86-64, under an emulator."""
    for tool, package in (("aarch64-linux-gnu-g++", "g++-aarch64-linux-gnu"), ("qemu-aarch64", "qemu-user")):
        if not shutil.which(tool):
            pytest.skip(f"no {tool}: on Debian, apt install {package}")
    program = build(ROOT / "tests/c/silero_rules.c", tmp_path, "aarch64-linux-gnu-", ("-static",))
    done = subprocess.run(["qemu-aarch64", str(program)], capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    assert "neon at 16000 Hz: the same bits" in done.stdout
    assert "neon at 8000 Hz: the same bits" in done.stdout


def test_there_are_programs() -> None:
    assert PROGRAMS


def test_a_failing_program_fails_the_test(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="not so"):
        run(["sh", "-c", "echo not so >&2; exit 1"], 10)
