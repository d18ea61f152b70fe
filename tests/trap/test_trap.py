"""The trap catches what law 4 forbids on the audio path, and lets everything else pass."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

PLANTS = [
    "malloc",
    "calloc",
    "realloc",
    "free",
    "posix_memalign",
    "aligned_alloc",
    "mmap",
    "pthread_mutex_lock",
    "pthread_mutex_trylock",
    "pthread_rwlock_rdlock",
    "pthread_rwlock_wrlock",
    "pthread_cond_wait",
    "pthread_cond_signal",
    "sem_wait",
    "usleep",
    "read",
    "open",
    "puts",
]


@pytest.fixture(scope="module")
def planted(repo_root: Path, tmp_path_factory: pytest.TempPathFactory, compiler: str) -> Path:
    program = tmp_path_factory.mktemp("planted") / "planted"
    source = Path(__file__).with_name("planted.c")
    flags = ["-O1", "-g", "-DRTA_TRAP=1", "-I", str(repo_root / "csrc"), "-rdynamic"]
    subprocess.run([compiler, *flags, "-o", str(program), str(source), "-lpthread"], check=True)
    return program


def run(program: Path, thread: str, plant: str, trap: Path | None) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    if trap is not None:
        environment["LD_PRELOAD"] = str(trap)
    return subprocess.run(
        [str(program), thread, plant],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_call_on_the_audio_path_aborts_and_is_named(planted: Path, trap_library: Path, plant: str) -> None:
    done = run(planted, "audio", plant, trap_library)
    assert done.returncode == -signal.SIGABRT
    assert f"rta_trap: {plant} on the audio path" in done.stderr
    assert "left in peace" not in done.stdout
    assert "planted" in done.stderr  # the stack names the program


def test_an_audio_path_that_keeps_the_law_passes(planted: Path, trap_library: Path) -> None:
    done = run(planted, "audio", "nothing", trap_library)
    assert (done.returncode, done.stderr) == (0, "")
    assert "left in peace" in done.stdout


@pytest.mark.parametrize("plant", PLANTS)
def test_the_same_call_beside_the_audio_path_passes(planted: Path, trap_library: Path, plant: str) -> None:
    done = run(planted, "other", plant, trap_library)
    assert (done.returncode, done.stderr) == (0, "")
    assert "left in peace" in done.stdout


def test_without_the_library_the_markers_do_nothing(planted: Path) -> None:
    done = run(planted, "audio", "malloc", None)
    assert (done.returncode, done.stderr) == (0, "")
