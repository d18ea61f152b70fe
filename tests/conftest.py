"""Fixtures that every test may use."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import hypothesis
import pytest

from tests.parts import runs_alone

ROOT = Path(__file__).resolve().parent.parent

# Nothing is timed in tests, so no example has a deadline. "few" is for sanitizer builds, where each costs tenfold.
hypothesis.settings.register_profile("usual", deadline=None)
hypothesis.settings.register_profile("few", deadline=None, max_examples=20)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "usual"))


# A shell that starts the tests in the background has them ignore Ctrl-C, and so would the commands under test.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(ROOT) and runs_alone(item.path.relative_to(ROOT)):
            item.add_marker("alone")


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The top of the source tree."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recordings, noise and traces that lies beside the repository (``../shared/data``).

    It is not part of the repository. ``RTAUDIO_SHARED`` names another place for ``../shared``.
    """
    shared = Path(os.environ.get("RTAUDIO_SHARED", ROOT.parent / "shared"))
    data = shared / "data"
    if not data.is_dir():
        pytest.skip(f"no recordings at {data}: set RTAUDIO_SHARED to the folder that holds data/")
    return data
