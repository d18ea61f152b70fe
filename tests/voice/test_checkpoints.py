"""A session is written down after every step, and another goes on from there: by the outside, no turn is lost or
answered twice, no tool with a key does its work twice, and the history is what was heard (laws 9, 10, 11)."""

from __future__ import annotations

import asyncio
import json
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS, SimulatedCaller, Simulation, run, speech
from rtaudio.voice import Agent, CheckpointFailed, Session, SessionResumed, ToolCall
from rtaudio.voice.checkpoints import CheckpointError, Checkpoints, FileStore, MemoryStore, decode, encode
from rtaudio.voice.items import SessionRestored, Stamp
from rtaudio.voice.items import decode as decode_item
from rtaudio.voice.items import encode as encode_item
from rtaudio.voice.machine_resume import WORDS_UNKNOWN
from rtaudio.voice.tools import ToolDefinitionError, tool
from tests.voice.crash_world import Counted, SlowStore, conversation

KILL_RUNS = int(os.environ.get("KILL_RUNS", "10"))
"""Conversations for each of the two: `make kill-runs N=...` runs more."""
FIRST_SEED = int(os.environ.get("KILL_SEED", "1"))


def drawn(seed: int, slow: bool) -> tuple[Counted, bool]:
    """A conversation with one to three crashes, all drawn by the seed; whether the caller interrupts in it."""
    rng = random.Random(seed)
    kinds = {"after_agent_starts_s": (0.1, 2.0), "after_agent_stops_s": (0.2, 2.0), "at_s": (1.0, 9.0)}
    drawn_kinds = [rng.choice(list(kinds)) for _ in range(rng.randint(0, 3))]
    cues = [{"at_s": rng.uniform(0.3, 4)}, *({kind: rng.uniform(*kinds[kind])} for kind in drawn_kinds)]
    crashes = [rng.uniform(0, 4) if at else rng.uniform(0, 12) for at in range(rng.choice([1, 1, 2, 3]))]
    store: Any = SlowStore(rng, 0.3, 0.1) if slow else MemoryStore()
    interrupts = cues[0]["at_s"] < 2.5 or any("after_agent_stops_s" not in cue for cue in cues[1:])  # the greeting, too
    return run(conversation(crashes, outage_s=rng.uniform(0, 2), cues=cues, store=store)), interrupts


@pytest.mark.timeout(0)
@pytest.mark.parametrize("slow", [False, True], ids=["store at once", "slow store that fails"])
def test_killed_at_random_moments_nothing_is_lost_and_nothing_done_twice(slow: bool) -> None:
    for seed in range(FIRST_SEED, FIRST_SEED + KILL_RUNS):
        counted, interrupts = drawn(seed, slow)
        found = (counted.turns_answered_twice, counted.tools_run_twice, counted.turns_lost)
        assert found == (0, 0, 0), f"seed {seed}: answered twice, run twice, lost"
        if not (interrupts or slow):  # a duck changes the samples by which the sink tells which they are
            assert not counted.words_wrong, f"seed {seed}: the history is not what was heard"


class Host(Agent):
    instructions = "You are the host."
    greeting = "Good morning, this is the desk."


def restored(sim: Simulation, checkpoint: bytes, config: Checkpoints, **providers: Any) -> Session:
    given = {"stt": FakeSTT(["first"]), "llm": FakeLLM(["An answer."]), "tts": FakeTTS()} | providers
    return Session.restore(sim.port, checkpoint, checkpoints=config, **given)


def simulation(config: Checkpoints, agent: Agent | None = None, *cues: float, **given: Any) -> Simulation:
    caller = SimulatedCaller(24000)
    for at_s in cues:
        caller.say(speech(1.0), at_s=at_s)
    providers = {"stt": FakeSTT(["first", "second"]), "llm": FakeLLM(["An answer."]), "tts": FakeTTS()} | given
    return Simulation(agent if agent is not None else Host(), caller=caller, checkpoints=config, **providers)


