"""Where the words of a text begin in its audio, where the voice did not say so: a forced alignment without a model.

What it goes by, in steps of 20 ms:

    pauses      energy near that of the background, 20 to 40 dB under the loud parts: likely where the text has a
                punctuation mark, unlikely elsewhere
    syllables   peaks of the energy between 300 and 2500 Hz, counted against those of the spelling
    length      of each word, from its letters, at the pace of the audio at hand

The best places are found at once for all words, by dynamic programming over where each begins and ends. A word may be
followed by a pause, which belongs to it: it ends where the next one begins (heard.py).

Audio that is cut short holds a part of the text only: then the best place to stop is found with the rest, given the
pace at which the voice has spoken so far.

Pure and deterministic; any thread. About 2 ms of work for a second of audio.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from rtaudio.voice.protocols import Audio

Floats = NDArray[np.float64]

HOP_S: Final = 0.02
USUAL_PACE: Final = 1.2
"""Seconds of sound for a second of `Spelling.length_s`: 1.0 to 1.3 with synthetic voices, 1.2 to 1.5 with readers."""
LONGEST_PAUSE_S: Final = 1.6
LONGEST_WORD: Final = 3.0
"""Times what its letters let expect."""
_FAINTEST_DBFS: Final = -75.0
_ABOVE_BACKGROUND_DB: Final = 10.0
_LEAST_UNDER_LOUD_DB: Final = 20.0
_MOST_UNDER_LOUD_DB: Final = 40.0
_SPREAD: Final = 0.3
"""Of the logarithm of a word's length."""
_PAUSE_AFTER_MARK: Final = 0.85
_PAUSE: Final = 0.05
_SYLLABLE: Final = 1.0
_DIP: Final = 0.3
_LEAST_PAUSE: Final = 3
"""Frames: what is shorter is the closure of a consonant."""
_NEVER: Final = -1e9
_WORD: Final = re.compile(r"\S+")
_VOWELS: Final = re.compile(r"[aeiouyаеёиоуыэюяαεηιουω]+")
_MARKS: Final = tuple(".?!,;:…–—。！？、，")


class Spelling(NamedTuple):
    """What a word's letters say of its sound."""

    offset: int
    syllables: int
    length_s: float  # at no particular pace: only the proportions count
    pauses: bool  # a pause is likely after it


class Frames(NamedTuple):
    """What is heard in each step of HOP_S."""

    silent: Floats  # likelihood, 0 .. 1
    sonority: Floats  # dB, smoothed
    peaks: Floats  # 1 at a syllable's centre, else 0


class Alignment(NamedTuple):
    """`words`: (sample, offset in the text) of each word that was begun, in order. `pace`: seconds of sound for one of
    `Spelling.length_s`; 0 where that is not known."""

    words: list[tuple[int, int]]
    pace: float


def align(text: str, samples: Audio, rate: int, *, cut_short_at_pace: float | None = None) -> Alignment | None:
    """Where the words of `text` begin in `samples`, mono at `rate` Hz. None: nothing sounds there.

    All of the text is taken to be spoken in them, unless `cut_short_at_pace` is given: then the audio ends before the
    text does, and the pace is that of what the voice said before (USUAL_PACE: nothing is known of it). No words where
    the text has none, does not fit, or has not begun. ValueError for a rate or a pace that is not positive and for
    samples that are no numbers.
    """
    if rate <= 0:
        raise ValueError(f"rate: {rate} Hz")
    if cut_short_at_pace is not None and not 0 < cut_short_at_pace < math.inf:
        raise ValueError(f"cut_short_at_pace: {cut_short_at_pace}")
    if not np.isfinite(samples).all():
        raise ValueError("samples: some are no numbers")
    words = [spelling(match[0], match.start()) for match in _WORD.finditer(text)]
    frames = listen(samples, rate) if words else None
    if not words:
        return Alignment([], 0.0)
    if frames is None:
        return None
    placed = [min(round(start * HOP_S * rate), len(samples)) for start in _place(words, frames, cut_short_at_pace)]
    offsets = (word.offset for word in words)
    return Alignment(list(zip(placed, offsets, strict=False)), _pace(words[: len(placed)], frames))


