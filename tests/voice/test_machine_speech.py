"""What the program wants said, beside what the user says, in any order: laws 5, 9 and 10."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import items as it
from rtaudio.voice.agent import Agent
from rtaudio.voice.chat import ChatMessage
from rtaudio.voice.machine import Machine
from tests.voice.machine_world import OPTIONS, RATE
from tests.voice.speech_world import SpeechWorld
from tests.voice.tool_world import PLANS

DRAWS = st.lists(st.tuples(st.integers(0, 13), st.integers(0, 99)), max_size=100)
PLAN = st.lists(st.integers(0, len(PLANS) - 1), min_size=1, max_size=7)
Draws = list[tuple[int, int]]


def run(
    draws: Draws, plans: list[int], *, stops: bool = False, failures: bool = False, closes: bool = False
) -> SpeechWorld:
    """`stops`: the program does not want single speeches any more, or all of them."""
    world = SpeechWorld(plans)
    for kind, which in draws:
        world.fails = failures and kind == 9
        if kind == 6 and stops:
            world.stop(which)
        elif kind == 7 and stops and which % 8 == 0:
            world.give(it.InterruptAsked(world.at()))
        else:
            world.do(kind, which)
        world.fails = False
    if closes:
        world.close()
    else:
        world.settle()
    return world


def user_words(world: SpeechWorld) -> Counter[str]:
    history = world.machine.history
    return Counter(word for message in history if message.role == "user" for word in message.text.split())


def check_end(world: SpeechWorld) -> None:
    """Whatever happened: all speeches are over, nothing the user said or typed is lost or there twice."""
    world.check_rules()
    assert world.left == [], "every handle comes to an end"
    assert len(world.machine.queue) == 0
    said = [word for text in world.turns.values() for word in text.split()]
    words = user_words(world)
    assert not Counter([*said, *world.typed.values()]) - words, "no turn is lost, spoken or typed (law 10)"
    assert not words - Counter([*said, *world.typed.values()]), "and none is there twice"
    heard = [message.text for message in world.machine.history if message.role == "assistant"]
    for message in world.messages.values():
        assert not isinstance(message, ChatMessage) or not message.text or message.text in heard, "law 9"


def check_rest(world: SpeechWorld) -> None:
    assert world.machine.reply is None
    assert world.machine.step is None
    assert world.machine.state == "listening"


def check_answers(world: SpeechWorld) -> None:
    """What was said and typed is answered: once, and up to the last."""
    told = [effect.event for effect in world.effects if isinstance(effect, do.Emit)]
    heard = {event.reply for event in told if isinstance(event, ev.AgentSpeechHeard)}
    heard |= {event.reply for event in told if isinstance(event, ev.AgentSpeechInterrupted) and event.heard}
    answers = {world.chains[reply] for reply in heard if reply in world.chains}
    turns = Counter(world.turn_of[chain] for chain in answers if world.turn_of[chain])
    assert max(turns.values(), default=1) == 1, "no turn is answered by two answers that were heard"
    places = [at for at, m in enumerate(world.machine.history) if m.role == "user" and not m.backchannel]
    if places:
        after = world.machine.history.messages[places[-1] :]
        beside = ("Remark", "One moment.", "Still at it.")
        assert any(m.role == "assistant" and m.text and not m.text.startswith(beside) for m in after)


@settings(max_examples=150, deadline=None)
@given(DRAWS, PLAN)
def test_whatever_is_said_typed_and_asked_for_every_speech_ends_and_every_turn_is_answered_once(
    draws: Draws, plans: list[int]
) -> None:
    world = run(draws, plans)
    check_end(world)
    check_rest(world)
    check_answers(world)
    last = {ticket: states[-1] for ticket, states in world.states.items()}
    assert "failed" not in last.values()
    assert "cancelled" not in last.values(), "nobody took anything out"


@settings(max_examples=150, deadline=None)
@given(DRAWS, PLAN, st.booleans())
def test_so_it_is_when_the_program_changes_its_mind_anything_fails_and_at_the_close(
    draws: Draws, plans: list[int], closes: bool
) -> None:
    world = run(draws, plans, stops=True, failures=True, closes=closes)
    check_end(world)
    if not closes:
        check_rest(world)


@settings(max_examples=40, deadline=None)
@given(DRAWS, PLAN)
def test_recorded_items_give_the_same_effects_again(draws: Draws, plans: list[int]) -> None:
    """Law 5."""
    world = run(draws, plans, stops=True, failures=True)
    recorded = json.dumps([it.encode(item) for item in world.items])
    machine = Machine(Agent(), OPTIONS, RATE)
    assert [effect for data in json.loads(recorded) for effect in machine.handle(it.decode(data))] == world.effects
    assert machine.history == world.machine.history
