"""The machine's state written down and taken up by another, at any moment of any schedule (laws 5, 9 and 10)."""

from __future__ import annotations

import random
from collections import Counter

import msgspec
from hypothesis import given, settings

from rtaudio.voice import items as it
from rtaudio.voice.agent import Agent
from rtaudio.voice.machine import Machine
from rtaudio.voice.machine_state import MachineState, state_of
from rtaudio.voice.reply import Phase
from tests.voice.machine_world import OPTIONS, RATE, World
from tests.voice.test_machine import DRAWS, user_words


def crash(world: World, missed: int) -> None:
    """Another machine goes on. Streams and their answers are gone; of what the playout still owed, `missed` is told
    before it has caught up, and the rest after."""
    before = state_of(world.machine, {1: 1})
    state = msgspec.json.decode(msgspec.json.encode(before), type=MachineState)
    assert state == before
    for queue in [queue for queue in world.debts if queue != "out"]:
        del world.debts[queue]
    world.recognitions.clear()
    opened, reply = world.opened_turns, world.machine.reply
    world.machine = Machine(Agent(), OPTIONS, RATE)
    at = world.at()
    world.give(it.SessionRestored(at, state))
    world.opened_turns = opened
    # Of a segment that was being written, the end never comes: the cut does.
    whole = reply is not None and reply.segment_ended
    for _ in range(missed if whole else min(missed, 1)):
        if "out" in world.debts:
            world.pay("out")
    world.give(it.SessionCaughtUp(world.at()))


def run(draws: list[tuple[int, int]]) -> World:
    world = World()
    for kind, which in draws:
        reply = world.machine.reply
        if kind == 0 and not world.talking:
            world.begin_speech()
        elif kind == 1 and world.talking:
            world.end_turn()
        elif kind == 2 and world.talking and reply is not None and reply.phase is Phase.SPEAKING:
            world.core_cuts()
        elif kind == 3 and which % 4 == 0:
            crash(world, which % 3)
        elif world.debts:
            world.pay(list(world.debts)[which % len(world.debts)])
    world.settle()
    return world


def check(world: World) -> None:
    history = world.machine.history
    said = [text for _, text in sorted(world.turns.items()) if text]
    assert user_words(history) == said, "every turn is in the history once, in order"
    begun = [world.answered[reply] for reply in world.heard if reply in world.answered]
    assert max(Counter(begun).values(), default=1) == 1, "no turn is answered by two replies that were heard"
    if said:
        assert history[-1].role == "assistant", "the last thing said was answered"


@settings(max_examples=150, deadline=None)
@given(DRAWS)
def test_no_turn_is_lost_and_none_answered_twice_wherever_the_process_dies(draws: list[tuple[int, int]]) -> None:
    check(run(draws))


def test_so_it_is_for_uniform_schedules() -> None:
    for seed in range(200):
        rng = random.Random(seed)
        check(run([(rng.randrange(10), rng.randrange(100)) for _ in range(rng.randrange(150))]))
