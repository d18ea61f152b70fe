"""Law 5 for the whole session: its journal, fed to a new machine, gives the same conversation."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

import pytest

from rtaudio import AudioPort
from rtaudio.core.journal import Journal, read_journal
from rtaudio.core.replay import replay_playout
from rtaudio.testing import FakeLLM, FakeRealtime, FakeSTT, FakeTTS, SimulatedCaller, Simulation, speech, virtual_time
from rtaudio.voice import Agent, ToolCall
from rtaudio.voice.cast import RealtimeKind
from rtaudio.voice.journaling import replay_session, session_differences, session_recorder
from rtaudio.voice.tools import tool

LONG = "This is a long reply, with many words in it. It goes on and on, until somebody stops it. Or it ends."


def recorded_conversation(path: Path) -> Simulation:
    agent = Agent("Be brief.", greeting="Hello.")
    port = AudioPort(24000)
    caller = SimulatedCaller(24000)
    caller.say(speech(1.0), at_s=2.0)
    caller.say(speech(1.0), after_agent_starts_s=1.0)

    async def main() -> Simulation:
        with Journal(path, port, input_rate=caller.rate) as journal:
            sim = Simulation(
                agent,
                stt=FakeSTT(["first question", "second question"]),
                llm=FakeLLM([LONG, "The second answer."]),
                tts=FakeTTS(),
                caller=caller,
                port=port,
                recorder=session_recorder(journal, agent, port.rate),
            )
            async with sim:
                await sim.finish()
        return sim

    return virtual_time.run(main())


def test_a_replayed_session_remembers_and_does_the_same(tmp_path: Path) -> None:
    path = tmp_path / "session.rtj"
    sim = recorded_conversation(path)
    journal = read_journal(path)
    assert journal.complete
    assert session_differences(journal) == []
    machine, effects = replay_session(journal)
    assert machine.history == sim.session.history
    assert len(machine.history) >= 4
    assert any(effect["effect"] == "Flush" or effect["effect"] == "Remember" for effect in effects)


def test_the_replayed_playout_is_what_the_sink_kept(tmp_path: Path) -> None:
    path = tmp_path / "session.rtj"
    sim = recorded_conversation(path)
    out = replay_playout(read_journal(path)).out
    kept = sim.sink.agent
    assert len(kept) > 24000
    assert (out[: len(kept)] == kept).all()


def test_a_changed_item_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "session.rtj"
    recorded_conversation(path)
    journal = read_journal(path)
    for record in journal.session:
        if record.get("item") == "TranscriptCame" and record["final"]:
            record["text"] = "something else"
    assert session_differences(journal)


def test_what_the_program_wants_is_in_the_journal_too(tmp_path: Path) -> None:
    """Texts, replies, audio of its own, text of the user, a filler, and what it takes back; no tool is run again."""
    runs = 0

    @tool(filler=["One moment.", "Still at it."], filler_after_s=0.5)
    async def look() -> str:
        """Looks."""
        nonlocal runs
        runs += 1
        await asyncio.sleep(4.0)
        return "found"

    async def main() -> Simulation:
        agent, port = Agent("Be brief.", tools=[look]), AudioPort(24000)
        steps = [[ToolCall("c1", "look", "{}")], "Here it is.", "By the way, we close."]
        recorder = session_recorder(journal := Journal(tmp_path / "session.rtj", port, input_rate=24000), agent, 24000)
        voices = {"stt": FakeSTT([]), "llm": FakeLLM(steps), "tts": FakeTTS()}
        with journal:
            async with Simulation(agent, **voices, port=port, recorder=recorder) as sim:
                sim.session.say("Terms apply.", audio=(speech(0.5), 24000))
                answer = sim.session.generate_reply(user_input="look", tools=["look"])
                sim.session.generate_reply(instructions="Say when we close.", priority="low")
                sim.session.say("Never said.", priority="low").interrupt()
                await sim.until(answer.done)
                sim.session.say("An alarm.", priority="now")
                await sim.finish()
        return sim

    sim = virtual_time.run(main())
    assert (runs, "One moment." in [message.text for message in sim.session.history]) == (1, True)
    journal = read_journal(tmp_path / "session.rtj")
    assert session_differences(journal) == []
    assert replay_session(journal)[0].history == sim.session.history
    assert runs == 1


@pytest.mark.parametrize("turns", ["local", "server"])
def test_a_session_on_a_realtime_model_is_replayed_too(tmp_path: Path, turns: Literal["local", "server"]) -> None:
    """A connection is lost, so the history is given again."""
    path, port, agent = tmp_path / "session.rtj", AudioPort(24000), Agent("Be brief.")
    caller = SimulatedCaller(24000)
    caller.say(speech(1.0), at_s=0.5)
    caller.say(speech(1.0), after_agent_starts_s=1.0)
    model = FakeRealtime([LONG, "Sure."], ["one", "two", "three"], turns=turns)

    async def main() -> Simulation:
        with Journal(path, port, input_rate=caller.rate) as journal:
            recorder = session_recorder(journal, agent, port.rate, realtime=RealtimeKind.of(model, speaks=False))
            async with Simulation(agent, realtime=model, caller=caller, port=port, recorder=recorder) as sim:
                await sim.advance(4.0)
                model.drop()
                await sim.finish()
        return sim

    sim = virtual_time.run(main())
    journal = read_journal(path)
    assert session_differences(journal) == []
    machine, _ = replay_session(journal)
    assert machine.history == sim.session.history
    assert len(machine.history) >= 3
