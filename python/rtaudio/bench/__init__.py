"""Figures: what the core costs and what it keeps, on this machine. The command is ``rtaudio-bench``."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """The command ``rtaudio-bench``; gives its exit code. ``arguments``: without the program's name, default
    sys.argv."""
    from rtaudio.bench.command import run

    return run(arguments)
