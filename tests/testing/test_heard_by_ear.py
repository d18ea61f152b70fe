"""A caller with a voice, an agent with a voice, real ears: what was heard is what was said, to the sample."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

import rtaudio
from rtaudio.providers import HibariTTS, PocketsphinxSTT
from rtaudio.testing import FakeLLM, SimulatedCaller, Simulation, run
from rtaudio.voice import Agent

ANSWER = "On Saturday the library is open from ten until four, and on Sunday from noon until five."


def test_a_call_that_is_spoken_and_understood(tmp_path: Path) -> None:
    """Laws 1 and 9, by ear."""
    for package in ("hibari", "pocketsphinx", "soxr", "matplotlib"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install 'rtaudio[demo]'")

    async def main() -> None:
        caller = SimulatedCaller(16000, tts=HibariTTS(pitch=0.88))
        question = await caller.speak("When does the library open on Saturday?", at_s=0.5)
        barge_in = await caller.speak("Wait, what about Sunday?", after_agent_says="from ten", delay_s=0.1)
        random = np.random.default_rng(1)
        caller.noise((0.1 * random.standard_normal(16000)).astype(np.float32), snr_db=25)
        llm = FakeLLM([ANSWER, "From noon until five."])
        providers = {"stt": PocketsphinxSTT(), "llm": llm, "tts": HibariTTS()}
        async with Simulation(Agent(), caller=caller, vad=rtaudio.SileroVad(), **providers) as call:
            await call.finish()
        heard = call.heard
        print(heard)
        history = call.session.history
        assert "saturday" in history[0].text.lower()
        assert [each.text for each in heard.agent] == [m.text for m in history if m.role == "assistant"]
        assert [each.unheard for each in heard.agent] == [m.unheard for m in history if m.role == "assistant"]
        begin, _ = heard.says("the library is open from ten")
        heard.says("on Saturday", between=(begin - 1, begin + 0.2))
        heard.never_says("Sunday")
        assert heard.answers_within_s(2.0, after=question) > 0.3
        assert 0.1 < heard.stops_within_s(1.0, after=barge_in) < 0.8
        heard.never_overlaps(longer_than_s=0.8)
        heard.says("what about Sunday", who="caller")
        call.save(tmp_path / "call.wav", picture=tmp_path / "call.png")

    run(main())
    with wave.open(str(tmp_path / "call.wav")) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 24000)
    assert (tmp_path / "call.png").read_bytes().startswith(b"\x89PNG")
