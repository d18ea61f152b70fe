"""The asyncio layer: an agent that hears, answers and stops at once, on a port of the compiled core."""

from rtaudio.voice.agent import Agent
from rtaudio.voice.chat import ChatContext, ChatMessage
from rtaudio.voice.clock import outside
from rtaudio.voice.events import (
    AgentSpeechHeard,
    AgentSpeechInterrupted,
    AgentSpeechStarted,
    AudioLost,
    Backchannel,
    BargeIn,
    EventsLost,
    InputStarved,
    MicrophoneClipping,
    MicrophoneLevel,
    ProviderFailed,
    ReplyText,
    SessionClosed,
    SessionEvent,
    SpeechEnded,
    SpeechStarted,
    StateChanged,
    TranscriptUpdated,
    TurnEnded,
    TurnMetrics,
    UserAway,
    UserBack,
)
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.policies import Interruption
from rtaudio.voice.protocols import LLM, STT, TTS, ProviderError, Speech, Token, Transcript, Word
from rtaudio.voice.session import Session

__all__ = [
    "LLM",
    "STT",
    "TTS",
    "Agent",
    "AgentSpeechHeard",
    "AgentSpeechInterrupted",
    "AgentSpeechStarted",
    "AudioLost",
    "Backchannel",
    "BargeIn",
    "ChatContext",
    "ChatMessage",
    "EventsLost",
    "InputStarved",
    "Interruption",
    "MicrophoneClipping",
    "MicrophoneLevel",
    "ProviderError",
    "ProviderFailed",
    "ReplyText",
    "Session",
    "SessionClosed",
    "SessionEvent",
    "SessionOptions",
    "Speech",
    "SpeechEnded",
    "SpeechStarted",
    "StateChanged",
    "Token",
    "Transcript",
    "TranscriptUpdated",
    "TurnEnded",
    "TurnMetrics",
    "UserAway",
    "UserBack",
    "Word",
    "outside",
]
