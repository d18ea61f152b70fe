"""What a session works with: a pipeline of STT, LLM and TTS, or a speech-to-speech model in the place of all three; and
the machine and the hands that go with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from rtaudio.voice.absent import NoLLM, NoSTT, NoTTS
from rtaudio.voice.agent import Agent, AgentSettings
from rtaudio.voice.chat import ChatContext
from rtaudio.voice.checks import checked_agent, checked_providers
from rtaudio.voice.hands import Hands
from rtaudio.voice.hands_realtime import RealtimeHands
from rtaudio.voice.machine import Machine
from rtaudio.voice.machine_realtime import RealtimeMachine
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.protocols import LLM, STT, TTS
from rtaudio.voice.realtime import RealtimeModel, TurnsBy
from rtaudio.voice.task import Task


@dataclass(frozen=True, slots=True)
class RealtimeKind:
    """What a session's machine has to know of a speech-to-speech model. `speaks`: there is a TTS beside it."""

    turns: TurnsBy
    truncates: bool
    speaks: bool

    @classmethod
    def of(cls, model: RealtimeModel, *, speaks: bool) -> RealtimeKind:
        return cls(model.turns, model.truncates, speaks)


def machine_for(
    agent: Agent | AgentSettings,
    options: SessionOptions,
    port_rate: int,
    history: ChatContext | None,
    realtime: RealtimeKind | None,
) -> Machine:
    """The machine of a session, or of its replay."""
    if realtime is None:
        return Machine(agent, options, port_rate, history)
    if options.listening == "always":
        raise ValueError('session: listening="always" is for an STT; a speech-to-speech model hears as its `turns` say')
    options = replace(options, eager="off")  # it answers a turn that it has heard whole
    if not realtime.speaks:  # there is nobody to apologise
        options = replace(options, stt_failed_text=None, llm_failed_text=None)
    return RealtimeMachine(*(agent, options, port_rate, history), turns_by=realtime.turns, truncates=realtime.truncates)


class Cast:
    """Raises TypeError for providers that are missing or of no use."""

    def __init__(
        self, agent: Agent, stt: STT | None, llm: LLM | None, tts: TTS | None, realtime: RealtimeModel | None
    ) -> None:
        own = checked_agent(agent).providers
        if isinstance(agent, Task):
            kind = type(agent).__name__
            raise TypeError(
                f"session: {kind} is a task: give the agent that runs it, `await session.run_task({kind}())` in its "
                "on_enter, or in a tool"
            )
        checked_providers("session", stt, llm, tts)
        self._agent, self._realtime = agent, realtime
        self._speaks = tts is not None or own.tts is not None
        if realtime is None:
            missing = [
                kind
                for kind, given in (("stt", stt or own.stt), ("llm", llm or own.llm), ("tts", tts or own.tts))
                if given is None
            ]
            if missing:
                raise TypeError(f"session: {', '.join(missing)} missing; give stt, llm and tts, or a realtime model")
        else:
            if isinstance(realtime, type) or not hasattr(realtime, "turns"):
                made = f"; give an instance, {realtime.__name__}(...)" if isinstance(realtime, type) else ""
                raise TypeError(f"session: realtime = {realtime!r:.80} is no realtime model{made}")
            if stt or llm or own.stt or own.llm:
                raise TypeError("session: a realtime model hears and thinks by itself; give it no stt and no llm")
            if agent.greeting and not self._speaks:
                raise TypeError("session: the agent's greeting is said by a tts; give one beside the realtime model")
        self.stt: STT = stt or NoSTT()
        self.llm: LLM = llm or NoLLM()
        self.tts: TTS = tts or NoTTS()

    def machine(self, options: SessionOptions, port_rate: int, history: ChatContext | None) -> Machine:
        kind = RealtimeKind.of(self._realtime, speaks=self._speaks) if self._realtime is not None else None
        return machine_for(self._agent, options, port_rate, history, kind)

    def hands(self, *given: Any) -> Hands:
        return Hands(*given) if self._realtime is None else RealtimeHands(*given, model=self._realtime)
