"""A session on a real port under a real engine, on virtual time."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS, SimulatedCaller, numbered, run, speech
from rtaudio.voice import (
    Agent,
    AgentSpeechHeard,
    AgentSpeechStarted,
    AudioLost,
    ChatContext,
    ChatMessage,
    ReplyText,
    Session,
    SessionClosed,
    SessionOptions,
    SpeechStarted,
    StateChanged,
    TranscriptUpdated,
    TurnEnded,
    TurnMetrics,
)
from tests.voice.conversations import LONG, Cast, caller_with, conversation


def test_a_turn_is_heard_answered_and_remembered() -> None:
    async def main() -> None:
        cast = Cast()
        async with conversation(cast, caller_with({"at_s": 0.5})) as sim:
            await sim.finish()
            history = sim.session.history
        assert [(m.role, m.text, m.interrupted) for m in history] == [
            ("user", "first question", False),
            ("assistant", LONG, False),
        ]
        assert [e.state for e in sim.told(StateChanged)] == ["thinking", "speaking", "listening"]
        assert [e.text for e in sim.told(AgentSpeechHeard)] == [LONG]
        assert [(e.text, e.final) for e in sim.told(TranscriptUpdated)] == [("first", False), ("first question", True)]
        assert isinstance(sim.events[-1], SessionClosed)
        assert sim.events[-1].reason == "closed"
        assert cast.llm.asked[0].instructions == "Be brief."
        assert [m.text for m in cast.llm.asked[0]] == ["first question"]

    run(main())


def test_a_reply_is_put_out_whole_in_order_and_once() -> None:
    """Every sample of every clause, from the first to the last, without a gap, a repetition or a change (laws 1, 6)."""

    async def main() -> None:
        cast = Cast()
        async with conversation(cast, caller_with({"at_s": 0.5})) as sim:
            await sim.finish()
        total = sum(count for _, _, count in cast.tts.spoken)
        agent = sim.sink.agent
        first = int(np.flatnonzero(agent)[0])
        assert np.array_equal(agent[first : first + total], numbered(0, total))
        assert not agent[first + total :].any()

    run(main())


def test_the_first_clause_sounds_before_the_reply_is_complete() -> None:
    async def main() -> None:
        cast = Cast(llm=FakeLLM([LONG], token_every_s=0.2))
        async with conversation(cast, caller_with({"at_s": 0.5})) as sim:
            await sim.finish()
        sounded = sim.told(AgentSpeechStarted)[0].at_s
        assert sounded < sim.told(ReplyText)[-1].at_s
        assert [e.text for e in sim.told(AgentSpeechHeard)] == [LONG]

    run(main())


def test_recognition_gets_exactly_the_audio_of_the_turn_with_its_pre_roll() -> None:
    async def main() -> None:
        cast = Cast()
        async with conversation(cast, caller_with({"at_s": 1.0}), options=SessionOptions(pre_roll_s=0.3)) as sim:
            mic = sim.port.mic(0)
            await sim.finish()
            heard = np.concatenate([mic.read()])
        ended = sim.told(TurnEnded)[0]
        began = sim.told(SpeechStarted)[0].began_s
        expected = heard[round((began - 0.3) * 16000) : round(ended.decided_s * 16000)]
        assert np.array_equal(cast.stt.heard[0], expected)

    run(main())


def test_latencies_are_told_step_by_step() -> None:
    """Each is the one before and what the fakes are set to; the rest is ticks of 10 ms and windows of 32 ms."""

    async def main() -> None:
        cast = Cast(
            stt=FakeSTT(["question"], final_after_s=0.25),
            llm=FakeLLM(["Yes, it is."], first_after_s=0.5, token_every_s=0.0),
            tts=FakeTTS(first_after_s=0.125),
        )
        async with conversation(cast, caller_with({"at_s": 0.5}), latency_s=0.05) as sim:
            await sim.finish()
        (told,) = sim.told(TurnMetrics)
        assert told.turn == told.reply == 1
        assert told.turn_decided_s is not None
        assert 0.6 <= told.turn_decided_s <= 0.6 + 0.032 + 0.01
        steps = (told.stt_final_s, told.first_token_s, told.first_clause_s, told.first_audio_s)
        waits = np.diff([told.turn_decided_s, *(step for step in steps if step is not None)])
        assert waits == pytest.approx([0.25, 0.5, 0.0, 0.125], abs=1e-6)
        assert told.first_audio_s is not None
        assert told.first_sample_s is not None
        assert told.heard_s is not None
        assert 0 <= told.first_sample_s - told.first_audio_s <= 0.02
        assert told.heard_s - told.first_sample_s == pytest.approx(0.05, abs=0.011)

    run(main())


def test_a_slow_turn_goes_on_while_the_agent_thinks() -> None:
    """Law 10: the reply begun is given up, both parts are one turn, it is answered once."""

    async def main() -> None:
        cast = Cast(llm=FakeLLM(["Never said.", "The answer."], first_after_s=1.0))
        async with conversation(cast, caller_with({"at_s": 0.5}, {"at_s": 2.5})) as sim:
            await sim.finish()
            history = sim.session.history
        assert [(m.role, m.text) for m in history] == [
            ("user", "first question second question"),
            ("assistant", "The answer."),
        ]
        assert (history[0].began_s, history[0].ended_s) == pytest.approx((0.5, 3.5), abs=0.05)

    run(main())


def test_a_turn_without_words_is_not_answered() -> None:
    async def main() -> None:
        cast = Cast(stt=FakeSTT([""]))
        async with conversation(cast, caller_with({"at_s": 0.5})) as sim:
            await sim.finish()
            assert sim.session.state == "listening"
            assert len(sim.session.history) == 0
        assert cast.llm.opened == 0

    run(main())


def test_the_greeting_is_said_and_say_gives_what_was_heard() -> None:
    async def main() -> None:
        async with conversation(Cast(), agent=Agent(greeting="Welcome.")) as sim:
            said = sim.session.say("And good day.")
            await sim.until(said.done)
            assert (await said).text == "And good day."
            assert [m.text for m in sim.session.history] == ["Welcome.", "And good day."]

    run(main())


def test_interrupt_stops_the_agent_and_keeps_what_was_heard() -> None:
    async def main() -> None:
        async with conversation(Cast()) as sim:
            said, later = sim.session.say(LONG), sim.session.say("Never said.")
            await sim.advance(1.5)
            sim.session.interrupt()
            await sim.advance(0.1)
            message = await said
            assert message.interrupted
            assert message.text
            assert f"{message.text} {message.unheard}" == LONG
            assert (await later).text == ""
            assert sim.session.history.messages == (message,)
            agent = sim.sink.agent
            assert not agent[-1200:].any()

    run(main())


def test_a_session_that_closes_says_what_was_heard_and_leaves_nothing() -> None:
    async def main() -> None:
        cast = Cast()
        async with conversation(cast, caller_with({"at_s": 0.5})) as sim:
            waiting = sim.session.say("This waits.")
            await sim.until(lambda: sim.session.state == "speaking" and sim.transport.elapsed_s > 4)
        assert waiting.done()
        message = sim.session.history[-1]
        assert message.role == "assistant"
        assert message.interrupted
        with pytest.raises(RuntimeError, match="not running"):
            sim.session.say("Too late.")

    run(main())


def test_a_port_that_closes_closes_the_session() -> None:
    async def main() -> None:
        cast = Cast()
        async with conversation(cast) as sim:
            await sim.advance(0.1)
            sim.port.close()
            sim.session.take()
            await sim.session.aclose()
            assert sim.session.closed
        assert [e.reason for e in sim.told(SessionClosed)] == ["the port was closed"]

    run(main())


def test_a_slow_observer_loses_the_oldest_events_and_knows_how_many() -> None:
    """Law 8."""

    async def main() -> None:
        async with conversation(Cast(), caller_with({"at_s": 0.5})) as sim:
            slow = sim.session.events(bound=3)
            await sim.finish()
        told = [event async for event in slow]
        assert told == sim.events[-3:]
        assert slow.dropped == len(sim.events) - 3

    run(main())


def test_two_runs_are_identical() -> None:
    """Law 5, on virtual time."""

    async def main() -> tuple[list[object], bytes]:
        items: list[object] = []
        caller = caller_with({"at_s": 0.5}, {"after_agent_starts_s": 1.2}, {"after_agent_stops_s": 0.7})
        async with conversation(Cast(), caller, recorder=items.append) as sim:
            await sim.finish()
        return items, sim.sink.agent.tobytes()

    assert run(main()) == run(main())


def test_a_session_goes_on_with_a_history() -> None:
    async def main() -> None:
        cast = Cast()
        before = ChatContext("", [ChatMessage("user", "Hi."), ChatMessage("assistant", "Hello.")])
        async with conversation(cast, caller_with({"at_s": 0.5}), history=before) as sim:
            await sim.finish()
        assert [m.text for m in cast.llm.asked[0]] == ["Hi.", "Hello.", "first question"]
        assert len(before) == 2

    run(main())


def test_a_long_reply_waits_for_room() -> None:
    """Back-pressure for writers of speech (law 8): nothing is lost when the queue is shorter than the reply."""

    async def main() -> None:
        from rtaudio.core import AudioPort

        tts = FakeTTS()
        text = " ".join(f"word{number} and so on." for number in range(20))
        async with conversation(Cast(tts=tts), port=AudioPort(24000, queue_s=1.0)) as sim:
            said = sim.session.say(text)
            await sim.until(said.done)
        assert (await said).text == text
        total = sum(count for _, _, count in tts.spoken)
        agent = sim.sink.agent
        first = int(np.flatnonzero(agent)[0])
        assert np.array_equal(agent[first : first + total], numbered(0, total))

    run(main())


def test_calls_outside_its_life_are_refused() -> None:
    async def main() -> None:
        async with conversation(Cast()) as sim:
            with pytest.raises(ValueError, match="nothing to speak"):
                sim.session.say("...")
            with pytest.raises(RuntimeError, match="runs once"):
                await sim.session.__aenter__()
            for _ in range(17):
                sim.session.say("More.")
            with pytest.raises(BufferError, match="wait to be said"):
                sim.session.say("Too much.")

    run(main())


def test_a_long_conversation_runs_to_its_end() -> None:
    """Six questions, greeting and answers, each said when the agent has stopped."""

    async def main() -> None:
        caller = SimulatedCaller(24000)
        for _ in range(6):
            caller.say(speech(1.0), after_agent_stops_s=0.8)
        texts = [f"question {number}" for number in range(6)]
        async with conversation(Cast(stt=FakeSTT(texts)), caller, agent=Agent(greeting="Hello.")) as sim:
            await sim.finish()
            assert sim.transport.elapsed_s > 30
            assert [m.text for m in sim.session.history if m.role == "user"] == texts

    run(main())


def test_a_session_reads_what_a_running_engine_has_for_it_through_the_wake_up() -> None:
    """On an ordinary loop: the engine's own thread, one descriptor, no polling."""
    from rtaudio.core import AudioPort, Engine, Wake

    async def main() -> None:
        cast, wake = Cast(tts=FakeTTS(char_s=0.01, first_after_s=0)), Wake()
        engine, port = Engine(), AudioPort(24000)
        line = engine.add(port, wake=wake)
        engine.start()
        try:
            async with Session(port, Agent(), stt=cast.stt, llm=cast.llm, tts=cast.tts, wake=wake) as session:
                message = await asyncio.wait_for(session.say("Hello there."), 10)
            assert message.text == "Hello there."
        finally:
            engine.stop()
            engine.remove(line)
            port.close()
            wake.close()

    asyncio.run(main())


