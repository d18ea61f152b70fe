"""When a turn of the user is over, by the agent in charge: one that asks for an address waits longer than one that asks
for a yes. The core's own word on it stays as the line was added with, until an agent has one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from rtaudio.core import PortClosed, TurnConfig
from rtaudio.voice.agent import Agent

if TYPE_CHECKING:
    from rtaudio.core import AudioPort

TurnSettingsPost = Callable[[TurnConfig], object]
"""As `rtaudio.post_turn_settings` with a port. What it gives is of no account; PortClosed is taken."""


def by_port(port: AudioPort) -> TurnSettingsPost:
    """For a line in this process."""
    from rtaudio.core import post_turn_settings

    return lambda turns: post_turn_settings(port, turns)


class TurnSettings:
    """`usual`: for agents without settings of their own, once one that has them was in charge."""

    def __init__(self, post: TurnSettingsPost, usual: TurnConfig | None) -> None:
        self._post, self._usual = post, usual if usual is not None else TurnConfig()
        self._changed = usual is not None

    def put(self, agent: Agent) -> None:
        """It is in charge now. In the core from the engine's next tick on, for an open turn as well."""
        if agent.turns is None and not self._changed:
            return
        self._changed = True
        with contextlib.suppress(PortClosed):
            self._post(agent.turns if agent.turns is not None else self._usual)

    def release(self) -> None:
        """The session has ended: nothing is posted any more, and the port is not held."""
        self._post = _nowhere


def _nowhere(turns: TurnConfig) -> None:
    pass
