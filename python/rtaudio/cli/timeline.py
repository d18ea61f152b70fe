"""A picture of a call: what both sides said, what the detector made of it, what was cut, and how long replies took.

The call is laid out like a score, in systems one below the other, broken where nobody speaks. Each system has the
caller's waveform with the words understood, the agent's with the words heard and the words cut, the probability of
speech, and the state of the session. All times are seconds of the media clock.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rtaudio.cli.log import CallerTurn, CallLog, Reply
from rtaudio.core import MIC_RATE, VAD_WINDOW
from rtaudio.providers.packages import load
from rtaudio.voice.events import StateChanged, TurnEnded, TurnMetrics

_CALLER, _AGENT, _CUT, _PROBABILITY, _TURN = "#2a7f4f", "#1f6f9f", "#b03030", "#6b5b95", "#333333"
_LISTENS: Final = "#6f8f7c"
_BARGE: Final = {"suspected": "#fff0b3", "likely": "#ffcf8f"}
_BARGE_MEANS: Final = {"suspected": "speech suspected: agent ducked", "likely": "speech likely: agent paused"}
_POLICY: Final = {
    "off": "may not be interrupted",
    "duck_only": "may not be interrupted, but ducked",
    "pause": "waits while the caller speaks",
    "after_sentence": "is stopped at the end of a sentence",
}
_STATES: Final = {"listening": "#d9efe1", "thinking": "#fdf3cf", "speaking": "#d4e6f1"}
# Of a system: the longest it may be, and its size. At nearly an inch for a second, words take as much room as speech.
_LONGEST_S: Final = 18.0
_WIDTH_IN, _HEIGHT_IN = 17.0, 4.2
_CHARACTERS_PER_S: Final = 12.0


@dataclass(frozen=True, slots=True)
class Timeline:
    """What is drawn. `bins`: lowest and highest sample of each `bin_s` seconds, shape (bins, 2, 2), caller and agent in
    the last axis. `probabilities`: one per 512 samples at 16 kHz. `on`, `off`: the detector's thresholds."""

    bins: NDArray[np.float32]
    bin_s: float
    duration_s: float
    probabilities: NDArray[np.float32]
    log: CallLog
    on: float = 0.5
    off: float = 0.35


def draw(timeline: Timeline, path: Path) -> None:
    """Draws the picture to a PNG. Raises MissingPackageError without matplotlib."""
    load("matplotlib", extra="plot", wanted_by="a picture of the timeline").use("Agg")
    pyplot = load("matplotlib.pyplot", extra="plot", wanted_by="a picture of the timeline")
    systems = list(pairwise([0.0, *breaks(timeline), timeline.duration_s]))
    longest_s = max(1.0, *(end - begin for begin, end in systems))
    figure = pyplot.figure(figsize=(_WIDTH_IN, _HEIGHT_IN * len(systems) + 1.1), dpi=110)
    try:
        outer = figure.add_gridspec(
            len(systems), 1, hspace=0.24, left=0.065, right=0.985, top=1 - 0.8 / figure.get_figheight(), bottom=0.05
        )
        for row, (begin, end) in enumerate(systems):
            inner = outer[row].subgridspec(4, 1, height_ratios=[1.2, 1.4, 0.62, 0.2], hspace=0.06)
            axes = [figure.add_subplot(inner[k]) for k in range(4)]
            _system(timeline, axes, begin, end, begin + longest_s)
        axes[-1].set_xlabel("seconds of the call")
        _heading(figure, timeline)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    finally:
        pyplot.close(figure)


def breaks(timeline: Timeline) -> list[float]:
    """Where systems end: in silences before the caller speaks, so that a question and its answer stay together; no
    system is longer than _LONGEST_S, but for a second at the end."""
    log = timeline.log
    busy = sorted([*((*span, True) for span in log.speech), *((*span, False) for span in _spoken(timeline))])
    gaps: list[float] = []
    until, answered = 0.0, True
    for begin, end, is_caller in busy:
        if is_caller and answered and begin - until > 0.2:
            gaps.append(begin - min(0.4, (begin - until) / 2))
        until, answered = max(until, end), not is_caller
    chosen: list[float] = []
    begin = 0.0
    while timeline.duration_s - begin > _LONGEST_S + 1.0:  # the last takes a little more: no sliver comes after it
        within = [gap for gap in gaps if begin + _LONGEST_S / 3 < gap <= begin + _LONGEST_S]
        begin = within[-1] if within else begin + _LONGEST_S
        chosen.append(begin)
    return chosen


def _spoken(timeline: Timeline) -> Iterator[tuple[float, float]]:
    for reply in timeline.log.replies.values():
        if reply.started_s is not None:
            yield reply.started_s, reply.ended_s if reply.ended_s is not None else timeline.duration_s


