"""What `import rtaudio` gives: every name exists, is typed in the stubs, and costs nothing until it is used."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import rtaudio

PACKAGE = Path(rtaudio.__file__).parent


@pytest.mark.parametrize("name", rtaudio.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(rtaudio, name) is not None


@pytest.mark.parametrize("module", ["rtaudio", "rtaudio.core"])
def test_the_stub_says_the_same_names(module: str) -> None:
    stub = PACKAGE / ("core/__init__.pyi" if module == "rtaudio.core" else "__init__.pyi")
    named = {
        alias.asname
        for node in ast.parse(stub.read_text()).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert named == set(importlib.import_module(module).__all__) - {"__version__"}


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Playuot'"):
        rtaudio.Playuot  # noqa: B018


def test_importing_loads_no_agent_layer_and_no_model_runtime() -> None:
    used = ["Ring", "Playout", "AudioPort", "Engine", "SileroVad"]
    heavy = ["asyncio", "onnxruntime", "soxr", "rtaudio.voice", "sounddevice"]
    code = (
        f"import sys, rtaudio; [getattr(rtaudio, n) for n in {used}]; print(*(m for m in {heavy} if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
