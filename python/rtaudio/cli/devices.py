"""`rtaudio devices`: the microphones and loudspeakers that PortAudio sees."""

from __future__ import annotations

import argparse

from rtaudio.cli.errors import CommandError
from rtaudio.transports.sound_devices import FILES, SoundDevice, SoundUnavailable, list_devices


def run(options: argparse.Namespace) -> None:
    """The command."""
    try:
        devices = list_devices()
    except SoundUnavailable as error:
        raise CommandError(str(error)) from error
    if not devices:
        raise CommandError(f"PortAudio works, but there is no sound device on this machine. {FILES}")
    for line in table(devices):
        print(line)


def table(devices: list[SoundDevice]) -> list[str]:
    """Lines to print: index, name, channels in and out, rate, latency; `*` marks the defaults."""
    rows = [("", "index", "name", "in", "out", "rate", "latency in/out", "through")]
    rows += [
        (
            "*" if device.default_input or device.default_output else "",
            str(device.index),
            device.name,
            str(device.input_channels or "-"),
            str(device.output_channels or "-"),
            str(device.default_rate),
            f"{device.input_latency_s * 1000:.0f}/{device.output_latency_s * 1000:.0f} ms",
            device.host_api,
        )
        for device in devices
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
