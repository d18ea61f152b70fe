"""Barge-in on scenes: how soon the agent is ducked, paused and flushed after the user begins; how often for nothing.

The real engine, stepped by hand on virtual time: ``mic.wav`` is the line's input, ``ref.wav`` what the playout puts
out, so that the reference is known as in a live call. As in any real line the loudspeaker comes after the playout: the
mic is put 10 ms (a tick) behind the reference, and taken off the times again.

Scenes are open loop: the mic holds the echo of an agent that never stops. So what the engine wishes is told and not
done, and the agent is set back to speaking (a new segment) 1 s after each event's end, and 1 s after a flush that no
event caused. Times run from a barge-in's begin in ``truth.json`` to the mic position at which the wish took effect.
Missed: not flushed by the event's end + 500 ms. False: outside all events + 500 ms. A duck or pause that was already
there when the user began counts as 0 ms: it was false, and is counted there.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from rtaudio.bench.scene_sounds import Floats

RATE: Final = 16000
TICK_S: Final = 0.01
TICK: Final = 160
AFTER_S: Final = 0.5  # of an event: what comes so soon after it still belongs to it
RESET_S: Final = 1.0
SUSPECTED, LIKELY, CONFIRMED, BACKCHANNEL = 1, 2, 3, 5


@dataclass(frozen=True)
class Scene:
    """One folder. `events`: (begin, end, kind) in seconds; `echo_db` None: no echo."""

    name: str
    mic: Floats
    ref: Floats
    rate: int
    events: list[tuple[float, float, str]]
    echo_db: float | None


@dataclass
class Figures:
    """What one level of echo came to."""

    duck: list[float] = field(default_factory=list)
    pause: list[float] = field(default_factory=list)
    flush: list[float] = field(default_factory=list)
    missed: int = 0
    barge_ins: int = 0
    backchannels: int = 0
    backchannels_flushed: int = 0
    backchannels_known: int = 0
    false_ducks: int = 0
    false_pauses: int = 0
    false_flushes: int = 0
    minutes: float = 0.0

    def add(self, other: Figures) -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def told(self) -> dict[str, Any]:
        minutes = max(self.minutes, 1e-9)
        return {
            **{
                f"{name}_ms_p{q}": _percentile(getattr(self, name), q)
                for name in ("duck", "pause", "flush")
                for q in (50, 90)
            },
            "missed_pct": _share(self.missed, self.barge_ins),
            "false_flush_per_min": round(self.false_flushes / minutes, 3),
            "false_pause_per_min": round(self.false_pauses / minutes, 3),
            "false_duck_per_min": round(self.false_ducks / minutes, 3),
            "backchannel_flush_pct": _share(self.backchannels_flushed, self.backchannels),
            "backchannel_known_pct": _share(self.backchannels_known, self.backchannels),
            "barge_ins": self.barge_ins,
            "backchannels": self.backchannels,
            "minutes": round(self.minutes, 2),
        }


def _percentile(values: list[float], q: int) -> float | None:
    """None where there are none, or where so many were never reached that it has no value."""
    if not values:
        return None
    low, high = (float(np.percentile(values, q, method=method)) for method in ("lower", "higher"))
    value = float(np.percentile(values, q)) if np.isfinite(high) else low
    return round(value, 1) if np.isfinite(value) else None


def _share(some: int, of: int) -> float | None:
    return round(100 * some / of, 2) if of else None


def read_scene(folder: Path) -> Scene:
    """ValueError says what is wrong with a scene, and where."""
    import soundfile  # type: ignore[import-untyped]

    for name in ("mic.wav", "ref.wav", "truth.json"):
        if not (folder / name).is_file():
            raise ValueError(f"{folder}: there is no {name}; a scene has mic.wav, ref.wav and truth.json")
    sound = {}
    for name in ("mic", "ref"):
        try:
            samples, rate = soundfile.read(folder / f"{name}.wav", dtype="float32", always_2d=True)
        except RuntimeError as error:  # what libsndfile makes of a file that is no sound
            raise ValueError(f"{folder}/{name}.wav: not to be read ({error})") from None
        sound[name] = (np.ascontiguousarray(samples.mean(axis=1, dtype=np.float32)), rate)
    (mic, rate), (ref, ref_rate) = sound["mic"], sound["ref"]
    if rate != ref_rate:
        raise ValueError(f"{folder}: mic.wav has {rate} Hz and ref.wav {ref_rate}; they must share rate and clock")
    try:
        truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
        events = sorted((float(begin), float(end), str(kind)) for begin, end, kind in truth["user_speech"])
        told_db = truth.get("echo_db")
        echo_db = None if told_db is None else float(told_db)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f'{folder}/truth.json: expected {{"user_speech": [[start_s, end_s, kind], ...]}}, '
            f'"echo_db" a number or null ({error})'
        ) from None
    for begin, end, kind in events:
        if not 0 <= begin < end or kind not in ("barge_in", "backchannel"):
            raise ValueError(f"{folder}/truth.json: [{begin}, {end}, {kind!r}] is no event (barge_in or backchannel)")
        if begin >= len(mic) / rate:
            raise ValueError(f"{folder}/truth.json: an event at {begin} s; mic.wav ends at {len(mic) / rate:g} s")
    ref = np.resize(np.concatenate([ref, np.zeros(max(0, len(mic) - len(ref)), np.float32)]), len(mic))
    if "echo_db" not in truth:
        echo_db = _measured_echo(mic, ref, rate, events)
    return Scene(folder.name, mic, ref, rate, events, echo_db)


def _measured_echo(mic: Floats, ref: Floats, rate: int, events: list[tuple[float, float, str]]) -> float | None:
    """Where a scene does not say: the part of the mic that the reference explains (coherence, per 5 Hz, outside
    events), against what the events add, to the next of -20, -15, ... 0 dB; None: below -25 dB, or next to nothing."""
    block = int(0.2 * rate)
    lag = _delay(mic, ref, rate)
    mic_at = mic[lag:]
    blocks = min(len(mic_at), len(ref)) // block
    speech = np.zeros(blocks, bool)
    for begin, end, _ in events:
        speech[max(0, int((begin * rate - lag) / block)) : int((end * rate - lag) / block) + 2] = True
    window = np.hanning(block).astype(np.float32)
    x = np.fft.rfft(ref[: blocks * block].reshape(blocks, block) * window)
    y = np.fft.rfft(mic_at[: blocks * block].reshape(blocks, block) * window)
    alone = ~speech
    if alone.sum() < 10:
        return None
    cross = (y[alone] * x[alone].conj()).mean(axis=0)
    explained = float((np.abs(cross) ** 2 / (np.square(np.abs(x[alone])).mean(axis=0) + 1e-12)).sum())
    heard = float(np.square(np.abs(y[alone])).mean(axis=0).sum())
    if explained < 0.05 * heard:
        return None
    user = 10 ** (-26 / 10) * block
    if speech.any():
        user = max(float(np.square(np.abs(y[speech])).mean(axis=0).sum()) - heard, 1e-12)
    level = 10 * np.log10(explained / user)
    return None if level < -25 else float(np.clip(5 * np.round(level / 5), -20, 0))


def _delay(mic: Floats, ref: Floats, rate: int) -> int:
    """Samples by which the mic follows the reference, 0..0.5 s: the peak of the cross-correlation's phase."""
    size = 1 << (len(mic) + len(ref) - 1).bit_length()
    spectrum = np.fft.rfft(mic, size) * np.fft.rfft(ref, size).conj()
    lags = np.fft.irfft(spectrum / (np.abs(spectrum) + 1e-9), size)[: rate // 2]
    return int(np.argmax(np.abs(lags)))


@dataclass(frozen=True)
class Told:
    """A change of the barge-in machine: when, in seconds of the scene, and to which state."""

    at_s: float
    state: int


def late_s(aec: str, rate: int) -> float:
    """By how much the line's mic is behind the scene's."""
    from rtaudio.transports import cancelling

    return TICK_S + (cancelling.Cancelling.delay_s(cancelling.WebrtcProcessor(), rate) if aec == "webrtc" else 0.0)


def run_scene(
    scene: Scene, vad: Any, *, aec: str = "none", detector: Any = None, journal: Path | None = None
) -> list[Told]:
    """Plays a scene through an engine and gives what its barge-in machine told; `journal`: a file to write."""
    from rtaudio import AudioPort, Engine, Journal
    from rtaudio.transports import cancelling

    mic, late = scene.mic, late_s(aec, scene.rate)
    tick = scene.rate // 100
    if tick * 100 != scene.rate:
        raise ValueError(f"{scene.name}: {scene.rate} Hz has no whole ticks of 10 ms")
    port = AudioPort(scene.rate)
    written: Journal | None = None
    told: list[Told] = []
    ends = [end + RESET_S for _, end, _ in scene.events]
    resets = sorted(ends)
    with Engine(vad=vad, tick_s=TICK_S) as engine:
        processor = cancelling.WebrtcProcessor() if aec == "webrtc" else None
        rate = scene.rate if processor is None else RATE
        written = Journal(journal, port, input_rate=rate) if journal is not None else None
        line = engine.add(
            port,
            input_rate=rate,
            detector=detector,
            observe=True,
            upstream_delay_s=late - TICK_S,
            cleaned=processor is not None,
            journal=written,
        )
        push = line.push if processor is None else cancelling.Cancelling(line, processor, input_rate=scene.rate).push
        engine.step(0)
        segment = port.playout.open_segment()
        segment.write(scene.ref[: 2 * tick])
        push(np.zeros(tick, np.float32))
        for index in range(1, len(mic) // tick + 1):
            segment.write(scene.ref[(index + 1) * tick : (index + 2) * tick])
            engine.step(index * 10_000_000)
            push(mic[(index - 1) * tick : index * tick])
            at_s = index * TICK_S - late
            if written is not None and index % 50 == 0:
                time.sleep(0.0003)  # the journal's thread has to follow time that runs faster than ours
            for event in port.events():
                if event.kind == "barge_in":
                    told.append(Told(at_s, event.a))
                    if event.a == CONFIRMED and not _inside(at_s, scene.events):
                        resets.append(at_s + RESET_S)
            due = [reset for reset in resets if reset <= at_s]
            if due:
                resets = [reset for reset in resets if reset > at_s]
                segment.end()
                segment = port.playout.open_segment()
    if written is not None:
        written.close()
    port.close()
    return told


def _inside(at_s: float, events: Iterable[tuple[float, float, str]]) -> bool:
    return any(begin <= at_s <= end + AFTER_S for begin, end, _ in events)


def judge(scene: Scene, told: list[Told]) -> Figures:
    """The figures of one scene."""
    figures = Figures(minutes=len(scene.mic) / scene.rate / 60)
    for begin, end, kind in scene.events:
        before = [t.state for t in told if t.at_s < begin]
        state = before[-1] if before else 0
        within = [t for t in told if begin <= t.at_s <= end + AFTER_S]

        def first(states: tuple[int, ...], already: bool, within: list[Told] = within, begin: float = begin) -> float:
            found = (1000 * (t.at_s - begin) for t in within if t.state in states)
            return 0.0 if already else next(found, np.inf)

        flushed = first((CONFIRMED,), False)
        if kind == "backchannel":
            figures.backchannels += 1
            figures.backchannels_flushed += bool(np.isfinite(flushed))
            figures.backchannels_known += any(t.state == BACKCHANNEL for t in told if begin <= t.at_s <= end + 1.0)
            continue
        figures.barge_ins += 1
        figures.duck.append(first((SUSPECTED, LIKELY, CONFIRMED), state in (SUSPECTED, LIKELY)))
        figures.pause.append(first((LIKELY, CONFIRMED), state == LIKELY))
        figures.flush.append(flushed)
        figures.missed += not np.isfinite(flushed)
    for t in told:
        if not _inside(t.at_s, scene.events):
            figures.false_ducks += t.state == SUSPECTED
            figures.false_pauses += t.state == LIKELY
            figures.false_flushes += t.state == CONFIRMED
    return figures


def draw(by_level: dict[float | None, Figures], aec: str, folder: Path) -> None:
    """``bargein-AEC.png``: for each level of echo, how many barge-ins were ducked, paused, flushed by when."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    levels = sorted(by_level, key=lambda level: -100.0 if level is None else level)
    figure, axes = pyplot.subplots(1, 3, figsize=(11, 3.6), sharey=True)
    for axis, name, goal in zip(axes, ("duck", "pause", "flush"), ((60, 120), (200, 350), (500, 800)), strict=True):
        for level in levels:
            values = sorted(getattr(by_level[level], name))
            share = np.arange(1, len(values) + 1) / max(len(values), 1)
            label = "no echo" if level is None else f"{level:g} dB"
            axis.step([*values], share, where="post", label=label, linewidth=1.2)
        for at, height in zip(goal, (0.5, 0.9), strict=True):
            axis.plot([at], [height], "k+", markersize=10)
        axis.set_xlim(0, {"duck": 300, "pause": 600, "flush": 1500}[name])
        axis.set_xlabel(f"{name}: ms after the user begins")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("share of barge-ins")
    axes[2].legend(title="echo", fontsize=8)
    figure.suptitle(f"Barge-in, canceller: {aec} (+: goals, p50 and p90)", fontsize=10)
    figure.tight_layout()
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"bargein-{aec}.png", dpi=110)
    pyplot.close(figure)


def measure(
    scenes: Path, *, aec: str = "none", plots: Path | None = None, progress: Callable[[str], None]
) -> dict[str, Any]:
    """All scenes below a folder. The whole set's figures, those by level of echo (`by_echo_db`), and with `plots` those
    by `confirm_after_s` (`trade`)."""
    from rtaudio import SileroVad
    from rtaudio.bench.bargein_trade import Trade

    folders = sorted(path.parent for path in scenes.rglob("truth.json"))
    if not folders:
        raise ValueError(f"{scenes}: no scenes in it (folders with mic.wav, ref.wav and truth.json)")
    vad = SileroVad()
    whole = Figures()
    by_level: dict[float | None, Figures] = {}
    trade = Trade() if plots is not None else None
    for folder in folders:
        scene = read_scene(folder)
        if trade is None:
            told = run_scene(scene, vad, aec=aec)
        else:
            with tempfile.TemporaryDirectory() as place:
                journal = Path(place) / "scene.rtaj"
                told = run_scene(scene, vad, aec=aec, journal=journal)
                trade.add(scene, journal, late_s=late_s(aec, scene.rate))
        figures = judge(scene, told)
        whole.add(figures)
        by_level.setdefault(scene.echo_db, Figures()).add(figures)
        progress(
            f"{scene.name}: echo {scene.echo_db} dB, {figures.barge_ins} barge-ins, {figures.missed} missed, "
            f"{figures.false_flushes} false flushes"
        )
    if plots is not None and trade is not None:
        draw(by_level, aec, plots)
        progress(f"drawn: {plots}/bargein-{aec}.png and {trade.draw(aec, plots)}")
    levels = sorted(by_level, key=lambda level: -100.0 if level is None else level)
    return {
        "aec": aec,
        "scenes": len(folders),
        "events": whole.barge_ins + whole.backchannels,
        **whole.told(),
        **({} if trade is None else {"trade": trade.told()}),
        "by_echo_db": {"none" if level is None else f"{level:g}": by_level[level].told() for level in levels},
    }
