"""Builds the trap library for the tests of this folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def compiler() -> str:
    if sys.platform != "linux":
        pytest.skip("the trap stands in front of glibc's names")
    found = shutil.which("cc") or shutil.which("gcc")
    if found is None:
        pytest.skip("no C compiler on this machine")
    return found


@pytest.fixture(scope="session")
def trap_library(repo_root: Path, tmp_path_factory: pytest.TempPathFactory, compiler: str) -> Path:
    library = tmp_path_factory.mktemp("trap") / "librtatrap.so"
    source = repo_root / "csrc/trap/trap.c"
    flags = ["-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fno-builtin", "-shared", "-fPIC"]
    subprocess.run([compiler, *flags, "-o", str(library), str(source), "-ldl"], check=True)
    return library
