"""The command line of the figures: progress goes to stderr, one JSON object to the last line of stdout."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rtaudio-bench", description="What rtaudio costs and keeps on this machine.")
    parser.add_argument("--version", action="version", version=_version())
    names = "core | call | vad | turn | turn-fit | echo | peers | scenes | bargein"
    names += " | jitter | clocks | pacing | truncation"
    commands = parser.add_subparsers(dest="command", required=True, metavar=names)

    core = commands.add_parser("core", help="rings, playout, resampler, VAD, import: a quarter of a minute")
    core.add_argument("--only", metavar="PART", action="append", help="only this part (may be given again)")
    core.add_argument("--data", type=Path, default=None, help="folder with recordings for the VAD comparison")

    call = commands.add_parser("call", help="whole conversations on the wall clock: about a minute")
    call.add_argument("--turns", type=int, default=60, help="at least this many turns and barge-ins (default 60)")

    vad = commands.add_parser("vad", help="the VAD against onnxruntime and labels: a minute")
    vad.add_argument("--audio", type=Path, metavar="DIR", help="folder with the WAVs that labels name")
    vad.add_argument("--labels", type=Path, metavar="FILE.rttm", help="who speaks when")
    vad.add_argument("--uem", type=Path, metavar="FILE", help="what is labelled at all; default everything")
    vad.add_argument("--drift", type=float, metavar="HOURS", help="free-running against onnxruntime: a minute an hour")
    vad.add_argument("--onset", action="store_true", help="how soon speech may be suspected: the curve; a minute")
    vad.add_argument("--plot", type=Path, metavar="DIR", help="pictures of what was measured, into this folder")

    echo = commands.add_parser("echo", help="echo guard and cancellers on real speech in real rooms: some minutes")
    echo.add_argument("--audio", type=Path, metavar="DIR", default=Path("../shared/data"), help="with speech/, noise/")
    echo.add_argument("--seconds", type=_above_zero, default=40.0, help="length of a scene (default 40)")
    echo.add_argument("--plots", type=Path, metavar="DIR", help="also draw the pictures of docs/echo.md")
    peers = commands.add_parser("peers", help="LiveKit Agents and Pipecat with their parts and with ours: 10 minutes")
    peers.add_argument("--data", type=Path, default=None, help="folder of recordings (default ../shared/data)")
    peers.add_argument("--peers", type=Path, default=Path("build/peers"), help="what `make peers` made")
    peers.add_argument("--framework", choices=("livekit", "pipecat"), action="append", help="only this one")
    peers.add_argument("--rounds", type=int, default=3, help="runs of each contender (default 3)")
    peers.add_argument("--utterances", type=int, default=4, help="utterances of a run (default 4)")

    scenes = commands.add_parser("scenes", help="makes scenes for bargein: callers, agents, echo, noise, from a seed")
    scenes.add_argument("--out", type=Path, required=True, help="folder for the scenes")
    scenes.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with recordings")
    scenes.add_argument("--seed", type=int, default=1)
    scenes.add_argument("--minutes", type=_above_zero, default=32.0)

    bargein = commands.add_parser("bargein", help="on scenes: how soon the agent falls silent, how often for nothing")
    bargein.add_argument("--scenes", type=Path, required=True, help="folder of scenes (mic.wav, ref.wav, truth.json)")
    bargein.add_argument("--aec", choices=("none", "webrtc"), default="none", help="a canceller before the line")
    bargein.add_argument("--plots", type=Path, metavar="DIR", help="also draw the pictures of docs/barge-in.md")

    jitter = commands.add_parser("jitter", help="a trace or a made-up link through the jitter buffer: seconds")
    jitter.add_argument("--trace", type=Path, metavar="FILE", help="arrival times: .csv, .csv.gz, or rtpplay .rtp")
    jitter.add_argument("--link", metavar="KIND", help="instead: gaussian, gilbert, spikes, wifi, stall, drift")
    jitter.add_argument("--seed", type=int, default=1, help="of the link")
    jitter.add_argument("--clock", type=int, metavar="HZ", help="rate of the timestamps; guessed if not given")
    jitter.add_argument("--codec", choices=("pcmu", "pcma", "l16"), default="pcmu")
    jitter.add_argument("--channels", type=int, choices=(1, 2), default=1)
    jitter.add_argument("--mode", choices=("listen", "play"), default="listen", help="an agent's ear, a person's")
    jitter.add_argument("--late", type=float, default=0.01, help="of play: share of packets that may be late (0.01)")
    jitter.add_argument("--plot", type=Path, metavar="FILE.png", help="of play: delay and target over time")
    jitter.add_argument("--speech", type=Path, metavar="WAV", action="append", help="judge concealment of it by PLCMOS")
    jitter.add_argument("--clean", type=Path, metavar="FILE.rtp", help="the stream as it was sent, to compare")

    clocks = commands.add_parser("clocks", help="two clocks that drift apart, and a bridge: seconds for an hour")
    clocks.add_argument("--ppm", type=float, default=500.0, help="how much faster the source is (default 500)")
    clocks.add_argument("--minutes", type=_above_zero, default=60.0, help="of the simulated call (default 60)")
    clocks.add_argument("--warming", action="store_true", help="the source's drift follows temperatures, too")
    clocks.add_argument("--source-rate", type=int, default=48000)
    clocks.add_argument("--sink-rate", type=int, default=48000)
    clocks.add_argument("--source-block-ms", type=_above_zero, default=20.0)
    clocks.add_argument("--sink-block-ms", type=_above_zero, default=20.0)
    clocks.add_argument("--late-ms", type=float, default=5.0, help="each block is late by 0 to this (default 5)")
    clocks.add_argument("--spike-ms", type=float, default=40.0, help="one in 500 by up to this (default 40)")
    clocks.add_argument("--target-ms", type=_above_zero, help="default: a block of each side, the latest, and 5")
    clocks.add_argument("--seed", type=int, default=1)
    clocks.add_argument("--filter", action="store_true", help="also the variable resampler's filter: half a minute")
    clocks.add_argument("--plot", type=Path, metavar="FILE.png", help="level, drift and pitch over time")
    pacing = commands.add_parser("pacing", help="what is sent in time while the event loop stands still: a minute")
    pacing.add_argument("--seconds", type=_above_zero, default=10.0, help="of speech for each stall (default 10)")
    truncation = commands.add_parser("truncation", help="what the history says after an interruption: minutes")
    truncation.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with turns/ and speech/")
    truncation.add_argument("--cuts", type=int, default=500, help="interruptions of each kind (default 500)")
    truncation.add_argument("--seed", type=int, default=1)

    turn = commands.add_parser("turn", help="ends of turns, by profile and by other frameworks' rules: some minutes")
    turn.add_argument("--phrases", type=Path, required=True, metavar="FILE.json", help="pairs of phrases")
    turn.add_argument("--audio", type=Path, required=True, metavar="DIR", help="folder with the WAVs that it names")
    turn.add_argument("--speech", type=Path, metavar="DIR", help="read speech; default: speech beside it")
    turn.add_argument("--phone", type=Path, metavar="DIR", help="a call with STM; default: vad/phone2spk beside it")
    turn.add_argument("--plot", type=Path, metavar="DIR", help="also draw the curves there")
    fit = commands.add_parser("turn-fit", help="weights of the turn policy, fitted on sentences of our own: minutes")
    fit.add_argument("--seed", type=int, default=11)
    fit.add_argument("--speech", type=Path, metavar="DIR", help="also read speech, with transcripts.tsv")
    for each in (core, call, vad, echo, peers, scenes, bargein, jitter, clocks, pacing, truncation, turn, fit):
        each.add_argument("--json", action="store_true", help="one JSON object on the last line of stdout")
    return parser


def _version() -> str:
    import rtaudio

    return f"rtaudio-bench {rtaudio.__version__}"


def machine() -> dict[str, Any]:
    """On what the figures were made."""
    return {
        "machine": platform.machine(),
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _above_zero(text: str) -> float:
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
    return value


def progress(text: str) -> None:
    """A line on stderr."""
    print(text, file=sys.stderr, flush=True)


def table(figures: dict[str, Any]) -> str:
    """For people: one figure a line, lists of records as lines of their own."""
    width = max(len(name) for name in figures)
    lines = []
    for name, value in figures.items():
        if isinstance(value, list) and any(isinstance(row, dict | list | tuple) for row in value):
            lines.append(f"{name}:")
            lines += ["  " + _row(row) for row in value]
        else:
            lines.append(f"{name:<{width}}  {_row(value)}")
    return "\n".join(lines)


def _row(row: object) -> str:
    if isinstance(row, dict):
        return "  ".join(f"{key} {_short(item)}" for key, item in row.items())
    return "  ".join(map(_short, row)) if isinstance(row, list | tuple) else _short(row)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _on_scenes(options: argparse.Namespace) -> dict[str, Any]:
    if options.command == "scenes":
        from rtaudio.bench import scenes

        return scenes.write_scenes(
            options.out, options.data, seed=options.seed, minutes=options.minutes, progress=progress
        )
    from rtaudio.bench import bargein

    return bargein.measure(options.scenes, aec=options.aec, plots=options.plots, progress=progress)


def run(arguments: Sequence[str] | None) -> int:
    """Parses, measures, prints; gives the exit code."""
    options = _parser().parse_args(arguments)
    if options.command == "core":
        from rtaudio.bench import core

        unknown = set(options.only or ()) - core.PARTS.keys()
        if unknown:
            names, known = ", ".join(sorted(unknown)), ", ".join(core.PARTS)
            progress(f"rtaudio-bench core: no part called {names}; there are {known}")
            return 2
        figures = core.measure(options.only, data=options.data, progress=progress)
    elif options.command == "vad":
        from rtaudio.bench import vad_report

        try:
            figures = vad_report.run(options, progress)
        except ValueError as error:
            progress(f"rtaudio-bench vad: {error}")
            return 2
    elif options.command == "jitter":
        from rtaudio.bench import jitter

        try:
            figures = jitter.run(options, progress)
        except ValueError as error:
            progress(f"rtaudio-bench jitter: {error}")
            return 2
    elif options.command == "clocks":
        from rtaudio.bench import clocks

        try:
            figures = clocks.run(options, progress)
        except ValueError as error:
            progress(f"rtaudio-bench clocks: {error}")
            return 2
    elif options.command == "pacing":
        from rtaudio.bench import pacing

        figures = pacing.run(options, progress)
    elif options.command == "truncation":
        from rtaudio.bench import truncation

        try:
            figures = truncation.run(options, progress)
        except (ValueError, OSError) as error:
            progress(f"rtaudio-bench truncation: {error}")
            return 2
    elif options.command == "peers":
        from rtaudio.bench.peers import driver

        try:
            figures = driver.run(options, progress)
        except driver.PeersMissing as error:
            progress(f"rtaudio-bench peers: {error}")
            return 2
    elif options.command == "echo":
        from rtaudio.bench import echo

        try:
            figures = echo.measure(options.audio, seconds=options.seconds, progress=progress, plots=options.plots)
        except ValueError as error:
            progress(f"rtaudio-bench echo: {error}")
            return 2
    elif options.command in ("scenes", "bargein"):
        try:
            figures = _on_scenes(options)
        except (ValueError, OSError, ImportError) as error:
            progress(f"rtaudio-bench {options.command}: {error}")
            return 2
    elif options.command == "turn-fit":
        from rtaudio.bench import turn_fit

        figures = turn_fit.measure(seed=options.seed, speech=options.speech, progress=progress)
    elif options.command == "turn":
        from rtaudio.bench import turn
        from rtaudio.core.vad import ModelAltered, ModelMissing

        try:
            figures = turn.measure(
                options.phrases, options.audio, speech=options.speech, phone=options.phone, plot=options.plot,
                progress=progress,
            )  # fmt: skip
        except (turn.BadData, ModelMissing, ModelAltered) as error:
            progress(f"rtaudio-bench turn: {error}")
            return 2
    else:
        from rtaudio.bench import call

        figures = call.measure(options.turns, progress=progress)
    figures = {**machine(), **figures}
    if options.json:
        print(json.dumps(figures))
    else:
        print(table(figures))
    return 0
