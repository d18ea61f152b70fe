"""How far our kernel and onnxruntime drift apart when each carries its own state for hours.

From equal state the two differ by rounding alone. Free-running, each window's difference enters the next: this shows
whether that grows, on one stream without a break, beside what onnxruntime does to itself: its own probabilities with
all optimisations against those with none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rtaudio.bench.vad import Reference
from rtaudio.bench.vad_material import RATE, Material, endless
from rtaudio.core.vad import SileroVad

_PARTS = 10
LIMIT = 1e-5


def _figures(name: str, differences: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, Any]:
    return {
        f"{name}_max_abs_dp": float(differences.max()),
        f"{name}_above_1e-5_pct": float(100 * np.mean(differences > LIMIT)),
        f"{name}_mean_abs_dp": float(differences.mean()),
    }


def measure(material: Material, hours: float, progress: Callable[[str], None], seed: int = 1) -> dict[str, Any]:
    """``equal_*``: from our state, every window; ``free_*``: ours against onnxruntime, each with its own state;
    ``ort_*``: onnxruntime without optimisations against itself with all; ``drift_by_part``: the same two in each tenth
    of the time. Raises ValueError for less time than ten windows take."""
    vad = SileroVad()
    size = vad.window_samples
    wanted = int(hours * 3600 * RATE) // size
    if wanted < _PARTS:
        raise ValueError(f"{hours} hours are too few to measure drift")
    fast, plain, from_ours = Reference(vad), Reference(vad, optimised=False), Reference(vad)
    state = np.zeros((1, vad.model.state_floats), np.float32)
    equal, free, ort = np.zeros((3, wanted))
    done, decisions, rest = 0, 0, np.zeros(0, np.float32)
    for piece in endless(material, seed):
        rest = np.concatenate([rest, piece])
        for window in rest[: len(rest) // size * size].reshape(-1, 1, size):
            expected = from_ours.probability(state[0], window[0])
            ours, theirs = float(vad.model.run(state, window)[0]), float(fast.step(window)[0])
            equal[done], free[done] = abs(ours - expected), abs(ours - theirs)
            ort[done] = abs(float(plain.step(window)[0]) - theirs)
            decisions += (ours > 0.5) != (theirs > 0.5)
            done += 1
            if done % (wanted // _PARTS) == 0:
                progress(f"vad: {done * size / RATE / 3600:.2f} of {hours} hours; drift so far {free[:done].max():.2g}")
            if done == wanted:
                break
        if done == wanted:
            break
        rest = rest[len(rest) // size * size :]
    parts = zip(np.array_split(free, _PARTS), np.array_split(ort, _PARTS), strict=True)
    return {
        "drift_hours": wanted * size / RATE / 3600,
        "drift_windows": wanted,
        **_figures("equal", equal),
        **_figures("free", free),
        **_figures("ort", ort),
        "decisions_that_differ": decisions,
        "drift_by_part": [
            {
                "free_max": float(a.max()),
                "free_mean": float(a.mean()),
                "ort_max": float(b.max()),
                "ort_mean": float(b.mean()),
            }
            for a, b in parts
        ],
    }
