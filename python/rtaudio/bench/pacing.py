"""``rtaudio-bench pacing``: what is sent in time, whatever else the sender has to do. Parts, each a module of its own:
the event loop that stands still (pacing_loop), RTP by the engine itself (pacing_udp)."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from rtaudio.bench import pacing_loop, pacing_udp


def run(options: argparse.Namespace, progress: Callable[[str], None]) -> dict[str, Any]:
    """All parts' figures in one."""
    return {
        **pacing_loop.measure(progress, seconds=options.seconds),
        **pacing_udp.measure(progress, seconds=options.seconds),
    }
