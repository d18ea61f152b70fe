"""The run of ``rtaudio-bench peers``: every contender of every framework in turns, each in a process of its own.

A round is one run of each contender, one after another, so that a busy machine is busy for all of them; figures are
medians over rounds and utterances. Two kinds of runs:

    session   the framework's own session or pipeline hears a scene in real time, frames of 20 ms: CPU of the process
              per second, onset to "speaks", end of the utterance to "turn over", turns ended inside utterances
    vad       the framework's VAD object alone hears the same scene as fast as it takes it: CPU per second of audio
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from rtaudio.bench.peers import scenes

FRAMEWORKS = {
    "livekit": ("livekit-agents", 24000, ("silero", "own", "rtaudio_vad", "rtaudio")),
    "pipecat": ("pipecat-ai", 16000, ("own", "rtaudio_vad", "rtaudio")),
}
"""Its package, the rate at which it hears by default, its contenders (see the session's module)."""


class PeersMissing(RuntimeError):
    """An environment or the recordings are not there, or a contender failed; the message says what to do or why."""


def run(options: argparse.Namespace, progress: Callable[[str], None]) -> dict[str, Any]:
    """The command: figures for ``--json``, or rows of a table for people. Raises `PeersMissing`."""
    figures = measure(
        data=options.data,
        peers=options.peers,
        frameworks=options.framework or tuple(FRAMEWORKS),
        rounds=options.rounds,
        utterances=options.utterances,
        progress=progress,
    )
    return figures if options.json else {"rounds": figures["rounds"], "contenders": rows(figures)}


def measure(
    *,
    data: Path | None = None,
    peers: Path = Path("build/peers"),
    frameworks: Sequence[str] = tuple(FRAMEWORKS),
    rounds: int = 3,
    utterances: int = 4,
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """For each framework ``{"version": ..., "contenders": {name: figures}}``; see `summary` for the figures.

    `data`: the folder of recordings, default ``../shared/data`` or that of RTAUDIO_SHARED. Raises `PeersMissing`.
    """
    data = data or Path(os.environ.get("RTAUDIO_SHARED", "../shared")) / "data"
    for name in frameworks:
        if not (peers / name / "bin/python").exists():
            raise PeersMissing(f"no environment at {peers / name}: make peers, or --peers DIR")
    try:
        recordings = scenes.recordings(data)
    except ValueError as error:
        raise PeersMissing(f"{error}; --data DIR") from error
    figures: dict[str, Any] = {"rounds": rounds, "utterances": utterances, "pace": "real time; vad: unpaced"}
    with tempfile.TemporaryDirectory() as folder:
        for name in frameworks:
            package, rate, contenders = FRAMEWORKS[name]
            python, sessions = peers / name / "bin/python", f"rtaudio.bench.peers.{name}_session"
            runs: dict[str, list[dict[str, Any]]] = {contender: [] for contender in contenders}
            for round_ in range(rounds):
                begin = round_ * utterances % len(recordings)
                said = (recordings[begin:] + recordings[:begin])[:utterances]
                path = Path(folder) / f"{name}{round_}.npz"
                scene = scenes.make(said, rate, seed=round_)
                scenes.save(scene, path)
                progress(f"{name}, round {round_ + 1} of {rounds}: {scene.seconds:.0f} s for each of {len(contenders)}")
                # Whoever comes first finds colder caches: take turns at that, too.
                for contender in (*contenders[round_ % len(contenders) :], *contenders[: round_ % len(contenders)]):
                    run = _run(python, sessions, contender, path)
                    run.update(_run(python, sessions, contender, path, "vad"))
                    runs[contender].append(run)
            figures[name] = {
                "version": _version(python, package),
                "rate": rate,
                "contenders": {contender: summary(found) for contender, found in runs.items()},
            }
    return figures


def summary(runs: list[dict[str, Any]]) -> dict[str, float | int | None]:
    """``cpu_ms_per_session_second`` and ``vad_cpu_ms_per_audio_second`` (medians of runs), ``onset_ms_p50/p90``,
    ``turn_delay_ms_p50/p90`` (of utterances), ``onsets_missed``, ``turns_missed``, ``turns_cut_pct``, ``false_starts``,
    ``utterances``."""
    onsets = [at for run in runs for at in run["onset_ms"]]
    delays = [at for run in runs for at in run["turn_delay_ms"]]
    figures: dict[str, float | int | None] = {
        "cpu_ms_per_session_second": statistics.median(run["cpu_ms_per_session_second"] for run in runs),
        "vad_cpu_ms_per_audio_second": statistics.median(run["vad_cpu_ms_per_audio_second"] for run in runs),
    }
    for name, found in (("onset_ms", onsets), ("turn_delay_ms", delays)):
        figures[f"{name}_p50"] = quantile((at for at in found if at is not None), 0.5)
        figures[f"{name}_p90"] = quantile((at for at in found if at is not None), 0.9)
    figures["onsets_missed"] = onsets.count(None)
    figures["turns_missed"] = delays.count(None)
    figures["turns_cut_pct"] = 100 * sum(run["cut"] for run in runs) / len(delays)
    figures["false_starts"] = sum(run["false_starts"] for run in runs)
    figures["utterances"] = len(delays)
    return figures


def quantile(values: Iterable[float], part: float) -> float | None:
    """Of the sorted values that at position `part` of the way, linear between neighbours; None of none."""
    ordered = sorted(values)
    if not ordered:
        return None
    place = part * (len(ordered) - 1)
    low, rest = int(place), place - int(place)
    return ordered[low] + rest * (ordered[min(low + 1, len(ordered) - 1)] - ordered[low])


def _run(python: Path, module: str, *arguments: str | Path) -> dict[str, Any]:
    models = os.environ.get("RTAUDIO_MODELS", str(python.absolute().parents[2] / "models"))  # where `make peers` put it
    done = subprocess.run(
        [python, "-m", module, *arguments],
        env={**os.environ, "RTAUDIO_MODELS": models},
        capture_output=True,
        text=True,
        timeout=600,
    )
    if done.returncode:
        words = " ".join(map(str, done.args))
        raise PeersMissing(f"{words} failed ({done.returncode}):\n{done.stderr[-3000:]}")
    outcome: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return outcome


def _version(python: Path, package: str) -> str:
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def rows(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """For people: a row for each contender."""
    return [
        {"framework": f"{name} {figures[name]['version']}", "parts": contender, **values}
        for name in FRAMEWORKS
        if name in figures
        for contender, values in figures[name]["contenders"].items()
    ]
