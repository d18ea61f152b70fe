"""What stands in the place of a port once a session is closed, so that the port's memory does not wait for it.

A port is megabytes, and a session is full of cycles (its parts call one another), which garbage collection alone ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from rtaudio.core import PortClosed

if TYPE_CHECKING:
    from rtaudio.core import AudioPort


class _ClosedPort:
    """Raises PortClosed, whatever is asked of it."""

    def __getattr__(self, name: str) -> Any:
        raise PortClosed("the session is closed, and holds its port no more")


CLOSED_PORT = cast("AudioPort", _ClosedPort())
