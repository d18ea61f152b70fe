"""The user who is away: a timer on the media clock (laws 5 and 10; a line that stands still is not silence)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio.testing import FakeLLM, FakeSTT, SimulatedCaller, Simulation, run, speech
from rtaudio.voice import (
    Agent,
    AgentSpeechHeard,
    SessionOptions,
    SpeechEnded,
    SpeechStarted,
    StateChanged,
    TurnEnded,
    UserAway,
    UserBack,
)
from tests.voice.conversations import Cast, conversation

AWAY = SessionOptions(away_s=3.0)


def rests_at(sim: Simulation, before_s: float) -> float:
    """When the session last came to rest before that."""
    times = [e.at_s for e in sim.told(StateChanged) if e.state == "listening" and e.at_s < before_s]
    return times[-1]


def test_the_user_is_away_after_a_silence_of_both_sides() -> None:
    async def main() -> None:
        caller = SimulatedCaller(24000)
        caller.say(speech(1.0), at_s=0.5)
        async with conversation(Cast(), caller, options=AWAY) as sim:
            await sim.finish(idle_s=8.0)
        (away,) = sim.told(UserAway)
        assert away.times == 1
        assert away.at_s - rests_at(sim, away.at_s) == pytest.approx(3.0, abs=0.011), "to a tick of the line"
        (ended,) = sim.told(SpeechEnded)
        assert away.silent_for_s == pytest.approx(away.at_s - ended.ended_s)
        assert not sim.told(UserBack)

    run(main())


def test_a_session_in_which_nobody_ever_speaks_counts_from_its_start() -> None:
    async def main() -> None:
        async with conversation(Cast(), SimulatedCaller(24000), options=AWAY) as sim:
            await sim.advance(4.0)
        (away,) = sim.told(UserAway)
        assert away.at_s == pytest.approx(3.0, abs=0.03)
        assert away.silent_for_s == pytest.approx(away.at_s, abs=0.03)

    run(main())


def test_who_speaks_is_back_and_may_go_away_again() -> None:
    async def main() -> None:
        caller = SimulatedCaller(24000)
        caller.say(speech(1.0), at_s=5.0)
        async with conversation(Cast(), caller, options=AWAY) as sim:
            await sim.finish(idle_s=6.0)
        first, second = sim.told(UserAway)
        (back,) = sim.told(UserBack)
        assert (first.times, second.times) == (1, 1)
        assert first.at_s < back.at_s < second.at_s
        assert back.away_for_s == pytest.approx(5.0 - first.at_s, abs=0.1)

    run(main())


def test_an_agent_who_asks_into_the_silence_is_told_again() -> None:
    async def main() -> None:
        async with conversation(Cast(), SimulatedCaller(24000), options=AWAY) as sim:
            await sim.until(lambda: len(sim.told(UserAway)) == 1)
            sim.session.say("Are you still there?")
            await sim.until(lambda: len(sim.told(UserAway)) == 2)
            await sim.advance(10.0)
        heard = sim.told(AgentSpeechHeard)[0].at_s
        first, second = sim.told(UserAway)
        assert second.times == 2
        assert second.at_s - heard == pytest.approx(3.0, abs=0.011)
        assert second.silent_for_s == pytest.approx(second.at_s - (first.at_s - first.silent_for_s))

    run(main())


def test_while_somebody_speaks_or_thinks_nobody_is_away() -> None:
    async def main() -> None:
        caller = SimulatedCaller(24000)
        caller.say(speech(6.0), at_s=0.1)
        cast = Cast(stt=FakeSTT(["question"], final_after_s=4.0), llm=FakeLLM(["Answer."], first_after_s=4.0))
        async with conversation(cast, caller, options=AWAY) as sim:
            await sim.finish(idle_s=2.0)
        assert not sim.told(UserAway)

    run(main())


def test_a_blocked_event_loop_does_not_make_a_speaker_absent() -> None:
    """What the core heard comes before what time it is."""

    async def main() -> None:
        caller = SimulatedCaller(24000)
        caller.say(speech(3.0), at_s=2.0)
        async with conversation(Cast(), caller, options=AWAY) as sim:
            await sim.advance(1.0)
            sim.stall(3.5)  # the user begins to speak in it, and away_s passes
            await sim.finish(idle_s=1.0)
        assert not sim.told(UserAway)

    run(main())


def test_without_a_time_nobody_is_away() -> None:
    async def main() -> None:
        async with conversation(Cast(), SimulatedCaller(24000), options=SessionOptions(away_s=None)) as sim:
            await sim.advance(30.0)
        assert not sim.told(UserAway)

    run(main())


@settings(max_examples=20, deadline=None)
@given(
    cues=st.lists(st.tuples(st.integers(2, 12), st.integers(0, 60)), max_size=4),
    away=st.integers(10, 40),
    greeting=st.booleans(),
)
def test_it_is_told_exactly_when_the_silence_of_both_was_that_long(
    cues: list[tuple[int, int]], away: int, greeting: bool
) -> None:
    """Against the states and the speech that were told: no silence of `away_s` goes by untold, none is told early."""

    async def main() -> None:
        caller, at_s = SimulatedCaller(24000), 0.3
        for length, gap in cues:
            caller.say(speech(length / 10), at_s=at_s + gap / 10)
            at_s += length / 10 + gap / 10
        agent = Agent(greeting="Hello there." if greeting else None)
        cast = Cast(stt=FakeSTT(["word"] * 9), llm=FakeLLM(["Short answer."]))
        async with conversation(cast, caller, agent=agent, options=SessionOptions(away_s=away / 10)) as sim:
            await sim.finish(idle_s=5.0)
            end_s = sim.transport.elapsed_s
        told = [event.at_s for event in sim.told(UserAway)]
        # The agent also falls to listening when it is interrupted: while somebody has a turn, nobody rests.
        begun = [(e.at_s, 1) for e in sim.told(SpeechStarted)]
        ended = [(e.at_s, 0) for e in sim.told(TurnEnded)]

        def has_turn(at_s: float) -> bool:
            before = [(at, what) for at, what in begun + ended if at <= at_s]
            return bool(before) and max(before)[1] == 1

        told_states = sim.told(StateChanged)
        edges = [(0.0, True), *((e.at_s, e.state == "listening" and not has_turn(e.at_s)) for e in told_states)]
        edges = sorted([*edges, *((e.at_s, False) for e in sim.told(SpeechStarted))], key=lambda e: (e[0], not e[1]))
        rests = [(at, until) for (at, rests), (until, _) in pairwise([*edges, (end_s, False)]) if rests]
        expected = [at + away / 10 for at, until in rests if until - at >= away / 10]
        sure = [at + away / 10 for at, until in rests if until - at >= away / 10 + 0.03]
        assert len(sure) <= len(told) <= len(expected)
        assert all(any(abs(time - want) < 0.031 for want in expected) for time in told)

    run(main())