def _system(timeline: Timeline, axes: Sequence[Any], begin: float, end: float, right: float) -> None:
    caller, agent, probability, state = axes
    log = timeline.log
    _wave(caller, timeline, 0, begin, end)
    _wave(agent, timeline, 1, begin, end)
    for turn in log.turns.values():
        _turn(caller, turn, log, begin, end)
    for reply in log.replies.values():
        _reply(agent, reply, log, begin, end, right)
    _barge_ins(axes[:3], log, begin, end)
    _probabilities(probability, timeline, begin, end)
    for metrics in log.metrics:
        _latency(probability, metrics, log, begin, end)
    _turn_ends(probability, log, begin, end)
    _states(state, log, timeline.duration_s, begin, end)
    for axis in axes:
        axis.set_xlim(begin, right)
        axis.spines[["top", "right"]].set_visible(False)
        if axis is not state:
            axis.tick_params(labelbottom=False, bottom=False)
            axis.spines["bottom"].set_visible(False)
    state.set_xticks(np.arange(np.ceil(begin), np.floor(end) + 1))


def _wave(axis: Any, timeline: Timeline, side: int, begin: float, end: float) -> None:
    """The envelope, to the loudest sample of the whole call."""
    first, last = int(begin / timeline.bin_s), min(int(end / timeline.bin_s), len(timeline.bins))
    at = (np.arange(first, last) + 0.5) * timeline.bin_s
    scale = max(float(np.abs(timeline.bins[:, :, side]).max(initial=0.0)), 1e-3)
    low, high = timeline.bins[first:last, :, side].T / scale
    colour, name = ((_CALLER, "caller"), (_AGENT, "agent"))[side]
    axis.fill_between(at, low, high, color=colour, linewidth=0.3, alpha=0.85)
    axis.set_ylim(-1.1, 2.35)
    axis.set_yticks([])
    axis.set_ylabel(name, rotation=0, ha="right", va="center", color=colour, fontweight="bold", y=0.32)


def _turn(axis: Any, turn: CallerTurn, log: CallLog, begin: float, end: float) -> None:
    if turn.ended_s is None or not begin <= turn.ended_s < end:
        return
    before = max(
        (o.ended_s for o in log.turns.values() if o.ended_s is not None and o.ended_s < turn.ended_s), default=0.0
    )
    began = min((at for at, _ in log.speech if before <= at < turn.ended_s), default=turn.ended_s)
    text = turn.text or "(nothing understood)"
    if turn.backchannel:  # said into the agent's speech, and not much: it stands by itself
        axis.text(began, 1.25, f"“{text}”\nlistens on", fontsize=8.5, color=_LISTENS, style="italic", va="bottom")
        return
    width = max(int((turn.ended_s - began) * _CHARACTERS_PER_S), 26)
    lines = "\n".join(textwrap.wrap(f"“{text}”", width))
    axis.text(max(began, begin), 1.25, lines, fontsize=9.5, color=_CALLER, va="bottom")


def _reply(axis: Any, reply: Reply, log: CallLog, begin: float, end: float, right: float) -> None:
    if reply.started_s is None or not begin <= reply.started_s < end:
        return
    following = [
        other.started_s for other in log.replies.values() if other.started_s and other.started_s > reply.started_s
    ]
    room_s = min([*following, right]) - reply.started_s
    if reply.interruption != "immediate":
        until = min(reply.ended_s if reply.ended_s is not None else end, end)
        axis.plot([reply.started_s, until], [-1.05, -1.05], color=_AGENT, linewidth=2, linestyle=(0, (4, 2)))
        axis.text(
            reply.started_s, -0.98, _POLICY[reply.interruption], fontsize=7.5, color=_AGENT, style="italic", va="bottom"
        )
    width = max(int(room_s * _CHARACTERS_PER_S), 24)
    heard = textwrap.wrap(f"“{reply.heard.strip()}" + ("…" if reply.interrupted else "”"), width)
    if not reply.interrupted:
        axis.text(reply.started_s, 1.25, "\n".join(heard), fontsize=9.5, color=_AGENT, va="bottom")
        return
    cut = textwrap.wrap(f"cut: {reply.cut.strip()}”", int(width * 1.15))
    cut = cut if len(cut) <= 2 else [cut[0], cut[1][: int(width * 1.1)] + " …"]
    axis.text(reply.started_s, 1.25, "\n".join(cut), fontsize=8.2, color="#999999", style="italic", va="bottom")
    axis.text(reply.started_s, 1.25 + 0.42 * len(cut), "\n".join(heard), fontsize=9.5, color=_AGENT, va="bottom")
    if reply.ended_s is not None and reply.ended_s < end:
        axis.axvline(reply.ended_s, ymax=0.62, color=_CUT, linewidth=1.6)
        axis.text(reply.ended_s + 0.06, -1.0, "cut", color=_CUT, fontsize=9, fontweight="bold", va="bottom")


def _barge_ins(axes: Sequence[Any], log: CallLog, begin: float, end: float) -> None:
    for event, following in pairwise([*log.barge_ins, None]):
        if event is None or event.state not in _BARGE:
            continue
        until = following.at_s if following is not None else event.at_s
        if event.at_s < end and until > begin:
            for axis in axes:
                axis.axvspan(
                    max(event.at_s, begin),
                    min(until, end),
                    ymax=1.0 if axis is axes[-1] else 0.62,
                    color=_BARGE[event.state],
                    linewidth=0,
                    zorder=0,
                )


