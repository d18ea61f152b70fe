"""Sessions on a speech-to-speech model: turns, answers, interruptions, tools, history, and what the model is told."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import numpy as np
import pytest

from rtaudio.core import AudioPort
from rtaudio.testing import Failure, FakeLLM, FakeRealtime, FakeSTT, FakeTTS, SimulatedCaller, Simulation, run, speech
from rtaudio.voice import (
    Agent,
    AgentSpeechInterrupted,
    AgentSpeechStarted,
    BargeIn,
    ProviderFailed,
    ReplyText,
    Session,
    SessionOptions,
    Task,
    TranscriptUpdated,
    TurnEnded,
    TurnRecord,
)
from rtaudio.voice.machine_realtime import RealtimeMachine
from rtaudio.voice.protocols import ToolCall
from rtaudio.voice.tools import ToolContext, tool
from tests.voice.conversations import LONG, caller_with
from tests.voice.realtime_calls import check_truncations, realtime_call, sounded

BOTH = pytest.mark.parametrize("turns", ["local", "server"])
TurnsBy = Literal["local", "server"]
CALL = ToolCall("call_1", "book", '{"guests": 3}')
QUICK = SessionOptions(llm_first_timeout_s=1.0, llm_next_timeout_s=1.0, stt_final_timeout_s=1.0, close_timeout_s=0.3)


def texts(sim: Simulation) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in sim.session.history]


@BOTH
def test_a_turn_is_heard_answered_and_remembered(turns: TurnsBy) -> None:
    whole = "We open at nine."

    async def main() -> None:
        model = FakeRealtime([whole], ["when"], turns=turns)
        async with realtime_call(model, caller_with({"at_s": 0.5})) as sim:
            await sim.finish()
            assert texts(sim) == [("user", "when"), ("assistant", whole)]
            assert sounded(sim, model.connections[0].items[1]) == (23040, 23040), "every sample, once"
            assert [event.turn for event in sim.told(TurnEnded)] == [1]
            (record,) = sim.told(TurnRecord)
            assert (record.prompt_tokens, record.completion_tokens) == (100, 20)
            said = sim.told(ReplyText)
            assert all(whole[event.text_offset :].startswith(event.text) for event in said)

    run(main())


def test_local_turns_give_the_model_the_turn_from_before_its_first_word_and_nothing_else() -> None:
    """Law 10: no gap from the pre-roll on. The port's microphone is what the model got, sample for sample."""

    async def main() -> None:
        model = FakeRealtime(["Yes."], ["one", "two"])
        caller = caller_with({"at_s": 0.5}, {"after_agent_stops_s": 1.0})
        async with realtime_call(model, caller) as sim:
            ring = sim.port.mic(0)
            await sim.finish()
            mic = ring.read()
            got, at = model.connections[0].audio, 0
            for event in sim.told(TurnEnded):
                began = next(m.began_s for m in sim.session.history if m.role == "user" and m.ended_s == event.ended_s)
                start, until = round((began - 0.3) * 16000), round(event.decided_s * 16000)
                assert np.array_equal(got[at : at + until - start], mic[start:until])
                at += until - start
            assert at == len(got)

    run(main())


def test_server_turns_give_the_model_all_that_is_heard() -> None:
    async def main() -> None:
        model = FakeRealtime(["Yes."], ["one", "two"], turns="server")
        caller = caller_with({"at_s": 0.5}, {"after_agent_starts_s": 0.1})
        async with realtime_call(model, caller) as sim:
            ring = sim.port.mic(0)
            await sim.finish()
            got = model.connections[0].audio
            assert np.array_equal(got, ring.read()[: len(got)])
            assert len(got) == sim.port.mic_written

    run(main())


def test_words_that_come_after_the_answer_stand_before_it() -> None:
    async def main() -> None:
        model = FakeRealtime(["First.", "Second."], ["one", "two"], transcript_after_s=3.0)
        caller = caller_with({"at_s": 0.5}, {"after_agent_stops_s": 0.2})
        async with realtime_call(model, caller) as sim:
            await sim.finish(idle_s=4.0)
            assert texts(sim) == [("user", "one"), ("assistant", "First."), ("user", "two"), ("assistant", "Second.")]
            first_words = next(event.at_s for event in sim.told(TranscriptUpdated))
            assert first_words > sim.told(AgentSpeechStarted)[0].at_s

    run(main())


