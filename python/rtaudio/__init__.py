"""rtaudio: the real-time half of a voice agent.

``import rtaudio`` gives the compiled core alone (rings, resampler, playout, VAD, port, engine); names are loaded when
first used, so importing costs next to nothing. The agent layer is ``rtaudio.voice``, providers are
``rtaudio.providers``.
"""

from __future__ import annotations

from typing import Any

from rtaudio import core as _core

__version__ = "0.1.0"
__all__ = ["__version__", *_core.__all__]


def __getattr__(name: str) -> Any:
    return getattr(_core, name)


def __dir__() -> list[str]:
    return __all__
