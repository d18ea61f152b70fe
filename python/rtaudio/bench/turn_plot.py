"""Pictures of the turn bench: the trade of delay against cut-offs, and cut-offs by the length of the pause."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["draw"]


def draw(folder: Path, figures: dict[str, Any]) -> list[str]:
    """Writes turns-trade.png and turns-pauses.png; gives their paths. ImportError without matplotlib (extra plot)."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    trade, axes = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    curve = sorted(figures["curve"], key=lambda point: point["short_delay_ms_mean"])
    axes.plot(
        [point["short_delay_ms_mean"] for point in curve], [point["c5"] for point in curve], "-", color="0.5",
        label="default, by how sure it must be",
    )  # fmt: skip
    for kind, mark in (("profiles", "o"), ("rules", "s")):
        for name, each in figures[kind].items():
            (dot,) = axes.plot(each["short_delay_ms_mean"], each["c5"]["-60"], mark, label=name)
            axes.annotate(
                name, (each["short_delay_ms_mean"], each["c5"]["-60"]), xytext=(5, 5), textcoords="offset points",
                color=dot.get_color(), fontsize=8,
            )  # fmt: skip
    axes.set(xlabel="mean delay where the turn ends (ms)", ylabel="cut off where it goes on, mean of 5 pauses (%)")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=-2)
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    paths = [folder / "turns-trade.png", folder / "turns-pauses.png"]
    trade.savefig(paths[0], dpi=120)
    pauses, both = pyplot.subplots(1, 2, figsize=(9, 4), layout="constrained", sharey=True)
    for side, noise in zip(both, ("-60", "-45"), strict=True):
        for kind, style in (("profiles", "-o"), ("rules", "--s")):
            for name, each in figures[kind].items():
                points = each["cutoff_pct"][noise]
                side.plot([int(pause) for pause in points], list(points.values()), style, label=name, markersize=4)
        side.set(title=f"pink noise at {noise} dBFS", xlabel="pause (ms)")
        side.grid(alpha=0.3)
    both[0].set_ylabel("cut off (%)")
    both[1].legend(fontsize=8)
    pauses.savefig(paths[1], dpi=120)
    pyplot.close("all")
    return [str(path) for path in paths]
