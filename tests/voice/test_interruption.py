"""What the user's speech does to the agent's, utterance by utterance, as the session's machine decides it (law 10).

The core's part (duck, pause, flush) is in tests/core; here the core is a list of items.
"""

from __future__ import annotations

import pytest

from rtaudio.voice import effects as do
from rtaudio.voice import items as it
from rtaudio.voice.agent import Agent
from rtaudio.voice.chat import ChatMessage
from rtaudio.voice.events import Backchannel, BargeState
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.policies import INTERRUPTIONS, Interruption
from tests.voice.machine_world import World


def speaking_world(said: Interruption | None = None, text: str = "") -> World:
    """The agent speaks: an answer, or `text` with a policy of its own."""
    world = World()
    if text:
        world.give(it.SayAsked(world.at(), text, 0, said))
    else:
        world.begin_speech()
        world.end_turn()
    while world.machine.state != "speaking":
        world.pay(next(iter(world.debts)))
    return world


def user_says(world: World, text: str, *barge: BargeState) -> None:
    """A turn while the agent speaks, understood before the agent goes on; `barge`: what the core makes of it."""
    world.words[world.next_turn] = text
    world.begin_speech()
    for before, state in zip(("quiet", *barge), barge, strict=False):
        world.give(it.BargeChanged(world.at(), state, before))
    turn = world.next_turn - 1
    world.end_turn()
    if ("stt", turn) in world.debts:
        world.pay(("stt", turn))


def finish_reply(world: World) -> None:
    """The agent comes to its end; nothing else happens meanwhile."""
    while world.machine.reply is not None:
        world.pay(next(q for q in world.debts if q == "out" or (isinstance(q, tuple) and q[0] == "reply")))


def told(world: World, kind: type[Backchannel]) -> list[Backchannel]:
    return [e.event for e in world.effects if isinstance(e, do.Emit) and isinstance(e.event, kind)]


def roles(world: World) -> list[tuple[str, str, bool]]:
    return [(m.role, m.text if m.role == "user" else "…", m.backchannel) for m in world.machine.history]


def test_every_reply_is_begun_with_its_policy() -> None:
    for policy in INTERRUPTIONS:
        world = World(SessionOptions(interruption=policy, first_clause_chars=5))
        world.give(it.SayAsked(world.at(), "Hello there.", 0))
        world.give(it.SayAsked(world.at(), "This must be said.", 0, "off"))
        world.settle()
        begun = [effect for effect in world.effects if isinstance(effect, do.BeginReply)]
        assert [(effect.reply, effect.interruption) for effect in begun] == [(1, policy), (2, "off")]


def test_sentence_ends_are_placed_where_the_agent_stops_at_them_and_nowhere_else() -> None:
    text = "First a sentence. Then, after a comma that is far along the line, another one! And the rest"
    for policy in INTERRUPTIONS:
        world = World(SessionOptions(interruption=policy, first_clause_chars=5, clause_chars=20))
        world.give(it.SayAsked(world.at(), text, 0))
        world.settle()
        placed = [effect.sample for effect in world.effects if isinstance(effect, do.PlaceSentenceEnd)]
        clauses = [effect.text for effect in world.effects if isinstance(effect, do.StartSpeech)]
        ends = [9600 * (k + 1) for k, clause in enumerate(clauses) if clause[-1] in ".!"]
        assert placed == (ends if policy == "after_sentence" else [])
        assert len(clauses) > len(ends) == 2


@pytest.mark.parametrize("policy", ["off", "duck_only"])
def test_what_is_said_during_an_uninterruptible_stretch_is_answered_after_it(policy: Interruption) -> None:
    world = speaking_world(policy, "This call is recorded. It is the law.")
    user_says(world, "When are you open?")
    assert world.machine.state == "speaking"
    assert not [effect for effect in world.effects if isinstance(effect, do.Flush)]
    world.settle()
    assert roles(world) == [("assistant", "…", False), ("user", "When are you open?", False), ("assistant", "…", False)]
    assert list(world.answered.values()) == [1]


def test_two_turns_of_it_are_one_question() -> None:
    world = speaking_world("off", "This call is recorded. It is the law.")
    user_says(world, "When are you open?")
    user_says(world, "On Sundays, I mean.")
    world.settle()
    assert [m.text for m in world.machine.history if m.role == "user"] == ["When are you open? On Sundays, I mean."]
    assert len(world.answered) == 1


def test_a_backchannel_is_joined_to_no_question() -> None:
    world = speaking_world("off", "This call is recorded. It is the law.")
    user_says(world, "When are you open?")
    user_says(world, "Mhm.")
    user_says(world, "And on Sundays?")
    world.settle()
    said = [(m.text, m.backchannel) for m in world.machine.history if m.role == "user"]
    assert said == [("When are you open?", False), ("Mhm.", True), ("And on Sundays?", False)]
    assert len(world.answered) == 1