def test_the_turn_that_was_being_spoken_is_recognised_again_whole() -> None:
    async def main() -> None:
        store = MemoryStore()
        config = Checkpoints(store, agents=[Host])
        async with simulation(config, None, 3.0) as sim:
            await sim.advance(3.5)
            sim.kill()
            assert store.last is not None
            await sim.advance(1.5)  # it ends while nobody listens
            stt = FakeSTT(["all of it"])
            await sim.go_on(restored(sim, store.last, config, stt=stt))
            await sim.finish()
            turn = decode(store.last).machine.turns
        assert [(m.role, m.text) for m in sim.session.history] == [
            ("assistant", "Good morning, this is the desk."),
            ("user", "all of it"),
            ("assistant", "An answer."),
        ]
        assert len(stt.heard) == 1
        assert len(stt.heard[0]) > 1.3 * 16000, "from before the crash to after it"
        assert sim.told(SessionResumed)[0].missed_for_s > 1.5
        assert turn is not None

    run(main())


def test_what_was_heard_by_the_crash_is_looked_up_and_the_greeting_not_said_again() -> None:
    async def main() -> None:
        store = MemoryStore()
        config = Checkpoints(store, agents=[Host])
        async with simulation(config) as sim:
            await sim.advance(0.9)
            sim.kill()
            assert store.last is not None
            await sim.advance(0.2)  # it plays on meanwhile
            await sim.go_on(restored(sim, store.last, config))
            await sim.finish()
        (greeting,) = sim.session.history
        assert greeting.interrupted
        assert f"{greeting.text} {greeting.unheard}" == Host.greeting
        assert greeting.text == "Good morning, this"

    run(main())


def test_a_process_that_dies_while_it_takes_up_the_call_is_followed_by_another_that_knows_as_much() -> None:
    """The cut of what the first had said comes when the second is dead as well."""

    async def main() -> None:
        store = MemoryStore()
        config = Checkpoints(store, agents=[Host])
        async with simulation(config) as sim:
            await sim.advance(0.9)
            sim.kill()
            assert store.last is not None
            await sim.go_on(restored(sim, store.last, config))
            await asyncio.sleep(0)  # it is written down, and the flush not taken yet
            sim.kill()
            await sim.advance(0.2)
            await sim.go_on(restored(sim, store.last, config))
            await sim.finish()
        (greeting,) = sim.session.history
        assert greeting.text == "Good morning,"
        assert greeting.unheard == "this is the desk."

    run(main())


def test_words_that_were_not_written_down_count_as_an_answer_and_the_history_says_so() -> None:
    class Late(MemoryStore):
        """Breaks after the first."""

        def save(self, checkpoint: bytes) -> None:
            if self.last is None:
                super().save(checkpoint)
            else:
                raise OSError("the disk is gone")

    async def main() -> None:
        store = Late()
        config = Checkpoints(store, agents=[Host])
        async with simulation(config) as sim:
            await sim.advance(0.9)
            assert [event.what for event in sim.told(CheckpointFailed)] == ["OSError: the disk is gone"], "told once"
            sim.kill()
            assert store.last is not None
            await sim.go_on(restored(sim, store.last, config))
            await sim.finish()
        assert [(m.role, m.text) for m in sim.session.history] == [("system", WORDS_UNKNOWN)]

    run(main())


STARTED: list[str] = []


class Booking(Agent):
    instructions = "You book."

    @tool(key=lambda what: what)
    async def book(self, what: str) -> str:
        """Books."""
        STARTED.append(f"book {what}")
        await asyncio.sleep(1.0)
        return "Booked."

    @tool
    async def look(self, what: str) -> str:
        """Looks."""
        STARTED.append(f"look {what}")
        await asyncio.sleep(1.0)
        return "Found."

    @tool(key=lambda what: what, after_crash="again")
    async def charge(self, what: str) -> str:
        """Charges."""
        STARTED.append(f"charge {what}")
        await asyncio.sleep(1.0)
        return "Charged."


