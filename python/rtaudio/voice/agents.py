"""The agents of one session, by number: what is no plain data stays here, beside the machine.

The machine's items and effects name an agent by its number (so that a journal replays); hands, tools and session look
here for the object, and for what the agent *in charge* hears, thinks and speaks with, at the moment of use.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rtaudio.voice.absent import NoLLM
from rtaudio.voice.agent import Agent
from rtaudio.voice.checks import checked_agent
from rtaudio.voice.machine_telling import FIRST
from rtaudio.voice.protocols import LLM, STT, TTS, ProviderKind
from rtaudio.voice.word_finder import Pace

if TYPE_CHECKING:
    from rtaudio.voice.tools import Toolset


@dataclass(frozen=True, slots=True)
class KnownAgent:
    """An agent with all that it works with: its own providers, where it has none the session's."""

    number: int
    agent: Agent
    stt: STT
    llm: LLM
    tts: TTS
    tools: Toolset | None
    pace: Pace = field(default_factory=Pace)

    def providers(self) -> dict[ProviderKind, STT | LLM | TTS]:
        return {"stt": self.stt, "llm": self.llm, "tts": self.tts}


class Agents:
    """`first` is in charge; `stt`, `llm`, `tts` are the session's. Raises TypeError for what is no agent
    (`checks`), ToolDefinitionError for a tool that is none, ImportError without rtaudio[tools]."""

    def __init__(self, first: Agent, stt: STT, llm: LLM, tts: TTS) -> None:
        self._stt, self._llm, self._tts = stt, llm, tts
        self._only_tts: TTS | None = None
        self._known: dict[int, KnownAgent] = {}
        self._numbers = FIRST - 1
        self.in_charge = self.add(first)

    def add(self, agent: Agent) -> KnownAgent:
        """One that may be put in charge. Raises as the class does; TypeError for providers of its own that a
        speech-to-speech model leaves nothing to do."""
        own = checked_agent(agent).providers
        if isinstance(self._llm, NoLLM) and (own.stt or own.llm):
            raise TypeError(f"{agent.name} has an stt or llm of its own: the realtime model hears and thinks by itself")
        tools = _tools_of(agent)
        tts = self._only_tts or own.tts or self._tts
        pace = self._pace(tts)
        self._numbers += 1
        known = KnownAgent(self._numbers, agent, own.stt or self._stt, own.llm or self._llm, tts, tools, pace)
        self._known[known.number] = known
        return known

    def speak_with(self, tts: TTS) -> None:
        """From now on all that are there, and all that come, speak with that one, whatever they have of their own."""
        self._only_tts = tts
        self._known = {number: replace(known, tts=tts) for number, known in self._known.items()}
        self.in_charge = self._known[self.in_charge.number]

    def put_in_charge(self, number: int) -> KnownAgent:
        self.in_charge = self._known[number]
        return self.in_charge

    def forget(self, number: int) -> None:
        """It will not be put in charge again."""
        self._known.pop(number, None)

    def use(self, provider: object) -> bool:
        """It is the session's, or of an agent that is known."""
        own = (one for known in self._known.values() for one in known.providers().values())
        return any(provider is one for one in (self._stt, self._llm, self._tts, *own))

    def _pace(self, tts: TTS) -> Pace:
        """How fast that voice speaks, as learned so far."""
        return next((known.pace for known in self._known.values() if known.tts is tts), Pace())

    def __getitem__(self, number: int) -> KnownAgent:
        return self._known[number]


def _tools_of(agent: Agent) -> Toolset | None:
    if not (sources := agent.tool_sources()):
        return None
    from rtaudio.voice.tools import Toolset  # which loads pydantic

    return Toolset(*sources)
