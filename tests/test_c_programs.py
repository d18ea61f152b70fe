"""The core tested from C: real threads, two processes, sanitizers, counters no Python could set.

Every ``tests/c/*.c`` is a program of its own. Near its top it names what it is made of:

    // sources: port csrc/gate.c        groups of csrc/sources.py, or files (.c or .cc) from the root; required
    // flags: -DRTA_TRAP=1              more compiler flags; optional

It is compiled with those, with ``csrc`` and ``tests/c`` to include from (a source once for all programs with the same
flags), run without arguments, and must exit with 0 within a minute; better within a second. ``tests/c/check.h`` has
``CHECK`` and other small helpers.

``RTAUDIO_BUILD`` chooses the kind of build, as it does for setup.py: release, debug, asan, tsan or trap. ``CC`` and
``CXX`` name other compilers.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from csrc.sources import sources_of

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


Compiled = Callable[[str, list[str]], str]


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    """compiled(source, command) gives the object; what was compiled already is not compiled again."""
    folder = tmp_path_factory.mktemp("objects")
    made: dict[tuple[str, ...], str] = {}

    def compile_once(source: str, command: list[str]) -> str:
        key = (source, *command)
        if key not in made:
            target = str(folder / f"{len(made)}-{Path(source).stem}.o")
            run([*command, "-c", source, "-o", target], 120)
            made[key] = target
        return made[key]

    return compile_once


def build(program: Path, folder: Path, compiled: Compiled, target: str = "", link: tuple[str, ...] = ()) -> Path:
    """`target`: of a cross compiler, its prefix; `link`: more flags of the linker."""
    sources = sources_of(program)
    cc = [f"{target}gcc"] if target else compiler("CC", "cc", "gcc", "clang")
    cxx = [f"{target}g++"] if target else compiler("CXX", "c++", "g++", "clang++")
    flags = [*COMMON, *FLAGS[KIND], *line(program.read_text(encoding="utf-8"), "flags")]
    objects = []
    for source in [str(program.relative_to(ROOT)), *sources]:
        language = [*cxx, "-std=c++17"] if source.endswith(".cc") else [*cc, "-std=gnu11"]
        objects.append(compiled(source, [*language, *flags]))
    linker = cxx if any(source.endswith(".cc") for source in sources) else cc
    built = folder / program.stem
    run([*linker, *FLAGS[KIND], *link, *objects, "-o", str(built), "-lpthread", "-lm"], 120)
    return built


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_c_program(program: Path, tmp_path: Path, compiled: Compiled) -> None:
    run([str(build(program, tmp_path, compiled))], 60)


@pytest.mark.timeout(400)  # an emulator, at times on a busy machine
@pytest.mark.skipif(KIND != "release", reason="the ARM build is tried once, in the normal build")
def test_the_vad_kernel_gives_the_same_bits_on_arm(tmp_path: Path, compiled: Compiled) -> None:
    """Law 5 across processors: NEON against the bits of x86-64, under an emulator."""
    for tool, package in (("aarch64-linux-gnu-g++", "g++-aarch64-linux-gnu"), ("qemu-aarch64", "qemu-user")):
        if not shutil.which(tool):
            pytest.skip(f"no {tool}: on Debian, apt install {package}")
    program = build(ROOT / "tests/c/silero_rules.c", tmp_path, compiled, "aarch64-linux-gnu-", ("-static",))
    done = subprocess.run(["qemu-aarch64", str(program)], capture_output=True, text=True, timeout=380)
    assert done.returncode == 0, done.stderr
    assert "neon at 16000 Hz: the same bits" in done.stdout
    assert "neon at 8000 Hz: the same bits" in done.stdout


def test_there_are_programs() -> None:
    assert PROGRAMS


def test_a_program_says_what_it_is_made_of(tmp_path: Path) -> None:
    program = tmp_path / "some.c"
    program.write_text("// sources: port csrc/ring.c csrc/gate.c\n")
    assert sources_of(program) == [*sources_of(ROOT / "tests/c/playout_stress.c"), "csrc/gate.c"]
    program.write_text("// sources: prot\n")
    with pytest.raises(ValueError, match=r"some\.c: no group 'prot' in csrc/sources\.py; there are clocks, codec"):
        sources_of(program)
    program.write_text("int main(void) { return 0; }\n")
    with pytest.raises(ValueError, match=r"some\.c: say what it is made of"):
        sources_of(program)


def test_a_failing_program_fails_the_test(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="not so"):
        run(["sh", "-c", "echo not so >&2; exit 1"], 10)
