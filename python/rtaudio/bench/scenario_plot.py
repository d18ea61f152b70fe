"""A picture of a scenario: the times that are expected and those that came, and below them what agent and user did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rtaudio.bench.scenario_seen import Seen

COLOURS: Final = {"listening": "0.85", "thinking": "tab:orange", "speaking": "tab:blue", "away": "tab:red"}


def plot(seen: Seen, result: dict[str, Any], folder: Path) -> Path:
    """Writes `folder`/<id>.png. ImportError without matplotlib, OSError."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    end_s = max((event.at_s for event in seen.events), default=1.0)
    figure, (times, rows) = pyplot.subplots(2, sharex=True, figsize=(11, 5), gridspec_kw={"height_ratios": [3, 2]})
    named = [name for name in result["expected"] if name.removesuffix("_without_warmup").endswith("_at")]
    for row, name in enumerate(named):
        for value, style in ((result["expected"][name], "k|"), (result["got"][name], "g.")):
            if value is not None:
                times.plot([value], [row], style, markersize=14)
    times.set_yticks(range(len(named)), named)
    times.set_title(f"{result['id']}: | expected, ● got; equal: {result['equal']}, better by: {result['better_by']}")
    for row, states in enumerate((seen.user_states(), seen.states())):
        for (state, begin_s), (_, until_s) in zip(states, [*states[1:], ("", end_s)], strict=True):
            rows.barh(row, until_s - begin_s, left=begin_s, color=COLOURS[state], height=0.5)
    rows.set_yticks([0, 1], ["user", "agent"])
    rows.set_xlabel("s; grey: listens, orange: thinks, blue: speaks")
    figure.tight_layout()
    path = folder / f"{result['id']}.png"
    figure.savefig(path, dpi=80)
    pyplot.close(figure)
    return path
