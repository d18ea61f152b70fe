"""A loudspeaker that the microphone hears, at a real sound server: the agent must not interrupt itself, and must
still be interrupted by a person."""

from __future__ import annotations

import importlib.util
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtaudio import read_journal
from rtaudio.core.replay import windows_of
from tests.sound.conftest import Scene
from tests.sound.pulse import PulseServer, end

ALONE_S, SPEAKS_S = 8.0, 14.0
Facts = dict[str, Any]


@pytest.fixture(scope="module")
def interruption(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the person says, in another voice than the agent's."""
    pytest.importorskip("hibari", reason="hibari is not installed: pip install 'rtaudio[local]'")
    from rtaudio.providers.hibari import RATE, HibariVoice

    samples = HibariVoice(pitch=0.85).say("Wait a moment please, how many books can I take home today?").samples
    path = tmp_path_factory.mktemp("person") / "interruption.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def speak_alone_then_together(agent: Scene, pulse: PulseServer, interruption: Path) -> tuple[Facts, Facts, Facts]:
    """What it tells when it begins to speak, when it has spoken alone, and at its end."""
    begun: Facts = {}
    for fact in agent.told():
        begun = fact if fact["tell"] == "speaks" else begun
        if fact["tell"] in ("alone", "end"):
            break
    assert fact["tell"] == "alone", f"it was cut while it spoke alone, after {fact['after_s']:.2f} s"
    speaker = pulse.say(interruption)
    *_, over = agent.told()
    end(speaker)
    assert over["tell"] == "end"
    return begun, fact, over


def test_the_guard_knows_the_agents_own_voice_from_a_persons(
    pulse: PulseServer, run: Callable[..., Scene], interruption: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No canceller; the detector only listens: what it is told is read from the journal."""
    with pulse.echo(-10.0):
        agent = run("echo", "none", "listening", str(ALONE_S), str(SPEAKS_S), environment=pulse.environment)
        begun, alone, over = speak_alone_then_together(agent, pulse, interruption)
    assert alone["figures"]["echo_found"] == 1
    assert 0 < alone["figures"]["echo_delay_samples"] < 0.5 * 16000
    told = windows_of(read_journal(agent.folder / "call.rtaj").engine)
    p = np.array([window.probability for window in told])
    evidence = p * (1 - np.array([window.echo for window in told]))
    at = np.array([window.position_end for window in told])
    own = (at > begun["mic"] + 8000) & (at <= alone["mic"])  # from half a second on
    person = at > alone["mic"]
    assert np.mean(p[own] > 0.5) > 0.4, "the VAD takes the agent for a person"
    assert np.mean(evidence[own] > 0.5) < 0.05
    assert np.sum(evidence[person] > 0.5) >= 10  # a third of a second, though the agent speaks on
    assert not over["cut"]
    with capsys.disabled():
        print(
            f"\n  the agent alone is speech in {100 * np.mean(p[own] > 0.5):.0f} % of windows, with the guard in "
            f"{100 * np.mean(evidence[own] > 0.5):.1f} %; "
            f"the person over it in {np.sum(evidence[person] > 0.5)} windows"
        )


@pytest.mark.parametrize("aec", ["none", "webrtc"])
def test_the_agent_does_not_interrupt_itself_and_can_be_interrupted(
    aec: str, pulse: PulseServer, run: Callable[..., Scene], interruption: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the guard alone, and with WebRTC's canceller before the line."""
    if aec == "webrtc" and importlib.util.find_spec("pywebrtc_audio") is None:
        pytest.skip('pywebrtc-audio is not installed: pip install ".[echo]"')
    with pulse.echo(-10.0):
        agent = run("echo", aec, "acting", str(ALONE_S), str(SPEAKS_S), environment=pulse.environment)
        _, alone, over = speak_alone_then_together(agent, pulse, interruption)
    if aec == "webrtc":
        assert alone["figures"]["cancel_frames"] > 500
        assert alone["figures"]["cancel_failed"] == 0
        assert alone["figures"]["input_delay_samples"] >= 128
    assert over["cut"], "the person was not heard"
    with capsys.disabled():
        print(f"\n  {aec}: cut {over['after_s'] - ALONE_S:.2f} s after the person was started")
