"""Why a task brought no result, by the user's doing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class TaskRefused(Exception):
    """The user will not say it, as the text tells."""


class AttemptsSpent(Exception):
    """It was tried as often as may be, and nothing usable came."""


class GroupFailed(Exception):
    """A group of tasks has no result: `step` had none, for `__cause__` (TaskRefused, AttemptsSpent, TimeoutError, what
    the task failed with). `results`: of the steps that were done, by name."""

    def __init__(self, step: str, why: str, results: Mapping[str, Any]) -> None:
        super().__init__(f"{step}: {why}")
        self.step, self.results = step, dict(results)
