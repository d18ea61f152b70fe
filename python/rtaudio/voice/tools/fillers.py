"""What is said while calls take long: a part of the machine in calls.py.

One filler for the calls of one reply, however many of them have one: the first whose time comes. A tool with several
texts takes them in turn.
"""

from __future__ import annotations

from rtaudio.voice.tools.call_state import Call


class Fillers:
    """Pure; keeps whose turn it is."""

    def __init__(self) -> None:
        self._said: dict[str, int] = {}  # by tool
        self._batches: set[int] = set()

    def next(self, call: Call) -> str | None:
        """What is to be said for the call, which takes long; None: nothing any more."""
        if call.policy is None or not call.policy.filler or call.batch in self._batches:
            return None
        self._batches.add(call.batch)
        count = self._said.get(call.name, 0)
        self._said[call.name] = count + 1
        return call.policy.filler[count % len(call.policy.filler)]

    def over(self, batch: int) -> None:
        """Its results are there."""
        self._batches.discard(batch)
