"""A process that dies, simulated: the session is gone from one moment to the next, and nobody says goodbye.

simulation.session is killed; port, line and caller stay, as they do behind a gateway. Then another session goes on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtaudio.voice.session import Session


def kill(session: Session) -> None:
    """From now on the session does and writes nothing. What it ran is cancelled at its next wait, and what its code
    does then (closing a stream) reaches nobody. What it had written to the playout stays there."""
    session._machine.closed = True
    if session._keeper is not None:
        session._keeper.abandon()
        _cancel(session._keeper._tasks._tasks)
    session._hands._tasks._on_error = session._hands.agents._tasks._on_error = lambda error: None
    _cancel(session._hands._tasks._tasks)
    if (desk := session._hands.tools) is not None:
        hands = desk._runner._hands
        desk._runner._machine.closed = True
        desk._runner._record = None
        for clock in hands._clocks.values():
            clock.cancel()
        hands._clocks.clear()
        _cancel(hands._tasks._tasks)
    if session._wakeups is not None:
        session._wakeups.remove(session.take)


def _cancel(tasks: set[asyncio.Task[None]]) -> None:
    for task in tuple(tasks):
        task.cancel()
