"""The tests in their two parts: nothing that fails in either goes unseen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts import ALONE

TESTS = """
import pytest

def test_one():
    assert {one}

@pytest.mark.skip
def test_two():
    pass

@pytest.mark.alone
def test_three():
    assert {three}
"""


def test_what_runs_alone_is_there(repo_root: Path) -> None:
    assert [each for each in ALONE if not (repo_root / each).exists()] == []


def parts_of(root: Path, tests: str, folder: Path) -> tuple[int, str]:
    """The exit code and the last line."""
    (folder / "test_some.py").write_text(tests)
    command = [sys.executable, str(root / "scripts/run_tests.py"), "--jobs", "0", "-p", "no:cacheprovider", str(folder)]
    only = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "xdist.plugin"}
    done = subprocess.run(command, capture_output=True, text=True, env=only, check=False)
    return done.returncode, done.stdout.splitlines()[-1]


@pytest.mark.parametrize(("one", "three"), [(True, True), (False, True), (True, False)])
def test_a_failure_in_either_part_fails_the_whole(repo_root: Path, tmp_path: Path, one: bool, three: bool) -> None:
    code, last = parts_of(repo_root, TESTS.format(one=one, three=three), tmp_path)
    if one and three:
        assert code == 0
        assert " 2 passed, 1 skipped in " in last
    else:
        assert code == 1
        assert " 1 failed, 1 passed, 1 skipped in " in last


def test_choosing_no_test_is_no_success(repo_root: Path, tmp_path: Path) -> None:
    code, last = parts_of(repo_root, "", tmp_path)
    assert code == 5
    assert " no tests ran in " in last
