"""A session that calls tools: steps, speech beside them, interruptions, late results, limits. On the real core."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rtaudio import AudioPort
from rtaudio.core.journal import Journal, read_journal
from rtaudio.providers.openai_messages import messages_of
from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS, SimulatedCaller, Simulation, run, speech
from rtaudio.voice import (
    Agent,
    AgentSpeechHeard,
    ChatContext,
    ChatMessage,
    ProviderFailed,
    Session,
    SessionOptions,
    StateChanged,
    ToolCall,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    ToolStepsSpent,
    ToolUse,
    TurnMetrics,
    TurnResumed,
)
from rtaudio.voice.journaling import replay_session, session_differences, session_recorder
from rtaudio.voice.tools import ToolContext, ToolDefinitionError, ToolError, tool
from tests.voice.conversations import LONG, Cast, caller_with, conversation
from tests.voice.message_rules import anthropic_messages, anthropic_problems, openai_problems


@dataclass
class Desk:
    """The user's own data, and tools on it."""

    took_s: float = 0.5
    ran: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    @tool
    async def look(self, context: ToolContext[str], day: str) -> str:
        """Looks whether a table is free."""
        self.ran.append(f"{context.data} {day}")
        await asyncio.sleep(self.took_s)
        self.ended.append(day)
        return f"A table is free on {day}."

    @tool(on_interruption="cancel")
    async def search(self, day: str) -> str:
        """Searches, and stops when interrupted."""
        self.ran.append(day)
        await asyncio.sleep(self.took_s)
        return "Found."

    @tool(detach_after_s=1)
    async def order(self, day: str) -> str:
        """Orders what takes long."""
        await asyncio.sleep(self.took_s)
        return f"Ordered for {day}."

    @tool
    async def tell(self, context: ToolContext) -> str:
        """Says what it does."""
        context.say("One moment please.")
        context.progress("half")
        await asyncio.sleep(self.took_s)
        return "Told."

    @tool
    def fail(self, how: str) -> str:
        """Fails."""
        raise ToolError("No.") if how == "told" else RuntimeError("secret")


def call(name: str, day: str = "Friday", number: int = 1) -> ToolCall:
    return ToolCall(f"c{number}", name, f'{{"day": "{day}"}}')


def texts(history: ChatContext) -> list[str]:
    return [f"{message.role}: {message.text}{' +' if message.tools else ''}" for message in history]


def outputs(history: ChatContext) -> list[str]:
    return [use.output for message in history for use in message.tools]


def sound(history: ChatContext) -> None:
    assert openai_problems(messages_of(history)) == []
    assert anthropic_problems(anthropic_messages(history)) == []


async def talk(desk: Desk, llm: FakeLLM, caller: SimulatedCaller | None = None, **settings: Any) -> Simulation:
    """A whole conversation: by default one question."""
    caller = caller if caller is not None else caller_with({"at_s": 0.3})
    idle_s = settings.pop("idle_s", 2.0)
    async with conversation(
        Cast(llm=llm), caller, agent=Agent("Be brief.", tools=[desk]), data="Ann", **settings
    ) as sim:
        await sim.finish(idle_s=idle_s)
    sound(sim.session.history)
    return sim


def test_what_comes_before_the_calls_is_spoken_while_they_run_and_the_model_goes_on_from_the_results() -> None:
    async def main() -> None:
        desk = Desk(took_s=3.0)
        llm = FakeLLM([["Let me look. ", call("look")], "There is a table on Friday."])
        sim = await talk(desk, llm)
        history = sim.session.history
        assert texts(history) == [
            "user: first question",
            "assistant: Let me look. +",
            "assistant: There is a table on Friday.",
        ]
        assert history[1].tools == (ToolUse("c1", "look", '{"day": "Friday"}', "A table is free on Friday."),)
        assert desk.ran == ["Ann Friday"], "typed data comes through the context"
        assert [spec.name for spec in llm.offered[0]] == ["look", "search", "order", "tell", "fail"]
        assert outputs(llm.asked[1]) == ["A table is free on Friday."], "the model saw it"
        (began,), (ended,) = sim.told(ToolStarted), sim.told(ToolFinished)
        assert (ended.call_id, ended.tool, ended.outcome) == ("c1", "look", "done")
        assert ended.took_for_s == pytest.approx(3.0, abs=0.05)
        first_heard = sim.told(AgentSpeechHeard)[0]
        assert began.at_s < first_heard.at_s < ended.at_s, "audio waits for no tool"
        metrics = sim.told(TurnMetrics)
        assert [event.step for event in metrics] == [0, 1]
        assert metrics[0].tools_s == 0
        assert metrics[1].tools_s == pytest.approx(3.0, abs=0.05)
        states = [event.state for event in sim.told(StateChanged)]
        assert states == ["thinking", "speaking", "thinking", "speaking", "listening"]

    run(main())


