"""What hears a call: the native VAD inside the engine, or a model of the user's beside it."""

from __future__ import annotations

import sys
from pathlib import Path

from rtaudio.cli.errors import CommandError
from rtaudio.core import Line, OnnxVad, OutsideVad, SileroVad


class Hearing:
    """Give `kernel` to the engine and `outside` to its line. Then: live, `start`; in virtual time, `take` each tick."""

    def __init__(self, model: Path | None = None) -> None:
        """`model`: an ONNX file; None: the native VAD. Raises CommandError for a model that cannot be used."""
        self.outside = model is not None
        self.kernel = None if self.outside else SileroVad()
        self._model: OnnxVad | None = None
        self._vad: OutsideVad | None = None
        if model is not None:
            try:
                self._model = OnnxVad(model)
            except (OSError, ValueError) as error:
                raise CommandError(f"--vad: {error}") from error
            self._vad = OutsideVad(self._model, on_failure=_tell)

    def add(self, line: Line) -> None:
        """Hears `line`."""
        if self._vad is not None:
            self._vad.add(line)

    def start(self) -> None:
        """From now on by itself."""
        if self._vad is not None:
            self._vad.start()

    def take(self) -> None:
        """Answers all that is there; takes as long as it takes."""
        if self._vad is not None:
            self._vad.pump(wait=True)

    def close(self) -> None:
        """May be called again."""
        if self._vad is not None:
            self._vad.close()
        if self._model is not None:
            self._model.close()


def _tell(line: Line, error: Exception) -> None:
    print(f"--vad: the model failed, and hears silence where it does: {error}", file=sys.stderr)
