"""Without its framework a plug-in says which extra to install, when it is imported (law 11)."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.util import find_spec

import pytest

from rtaudio.integrations.frameworks import missing
from rtaudio.providers.packages import MissingPackageError

PLUGINS = [("livekit_agents", "livekit", "livekit.agents", "livekit"), ("pipecat", "pipecat", "pipecat", "pipecat")]


@pytest.mark.parametrize(("plugin", "top", "package", "extra"), PLUGINS)
def test_a_missing_framework_names_its_extra(plugin: str, top: str, package: str, extra: str) -> None:
    if find_spec(top) is not None:
        pytest.skip(f"{top} is installed here")
    with pytest.raises(
        MissingPackageError, match=rf"{plugin} needs .*'{package}'.* pip install \"rtaudio\[{extra}\]\""
    ):
        importlib.import_module(f"rtaudio.integrations.{plugin}")


def test_a_fault_within_rtaudio_is_not_taken_for_a_missing_framework() -> None:
    fault = ModuleNotFoundError("No module named 'rtaudio.nonsense'", name="rtaudio.nonsense")
    assert missing("pipecat", extra="pipecat", wanted_by="test", error=fault) is fault
    part = ModuleNotFoundError("No module named 'livekit.agents'", name="livekit.agents")
    assert isinstance(missing("livekit.agents", extra="livekit", wanted_by="test", error=part), MissingPackageError)


def test_what_the_plugins_share_needs_no_framework() -> None:
    program = (
        "import sys, rtaudio.integrations.hearing; "
        "print([m for m in ('livekit', 'pipecat', 'asyncio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
