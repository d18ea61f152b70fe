"""The machine under any order and pace of what comes: laws 5, 9 and 10."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio.voice import effects as do
from rtaudio.voice import items as it
from rtaudio.voice.agent import Agent
from rtaudio.voice.chat import ChatContext
from rtaudio.voice.events import Backchannel, StateChanged, TurnEnded, TurnResumed
from rtaudio.voice.machine import Machine
from rtaudio.voice.policies import Interruption
from rtaudio.voice.reply import Phase
from tests.voice.machine_world import OPTIONS, RATE, REPLY, World

DRAWS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 99)), max_size=150)
"""(what happens, which of the possible ones)"""


WORDS = ["mhm", "yeah okay", "stop", "them", "what about sunday"]
POLICIES: list[Interruption | None] = [None, "off", "duck_only", "pause", "after_sentence", "immediate"]


def run(
    draws: list[tuple[int, int]],
    *,
    failures: bool = False,
    interrupts: bool = False,
    listens: bool = False,
    resumes: bool = False,
    blips: bool = False,
) -> World:
    """`listens`: the user says what listeners say, the core judges it, and utterances have policies of their own.
    `resumes`: the user goes on with a turn that was over. `blips`: the core suspects, and there was nothing; and users
    pause within a turn."""
    world = World()
    for kind, which in draws:
        world.fails = failures and kind == 9
        reply = world.machine.reply
        if kind == 0 and not world.talking:
            if listens:
                world.words[world.next_turn] = WORDS[which % len(WORDS)]
            world.begin_speech()
        elif kind == 1 and world.talking:
            world.end_turn()
        elif kind == 7 and resumes and not world.talking and world.core:
            world.resume_turn(heard=which % 3 == 0)
        elif kind == 2 and world.talking and reply is not None and reply.phase is Phase.SPEAKING:
            world.core_cuts()
        elif kind == 3 and interrupts:
            world.give(it.InterruptAsked(world.at()))
        elif kind == 4 and (interrupts or listens) and len(world.machine.queue) < 3:
            policy = POLICIES[which % len(POLICIES)] if listens else None
            world.give(it.SayAsked(world.at(), "By the way, this is a remark.", 0, policy))
        elif kind == 5 and listens and world.talking and reply is not None and reply.phase is Phase.SPEAKING:
            world.judge("false" if which % 2 else "backchannel")
        elif kind == 8 and blips and world.talking:
            world.pause_speech(blips=which % 2 == 0)
        elif kind == 8 and blips and which % 2:
            world.blip()
        elif kind == 6 and listens:
            world.tell_time(world.mic + 16000 * which)
        elif world.debts:
            world.pay(list(world.debts)[which % len(world.debts)])
        world.fails = False
    world.settle()
    return world


def user_words(history: ChatContext) -> list[str]:
    return [word for message in history if message.role == "user" for word in message.text.split()]


@settings(max_examples=150, deadline=None)
@given(DRAWS)
def test_no_turn_is_lost_and_none_is_answered_twice(draws: list[tuple[int, int]]) -> None:
    world = run(draws)
    history = world.machine.history
    said = [text for _, text in sorted(world.turns.items()) if text]
    assert user_words(history) == said, "every turn is in the history once, in order"
    begun = [world.answered[reply] for reply in world.heard if reply in world.answered]
    assert max(Counter(begun).values(), default=1) == 1, "no turn is answered by two replies that were heard"
    if said:
        assert history[-1].role == "assistant", "the last thing said was answered"
    roles = [message.role for message in history]
    assert not re.search("user,user", ",".join(roles)), "what was unanswered was joined"


@settings(max_examples=200, deadline=None)
@given(DRAWS)
def test_whatever_a_listener_says_is_kept_and_what_asks_for_an_answer_gets_one(draws: list[tuple[int, int]]) -> None:
    """Law 10, under every policy and every judgement of the core."""
    world = run(draws, interrupts=False, listens=True)
    history = world.machine.history
    said = [text for _, text in sorted(world.turns.items()) if text]
    assert " ".join(user_words(history)) == " ".join(said), "every turn is in the history once, in order"
    begun = [world.answered[reply] for reply in world.heard if reply in world.answered]
    assert max(Counter(begun).values(), default=1) == 1, "no turn is answered by two replies that were heard"
    kept = [effect.event for effect in world.effects if isinstance(effect, do.Emit)]
    listened = [event.turn for event in kept if isinstance(event, Backchannel)]
    assert sum(message.backchannel for message in history) == len(listened)
    assert not [turn for turn in listened if "stop" in world.turns[turn]], "that is no listener's word"
    wants = [turn for turn, text in world.turns.items() if text and turn not in listened and turn not in world.judged]
    assert max(world.answered.values(), default=0) >= max(wants, default=0), "the last that asks for an answer got one"


@settings(max_examples=200, deadline=None)
@given(DRAWS)
def test_a_turn_that_is_resumed_is_answered_once_and_whole(draws: list[tuple[int, int]]) -> None:
    """Law 10: whatever had been begun for the first part, however far it was."""
    world = run(draws, resumes=True)
    history = world.machine.history
    said = [text for _, text in sorted(world.turns.items()) if text]
    assert user_words(history) == said, "both parts are in the history once, in order"
    assert not world.unheard & set(world.heard), "what was begun for the first part, and not yet heard, is never heard"
    begun = [world.answered[reply] for reply in world.heard if reply in world.answered]
    assert max(Counter(begun).values(), default=1) == 1
    if said:
        assert history[-1].role == "assistant", "the last thing said was answered"
    assert not re.search("user,user", ",".join(message.role for message in history)), "the parts were joined"
    ended = [effect.event for effect in world.effects if isinstance(effect, do.Emit)]
    resumed = [event.turn for event in ended if isinstance(event, TurnResumed)]
    assert len(resumed) == len(world.resumed)
    numbers = [event.turn for event in ended if isinstance(event, TurnEnded)]
    assert sorted(set(numbers)) == list(range(1, len(set(numbers)) + 1)), "users see one number for all parts"
    assert len(numbers) == world.opened_turns


@settings(max_examples=300, deadline=None)
@given(DRAWS)
def test_whatever_comes_together_no_words_are_lost_and_none_are_left_without_an_answer(
    draws: list[tuple[int, int]],
) -> None:
    """Law 10: listeners, policies, says, resumed turns, pauses and blips, in any order."""
    world = run(draws, listens=True, resumes=True, blips=True)
    history = world.machine.history
    said = [text for _, text in sorted(world.turns.items()) if text]
    assert " ".join(user_words(history)) == " ".join(said), "every turn is in the history once, in order"
    begun = [world.answered[reply] for reply in world.heard if reply in world.answered]
    assert max(Counter(begun).values(), default=1) == 1, "no turn is answered by two replies that were heard"
    wants = [number for number, text in world.turns.items() if text and number not in world.listened | world.judged]
    heard = [world.answered[reply] for reply in world.heard if reply in world.answered]
    assert max(heard, default=0) >= max(wants, default=0), "the last that asks for an answer got one that was heard"


@settings(max_examples=150, deadline=None)
@given(DRAWS)
def test_whatever_fails_or_is_interrupted_the_session_comes_to_rest(draws: list[tuple[int, int]]) -> None:
    world = run(draws, failures=True, interrupts=True, resumes=True)
    machine = world.machine
    assert machine.reply is None
    assert not machine.turns.open
    assert not machine.queue
    assert machine.state == "listening"
    assert not world.recognitions, "every stream of recognition was closed"
    understood = [text for _, text in sorted(world.turns.items()) if text]
    assert Counter(user_words(machine.history)) == Counter(understood), "no turn is lost or doubled"


@settings(max_examples=60, deadline=None)
@given(DRAWS)
def test_recorded_items_give_the_same_effects_again(draws: list[tuple[int, int]]) -> None:
    world = run(draws, failures=True, interrupts=True, listens=True, resumes=True)
    recorded = json.dumps([it.encode(item) for item in world.items])
    machine = Machine(Agent(), OPTIONS, RATE)
    effects = [effect for data in json.loads(recorded) for effect in machine.handle(it.decode(data))]
    assert effects == world.effects
    assert machine.history == world.machine.history


@settings(max_examples=60, deadline=None)
@given(DRAWS)
def test_states_follow_one_another(draws: list[tuple[int, int]]) -> None:
    world = run(draws, failures=True, interrupts=True)
    state = "listening"
    for effect in world.effects:
        if isinstance(effect, do.Emit) and isinstance(effect.event, StateChanged):
            assert effect.event.before == state
            assert effect.event.state != state
            state = effect.event.state
    assert state == "listening"


def test_a_turn_that_goes_on_while_the_agent_thinks_is_joined() -> None:
    world = World()
    world.begin_speech()
    world.end_turn()
    world.pay(("stt", 1))
    world.pay(("reply", 1, "llm"))
    world.begin_speech()
    assert world.machine.reply is None
    assert ("reply", 1, "llm") not in world.debts
    world.end_turn()
    world.pay(("stt", 2))
    assert [message.text for message in world.machine.history] == ["turn1. turn2."]
    assert world.answered == {1: 1, 2: 2}


def test_a_noise_while_the_agent_thinks_does_not_lose_the_turn() -> None:
    world = World()
    for number in (1, 2, 3):
        world.begin_speech()
        world.end_turn()
        if number < 3:
            world.settle()
    world.pay(("stt", 3))
    world.begin_speech()  # turn 4 has no words
    world.settle()
    texts = [message.text for message in world.machine.history if message.role == "user"]
    assert texts == ["turn1.", "turn2.", "turn3."]
    assert world.machine.history[-1].role == "assistant"


def test_a_turn_after_a_false_barge_in_is_noted_and_not_answered() -> None:
    world = World()
    world.begin_speech()
    world.end_turn()
    while world.machine.state != "speaking":
        world.pay(next(iter(world.debts)))
    world.begin_speech()
    world.give(it.BargeChanged(world.at(), "suspected", "quiet"))
    world.give(it.BargeChanged(world.at(), "false", "suspected"))
    world.end_turn()
    world.pay(("stt", 2))
    world.settle()
    assert [message.role for message in world.machine.history] == ["user", "assistant", "user"]
    assert list(world.answered) == [1]


def test_a_slow_transcript_keeps_its_place() -> None:
    world = World()
    world.begin_speech()
    world.end_turn()
    world.begin_speech()
    world.end_turn()
    world.pay(("stt", 2))
    assert len(world.machine.history) == 0
    world.pay(("stt", 1))
    assert [message.text for message in world.machine.history] == ["turn1. turn2."]
    assert list(world.answered.values()) == [2]


@pytest.mark.parametrize("sounds", [False, True])
@pytest.mark.parametrize("cut_first", [False, True])
def test_who_goes_on_with_no_words_gets_the_answer_that_was_flushed_though_its_voice_had_failed(
    sounds: bool, cut_first: bool
) -> None:
    """Law 10: nothing of it was heard, so there must be another, or an apology."""
    world = World()
    world.begin_speech()
    world.end_turn()
    world.pay(("stt", 1))
    while ("reply", 1, "tts", 1) not in world.debts:
        world.pay(("reply", 1, "llm"))
    world.pay(("reply", 1, "tts", 0))  # some audio, and then
    world.fails = True
    world.pay(("reply", 1, "tts", 0))
    world.fails = False
    if sounds:  # it is put out, and not yet out of the loudspeaker
        world.pay("out")
    world.words[2] = ""
    world.resume_turn(heard=False)
    if cut_first:
        world.pay("out")
    world.end_turn()
    world.pay(("stt", 2))
    world.settle()
    assert world.answered == {1: 1, 2: 1}
    assert [message.text for message in world.machine.history] == ["turn1.", REPLY]


def test_an_interrupt_waives_the_answer_to_words_that_are_awaited() -> None:
    """It stops what the agent thinks; the session has been "thinking" since the turn was over. Law 10: words stay."""
    world = World()
    world.begin_speech()
    world.end_turn()
    assert world.machine.state == "thinking"
    world.give(it.InterruptAsked(world.at()))
    world.settle()
    assert [message.text for message in world.machine.history] == ["turn1."]
    assert not world.answered
    world.begin_speech()
    world.settle()
    assert list(world.answered.values()) == [2], "the next turn is answered"


def test_an_interrupt_waives_no_turn_that_is_being_spoken_or_goes_on() -> None:
    world = World()
    world.begin_speech()
    world.give(it.InterruptAsked(world.at()))
    world.end_turn()
    world.pay(("stt", 1))
    assert list(world.answered.values()) == [1]
    world.settle()
    world.begin_speech()
    world.end_turn()
    world.give(it.InterruptAsked(world.at()))
    world.resume_turn(heard=False)
    world.settle()
    assert list(world.answered.values()) == [1, 3]
    assert [message.text for message in world.machine.history][2:4] == ["turn2.", "turn3."]


def test_an_interrupt_waives_the_apology_for_words_that_never_came() -> None:
    world = World()
    world.begin_speech()
    world.end_turn()
    world.give(it.InterruptAsked(world.at()))
    world.fails = True
    world.pay(("stt", 1))
    assert not world.machine.queue
    assert world.machine.reply is None


def test_a_pre_roll_does_not_reach_into_the_turn_before() -> None:
    world = World()
    world.mic = 100_000
    world.begin_speech()
    world.end_turn()
    world.begin_speech()
    opened = [effect for effect in world.effects if isinstance(effect, do.OpenRecognition)]
    ended = [effect for effect in world.effects if isinstance(effect, do.EndRecognition)]
    assert opened[0].start == 100_160 - 1000 - 4800, "with the pre-roll of 300 ms"
    assert opened[1].start == min(ended[0].until, world.mic - 1000)


def test_an_item_of_no_known_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no kind of item"):
        it.decode({"item": "Nonsense", "at": {"mic": 0, "time_ns": 0}})


def test_a_cut_that_is_told_after_a_turn_without_words_has_its_question_answered_anew() -> None:
    """Law 10: a cough stopped the agent before its first word, and a remote took its time to say so."""
    world = World()
    world.begin_speech()
    world.end_turn()
    while world.machine.reply is None or world.machine.reply.phase is not Phase.SPEAKING:
        world.pay(next(reversed(world.debts)))
    world.words[2] = ""
    world.begin_speech()
    world.give(it.BargeChanged(world.at(), "confirmed", "likely"))
    world.debts.pop("out", None)
    world.end_turn()
    world.pay(("stt", 2))
    world.give(it.ReplyCut(world.at(), 1, 0, 10))
    world.settle()
    assert world.answered == {1: 1, 2: 1}
    assert [message.text for message in world.machine.history] == ["turn1.", REPLY]