CALLS = [ToolCall(name[0], name, '{"what": "x"}') for name in ("book", "look", "charge")]


def test_tools_in_flight_by_their_keys() -> None:
    """Run again: only what may be. The key of the other is not run any more, also when the model asks for it."""
    STARTED.clear()

    async def main() -> None:
        store = MemoryStore()
        config = Checkpoints(store, agents=[Booking])
        async with simulation(config, Booking(), 0.5, llm=FakeLLM([["Wait.", *CALLS]])) as sim:
            await sim.until(lambda: len(STARTED) == 3)
            await sim.advance(0.3)
            sim.kill()
            assert store.last is not None
            llm = FakeLLM([[CALLS[0]], "There you are."])
            await sim.go_on(restored(sim, store.last, config, llm=llm))
            await sim.finish()
        assert sorted(STARTED) == ["book x", "charge x", "charge x", "look x"]
        first, second = (message for message in sim.session.history if message.tools)
        assert [(use.name, use.output.split(",")[0], use.failed) for use in first.tools] == [
            ("book", "The program that ran this broke down", True),
            ("look", "The program that ran this broke down", True),
            ("charge", "Charged.", False),
        ]
        assert second.tools[0].output.startswith("Not run: a program broke down while it did the same")

    run(main())


def test_a_key_that_was_done_outlives_its_process() -> None:
    STARTED.clear()

    async def main() -> None:
        store = MemoryStore()
        config = Checkpoints(store, agents=[Booking])
        async with simulation(config, Booking(), 0.5, llm=FakeLLM([[CALLS[0]], "Done."])) as sim:
            await sim.finish()
            sim.kill()
            assert store.last is not None
            await sim.go_on(restored(sim, store.last, config, llm=FakeLLM([[CALLS[0]], "It is done."])))
            sim.session.generate_reply()
            await sim.finish()
        assert STARTED == ["book x"]
        assert [use.output for message in sim.session.history for use in message.tools] == ["Booked.", "Booked."]

    run(main())


def test_a_tool_with_a_key_waits_until_it_is_written_down_and_does_not_run_if_that_fails() -> None:
    STARTED.clear()

    class Hanging:
        last: bytes | None = None

        async def save(self, checkpoint: bytes) -> None:
            await asyncio.sleep(1000)

    async def main() -> None:
        config = Checkpoints(Hanging(), agents=[Booking], write_ahead_s=1.0, write_timeout_s=5.0)
        async with simulation(config, Booking(), 0.5, llm=FakeLLM([CALLS[:2], "Well."])) as sim:
            await sim.finish()
        assert STARTED == ["look x"], "without a key nothing is waited for"
        book = next(use for message in sim.session.history for use in message.tools if use.name == "book")
        assert book.output.endswith("which keeps it from being done twice. not stored within 1 s")
        assert any(message.text == "Well." for message in sim.session.history), "the talk goes on"

    run(main())


@dataclass
class Memory:
    """The state of an agent."""

    guests: int


class Forgetful(Agent):
    """With state, by a schema."""

    def __init__(self, guests: int) -> None:
        super().__init__(f"There are {guests} guests.")
        self.guests = guests

    def checkpoint_state(self) -> Memory:
        return Memory(self.guests)

    @classmethod
    def from_checkpoint(cls, state: Memory) -> Forgetful:
        return cls(state.guests)


OBJECT = Agent("An object of a module.")


