"""Any conversation, whatever its timing: drawn callers, latencies, stalls and failures on the real core."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio.testing import Failure, FakeLLM, FakeSTT, FakeTTS, SimulatedCaller, run, speech
from rtaudio.voice import (
    Agent,
    AgentSpeechInterrupted,
    AgentSpeechStarted,
    Backchannel,
    BargeIn,
    Interruption,
    SessionClosed,
    SessionOptions,
    TranscriptUpdated,
    UserAway,
)
from rtaudio.voice.policies import INTERRUPTIONS
from tests.voice.conversations import LONG, Cast, conversation

QUICK = SessionOptions(
    stt_final_timeout_s=1.0,
    llm_first_timeout_s=1.0,
    llm_next_timeout_s=1.0,
    tts_first_timeout_s=1.0,
    tts_next_timeout_s=1.0,
    close_timeout_s=0.3,
)
TENTHS = st.integers(0, 30).map(lambda tenths: tenths / 10)
CUES = st.lists(
    st.tuples(st.integers(1, 15).map(lambda tenths: tenths / 10), st.sampled_from(["starts", "stops", "at"]), TENTHS),
    min_size=1,
    max_size=5,
)
WAITS = st.sampled_from([0.0, 0.05, 0.3, 0.9])
FAILURES = st.none() | st.builds(
    Failure,
    st.sampled_from(["raise_at_open", "raise", "hang", "nothing", "raise_on_close", "hang_on_close"]),
    after=st.integers(0, 3),
    streams=st.integers(1, 2),
    first=st.integers(0, 2),
)


def script(cues: list[tuple[float, str, float]]) -> SimulatedCaller:
    """Cues that always come: a start or stop of the agent that may never happen is waited for with a time instead."""
    caller, at_s = SimulatedCaller(24000), 0.3
    for length_s, kind, delay_s in cues:
        if kind == "at" or caller.done:
            caller.say(speech(length_s), at_s=at_s + delay_s)
        elif kind == "starts":
            caller.say(speech(length_s), after_agent_starts_s=delay_s)
        else:
            caller.say(speech(length_s), after_agent_stops_s=delay_s)
        at_s += length_s + delay_s
    return caller


@settings(max_examples=40, deadline=None)
@given(cues=CUES, stt_s=WAITS, llm_s=WAITS, tts_s=WAITS, latency_s=WAITS, stall=st.none() | st.tuples(TENTHS, TENTHS))
def test_every_turn_is_in_the_history_once_and_in_order(
    cues: list[tuple[float, str, float]],
    stt_s: float,
    llm_s: float,
    tts_s: float,
    latency_s: float,
    stall: tuple[float, float] | None,
) -> None:
    """Law 10, and law 1 at the end: the account of the port holds, and the agent is silent when it does not speak."""

    async def main() -> None:
        cast = Cast(
            stt=FakeSTT([f"turn{number}" for number in range(20)], final_after_s=stt_s),
            llm=FakeLLM([LONG, "Short."], first_after_s=llm_s),
            tts=FakeTTS(first_after_s=tts_s, char_s=0.03),
        )
        async with conversation(cast, script(cues), latency_s=latency_s, agent=Agent(greeting="Hello there.")) as sim:
            if stall is not None:
                await sim.advance(0.3 + stall[0])
                sim.stall(stall[1])
            try:
                await sim.finish(limit_s=90)
            except TimeoutError:  # a cue that waits for an agent who has nothing more to say
                assert not sim.caller.done
            history = sim.session.history
            assert sim.session.state == "listening"
            ledger = sim.port.playout.ledger()
            assert ledger.written + ledger.replayed == ledger.played + ledger.queued + ledger.dropped
            assert ledger.queued == 0
            assert not sim.sink.agent[-24000:].any()
        finals = {event.turn: event.text for event in sim.told(TranscriptUpdated) if event.final}
        said = [word for message in history if message.role == "user" for word in message.text.split()]
        assert said == " ".join(text for _, text in sorted(finals.items())).split()
        assert len(sim.told(AgentSpeechStarted)) == len({event.reply for event in sim.told(AgentSpeechStarted)})
        roles = [message.role for message in history]
        answers = sum(role == "assistant" for role in roles)
        assert answers <= len(finals) + 1, "at most one answer a turn, and the greeting"

    run(main())


@settings(max_examples=40, deadline=None)
@given(cues=CUES, failures=st.tuples(FAILURES, FAILURES, FAILURES))
def test_whatever_fails_the_session_listens_again_and_leaves_nothing(
    cues: list[tuple[float, str, float]], failures: tuple[Any, Any, Any]
) -> None:
    """Law 11. What is checked of tasks and streams is in `conversation`."""

    async def main() -> None:
        stt, llm, tts = failures
        cast = Cast(
            stt=FakeSTT([f"turn{number}" for number in range(20)], failure=stt),
            llm=FakeLLM([LONG, "Short."], failure=llm),
            tts=FakeTTS(char_s=0.03, failure=tts),
        )
        async with conversation(cast, script(cues), options=QUICK) as sim:
            try:
                await sim.finish(limit_s=60)
            except TimeoutError:
                assert not sim.caller.done
            assert sim.session.state == "listening"
            assert not np.flatnonzero(sim.sink.agent[-2400:]).any()

    run(main())


@settings(max_examples=40, deadline=None)
@given(
    cues=CUES,
    words=st.lists(st.sampled_from(["mhm", "yeah", "stop", "when", "and why"]), min_size=8, max_size=8),
    policy=st.sampled_from(INTERRUPTIONS),
    greeting=st.sampled_from([None, *INTERRUPTIONS]),
    stt_s=WAITS,
    tts_s=WAITS,
)
def test_under_every_policy_each_turn_is_answered_or_was_no_more_than_listening(
    cues: list[tuple[float, str, float]],
    words: list[str],
    policy: Interruption,
    greeting: Interruption | None,
    stt_s: float,
    tts_s: float,
) -> None:
    """Law 10: whatever may not be interrupted is heard whole, and what was said meanwhile is not lost."""

    async def main() -> None:
        cast = Cast(
            stt=FakeSTT([f"{word} {number}" if word == "when" else word for number, word in enumerate(words)] * 3),
            llm=FakeLLM([LONG, "Short."]),
            tts=FakeTTS(char_s=0.03, first_after_s=tts_s),
        )
        cast.stt.final_after_s = stt_s
        agent = Agent(greeting="Hello there. It is good of you to call.", greeting_interruption=greeting)
        options = SessionOptions(interruption=policy, away_s=1.0)
        async with conversation(cast, script(cues), agent=agent, options=options) as sim:
            try:
                await sim.finish(limit_s=90)
            except TimeoutError:  # a cue that waits for an agent who has nothing more to say
                assert not sim.caller.done
            history = sim.session.history
            assert sim.session.state == "listening"
        finals = {event.turn: event.text for event in sim.told(TranscriptUpdated) if event.final}
        said = " ".join(message.text for message in history if message.role == "user")
        assert said == " ".join(text for _, text in sorted(finals.items()) if text)
        marked = [message.text for message in history if message.backchannel]
        assert marked == [event.text for event in sim.told(Backchannel)]
        assert not [text for text in marked if "stop" in text]
        # One of which nothing was heard was given up for a turn that went on.
        cut = {event.reply for event in sim.told(AgentSpeechInterrupted) if event.heard}
        uncut = {"off", "duck_only", "pause"}
        if policy in uncut:
            assert cut <= {1}, "only the greeting, by its own policy"
        if (greeting or policy) in uncut:
            assert 1 not in cut
            assert history[0].text == agent.greeting
        for away in sim.told(UserAway):
            assert away.silent_for_s >= 0.99

    run(main())


ACTS = st.lists(
    st.tuples(TENTHS, st.sampled_from(["say", "say off", "interrupt", "stall"])),
    max_size=4,
)


@settings(max_examples=40, deadline=None)
@given(
    cues=CUES,
    acts=ACTS,
    words=st.lists(st.sampled_from(["mhm", "stop", "when", "and why"]), min_size=8, max_size=8),
    policy=st.sampled_from(INTERRUPTIONS),
    failures=st.tuples(FAILURES, FAILURES, FAILURES),
    waits=st.tuples(WAITS, WAITS, WAITS, WAITS),
    closes=st.booleans(),
)
def test_whatever_the_program_does_meanwhile_no_words_are_lost_and_every_say_comes_to_its_end(
    cues: list[tuple[float, str, float]],
    acts: list[tuple[float, str]],
    words: list[str],
    policy: Interruption,
    failures: tuple[Any, Any, Any],
    waits: tuple[float, float, float, float],
    closes: bool,
) -> None:
    """Laws 9, 10 and 11: say, interrupt, stalls, failures, resumed turns, policies, and a close in mid-conversation."""

    async def main() -> None:
        stt, llm, tts = failures
        stt_s, llm_s, tts_s, latency_s = waits
        cast = Cast(
            stt=FakeSTT(words * 4, failure=stt, final_after_s=stt_s),
            llm=FakeLLM([LONG, "Short."], failure=llm, first_after_s=llm_s),
            tts=FakeTTS(char_s=0.03, failure=tts, first_after_s=tts_s),
        )
        said = []
        options = replace(QUICK, interruption=policy)
        interrupted = False
        async with conversation(cast, script(cues), options=options, latency_s=latency_s) as sim:
            for after_s, act in acts:
                await sim.advance(after_s)
                if act == "interrupt":
                    interrupted = True
                    sim.session.interrupt()
                elif act == "stall":
                    sim.stall(0.7)
                else:
                    text = "One moment, please. It is on its way."
                    said.append(sim.session.say(text, interruption="off" if act == "say off" else None))
            if not closes:
                try:
                    await sim.finish(limit_s=60)
                except TimeoutError:
                    assert not sim.caller.done
                assert sim.session.state == "listening"
                assert all(handle.done() and handle.message is not None for handle in said)
        assert all(handle.done() for handle in said), "closing leaves nobody waiting"
        for handle in said:
            if (message := handle.message) is not None:
                assert f"{message.text} {message.unheard}".split() == text.split()
                assert not message.text or message in list(sim.session.history)
        finals = [event for event in sim.told(TranscriptUpdated) if event.final]
        understood = " ".join(
            event.text
            for number, event in enumerate(finals)
            if event.turn not in {e.turn for e in finals[number + 1 :]}
        )
        user = [message for message in sim.session.history if message.role == "user"]
        heard = " ".join(message.text for message in user)
        assert [word for word in understood.split() if word not in heard.split()] == []
        if not (closes or interrupted or stt or llm or tts) and user:
            let_go = any(event.state in ("false", "backchannel") for event in sim.told(BargeIn))
            last = sim.session.history[-1]
            assert last.role == "assistant" or last.backchannel or let_go, "the last that was said was answered"
        assert isinstance(sim.events[-1], SessionClosed), "nothing is told after the close"
        assert sum(isinstance(event, SessionClosed) for event in sim.events) == 1

    run(main())
