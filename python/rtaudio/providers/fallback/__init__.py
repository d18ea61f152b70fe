"""Providers that stand for several of one kind: tried in order, each left for the next when it fails.

pool.py     which are there, which is next, what became of them; warming up and closing all
health.py   when one that failed is asked again: pure
llm.py, stt.py, tts.py   the streams: what is done when one fails, before and after something of it was used
"""

from rtaudio.providers.fallback.health import HealthPolicy, HealthState
from rtaudio.providers.fallback.llm import FallbackLLM
from rtaudio.providers.fallback.pool import HealthChange, ProviderHealth
from rtaudio.providers.fallback.stt import FallbackSTT
from rtaudio.providers.fallback.tts import FallbackTTS

__all__ = [
    "FallbackLLM",
    "FallbackSTT",
    "FallbackTTS",
    "HealthChange",
    "HealthPolicy",
    "HealthState",
    "ProviderHealth",
]
