"""Where libopus is. The core binds it when an Opus codec is first made; docs/decisions/codecs.md says why so."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from pathlib import Path

VARIABLE = "RTAUDIO_LIBOPUS"
MISSING = (
    "Opus needs libopus, and none was found: pip install 'rtaudio[opus]' (PyAV, which brings one), or the system's "
    "(Debian: apt install libopus0), or set RTAUDIO_LIBOPUS to the path of a libopus.so"
)


class OpusMissing(RuntimeError):
    """There is no libopus, or it cannot be loaded; the message says what to install."""


def _of_pyav() -> str | None:
    """The copy that PyAV's wheel brings for itself: beside the package, so that PyAV is not imported."""
    spec = importlib.util.find_spec("av")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        found = sorted((Path(folder).parent / "av.libs").glob("libopus-*.so*"))
        if found:
            return str(found[-1])
    return None


def _of_the_system() -> str | None:
    name = "libopus.0.dylib" if sys.platform == "darwin" else "libopus.so.0"
    try:
        ctypes.CDLL(name)
    except OSError:
        return None
    return name


def find_libopus() -> str:
    """The libopus that Opus codecs use, as dlopen takes it: the one that RTAUDIO_LIBOPUS names; else the one in PyAV's
    wheel, where that is installed; else the system's. `OpusMissing` if there is none."""
    named = os.environ.get(VARIABLE)
    found = named or _of_pyav() or _of_the_system()
    if not found:
        raise OpusMissing(MISSING)
    return found


def refused(path: str, why: str) -> OpusMissing:
    """What to say when the library at `path` could not be bound."""
    named = f" ({VARIABLE} names it)" if os.environ.get(VARIABLE) else ""
    return OpusMissing(f"libopus at {path}{named}: {why}. {MISSING.partition(': ')[2]}")