@BOTH
@pytest.mark.parametrize("after_s", [0.3, 0.77, 1.5, 2.613, 4.0])
def test_the_model_is_told_to_the_sample_what_was_heard_of_an_answer_that_was_stopped(
    turns: TurnsBy, after_s: float
) -> None:
    """Law 9: the position is that of the last sample the sink got, of the fade too, in whole ms."""

    async def main() -> None:
        model = FakeRealtime([LONG], ["when"], turns=turns)
        async with realtime_call(model, caller_with({"at_s": 0.5})) as sim:
            await sim.until(lambda: sim.session.state == "speaking")
            await sim.advance(after_s)
            sim.session.interrupt()
            await sim.finish()
            (cut,) = sim.told(AgentSpeechInterrupted)
        item = next(item for item in model.connections[0].items if item.role == "assistant")
        _, count = sounded(sim, item)
        assert item.heard_ms in {(count + unseen) * 1000 // 24000 for unseen in (0, 1)}
        assert item.heard_ms == int(cut.heard_for_s * 1000 + 1e-6)
        words = [at for at in range(len(LONG)) if at == 0 or LONG[at - 1] == " "]
        middles = [(at + end) / 2 * 0.06 for at, end in zip(words, [*words[1:], len(LONG)], strict=True)]
        heard = sum(middle < cut.heard_for_s for middle in middles)
        assert abs(len(cut.heard.split()) - heard) <= 1, "words are found by their sound, of which a fake has none"

    run(main())


@BOTH
def test_with_word_times_the_message_holds_exactly_the_words_heard(turns: TurnsBy) -> None:
    """Law 9."""

    async def main() -> None:
        model = FakeRealtime([LONG, "Sure."], ["when", "stop"], turns=turns, words=True)
        caller = caller_with({"at_s": 0.5}, {"after_agent_starts_s": 1.7})
        async with realtime_call(model, caller) as sim:
            await sim.finish()
            (cut,) = sim.told(AgentSpeechInterrupted)
            words = [at for at in range(len(LONG)) if at == 0 or LONG[at - 1] == " "]
            ends = [*words[1:], len(LONG)]
            heard = [LONG[at:end] for at, end in zip(words, ends, strict=True) if (at + end) * 0.03 < cut.heard_for_s]
            assert cut.heard == "".join(heard).strip()
            assert f"{cut.heard} {cut.cut}" == LONG
            roles = [message.role for message in sim.session.history]
            assert roles == ["user", "assistant", "user", "assistant"]
            check_truncations(sim, model)

    run(main())


def test_an_answer_of_which_nothing_was_heard_is_taken_back_and_the_whole_turn_answered_once() -> None:
    """Law 10."""

    async def main() -> None:
        model = FakeRealtime([LONG, "Both."], ["one", "two"], first_after_s=0.6)
        caller = SimulatedCaller(24000)
        caller.say(speech(1.0), at_s=0.5)
        caller.say(speech(1.0), at_s=2.25)  # after the first turn's end, before a sound
        async with realtime_call(model, caller) as sim:
            await sim.finish()
            assert texts(sim) == [("user", "one two"), ("assistant", "Both.")]
            assert len(sim.told(AgentSpeechStarted)) == 1
        done = [what[0] for what in model.connections[0].did]
        assert done == ["commit", "respond", "cancel", "commit", "respond"]

    run(main())


def test_messages_of_which_nothing_was_heard_are_deleted() -> None:
    async def main() -> None:
        model = FakeRealtime([LONG, "Sure."], ["one", "two"], words=True)
        async with realtime_call(model, caller_with({"at_s": 0.5})) as sim:
            await sim.until(lambda: sim.session.state == "speaking")
            sim.session.interrupt()
            await sim.finish()
            assert texts(sim) == [("user", "one")]
        assert [item.role for item in model.connections[0].deleted] == ["assistant"]

    run(main())


def test_a_cough_while_the_agent_speaks_stops_nothing_and_asks_for_no_answer() -> None:
    async def main() -> None:
        model = FakeRealtime([LONG], ["when", "mhm"])
        caller = SimulatedCaller(24000)
        caller.say(speech(1.0), at_s=0.5)
        caller.say(speech(0.25), after_agent_starts_s=1.0)
        async with realtime_call(model, caller) as sim:
            await sim.finish()
            assert {"false", "backchannel"} & {event.state for event in sim.told(BargeIn)}
            assert texts(sim) == [("user", "when"), ("assistant", LONG), ("user", "mhm")]
        done = [what[0] for what in model.connections[0].did]
        assert done == ["commit", "respond", "commit"], "the model hears it, and is not asked"

    run(main())


def test_a_server_that_takes_the_turn_confirms_what_the_core_would_have_let_go() -> None:
    """The rule of server turns: whoever says so first."""

    async def main() -> None:
        model = FakeRealtime([LONG, "Yes?"], ["when", "hm"], turns="server", silence_s=0.2)
        caller = SimulatedCaller(24000)
        caller.say(speech(1.0), at_s=0.5)
        caller.say(speech(0.25), after_agent_starts_s=2.5)
        async with realtime_call(model, caller) as sim:
            await sim.finish()
            assert "confirmed" not in {event.state for event in sim.told(BargeIn)}
            assert len(sim.told(AgentSpeechInterrupted)) == 1
            assert texts(sim)[-2:] == [("user", "hm"), ("assistant", "Yes?")]
            check_truncations(sim, model)

    run(main())


@tool
async def book(guests: int) -> str:
    """Books a table.

    Args:
        guests: How many.
    """
    await asyncio.sleep(0.5)
    return f"booked for {guests}"


@BOTH
def test_tools_run_while_the_answer_is_spoken_and_their_results_are_given_back(turns: TurnsBy) -> None:
    async def main() -> None:
        model = FakeRealtime([["One moment.", CALL], "It is booked."], ["a table"], turns=turns)
        async with realtime_call(model, caller_with({"at_s": 0.5}), agent=Agent(tools=[book])) as sim:
            await sim.finish()
            assert texts(sim) == [("user", "a table"), ("assistant", "One moment."), ("assistant", "It is booked.")]
            (use,) = sim.session.history[1].tools
            assert (use.id, use.output) == ("call_1", "booked for 3")
        server = model.connections[0]
        assert [spec.name for spec in server.tools] == ["book"]
        assert ("tool_result", "call_1", "booked for 3", False) in server.did
        assert server.open_calls == []

    run(main())


def test_calls_of_an_answer_that_was_given_up_get_a_result_and_are_not_run() -> None:
    async def main() -> None:
        ran: list[int] = []

        @tool
        async def note(guests: int) -> str:
            """Notes.

            Args:
                guests: How many.
            """
            ran.append(guests)
            return "done"

        calls = [ToolCall(f"call_{number}", "note", '{"guests": 1}') for number in range(4)]
        model = FakeRealtime([calls, "Well."], ["one", "two"], piece_every_s=0.4)
        async with realtime_call(model, caller_with({"at_s": 0.5}), agent=Agent(tools=[note])) as sim:
            await sim.until(lambda: len(model.connections[0].open_calls) == 2)
            sim.session.interrupt()
            await sim.finish()
        assert ran == []
        assert model.connections[0].open_calls == []

    run(main())


def test_say_is_spoken_by_the_tts_and_the_model_is_told() -> None:
    async def main() -> None:
        model = FakeRealtime(["Sure."], ["and"])
        caller = caller_with({"after_agent_stops_s": 0.5})
        async with realtime_call(model, caller, FakeTTS(), agent=Agent(greeting="Welcome.")) as sim:
            await sim.finish()
            assert texts(sim) == [("assistant", "Welcome."), ("user", "and"), ("assistant", "Sure.")]
        assert [item.text for item in model.connections[0].items] == ["Welcome.", "and", "Sure."]

    run(main())


def test_what_the_program_asks_for_and_the_user_types_is_answered() -> None:
    async def main() -> None:
        model = FakeRealtime(["Hello.", "Nine."])
        async with realtime_call(model) as sim:
            sim.session.generate_reply(instructions="Greet the user.")
            await sim.finish()
            sim.session.generate_reply(user_input="When?")
            await sim.finish()
            assert texts(sim) == [("assistant", "Hello."), ("user", "When?"), ("assistant", "Nine.")]
        did = model.connections[0].did
        assert ("respond", 1, "Greet the user.", None) in did
        assert [what[0] for what in did] == ["respond", "append", "respond"]

    run(main())


@BOTH
def test_after_a_loss_the_history_is_given_again_and_the_turn_is_answered_once(turns: TurnsBy) -> None:
    """Law 10, for a connection lost while the model thinks: nobody but the program notices."""

    async def main() -> None:
        model = FakeRealtime(["First.", "Second."], ["one", "two", "two"], turns=turns, first_after_s=1.0)
        caller = caller_with({"at_s": 0.5}, {"after_agent_stops_s": 1.0})
        async with realtime_call(model, caller) as sim:
            await sim.until(lambda: len(sim.told(AgentSpeechStarted)) == 1)
            await sim.until(lambda: len(sim.told(TurnEnded)) == 2)
            await sim.advance(0.1)
            model.drop()
            await sim.finish()
            assert texts(sim) == [("user", "one"), ("assistant", "First."), ("user", "two"), ("assistant", "Second.")]
            assert len(sim.told(ProviderFailed)) == 1
        first, second = model.connections
        assert [message.text for message in second.chat] == ["one", "First."]
        turn = first.items[2].samples if turns == "local" else second.items[0].samples
        assert second.items[0].samples == turn, "its words had not come: the model hears it again"

    run(main())


@BOTH
def test_what_is_said_while_there_is_no_connection_is_heard_by_the_next_one(turns: TurnsBy) -> None:
    """Law 10."""

    async def main() -> None:
        model = FakeRealtime(["Here I am."], ["one"], turns=turns, failure=Failure("raise_at_open", streams=3))
        async with realtime_call(model, caller_with({"at_s": 0.2})) as sim:
            await sim.finish(idle_s=4.0)
            assert texts(sim) == [("user", "one"), ("assistant", "Here I am.")]
            assert len(sim.told(ProviderFailed)) == 3

    run(main())


def test_a_connection_that_expires_is_replaced_while_nobody_speaks() -> None:
    async def main() -> None:
        model = FakeRealtime(["Yes."], ["one", "two"], expires_after_s=6.0, warns_s=2.5)
        caller = caller_with({"at_s": 0.5}, {"at_s": 6.5})
        async with realtime_call(model, caller) as sim:
            await sim.finish()
            assert texts(sim) == [("user", "one"), ("assistant", "Yes."), ("user", "two"), ("assistant", "Yes.")]
            assert sim.told(ProviderFailed) == []
        assert [message.text for message in model.connections[1].chat] == ["one", "Yes."]

    run(main())


@pytest.mark.parametrize("mode", ["raise_at_open", "raise", "hang", "nothing", "raise_on_close", "hang_on_close"])
@pytest.mark.parametrize("after", [0, 1, 3, 6])
@BOTH
def test_whatever_fails_the_agent_answers_in_the_end(turns: TurnsBy, after: int, mode: Any) -> None:
    """Law 11: the first connection fails, at every point; the next one works."""

    async def main() -> None:
        failure = Failure(mode, after=after, streams=1)
        model = FakeRealtime([LONG, "Yes."], ["one", "two", "three"], turns=turns, failure=failure, char_s=0.02)
        caller = caller_with({"at_s": 0.5}, {"at_s": 8.0})
        async with realtime_call(model, caller, FakeTTS(), options=QUICK) as sim:
            await sim.finish()
            assert sim.session.state == "listening"
            history = texts(sim)
        if (turns, mode, after) == ("server", "hang", 1):
            return  # it takes the conversation and is never heard of again: to the session, nobody has spoken
        assert [text for role, text in history if role == "user"]
        assert history[-1][0] == "assistant"
        if mode != "raise_on_close" and mode != "hang_on_close":
            assert sim.told(ProviderFailed)

    run(main())


def test_what_a_server_sends_that_is_no_audio_ends_the_response_and_nothing_else() -> None:
    async def main() -> None:
        model = FakeRealtime(["Hello.", "Fine."], ["one", "two"])
        caller = caller_with({"at_s": 0.5}, {"at_s": 4.0})
        async with realtime_call(model, caller) as sim:
            model.voice.rate = -8000
            await sim.until(lambda: bool(sim.told(ProviderFailed)))
            model.voice.rate = 24000
            await sim.finish()
            assert texts(sim)[-1] == ("assistant", "Fine.")

    run(main())


def test_providers_that_do_not_go_together_are_refused() -> None:
    async def main() -> None:
        port, model = AudioPort(24000), FakeRealtime(["Hi."])
        with pytest.raises(TypeError, match="stt, llm, tts missing"):
            Session(port, Agent())
        with pytest.raises(TypeError, match="no stt and no llm"):
            Session(port, Agent(), realtime=model, llm=FakeLLM(["Hi."]))
        with pytest.raises(TypeError, match="no stt and no llm"):
            Session(port, Agent(stt=FakeSTT(["x"])), realtime=model)
        with pytest.raises(ValueError, match='listening="always" is for an STT'):
            Session(port, Agent(), realtime=model, options=SessionOptions(listening="always"))
        with pytest.raises(TypeError, match="greeting"):
            Session(port, Agent(greeting="Hello."), realtime=model)
        port.close()

    run(main())


def test_an_agent_with_a_model_of_its_own_is_not_put_in_charge() -> None:
    """Law 11: it would never be asked."""

    async def main() -> None:
        async with realtime_call(FakeRealtime(["Hi."])) as sim:
            with pytest.raises(TypeError, match="Own has an stt or llm of its own"):
                sim.session.hand_over(Agent(name="Own", llm=FakeLLM(["Never."])))
            await sim.advance(0.5)
            assert sim.session.agent.name == "Agent"

    run(main())


def test_nothing_is_kept_of_steps_of_agents_that_have_left() -> None:
    """Law 8: a tool's task is broken off by a handoff, and its step ends without the agent that began it."""

    class Ask(Task[str]):
        instructions = "Ask for the name."

    @tool(timeout_s=60)
    async def name(context: ToolContext) -> str:
        """Asks for the name."""
        return await context.run_task(Ask())

    async def main() -> None:
        model = FakeRealtime([["One moment.", ToolCall("call_1", "name", "{}")], "Your name?", "Yes?"], ["my bill"])
        async with realtime_call(model, caller_with({"at_s": 0.5}), agent=Agent("Hello.", tools=[name])) as sim:
            await sim.until(lambda: sim.session.agent.name == "Ask")
            sim.session.hand_over(Agent("You do bills.", name="bills"))
            await sim.finish()
            machine = sim.session._machine
            assert isinstance(machine, RealtimeMachine)
            assert (machine._connections, machine._step_from, machine._left) == ({}, {}, [])
            assert sim.session.agent.name == "bills"
            (use,) = [use for message in sim.session.history for use in message.tools]
            assert use.failed

    run(main())


def test_an_agent_that_takes_over_gets_a_connection_of_its_own() -> None:
    async def main() -> None:
        @tool
        async def billing() -> tuple[Agent, str]:
            """Hands over to billing."""
            return Agent("You do bills.", tools=[book]), "The caller has been verified."

        model = FakeRealtime([["One moment.", ToolCall("call_1", "billing", "{}")], "Your bill?"], ["my bill"])
        async with realtime_call(model, caller_with({"at_s": 0.5}), agent=Agent("Hello.", tools=[billing])) as sim:
            await sim.finish()
            assert sim.session.agent.instructions == "You do bills."
            assert texts(sim)[:2] == [("user", "my bill"), ("assistant", "One moment.")]
        first, second = model.connections
        assert (second.chat.instructions, [spec.name for spec in second.tools]) == ("You do bills.", ["book"])
        assert [message.text for message in second.chat if message.text] == ["my bill", "One moment."]
        assert first.open_calls == [] or len(first.did) == 2

    run(main())
