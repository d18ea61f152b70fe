"""Without its package a provider says which extra to install, when it is made (law 11)."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib.machinery import ModuleSpec

import pytest

import rtaudio.providers
from rtaudio.providers.packages import MissingPackageError, load

PACKAGES = [
    ("hibari", "HibariTTS", (), "local"),
    ("pocketsphinx", "PocketsphinxSTT", (), "local"),
    ("httpx", "OpenAICompatibleLLM", ("some-model",), "openai"),
]


@pytest.mark.parametrize(("package", "name", "arguments", "extra"), PACKAGES)
def test_a_missing_package_names_its_extra(
    monkeypatch: pytest.MonkeyPatch, package: str, name: str, arguments: tuple[str, ...], extra: str
) -> None:
    found = importlib.util.find_spec

    def find_spec(module: str) -> ModuleSpec | None:
        return None if module == package else found(module)

    monkeypatch.setattr("rtaudio.providers.packages.find_spec", find_spec)
    with pytest.raises(MissingPackageError, match=rf'{name} needs .*{package}.* pip install "rtaudio\[{extra}\]"'):
        getattr(rtaudio.providers, name)(*arguments)


def test_a_package_that_does_not_load_is_told_from_a_missing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(module: str) -> None:
        raise OSError("libwhatever.so.1: cannot open shared object file")

    monkeypatch.setattr("rtaudio.providers.packages.import_module", broken)
    with pytest.raises(MissingPackageError, match=r"installed but does not load: libwhatever\.so\.1"):
        load("json", extra="local", wanted_by="HibariTTS")


def test_a_name_that_is_no_provider_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="NoSuchTTS"):
        rtaudio.providers.NoSuchTTS  # noqa: B018


def test_naming_the_providers_imports_none_of_their_packages() -> None:
    program = (
        "import sys, rtaudio.providers as p; [getattr(p, name) for name in p.__all__]; "
        "print([m for m in ('hibari', 'pocketsphinx', 'httpx', 'onnxruntime', 'soxr') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
