"""One conversation: a port, an agent, providers, a history."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from rtaudio.voice.agent import Agent
from rtaudio.voice.chat import ChatContext, ChatMessage
from rtaudio.voice.events import State
from rtaudio.voice.observe import EventStream
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.protocols import LLM, STT, TTS

if TYPE_CHECKING:
    from rtaudio.core import AudioPort


class Session(Protocol):
    """Runs an agent on a port.

        async with Session(port, agent, stt=stt, llm=llm, tts=tts, wake=wake) as session:
            async for event in session.events():
                ...

    Entering starts it (providers warm up, the greeting is said), leaving closes it: every stream and task is gone then.
    The port, the wake-up and the providers belong to the caller, who closes them. All calls from the loop's thread.
    """

    def __init__(
        self,
        port: AudioPort,
        agent: Agent,
        *,
        stt: STT,
        llm: LLM,
        tts: TTS,
        options: SessionOptions | None = None,
        wake: Any = None,
        recorder: Callable[[object], None] | None = None,
        history: ChatContext | None = None,
    ) -> None:
        """`wake`: the rtaudio.Wake given to Engine.add for this port's line, or None where somebody else calls `take()`
        after each step of the engine (simulation). `recorder` sees every item and every effect, in order."""

    @property
    def history(self) -> ChatContext:
        """The conversation so far, as heard. A copy."""

    @property
    def state(self) -> State: ...

    def events(self, bound: int = 256) -> EventStream: ...

    def say(self, text: str) -> asyncio.Future[ChatMessage]:
        """Has the agent say `text`, after what it is saying. The future gives the message as it came into the history
        (with what was heard of it); it is cancelled if the session closes first."""

    def interrupt(self) -> None:
        """Stops what the agent is thinking or saying, at once. What was heard stays in the history."""

    def take(self) -> None:
        """Takes what the core has for the session: events, room, mic audio. Called by the wake-up, or by what drives
        the engine by hand."""

    async def aclose(self) -> None:
        """Idempotent; safe when cancelled."""

    async def __aenter__(self) -> Session: ...

    async def __aexit__(self, *exc: object) -> None: ...
