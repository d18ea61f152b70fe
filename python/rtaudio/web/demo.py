"""The app that `rtaudio serve` runs if none is named: the town library of `rtaudio demo`, without key or network.

HibariTTS speaks, PocketSphinx listens, a table of keywords answers. The greeting may not be interrupted.
"""

from __future__ import annotations

from typing import Final

from rtaudio.providers import HibariTTS, PocketsphinxSTT, ScriptedLLM
from rtaudio.server import CallSetup
from rtaudio.voice.agent import Agent

GREETING: Final = "Hello, this is the town library. How can I help you?"

app = CallSetup(
    agent=Agent(greeting=GREETING, greeting_interruption="off"),
    stt=PocketsphinxSTT(),
    llm=ScriptedLLM(),
    tts=HibariTTS(),
)
