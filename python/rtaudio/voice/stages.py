"""The stages that an agent has made its own (`stt`, `llm`, `tts` of a subclass of Agent), in the shape of providers:
what reads providers reads them as well, with the same time-outs and the same outcome where they fail.

Nothing of this exists where nothing is overridden: the provider itself is read.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from rtaudio.voice.agent import Agent
from rtaudio.voice.protocols import LLM, STT, TTS, ProviderKind, Speech, Token, ToolCall, Transcript, Usage
from rtaudio.voice.stage_stream import StageStream
from rtaudio.voice.stage_use import Surroundings

if TYPE_CHECKING:
    from rtaudio.voice.chat import ChatContext
    from rtaudio.voice.protocols import Audio, ToolSpec

AUDIO_WAITING: Final = 120 * 16000
"""Samples of a turn that an agent's `stt` has not read yet; beyond them recognition of the turn fails."""


class InCharge(NamedTuple):
    """What hears, thinks and speaks now."""

    stt: STT
    llm: LLM
    tts: TTS


def staged(agent: Agent, around: Surroundings) -> InCharge:
    """For one use: each provider of `around`, or the agent's own stage over it."""
    return InCharge(
        _OwnSTT(agent, around) if _own(agent, "stt") else around.stt,
        _OwnLLM(agent, around) if _own(agent, "llm") else around.llm,
        _OwnTTS(agent, around) if _own(agent, "tts") else around.tts,
    )


def _own(agent: Agent, stage: ProviderKind) -> bool:
    return getattr(type(agent), stage) is not getattr(Agent, stage)


class _Own:
    """What the three have in common."""

    kind: ProviderKind

    def __init__(self, agent: Agent, around: Surroundings) -> None:
        self._agent, self._around = agent, around
        self.name = f"{type(agent).__name__}.{self.kind}"

    async def warm_up(self) -> None:
        """Nothing: the providers below are warmed up by the session."""

    async def aclose(self) -> None:
        """Nothing: the providers below belong to whoever made them."""


class _OwnLLM(_Own):
    kind = "llm"

    def stream(self, chat: ChatContext, tools: Sequence[ToolSpec] = ()) -> StageStream[Token | ToolCall | Usage]:
        return StageStream(
            self.kind, self.name, lambda: self._agent.llm(chat, tools), (Token, ToolCall, Usage), self._around
        )


class _OwnTTS(_Own):
    kind = "tts"

    def stream(self, text: str) -> StageStream[Speech]:
        return StageStream(self.kind, self.name, lambda: self._agent.tts(text), Speech, self._around)


class _OwnSTT(_Own):
    kind = "stt"

    def stream(self) -> _OwnSTTStream:
        return _OwnSTTStream(self.name, self._agent, self._around)


class _TurnAudio:
    """The audio of one turn, as it comes, for the generator to read; once."""

    def __init__(self) -> None:
        self._waiting: deque[Audio] = deque()
        self._samples = 0
        self._moved = asyncio.Event()
        self._ended = False

    def push(self, samples: Audio) -> None:
        if self._samples + len(samples) > AUDIO_WAITING:
            raise BufferError(f"has not read {self._samples / 16000:.0f} s of the turn's audio")
        self._waiting.append(samples)
        self._samples += len(samples)
        self._moved.set()

    def end(self) -> None:
        self._ended = True
        self._moved.set()

    def __aiter__(self) -> AsyncIterator[Audio]:
        return self

    async def __anext__(self) -> Audio:
        while not self._waiting:
            if self._ended:
                raise StopAsyncIteration
            self._moved.clear()
            await self._moved.wait()
        samples = self._waiting.popleft()
        self._samples -= len(samples)
        return samples


class _OwnSTTStream(StageStream[Transcript]):
    """A turn's recognition by the generator."""

    def __init__(self, name: str, agent: Agent, around: Surroundings) -> None:
        self._audio = audio = _TurnAudio()
        super().__init__("stt", name, lambda: agent.stt(audio), Transcript, around)

    def push(self, samples: Audio) -> None:
        self._audio.push(samples)

    def end(self) -> None:
        self._audio.end()
