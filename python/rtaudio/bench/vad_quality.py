"""How good a VAD's decisions are, against labels: areas under curves, onsets and offsets, false starts.

Definitions, all on the union of speakers, over the labelled parts (UEM) of all files pooled:

- A window of 32 ms is speech if its centre lies in labelled speech. `roc_auc` and `pr_auc` (average precision) rank
  windows by their probability; `f1_at_default` takes p > 0.5 for speech.
- An onset is where labelled speech starts; it matches the first `SpeechStarted` of `rtaudio.Vad` (defaults) whose
  `decided_at` lies in [onset - 200 ms, the labelled end]. `onset_ms` is decided_at - onset: what a listener waits,
  the window and the least duration of speech included. What matches none is counted as unmatched.
- An offset is where labelled speech ends; it matches the first `SpeechEnded` whose `decided_at` lies in [offset - 200
  ms, the next labelled onset]; `offset_ms` is decided_at - offset, the 100 ms of least silence included.
- A false start is a `SpeechStarted` whose `decided_at` lies in no [onset - 200 ms, labelled end], per minute of
  labelled non-speech.
- With a collar, windows whose centre is within it of a label's edge are left out; gaps and stretches of speech that
  lie wholly within collars (shorter than two) are no gap and no onset; false starts and non-speech within a collar do
  not count.
- Edges that the labelled part cuts off are no onsets or offsets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtaudio.bench.labels import Interval, overlap, total, union, without

EARLY_S = 0.2
"""How long before a label a decision may come and still be meant for it."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Heard:
    """What a VAD made of one file, with the labels. Times in seconds."""

    speech: list[Interval]
    scored: list[Interval]
    probabilities: NDArray[np.float32]
    """Of each window, shape (n,)."""
    window_s: float
    starts: Sequence[float]
    """Where `SpeechStarted` was decided."""
    ends: Sequence[float]
    """Where `SpeechEnded` was decided."""


def roc_auc(scores: Floats, truth: NDArray[np.bool_]) -> float | None:
    """The chance that a window of speech scores above one without; ties count half. None without both kinds."""
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if not positives or not negatives:
        return None
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(scores: Floats, truth: NDArray[np.bool_]) -> float | None:
    """The area under the precision-recall curve as a sum of steps; ties are one step. None without speech."""
    if not truth.any():
        return None
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    hits = np.cumsum(truth[order])[last]
    precision = hits / (last + 1)
    return float(np.sum(np.diff(hits, prepend=0) * precision) / truth.sum())


def f1(decided: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float | None:
    """None where neither says speech."""
    wrong_or_right = int(decided.sum()) + int(truth.sum())
    return float(2 * int((decided & truth).sum()) / wrong_or_right) if wrong_or_right else None


def inside(times: Floats, intervals: Sequence[Interval]) -> NDArray[np.bool_]:
    """Which of `times` lie in [start, end) of any interval; these do not overlap and are in order."""
    edges = np.array(intervals, np.float64).reshape(-1)
    within: NDArray[np.bool_] = np.searchsorted(edges, times, side="right") % 2 == 1
    return within


def _percentile(values: Sequence[float], percent: float) -> float | None:
    return float(np.percentile(np.array(values), percent)) if values else None


def _collars(speech: Sequence[Interval], collar_s: float) -> list[Interval]:
    return union((edge - collar_s, edge + collar_s) for pair in speech for edge in pair) if collar_s else []


def _edges(heard: Heard, collar_s: float) -> tuple[list[float], list[float], list[float], list[float]]:
    """Labelled onsets, each with its labelled end; labelled offsets, each with the next onset or the part's end."""
    onsets, ends, offsets, nexts = list[float](), list[float](), list[float](), list[float]()
    for part in heard.scored:
        speech = union(overlap(heard.speech, [part]), 2 * collar_s)
        for k, (start, end) in enumerate(speech):
            if end - start <= 2 * collar_s:
                continue
            if start > part[0] or (start, part[0]) == (0, 0):
                onsets.append(start)
                ends.append(end)
            if end < part[1]:
                offsets.append(end)
                nexts.append(speech[k + 1][0] if k + 1 < len(speech) else part[1])
    return onsets, ends, offsets, nexts


def _first(decided: Floats, earliest: float, latest: float) -> float | None:
    k = int(np.searchsorted(decided, earliest - 1e-9))
    return float(decided[k]) if k < len(decided) and decided[k] <= latest + 1e-9 else None


def score(files: Sequence[Heard], collar_s: float = 0.0) -> dict[str, float | int | None]:
    """The figures of the module's head; those that cannot be had from these files are None."""
    scores, truths = list[Floats](), list[NDArray[np.bool_]]()
    onset_ms, offset_ms = list[float](), list[float]()
    onset_count = offset_count = false_starts = 0
    silence_s = 0.0
    for heard in files:
        collars = _collars(heard.speech, collar_s)
        centres: Floats = np.asarray((np.arange(len(heard.probabilities)) + 0.5) * heard.window_s, np.float64)
        kept = inside(centres, heard.scored) & ~inside(centres, collars)
        scores.append(heard.probabilities[kept].astype(np.float64))
        truths.append(inside(centres, heard.speech)[kept])

        starts, stops = np.array(heard.starts, np.float64), np.array(heard.ends, np.float64)
        onsets, ends, offsets, nexts = _edges(heard, collar_s)
        onset_count += len(onsets)
        offset_count += len(offsets)
        for onset, end in zip(onsets, ends, strict=True):
            if (at := _first(starts, onset - EARLY_S, end)) is not None:
                onset_ms.append(1000 * (at - onset))
        for offset, until in zip(offsets, nexts, strict=True):
            if (at := _first(stops, offset - EARLY_S, until)) is not None:
                offset_ms.append(1000 * (at - offset))

        excused = union([*((start - EARLY_S, end) for start, end in heard.speech), *collars])
        false_starts += int((inside(starts, heard.scored) & ~inside(starts - 1e-9, excused)).sum())
        silence_s += total(without(without(heard.scored, heard.speech), collars))
    all_scores, all_truths = np.concatenate(scores), np.concatenate(truths)
    return {
        "roc_auc": roc_auc(all_scores, all_truths),
        "pr_auc": average_precision(all_scores, all_truths),
        "f1_at_default": f1(all_scores > 0.5, all_truths),
        "onset_ms_p50": _percentile(onset_ms, 50),
        "onset_ms_p90": _percentile(onset_ms, 90),
        "offset_ms_p50": _percentile(offset_ms, 50),
        "offset_ms_p90": _percentile(offset_ms, 90),
        "onsets": onset_count,
        "unmatched_onsets": onset_count - len(onset_ms),
        "offsets": offset_count,
        "unmatched_offsets": offset_count - len(offset_ms),
        "false_starts": false_starts,
        "non_speech_s": silence_s,
        "false_starts_per_min": 60 * false_starts / silence_s if silence_s > 0 else None,
    }
