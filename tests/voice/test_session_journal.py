"""Law 5 for the whole session: its journal, fed to a new machine, gives the same conversation."""

from __future__ import annotations

from pathlib import Path

from rtaudio import AudioPort
from rtaudio.core.journal import Journal, read_journal
from rtaudio.core.replay import replay_playout
from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS, SimulatedCaller, Simulation, speech, virtual_time
from rtaudio.voice import Agent
from rtaudio.voice.journaling import replay_session, session_differences, session_recorder

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
