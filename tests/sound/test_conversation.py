"""The agent as a whole at the sound card: spoken to, recorded where one would hear it, interrupted, silent in time.

A TTS speaks for the person, with another voice than the agent's; all providers are real ones that compute here.
"""

from __future__ import annotations

import re
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.sound import measure
from tests.sound.conftest import Scene
from tests.sound.pulse import RATE, PulseServer, end

QUESTION = "Are you open on Saturday?"
INTERRUPTION = "How many books can I take home?"


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What the person says, as WAV files."""
    for package in ("hibari", "pocketsphinx"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install 'rtaudio[local]'")
    from rtaudio.providers.hibari import RATE as VOICE_RATE
    from rtaudio.providers.hibari import HibariVoice

    voice = HibariVoice(pitch=0.85)
    folder = tmp_path_factory.mktemp("person")
    for text in (QUESTION, INTERRUPTION):
        samples = voice.say(text).samples
        with wave.open(str(folder / f"{text}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(VOICE_RATE)
            file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return {text: folder / f"{text}.wav" for text in (QUESTION, INTERRUPTION)}


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z']+", text.lower()))


def understood(transcript: str, said: str) -> float:
    """The share of the words said that arrived."""
    return len(words(transcript) & words(said)) / len(words(said))


def wait_for_event(agent: Scene, name: str, seen: list[dict[str, Any]]) -> dict[str, Any]:
    for fact in agent.told():
        seen.append(fact)
        if fact.get("name") == name:
            return fact
    pytest.fail(f"the agent ended without {name}: {seen}\n{agent.log()}")


def test_the_agent_hears_answers_stops_at_once_and_answers_the_interruption(
    pulse: PulseServer, run: Callable[..., Scene], person: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[dict[str, Any]] = []
    with pulse.recorded() as loudspeaker, pulse.recorded("mic") as microphone:
        agent = run("converse", "1", environment=pulse.environment)
        agent.until("hears")
        end_of = pulse.say(person[QUESTION])
        wait_for_event(agent, "AgentSpeechStarted", seen)
        end(end_of)
        loudspeaker.wait_for(RATE, measure.AUDIBLE)  # a second of speech
        quiet_so_far = len(microphone.samples())
        speaker = pulse.say(person[INTERRUPTION])
        interrupted = wait_for_event(agent, "AgentSpeechInterrupted", seen)
        seen += agent.told()
        end(speaker)

    # Silent in time, at the loudspeaker: what sounds after the person began, before the answer to the interruption.
    onset, last = (quiet_so_far + at for at in measure.span(microphone.samples()[quiet_so_far:]))
    began_s, ended_s = microphone.time_of(onset), microphone.time_of(last)
    sounding = np.flatnonzero(np.abs(loudspeaker.samples()) > measure.AUDIBLE)
    times_s = loudspeaker.time_of(0) + sounding / RATE
    silent_s = float(times_s[times_s < ended_s].max())
    assert 0 < silent_s - began_s < 1.5
    assert (times_s > ended_s).any(), "the interruption was answered aloud"
    with capsys.disabled():
        print(f"\n  from the person's first sound to the agent's silence: {1e3 * (silent_s - began_s):.0f} ms")

    # The history is what was heard (law 9), and both turns are answered once (law 10).
    history = next(fact for fact in seen if fact["tell"] == "history")["messages"]
    assert [message["role"] for message in history] == ["user", "assistant", "user", "assistant"]
    question, cut, interruption, answer = history
    assert understood(question["text"], QUESTION) >= 0.5
    assert understood(interruption["text"], INTERRUPTION) >= 0.5
    assert cut["interrupted"]
    assert cut["text"] == interrupted["heard"].strip() or cut["text"] == interrupted["heard"]
    assert cut["text"]
    assert cut["unheard"]
    assert interrupted["heard_for_s"] == pytest.approx(silent_s - float(times_s[0]), abs=1.0)
    assert not answer["interrupted"]
    assert answer["text"]
    assert not [fact for fact in seen if fact.get("name") in ("ProviderFailed", "SessionClosed")]

    account = next(fact for fact in seen if fact["tell"] == "account")["port"]
    assert account["written"] + account["replayed"] == account["played"] + account["queued"] + account["dropped"]
    assert account["dropped"] > 0
    assert account["queued"] == 0
