"""Figures of the VAD: what a window costs beside onnxruntime, and how far the two are apart on real speech."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtaudio.core.vad import SileroVad

_ROUNDS, _RUNS_A_ROUND = 20, 150

Floats = NDArray[np.float32]


class Reference:
    """The same model file on onnxruntime: one thread, all optimisations, inputs allocated once."""

    def __init__(self, vad: SileroVad) -> None:
        import onnxruntime  # type: ignore[import-untyped]

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self._session: Any = onnxruntime.InferenceSession(
            str(vad.path), sess_options=options, providers=["CPUExecutionProvider"]
        )
        self.feed: dict[str, NDArray[Any]] = {
            "input": np.zeros((1, 64 + vad.window_samples), np.float32),
            "state": np.zeros((2, 1, 128), np.float32),
            "sr": np.array(vad.rate, np.int64),
        }

    def run(self) -> Any:
        """The outputs for what `feed` holds."""
        return self._session.run(None, self.feed)

    def probability(self, state: Floats, window: Floats) -> float:
        """Of one window after a kernel's `state` (h, c, context)."""
        self.feed["input"][0, :64] = state[256:]
        self.feed["input"][0, 64:] = window
        self.feed["state"][:, 0] = state[:256].reshape(2, 128)
        return float(self.run()[0][0, 0])


def _quiet(rounds: Iterable[float]) -> float:
    """Of the medians of many short rounds the least: what the work takes when nobody else has the core."""
    return min(rounds)


def _seconds(call: Callable[[], object]) -> float:
    took = []
    for _ in range(_RUNS_A_ROUND):
        begin = time.perf_counter()
        call()
        took.append(time.perf_counter() - begin)
    return statistics.median(took)


def measure(instruction_set: str | None = None) -> dict[str, float]:
    """Microseconds per window, warm: ``vad_us_per_window_b1`` and ``_b32`` of the bare kernel, as the engine calls it;
    ``vad_python_us_per_window_b1`` of the call from Python; ``ort_us_per_window_b1`` of onnxruntime's ``run``."""
    vad = SileroVad(instruction_set=instruction_set)
    reference = Reference(vad)
    windows = np.random.default_rng(1).normal(scale=0.1, size=(32, vad.window_samples)).astype(np.float32)
    reference.feed["input"][0, 64:] = windows[0]
    states = np.zeros((32, vad.model.state_floats), np.float32)

    def kernel(batch: int) -> float:
        runs = max(_RUNS_A_ROUND // batch, 9)
        return float(np.median(vad.model.time_runs(states[:batch], windows[:batch], runs))) / batch

    rounds = [
        (kernel(1), kernel(32), _seconds(lambda: vad.model.run(states[:1], windows[:1])), _seconds(reference.run))
        for _ in range(_ROUNDS)
    ]
    names = ("vad_us_per_window_b1", "vad_us_per_window_b32", "vad_python_us_per_window_b1", "ort_us_per_window_b1")
    return {name: 1e6 * _quiet(column) for name, column in zip(names, zip(*rounds, strict=True), strict=True)}


def wav_files(folder: Path) -> list[Path]:
    """All WAVs of ``speech`` and ``vad`` below a folder of recordings; where it has neither, all below it."""
    roots = [folder / name for name in ("speech", "vad") if (folder / name).is_dir()] or [folder]
    return sorted(path for root in roots for path in root.rglob("*.wav"))


def read_16k(path: Path) -> Floats:
    """A WAV of any rate and kind as mono float32 at 16 kHz (soxr)."""
    import soundfile  # type: ignore[import-untyped]
    import soxr  # type: ignore[import-untyped]

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1, dtype=np.float32)
    return np.ascontiguousarray(soxr.resample(mono, rate, 16000, quality="VHQ"), np.float32)


def differences(vad: SileroVad, reference: Reference, samples: Floats) -> Iterator[float]:
    """|Δp| of every window. The state is carried by our kernel, and the reference starts each window from it."""
    state = np.zeros((1, vad.model.state_floats), np.float32)
    for window in samples[: len(samples) // vad.window_samples * vad.window_samples].reshape(-1, 1, vad.window_samples):
        expected = reference.probability(state[0], window[0])
        yield abs(float(vad.model.run(state, window)[0]) - expected)


def max_abs_dp(files: Path | Iterable[Path]) -> float:
    """The largest |Δp| between our kernel and onnxruntime, from equal state, over all windows of WAV files (or of a
    folder of recordings: `wav_files`). Raises ValueError where there is no window at all."""
    paths = (wav_files(files) if files.is_dir() else [files]) if isinstance(files, Path) else list(files)
    vad = SileroVad()
    reference = Reference(vad)
    worst = max((dp for path in paths for dp in differences(vad, reference, read_16k(path))), default=None)
    if worst is None:
        raise ValueError(f"no window of {vad.window_samples} samples in {len(paths)} WAV files")
    return worst