def _probabilities(axis: Any, timeline: Timeline, begin: float, end: float) -> None:
    window_s = VAD_WINDOW / MIC_RATE
    at = np.arange(len(timeline.probabilities)) * window_s  # from the window's first sample
    seen = (at >= begin - window_s) & (at < end)
    axis.fill_between(at[seen], timeline.probabilities[seen], step="post", color=_PROBABILITY, alpha=0.35, linewidth=0)
    axis.step(at[seen], timeline.probabilities[seen], where="post", color=_PROBABILITY, linewidth=0.8)
    for level in (timeline.on, timeline.off):
        axis.plot([begin, end], [level, level], color=_PROBABILITY, linewidth=0.6, linestyle=":")
    for began, ended in timeline.log.speech:
        if began < end and ended > begin:
            span = [max(began, begin), min(ended, end)]
            axis.plot(span, [1.1, 1.1], color=_CALLER, linewidth=3, solid_capstyle="butt")
    axis.set_ylim(0, 1.18)
    axis.set_yticks([0, 0.5, 1], ["0", "", "1"])
    axis.set_ylabel("speech\nprobability", rotation=0, ha="right", va="center", color=_PROBABILITY, fontsize=9)


def _latency(axis: Any, metrics: TurnMetrics, log: CallLog, begin: float, end: float) -> None:
    """From the caller's last sound to the turn's decision and to the agent's first."""
    turn = log.turns.get(metrics.turn)
    if turn is None or turn.ended_s is None or metrics.first_sample_s is None or not begin <= turn.ended_s < end:
        return
    first = turn.ended_s + metrics.first_sample_s
    axis.annotate("", (first, 0.62), (turn.ended_s, 0.62), arrowprops={"arrowstyle": "<->", "color": _TURN, "lw": 1})
    axis.text(first + 0.06, 0.62, f"{metrics.first_sample_s * 1000:.0f} ms", fontsize=8.5, color=_TURN, va="center")


def _turn_ends(axis: Any, log: CallLog, begin: float, end: float) -> None:
    """Each time a turn was taken to be over, and why; also where the caller went on."""
    for event in log.events:
        if not isinstance(event, TurnEnded) or not begin <= event.decided_s < end:
            continue
        went_on = any(at > event.ended_s for at in log.turns[event.turn].resumed_s)
        colour = _CUT if went_on else _TURN
        axis.plot([event.decided_s] * 2, [0.47, 0.77], color=colour, linewidth=1.4)
        why = f"{_why(event)},\nbut went on" if went_on else f"over: {_why(event)}"
        axis.text(event.decided_s, 0.38, why, fontsize=6.5 if went_on else 7.5, color=colour, ha="center", va="top")


def _why(event: TurnEnded) -> str:
    if event.reasons is not None and event.reasons.probability is not None:
        return f"{event.reasons.probability * 100:.0f} % sure"
    return f"{event.decided_s - event.ended_s:.1f} s silent"


def _states(axis: Any, log: CallLog, duration_s: float, begin: float, end: float) -> None:
    changes = [event for event in log.events if isinstance(event, StateChanged)]
    starts = [(0.0, "listening"), *((event.at_s, event.state) for event in changes)]
    for (at, state), (until, _) in pairwise([*starts, (duration_s, "")]):
        left, right = max(at, begin), min(until, end)
        if left < right:
            axis.axvspan(left, right, color=_STATES[state], linewidth=0)
            if right - left > 0.7:
                axis.text((left + right) / 2, 0.48, state, fontsize=8.5, color="#444444", ha="center", va="center")
    axis.set_ylim(0, 1)
    axis.set_yticks([])
    axis.set_ylabel("state", rotation=0, ha="right", va="center", fontsize=9, color="#444444")


def _heading(figure: Any, timeline: Timeline) -> None:
    lines = load("matplotlib.lines", extra="plot", wanted_by="a picture of the timeline")
    patches = load("matplotlib.patches", extra="plot", wanted_by="a picture of the timeline")
    cuts = sum(reply.interrupted and reply.started_s is not None for reply in timeline.log.replies.values())
    turns = len(timeline.log.turns)
    figure.suptitle(
        f"A call of {timeline.duration_s:.1f} s: {turns} turn{'s' * (turns != 1)} of the caller, "
        f"{cuts} interruption{'s' * (cuts != 1)} of the agent",
        x=0.012,
        ha="left",
        fontsize=12.5,
        fontweight="bold",
    )
    entries = [
        lines.Line2D([], [], color=_CALLER, linewidth=3, label="speech, as decided from the probability"),
        lines.Line2D(
            [], [], color=_TURN, marker="|", markersize=8, label="caller stopped → turn decided → agent begins"
        ),
        *(patches.Patch(color=_BARGE[state], label=_BARGE_MEANS[state]) for state in _BARGE),
        lines.Line2D([], [], color=_CUT, linewidth=1.6, label="agent cut: the rest was never heard"),
    ]
    top = 1 - 0.36 / figure.get_figheight()
    figure.legend(
        handles=entries, loc="upper left", bbox_to_anchor=(0.006, top), ncols=len(entries), frameon=False, fontsize=9
    )
