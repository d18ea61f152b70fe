"""The commands of `rtaudio-bench`: for each its name, a line of help, its arguments, and what runs it.

What runs one imports it only then, so that no command needs what another does. It gives figures, or raises one of
`UNUSABLE` with what is wrong; nothing else is said to a person.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeAlias

Figures: TypeAlias = dict[str, Any]
Progress: TypeAlias = Callable[[str], None]
Run: TypeAlias = Callable[[argparse.Namespace, Progress], Figures]

UNUSABLE: Final = (ValueError, OSError, ImportError)
"""What is raised for data, options or a machine that cannot be used: said in one line, and the status is 2."""
DATA: Final = Path("../shared/data")


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `arguments` adds its options to a parser."""

    name: str
    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Run


def above_zero(text: str) -> float:
    """An option's value: a number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text}")
    return value


def count(text: str) -> int:
    """An option's value: a whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, not {text}")
    return int(text)


def _by_module(name: str) -> Run:
    """The `run` of a module of this package."""

    def run(options: argparse.Namespace, progress: Progress) -> Figures:
        figures: Figures = import_module(f"rtaudio.bench.{name}").run(options, progress)
        return figures

    return run


def _core_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", metavar="PART", action="append", help="only this part (may be given again)")
    parser.add_argument("--data", type=Path, default=None, help="folder with recordings for the VAD comparison")


def _core(options: argparse.Namespace, progress: Progress) -> Figures:
    from rtaudio.bench import core

    if unknown := set(options.only or ()) - core.PARTS.keys():
        raise ValueError(f"no part called {', '.join(sorted(unknown))}; there are {', '.join(core.PARTS)}")
    return core.measure(options.only, data=options.data, progress=progress)


def _call_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--turns", type=count, default=60, help="at least this many turns and barge-ins (default 60)")


def _call(options: argparse.Namespace, progress: Progress) -> Figures:
    from rtaudio.bench import call

    return dict(call.measure(options.turns, progress=progress))


def _vad_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--audio", type=Path, metavar="DIR", help="folder with the WAVs that labels name")
    parser.add_argument("--labels", type=Path, metavar="FILE.rttm", help="who speaks when")
    parser.add_argument("--uem", type=Path, metavar="FILE", help="what is labelled at all; default everything")
    parser.add_argument(
        "--drift", type=float, metavar="HOURS", help="free-running against onnxruntime: a minute an hour"
    )
    parser.add_argument("--onset", action="store_true", help="how soon speech may be suspected: the curve; a minute")
    parser.add_argument("--plot", type=Path, metavar="DIR", help="pictures of what was measured, into this folder")


def _echo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--audio", type=Path, metavar="DIR", default=DATA, help="with speech/, noise/")
    parser.add_argument("--seconds", type=above_zero, default=40.0, help="length of a scene (default 40)")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="also draw the pictures of docs/echo.md")


def _echo(options: argparse.Namespace, progress: Progress) -> Figures:
    from rtaudio.bench import echo

    return echo.measure(options.audio, seconds=options.seconds, progress=progress, plots=options.plots)


def _peers_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=None, help="folder of recordings (default ../shared/data)")
    parser.add_argument("--peers", type=Path, default=Path("build/peers"), help="what `make peers` made")
    parser.add_argument("--framework", choices=("livekit", "pipecat"), action="append", help="only this one")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each contender (default 3)")
    parser.add_argument("--utterances", type=int, default=4, help="utterances of a run (default 4)")


def _peers(options: argparse.Namespace, progress: Progress) -> Figures:
    from rtaudio.bench.peers import driver

    try:
        return driver.run(options, progress)
    except driver.PeersMissing as error:
        raise ValueError(str(error)) from error


def _scenes_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder for the scenes")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with recordings")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=above_zero, default=32.0)


def _scenes(options: argparse.Namespace, progress: Progress) -> Figures:
    from rtaudio.bench import scenes

    return scenes.write_scenes(options.out, options.data, seed=options.seed, minutes=options.minutes, progress=progress)


def _bargein_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scenes", type=Path, required=True, help="folder of scenes (mic.wav, ref.wav, truth.json)")
    parser.add_argument("--aec", choices=("none", "webrtc"), default="none", help="a canceller before the line")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="also draw the pictures of docs/barge-in.md")


def _bargein(options: argparse.Namespace, progress: Progress) -> Figures:
    from rtaudio.bench import bargein

    return bargein.measure(options.scenes, aec=options.aec, plots=options.plots, progress=progress)


def _jitter_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--trace", type=Path, metavar="FILE", help="arrival times: .csv, .csv.gz, or rtpplay .rtp")
    parser.add_argument("--link", metavar="KIND", help="instead: gaussian, gilbert, spikes, wifi, stall, drift")
    parser.add_argument("--seed", type=int, default=1, help="of the link")
    parser.add_argument("--clock", type=int, metavar="HZ", help="rate of the timestamps; guessed if not given")
    parser.add_argument("--codec", choices=("pcmu", "pcma", "l16"), default="pcmu")
    parser.add_argument("--channels", type=int, choices=(1, 2), default=1)
    parser.add_argument("--mode", choices=("listen", "play"), default="listen", help="an agent's ear, a person's")
    parser.add_argument("--late", type=float, default=0.01, help="of play: share of packets that may be late (0.01)")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="of play: delay and target over time")
    parser.add_argument("--speech", type=Path, metavar="WAV", action="append", help="judge concealment of it by PLCMOS")
    parser.add_argument("--clean", type=Path, metavar="FILE.rtp", help="the stream as it was sent, to compare")


