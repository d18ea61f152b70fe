"""Try an agent without a sound card, a network or patience: virtual time, simulated callers, fake providers."""

from rtaudio.testing.caller import Remark, SimulatedCaller
from rtaudio.testing.energy_vad import EnergyVad
from rtaudio.testing.expectations import Called, Expectations, HandedOver, ProviderBroke, Said, Turn
from rtaudio.testing.failures import Failure, FakeFailure
from rtaudio.testing.heard import HeardCall, HeardWord, Utterance
from rtaudio.testing.providers import FakeLLM, FakeSTT, FakeTTS, numbered, numbers_of
from rtaudio.testing.realtime import FakeRealtime
from rtaudio.testing.realtime_server import BrokenRule, FakeConnection, FakeItem
from rtaudio.testing.simulation import SimulatedSink, Simulation, speech
from rtaudio.testing.text import TextConversation
from rtaudio.testing.virtual_time import Deadlock, VirtualTimeLoop, run

__all__ = [
    "BrokenRule",
    "Called",
    "Deadlock",
    "EnergyVad",
    "Expectations",
    "Failure",
    "FakeConnection",
    "FakeFailure",
    "FakeItem",
    "FakeLLM",
    "FakeRealtime",
    "FakeSTT",
    "FakeTTS",
    "HandedOver",
    "HeardCall",
    "HeardWord",
    "ProviderBroke",
    "Remark",
    "Said",
    "SimulatedCaller",
    "SimulatedSink",
    "Simulation",
    "TextConversation",
    "Turn",
    "Utterance",
    "VirtualTimeLoop",
    "numbered",
    "numbers_of",
    "run",
    "speech",
]