def test_agents_by_import_path_with_their_state() -> None:
    async def main() -> None:
        for agent, allowed in ((Forgetful(4), [Forgetful]), (OBJECT, [f"{__name__}:OBJECT"])):
            store = MemoryStore()
            config = Checkpoints(store, agents=allowed, data=Memory)
            async with simulation(config, agent, data=Memory(7)) as sim:
                await sim.advance(0.5)
                sim.kill()
                assert store.last is not None
                await sim.go_on(restored(sim, store.last, config))
                assert sim.session.agent.instructions == agent.instructions
                assert sim.session.data == Memory(7)
                await sim.advance(0.5)
                with pytest.raises(CheckpointError, match="which this program does not allow"):
                    restored(sim, store.last, Checkpoints(store, agents=[Host], data=Memory))

    run(main())


def test_a_session_that_has_ended_and_a_checkpoint_of_another_port_are_refused() -> None:
    """Law 11."""

    async def main() -> None:
        store = MemoryStore()
        config = Checkpoints(store, agents=[Host])
        async with simulation(config) as sim:
            await sim.advance(1.0)
            running = store.last
        assert running is not None
        assert store.last is not None
        async with simulation(Checkpoints(MemoryStore(), agents=[Host])) as other:
            with pytest.raises(CheckpointError, match=r"has ended \(closed\)"):
                restored(other, store.last, config)
            with pytest.raises(CheckpointError, match="of another port"):
                restored(other, running, config)

    run(main())


def test_what_is_no_checkpoint_says_what_is_wrong() -> None:
    """Law 11."""

    async def main() -> bytes:
        store = MemoryStore()
        async with simulation(Checkpoints(store, agents=[Host])) as sim:
            await sim.advance(1.0)
            assert store.last is not None
            return store.last

    data = run(main())
    assert encode(decode(data)) == data
    for damaged, says in (
        (data.replace(b'"version":1', b'"version":2'), "version 2; this rtaudio reads version 1"),
        (data[:-10], "damaged"),
        (data.replace(b'"open_turns":[]', b'"open_turns":[0]'), "refers to a turn that is not there"),
        (data.replace(b'"text":"Good', b'"txet":"Good'), "damaged"),
        (b"x" * (8 << 20) + b"x", "at most"),
        (b"[" * 100_000, "damaged"),
    ):
        with pytest.raises(CheckpointError, match=says):
            decode(damaged)


def test_what_cannot_be_written_down_is_told_and_the_session_goes_on() -> None:
    async def main() -> None:
        store = MemoryStore()
        async with simulation(Checkpoints(store, agents=[Booking])) as sim:
            await sim.finish()
        assert store.last is None
        assert ["cannot be written down" in event.what for event in sim.told(CheckpointFailed)] == [True]
        assert sim.session.history[0].text == Host.greeting

    run(main())
    with pytest.raises(CheckpointError, match="does not say of which type"):
        run(needs_a_type())
    with pytest.raises(ToolDefinitionError, match="needs a key"):
        tool(after_crash="again")(lambda what: what)


async def needs_a_type() -> None:
    simulation(Checkpoints(MemoryStore(), agents=[Host]), data=Memory(1))


def test_a_file_is_whole_at_any_moment(tmp_path: Path) -> None:
    async def main() -> None:
        store = FileStore(tmp_path / "call.json", durable=True)
        assert store.load() is None
        config = Checkpoints(store, agents=[Host])
        async with simulation(config) as sim:
            for _ in range(20):
                await sim.advance(0.1)
                loaded = store.load()
                assert loaded is not None
                assert decode(loaded).ended is None
        assert decode(store.load() or b"").ended == "closed"

    run(main())
    assert [path.name for path in tmp_path.iterdir()] == ["call.json"]


def test_going_on_is_an_item_that_a_journal_can_hold() -> None:
    """Law 5."""

    async def main() -> bytes:
        store = MemoryStore()
        async with simulation(Checkpoints(store, agents=[Host]), None, 1.0) as sim:
            await sim.advance(3.5)
            assert store.last is not None
            return store.last

    state = decode(run(main())).machine
    item = SessionRestored(Stamp(state.mic, 1), state)
    assert decode_item(json.loads(json.dumps(encode_item(item)))) == item
