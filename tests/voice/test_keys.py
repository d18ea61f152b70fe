"""Keys that the user presses: no key lost, none twice, secret ones nowhere, on the media clock (laws 5 and 10)."""

from __future__ import annotations

import json
import random
from dataclasses import asdict
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio.testing import FakeLLM, FakeRealtime, FakeSTT, FakeTTS, SimulatedCaller, Simulation, run
from rtaudio.voice import Agent, AgentSpeechInterrupted, DigitPressed, Keypad, Session, UserAway, UserBack
from rtaudio.voice import items as it
from rtaudio.voice.agent import AgentSettings
from rtaudio.voice.keys import KEYS, MASK, MOST_KEYS, KeyEntry
from rtaudio.voice.machine import Machine
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.rpc import RpcError
from rtaudio.voice.tools import session_methods
from tests.voice.agent_world import AgentWorld
from tests.voice.conversations import Cast, conversation
from tests.voice.machine_world import RATE
from tests.voice.realtime_calls import realtime_call
from tests.voice.test_client_calls import client_of
from tests.voice.test_machine_agents import check_agents
from tests.voice.test_machine_tools import FEW_STEPS


@pytest.mark.parametrize(
    ("rules", "keys", "entries", "left"),
    [
        (Keypad(), "12#34#5", ["12#", "34#"], "5"),
        (Keypad(most=2), "12345", ["12", "34"], "5"),
        (Keypad(most=4, ends="#*"), "1*23#45678", ["1*", "23#", "4567"], "8"),
        (Keypad(ends=""), "#" * MOST_KEYS, ["#" * MOST_KEYS], ""),
    ],
)
def test_an_entry_ends_with_its_length_or_a_key_that_ends_it(
    rules: Keypad, keys: str, entries: list[str], left: str
) -> None:
    entry, taken = KeyEntry(), []
    for at, key in enumerate(keys):
        entry.press(key, 100 + at)
    while entry.open and entry.due(rules) == 0:
        taken.append(entry.take(rules))
    assert (taken, entry.keys) == (entries, left)
    if left:
        assert entry.due(rules) == 100 + len(keys) - 1 + 48000, "3 s after the last key"
        assert entry.take(rules) == left


@pytest.mark.parametrize("settings", [{"most": 0}, {"most": 65}, {"ends": "x"}, {"timeout_s": 0}])
def test_rules_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Keypad"):
        Keypad(**settings)


class Bank(Agent):
    """Takes what is pressed itself."""

    keypad = Keypad(most=6)

    def __init__(self, **settings: Any) -> None:
        super().__init__("Bank.", **settings)
        self.got: list[str] = []

    async def on_digits(self, session: Session, digits: str) -> None:
        self.got.append(digits)
        session.say(f"Thank you {len(self.got)}.")


class Safe(Bank):
    keypad = Keypad(secret=True)


def lines(session: Session) -> list[str]:
    return [f"{message.role}: {message.text}" for message in session.history if message.text]


def test_a_model_answers_what_was_pressed_once_no_key_has_come_for_a_while() -> None:
    async def main() -> None:
        cast = Cast(llm=FakeLLM(["You pressed twelve."]))
        async with conversation(cast) as sim:
            sim.session.press("1")
            await sim.advance(2.0)
            sim.session.press("2")
            await sim.advance(2.9)
            assert lines(sim.session) == []
            await sim.advance(0.2)
            await sim.finish()
            assert lines(sim.session) == ["user: [pressed 12]", "assistant: You pressed twelve."]
            assert [event.digit for event in sim.told(DigitPressed)] == ["1", "2"]

    run(main())


def test_an_agent_with_the_hook_gets_them_and_no_model_is_asked() -> None:
    async def main() -> None:
        bank, cast = Bank(), Cast()
        async with conversation(cast, agent=bank) as sim:
            sim.session.press("123456789#")
            await sim.finish()
            assert bank.got == ["123456", "789#"]
            assert lines(sim.session) == [
                "user: [pressed 123456]",
                "user: [pressed 789#]",
                "assistant: Thank you 1.",
                "assistant: Thank you 2.",
            ]
        assert not cast.llm.asked

    run(main())


