"""Replies that are begun before their turn is over, under any order of what comes: laws 2, 5 and 10."""

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
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.reply import Phase
from tests.voice.eager_world import EagerWorld, check_eager
from tests.voice.machine_world import OPTIONS, RATE
from tests.voice.test_machine_tools import WORDS, check_calls, user_words
from tests.voice.tool_world import PLANS

DRAWS = st.lists(st.tuples(st.integers(0, 15), st.integers(0, 99)), max_size=100)
"""(what happens, which of the possible ones)"""
PLAN = st.lists(st.integers(0, len(PLANS) - 1), min_size=1, max_size=7)
SPEECH = replace(OPTIONS, tool_steps=3, eager="speech", eager_stable_s=0.1, away_s=None)
TEXT = replace(SPEECH, eager="text", eager_stable_s=None, eager_attempts=1)


def run(
    draws: list[tuple[int, int]],
    plans: list[int],
    options: SessionOptions = SPEECH,
    *,
    failures: bool = False,
    program: bool = False,
    closes: bool = False,
) -> EagerWorld:
    """`program`: it says and interrupts. `closes`: in the middle of it."""
    world = EagerWorld(plans, options)
    for kind, which in draws:
        world.fails = failures and kind == 9
        reply = world.machine.reply
        speaking = reply is not None and reply.phase is Phase.SPEAKING
        if kind == 0 and not world.talking:
            if which % 3 == 0:
                world.words[world.next_turn] = WORDS[which % len(WORDS)]
            world.begin_speech()
        elif kind == 1 and world.talking:
            world.end_turn()
        elif kind == 2 and world.talking and speaking:
            world.core_cuts()
        elif kind == 3 and not world.talking and world.may_resume:
            world.resume_turn(heard=which % 3 == 0)
        elif kind == 4 and program and which % 4 == 0:
            world.give(it.InterruptAsked(world.at()))
        elif kind == 5 and program and which % 3 == 0 and len(world.machine.queue) < 3:
            world.give(it.SayAsked(world.at(), "One moment, please.", 0))
        elif kind in (10, 11) and world.talking:
            world.pause()
        elif kind == 12 and world.talking and which % 3 == 0:
            world.go_on()
        elif kind == 13 and world.talking:
            world.weigh(which / 99)
        elif kind == 14:
            world.understand(which, complete=which % 4 == 0)
        elif kind == 15:
            world.tell_time(world.mic + 160 * which)
        elif world.debts:
            world.pay(list(world.debts)[which % len(world.debts)])
        world.fails = False
    if closes:
        world.close()
    else:
        world.settle()
    return world


def check_once(world: EagerWorld) -> None:
    """Law 10: every turn is in the history once, and answered once."""
    said = [text for _, text in sorted(world.turns.items()) if text]
    assert user_words(world) == " ".join(said).split(), "every turn is in the history once, in order"
    events = [effect.event for effect in world.effects if isinstance(effect, do.Emit)]
    heard = {event.reply for event in events if isinstance(event, ev.AgentSpeechHeard)}
    heard |= {event.reply for event in events if isinstance(event, ev.AgentSpeechInterrupted) and event.heard}
    answers = {world.chains[reply] for reply in heard if reply in world.chains}
    turns = Counter(world.turn_of[chain] for chain in answers if world.turn_of[chain])
    assert max(turns.values(), default=1) == 1, "no turn is answered by two answers that were heard"
    if any(text not in ("", "mhm") for text in world.turns.values()):
        history = world.machine.history
        last = max(at for at, message in enumerate(history) if message.role == "user" and not message.backchannel)
        assert any(message.role == "assistant" and message.text for message in history.messages[last:])


def check_rest(world: EagerWorld) -> None:
    machine = world.machine
    assert (machine.reply, machine.held, machine.step) == (None, None, None)
    assert machine.state == "listening"
    assert not world.calls.busy
    assert not world.recognitions


@settings(max_examples=150, deadline=None)
@given(DRAWS, PLAN)
def test_a_turn_is_answered_once_and_nothing_gets_out_of_what_was_dropped(
    draws: list[tuple[int, int]], plans: list[int]
) -> None:
    world = run(draws, plans)
    check_eager(world)
    check_calls(world)
    check_once(world)
    check_rest(world)


@settings(max_examples=100, deadline=None)
@given(DRAWS, PLAN, st.sampled_from([SPEECH, TEXT]), st.booleans())
def test_so_it_is_whatever_fails_is_interrupted_or_closed(
    draws: list[tuple[int, int]], plans: list[int], options: SessionOptions, closes: bool
) -> None:
    world = run(draws, plans, options, failures=True, program=True, closes=closes)
    check_eager(world)
    check_calls(world)
    if not closes:
        check_rest(world)
        said = [text for _, text in sorted(world.turns.items()) if text]
        assert Counter(user_words(world)) == Counter(" ".join(said).split()), "no turn is lost or doubled"


@settings(max_examples=60, deadline=None)
@given(DRAWS, PLAN)
def test_recorded_items_give_the_same_effects_again(draws: list[tuple[int, int]], plans: list[int]) -> None:
    """Law 5."""
    world = run(draws, plans, failures=True, program=True)
    recorded = json.dumps([it.encode(item) for item in world.items])
    machine = Machine(Agent(), SPEECH, RATE)
    effects = [effect for data in json.loads(recorded) for effect in machine.handle(it.decode(data))]
    assert effects == world.effects
    assert machine.history == world.machine.history
