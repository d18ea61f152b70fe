"""Shortcuts for conversations of the tests: a simulation with fakes, and what is expected of every one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS, SimulatedCaller, Simulation, speech
from rtaudio.voice import Agent

LONG = "This is a long reply, with many words in it. It goes on and on, until somebody stops it. Or it ends."


@dataclass
class Cast:
    """The providers of a conversation; fakes with set answers unless given."""

    stt: FakeSTT = field(default_factory=lambda: FakeSTT(["first question", "second question", "third question"]))
    llm: FakeLLM = field(default_factory=lambda: FakeLLM([LONG, "The second answer.", "The third answer."]))
    tts: FakeTTS = field(default_factory=FakeTTS)


def caller_with(*cues: dict[str, float], clip_s: float = 1.0) -> SimulatedCaller:
    caller = SimulatedCaller(24000)
    for cue in cues:
        caller.say(speech(clip_s), **cue)
    return caller


@asynccontextmanager
async def conversation(cast: Cast, caller: SimulatedCaller | None = None, **settings: Any) -> AsyncIterator[Simulation]:
    """A running simulation; when it is left, nothing may be left behind."""
    agent = settings.pop("agent", Agent("Be brief."))
    simulation = Simulation(agent, stt=cast.stt, llm=cast.llm, tts=cast.tts, caller=caller, **settings)
    before = asyncio.all_tasks()
    async with simulation:
        yield simulation
    assert asyncio.all_tasks() == before, "every task of the session has ended"
    assert (cast.stt.open, cast.llm.open, cast.tts.open) == (0, 0, 0), "every stream is closed"
