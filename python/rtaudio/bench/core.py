"""The figures of the core, each measured by the module that knows how; names and units as in docs/benchmarks.md."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Figures = dict[str, Any]
Progress = Callable[[str], None]


def _ring(data: Path | None) -> Figures:
    from rtaudio.bench import ring

    return ring.measure()


def _playout(data: Path | None) -> Figures:
    from rtaudio.core._measure import measure_pull

    pull = measure_pull(rate=48000, frame_samples=480, frames=20000)
    if pull["mismatches"]:
        raise AssertionError(f"{pull['mismatches']} samples were not put out as they were written")
    return {"playout_pull_ns": pull["pull_ns"], "playout_pull_median_ns": pull["pull_median_ns"]}


def _flush(data: Path | None) -> Figures:
    from rtaudio.bench import playout

    return playout.measure_flush()


def _pause(data: Path | None) -> Figures:
    from rtaudio.bench import playout

    return playout.measure_pause()


def _stall(data: Path | None) -> Figures:
    from rtaudio.bench import stall

    return stall.measure()


def _resample(data: Path | None) -> Figures:
    from rtaudio.bench import resample

    return {"resample": resample.measure()}


def _vad(data: Path | None) -> Figures:
    from rtaudio.bench import vad

    figures: Figures = dict(vad.measure())
    if data is not None:
        figures["vad_max_abs_dp"] = vad.max_abs_dp(data)
    return figures


def _imports(data: Path | None) -> Figures:
    from rtaudio.bench import imports

    return imports.measure()


PARTS: dict[str, Callable[[Path | None], Figures]] = {
    "ring": _ring,
    "playout": _playout,
    "flush": _flush,
    "pause": _pause,
    "stall": _stall,
    "resample": _resample,
    "vad": _vad,
    "import": _imports,
}


def recordings() -> Path | None:
    """The folder of recordings beside a checkout, if there is one: RTAUDIO_SHARED/data or ../shared/data."""
    shared = os.environ.get("RTAUDIO_SHARED")
    places = [Path(shared)] if shared else [Path.cwd().parent / "shared", Path(__file__).parents[4] / "shared"]
    return next((place / "data" for place in places if (place / "data").is_dir()), None)


def measure(only: Sequence[str] | None = None, *, data: Path | None = None, progress: Progress = print) -> Figures:
    """Every figure, or those of the parts named in ``only``. Without recordings ``vad_max_abs_dp`` is left out."""
    data = data or recordings()
    figures: Figures = {}
    for name, part in PARTS.items():
        if only and name not in only:
            continue
        progress(f"{name} ...")
        figures |= part(data)
    return figures
