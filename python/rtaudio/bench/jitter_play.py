"""Replays a trace through the jitter buffer's play mode: a frame every 10 ms, on virtual time.

Delay is that of the sound that comes out: when it is played - (its media time + the trace's fastest transit), taken
at the first sample of every frame that holds nothing but what was sent.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rtaudio import JitterBuffer
from rtaudio.bench.jitter import aiortc, oracle_ms, payloads
from rtaudio.bench.traces import Trace

FRAME_NS = 10_000_000
KNOB = (0.03, 0.02, 0.01, 0.007, 0.005, 0.003, 0.001)  # of the curve


@dataclass
class Played:
    """One replay: when each frame was played, its delay (NaN: not all of it was sent), the target then; in ms."""

    buffer: JitterBuffer
    at_ms: list[float] = field(default_factory=list)
    delay_ms: list[float] = field(default_factory=list)
    target_ms: list[float] = field(default_factory=list)


def play(trace: Trace, codec: str, channels: int, **options: Any) -> Played:
    """From the first arrival to the last."""
    buffer = JitterBuffer(trace.clock, mode="play", codec=codec, channels=channels, packet_s=0.2, **options)
    sent = payloads(trace, codec, channels)
    arrivals = [round(ms * 1e6) for ms in trace.arrival_ms]
    fastest = float((trace.arrival_ms - trace.media_ms()).min())
    played = Played(buffer)
    now, next_packet = arrivals[0], 0
    while next_packet < len(arrivals):
        while next_packet < len(arrivals) and arrivals[next_packet] <= now:
            k = next_packet
            buffer.put(trace.seq[k], trace.timestamp[k], arrivals[k], sent[k])
            next_packet += 1
        frame = buffer.get(now)
        assert frame is not None
        delay = float("nan")
        if frame.kind == "audio" and frame.timestamp is not None:
            media = (frame.timestamp - trace.timestamp[0] + 2**31) % 2**32 - 2**31
            delay = now / 1e6 - media * 1000 / trace.clock - fastest
        played.at_ms.append(now / 1e6)
        played.delay_ms.append(delay)
        played.target_ms.append(buffer.figures()["target_s"] * 1e3)
        now += FRAME_NS
    return played


def summary(trace: Trace, played: Played) -> dict[str, Any]:
    """The figures of one replay."""
    figures = played.buffer.figures()
    total, received = max(1.0, figures["totalSamplesReceived"]), max(1.0, figures["received"])
    stretched = figures["insertedSamplesForDeceleration"] + figures["removedSamplesForAcceleration"]
    return {
        "mean_delay_ms": float(np.nanmean(played.delay_ms)),
        "p95_delay_ms": float(np.nanpercentile(played.delay_ms, 95)),
        "concealed_ratio": figures["concealedSamples"] / total,
        "stretched_ratio": stretched / total,
        "true_loss_ratio": figures["missing"] / max(1.0, figures["expected"]),
        "late_ratio": figures["late_discarded"] / received,
        "never_used_ratio": (figures["late_discarded"] + figures["superseded"]) / received,
        "interruptions": figures["interruptions"],
        "accounting_error": [
            figures["received"]
            - sum(figures[name] for name in ("used", "late_discarded", "duplicate", "superseded", "queued")),
            figures["expected"] - figures["received_unique"] - figures["missing"],
        ],
    }


def measure(trace: Trace, *, codec: str, channels: int, late: float, plot: Path | None) -> dict[str, Any]:
    """All figures of play mode for one trace; NetEQ's target rule drives the same buffer for comparison."""
    ours = play(trace, codec, channels, late=late)
    theirs = play(trace, codec, channels, rule="neteq")
    if plot is not None:
        draw(trace, [("ours", ours), ("NetEQ's rule", theirs)], plot)
    return {
        "trace": trace.note,
        "mode": "play",
        "packets": len(trace),
        **summary(trace, ours),
        "added_delay_ms_inorder": None,  # in order or not, a player holds everything back
        "oracle_delay_ms": oracle_ms(trace),
        "late": late,
        "neteq_rule": summary(trace, theirs),
        "aiortc": aiortc(trace),
        "cpu_us_per_packet": cpu_us(trace, codec, channels, late),
        "curve": [
            {"late": knob, **{name: figures[name] for name in ("mean_delay_ms", "concealed_ratio", "stretched_ratio")}}
            for knob in KNOB
            for figures in [summary(trace, play(trace, codec, channels, late=knob))]
        ],
    }


def cpu_us(trace: Trace, codec: str, channels: int, late: float) -> float:
    """Processor time of put and of the gets between two packets, binding included; the best of three replays."""
    sent = payloads(trace, codec, channels)
    arrivals = [round(ms * 1e6) for ms in trace.arrival_ms]
    best = float("inf")
    for _ in range(3):
        buffer = JitterBuffer(trace.clock, mode="play", codec=codec, channels=channels, packet_s=0.2, late=late)
        now = arrivals[0]
        began = time.process_time_ns()
        for arrival, seq, timestamp, payload in zip(arrivals, trace.seq, trace.timestamp, sent, strict=True):
            while now < arrival:
                buffer.get(now)
                now += FRAME_NS
            buffer.put(seq, timestamp, arrival, payload)
        best = min(best, (time.process_time_ns() - began) / len(arrivals) / 1000)
    return best


def draw(trace: Trace, runs: Sequence[tuple[str, Played]], path: Path) -> None:
    """Delay and target over time, with each packet's own delay behind them."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(runs), 1, sharex=True, sharey=True, figsize=(11, 3.4 * len(runs)), squeeze=False)
    for (name, run), axis in zip(runs, axes[:, 0], strict=True):
        seconds = np.array(run.at_ms) / 1000
        axis.plot(trace.arrival_ms / 1000, trace.relative_ms(), ".", ms=2, color="0.7", label="each packet's own delay")
        axis.plot(seconds, run.target_ms, lw=1, color="tab:orange", label="target")
        axis.plot(seconds, run.delay_ms, lw=1, color="tab:blue", label="delay of what is played")
        axis.set_title(f"{trace.note}: {name}", fontsize=10)
        axis.set_ylabel("ms")
        axis.legend(loc="upper right", fontsize=8)
    axes[-1, 0].set_xlabel("s")
    top = float(np.nanpercentile([d for _, run in runs for d in run.delay_ms], 99.5))
    axes[-1, 0].set_ylim(0, max(20.0, 1.4 * top))
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
