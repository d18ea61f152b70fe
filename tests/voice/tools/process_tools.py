"""Tools for a process of their own: of a module, as they must be."""

from __future__ import annotations

import os
import time

from rtaudio.voice.tools import ToolError, tool


class Busy(Exception):
    """Worth another attempt."""


@tool(run="process")
def where(word: str) -> dict[str, object]:
    """Says which process it runs in."""
    return {"pid": os.getpid(), "word": word}


@tool(run="process", timeout_s=3.0)
def spin() -> str:
    """Computes for ever."""
    while True:
        pass


@tool(run="process", on_interruption="cancel", timeout_s=60)
def sleep(path: str) -> str:
    """Says that it began, then sleeps."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(str(os.getpid()))
    time.sleep(600)
    return "slept"


@tool(run="process")
def die() -> str:
    """Ends its process."""
    os._exit(3)


@tool(run="process", retries=1, retry_on=Busy, backoff_s=0.01)
def flaky(path: str) -> str:
    """Works the second time."""
    if not os.path.exists(path):
        with open(path, "w", encoding="utf-8"):
            raise Busy
    return "at last"


@tool(run="process")
def refuse() -> str:
    """Says why not."""
    raise ToolError("no table free")


@tool(run="process")
def fail() -> str:
    """Has a mistake."""
    raise ValueError("secret")