def test_calls_of_one_step_run_side_by_side_and_steps_follow_until_one_calls_nothing() -> None:
    async def main() -> None:
        desk = Desk(took_s=1.0)
        llm = FakeLLM(
            [
                [call("look", "Friday", 1), call("look", "Sunday", 2), ToolCall("c3", "lock", "{}")],
                [call("look", "Monday", 4)],
                "All three are free.",
            ]
        )
        sim = await talk(desk, llm)
        history = sim.session.history
        assert texts(history) == [
            "user: first question",
            "assistant:  +",
            "assistant:  +",
            "assistant: All three are free.",
        ]
        assert [use.id for use in history[1].tools] == ["c1", "c2", "c3"]
        assert history[1].tools[2].output.startswith("There is no tool 'lock'. Did you mean 'look'?")
        first, second = sim.told(ToolFinished)[1:3]
        assert first.at_s == pytest.approx(second.at_s, abs=0.03), "in parallel"
        assert sim.told(TurnMetrics)[-1].tools_s == pytest.approx(2.0, abs=0.1)

    run(main())


def test_after_so_many_steps_the_model_is_offered_no_tool_and_told_so() -> None:
    async def main() -> None:
        def reply(chat: ChatContext) -> Any:
            if "cannot call any more tools" in chat.instructions:
                return "I have to stop here."
            return [call("look", number=len(chat))]

        llm = FakeLLM(reply)
        sim = await talk(Desk(took_s=0.1), llm, options=SessionOptions(tool_steps=3))
        assert [len(specs) for specs in llm.offered] == [5, 5, 5, 0]
        assert [(event.steps, event.reply) for event in sim.told(ToolStepsSpent)] == [(3, 4)]
        assert sim.session.history[-1].text == "I have to stop here."
        assert sim.session.history.instructions == "Be brief."

    run(main())


def test_a_model_that_calls_on_and_on_comes_to_its_end() -> None:
    async def main() -> None:
        count = iter(range(100))
        llm = FakeLLM(lambda chat: [call("look", number=next(count))])
        sim = await talk(Desk(took_s=0.1), llm, options=SessionOptions(tool_steps=2))
        assert [event.what for event in sim.told(ProviderFailed)] == ["called the tool 'look', but was offered none"]
        assert sim.session.history[-1].text == "Sorry, I cannot answer right now."

    run(main())


def test_an_interruption_leaves_each_call_with_a_result_by_its_tools_policy() -> None:
    async def main() -> None:
        desk = Desk(took_s=6.0)
        llm = FakeLLM(
            [[LONG, call("look", number=1), call("search", number=2)], "The second answer.", "It is free on Friday."]
        )
        caller = caller_with({"at_s": 0.3}, {"after_agent_starts_s": 1.5})
        sim = await talk(desk, llm, caller, idle_s=6.0)
        history = sim.session.history
        cut = history[1]
        assert cut.interrupted
        assert cut.text
        assert cut.unheard
        assert cut.tools[0].output.startswith("Still running.")
        assert cut.tools[1].output.startswith("Cancelled, because the user interrupted.")
        assert texts(history)[2:] == [
            "user: second question",
            "assistant: The second answer.",
            "assistant:  +",
            "assistant: It is free on Friday.",
        ]
        assert history[4].tools[0].output == "The result of the call c1 from before: A table is free on Friday."
        assert {event.call_id: event.outcome for event in sim.told(ToolFinished)} == {"c1": "done", "c2": "cancelled"}

    run(main())


def test_a_turn_that_comes_while_tools_run_is_answered_before_they_are_done() -> None:
    async def main() -> None:
        desk = Desk(took_s=8.0)
        llm = FakeLLM([[call("search")], "The second answer.", "Found it."])
        caller = caller_with({"at_s": 0.3}, {"at_s": 3.5})
        sim = await talk(desk, llm, caller, idle_s=7.0)
        assert texts(sim.session.history) == [
            "user: first question",
            "assistant:  +",
            "user: second question",
            "assistant: The second answer.",
            "assistant:  +",
            "assistant: Found it.",
        ]
        assert outputs(sim.session.history)[0].startswith("Still running."), "moved on, though it would be cancelled"
        assert outputs(llm.asked[1])[0].startswith("Still running.")

    run(main())


