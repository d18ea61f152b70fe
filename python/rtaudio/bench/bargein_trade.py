"""Backchannels flushed against the delay of a flush: the same scenes judged again with other `confirm_after_s`.

The engine hears a scene once and journals what its detector was told. The detector alone is then given that again with
each setting, which takes a hundredth of the time. It hears the segments of the first run: where a flush that no event
caused comes only in the second, the agent is set back after the next event, not 1 s later. Looks between windows are
those of the first run that came while this one was quiet.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from rtaudio import BargeConfig, Detector, DetectorConfig, read_journal
from rtaudio.bench.bargein import TICK, TICK_S, Figures, Scene, Told, judge
from rtaudio.core.replay import PEEK, WINDOW, Peek, Window

CONFIRM_AFTER_S: Final = (0.128, 0.192, 0.224, 0.256, 0.288, 0.32, 0.384, 0.512)
BINDING_DB: Final = (None, -20.0, -15.0, -10.0)  # at which the goals bind without a canceller


def settings(confirm_after_s: float) -> DetectorConfig:
    """`confirm_by_s` stays as far above `confirm_after_s` as it is by default."""
    default = BargeConfig()
    spread = default.confirm_by_s - default.confirm_after_s
    return DetectorConfig(barge=BargeConfig(confirm_after_s=confirm_after_s, confirm_by_s=confirm_after_s + spread))


def told_again(journal: Path, config: DetectorConfig, *, late_s: float) -> list[Told]:
    """What the barge-in machine of a journalled scene tells with other settings. `late_s`: by how much the line's mic
    is behind the scene's. JournalError where records are missing."""
    detector = Detector(config)
    told: list[Told] = []
    for record in read_journal(journal).engine:
        if record.kind == WINDOW:
            w = Window.of(record.payload)
            level = (w.mean_square, w.clipped, w.starved)
            _, events = detector.step(
                w.probability, w.position_end, bool(w.speaking), w.segment, w.echo, w.decided, mic=level, near=w.near,
                policy=w.policy, sentences=w.sentences, power=w.power, edge=w.edge, cleaned=w.cleaned,
            )  # fmt: skip
            mic = w.mic
        elif record.kind == PEEK and detector.barge == "quiet":
            p = Peek.of(record.payload)
            _, events = detector.peek(
                p.probability, p.position_end, bool(p.speaking), p.segment, echo=p.echo, policy=p.policy,
                mean_square=p.mean_square,
            )  # fmt: skip
            mic = p.mic
        else:
            continue
        at_s = -(-mic // TICK) * TICK_S - late_s
        told += [Told(at_s, event.a) for event in events if event.kind == "barge_in"]
    return told


class Trade:
    """The curve: a point for each setting, over all scenes and over those at which the goals bind without a
    canceller."""

    def __init__(self) -> None:
        self.whole = {after: Figures() for after in CONFIRM_AFTER_S}
        self.binding = {after: Figures() for after in CONFIRM_AFTER_S}

    def add(self, scene: Scene, journal: Path, *, late_s: float) -> None:
        for after in CONFIRM_AFTER_S:
            figures = judge(scene, told_again(journal, settings(after), late_s=late_s))
            self.whole[after].add(figures)
            if scene.echo_db in BINDING_DB:
                self.binding[after].add(figures)

    def told(self) -> list[dict[str, Any]]:
        names = ("flush_ms_p50", "flush_ms_p90", "missed_pct", "false_flush_per_min", "backchannel_flush_pct")
        return [
            {
                "confirm_after_ms": round(1000 * after),
                **{name: self.whole[after].told()[name] for name in names},
                "up_to_-10_db": {name: self.binding[after].told()[name] for name in names},
            }
            for after in CONFIRM_AFTER_S
        ]

    def draw(self, aec: str, folder: Path) -> Path:
        """``bargein-trade-AEC.png``."""
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        default = round(1000 * BargeConfig().confirm_after_s)
        points = self.told()
        figure, axes = pyplot.subplots(1, 2, figsize=(10, 3.8), sharey=True)
        for axis, q, goal in zip(axes, (50, 90), (500, 800), strict=True):
            for name, of in (
                ("all scenes", points),
                ("no echo and up to -10 dB", [point["up_to_-10_db"] for point in points]),
            ):
                axis.plot([o[f"flush_ms_p{q}"] for o in of], [o["backchannel_flush_pct"] for o in of], "o-", label=name)
            for point in points:
                at = point[f"flush_ms_p{q}"], point["backchannel_flush_pct"]
                if None in at:
                    continue
                after = point["confirm_after_ms"]
                note = f"{after} ms" + (" (default)" if after == default else "")
                axis.annotate(note, at, xytext=(4, 4), textcoords="offset points", fontsize=7)
            axis.axvline(goal, color="k", linewidth=0.6, linestyle=":")
            axis.axhline(10, color="k", linewidth=0.6, linestyle=":")
            axis.set_xlabel(f"flush: ms after the user begins, p{q}")
            axis.grid(alpha=0.3)
        axes[0].set_ylabel("backchannels flushed, %")
        axes[1].legend(fontsize=8)
        figure.suptitle(f"By confirm_after_s, canceller: {aec} (dotted: goals)", fontsize=10)
        figure.tight_layout()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"bargein-trade-{aec}.png"
        figure.savefig(path, dpi=110)
        pyplot.close(figure)
        return path
