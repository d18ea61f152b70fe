"""Where words begin in audio that came without word times: close enough that the history is what was heard (law 9)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio.bench.spoken_material import Spoken, joined_phrases, read_aloud
from rtaudio.voice import alignment
from rtaudio.voice.alignment import USUAL_PACE, Alignment, spelling
from rtaudio.voice.heard import WordAt, heard_until, place_words

SEED = 11
NOISE = np.random.default_rng(3).standard_normal(48000).astype(np.float32) / 10


def align(*arguments: Any, **settings: Any) -> Alignment:
    found = alignment.align(*arguments, **settings)
    assert found is not None
    return found


def syllables(pattern: str, rate: int = 16000) -> np.ndarray:
    """A tone for each "a" with a soft edge (a syllable of 180 ms), 60 ms of near silence for each "-", 300 for "_"."""
    time = np.arange(int(0.18 * rate)) / rate
    tone = np.sin(2 * np.pi * 150 * time) + np.sin(2 * np.pi * 600 * time) + np.sin(2 * np.pi * 1200 * time)
    sounds = {
        "a": (0.2 * tone * np.sin(np.pi * time / 0.18) ** 0.5).astype(np.float32),
        "-": np.zeros(int(0.06 * rate), np.float32),
        "_": np.zeros(int(0.3 * rate), np.float32),
    }
    return np.concatenate([sounds[kind] for kind in pattern])


def test_words_are_found_by_pauses_and_syllables() -> None:
    text, samples = "Banana? No. Potato, so!", syllables("aaa_a_aaa_a")
    assert [offset for _, offset in align(text, samples, 16000).words] == [0, 8, 12, 20]
    starts = [sample / 16000 for sample, _ in align(text, samples, 16000).words]
    assert starts == pytest.approx([0.0, 0.84, 1.32, 2.16], abs=0.05)


def test_a_pause_belongs_to_the_word_before_it() -> None:
    """As in heard.py: a word ends where the next begins."""
    samples = np.concatenate([syllables("aa"), np.zeros(16000, np.float32), syllables("aa")])
    (_, second) = align("Mama. Papa.", samples, 16000).words
    assert second[0] / 16000 == pytest.approx(1.36, abs=0.05)


def test_what_was_not_begun_of_a_text_that_goes_on_is_not_there() -> None:
    whole = syllables("aaa_a_aaa_a")
    text = "Banana? No. Potato, so!"
    pace = align(text, whole, 16000).pace
    assert 0.5 < pace < 2
    for end_s, words in ((0.3, 1), (0.7, 1), (0.98, 2), (1.2, 2), (1.7, 3), (2.3, 4)):
        begun = align(text, whole[: int(end_s * 16000)], 16000, cut_short_at_pace=pace).words
        assert len(begun) == words, end_s


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("the", 1),
        ("table", 2),
        ("there", 1),
        ("university?", 5),
        ("mhm", 1),
        ("USA", 3),
        ("24", 4),
        ("müde", 1),
        ("東京", 2),
    ],
)
def test_syllables_of_a_word_as_written(word: str, count: int) -> None:
    assert spelling(word).syllables == count


@pytest.mark.parametrize("pace", [None, 1.0])
def test_where_nothing_sounds_nothing_is_placed(pace: float | None) -> None:
    """The session then goes by the letters alone."""
    for samples in (np.zeros(16000, np.float32), np.full(16000, 0.3, np.float32), NOISE / 1e4, NOISE[:200], NOISE[:0]):
        assert alignment.align("one two three", samples, 16000, cut_short_at_pace=pace) is None
    assert align("", NOISE, 16000).words == align("  \n", NOISE, 16000).words == []


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"rate": 0}, "rate"),
        ({"samples": np.array([0.0, math.nan], np.float32)}, "no numbers"),
        ({"cut_short_at_pace": 0.0}, "cut_short_at_pace"),
        ({"cut_short_at_pace": math.inf}, "cut_short_at_pace"),
    ],
)
def test_bad_input_is_named(arguments: dict[str, object], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        align(**{"text": "so", "samples": NOISE, "rate": 16000, **arguments})  # type: ignore[arg-type]


@given(
    st.text(alphabet="ab c.,?1É東\n", max_size=60),
    st.integers(0, 8000),
    st.sampled_from([8000, 16000, 24000, 44100]),
    st.sampled_from([None, 0.3, USUAL_PACE, 4.0]),
)
def test_any_text_and_any_sound(text: str, length: int, rate: int, pace: float | None) -> None:
    """Law 11: words in order, in the text and in the audio; all of them, or the first ones."""
    samples = NOISE[:length] * np.repeat([1, 0, 1, 0], 12000)[:length].astype(np.float32)
    found = alignment.align(text, samples, rate, cut_short_at_pace=pace)
    words = [] if found is None else found.words
    starts = [
        offset for offset in range(len(text)) if not text[offset].isspace() and text[offset - 1 : offset].strip() == ""
    ]
    assert [offset for _, offset in words] == starts[: len(words)]
    assert pace is not None or len(words) in (0, len(starts))
    assert all(before <= after for (before, _), (after, _) in itertools.pairwise(words))
    assert all(0 <= sample <= length for sample, _ in words)


# ---- On real voices.


def words_off(material: list[Spoken], placed: Callable[[Spoken], list[WordAt]]) -> float:
    """By how many words the text heard is off, on average over moments at random."""
    random = np.random.default_rng(SEED)
    off = []
    for spoken in material:
        estimate = placed(spoken)
        for heard in random.integers(0, len(spoken.samples), 40).tolist():
            ends = (
                heard_until(words, len(spoken.text), len(spoken.samples), heard) for words in (estimate, spoken.words)
            )
            off.append(abs(int(np.subtract(*(len(spoken.text[:end].split()) for end in ends)))))
    return float(np.mean(off))


@pytest.mark.parametrize("kind", ["synthetic", "read"])
def test_better_than_in_proportion(kind: str, shared_data: Path) -> None:
    """Law 9 where the voice gives no times: at most 60 % of what placing words in proportion is off."""
    spoken = list(
        joined_phrases(shared_data / "turns", 20, SEED)
        if kind == "synthetic"
        else read_aloud(shared_data / "speech" / "pocketsphinx" / "librivox")
    )
    aligned = words_off(spoken, lambda s: [WordAt(*word) for word in align(s.text, s.samples, s.rate).words])
    proportion = words_off(spoken, lambda s: place_words(s.text, (), len(s.samples), s.rate))
    assert aligned <= 0.6 * proportion