@pytest.mark.parametrize("words", ["", "okay"])
def test_a_noise_or_an_okay_while_tools_run_changes_nothing(words: str) -> None:
    async def main() -> None:
        desk = Desk(took_s=6.0)
        llm = FakeLLM([["I will look. ", call("look")], "It is free."])
        cast = Cast(llm=llm, stt=FakeSTT(["first question", words]))
        async with conversation(
            cast, caller_with({"at_s": 0.3}, {"at_s": 5.0}), agent=Agent(tools=[desk]), data="Ann"
        ) as sim:
            await sim.finish()
        said = [message.text for message in sim.session.history if message.role == "assistant"]
        assert said == ["I will look.", "It is free."]
        assert outputs(sim.session.history) == ["A table is free on Friday."]
        assert [message.text for message in sim.session.history if message.backchannel] == [words] * bool(words)

    run(main())


def test_a_late_result_may_be_passed_over_in_silence() -> None:
    async def main() -> None:
        desk = Desk(took_s=4.0)
        llm = FakeLLM([[call("order")], "It takes a while.", []])
        sim = await talk(desk, llm, idle_s=5.0)
        assert texts(sim.session.history)[2:] == ["assistant: It takes a while.", "assistant:  +"]
        assert not sim.told(ProviderFailed)
        assert sim.session.state == "listening"

    run(main())


def test_a_late_result_waits_for_the_user_and_is_seen_by_the_answer() -> None:
    async def main() -> None:
        desk = Desk(took_s=4.0)
        llm = FakeLLM([[call("order")], "It takes a while.", "It is there, and that is the second answer."])
        caller = SimulatedCaller(24000)
        caller.say(speech(1.0), at_s=0.3)
        caller.say(speech(2.5), at_s=5.0)
        sim = await talk(desk, llm, caller, idle_s=3.0)
        assert texts(sim.session.history)[3:] == [
            "user: second question",
            "assistant:  +",
            "assistant: It is there, and that is the second answer.",
        ]
        assert len(llm.asked) == 3

    run(main())


def test_what_a_tool_says_is_spoken_while_it_runs() -> None:
    async def main() -> None:
        sim = await talk(Desk(took_s=4.0), FakeLLM([["Hm. ", ToolCall("c1", "tell", "{}")], "That was it."]))
        assert texts(sim.session.history)[1:] == [
            "assistant: Hm.",
            "assistant: One moment please.",
            "assistant:  +",
            "assistant: That was it.",
        ]
        said = next(event for event in sim.told(AgentSpeechHeard) if event.text == "One moment please.")
        assert said.at_s < sim.told(ToolFinished)[0].at_s
        assert [(event.text, event.spoken) for event in sim.told(ToolProgress)] == [
            ("One moment please.", True),
            ("half", False),
        ]

    run(main())


def test_a_broken_tool_is_read_by_the_model_and_the_session_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        calls = [ToolCall("c1", "fail", '{"how": "told"}'), ToolCall("c2", "fail", '{"how": "x"}')]
        llm = FakeLLM([[*calls, ToolCall("c3", "look", "{nonsense")], "Sorry, no.", "The second answer."])
        sim = await talk(Desk(), llm, caller_with({"at_s": 0.3}, {"after_agent_stops_s": 0.5}))
        history = sim.session.history
        assert outputs(history)[0] == "No."
        assert "secret" not in " ".join(outputs(history))
        assert all(use.failed for use in history[1].tools)
        assert [event.outcome for event in sim.told(ToolFinished)] == ["failed"] * 3
        assert texts(history)[2:] == ["assistant: Sorry, no.", "user: second question", "assistant: The second answer."]

    run(main())
    assert "secret" in caplog.text, "the programmer reads it"


def test_the_programs_interrupt_stops_the_answer_and_keeps_what_was_done() -> None:
    async def main() -> None:
        desk = Desk(took_s=3.0)
        llm = FakeLLM([["I will. ", call("search")], "Never said."])
        async with conversation(Cast(llm=llm), caller_with({"at_s": 0.3}), agent=Agent(tools=[desk])) as sim:
            await sim.until(lambda: bool(desk.ran))
            sim.session.interrupt()
            await sim.finish()
        assert outputs(sim.session.history)[0].startswith("Cancelled, because the user interrupted.")
        assert len(llm.asked) == 1

    run(main())


@pytest.mark.parametrize("after_s", [1.9, 2.5, 5.0])
def test_a_close_leaves_every_call_with_a_result(after_s: float) -> None:
    async def main() -> None:
        llm = FakeLLM([["I will look. ", call("look", number=1), call("search", number=2)]])
        async with conversation(
            Cast(llm=llm), caller_with({"at_s": 0.3}), agent=Agent(tools=[Desk(took_s=60.0)]), data="Ann"
        ) as sim:
            await sim.advance(after_s)
        sound(sim.session.history)
        told = {event.call_id for event in sim.told(ToolStarted)}
        assert {use.id for message in sim.session.history for use in message.tools} == told
        assert {event.call_id for event in sim.told(ToolFinished)} == told
        if after_s > 2:
            assert told

    run(main())


