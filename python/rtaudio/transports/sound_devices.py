"""Which microphones and loudspeakers there are, and how to open one of them. Opens nothing itself.

PortAudio is reached through the sounddevice package, which is imported when something is asked for. It looks at the
machine's devices once, at that moment: what is plugged in later is seen by the next process.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from rtaudio.core._resample import FROM_RATES, TO_RATES

Kind = Literal["input", "output"]

MOST_CHANNELS: Final = 8
"""What the callbacks in csrc/device.h mix down or spread over."""
SPOKEN: Final[dict[Kind, str]] = {"input": "microphone", "output": "loudspeaker"}
FILES: Final = "Without a sound card: rtaudio talk --in caller.wav --out answer.wav"


class SoundUnavailable(Exception):
    """There is no way to the sound card, or it is gone. The message says what to install, or what else serves."""


@dataclass(frozen=True, slots=True)
class SoundDevice:
    """One device as PortAudio describes it. `index` or a part of `name` chooses it."""

    index: int
    name: str
    host_api: str
    input_channels: int
    output_channels: int
    default_rate: int
    """In Hz; what the device runs at if nothing is asked for."""
    input_latency_s: float
    output_latency_s: float
    """Of small buffers, by the host API's estimate."""
    default_input: bool
    default_output: bool


@dataclass(frozen=True, slots=True)
class Setting:
    """How to open a device for one direction; the device has said that it can do this."""

    device: SoundDevice
    rate: int
    channels: int


def portaudio() -> Any:
    """The sounddevice module. SoundUnavailable: it, or PortAudio below it, is not there or does not start."""
    try:
        return importlib.import_module("sounddevice")
    except ModuleNotFoundError as error:
        raise SoundUnavailable(
            f"the Python package {error.name} is missing: pip install 'rtaudio[sound]'. {FILES}"
        ) from error
    except OSError as error:
        raise SoundUnavailable(f"the PortAudio library is missing{how_to_install()}. {FILES}") from error
    except Exception as error:  # sounddevice's own PortAudioError, which cannot be named before it is imported
        raise SoundUnavailable(f"PortAudio does not start: {error}. {FILES}") from error


def how_to_install() -> str:
    """The end of a sentence that says PortAudio is missing."""
    if sys.platform != "linux":
        return ""  # the package carries the library for other systems
    return " (Debian, Ubuntu: apt install libportaudio2; Fedora: dnf install portaudio)"


def no_device(kind: Kind | None) -> SoundUnavailable:
    """What to do where PortAudio finds nothing."""
    missing = f"no {SPOKEN[kind]}" if kind else "no sound device"
    hint = ""
    if sys.platform == "linux":
        hint = (
            " If PulseAudio or PipeWire runs here, PortAudio reaches it through ALSA's plug-in (Debian, Ubuntu: apt "
            "install libasound2-plugins, or pipewire-alsa)."
        )
    return SoundUnavailable(f"PortAudio finds {missing}.{hint} {FILES}")


def list_devices() -> list[SoundDevice]:
    """All devices, in PortAudio's order; an empty list where there are none. SoundUnavailable without PortAudio."""
    sound = portaudio()
    apis = sound.query_hostapis()
    inputs, outputs = default_index("input", sound), default_index("output", sound)
    return [
        SoundDevice(
            index=index,
            name=about["name"],
            host_api=apis[about["hostapi"]]["name"],
            input_channels=about["max_input_channels"],
            output_channels=about["max_output_channels"],
            default_rate=round(about["default_samplerate"]),
            input_latency_s=about["default_low_input_latency"],
            output_latency_s=about["default_low_output_latency"],
            default_input=index == inputs,
            default_output=index == outputs,
        )
        for index, about in enumerate(sound.query_devices())
    ]


def default_index(kind: Kind, sound: Any) -> int:
    """PortAudio's default device for one direction (or the one set in sounddevice.default); -1: there is none."""
    try:
        return int(sound.query_devices(kind=kind)["index"])
    except (ValueError, sound.PortAudioError):
        return -1


