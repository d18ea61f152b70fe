"""Groups and ready-made tasks in any conversation on the real core: whoever waits is told, no turn and no key is lost
(law 10), results are of their type, and a model is never shown a call without its result."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS, SimulatedCaller, Simulation, run, speech
from rtaudio.voice import (
    Agent,
    AttemptsSpent,
    ChatContext,
    GroupFailed,
    SessionClosed,
    SessionOptions,
    Step,
    Task,
    TaskCancelled,
    TaskGroup,
    TaskRefused,
    ToolCall,
    TranscriptUpdated,
)
from rtaudio.voice.group_plan import GroupPlan, StepRules, StepState
from rtaudio.voice.ready import Choose, CollectDigits, Confirm
from rtaudio.voice.tools import ToolError, tool
from tests.voice.test_handoffs import sound
from tests.voice.test_keys import entries


@dataclass
class Place:
    street: str
    floor: int = 0


@dataclass
class Booking:
    name: str
    number: str
    place: Place
    sure: bool | None = None


class AskName(Task[str]):
    instructions = "Ask for the name."

    @tool
    async def note(self, value: str) -> str:
        """Notes it."""
        if value == "unusable":
            raise ToolError("Not usable.")
        self.complete(value)
        return "Noted."


def booking() -> TaskGroup[Booking]:
    floors = {"ground": 0, "first": 1}
    place = [
        Step("street", lambda known: AskName("Ask for the street.")),
        Step("floor", lambda known: Choose("Which floor?", floors), optional=True, depends_on=("street",)),
    ]
    steps = [
        Step("name", lambda known: AskName(), attempts=2, timeout_s=12.0),
        Step("number", lambda known: CollectDigits("Your number?", length=4), depends_on=("name",)),
        Step("place", lambda known: TaskGroup(Place, place, name="Place"), timeout_s=20.0),
        Step("sure", lambda known: Confirm("Sure?"), optional=True, on_change="keep", depends_on=("place",)),
    ]
    return TaskGroup(Booking, steps, timeout_s=30.0)


SAYS = ["four seven one one", "yes", "no, six instead", "no", "ground floor", "well", "Main Street", "five", "mhm"]


class Model:
    """Calls any tool that it is offered, with any arguments, or talks."""

    def __init__(self, seed: int) -> None:
        self.source = random.Random(seed)
        self.llm = FakeLLM(self.reply)

    def reply(self, chat: ChatContext) -> Any:
        sound(chat)
        specs = self.llm.offered[-1] if self.llm.offered else ()
        if not specs or self.source.random() < 0.35:
            return "And what else is there to be said about that?"
        spec = self.source.choice([spec for spec in specs if spec.name != "give_up" or self.source.random() < 0.2])
        to = spec.parameters.get("properties", {}).get("to", {}).get("enum", ["nowhere"])
        arguments = {
            "note": json.dumps({"value": self.source.choice(["Ann", "Bob", "unusable"])}),
            "note_digits": json.dumps({"digits": self.source.choice(["4711", "12", "x"])}),
            "go_back": json.dumps({"to": self.source.choice(to)}),
            "give_up": '{"reason": "no"}',
            "answer": '{"yes": true}',
            "choose": '{"name": "first"}',
        }.get(spec.name, "{}")
        return ["Well. ", ToolCall(f"c{self.source.random()}", spec.name, arguments)]


async def call(seed: int) -> str:
    """A schedule drawn by `seed`; what became of the group."""
    source, model = random.Random(seed), Model(seed)
    caller = SimulatedCaller()
    options = SessionOptions(eager="off" if seed % 2 else "text")
    stt = FakeSTT([source.choice(SAYS) for _ in range(40)])
    pressed = typed = 0
    before = asyncio.all_tasks()
    async with Simulation(
        Agent("Host."), stt=stt, llm=model.llm, tts=FakeTTS(char_s=0.01), caller=caller, options=options
    ) as sim:
        waits = asyncio.ensure_future(sim.session.run_task(booking()))
        for _ in range(source.randrange(5, 40)):
            await sim.advance(source.choice([0.0, 0.05, 0.5, 1.0, 3.0]))
            match source.randrange(8):
                case 0 | 1:
                    caller.say(speech(source.choice([0.4, 1.0])), at_s=sim.transport.elapsed_s + 0.1)
                case 2 | 3:
                    keys = source.choice(["1", "4711", "2#", "*", "99", "#"])
                    pressed += len(keys)
                    sim.session.press(keys)
                case 4 | 5:
                    typed += 1
                    sim.session.generate_reply(user_input=f"{source.choice(SAYS)} t{typed}")
                case 6 if source.randrange(3) == 0:
                    sim.session.interrupt()
                case 7 if source.randrange(12) == 0:
                    sim.session.hand_over(Agent("Human.", name="human"))
                case _:
                    pass
        if seed % 3:
            await sim.until(lambda: caller.done and sim.session.state == "listening", 300.0)
            await sim.advance(31.0)  # every limit is over
            assert waits.done(), "the group has a limit"
            assert sim.session.state == "listening"
            assert len(sim.session._machine.stack) == 1
        history = sim.session.history
    (got,) = await asyncio.gather(waits, return_exceptions=True)
    history = sim.session.history
    sound(history)
    assert sim.told(SessionClosed)[0].reason == "closed"
    said = " ".join(message.text for message in history if message.role == "user")
    assert len(entries(sim.session._machine)) == pressed, "every key is in the history once"
    assert [word for word in said.split() if word[0] == "t" and word[1:].isdigit()] == [
        f"t{n + 1}" for n in range(typed)
    ]
    heard = {event.turn: event.text for event in sim.told(TranscriptUpdated) if event.final}
    understood = Counter(word for text in heard.values() for word in text.split())
    assert understood <= Counter(said.split()), "no turn is lost"
    assert asyncio.all_tasks() == before
    assert (stt.open, model.llm.open) == (0, 0)
    assert isinstance(got, Booking | GroupFailed | TaskCancelled | TimeoutError), repr(got)
    if isinstance(got, Booking):
        assert isinstance(got.name, str)
        assert got.number.isdigit()
        assert len(got.number) == 4
        assert isinstance(got.place, Place)
        assert got.sure in (True, False, None)
    if isinstance(got, GroupFailed):
        assert isinstance(got.__cause__, TaskRefused | AttemptsSpent | TimeoutError | GroupFailed), repr(got.__cause__)
    return type(got).__name__


@pytest.mark.parametrize("seed", range(16))
def test_whatever_happens_whoever_waits_is_told_and_nothing_is_lost(seed: int) -> None:
    run(call(seed))


@pytest.mark.parametrize("seed", range(100))
def test_a_plan_comes_to_its_end_with_all_that_is_wanted(seed: int) -> None:
    source = random.Random(seed)
    names = [f"s{n}" for n in range(source.randrange(1, 7))]
    rules = [
        StepRules(
            name,
            depends_on=tuple(other for other in names[:n] if source.random() < 0.4),
            on_change=source.choice(["ask", "keep"]),
            optional=source.random() < 0.4,
            attempts=source.randrange(1, 3),
            when=(lambda known: sum(known.values()) % 3 != 0) if source.random() < 0.3 else None,
        )
        for n, name in enumerate(names)
    ]
    plan = GroupPlan(rules, most_returns=5)
    for _ in range(400):
        if (step := plan.begin()) is None:
            break
        known = plan.results
        assert plan.begin() is step, "it is asked until it has an outcome"
        assert step.name not in known
        does = source.randrange(8)
        if does == 0 and plan.earlier:
            plan.go_back(source.choice(plan.earlier))
        elif does == 1:
            plan.came_to_nothing()
        elif does == 2 and source.random() < 0.3:
            plan.refused()
        elif does == 3 and step.optional:
            plan.skip()
        else:
            plan.done(source.randrange(3))
    else:
        raise AssertionError("it does not end")
    assert plan.returns <= 5
    states = {rule.name: plan.state(rule.name) for rule in rules}
    if plan.failed:
        assert not next(rule for rule in rules if rule.name == plan.failed).optional
    else:
        for rule in rules:
            wanted = rule.when is not None or rule.optional or states[rule.name] is StepState.DONE
            assert wanted, "what must be there is"
            assert (rule.name in plan.results) <= (states[rule.name] is StepState.DONE)
    with pytest.raises(ValueError, match="no step"):
        plan.go_back("elsewhere")
