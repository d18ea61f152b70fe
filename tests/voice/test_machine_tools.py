"""The machine and its tools under any order of what comes: laws 5, 9 and 10, and the rules of model servers."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import items as it
from rtaudio.voice.agent import Agent
from rtaudio.voice.machine import Machine
from tests.voice.machine_world import OPTIONS, RATE
from tests.voice.tool_world import PLANS, ToolWorld

DRAWS = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 99)), max_size=100)
"""(what happens, which of the possible ones)"""
PLAN = st.lists(st.integers(0, len(PLANS) - 1), min_size=1, max_size=7)
FEW_STEPS = replace(OPTIONS, tool_steps=3)


def run(
    draws: list[tuple[int, int]],
    plans: list[int],
    *,
    failures: bool = False,
    program: bool = False,
    closes: bool = False,
) -> ToolWorld:
    """`program`: it says and interrupts. `closes`: in the middle of it."""
    world = ToolWorld(plans, FEW_STEPS)
    for kind, which in draws:
        world.fails = failures and kind == 9
        if world.user_acts(kind, which) or (program and world.interrupts(kind, which)):
            pass
        elif kind == 5 and len(world.machine.queue) < 3 and (program or world.machine.step is not None):
            world.give(it.SayAsked(world.at(), "One moment, please.", 0))
        elif world.debts:
            world.pay(list(world.debts)[which % len(world.debts)])
        world.fails = False
    if closes:
        world.close()
    else:
        world.settle()
    return world


def told(world: ToolWorld) -> list[ev.SessionEvent]:
    return [effect.event for effect in world.effects if isinstance(effect, do.Emit)]


def check_calls(world: ToolWorld, *, in_order: bool = True) -> None:
    """No call without a result, no result twice, whatever became of the speech. `in_order`: of the calls, too."""
    world.check_rules()
    uses = [use for message in world.machine.history for use in message.tools]
    ran = [call for effect in world.effects if isinstance(effect, do.RunTools) for call in effect.calls]
    given, called = [use.id for use in uses if not use.id.endswith("_late")], [call.id for call in ran]
    assert (given if in_order else sorted(given)) == (called if in_order else sorted(called))
    started = [event.call_id for event in told(world) if isinstance(event, ev.ToolStarted)]
    finished = [event.call_id for event in told(world) if isinstance(event, ev.ToolFinished)]
    assert Counter(finished) == Counter(call.id for call in ran)
    assert set(started) <= set(finished)


def user_words(world: ToolWorld) -> list[str]:
    return [word for message in world.machine.history if message.role == "user" for word in message.text.split()]


@settings(max_examples=120, deadline=None)
@given(DRAWS, PLAN)
def test_every_call_has_its_result_and_every_turn_one_answer(draws: list[tuple[int, int]], plans: list[int]) -> None:
    world = run(draws, plans)
    check_calls(world)
    machine = world.machine
    assert machine.reply is None
    assert machine.step is None
    assert machine.state == "listening"
    assert not world.calls.busy
    said = [text for _, text in sorted(world.turns.items()) if text]
    assert user_words(world) == " ".join(said).split(), "every turn is in the history once, in order"
    late = [use.id for message in machine.history for use in message.tools if use.id.endswith("_late")]
    running = [use for message in machine.history for use in message.tools if use.output.startswith("Still running")]
    assert len(late) == len(running), "what was still running came at last"
    heard = {event.reply for event in told(world) if isinstance(event, ev.AgentSpeechHeard)}
    heard |= {e.reply for e in told(world) if isinstance(e, ev.AgentSpeechInterrupted) and e.heard}
    answers = {world.chains[reply] for reply in heard if reply in world.chains}
    turns = Counter(world.turn_of[chain] for chain in answers if world.turn_of[chain])
    assert max(turns.values(), default=1) == 1, "no turn is answered by two answers that were heard"
    wants = [n for n, text in world.turns.items() if text not in ("", "mhm")]
    if wants:
        last = max(
            at for at, message in enumerate(machine.history) if message.role == "user" and not message.backchannel
        )
        assert any(message.role == "assistant" and message.text for message in machine.history.messages[last:])
    steps = [event.steps for event in told(world) if isinstance(event, ev.ToolStepsSpent)]
    assert set(steps) <= {3}


@settings(max_examples=120, deadline=None)
@given(DRAWS, PLAN, st.booleans())
def test_so_it_is_when_anything_fails_and_at_the_close(
    draws: list[tuple[int, int]], plans: list[int], closes: bool
) -> None:
    world = run(draws, plans, failures=True, program=True, closes=closes)
    check_calls(world)
    assert world.machine.reply is None
    assert world.machine.step is None
    understood = [word for text in world.turns.values() for word in text.split()]
    missing = Counter(understood) - Counter(user_words(world))
    assert not missing, "no turn is lost"
    if not closes:
        assert world.machine.state == "listening"


@settings(max_examples=40, deadline=None)
@given(DRAWS, PLAN)
def test_recorded_items_give_the_same_effects_again(draws: list[tuple[int, int]], plans: list[int]) -> None:
    """Law 5, and no tool is run."""
    world = run(draws, plans, failures=True, program=True)
    recorded = json.dumps([it.encode(item) for item in world.items])
    machine = Machine(Agent(), FEW_STEPS, RATE)
    assert [effect for data in json.loads(recorded) for effect in machine.handle(it.decode(data))] == world.effects
    assert machine.history == world.machine.history