def find(kind: Kind, wanted: int | str | None) -> SoundDevice:
    """The device of that index or name (a part of it is enough where it fits one device), or the default.

    SoundUnavailable: there is none, several fit, or it does not have that direction.
    """
    devices = list_devices()
    able = [each for each in devices if channels_of(each, kind)]
    if not able:
        raise no_device(kind)
    match wanted:
        case None:
            found = [each for each in able if (each.default_input if kind == "input" else each.default_output)]
            return found[0] if found else able[0]
        case int():
            found = [each for each in able if each.index == wanted]
        case str():
            exact = [each for each in able if each.name == wanted]
            found = exact or [each for each in able if wanted.lower() in each.name.lower()]
    if len(found) == 1:
        return found[0]
    several = f"{len(found)} {SPOKEN[kind]}s fit {wanted!r}" if found else f"no {SPOKEN[kind]} is {wanted!r}"
    there = ", ".join(f"{each.index} {each.name!r} ({each.host_api})" for each in found or able)
    raise SoundUnavailable(f"{several}: choose by index. There is: {there}")


def channels_of(device: SoundDevice, kind: Kind) -> int:
    """How many channels it has in that direction."""
    return device.input_channels if kind == "input" else device.output_channels


def choose(kind: Kind, wanted: int | str | None, rate: int | None = None) -> Setting:
    """A device with a rate and a number of channels that it takes. SoundUnavailable: none of ours suits it.

    Rates, in this order: the one asked for and no other; the device's own; 48 kHz and downwards. Input may have any
    rate that the resampler takes to 16 kHz; output one of those it can make, because the port then runs at that rate.
    Channels: input 1 where the device does that, else all of them (their mean is taken). Output 2, because some
    systems put a single channel on the left alone; else 1, or all.
    """
    if rate is not None and rate not in usable(kind):
        raise ValueError(f"rate = {rate}: must be one of {', '.join(map(str, usable(kind)))} Hz")
    device = find(kind, wanted)
    own = [device.default_rate] if device.default_rate in usable(kind) else []
    rates = [rate] if rate else [*own, *sorted(set(usable(kind)) - set(own), reverse=True)]
    most = min(channels_of(device, kind), MOST_CHANNELS)
    liked = (1, most) if kind == "input" else (2, 1, most)
    for each in rates:
        for channels in unique(c for c in liked if c <= most):
            if takes(kind, device, each, channels):
                return Setting(device, each, channels)
    raise SoundUnavailable(
        f"{device.name!r} ({device.host_api}) does not open as {SPOKEN[kind]} at {', '.join(map(str, rates))} Hz: "
        f"{why(kind, device, rates[0], most)}. Another program may hold it; choose another device (rtaudio devices "
        f"lists them). {FILES}"
    )


def usable(kind: Kind) -> tuple[int, ...]:
    """The rates that a stream may have, in Hz."""
    return FROM_RATES if kind == "input" else TO_RATES


def unique(values: Iterable[int]) -> list[int]:
    """In their order, each once."""
    return list(dict.fromkeys(values))


def checker(kind: Kind) -> tuple[Callable[..., None], type[Exception]]:
    """sounddevice's check for one direction, and what it raises."""
    sound = portaudio()
    return (sound.check_input_settings if kind == "input" else sound.check_output_settings), sound.PortAudioError


def takes(kind: Kind, device: SoundDevice, rate: int, channels: int) -> bool:
    """Whether the device says that it can do that."""
    return not why(kind, device, rate, channels)


def why(kind: Kind, device: SoundDevice, rate: int, channels: int) -> str:
    """Why the device does not take it; empty if it does."""
    check, refused = checker(kind)
    try:
        check(device=device.index, channels=channels, dtype="float32", samplerate=rate)
    except (refused, ValueError) as error:
        return str(error)
    return ""
