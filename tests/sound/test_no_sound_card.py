"""No library, no device, a device that goes away: a clear word, and nothing left behind (law 11)."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sound.conftest import Scene
from tests.sound.pulse import ASOUND, PulseServer, what_is_missing

FILES = "rtaudio talk --in caller.wav --out answer.wav"


@pytest.fixture
def bare(scratch: Path) -> dict[str, str]:
    """A machine without a sound device: all that ALSA knows is a sound server, and none answers."""
    config = scratch / "asound.conf"
    config.write_text(ASOUND, encoding="utf-8")
    return os.environ | {
        "ALSA_CONFIG_PATH": str(config),
        "PULSE_SERVER": f"unix:{scratch / 'nobody'}",
        "XDG_RUNTIME_DIR": str(scratch),
        "JACK_NO_START_SERVER": "1",
    }


def test_without_portaudio_the_message_says_what_to_install(run: Callable[..., Scene], bare: dict[str, str]) -> None:
    message = run("no_portaudio", environment=bare).until("unavailable")["message"]
    assert "PortAudio library is missing" in message
    assert "apt install libportaudio2" in message
    assert FILES in message


def test_without_the_python_package_the_message_names_the_extra(
    run: Callable[..., Scene], bare: dict[str, str]
) -> None:
    message = run("no_sounddevice", environment=bare).until("unavailable")["message"]
    assert "pip install 'rtaudio[sound]'" in message
    assert FILES in message


def test_without_a_device_the_list_is_empty_and_opening_says_why(
    run: Callable[..., Scene], bare: dict[str, str]
) -> None:
    if missing := what_is_missing():
        pytest.skip(missing)
    agent = run("devices", environment=bare)
    told = list(agent.told())
    assert [fact["tell"] for fact in told] == ["devices", "unavailable"]
    assert told[0]["names"] == []
    assert "PortAudio finds no loudspeaker" in told[1]["message"]
    assert "apt install libasound2-plugins" in told[1]["message"]
    assert FILES in told[1]["message"]


def test_a_server_s_devices_are_listed_and_opened(pulse: PulseServer, run: Callable[..., Scene]) -> None:
    told = list(run("devices", environment=pulse.environment).told())
    assert [fact["tell"] for fact in told] == ["devices", "opened"]
    assert "default" in told[0]["names"]


def test_nothing_is_left_behind(pulse: PulseServer, run: Callable[..., Scene]) -> None:
    """Not by close, an error, a card that was never started or one that nobody closed: the one line that the engine
    has room for is free each time, and so is the wake-up."""
    told = list(run("reopen", environment=pulse.environment).told())
    assert [fact["tell"] for fact in told] == ["figures", "threads"]
    assert told[0]["input_samples"] > 0
    assert not [name for name in told[1]["names"] if name.startswith("rtaudio")]


def gone(agent: Scene) -> tuple[str, float]:
    """(what it was told, how long it took to close)."""
    message, closed = agent.until("gone"), agent.until("closed")
    assert list(agent.told()) == []
    port = message["port"]
    assert port["written"] + port["replayed"] == port["played"] + port["queued"] + port["dropped"]
    assert closed["state"] == "closed"
    return message["message"], closed["took_s"]


def test_a_loudspeaker_that_is_unplugged_is_told(own_pulse: PulseServer, run: Callable[..., Scene]) -> None:
    agent = run("watch", environment=own_pulse.environment)
    agent.until("runs")
    own_pulse.unplug_all()
    message, _ = gone(agent)
    assert "is gone: its stream ended" in message


def test_a_sound_server_that_ends_is_told(own_pulse: PulseServer, run: Callable[..., Scene]) -> None:
    agent = run("watch", environment=own_pulse.environment)
    agent.until("runs")
    own_pulse.stop()
    message, _ = gone(agent)
    assert "is gone: its stream ended" in message


def test_a_sound_server_that_answers_no_more_holds_nobody_up(own_pulse: PulseServer, run: Callable[..., Scene]) -> None:
    """Neither while it runs, nor on closing, nor at the end of the process (the scene waits 1 s each time)."""
    agent = run("watch", environment=own_pulse.environment)
    agent.until("runs")
    own_pulse.signal(signal.SIGSTOP)
    try:
        message, took_s = gone(agent)
    finally:
        own_pulse.signal(signal.SIGCONT)
    assert "is gone: it moved no sound for 1 s" in message
    assert took_s < 10