def _clocks_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ppm", type=float, default=500.0, help="how much faster the source is (default 500)")
    parser.add_argument("--minutes", type=above_zero, default=60.0, help="of the simulated call (default 60)")
    parser.add_argument("--warming", action="store_true", help="the source's drift follows temperatures, too")
    parser.add_argument("--source-rate", type=int, default=48000)
    parser.add_argument("--sink-rate", type=int, default=48000)
    parser.add_argument("--source-block-ms", type=above_zero, default=20.0)
    parser.add_argument("--sink-block-ms", type=above_zero, default=20.0)
    parser.add_argument("--late-ms", type=float, default=5.0, help="each block is late by 0 to this (default 5)")
    parser.add_argument("--spike-ms", type=float, default=40.0, help="one in 500 by up to this (default 40)")
    parser.add_argument("--target-ms", type=above_zero, help="default: a block of each side, the latest, and 5")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--filter", action="store_true", help="also the variable resampler's filter: half a minute")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="level, drift and pitch over time")


def _pacing_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=above_zero, default=10.0, help="of speech for each stall (default 10)")


def _truncation_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=DATA, help="folder with turns/ and speech/")
    parser.add_argument("--cuts", type=count, default=500, help="interruptions of each kind (default 500)")
    parser.add_argument("--seed", type=int, default=1)


def _eager_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=DATA, help="folder with turns/")
    parser.add_argument("--pairs", type=count, default=50, help="pairs of phrases (default 50)")


def _scenarios_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE.jsonl", help="one scenario a line")
    parser.add_argument("--plot", type=Path, metavar="DIR", help="also a picture of each, expected beside got")


def _turn_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--phrases", type=Path, required=True, metavar="FILE.json", help="pairs of phrases")
    parser.add_argument("--audio", type=Path, required=True, metavar="DIR", help="folder with the WAVs that it names")
    parser.add_argument("--speech", type=Path, metavar="DIR", help="read speech; default: speech beside it")
    parser.add_argument("--phone", type=Path, metavar="DIR", help="a call with STM; default: vad/phone2spk beside it")
    parser.add_argument("--plot", type=Path, metavar="DIR", help="also draw the curves there")


def _turn(options: argparse.Namespace, progress: Progress) -> Figures:
    from rtaudio.bench import turn

    return turn.measure(
        options.phrases, options.audio, speech=options.speech, phone=options.phone, plot=options.plot, progress=progress
    )


def _turn_fit_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--speech", type=Path, metavar="DIR", help="also read speech, with transcripts.tsv")


def _turn_fit(options: argparse.Namespace, progress: Progress) -> Figures:
    from rtaudio.bench import turn_fit

    if options.speech is not None and not options.speech.is_dir():
        raise ValueError(f"--speech {options.speech}: there is no such folder")
    return turn_fit.measure(seed=options.seed, speech=options.speech, progress=progress)


COMMANDS: Final = (
    Command("core", "rings, playout, resampler, VAD, import: a quarter of a minute", _core_arguments, _core),
    Command("call", "whole conversations on the wall clock: about a minute", _call_arguments, _call),
    Command("vad", "the VAD against onnxruntime and labels: a minute", _vad_arguments, _by_module("vad_report")),
    Command("echo", "echo guard and cancellers on real speech in real rooms: some minutes", _echo_arguments, _echo),
    Command("peers", "LiveKit Agents and Pipecat with their parts and ours: 10 minutes", _peers_arguments, _peers),
    Command(
        "scenes", "makes scenes for bargein: callers, agents, echo, noise, from a seed", _scenes_arguments, _scenes
    ),
    Command(
        "bargein", "on scenes: how soon the agent falls silent, how often for nothing", _bargein_arguments, _bargein
    ),
    Command(
        "jitter",
        "a trace or a made-up link through the jitter buffer: seconds",
        _jitter_arguments,
        _by_module("jitter"),
    ),
    Command(
        "clocks",
        "two clocks that drift apart, and a bridge: seconds for an hour",
        _clocks_arguments,
        _by_module("clocks"),
    ),
    Command(
        "pacing",
        "what is sent in time: by an event loop that stands still, by the engine itself",
        _pacing_arguments,
        _by_module("pacing"),
    ),
    Command(
        "truncation",
        "what the history says after an interruption: minutes",
        _truncation_arguments,
        _by_module("truncation"),
    ),
    Command("eager", "replies begun before the turn is over: minutes", _eager_arguments, _by_module("eager")),
    Command(
        "scenarios",
        "what other frameworks' tests expect of a conversation: seconds",
        _scenarios_arguments,
        _by_module("scenarios"),
    ),
    Command("turn", "ends of turns, by profile and by other frameworks' rules: some minutes", _turn_arguments, _turn),
    Command(
        "turn-fit",
        "weights of the turn policy, fitted on sentences of our own: minutes",
        _turn_fit_arguments,
        _turn_fit,
    ),
)
