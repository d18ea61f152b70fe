"""Ways in which a provider can fail, for the fakes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

Mode = Literal["raise_at_open", "raise", "hang", "nothing", "raise_on_close", "hang_on_close"]


class FakeFailure(RuntimeError):
    """What a fake provider raises when told to."""


@dataclass(slots=True)
class Failure:
    """`after`: pieces that still come before it (raise, hang, nothing: the stream ends there). `streams`: how many
    streams fail, from the `first` (0) on; later ones work."""

    mode: Mode
    after: int = 0
    streams: int = 1_000_000
    first: int = 0

    def of(self, stream: int) -> Failure | None:
        return self if self.first <= stream < self.first + self.streams else None


def at_open(failure: Failure | None) -> None:
    """When a stream is opened."""
    if failure is not None and failure.mode == "raise_at_open":
        raise FakeFailure("told to raise when opened")


async def at_piece(failure: Failure | None, number: int) -> bool:
    """Before piece `number`; False: the stream is to end here."""
    if failure is None or number < failure.after:
        return True
    match failure.mode:
        case "raise":
            raise FakeFailure(f"told to raise before piece {number}")
        case "hang":
            await asyncio.get_running_loop().create_future()
        case "nothing":
            return False
    return True


async def at_close(failure: Failure | None) -> None:
    """When a stream is closed."""
    if failure is not None and failure.mode == "raise_on_close":
        raise FakeFailure("told to raise when closed")
    if failure is not None and failure.mode == "hang_on_close":
        await asyncio.get_running_loop().create_future()