def test_the_sink_keeps_both_sides_aligned() -> None:
    """The caller's clip is in the left channel where the caller spoke, the agent's in the right where it sounded."""

    async def main() -> None:
        async with conversation(Cast(), caller_with({"at_s": 0.5})) as sim:
            await sim.finish()
        stereo = sim.sink.stereo()
        (begin, end) = sim.caller.spoken[0]
        assert np.array_equal(stereo[begin:end, 0], speech(1.0))
        sounded = np.flatnonzero(stereo[:, 1])[0] / 24000
        assert sounded == pytest.approx(sim.told(AgentSpeechStarted)[0].at_s - 0.01, abs=0.011)

    run(main())


def test_speech_that_was_overwritten_before_it_was_recognised_is_counted() -> None:
    """Laws 8 and 11: a stall longer than the mic's history loses audio, and says how much."""

    async def main() -> None:
        async with conversation(Cast(), caller_with({"at_s": 0.5}, clip_s=40.0)) as sim:
            await sim.advance(1.0)
            sim.stall(38.0)
            await sim.finish()
            texts = [m.text for m in sim.session.history]
        lost = sum(event.lost_for_s for event in sim.told(AudioLost))
        assert 38.0 - 2**19 / 16000 - 0.1 <= lost < 38.0
        assert texts == ["first question", LONG]

    run(main())


def test_the_agent_in_charge_works_with_its_own_providers_and_is_there_to_be_asked_for() -> None:
    async def main() -> None:
        mine = Cast(stt=FakeSTT(["mine"]), llm=FakeLLM(["My answer."]))
        agent = Agent("Be brief.", stt=mine.stt, llm=mine.llm, tts=mine.tts)
        session_has = Cast()
        async with conversation(session_has, caller_with({"at_s": 0.3}), agent=agent) as sim:
            assert sim.session.agent is agent
            assert (mine.stt.warm, mine.llm.warm, mine.tts.warm) == (True, True, True)
            await sim.finish()
        assert [message.text for message in sim.session.history] == ["mine", "My answer."]
        assert (mine.stt.opened, mine.llm.opened, mine.tts.opened) == (1, 1, 1)
        assert (session_has.stt.opened, session_has.llm.opened, session_has.tts.opened) == (0, 0, 0)

    run(main())