def test_who_still_talks_at_its_end_is_heard_out_first() -> None:
    world = speaking_world("off", "This call is recorded. It is the law.")
    world.words[1] = "When are you open?"
    world.begin_speech()
    finish_reply(world)
    assert not world.answered
    world.settle()
    assert [role for role, _, _ in roles(world)] == ["assistant", "user", "assistant"]


def test_the_program_s_own_word_stops_it_all_the_same() -> None:
    world = speaking_world("off", "This call is recorded. It is the law.")
    world.give(it.InterruptAsked(world.at()))
    world.settle()
    assert world.machine.history[-1].interrupted


@pytest.mark.parametrize("text", ["mhm", "them", "what"])
def test_what_sounds_like_a_backchannel_is_kept_as_one(text: str) -> None:
    """By the core's ear: recognition often makes other words of it."""
    world = speaking_world()
    user_says(world, text, "suspected", "backchannel")
    assert world.machine.state == "speaking"
    world.settle()
    assert roles(world)[1:] == [("assistant", "…", False), ("user", text, True)]
    assert [event.text for event in told(world, Backchannel)] == [text]
    assert list(world.answered.values()) == [1], "it asks for no answer"


@pytest.mark.parametrize("barge", [(), ("suspected", "false"), ("suspected", "likely", "false")])
def test_what_reads_like_a_backchannel_is_one_where_it_did_not_stop_the_agent(barge: tuple[BargeState, ...]) -> None:
    world = speaking_world("off" if not barge else None, "This call is recorded." if not barge else "")
    user_says(world, "Uh-huh.", *barge)
    world.settle()
    assert world.machine.history[-1] == ChatMessage(
        "user",
        "Uh-huh.",
        began_s=world.machine.history[-1].began_s,
        ended_s=world.machine.history[-1].ended_s,
        backchannel=True,
    )


def test_a_backchannel_is_over_at_once_and_what_follows_is_another_turn() -> None:
    """Though the core has no end of the turn yet, and may never have one between the two."""
    world = speaking_world()
    world.words |= {2: "mhm", 3: "wait what about sunday"}
    world.begin_speech()
    world.give(it.BargeChanged(world.at(), "suspected", "quiet"))
    world.give(it.SpeechPaused(world.at(), world.mic - 3000, world.mic))
    world.judge("backchannel")
    world.pay(("stt", 2))
    assert [event.text for event in told(world, Backchannel)] == ["mhm"]
    world.begin_speech()
    world.core_cuts()
    world.settle()
    assert roles(world)[2:4] == [("user", "mhm", True), ("user", "wait what about sunday", False)]
    assert list(world.answered.values()) == [1, 3]
    hints = [effect for effect in world.effects if isinstance(effect, do.Hint) and effect.kind == "words"]
    assert len({hint.turn for hint in hints if hint.turn}) <= 2, "the core knows the two as one"


def test_who_stopped_the_agent_gets_an_answer_whatever_the_word() -> None:
    world = speaking_world()
    turn = world.next_turn
    world.words[turn] = "Right."
    world.begin_speech()
    world.core_cuts()
    world.settle()
    assert roles(world)[-2:] == [("user", "Right.", False), ("assistant", "…", False)]
    assert list(world.answered.values()) == [1, turn]


@pytest.mark.parametrize("barge", ["false", "backchannel"])
def test_a_word_that_says_stop_is_no_backchannel(barge: BargeState) -> None:
    world = speaking_world()
    user_says(world, "Stop.", "suspected", barge)
    assert [effect.reply for effect in world.effects if isinstance(effect, do.Flush)] == [1], "flushed by the session"
    world.settle()
    assert roles(world)[-2:] == [("user", "Stop.", False), ("assistant", "…", False)]
    assert world.machine.history[1].interrupted


def test_where_the_agent_may_not_be_interrupted_it_is_answered_after() -> None:
    world = speaking_world("pause", "This call is recorded. It is the law.")
    user_says(world, "Stop.", "suspected", "likely", "false")
    assert not [effect for effect in world.effects if isinstance(effect, do.Flush)]
    world.settle()
    assert roles(world) == [("assistant", "…", False), ("user", "Stop.", False), ("assistant", "…", False)]


@pytest.mark.parametrize(
    ("text", "said", "answered"),
    [
        ("That is all there is.", "mhm", False),
        ("Shall I book it?", "yeah", True),  # an answer to a question
        ("That is all there is.", "tomorrow", True),  # by the ear alone: silence could follow
    ],
)
def test_at_the_agent_s_end_only_what_is_surely_a_backchannel_goes_unanswered(
    text: str, said: str, answered: bool
) -> None:
    """Nobody waits for an answer that never comes."""
    world = speaking_world(None, text)
    world.words[1] = said
    world.begin_speech()
    world.give(it.BargeChanged(world.at(), "backchannel", "suspected"))
    finish_reply(world)
    world.settle()
    assert bool(world.answered) == answered
    assert [(m.text, m.backchannel) for m in world.machine.history if m.role == "user"] == [(said, not answered)]


