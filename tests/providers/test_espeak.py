"""EspeakTTS: a process for each clause, gone when it is closed. With the real program where it is installed."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import numpy as np
import pytest

from rtaudio.providers import EspeakTTS
from rtaudio.providers.espeak import EspeakStream
from rtaudio.providers.packages import MissingPackageError
from rtaudio.testing import virtual_time
from rtaudio.voice.protocols import TTS, ProviderError, Speech

installed = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


async def speak(tts: TTS, text: str) -> list[Speech]:
    stream = tts.stream(text)
    try:
        return [piece async for piece in stream]
    finally:
        await stream.aclose()


def program(path: Path, script: str) -> str:
    """A program that takes espeak-ng's arguments and misbehaves in its own way."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@installed
def test_it_speaks() -> None:
    pieces = asyncio.run(speak(EspeakTTS(), "Good morning, everybody."))
    samples = np.concatenate([piece.samples for piece in pieces])
    assert {piece.rate for piece in pieces} == {22050}
    assert 1.0 < len(samples) / 22050 < 3.0
    assert 0.05 < np.abs(samples).max() <= 1.0


@installed
def test_two_runs_are_the_same_and_take_no_virtual_time() -> None:
    async def run() -> tuple[bytes, float]:
        began = asyncio.get_running_loop().time()
        pieces = await speak(EspeakTTS(), "The same.")
        return np.concatenate([piece.samples for piece in pieces]).tobytes(), asyncio.get_running_loop().time() - began

    first, second = virtual_time.run(run()), virtual_time.run(run())
    assert first[0] == second[0]
    assert first[1] == 0


@installed
def test_a_voice_that_does_not_exist_is_reported_when_warming_up() -> None:
    with pytest.raises(ProviderError, match=r"tts espeak-ng: .*voice"):
        asyncio.run(EspeakTTS("xx").warm_up())


@installed
def test_closing_ends_the_process_of_a_long_text() -> None:
    async def run() -> int | None:
        stream = EspeakTTS().stream("and so on " * 500)
        await anext(stream)
        await stream.aclose()
        await stream.aclose()
        assert await anext(stream, None) is None
        assert stream._process is not None
        return stream._process.returncode

    assert asyncio.run(run()) not in (None, 0)


def test_without_the_program_the_message_says_what_to_install() -> None:
    with pytest.raises(MissingPackageError, match="apt install espeak-ng"):
        EspeakTTS(program="no-such-program")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo no voice for you >&2; exit 3", "ended with status 3: no voice for you"),
        ("cat >/dev/null", "status 0 and without a word"),
        ("cat >/dev/null; printf '%050d' 0", "no 16-bit mono WAV"),
    ],
)
def test_a_program_that_fails_is_a_provider_error(tmp_path: Path, script: str, message: str) -> None:
    tts = EspeakTTS(program=program(tmp_path / "speaker", script))
    with pytest.raises(ProviderError, match=message):
        asyncio.run(speak(tts, "Hello."))


def test_a_program_that_hangs_can_be_closed(tmp_path: Path) -> None:
    async def run() -> None:
        stream = EspeakTTS(program=program(tmp_path / "speaker", "exec sleep 60")).stream("Hello.")
        assert isinstance(stream, EspeakStream)
        reading = asyncio.create_task(anext(stream, None))
        await asyncio.sleep(0.1)
        await stream.aclose()
        assert await reading is None

    asyncio.run(run())


def test_nothing_to_say_starts_no_process(tmp_path: Path) -> None:
    assert asyncio.run(speak(EspeakTTS(program=program(tmp_path / "speaker", "exit 1")), "  ")) == []


@pytest.mark.parametrize("arguments", [{"words_per_minute": 20}, {"pitch": 100}])
def test_settings_it_cannot_have_are_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="espeak-ng takes"):
        EspeakTTS(**arguments)  # type: ignore[arg-type]