def spelling(word: str, offset: int = 0) -> Spelling:
    """The syllables of a word as written, and how long it takes. Made for English; other alphabets are guessed."""
    plain = unicodedata.normalize("NFD", word).lower()
    letters = [char for char in plain if char.isalnum()]
    digits = sum(char.isdigit() for char in letters)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in letters)
    cased = [char for char in word if char.isalpha()]
    if len(cased) > 1 and all(map(str.isupper, cased)):  # spelt out
        syllables = len(cased) + 2 * digits
    else:
        stem = "".join(letters)
        groups = _VOWELS.findall(stem)
        mute = len(groups) > 1 and stem.endswith("e") and not stem.endswith(("le", "ee"))
        syllables = len(groups) - mute + 2 * digits + wide
    syllables = max(1, syllables)
    consonants = sum(not _VOWELS.match(char) for char in letters) - digits - wide
    ends = word.rstrip("\"'”’»)]}*_")
    return Spelling(offset, syllables, 0.03 + 0.09 * syllables + 0.035 * consonants, ends.endswith(_MARKS))


def listen(samples: Audio, rate: int) -> Frames | None:
    """The frames of `samples`; None where there is no sound in them, or less than a frame."""
    hop = max(1, round(HOP_S * rate))
    count = len(samples) // hop
    if not count:
        return None
    padded = np.pad(samples.astype(np.float64), (hop // 2, 2 * hop), "edge")
    windows = sliding_window_view(padded, 2 * hop)[::hop][:count]
    shape = np.hanning(2 * hop)
    spectra = np.fft.rfft((windows - windows.mean(axis=1, keepdims=True)) * shape)
    power = 2 * np.abs(spectra) ** 2 / (2 * hop * (shape**2).sum())  # sums to the mean square
    hertz = np.fft.rfftfreq(2 * hop, 1 / rate)
    energy = _decibels(power[:, hertz > 100].sum(axis=1))
    background, loud = np.percentile(energy, [5, 95])
    if loud < _FAINTEST_DBFS:
        return None
    quiet = np.clip(background + _ABOVE_BACKGROUND_DB, loud - _MOST_UNDER_LOUD_DB, loud - _LEAST_UNDER_LOUD_DB)
    silent = 1 / (1 + np.exp(np.clip((energy - quiet) / 3, -50, 50)))
    sonority = _decibels(power[:, (hertz > 300) & (hertz < 2500)].sum(axis=1))
    sonority = np.convolve(np.pad(sonority, 1, "edge"), [0.25, 0.5, 0.25], "valid")
    return Frames(silent, sonority, _peaks(sonority, loud - 25))


def _decibels(power: Floats) -> Floats:
    decibels: Floats = 10 * np.log10(power + 1e-12)
    return decibels


def _peaks(level: Floats, least: float) -> Floats:
    """1 where a syllable is loudest: above `least`, and 2 dB above the lowest of the 100 ms on either side."""
    peaks = np.zeros(len(level))
    for index in range(1, len(level) - 1):
        here = level[index]
        if here > least and here >= level[index - 1] and here > level[index + 1]:
            before, after = level[max(0, index - 5) : index], level[index + 1 : index + 6]
            peaks[index] = here - before.min() > 2 and here - after.min() > 2
    return peaks


def _pace(words: Sequence[Spelling], frames: Frames) -> float:
    return float((1 - frames.silent).sum()) * HOP_S / sum(word.length_s for word in words) if words else 0.0


def _place(words: Sequence[Spelling], frames: Frames, pace: float | None) -> list[int]:
    """Start of each word, in frames; none if they do not fit. With a pace, of those that are begun.

    `best[t]`: of the words so far, with what follows them up to frame t. Forwards word by word, then backwards along
    the choices that were made.
    """
    count = len(frames.silent)
    silence = _sums(np.log(frames.silent + 0.01))
    sound = _sums(np.log(1 - frames.silent + 0.01))
    peaks = _sums(frames.peaks)
    begins = np.append(_DIP * _dips(frames.sonority), 0.0)
    frames_per_s = (pace if pace is not None else _pace(words, frames)) / HOP_S
    longest_pause = min(count, round(LONGEST_PAUSE_S / HOP_S))

    best = silence - (np.arange(count + 1) > 0)  # silence before the first word
    choices = []
    stops = []  # of each word: score of stopping in it, the frame where it then begins; score of stopping after it
    for word in words:
        expected = max(1.0, frames_per_s * word.length_s)
        longest = min(count, max(10, round(LONGEST_WORD * expected)))
        lengths = np.arange(longest, 0, -1)
        deviation = np.log(lengths / expected) / _SPREAD
        likelihood = -(deviation**2) / 2 - np.log(lengths / expected)
        heard = peaks[:, None] - _before(peaks, longest, 0.0)
        before = _before(best - sound + begins, longest, _NEVER)
        if pace is not None:
            surplus = np.maximum(heard[-1] - word.syllables, 0)
            stop = before[-1] + sound[-1] + np.log(_survival(deviation)) - _SYLLABLE * surplus
            stops.append((float(stop.max()), int(count - lengths[stop.argmax()])))
        scores = before + likelihood - _SYLLABLE * np.abs(heard - word.syllables)
        chosen = scores.argmax(axis=1)
        spoken = np.take_along_axis(scores, chosen[:, None], 1)[:, 0] + sound
        word_began = np.arange(count + 1) - lengths[chosen]

        likely = _PAUSE_AFTER_MARK if word.pauses else _PAUSE
        best, pause_began = spoken + math.log(1 - likely), np.arange(count + 1)
        if longest_pause >= _LEAST_PAUSE:
            scores = _before(spoken - silence, longest_pause, _NEVER)[:, : longest_pause - _LEAST_PAUSE + 1]
            chosen = scores.argmax(axis=1)
            paused = np.take_along_axis(scores, chosen[:, None], 1)[:, 0] + silence + math.log(likely / 30)
            pause_began = np.where(paused > best, np.arange(count + 1) - (longest_pause - chosen), pause_began)
            best = np.maximum(best, paused)
        choices.append((word_began, pause_began, best))

    if pace is not None:
        return _back_from_stop(choices, stops)
    at = int((best + silence[-1] - silence).argmax())  # silence after the last word
    return _back(choices, at) if best[at] > _NEVER / 2 else []


_Choices = list[tuple[NDArray[np.int64], NDArray[np.int64], Floats]]


def _back(choices: _Choices, at: int) -> list[int]:
    starts = []
    for word_began, pause_began, _ in reversed(choices):
        at = int(word_began[pause_began[at]])
        starts.append(at)
    return starts[::-1]


def _back_from_stop(choices: _Choices, stops: list[tuple[float, int]]) -> list[int]:
    """From the likeliest end: within a word, or behind one."""
    within = max(range(len(stops)), key=lambda word: stops[word][0])
    behind = max(range(len(choices)), key=lambda word: float(choices[word][2][-1]))
    score = float(choices[behind][2][-1])
    if max(stops[within][0], score) < _NEVER / 2:
        return []
    if stops[within][0] < score:
        return _back(choices[: behind + 1], len(choices[behind][2]) - 1)
    began = stops[within][1]
    return [*_back(choices[:within], began), began]


def _survival(deviation: Floats) -> Floats:
    """How likely a word is longer than that."""
    return np.array([0.5 * math.erfc(value / math.sqrt(2)) for value in deviation]) + 1e-12


def _sums(values: Floats) -> Floats:
    """sums[t]: of the values before t."""
    return np.concatenate([[0.0], np.cumsum(values)])


def _before(values: Floats, many: int, none: float) -> Floats:
    """[t, j]: values[t - many + j], the `many` before t; `none` where there is no such."""
    padded = np.concatenate([np.full(many, none), values])
    return sliding_window_view(padded, many)[: len(values)]


def _dips(level: Floats) -> Floats:
    """How far each frame lies under the loudest within 80 ms, in steps of 10 dB, at most 2; less their mean."""
    around = sliding_window_view(np.pad(level, 4, "edge"), 9).max(axis=1)
    dips = np.clip((around - level) / 10, 0, 2)
    centred: Floats = dips - dips.mean()
    return centred