@pytest.mark.parametrize("took_s", [0.05, 0.5])
def test_a_turn_that_goes_on_while_its_tools_run_is_answered_with_their_results(took_s: float) -> None:
    """Law 10: whether they are done by then, or still running."""

    async def main() -> None:
        desk = Desk(took_s=took_s)
        llm = FakeLLM([[call("look")], "The whole answer."], first_after_s=0.02)
        cast = Cast(llm=llm, stt=FakeSTT(["first question", "and more"], final_after_s=0.01))
        caller = SimulatedCaller(24000)
        caller.say(speech(1.0), at_s=0.3)
        caller.say(speech(1.0), at_s=2.1)
        async with conversation(cast, caller, agent=Agent(tools=[desk]), data="Ann") as sim:
            await sim.finish()
        sound(sim.session.history)
        assert [event.turn for event in sim.told(TurnResumed)] == [1]
        assert desk.ran == ["Ann Friday"], "the tool ran once"
        assert texts(sim.session.history) == [
            "user: first question",
            "assistant:  +",
            "user: and more",
            "assistant: The whole answer.",
        ]
        assert outputs(llm.asked[-1]) == ["A table is free on Friday."]

    run(main())


def test_a_journal_replays_without_running_any_tool(tmp_path: Path) -> None:
    """Law 5, for both machines."""
    desk, path = Desk(took_s=6.0), tmp_path / "tools.rtj"
    agent = Agent("Be brief.", tools=[desk])

    async def main() -> Simulation:
        port = AudioPort(24000)
        llm = FakeLLM(
            [[LONG, call("look", number=1), call("search", number=2)], "The second answer.", "It is free on Friday."]
        )
        caller = caller_with({"at_s": 0.3}, {"after_agent_starts_s": 1.5})
        with Journal(path, port, input_rate=caller.rate) as journal:
            sim = Simulation(
                agent,
                stt=FakeSTT(["one", "two"]),
                llm=llm,
                tts=FakeTTS(),
                caller=caller,
                port=port,
                recorder=session_recorder(journal, agent, port.rate),
                data="Ann",
            )
            async with sim:
                await sim.finish(idle_s=6.0)
        return sim

    sim = run(main())
    ran = list(desk.ran)
    journal = read_journal(path)
    assert session_differences(journal) == []
    machine, effects = replay_session(journal)
    assert machine.history == sim.session.history
    assert {"RunTools", "InterruptTools"} <= {effect["effect"] for effect in effects}
    assert any(record.get("call_effect") == "DeliverLate" for record in journal.session)
    assert desk.ran == ran
    for record in journal.session:
        if record.get("call_item") == "Returned":
            record["text"] = "something else"
    assert session_differences(journal), "a changed item is noticed"


def test_a_history_with_tools_is_gone_on_with() -> None:
    async def main() -> None:
        before = ChatContext(
            "", [ChatMessage("user", "Hello."), ChatMessage("assistant", "", tools=(ToolUse("c1", "look", "{}", "x"),))]
        )
        llm = FakeLLM([[call("look", number=1)], "Done."])
        sim = await talk(Desk(), llm, history=before)
        assert [use.id for message in sim.session.history for use in message.tools] == ["c1", "c1_2"]

    run(main())


def test_two_tools_of_one_name_are_refused_when_the_session_is_made() -> None:
    async def main() -> None:
        with AudioPort(24000) as port, pytest.raises(ToolDefinitionError, match="two tools are named"):
            Session(port, Agent(tools=[Desk(), Desk()]), stt=FakeSTT([]), llm=FakeLLM([""]), tts=FakeTTS())

    run(main())


PROGRAM = '''
from dataclasses import dataclass
from rtaudio.core import AudioPort
from rtaudio.voice import LLM, STT, TTS, Agent, Session
from rtaudio.voice.tools import ToolContext, tool

@dataclass
class Guest:
    name: str

@tool
async def book(context: ToolContext[Guest], guests: int) -> str:
    """Books a table."""
    context.say("One moment.")
    return f"Booked for {context.data.name}, {guests}."

def start(port: AudioPort, stt: STT, llm: LLM, tts: TTS) -> Session:
    return Session(port, Agent("Be brief.", tools=[book]), stt=stt, llm=llm, tts=tts, data=Guest("Ann"))
'''


def test_mypy_passes_for_the_agent_of_a_user(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
