"""Agents under any order of what comes: laws 5, 9 and 10, message rules, and nobody left in charge or waiting."""

from __future__ import annotations

import json
import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import items as it
from rtaudio.voice.machine import Machine
from tests.voice.agent_world import AgentWorld
from tests.voice.machine_world import RATE
from tests.voice.test_machine_tools import FEW_STEPS, check_calls, told, user_words

DRAWS = st.lists(st.tuples(st.integers(0, 13), st.integers(0, 99)), max_size=100)
"""(what happens, which of the possible ones)"""
PLAN = st.lists(st.integers(0, len(AgentWorld.steps) - 1), min_size=1, max_size=7)


def run(
    draws: list[tuple[int, int]],
    plans: list[int],
    *,
    failures: bool = False,
    program: bool = False,
    closes: bool = False,
    hooks: bool = True,
    wishes: bool = False,
) -> AgentWorld:
    """`program`: it interrupts, hands over, runs tasks and gives them up. `closes`: in the middle of it. `wishes`:
    texts and replies are asked for, and words typed."""
    world = AgentWorld(plans, FEW_STEPS, hooks)
    world.give(it.SessionBegan(world.at()))
    for kind, which in draws:
        world.fails = failures and kind == 9
        if world.user_acts(kind, which) or (program and world.interrupts(kind, which)):
            pass
        elif kind == 5 and len(world.machine.queue) < 3 and (program or world.machine.step is not None):
            world.give(it.SayAsked(world.at(), "One moment, please.", 0))
        elif kind == 6 and program and which % 4 == 0 and len(world.machine._switches) < 3:
            world.hand_over()
        elif kind == 7 and program and which % 3 == 0 and len(world.tasks) < 4:
            world.run_task()
        elif kind == 8 and program and which % 2 and (mine := [n for n, tool in world.tasks.items() if tool is None]):
            world.end_task(mine[which % len(mine)], given_up=which % 3 == 0)
        elif kind in (10, 11) and wishes:
            world.ask(which)
        elif kind == 12 and wishes and program and which % 4 == 0:
            world.stop(which)
        elif world.debts:
            world.pay(list(world.debts)[which % len(world.debts)])
        world.fails = False
    if closes:
        world.close()
    else:
        world.settle()
    return world


def check_agents(world: AgentWorld) -> None:
    machine = world.machine
    assert machine.reply is None
    assert machine.step is None
    assert not machine._left
    assert not machine._switches
    assert not world.tasks, "nobody waits for a task"
    assert world.left == [] or machine.closed, "whoever wished for something was told what became of it"
    assert len(world.tasks_over) == len(set(world.tasks_over))
    changes = [event for event in told(world) if isinstance(event, ev.AgentChanged)]
    assert [f"n{number}" for number in world.put_in_charge[1:]] == [event.after for event in changes]
    assert [event.before for event in changes] == [f"n{number}" for number in world.put_in_charge[:-1]]
    begun = silent_until = 0
    for effect in world.effects:
        match effect:
            case do.BeginReply():
                begun = effect.reply
            case do.PutInCharge():
                silent_until = begun
            case do.StartSpeech() | do.PlayAudio() | do.StartModel():
                assert effect.reply > silent_until, "a reply is of one agent, in one voice"
    handed = sum(event.why == "handoff" for event in changes)
    uses = [use for message in machine.history for use in message.tools]
    promised = [use for use in uses if "Handed over." in use.output]
    undone = len(promised) - handed
    assert undone == 0 or (machine.closed and undone == 1), "what a model was told of handing over is so"


@settings(max_examples=120, deadline=None)
@given(DRAWS, PLAN, st.booleans(), st.booleans())
def test_every_turn_has_one_answer_whoever_is_in_charge(
    draws: list[tuple[int, int]], plans: list[int], hooks: bool, wishes: bool
) -> None:
    check_whole(run(draws, plans, hooks=hooks, wishes=wishes))


