"""Which device, which rate, how many channels: the rules, on machines that are described here."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from rtaudio import Engine
from rtaudio.transports import sound_devices
from rtaudio.transports.sound import SoundCard, SoundUnavailable, list_devices
from rtaudio.transports.sound_devices import Kind, choose, find


class Refused(Exception):
    """Stands where sounddevice has PortAudioError."""


@dataclass
class Machine:
    """What PortAudio would say of a machine: devices, and what each of them takes."""

    devices: list[dict[str, Any]] = field(default_factory=list)
    takes: dict[int, set[tuple[int, int]]] = field(default_factory=dict)
    """device -> (rate, channels); not named: anything."""
    default: dict[str, int] = field(default_factory=dict)
    PortAudioError = Refused

    def add(
        self, name: str, inputs: int, outputs: int, rate: int = 48000, takes: set[tuple[int, int]] | None = None
    ) -> int:
        index = len(self.devices)
        self.devices.append(
            {
                "index": index,
                "name": name,
                "hostapi": 0,
                "max_input_channels": inputs,
                "max_output_channels": outputs,
                "default_samplerate": float(rate),
                "default_low_input_latency": 0.01,
                "default_low_output_latency": 0.02,
            }
        )
        if takes is not None:
            self.takes[index] = takes
        return index

    def query_hostapis(self) -> list[dict[str, str]]:
        return [{"name": "ALSA"}]

    def query_devices(self, kind: str | None = None) -> Any:
        if kind is None:
            return self.devices
        if kind not in self.default:
            raise Refused("Error querying device -1")
        return self.devices[self.default[kind]]

    def check_input_settings(self, device: int, channels: int, dtype: str, samplerate: int) -> None:
        assert dtype == "float32"
        if (samplerate, channels) not in self.takes.get(device, {(samplerate, channels)}):
            raise Refused("Invalid sample rate")

    check_output_settings = check_input_settings


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    described = Machine()
    monkeypatch.setattr(sound_devices, "portaudio", lambda: described)
    return described


def chosen(kind: Kind, wanted: int | str | None = None, rate: int | None = None) -> tuple[int, int, int]:
    setting = choose(kind, wanted, rate)
    return setting.device.index, setting.rate, setting.channels


def test_the_list_says_which_are_the_defaults(machine: Machine) -> None:
    machine.add("webcam", 1, 0, 44100)
    machine.add("card", 2, 2)
    machine.default = {"input": 0}
    webcam, card = list_devices()
    assert (webcam.name, webcam.host_api, webcam.default_rate) == ("webcam", "ALSA", 44100)
    assert (webcam.input_channels, webcam.output_channels) == (1, 0)
    assert (webcam.input_latency_s, webcam.output_latency_s) == (0.01, 0.02)
    assert (webcam.default_input, webcam.default_output) == (True, False)
    assert (card.default_input, card.default_output) == (False, False)


def test_the_default_is_taken_and_where_there_is_none_the_first_that_can(machine: Machine) -> None:
    machine.add("webcam", 1, 0)
    machine.add("card", 2, 2)
    assert find("output", None).name == "card"
    assert find("input", None).name == "webcam"
    machine.default = {"input": 1, "output": 1}
    assert find("input", None).name == "card"


def test_a_name_or_a_part_of_it_chooses(machine: Machine) -> None:
    for name, inputs in (("USB Headset", 1), ("USB", 1), ("Headset speaker", 0)):
        machine.add(name, inputs, 2)
    assert find("input", "headset").index == 0
    assert find("input", "USB").index == 1, "the whole name goes before a part of one"
    assert find("output", 2).name == "Headset speaker"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [("usb", "2 microphones fit 'usb'"), ("phone", "no microphone is 'phone'"), (2, "no microphone")],
)
def test_what_fits_none_or_several_is_refused_with_what_there_is(
    machine: Machine, wanted: int | str, said: str
) -> None:
    machine.add("USB a", 1, 0)
    machine.add("USB b", 1, 0)
    machine.add("speaker", 0, 2)
    with pytest.raises(SoundUnavailable, match=said) as raised:
        find("input", wanted)
    assert "0 'USB a' (ALSA), 1 'USB b' (ALSA)" in str(raised.value)


def test_input_runs_at_the_device_s_own_rate_output_at_one_a_port_can_have(machine: Machine) -> None:
    machine.add("card", 2, 2, 44100)
    assert chosen("input") == (0, 44100, 1)
    assert chosen("output") == (0, 48000, 2)
    machine.add("telephone", 1, 1, 16000)
    assert chosen("input", "telephone") == (1, 16000, 1)
    assert chosen("output", "telephone") == (1, 16000, 1)


def test_a_device_of_odd_rates_is_opened_at_one_of_ours(machine: Machine) -> None:
    machine.add("studio", 4, 4, 96000, {(96000, 4), (48000, 4), (24000, 4)})
    assert chosen("input") == (0, 48000, 4)
    assert chosen("output") == (0, 48000, 4)
    assert chosen("output", rate=24000) == (0, 24000, 4)


def test_one_channel_is_heard_two_are_spoken_on(machine: Machine) -> None:
    machine.add("card", 2, 2, 48000, {(48000, 1), (48000, 2)})
    machine.add("raw", 2, 1, 48000, {(48000, 2), (48000, 1)})
    assert chosen("input") == (0, 48000, 1)
    assert chosen("output") == (0, 48000, 2)
    assert chosen("output", "raw") == (1, 48000, 1)


def test_more_channels_than_the_callbacks_mix_are_never_asked_for(machine: Machine) -> None:
    machine.add("desk", 64, 64, 48000, {(48000, 8)})
    assert chosen("input") == (0, 48000, 8)
    assert chosen("output") == (0, 48000, 8)


def test_a_device_that_takes_nothing_is_refused_with_its_own_words(machine: Machine) -> None:
    machine.add("card", 0, 2, 44100, {(44100, 2)})
    with pytest.raises(SoundUnavailable, match=r"'card' \(ALSA\).* loudspeaker at 48000, .*Invalid sample rate"):
        choose("output", None)


def test_a_machine_with_ears_alone_says_what_it_lacks(machine: Machine) -> None:
    machine.add("webcam", 1, 0)
    with pytest.raises(SoundUnavailable, match="finds no loudspeaker"):
        choose("output", None)


@pytest.mark.parametrize(("kind", "rate"), [("output", 44100), ("output", 0), ("input", 96000)])
def test_a_rate_that_no_port_has_is_a_mistake_of_the_caller(machine: Machine, kind: Kind, rate: int) -> None:
    machine.add("card", 2, 2)
    with pytest.raises(ValueError, match=f"rate = {rate}: must be one of 8000, "):
        choose(kind, None, rate)


@pytest.mark.parametrize("block_s", [0.0, 0.001, 0.3, float("nan")])
def test_a_block_of_no_sensible_length_is_refused(block_s: float) -> None:
    with Engine() as engine, pytest.raises(ValueError, match="block_s"):
        SoundCard(engine, block_s=block_s)


def test_a_card_that_is_not_open_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = SimpleNamespace(query_hostapis=list, query_devices=lambda kind=None: [], PortAudioError=Refused)
    monkeypatch.setattr(sound_devices, "portaudio", lambda: nothing)
    monkeypatch.setattr(sound_devices, "default_index", lambda kind, sound: -1)
    with Engine(max_lines=1) as engine:
        card = SoundCard(engine)
        for name in ("port", "line", "input", "output", "output_latency_s"):
            with pytest.raises(RuntimeError, match="the sound card is new; this needs it open or running"):
                getattr(card, name)
        with pytest.raises(RuntimeError, match="is new; this needs it open"):
            card.start()
        with pytest.raises(SoundUnavailable):
            card.open()
        assert card.state == "new"
        assert card.figures() == {}
        card.close()
        card.close()
        with pytest.raises(RuntimeError, match="is closed; this needs it new"):
            card.open()
