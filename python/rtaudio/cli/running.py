"""Runs a command's coroutine: on the clock, or fast, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from rtaudio.testing import virtual_time

T = TypeVar("T")


def run_call(main: Coroutine[Any, Any, T], *, fast: bool) -> T:
    """asyncio.run, or the same on virtual time."""
    return virtual_time.run(main) if fast else asyncio.run(main)
