"""Pictures of the VAD's figures, for docs/vad.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rtaudio.bench.vad_material import RATE, Floats
from rtaudio.bench.vad_onset import CHOSEN, HOP, fired, peeks
from rtaudio.core.vad import SileroVad, Vad

_WIDTH_IN = 9.0


def _figure(rows: int, height_in: float) -> tuple[Any, Any]:
    """A figure and its axes, one below the other."""
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(_WIDTH_IN, height_in), layout="constrained")
    return figure, figure.subplots(rows, 1, squeeze=False)[:, 0]


def onset_curve(rules: list[dict[str, Any]], chosen: str, path: Path) -> None:
    """Delay against false alarms, one line for each kind of rule."""
    figure, axes = _figure(2, 7.0)
    kinds: dict[str, Callable[[str], bool]] = {
        "whole windows": lambda name: name.startswith("window"),
        "peeks every 8 ms": lambda name: name.startswith("peek >"),
        "peeks every 8 ms, slope": lambda name: name.startswith("peek: rise"),
        "peeks every 16 ms, slope": lambda name: name.startswith("peek of 16 ms: rise"),
    }
    for axis, false, where in (
        (axes[0], "false_per_min", "between utterances, with noise"),
        (axes[1], "false_per_min_noise_alone", "in noise alone"),
    ):
        for kind, belongs in kinds.items():
            own = sorted(
                (rule for rule in rules if belongs(rule["rule"])), key=lambda rule: float(rule["onset_ms_p50"])
            )
            style = "o--" if kind in ("whole windows", "peeks every 8 ms") else "s"
            axis.plot([rule["onset_ms_p50"] for rule in own], [rule[false] for rule in own], style, label=kind)
        for rule in rules:
            if rule["rule"] == chosen:
                axis.plot(
                    rule["onset_ms_p50"], rule[false], "*", color="black", markersize=14, label="chosen", zorder=3
                )
        axis.set_xlabel("median delay after the onset of energy, ms")
        axis.set_ylabel(f"false alarms a minute\n{where}")
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.savefig(str(path), dpi=110)


def probabilities(samples: Floats, name: str, path: Path) -> None:
    """A recording, the probabilities of windows and peeks, what the gate and the onset rule make of them."""
    vad = SileroVad()
    found = peeks(vad, samples)
    events = Vad(vad).process(samples)
    figure, axes = _figure(2, 5.0)
    axes[0].plot(np.arange(len(samples)) / RATE, samples, linewidth=0.4, color="tab:gray")
    axes[0].set_ylabel(name)
    ends = np.arange(1, len(found) + 1) * HOP / RATE
    axes[1].plot(ends, found, linewidth=0.8, label="peeks, every 8 ms")
    axes[1].step(ends[3::4], found[3::4], where="pre", linewidth=0.8, label="windows of 32 ms")
    for at in fired(CHOSEN.holds(found)):
        axes[1].axvline(at / RATE, color="tab:red", linewidth=0.8, linestyle=":")
    edges = [event.at for event in events]
    edges += [len(samples)] * (len(edges) % 2)  # speech that goes on
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        for axis in axes:
            axis.axvspan(start / RATE, end / RATE, color="tab:green", alpha=0.12)
    axes[1].set_ylabel("probability of speech")
    axes[1].set_xlabel("s; green: speech as the gate has it; dotted: the onset rule fires")
    axes[1].legend(loc="lower right")
    for axis in axes:
        axis.set_xlim(0, len(samples) / RATE)
    figure.savefig(str(path), dpi=110)


def drift(figures: dict[str, Any], path: Path) -> None:
    """The largest and the mean difference in each tenth of the time."""
    figure, axes = _figure(1, 3.5)
    parts, hours = figures["drift_by_part"], figures["drift_hours"]
    at = (np.arange(len(parts)) + 0.5) * hours / len(parts)
    for name, label, colour in (("free", "our kernel", "tab:blue"), ("ort", "onnxruntime unoptimised", "tab:orange")):
        axes[0].semilogy(at, [part[f"{name}_max"] for part in parts], "o-", color=colour, label=f"{label}, largest")
        axes[0].semilogy(at, [part[f"{name}_mean"] for part in parts], "o:", color=colour, label=f"{label}, mean")
    axes[0].set_xlabel("hours without a break")
    axes[0].set_ylabel("|Δp| against onnxruntime")
    axes[0].grid(alpha=0.3)
    axes[0].legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(str(path), dpi=110)
