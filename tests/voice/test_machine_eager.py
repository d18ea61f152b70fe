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
from rtaudio.voice.chat import ChatMessage
from rtaudio.voice.eager import EndWatch
from rtaudio.voice.machine import Machine
from rtaudio.voice.options import SessionOptions
from tests.voice.eager_world import EagerWorld, check_eager, told
from tests.voice.machine_world import OPTIONS, RATE
from tests.voice.test_machine_tools import check_calls, user_words
from tests.voice.tool_world import PLANS

DRAWS = st.lists(st.tuples(st.integers(0, 18), st.integers(0, 99)), max_size=100)
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
        if world.user_acts(kind, which) or (program and world.interrupts(kind, which)):
            pass
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
        elif kind in (16, 17) and world.talking:
            world.pause()
            world.understand(which, complete=True)
        elif kind == 18 and world.talking and world.machine.held is not None:
            if which % 2:
                world.go_on()
            else:
                world.end_turn()
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


def held_world(options: SessionOptions = SPEECH) -> EagerWorld:
    """One is begun for the first turn."""
    world = EagerWorld([0], options)
    world.begin_speech()
    world.pause()
    world.understand(0, complete=True)
    assert [event.state for event in told(world)] == ["begun"]
    return world


def dropped_for(world: EagerWorld) -> ev.EagerReason:
    world.settle()
    check_eager(world)
    check_once(world)
    (begun, dropped) = told(world)[:2]
    assert (begun.state, dropped.state) == ("begun", "dropped")
    assert dropped.why not in ("complete", "probable", "stable", None)
    assert do.DropReply(begun.reply) in world.effects, "its streams are closed"
    return dropped.why


def test_another_chat_or_other_instructions_are_not_what_it_answers() -> None:
    world = held_world()
    stay = world.machine.top
    stay.settings = replace(stay.settings, instructions="Be somebody else.")
    assert dropped_for(world) == "chat"
    world = held_world()
    world.machine.top.chat.append(ChatMessage("assistant", "Somebody put this here."))
    assert dropped_for(world) == "chat"


def test_another_agent_does_not_say_what_the_one_before_had_thought() -> None:
    world = held_world()
    world.machine.top.number = 7
    assert dropped_for(world) == "chat"


def test_an_agent_that_was_to_speak_by_itself_does_not_after_its_answer() -> None:
    world = EagerWorld([0], SPEECH)
    world.begin_speech()
    world.machine._speaks = True
    world.pause()
    world.understand(0, complete=True)
    world.settle()
    assert [event.state for event in told(world)] == ["begun", "kept"]
    assert sum(isinstance(effect, do.StartModel) for effect in world.effects) == 1


def test_a_turn_that_asks_for_nothing_drops_it() -> None:
    world = EagerWorld([0], SPEECH)
    world.words[1] = ""
    world.begin_speech()
    world.pause()
    world.give(it.TranscriptCame(world.at(), 1, "mhm", False, True))
    world.end_turn()
    world.settle()
    assert [(event.state, event.why) for event in told(world)] == [("begun", "complete"), ("dropped", "unasked")]
    assert not world.played


def test_none_is_begun_while_words_of_another_turn_are_awaited() -> None:
    world = EagerWorld([0], SPEECH)
    world.begin_speech()
    world.end_turn()
    world.begin_speech()
    world.pause()
    world.understand(0, complete=True)
    assert told(world) == []
    world.settle()
    check_once(world)


def test_the_voice_gets_no_more_than_the_first_clause_ahead() -> None:
    world = held_world()
    while (queue := ("reply", 1, "llm")) in world.debts:
        world.pay(queue)
    while (queue := ("reply", 1, "tts", 0)) in world.debts:
        world.pay(queue)
    assert [effect.clause for effect in world.effects if isinstance(effect, do.StartSpeech)] == [0]
    assert not world.played
    world.settle()
    assert [event.state for event in told(world)] == ["begun", "kept"]
    assert [effect.clause for effect in world.effects if isinstance(effect, do.StartSpeech)] == [0, 1, 2]


def watch(**settings: float | None) -> EndWatch:
    """Of a user who fell silent at 32000, with words that came before that."""
    watched = EndWatch(replace(SessionOptions(), **settings))  # type: ignore[arg-type]
    watched.spoke(1)
    watched.understood("when do you open", False, 30000)
    watched.fell_silent(32000)
    return watched


def test_what_is_known_of_the_end_says_when_one_is_begun() -> None:
    assert watch().ripe() is None, "nobody says how probable it is"
    assert watch(eager_stable_s=0.5).ripe() == (40000, "stable")
    for end, probability, ripe in ((32000, 0.75, (36000, "probable")), (32000, 0.74, None), (31000, 0.99, None)):
        watched = watch()
        watched.weigh(end, probability)
        assert watched.ripe() == ripe
    watched.weigh(32000, 0.9)
    watched.understood("when do you open today", False, 34000)
    assert watched.ripe() == (34800, "probable"), "they came in the silence"
    watched.understood("When do you open today?", True, 34500)
    assert watched.ripe() == (32000, "complete")
    watched.tried.append("when do you open today")
    assert watched.ripe() is None, "once in a silence"
    watched.spoke(1)
    watched.fell_silent(50000)
    assert watched.ripe() is None, "another silence"


def test_silence_does_not_overrule_a_core_that_says_no() -> None:
    watched = watch(eager_stable_s=0.1)
    watched.weigh(32000, 0.1)
    assert watched.ripe() is None