def check_whole(world: AgentWorld) -> None:
    check_calls(world, in_order=False)  # a step that was put aside comes behind the task
    check_agents(world)
    machine = world.machine
    assert machine.state == "listening"
    assert len(machine.stack) == 1
    assert machine.stack[0].aside is None
    assert not machine._hooks
    assert not any((machine._speaks, machine._entering, machine._go_on, machine._unanswered, machine._late))
    assert not world.calls.busy
    said = [text for _, text in sorted(world.turns.items()) if text]
    words = [word for word in user_words(world) if word not in world.typed.values()]
    assert words == " ".join(said).split(), "every turn is in the history once, in order"
    assert Counter(user_words(world)) == Counter([*words, *world.typed.values()]), "and so is what was typed"
    heard = {event.reply for event in told(world) if isinstance(event, ev.AgentSpeechHeard)}
    heard |= {e.reply for e in told(world) if isinstance(e, ev.AgentSpeechInterrupted) and e.heard}
    answers = {world.chains[reply] for reply in heard if reply in world.chains}
    turns = Counter(world.turn_of[chain] for chain in answers if world.turn_of[chain])
    assert max(turns.values(), default=1) == 1, "no turn is answered by two answers that were heard"


@settings(max_examples=120, deadline=None)
@given(DRAWS, PLAN, st.booleans(), st.booleans())
def test_so_it_is_when_anything_fails_the_program_meddles_and_at_the_close(
    draws: list[tuple[int, int]], plans: list[int], closes: bool, hooks: bool
) -> None:
    check_troubled(run(draws, plans, failures=True, program=True, closes=closes, hooks=hooks), closes)


def check_troubled(world: AgentWorld, closes: bool) -> None:
    check_calls(world, in_order=False)  # a step that was put aside comes behind the task
    check_agents(world)
    understood = [word for text in world.turns.values() for word in text.split()]
    missing = Counter(understood) - Counter(user_words(world))
    assert not missing, "no turn is lost"
    if not closes:
        assert world.machine.state == "listening"
        assert len(world.machine.stack) == 1


@settings(max_examples=40, deadline=None)
@given(DRAWS, PLAN)
def test_recorded_items_give_the_same_effects_again(draws: list[tuple[int, int]], plans: list[int]) -> None:
    """Law 5, and there is no agent."""
    world = run(draws, plans, failures=True, program=True, wishes=True)
    recorded = json.dumps([it.encode(item) for item in world.items])
    machine = Machine(world._settings(1), FEW_STEPS, RATE)
    assert [effect for data in json.loads(recorded) for effect in machine.handle(it.decode(data))] == world.effects
    assert machine.history == world.machine.history
    assert machine.chat == world.machine.chat


def test_schedules_drawn_evenly() -> None:
    """Where every act is as likely as any other, at every length: it finds what shrinking towards nothing misses."""
    for seed in range(300):
        luck = random.Random(seed)
        draws = [(luck.randrange(14), luck.randrange(100)) for _ in range(luck.randrange(20, 160))]
        plans = [luck.randrange(len(AgentWorld.steps)) for _ in range(luck.randrange(1, 8))]
        if luck.random() < 0.5:
            check_whole(run(draws, plans, hooks=luck.random() < 0.5, wishes=seed % 3 == 0))
        else:
            closes = luck.random() < 0.3
            world = run(draws, plans, failures=True, program=True, closes=closes, wishes=seed % 3 == 0)
            check_troubled(world, closes)


def test_every_task_that_is_asked_for_comes_to_its_end() -> None:
    world = run([(1, 1)] * 5, [0], program=True)
    asked = [world.run_task(), world.run_task()]
    world.settle()
    assert world.tasks_over == [asked[1], asked[0]] or world.tasks_over == asked
    assert [effect.agent for effect in world.effects if isinstance(effect, do.TaskOver)] == world.tasks_over
