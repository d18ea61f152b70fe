"""Providers that a session does not have, where a speech-to-speech model does their work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from rtaudio.voice.chat import ChatContext
from rtaudio.voice.protocols import ProviderError, ProviderKind, ToolSpec


class Absent:
    """Opens nothing: ProviderError says what is missing."""

    def __init__(self, kind: ProviderKind, what: str) -> None:
        self.name = "none"
        self._kind, self._what = kind, what

    def _refuse(self) -> NoReturn:
        raise ProviderError(self._kind, self.name, self._what)

    async def warm_up(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


class NoSTT(Absent):
    """In the place of an STT."""

    def __init__(self) -> None:
        super().__init__("stt", "the realtime model hears by itself")

    def stream(self) -> NoReturn:
        self._refuse()


class NoLLM(Absent):
    """In the place of a language model."""

    def __init__(self) -> None:
        super().__init__("llm", "the realtime model thinks by itself")

    def stream(self, chat: ChatContext, tools: Sequence[ToolSpec] = ()) -> NoReturn:
        self._refuse()


class NoTTS(Absent):
    """In the place of a TTS."""

    def __init__(self) -> None:
        super().__init__("tts", "this session has no tts: give it one to say a text")

    def stream(self, text: str) -> NoReturn:
        self._refuse()
