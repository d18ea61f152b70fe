"""What is kept of a call: its sound in a file, and what a transcript and a picture are made of."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtaudio.cli.errors import CommandError
from rtaudio.cli.log import CallLog
from rtaudio.cli.recorder import AgentOnly, Envelope, Recorder
from rtaudio.cli.screen import Screen
from rtaudio.cli.timeline import Timeline, draw
from rtaudio.cli.wav import WavWriter
from rtaudio.core import AudioPort, Line
from rtaudio.providers.packages import MissingPackageError
from rtaudio.voice.chat import ChatContext


class Take:
    """Made before a call begins, fed by `collect` while it goes on, closed before its port is. `log` takes the
    events."""

    def __init__(self, port: AudioPort, line: Line, path: Path, *, stereo: bool) -> None:
        self.path = path
        self.log = CallLog()
        self.history = ChatContext()
        self._file = WavWriter(path, port.rate, 2 if stereo else 1)
        self._envelope = Envelope(port.rate)
        self._recorder = Recorder(
            port,
            [self._file if stereo else AgentOnly(self._file), self._envelope],
            input_delay_samples=line.figures()["input_delay_samples"],
            anchors=None if line.kind == "paced" else line.anchors,
        )
        self._reader = port.probabilities(0)
        self._probabilities: list[NDArray[np.float32]] = []
        self._rate = port.rate

    def collect(self) -> None:
        """Takes what the port has by now."""
        self._recorder.collect()
        self._probabilities.append(self._reader.read())

    def close(self) -> None:
        """Takes the last of it and closes the file."""
        self.collect()
        self._recorder.close()
        self._file.close()

    def __enter__(self) -> Take:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def timeline(self) -> Timeline:
        """What a picture shows."""
        return Timeline(
            self._envelope.bins(),
            self._envelope.bin_s,
            self._recorder.frames / self._rate,
            np.concatenate([np.zeros(0, np.float32), *self._probabilities]),
            self.log,
        )

    def write_transcript(self, path: Path, screen: Screen) -> None:
        """As JSON."""
        text = json.dumps(self._plain(), indent=1, ensure_ascii=False) + "\n"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror or error}") from error
        screen.note(f"transcript  {path}")

    def draw(self, path: Path, screen: Screen) -> None:
        """As a picture; without matplotlib a note says what to install."""
        try:
            draw(self.timeline(), path)
        except MissingPackageError as error:
            screen.note(f"timeline    not drawn: {error}")
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror or error}") from error
        else:
            screen.note(f"timeline    {path}")

    def _plain(self) -> dict[str, Any]:
        return self.log.to_dict(self.history)
