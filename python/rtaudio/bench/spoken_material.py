"""Speech whose words are known to begin where: what word times are measured against.

`joined_phrases`: phrases of one synthetic voice, joined with gaps. `read_aloud`: people reading.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rtaudio.voice.heard import WordAt
from rtaudio.voice.protocols import Audio


class Spoken(NamedTuple):
    """A text, mono samples of somebody speaking it, and the truth: where its words begin, in them and in the text."""

    name: str
    text: str
    samples: Audio
    rate: int
    words: list[WordAt]


def joined_phrases(folder: Path, count: int, seed: int) -> Iterator[Spoken]:
    """`count` replies of 4 to 8 different phrases by one voice, with gaps of 150 to 400 ms; each voice in turn.

    `folder` holds ``phrases.json`` (file, voice, words, their starts, intervals of speech) and the files it names.
    """
    random = np.random.default_rng(seed)
    phrases = json.loads((folder / "phrases.json").read_text())
    voices = sorted({phrase["voice"] for phrase in phrases})
    for number in range(count):
        voice = voices[number % len(voices)]
        mine = [phrase for phrase in phrases if phrase["voice"] == voice]
        text, words, parts, length = "", list[WordAt](), list[Audio](), 0
        for index in random.permutation(len(mine))[: random.integers(4, 9)]:
            phrase = mine[index]
            samples, rate = _read(folder / phrase["file"])
            if parts:
                parts.append(np.zeros(int(random.uniform(0.15, 0.4) * rate), np.float32))
                length += len(parts[-1])
            for word, start_s in zip(phrase["words"], phrase["starts"], strict=True):
                words.append(WordAt(length + round(start_s * rate), len(text)))
                text += f"{word} "
            parts.append(samples[: round(phrase["vad"][-1][1] * rate)])
            length += len(parts[-1])
        yield Spoken(f"{voice} {number}", text.strip(), np.concatenate(parts), rate, words)


def read_aloud(folder: Path) -> Iterator[Spoken]:
    """Recordings with an alignment beside them: ``NAME.wav``, ``NAME.json`` (words "w" with text "t" and begin "b")."""
    for file in sorted(folder.glob("*.wav")):
        alignment = file.with_suffix(".json")
        if not alignment.exists():
            continue
        samples, rate = _read(file)
        text, words = "", list[WordAt]()
        for word in json.loads(alignment.read_text())["w"]:
            if word["t"][0] not in "<[":  # silence, noise
                words.append(WordAt(round(word["b"] * rate), len(text)))
                text += f"{word['t'].partition('(')[0]} "
        yield Spoken(file.stem, text.strip(), samples, rate, words)


def _read(file: Path) -> tuple[Audio, int]:
    import soundfile  # type: ignore[import-untyped]

    samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
    return samples.mean(axis=1, dtype=np.float32), int(rate)
