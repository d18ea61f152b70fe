"""Shortcuts for conversations with a speech-to-speech model, and what is expected of every one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np

from rtaudio.testing import FakeRealtime, FakeTTS, SimulatedCaller, Simulation
from rtaudio.testing.realtime_server import FakeItem
from rtaudio.voice import Agent


@asynccontextmanager
async def realtime_call(
    model: FakeRealtime, caller: SimulatedCaller | None = None, tts: FakeTTS | None = None, **settings: Any
) -> AsyncIterator[Simulation]:
    """A running simulation; when it is left, no rule of the server was broken and nothing is left behind."""
    agent = settings.pop("agent", Agent("Be brief."))
    if tts is not None:
        model.voice.numbered = 1 << 20  # samples of the two are told apart
    simulation = Simulation(agent, realtime=model, tts=tts, caller=caller, **settings)
    before = asyncio.all_tasks()
    async with simulation:
        yield simulation
    assert asyncio.all_tasks() == before, "every task of the session has ended"
    assert model.open == 0, "every connection is closed"
    assert tts is None or tts.open == 0
    assert model.broken == [], "no rule of a real server was broken"


def sounded(sim: Simulation, item: FakeItem) -> tuple[int, int]:
    """Of that message, in samples: how far it came unchanged, and how many the sink got, ducked, faded and repeated
    ones too: what is not silence from its first sample to the first of something else. Fakes number their samples, none
    of which is 0."""
    agent = sim.sink.agent
    numbers = np.round(agent.astype(np.float64) * 2**22).astype(np.int64) - 1
    whole = agent.astype(np.float64) * 2**22 == numbers + 1
    whole[1:] &= whole[:-1] & (np.diff(numbers) == 1)  # not by chance, in a fade
    of_item = (numbers >= item.first) & (numbers < item.first + item.samples)
    own, others = np.flatnonzero(whole & of_item), np.flatnonzero(whole & (numbers >= 0) & ~of_item)
    if not len(own):
        return 0, 0
    later = others[others > own[-1]]
    end = int(later[0]) if len(later) else len(agent)
    silent = np.flatnonzero(agent[own[-1] : end] == 0) + own[-1]
    if len(silent) and len(later):
        end = int(silent[-1])  # what comes next may begin with a fade
    return int(numbers[own].max()) + 1 - item.first, int(np.count_nonzero(agent[own[0] : end]))


def check_truncations(sim: Simulation, model: FakeRealtime) -> None:
    """Law 9 at the server: of each message it believes what was heard, in whole ms. What was ducked is seen in the
    upper bound only; the last samples of a fade may be 0, and are not seen."""
    rate = model.voice.rate
    for connection in model.connections:
        for item in connection.items:
            if item.heard_ms is not None:
                unchanged, count = sounded(sim, item)
                assert unchanged * 1000 // rate <= item.heard_ms <= (count + 2) * 1000 // rate
