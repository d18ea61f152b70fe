"""Law 9 over a network: the history is what was heard at the far end, by the far end's own account."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from rtaudio.testing import FakeTTS, Simulation, virtual_time
from rtaudio.voice import AgentSpeechInterrupted, AgentSpeechStarted
from rtaudio.voice.clock import now_ns
from tests.core.virtual_remote import MS, VirtualRemote
from tests.voice.conversations import LONG, Cast, caller_with, conversation
from tests.voice.test_barge_in import words_before


@asynccontextmanager
async def far_end(
    sim: Simulation, there_ms: int, back_ms: int, *, answers: bool = True
) -> AsyncIterator[VirtualRemote]:
    """Plays what the agent says."""
    outgoing = sim.port.outgoing()
    began = now_ns()
    remote = VirtualRemote(
        sim.port.rate, lambda _: there_ms * MS, lambda _: back_ms * MS, 100 if answers else 0, answers=answers
    )

    async def live() -> None:
        while True:
            await asyncio.sleep(0.01)
            at_ns = now_ns() - began
            remote.reports(sim.line, at_ns)
            remote.send(outgoing.read(), at_ns)
            remote.run(at_ns)

    task = asyncio.create_task(live())
    try:
        yield remote
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def interrupted(
    there_ms: int, back_ms: int, *, answers: bool = True, at_s: float = 1.5
) -> tuple[int, Simulation]:
    """A reply that the user speaks into: samples of it that the far end had played when it was told to stop."""
    cast = Cast(tts=FakeTTS(words=True))
    caller = caller_with({"at_s": 0.5}, {"after_agent_starts_s": at_s})
    async with (
        conversation(cast, caller, remote="clears") as sim,
        far_end(sim, there_ms, back_ms, answers=answers) as remote,
    ):
        events = sim.port.event_reader()
        await sim.finish()
        (begin, *_) = [event.out for event in events.read()[0] if event.kind == "segment_started"]
        heard = remote.cleared[0][1] - begin
        (cut,) = sim.told(AgentSpeechInterrupted)
        message = sim.session.history[1]
        clauses = [clause for clause in cast.tts.spoken if clause[0] in LONG]
        # Law 9, by the position that the session took: no more words and no fewer.
        assert message.text == cut.heard == words_before(cast.tts, LONG, clauses, round(cut.heard_for_s * 24000))
        assert f"{message.text} {message.unheard}" == LONG
        assert message.interrupted
        assert message.heard_bound_s == cut.bound_s
        assert sim.session.history[-1].text == "The second answer."
    return heard, sim


@pytest.mark.parametrize(("there_ms", "back_ms"), [(0, 0), (10, 10), (80, 80), (150, 20), (200, 200)])
def test_an_interrupted_message_ends_at_the_last_word_heard_there(there_ms: int, back_ms: int) -> None:
    heard, sim = virtual_time.run(interrupted(there_ms, back_ms))
    (cut,) = sim.told(AgentSpeechInterrupted)
    assert round(cut.heard_for_s * 24000) == heard, "to the sample"
    assert cut.bound_s == 0.0


def test_the_answer_may_come_late_but_the_next_turn_does_not() -> None:
    """A way back of 400 ms: the second answer is given as soon as without it."""
    begins = []
    for back_ms in (10, 400):
        _, sim = virtual_time.run(interrupted(20, back_ms))
        begins.append([event.at_s for event in sim.told(AgentSpeechStarted)][1])
    assert begins[0] == begins[1]


def test_a_remote_that_never_answers_leaves_its_bound() -> None:
    heard, sim = virtual_time.run(interrupted(20, 20, answers=False))
    (cut,) = sim.told(AgentSpeechInterrupted)
    assert abs(heard / 24000 - cut.heard_for_s) <= cut.bound_s
    assert cut.bound_s > 0.2, "the lead, at least"