@pytest.mark.parametrize(("interruption", "cut"), [("immediate", True), ("off", False)])
def test_no_key_is_lost_that_is_pressed_while_the_agent_speaks(interruption: Any, cut: bool) -> None:
    async def main() -> None:
        greeting = "Please enter your customer number, and press the hash key when you are done with it."
        bank = Bank(greeting=greeting, greeting_interruption=interruption)
        async with conversation(Cast(), agent=bank) as sim:
            await sim.until(lambda: sim.session.state == "speaking")
            await sim.advance(0.5)
            for key in "471":
                sim.session.press(key)
                await sim.advance(0.4)
            assert (sim.session.state == "listening") is cut, "nothing begins while keys come"
            sim.session.press("1#")
            await sim.finish()
            assert bank.got == ["4711#"]
            assert bool(sim.told(AgentSpeechInterrupted)) is cut
            assert lines(sim.session)[-2:] == ["user: [pressed 4711#]", "assistant: Thank you 1."]

    run(main())


def test_secret_keys_are_in_no_history_no_event_no_journal_and_no_model() -> None:
    async def main() -> None:
        seen: list[Any] = []
        safe, llm = Safe(), FakeLLM(["Well."])
        async with Simulation(
            safe, stt=FakeSTT([]), llm=llm, tts=FakeTTS(), caller=SimulatedCaller(), recorder=seen.append
        ) as sim:
            sim.session.press("90210#")
            await sim.finish()
            sim.session.generate_reply()
            await sim.finish()
            assert safe.got == ["90210#"]
            assert lines(sim.session)[0] == f"user: [pressed {MASK * 5}#]"
            assert [event.digit for event in sim.told(DigitPressed)] == [*(MASK * 5), "#"]
            recorded = " ".join(repr(what) for what in seen if type(what).__name__ in ("KeyPressed", "RunHook"))
            assert recorded.count(MASK) == 10
            assert not any(f"'{key}'" in recorded for key in "9021")
            assert all("90210" not in repr(what) for what in seen)
        assert all("90210" not in repr(chat.messages) for chat in llm.asked)

    run(main())


def test_whoever_presses_is_there() -> None:
    async def main() -> None:
        async with conversation(Cast(), agent=Bank(), options=SessionOptions(away_s=3.0)) as sim:
            await sim.until(lambda: bool(sim.told(UserAway)))
            sim.session.press("1#")
            await sim.until(lambda: bool(sim.told(UserBack)), 1.0)

    run(main())


def test_a_client_presses_keys() -> None:
    async def main() -> None:
        bank = Bank()
        async with conversation(Cast(), agent=bank) as sim:
            sim.session.expose(*session_methods("press"))
            client, _ = client_of(sim)
            await client.call("press", {"keys": "12#"})
            with pytest.raises(RpcError, match="is no key"):
                await client.call("press", {"keys": "x"})
            await sim.finish()
            await client.aclose()
        assert bank.got == ["12#"]

    run(main())


@pytest.mark.parametrize("turns", ["local", "server"])
def test_so_it_is_with_a_speech_to_speech_model(turns: Any) -> None:
    async def main(agent: Agent) -> list[str]:
        async with realtime_call(FakeRealtime(["Twelve."], [], turns=turns), SimulatedCaller(), agent=agent) as sim:
            sim.session.press("12#")
            await sim.finish()
            return lines(sim.session)

    assert run(main(Agent("Be brief."))) == ["user: [pressed 12#]", "assistant: Twelve."]
    bank = Bank()
    run(main(bank))
    assert bank.got == ["12#"]


def test_what_is_no_key_is_refused() -> None:
    async def main() -> None:
        async with conversation(Cast()) as sim:
            for keys in ("", "x", "1 2"):
                with pytest.raises(ValueError, match="is no key"):
                    sim.session.press(keys)
        with pytest.raises(RuntimeError, match="not running"):
            sim.session.press("1")

    run(main())


def test_settings_of_an_agent_are_plain_data() -> None:
    settings = AgentSettings("a", "b", hooks=("on_digits",), keypad=Keypad(4, "*", 1.0, False, True), answers=False)
    assert AgentSettings.from_dict(json.loads(json.dumps(asdict(settings)))) == settings


# ---- Any order of what comes.


