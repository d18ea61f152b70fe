"""A call as files: both sides to listen to, and a picture of them with their words."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtaudio.testing.caller_sound import at_rate
from rtaudio.voice.protocols import Audio

if TYPE_CHECKING:
    from rtaudio.testing.heard import HeardCall, Utterance

_COLOURS: Final = {"caller": "#2a7f4f", "agent": "#1f6f9f"}
_BINS: Final = 1500


def save(
    path: str | Path,
    picture: str | Path | None,
    caller: Audio,
    caller_rate: int,
    agent: Audio,
    rate: int,
    heard: HeardCall,
) -> None:
    """The caller left, the agent right, at the agent's rate, 16 bit; and a PNG, where one is wanted."""
    caller = at_rate(caller, caller_rate, rate)
    both = np.zeros((max(len(caller), len(agent)), 2), np.float32)
    both[: len(caller), 0], both[: len(agent), 1] = caller, agent
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(both, -1, 1) * 32767).round().astype("<i2").tobytes())
    if picture is not None:
        _draw(both, rate, heard, Path(picture))


def _draw(both: Audio, rate: int, heard: HeardCall, path: Path) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "a picture of a call needs matplotlib: pip install 'rtaudio[plot]'", name=error.name
        ) from error
    figure: Any = Figure(figsize=(max(8.0, min(40.0, 0.9 * heard.duration_s)), 4.0), layout="constrained")
    axes = figure.subplots(2, 1, sharex=True)
    sides: Sequence[tuple[str, Sequence[Utterance]]] = (("caller", heard.caller), ("agent", heard.agent))
    for side, (who, said) in enumerate(sides):
        axis, colour = axes[side], _COLOURS[who]
        at, low, high = _envelope(both[:, side], rate)
        axis.fill_between(at, low, high, color=colour, linewidth=0.3)
        for each in said:
            cut = f"\ncut: {each.unheard}" if each.unheard else ""
            axis.text(each.begin_s, 1.15, f"{each.text}{cut}", fontsize=7, color=colour, va="bottom", wrap=True)
        axis.set_ylim(-1.1, 2.2)
        axis.set_yticks([])
        axis.set_ylabel(who, color=colour)
        for begin, end in heard.overlaps:
            axis.axvspan(begin, end, color="#ffcf8f", zorder=0)
    axes[-1].set_xlabel("seconds of the call")
    axes[-1].set_xlim(0, heard.duration_s)
    figure.savefig(path, dpi=100)


def _envelope(samples: Audio, rate: int) -> tuple[Any, Any, Any]:
    """Seconds, and the lowest and highest sample at each, to the loudest of all."""
    size = max(1, -(-len(samples) // _BINS))
    padded = np.pad(samples, (0, -len(samples) % size)).reshape(-1, size)
    scale = max(float(np.abs(samples).max(initial=0.0)), 1e-3)
    return np.arange(len(padded)) * size / rate, padded.min(axis=1) / scale, padded.max(axis=1) / scale
