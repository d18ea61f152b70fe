"""The pictures of docs/echo.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rtaudio.bench.echo import LEVELS_DB, WINDOW, Ear, cancellers, cleaned, erle_db, guarded
from rtaudio.bench.echo_scenes import RATE, Material, Way, scene


def draw(figures: dict[str, Any], given: Material, ear: Ear, folder: Path) -> None:
    """Writes echo-levels.png, echo-call.png and echo-erle.png."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plot

    folder.mkdir(parents=True, exist_ok=True)

    both, (left, right) = plot.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    for kind in ("wire", "room", "room_distorted"):
        rows = [row for row in figures["guard"] if row["path"] == kind]
        (line,) = left.plot(LEVELS_DB, [row["auc_guarded"] for row in rows], "o-", label=f"{kind}, guarded")
        left.plot(LEVELS_DB, [row["auc_p"] for row in rows], "o:", color=line.get_color(), label=f"{kind}, p alone")
        right.plot(LEVELS_DB, [row["agent_taken_for_user_pct_guarded"] for row in rows], "o-", color=line.get_color())
        right.plot(LEVELS_DB, [row["agent_taken_for_user_pct_p"] for row in rows], "o:", color=line.get_color())
    left.set(xlabel="echo, dB above the caller", ylabel="AUC, caller against agent alone")
    right.set(xlabel="echo, dB above the caller", ylabel="agent taken for the caller, % of windows", ylim=(0, 100))
    left.legend(fontsize=7)
    both.savefig(folder / "echo-levels.png", dpi=110)
    plot.close(both)

    one = scene(given, Way(-5.0, 3), seed=3000, seconds=20)
    heard = ear.hear(one)
    shares, *_ = guarded(one.mic, one.ref)
    at = np.arange(len(shares)) * WINDOW / RATE
    figure, axes = plot.subplots(3, 1, figsize=(10, 5), sharex=True, layout="constrained")
    clock = np.arange(len(one.mic)) / RATE
    axes[0].plot(clock, one.echo, lw=0.4, label="echo of the agent")
    axes[0].plot(clock, one.user, lw=0.4, label="caller")
    axes[1].plot(at, heard.p[: len(at)], label="p, speech")
    axes[1].plot(at, shares, label="share of echo")
    axes[2].plot(at, heard.p[: len(at)] * (1 - shares), color="C3", label="evidence of a caller: p (1 − share)")
    axes[2].set(xlabel="s")
    for each in axes:
        each.legend(fontsize=7, loc="upper left")
    figure.savefig(folder / "echo-call.png", dpi=110)
    plot.close(figure)

    figure, axis = plot.subplots(figsize=(10, 3), layout="constrained")
    for room in (None, 0, 3):
        full = scene(given, Way(-5.0, room), seed=2000, seconds=20)
        for name, make in cancellers().items():
            mic = full.echo + full.noise
            erle = erle_db(mic, cleaned(make(), mic, full.ref)[0])
            style = "-" if name == "webrtc" else ":"
            label = f"{name}, {'wire' if room is None else f'room {room}'}"
            axis.plot(np.arange(len(erle)) * WINDOW / RATE, erle, style, label=label)
    axis.set(xlabel="s", ylabel="ERLE, dB")
    axis.legend(fontsize=7)
    figure.savefig(folder / "echo-erle.png", dpi=110)
    plot.close(figure)