def test_a_later_suspicion_does_not_undo_what_became_of_an_earlier_turn() -> None:
    world = speaking_world()
    world.words[2] = "them"
    world.begin_speech()
    world.give(it.BargeChanged(world.at(), "backchannel", "suspected"))
    world.end_turn()
    world.give(it.BargeChanged(world.at(), "suspected", "quiet"))  # a noise, before the words are there
    world.pay(("stt", 2))
    world.settle()
    assert list(world.answered.values()) == [1]


def test_what_the_core_says_at_the_end_of_a_turn_counts() -> None:
    world = speaking_world()
    world.words[2] = "them"
    world.begin_speech()
    at = world.at()
    world.talking = False
    world.give(it.TurnOver(at, at.mic - 9600, at.mic, "backchannel"))
    world.pay(("stt", 2))
    world.settle()
    assert list(world.answered.values()) == [1]
    assert world.machine.history[-1].backchannel


def test_policies_that_are_none_are_refused() -> None:
    """Law 11."""
    with pytest.raises(ValueError, match="no interruption policy; there are off"):
        SessionOptions(interruption="never")  # type: ignore[arg-type]
    assert Agent(greeting="Hello.", greeting_interruption="off").greeting_interruption == "off"


def test_a_blip_after_a_question_does_not_make_the_question_one() -> None:
    """Law 10: the core suspects between windows (peeks), and may give that up without any speech."""
    world = speaking_world("duck_only", "This call is recorded. It is the law.")
    world.words[world.next_turn] = "When are you open?"
    world.begin_speech()
    turn = world.next_turn - 1
    for before, state in (("quiet", "suspected"), ("suspected", "likely"), ("likely", "kept")):
        world.give(it.BargeChanged(world.at(), state, before))
    world.give(it.TurnOver(world.at(), world.mic - 9600, world.mic, "kept"))
    world.talking = False
    for before, state in (("quiet", "suspected"), ("suspected", "false")):
        world.give(it.BargeChanged(world.at(), state, before))
    world.pay(("stt", turn))
    world.settle()
    assert list(world.answered.values()) == [turn]


@pytest.mark.parametrize("verdict", ["false", "backchannel"])
@pytest.mark.parametrize("kept", [True, False])
def test_a_hum_after_a_question_in_one_turn_does_not_make_the_question_one(verdict: BargeState, kept: bool) -> None:
    """Law 10: the core's word is about the last that was said; the turn holds more. Not kept: the agent began to speak
    in between."""
    world = speaking_world("duck_only", "This call is recorded. It is the law.")
    world.words[world.next_turn] = "When are you open? Hm."
    world.begin_speech()
    turn = world.next_turn - 1
    if kept:
        for before, state in (("quiet", "suspected"), ("suspected", "likely"), ("likely", "kept")):
            world.give(it.BargeChanged(world.at(), state, before))
    world.give(it.SpeechPaused(world.at(), world.mic - 3200, world.mic))
    world.give(it.SpeechBegan(world.at(), world.mic - 1000, world.mic))
    for before, state in (("quiet", "suspected"), ("suspected", verdict)):
        world.give(it.BargeChanged(world.at(), state, before))
    world.give(it.TurnOver(world.at(), world.mic - 9600, world.mic, verdict))
    world.talking = False
    world.pay(("stt", turn))
    world.settle()
    assert list(world.answered.values()) == [turn]
    assert not told(world, Backchannel)


def test_two_hums_of_which_the_first_was_suspected_before_it_was_speech_are_a_backchannel() -> None:
    world = speaking_world("duck_only", "This call is recorded. It is the law.")
    world.words[world.next_turn] = "Erm, hum"
    world.give(it.BargeChanged(world.at(), "suspected", "quiet"))
    world.begin_speech()
    world.give(it.SpeechPaused(world.at(), world.mic - 3200, world.mic))
    world.give(it.SpeechBegan(world.at(), world.mic - 1000, world.mic))
    world.give(it.BargeChanged(world.at(), "backchannel", "suspected"))
    world.talking = False
    world.pay(("stt", world.opened_turns))
    world.settle()
    assert len(told(world, Backchannel)) == 1
    assert not world.answered


def test_what_joins_an_answer_that_was_given_up_is_no_false_alarm() -> None:
    """Law 10: the answer was flushed for it, so the agent does not go on, and the whole turn wants an answer."""
    world = World()
    world.begin_speech()
    world.end_turn()
    while ("reply", 1, "llm") in world.debts or world.machine.reply is None or not world.machine.reply.opened:
        world.pay(next(iter(world.debts)))
    world.resume_turn(heard=False)
    world.words[world.opened_turns] = "mhm"
    world.give(it.BargeChanged(world.at(), "false", "suspected"))
    world.give(it.TurnOver(world.at(), world.mic - 9600, world.mic, "false"))
    world.talking = False
    world.pay(("stt", world.opened_turns))  # before the playout has said what was cut
    world.settle()
    assert [m.text for m in world.machine.history if m.role == "user"] == ["turn1. mhm"]
    assert world.machine.history[-1].role == "assistant"
