"""What a person says, spoken into the feed of the microphone, and what the core makes of it by itself."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soxr

from rtaudio import MIC_RATE
from tests.sound import measure
from tests.sound.conftest import Scene
from tests.sound.pulse import RATE, PulseServer, end

CONFIRMED = 3
"""rta_barge_state of csrc/detector.h."""
ASIDE = ("turn_asked", "turn_unanswered", "turn_answered", "mic_level")
"""What is told on the way to a turn's end, and of the level."""
TRIES = 3
"""A machine that is very busy with other things breaks sound up before it reaches us; not each time, though."""


@pytest.fixture
def said(shared_data: Path) -> Path:
    """One sentence of 1.9 s."""
    return shared_data / "speech" / "ljspeech" / "LJ001-0002.wav"


def read(path: Path, rate: int) -> np.ndarray:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
        return soxr.resample(samples, file.getframerate(), rate)


def test_what_is_said_at_the_microphone_reaches_the_mic_ring_and_becomes_a_turn(
    pulse: PulseServer, run: Callable[..., Scene], said: Path
) -> None:
    wav = read(said, MIC_RATE)
    for _ in range(TRIES):
        agent = run("listen", "10", "silently", environment=pulse.environment)
        agent.until("hears")
        speaker = pulse.say(said)
        events = [fact for fact in agent.told() if fact["tell"] == "event"]
        end(speaker)
        at, likeness = measure.found_at(wav, np.load(agent.folder / "mic.npy"))
        if likeness > 0.99:
            break
    assert likeness > 0.99
    kinds = [event["kind"] for event in events if event["kind"] not in ASIDE]
    assert kinds[0] == "speech_started"
    assert kinds[-2:] == ["speech_ended", "turn_ended"]
    assert not {"barge_in", "cut"} & set(kinds)
    assert events[0]["mic"] == pytest.approx(at, abs=0.3 * MIC_RATE)
    assert events[-1]["mic"] == pytest.approx(at + len(wav), abs=0.5 * MIC_RATE)
    assert all(event["decided"] >= event["mic"] for event in events)


def test_a_person_who_speaks_silences_the_agent(
    pulse: PulseServer, run: Callable[..., Scene], said: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Law 2 at the sound card: the core itself cuts what the agent says, and what was heard is what it accounts for."""
    with pulse.recorded() as loudspeaker, pulse.recorded("mic") as microphone:
        agent = run("listen", "8", "speaking", environment=pulse.environment)
        agent.until("hears")
        loudspeaker.wait_for(RATE, measure.AUDIBLE)  # it has spoken for a second
        speaker = pulse.say(said)
        told = list(agent.told())
        end(speaker)
    events = [fact for fact in told if fact["tell"] == "event"]
    accounts = next(fact for fact in told if fact["tell"] == "accounts")
    assert CONFIRMED in [event["a"] for event in events if event["kind"] == "barge_in"]
    cut = next(event for event in events if event["kind"] == "cut")
    assert [event["kind"] for event in events if event["kind"] in ("cut", "turn_ended")] == ["cut", "turn_ended"]

    segment = accounts["segment"]
    assert (segment["state"], segment["queued"]) == ("cut", 0)
    assert (cut["a"], cut["b"]) == (segment["played"], segment["dropped"])
    assert segment["written"] + segment["replayed"] == segment["played"] + segment["dropped"]
    assert segment["dropped"] > RATE
    tap = np.load(agent.folder / "tap.npy")
    if not accounts["figures"]["output_underflows"]:
        np.testing.assert_allclose(measure.audible(loudspeaker.samples()), measure.audible(tap), atol=1e-6)

    onset, _ = measure.span(microphone.samples())
    _, silent = measure.span(loudspeaker.samples())
    took_s = loudspeaker.time_of(silent) - microphone.time_of(onset)
    assert 0 < took_s < 2
    with capsys.disabled():
        print(f"\n  from the first sound of the person to the silence of the agent: {1e3 * took_s:.0f} ms")
