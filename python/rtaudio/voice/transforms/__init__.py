"""From written to spoken text: the steps that come with us, put together. What a step is: spoken.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from rtaudio.voice.transforms.addresses import Urls
from rtaudio.voice.transforms.emoji import Emoji
from rtaudio.voice.transforms.markdown import Markdown
from rtaudio.voice.transforms.numbers import Numbers, numbers
from rtaudio.voice.transforms.pronunciations import Pronunciations
from rtaudio.voice.transforms.spoken import Edit, Edits, Speakable, SpokenText, TextTransform

TransformName = Literal["markdown", "urls", "emoji", "numbers"]
BY_NAME: Final[Mapping[TransformName, TextTransform]] = {"markdown": Markdown(), "urls": Urls(), "emoji": Emoji()}
"""Those of no language."""
WRITTEN_FOR_THE_EYE: Final[tuple[TransformName, ...]] = ("markdown", "urls", "emoji")


def transforms(
    names: Sequence[TransformName], pronunciations: Mapping[str, str], language: str | None = None
) -> list[TextTransform]:
    """Those of these names, in this order, then the table. Raises ValueError for a name or a language that it does not
    know, or a table that is none; ImportError for numbers without rtaudio[numbers]."""
    if unknown := set(names) - {*BY_NAME, "numbers"}:
        raise ValueError(f"text_transforms: {sorted(unknown)} unknown; there are {', '.join(BY_NAME)}, numbers")
    steps = [numbers(language) if name == "numbers" else BY_NAME[name] for name in names]
    return [*steps, Pronunciations(pronunciations)]


def speakable(
    names: Sequence[TransformName], pronunciations: Mapping[str, str], language: str | None = None
) -> Speakable:
    """For one reply. Raises as `transforms`."""
    return Speakable(transforms(names, pronunciations, language))


__all__ = [
    "BY_NAME",
    "WRITTEN_FOR_THE_EYE",
    "Edit",
    "Edits",
    "Emoji",
    "Markdown",
    "Numbers",
    "Pronunciations",
    "Speakable",
    "SpokenText",
    "TextTransform",
    "TransformName",
    "Urls",
    "numbers",
    "speakable",
    "transforms",
]
