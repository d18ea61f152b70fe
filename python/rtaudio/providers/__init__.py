"""Speech to text, language models and text to speech that a session can be given. All are optional.

Each name is loaded when first used, and each provider imports its package when it is made: `import rtaudio.providers`
costs nothing, and a package that is missing says which extra brings it. They meet the rest of rtaudio only in
`rtaudio.voice.protocols`.

=====================  ====  ==========================================  =====================
name                   kind  works with                                  extra
=====================  ====  ==========================================  =====================
HibariTTS              tts   hibari-tts, in this process, with word      ``local``
                             times
EspeakTTS              tts   the espeak-ng program, if the user has it   none (GPL, user's own)
PocketsphinxSTT        stt   pocketsphinx, in this process               ``local``
OpenAICompatibleLLM    llm   any OpenAI-compatible chat endpoint         ``openai``
ScriptedLLM            llm   a table of keywords; not a model            none
FallbackSTT            stt   other recognisers, tried in order           none
FallbackLLM            llm   other models, tried in order                none
FallbackTTS            tts   other voices, tried in order                none
=====================  ====  ==========================================  =====================
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rtaudio.providers.espeak import EspeakTTS as EspeakTTS
    from rtaudio.providers.fallback import FallbackLLM as FallbackLLM
    from rtaudio.providers.fallback import FallbackSTT as FallbackSTT
    from rtaudio.providers.fallback import FallbackTTS as FallbackTTS
    from rtaudio.providers.fallback import HealthChange as HealthChange
    from rtaudio.providers.fallback import HealthPolicy as HealthPolicy
    from rtaudio.providers.fallback import HealthState as HealthState
    from rtaudio.providers.fallback import ProviderHealth as ProviderHealth
    from rtaudio.providers.hibari import HibariTTS as HibariTTS
    from rtaudio.providers.openai_compatible import OpenAICompatibleLLM as OpenAICompatibleLLM
    from rtaudio.providers.pocketsphinx import PocketsphinxSTT as PocketsphinxSTT
    from rtaudio.providers.retry import Retry as Retry
    from rtaudio.providers.scripted import ScriptedLLM as ScriptedLLM

_HOME = {
    "EspeakTTS": "espeak",
    "FallbackLLM": "fallback",
    "FallbackSTT": "fallback",
    "FallbackTTS": "fallback",
    "HealthChange": "fallback",
    "HealthPolicy": "fallback",
    "HealthState": "fallback",
    "HibariTTS": "hibari",
    "OpenAICompatibleLLM": "openai_compatible",
    "PocketsphinxSTT": "pocketsphinx",
    "ProviderHealth": "fallback",
    "Retry": "retry",
    "ScriptedLLM": "scripted",
}

__all__ = [
    "EspeakTTS",
    "FallbackLLM",
    "FallbackSTT",
    "FallbackTTS",
    "HealthChange",
    "HealthPolicy",
    "HealthState",
    "HibariTTS",
    "OpenAICompatibleLLM",
    "PocketsphinxSTT",
    "ProviderHealth",
    "Retry",
    "ScriptedLLM",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOME)
