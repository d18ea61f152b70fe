"""The history against the samples that were put out (law 9), and that what measures it would see an error."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

from rtaudio.bench import truncation
from rtaudio.bench.command import run
from rtaudio.bench.spoken_material import Spoken
from rtaudio.voice.heard import WordAt

WORDS = Spoken(
    "one",
    "one two three",
    np.zeros(24000, np.float32),
    24000,
    [WordAt(at, n) for at, n in ((0, 0), (6000, 4), (9000, 8))],
)


def test_with_word_times_the_history_is_exactly_what_was_heard(shared_data: Path) -> None:
    """Pauses, rewinds and ducks among them; without times it is nearer than in proportion."""
    figures = truncation.run(argparse.Namespace(data=shared_data, cuts=24, seed=4), lambda text: None)
    assert figures["disturbed"] >= 5
    assert figures["with_times"] == {"words_off_mean": 0, "words_off_max": 0, "seconds_off_mean": 0}
    assert figures["without_times"]["words_off_mean"] < figures["proportion"]["words_off_mean"]


def test_a_wrong_history_is_seen() -> None:
    position = 2 * 8000  # at twice the rate: past the midpoint of "two"
    assert truncation.words_before(WORDS, position) == 2
    assert truncation.distance(WORDS, 2, position) == (0, 0)
    assert truncation.distance(WORDS, 0, position) == (2, pytest.approx(0.375))
    assert truncation.distance(WORDS, 3, position) == (1, pytest.approx(0.625))


@pytest.mark.parametrize(("gain", "silence"), [(1.0, 0), (0.3, 0), (1.0, 5000), (0.3, 5000)])
def test_what_the_sink_kept_is_found_to_the_sample(gain: float, silence: int) -> None:
    """Also where it was played again from further back: the furthest counts."""
    expected = np.random.default_rng(1).standard_normal(96000).astype(np.float32) / 10
    once, again = expected[:40000] * gain, expected[30000:36000]
    sound = np.concatenate(
        [np.zeros(300, np.float32), once, np.zeros(silence, np.float32), *([again] if silence else [])]
    )
    assert truncation.furthest(np.append(sound, np.zeros(500, np.float32)), expected) == 40000
    assert truncation.furthest(np.zeros(500, np.float32), expected) == 0


def test_what_was_never_in_the_reply_is_no_truth() -> None:
    random = np.random.default_rng(2)
    with pytest.raises(RuntimeError, match="no truth"):
        truncation.furthest(
            random.standard_normal(8000).astype(np.float32), random.standard_normal(48000).astype(np.float32)
        )


def test_missing_material_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["truncation", "--data", str(tmp_path), "--cuts", "3"]) == 2
    assert "phrases.json" in capsys.readouterr().err
