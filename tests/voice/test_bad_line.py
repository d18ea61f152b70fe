"""Conversations over a network line that stalls. Law 10: no turn is lost, and none is answered twice."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from rtaudio.testing import FakeLLM, FakeSTT, SimulatedCaller, Simulation, run, speech
from rtaudio.voice import (
    AgentSpeechHeard,
    AgentSpeechInterrupted,
    LinkBack,
    LinkLost,
    SessionOptions,
    TurnEnded,
    UserAway,
)
from tests.voice.conversations import Cast, conversation


class BadLine(SimulatedCaller):
    """What is said between the two times comes at the second, at once."""

    def __init__(self, from_s: float, to_s: float) -> None:
        super().__init__(24000)
        self.stall = (round(from_s * 24000), round(to_s * 24000))
        self.held: list[NDArray[np.float32]] = []

    def read(self, count: int) -> NDArray[np.float32]:
        at, said = self.position, super().read(count)
        self.held.append(said)
        if self.stall[0] <= at < self.stall[1]:
            return said[:0]
        came, self.held = np.concatenate(self.held), []
        return came


def answers(sim: Simulation) -> list[str]:
    return [message.text for message in sim.session.history.messages if message.role == "user"]


@pytest.mark.parametrize("from_s", [0.8, 1.2, 1.6, 2.0])
def test_a_stall_in_a_sentence_ends_no_turn_and_its_words_are_answered_once(from_s: float) -> None:
    """Before, in and after a pause within the sentence, and at its end."""

    async def main() -> None:
        caller = BadLine(from_s, from_s + 3.0)
        caller.say(np.concatenate([speech(0.8), np.zeros(6000, np.float32), speech(0.8)]), at_s=0.5)
        cast = Cast(llm=FakeLLM(["One answer."]), stt=FakeSTT(["a question with a pause"]))
        async with conversation(cast, caller, kind="network") as sim:
            await sim.finish(idle_s=6.0)
        assert len(sim.told(TurnEnded)) == 1
        assert answers(sim) == ["a question with a pause"]
        assert [event.text for event in sim.told(AgentSpeechHeard)] == ["One answer."]
        assert not sim.told(LinkLost)

    run(main())


def test_a_lost_link_is_told_and_changes_nothing_else() -> None:
    async def main() -> None:
        caller = BadLine(1.2, 10.0)
        caller.say(speech(1.5), at_s=0.5)
        cast = Cast(llm=FakeLLM(["One answer."]), stt=FakeSTT(["a question"]))
        async with conversation(cast, caller, kind="network", options=SessionOptions(away_s=3.0)) as sim:
            await sim.until(lambda: bool(sim.told(LinkLost)))
            assert sim.session.state == "listening"
            assert not sim.told(TurnEnded)
            await sim.until(lambda: bool(sim.told(AgentSpeechHeard)))
            assert not sim.told(UserAway), "media time stood still"
        (lost,), (back,) = sim.told(LinkLost), sim.told(LinkBack)
        assert lost.without_for_s == pytest.approx(5.0)
        assert back.without_for_s == pytest.approx(8.8, abs=0.02)
        assert answers(sim) == ["a question"]
        assert len(sim.told(TurnEnded)) == 1

    run(main())


def test_who_interrupts_in_a_stall_is_heard_after_it() -> None:
    async def main() -> None:
        caller = BadLine(4.0, 6.5)
        caller.say(speech(1.0), at_s=0.5)
        caller.say(speech(1.0), at_s=4.5)
        async with conversation(Cast(), caller, kind="network") as sim:
            await sim.finish(idle_s=6.0)
        (cut,) = sim.told(AgentSpeechInterrupted)
        assert cut.reply == 1
        assert answers(sim) == ["first question", "second question"]
        assert len(sim.told(TurnEnded)) == 2

    run(main())
