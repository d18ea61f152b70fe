"""Text to speech with the espeak-ng program, where the user has it: a hundred languages, robotic, instant.

espeak-ng is under the GPL, so rtaudio neither brings it nor links to it: it runs as a process of its own, one for each
clause, and its sound comes through a pipe. The pipe is the bound: espeak-ng waits while nobody reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from typing import Final

import numpy as np

from rtaudio.providers.packages import MissingPackageError
from rtaudio.providers.waiting import outside_for
from rtaudio.voice.protocols import Audio, ProviderError, Speech

# WAV on a pipe: espeak-ng cannot know the length and writes a placeholder; the header is 44 bytes with the rate at 24.
_HEADER_BYTES: Final = 44
_READ_BYTES: Final = 8192
# It speaks hundreds of times faster than it is listened to.
_PATIENCE_S: Final = 10.0
_COMPLAINT_BYTES: Final = 1000


class EspeakTTS:
    """espeak-ng as a TTS provider.

    voice      as `espeak-ng --voices` lists them
    program    name or path; raises MissingPackageError if there is no such program
    words_per_minute, pitch   80 to 450, 0 to 99
    """

    name = "espeak-ng"

    def __init__(
        self, voice: str = "en-us", *, program: str = "espeak-ng", words_per_minute: int = 165, pitch: int = 50
    ) -> None:
        if not 80 <= words_per_minute <= 450:
            raise ValueError(f"words_per_minute is {words_per_minute}; espeak-ng takes 80 to 450")
        if not 0 <= pitch <= 99:
            raise ValueError(f"pitch is {pitch}; espeak-ng takes 0 to 99")
        path = shutil.which(program)
        if path is None:
            raise MissingPackageError(
                f"EspeakTTS: there is no program '{program}'. espeak-ng is not part of rtaudio (it is under the GPL); "
                'install it with your system (Debian: apt install espeak-ng), or use HibariTTS from "rtaudio[local]"'
            )
        self._command = [path, "-v", voice, "-s", str(words_per_minute), "-p", str(pitch), "--stdin", "--stdout"]

    def stream(self, text: str) -> EspeakStream:
        return EspeakStream(self._command, text)

    async def warm_up(self) -> None:
        """Speaks a word, so that a voice that does not exist is reported now. Raises ProviderError."""
        stream = self.stream("Ready.")
        try:
            async for _ in stream:
                pass
        finally:
            await stream.aclose()

    async def aclose(self) -> None:
        """Nothing is kept between clauses."""


class EspeakStream:
    """One run of the program. One task reads it; `aclose` may come from any task and ends the process."""

    def __init__(self, command: list[str], text: str) -> None:
        self._command = command
        self._text = text
        self._process: Process | None = None
        self._complaint: asyncio.Task[bytes] | None = None
        self._rate = 0
        self._odd = b""
        self._closed = False

    def __aiter__(self) -> AsyncIterator[Speech]:
        return self

    async def __anext__(self) -> Speech:
        if self._closed or not self._text.strip():
            raise StopAsyncIteration
        try:
            async with outside_for(_PATIENCE_S):
                samples = await self._read()
        except TimeoutError as error:
            raise self._error(f"gave no sound for {_PATIENCE_S:.0f} s") from error
        except OSError as error:
            raise self._error(f"could not be run: {error}") from error
        if samples is None:
            raise StopAsyncIteration
        return Speech(samples, self._rate)

    async def aclose(self) -> None:
        self._closed = True
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            async with outside_for(_PATIENCE_S):
                await process.wait()
        if self._complaint is not None:
            self._complaint.cancel()

    async def _read(self) -> Audio | None:
        """Some samples, or None at the end."""
        process = self._process or await self._start()
        assert process.stdout is not None
        if not self._rate:
            try:
                self._rate = _rate_of(await process.stdout.readexactly(_HEADER_BYTES))
            except asyncio.IncompleteReadError:
                await self._finish(process)
                return None
            except ValueError as error:
                raise self._error(str(error)) from error
        block = self._odd + await process.stdout.read(_READ_BYTES)
        if self._closed:
            return None
        if len(block) < 2:
            await self._finish(process)
            return None
        even = len(block) & ~1
        self._odd = block[even:]
        return np.frombuffer(block[:even], "<i2").astype(np.float32) / 32768.0

    async def _start(self) -> Process:
        process = await asyncio.create_subprocess_exec(*self._command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        if self._closed:
            process.kill()
        self._process = process
        assert process.stdin is not None
        assert process.stderr is not None
        self._complaint = asyncio.create_task(process.stderr.read(_COMPLAINT_BYTES), name="espeak-ng's messages")
        with contextlib.suppress(ConnectionError):  # it ended without reading; _finish tells what it said about that
            process.stdin.write(self._text.encode())
            await process.stdin.drain()
            process.stdin.close()
        return process

    async def _finish(self, process: Process) -> None:
        """The end of its sound: an error if it failed or never said anything."""
        status = await process.wait()
        if self._closed:
            return
        if status != 0 or not self._rate:
            said = (await self._complaint).decode(errors="replace").strip() if self._complaint else ""
            raise self._error(f"ended with status {status}{': ' + said if said else ' and without a word'}")

    def _error(self, what: str) -> ProviderError:
        return ProviderError("tts", EspeakTTS.name, f"{what} (text {self._text[:60]!r})")


def _rate_of(header: bytes) -> int:
    """The rate in a WAV header of 16-bit mono. Raises ValueError for any other header."""
    if header[:4] != b"RIFF" or header[8:16] != b"WAVEfmt " or header[20:24] != b"\x01\x00\x01\x00":
        raise ValueError(f"gave no 16-bit mono WAV (it begins with {header[:16]!r})")
    return int.from_bytes(header[24:28], "little")
