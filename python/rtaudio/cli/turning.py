"""What a call's turns end by: a profile, and the turn model where it is installed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

from rtaudio.core import DetectorConfig, Line, ModelAltered, ModelMissing, TurnConfig, TurnModel

PROFILES: Final = ("patient", "default", "quick")


class Turning:
    """`detector` goes to the line. Then as with Hearing: live, `start`; in virtual time, `take` after each tick."""

    def __init__(self, profile: str = "default", note: Callable[[str], None] = lambda line: None) -> None:
        """`note` is told which model decides, or why none does."""
        self.detector = DetectorConfig(turn=TurnConfig(profile=profile))
        self._model: TurnModel | None = None
        try:
            self._model = TurnModel(on_failure=_tell)
        except ModelMissing:
            note("Turns end by silence alone: no turn model is installed (rtaudio models install).")
        except (ModelAltered, ImportError, ValueError) as error:
            note(f"Turns end by silence alone: {error}")
        else:
            note(f"Turns end by Smart Turn and the caller's voice, profile “{profile}”.")

    @property
    def by_model(self) -> bool:
        return self._model is not None

    def add(self, line: Line) -> None:
        """Answers what `line` asks."""
        if self._model is not None:
            self._model.add(line)

    def start(self) -> None:
        """From now on by itself."""
        if self._model is not None:
            self._model.start()

    def take(self) -> None:
        """Answers all that was asked; takes as long as it takes."""
        if self._model is not None:
            self._model.pump()

    def close(self) -> None:
        """May be called again."""
        if self._model is not None:
            self._model.close()


def _tell(line: Line, error: Exception) -> None:
    print(f"turn model: {error}; silence decides where it is missing", file=sys.stderr)
