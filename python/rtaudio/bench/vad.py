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
    """The same model file on onnxruntime: one thread, inputs allocated once, optimised unless told otherwise."""

    def __init__(self, vad: SileroVad, batch: int = 1, *, optimised: bool = True) -> None:
        import onnxruntime  # type: ignore[import-untyped]

        levels = onnxruntime.GraphOptimizationLevel
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimised else levels.ORT_DISABLE_ALL
        self._session: Any = onnxruntime.InferenceSession(
            str(vad.path), sess_options=options, providers=["CPUExecutionProvider"]
        )
        self._context = vad.context_samples
        self.feed: dict[str, NDArray[Any]] = {
            "input": np.zeros((batch, self._context + vad.window_samples), np.float32),
            "state": np.zeros((2, batch, 128), np.float32),
            "sr": np.array(vad.rate, np.int64),
        }

    def run(self) -> Any:
        """The outputs for what `feed` holds."""
        return self._session.run(None, self.feed)

    def probability(self, state: Floats, window: Floats) -> float:
        """Of one window after a kernel's `state` (h, c, context)."""
        self.feed["input"][0, : self._context] = state[256:]
        self.feed["input"][0, self._context :] = window
        self.feed["state"][:, 0] = state[:256].reshape(2, 128)
        return float(self.run()[0][0, 0])

    def step(self, windows: Floats) -> Floats:
        """One window of each stream after those before it, shape (batch, window_samples) -> (batch,): the state is its
        own."""
        feed, context = self.feed, self._context
        feed["input"][:, :context] = feed["input"][:, -context:]
        feed["input"][:, context:] = windows
        probabilities, feed["state"] = self.run()
        return np.asarray(probabilities[:, 0], np.float32)


def _quiet(rounds: Iterable[float]) -> float:
    """Of the medians of many short rounds the least: what the work takes when nobody else has the core."""
    return min(rounds)


def _seconds(
    call: Callable[[], object], runs: int = _RUNS_A_ROUND, before: Callable[[], object] = lambda: None
) -> float:
    took = []
    for _ in range(runs):
        before()
        begin = time.perf_counter()
        call()
        took.append(time.perf_counter() - begin)
    return statistics.median(took)


def measure(instruction_set: str | None = None) -> dict[str, float]:
    """Microseconds per window, warm: ``vad_us_per_window_b1`` and ``_b32`` of the bare kernel, as the engine calls it;
    ``vad_python_us_per_window_b1`` of the call from Python; ``ort_us_per_window_b1`` of onnxruntime's ``run``."""
    vad = SileroVad(instruction_set=instruction_set)
    reference = Reference(vad)
    windows, states = _noise(vad, 32)
    reference.feed["input"][0, -vad.window_samples :] = windows[0]

    def kernel(batch: int) -> float:
        runs = max(_RUNS_A_ROUND // batch, 9)
        return float(np.median(vad.model.time_runs(states[:batch], windows[:batch], runs))) / batch

    rounds = [
        (kernel(1), kernel(32), _seconds(lambda: vad.model.run(states[:1], windows[:1])), _seconds(reference.run))
        for _ in range(_ROUNDS)
    ]
    names = ("vad_us_per_window_b1", "vad_us_per_window_b32", "vad_python_us_per_window_b1", "ort_us_per_window_b1")
    return {name: 1e6 * _quiet(column) for name, column in zip(names, zip(*rounds, strict=True), strict=True)}


def _noise(vad: SileroVad, batch: int) -> tuple[Floats, Floats]:
    """Windows, and states at the start."""
    windows = np.random.default_rng(1).normal(scale=0.1, size=(batch, vad.window_samples)).astype(np.float32)
    return windows, np.zeros((batch, vad.model.state_floats), np.float32)


FLUSH_BYTES = 4 << 20
"""Of other memory written between two calls to call them cold: more than a core's own caches, so that weights come from
the cache that cores share, or from memory."""


def speed(instruction_set: str | None = None, rounds: int = _ROUNDS) -> dict[str, float]:
    """Microseconds per window of the bare kernel and of onnxruntime's ``run``, in turn: one stream, 8 and 32 in
    a batch, and one stream with `FLUSH_BYTES` written between calls."""
    vad = SileroVad(instruction_set=instruction_set)
    windows, states = _noise(vad, 32)
    references = {batch: Reference(vad, batch) for batch in (1, 32)}
    for batch, reference in references.items():
        reference.feed["input"][:, -vad.window_samples :] = windows[:batch]
    others = np.zeros(FLUSH_BYTES // 8, np.int64)

    def kernel(batch: int, flush_bytes: int = 0) -> float:
        runs = max(_RUNS_A_ROUND // batch // (4 if flush_bytes else 1), 9)
        return float(np.median(vad.model.time_runs(states[:batch], windows[:batch], runs, flush_bytes))) / batch

    def flush() -> None:
        np.add(others, 1, out=others)

    measured: dict[str, Callable[[], float]] = {
        "us_per_window_b1": lambda: kernel(1),
        "us_per_window_b8": lambda: kernel(8),
        "us_per_window_b32": lambda: kernel(32),
        "us_per_window_b1_cold": lambda: kernel(1, FLUSH_BYTES),
        "ort_us_per_window_b1": lambda: _seconds(references[1].run),
        "ort_us_per_window_b32": lambda: _seconds(references[32].run, _RUNS_A_ROUND // 10) / 32,
        "ort_us_per_window_b1_cold": lambda: _seconds(references[1].run, _RUNS_A_ROUND // 4, before=flush),
    }
    took: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(rounds):
        for name, once in measured.items():
            took[name].append(once())
    figures = {name: 1e6 * _quiet(values) for name, values in took.items()}
    for how in ("b1", "b32", "b1_cold"):
        figures[f"ratio_{how}"] = figures[f"us_per_window_{how}"] / figures[f"ort_us_per_window_{how}"]
    return figures


def wav_files(folder: Path) -> list[Path]:
    """All WAVs of ``speech`` and ``vad`` below a folder of recordings; where it has neither, all below it."""
    roots = [folder / name for name in ("speech", "vad") if (folder / name).is_dir()] or [folder]
    return sorted(path for root in roots for path in root.rglob("*.wav"))


def read_wav(path: Path, rate: int) -> Floats:
    """A WAV of any rate and kind, mono or not, as mono float32 at `rate` (soxr). Raises ValueError for what is no WAV,
    and for samples that are no numbers."""
    import soundfile  # type: ignore[import-untyped]
    import soxr  # type: ignore[import-untyped]

    try:
        samples, own_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise ValueError(f"{path}: cannot be read as a sound file: {error}") from error
    if not np.isfinite(samples).all():
        raise ValueError(f"{path}: holds samples that are no numbers")
    mono = samples.mean(axis=1, dtype=np.float32)
    return np.ascontiguousarray(soxr.resample(mono, own_rate, rate, quality="VHQ"), np.float32)


def read_16k(path: Path) -> Floats:
    """`read_wav` at 16 kHz."""
    return read_wav(path, 16000)


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
