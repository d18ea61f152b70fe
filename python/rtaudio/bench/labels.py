"""Labels of speech in recordings: RTTM (who speaks when) and UEM (what is labelled at all), and intervals of both.

RTTM as in NIST's RT-09 evaluation plan, appendix A: ten fields, of which the type, file, onset and duration count here;
only SPEAKER lines are speech. UEM: file, channel, start, end. Both may hold blank lines and comments after ``;;``.
Times are seconds; an interval is a pair (start, end), start < end.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

Interval = tuple[float, float]

_OTHER_RTTM_TYPES = {
    *("SEGMENT", "NOSCORE", "NO_RT_METADATA", "LEXEME", "NON-LEX", "NON-SPEECH", "FILLER", "EDIT", "SU", "IP", "CB"),
    *("A/P", "SPKR-INFO"),
}


class LabelError(ValueError):
    """A label file that cannot be used; the message says which line of which file, and why."""


def _lines(path: Path) -> Iterator[tuple[str, list[str]]]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise LabelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise LabelError(f"{path}: not a text file in UTF-8") from error
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split(";;")[0].split()
        if fields:
            yield f"{path}:{number}", fields


def _seconds(where: str, what: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise LabelError(f"{where}: {what} is {text!r}, not a number of seconds") from None
    if not math.isfinite(value) or value < 0:
        raise LabelError(f"{where}: {what} is {text}; a time from 0 on is wanted")
    return value


def union(intervals: Iterable[Interval], close_gaps_s: float = 0.0) -> list[Interval]:
    """What any of them covers, in order; gaps of at most `close_gaps_s` are closed."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start - merged[-1][1] <= close_gaps_s:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def overlap(intervals: Iterable[Interval], others: Iterable[Interval]) -> list[Interval]:
    """What both cover, in order."""
    seconds = union(others)
    both = ((max(a, c), min(b, d)) for a, b in union(intervals) for c, d in seconds)
    return [(start, end) for start, end in both if start < end]


def without(intervals: Iterable[Interval], holes: Iterable[Interval]) -> list[Interval]:
    """`intervals` less what `holes` cover, in order."""
    edges = union(holes)
    gaps = zip([-math.inf, *(end for _, end in edges)], [*(start for start, _ in edges), math.inf], strict=True)
    return overlap(intervals, [gap for gap in gaps if gap[0] < gap[1]])


def total(intervals: Iterable[Interval]) -> float:
    """Their length together, of intervals that do not overlap."""
    return sum(end - start for start, end in intervals)


def read_rttm(path: Path) -> dict[str, list[Interval]]:
    """Speech of each file, the union of its speakers. Raises `LabelError`."""
    found: dict[str, list[Interval]] = {}
    for where, fields in _lines(path):
        if fields[0] in _OTHER_RTTM_TYPES:
            continue
        if fields[0] != "SPEAKER":
            raise LabelError(f"{where}: {fields[0]!r} is no RTTM type")
        if not 8 <= len(fields) <= 10:
            raise LabelError(f"{where}: {len(fields)} fields; an RTTM line has 10 (SPEAKER file channel onset …)")
        onset = _seconds(where, "the onset", fields[3])
        duration = _seconds(where, "the duration", fields[4])
        if duration == 0:
            raise LabelError(f"{where}: the duration is 0")
        found.setdefault(fields[1], []).append((onset, onset + duration))
    if not found:
        raise LabelError(f"{path}: holds no SPEAKER line")
    return {name: union(intervals) for name, intervals in found.items()}


def read_uem(path: Path) -> dict[str, list[Interval]]:
    """What is labelled of each file. Raises `LabelError`."""
    found: dict[str, list[Interval]] = {}
    for where, fields in _lines(path):
        if len(fields) != 4:
            raise LabelError(f"{where}: {len(fields)} fields; a UEM line has 4 (file channel start end)")
        start, end = _seconds(where, "the start", fields[2]), _seconds(where, "the end", fields[3])
        if end <= start:
            raise LabelError(f"{where}: the end, {fields[3]}, is not after the start, {fields[2]}")
        found.setdefault(fields[0], []).append((start, end))
    if not found:
        raise LabelError(f"{path}: holds no line")
    return {name: union(intervals) for name, intervals in found.items()}


@dataclass(frozen=True, slots=True)
class Labelled:
    """One recording with its labels."""

    wav: Path
    speech: list[Interval]
    scored: list[Interval] | None
    """What is labelled; None: all of it."""


def labelled_files(folder: Path, rttm: Path, uem: Path | None) -> list[Labelled]:
    """The recordings that label files name, found as ``name.wav`` anywhere below `folder`.

    Without a UEM all of each file in the RTTM is labelled; with one, what it names: a file that is in the UEM alone
    has no speech, one that is in the RTTM alone is left out. Raises `LabelError` for a named file without a WAV, even
    one that is left out, and for a name that two WAVs have.
    """
    speech = read_rttm(rttm)
    scored = read_uem(uem) if uem is not None else None
    wavs: dict[str, list[Path]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".wav"):
        wavs.setdefault(path.stem, []).append(path)
    for source, names in ((rttm, speech), (uem, scored or {})):
        for name in names:
            if name not in wavs:
                raise LabelError(f"{source} labels {name!r}, but there is no {name}.wav below {folder}")
            if len(wavs[name]) > 1:
                raise LabelError(f"{source} labels {name!r}, which may be {wavs[name][0]} or {wavs[name][1]}")
    if scored is None:
        return [Labelled(wavs[name][0], intervals, None) for name, intervals in speech.items()]
    return [Labelled(wavs[name][0], speech.get(name, []), intervals) for name, intervals in scored.items()]
