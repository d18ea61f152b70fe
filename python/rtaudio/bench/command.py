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

from rtaudio.bench.catalogue import COMMANDS, UNUSABLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rtaudio-bench", description="What rtaudio costs and keeps on this machine.")
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    for command in COMMANDS:
        arguments = commands.add_parser(command.name, help=command.help)
        command.arguments(arguments)
        arguments.add_argument("--json", action="store_true", help="one JSON object on the last line of stdout")
        arguments.set_defaults(run=command.run)
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


def run(arguments: Sequence[str] | None) -> int:
    """Parses, measures, prints; gives the exit code: 0, or 2 where arguments, data or the machine cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        figures = {**machine(), **options.run(options, progress)}
    except UNUSABLE as error:
        progress(f"rtaudio-bench {options.command}: {error}")
        return 2
    if options.json:
        print(json.dumps(figures))
    else:
        print(table(figures))
    return 0