class KeyWorld(AgentWorld):
    """Agents of odd numbers take keys themselves, every third wants secret ones, every third task answers nothing."""

    PADS: ClassVar = [Keypad(), Keypad(most=2, interrupts=False), Keypad(most=3, secret=True)]

    def __init__(self, plans: list[int]) -> None:
        super().__init__(plans, FEW_STEPS)
        self.pressed = ""
        self.begins_task = False

    def run_task(self, waits: tuple[int, int] | None = None) -> int:
        self.begins_task = True
        return super().run_task(waits)

    def _settings(self, number: int) -> AgentSettings:
        base = super()._settings(number)
        hooks = (*base.hooks, "on_digits") if number % 2 else base.hooks
        answers = not (getattr(self, "begins_task", False) and self.agents % 3 == 0)
        self.begins_task = False
        return AgentSettings(**{**asdict(base), "hooks": hooks, "keypad": self.PADS[number % 3], "answers": answers})

    def press(self, which: int) -> None:
        key = KEYS[which % 12]
        self.pressed += key
        self.give(it.KeyPressed(self.at(), self.machine.top.settings.keypad.shown(key)))

    def settle(self) -> None:
        super().settle()
        while (due := self.machine._keys_due) is not None:
            self.give(it.TimeCame(it.Stamp(due, self.at().time_ns)))
            super().settle()


def play(draws: list[tuple[int, int]], plans: list[int], closes: bool) -> KeyWorld:
    world = KeyWorld(plans)
    world.give(it.SessionBegan(world.at()))
    for kind, which in draws:
        if kind == 0 and not world.talking:
            world.begin_speech()
        elif kind == 1 and world.talking:
            world.end_turn()
        elif kind in (2, 3, 4):
            world.press(which)
        elif kind == 5 and which % 4 == 0:
            world.give(it.InterruptAsked(world.at()))
        elif kind == 6 and which % 4 == 0 and len(world.machine._switches) < 3:
            world.hand_over()
        elif kind == 7 and which % 3 == 0 and len(world.tasks) < 4:
            world.run_task()
        elif kind == 8 and (mine := [n for n, tool in world.tasks.items() if tool is None]):
            world.end_task(mine[which % len(mine)], given_up=which % 3 == 0)
        elif world.debts:
            world.pay(list(world.debts)[which % len(world.debts)])
    world.close() if closes else world.settle()
    return world


def entries(machine: Machine) -> str:
    """All that the history says was pressed, in order."""
    said = " ".join(message.text for message in machine.history if message.role == "user")
    return "".join(part.partition("]")[0] for part in said.split("[pressed ")[1:])


def check(world: KeyWorld, closes: bool) -> None:
    check_agents(world)
    forgotten = sum(type(effect).__name__ == "ForgetKeys" for effect in world.effects)
    shown = entries(world.machine)
    if not forgotten:
        assert len(shown) == len(world.pressed), "every key is in the history once"
    assert all(key in (MASK, real) for key, real in zip(shown, world.pressed, strict=False)) or forgotten
    assert not world.machine.keys.open
    if not closes:
        assert world.machine.state == "listening"
    again = Machine(world._settings(1), FEW_STEPS, RATE)
    effects = [
        effect for item in world.items for effect in again.handle(it.decode(json.loads(json.dumps(it.encode(item)))))
    ]
    assert effects == world.effects, "a journal replays"


DRAWS = st.lists(st.tuples(st.integers(0, 13), st.integers(0, 99)), max_size=100)
PLAN = st.lists(st.integers(0, len(AgentWorld.steps) - 1), min_size=1, max_size=7)


@settings(max_examples=80, deadline=None)
@given(DRAWS, PLAN, st.booleans())
def test_every_key_is_in_the_history_once_whoever_is_in_charge(
    draws: list[tuple[int, int]], plans: list[int], closes: bool
) -> None:
    check(play(draws, plans, closes), closes)


@pytest.mark.parametrize("seed", [*range(40), 1689, 2398])
def test_so_it_is_in_uniform_random_schedules(seed: int) -> None:
    source = random.Random(seed)
    draws = [(source.randrange(14), source.randrange(100)) for _ in range(source.randrange(20, 160))]
    plans = [source.randrange(len(AgentWorld.steps)) for _ in range(source.randrange(1, 8))]
    check(play(draws, plans, seed % 2 == 0), seed % 2 == 0)
