"""A share of the fault-injection run (`make faults` plays thousands), and that its checks see what they look for.

Laws 1, 2, 5, 9, 10 and 11: see checks.py.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from rtaudio.voice import AgentSpeechInterrupted, ChatMessage, SessionClosed
from rtaudio.voice.chat import ChatContext
from tests.faults import checks
from tests.faults.play import Outcome, play
from tests.faults.run import held, problems
from tests.faults.schedule import Schedule, drawn
from tests.faults.shrink import shrunk

BARGES_IN = Schedule(
    greeting="long",
    cues=((700, "starts", 600, "question"),),
    replies=("long",),
    latency=20,
)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What is meant to fail is not logged."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("first", range(0, 120, 30))
def test_random_schedules_with_faults_hold_the_laws(first: int) -> None:
    before = held()
    for seed in range(first, first + 30):
        schedule = drawn(seed)
        assert problems(schedule) == [], f"python -m tests.faults --replay '{schedule.line()}'"
    assert held() <= (before[0] + 2, before[1], before[2]), "descriptors, shared memory"


def test_a_schedule_is_the_same_every_time_and_after_being_written_down() -> None:
    for seed in range(100, 105):
        schedule = drawn(seed)
        assert Schedule.read(schedule.line()) == schedule == drawn(seed)
        one, other = play(schedule), play(schedule)
        assert one.history == other.history
        assert one.events == other.events
        assert (one.sink == other.sink).all()


FOUND = {
    "clauses that were never given to the voice were counted": '{"greeting":"long","acts":[[0,"say_now"]]}',
}


@pytest.mark.parametrize("line", FOUND.values(), ids=FOUND)
def test_what_was_found_stays_mended(line: str) -> None:
    assert problems(Schedule.read(line)) == []


# ---- Each check sees what is wrong.


def barged_in() -> Outcome:
    outcome = play(BARGES_IN)
    assert outcome.problems + everything(outcome) == []
    return outcome


def everything(outcome: Outcome) -> list[str]:
    looks = (checks.closed, checks.accounting, checks.heard, checks.no_word_lost, checks.answered)
    return [problem for check in looks for problem in check(outcome)]


def changed(outcome: Outcome, at: int, message: ChatMessage | None) -> Outcome:
    messages = list(outcome.history)
    messages[at : at + 1] = [message] if message is not None else []
    return replace(outcome, history=ChatContext("", messages))


def test_words_that_were_not_heard_and_words_left_out_are_seen() -> None:
    outcome = barged_in()
    cut = outcome.history[0]
    assert cut.interrupted
    heard, unheard = cut.text.split(), cut.unheard.split()
    more = replace(cut, text=" ".join([*heard, unheard[0]]), unheard=" ".join(unheard[1:]))
    fewer = replace(cut, text=" ".join(heard[:-2]), unheard=" ".join(heard[-2:] + unheard))
    assert "law 9" in everything(changed(outcome, 0, more))[0]
    assert "law 9" in everything(changed(outcome, 0, fewer))[0]


def test_a_reply_that_goes_on_after_its_cut_is_seen() -> None:
    outcome = barged_in()
    at = next(n for n, event in enumerate(outcome.events) if isinstance(event, AgentSpeechInterrupted))
    events = list(outcome.events)
    events[at] = replace(events[at], at_s=events[at].at_s - 1.5)
    assert "law 2" in everything(replace(outcome, events=events))[0]


def test_turns_that_are_lost_or_answered_twice_are_seen() -> None:
    outcome = barged_in()
    question, answer = outcome.history[1], outcome.history[2]
    assert (question.role, answer.role) == ("user", "assistant")
    assert "is not in the history" in everything(changed(outcome, 1, None))[0]
    assert "nobody answered" in everything(changed(outcome, 2, None))[0]
    twice = replace(outcome, history=ChatContext("", [*outcome.history, answer]))
    assert "answered 2 times" in " ".join(everything(twice))


def test_samples_that_the_ledger_does_not_know_and_a_session_that_broke_are_seen() -> None:
    outcome = barged_in()
    assert "law 1" in everything(replace(outcome, ledger=outcome.ledger._replace(played=outcome.ledger.played + 1)))[0]
    last = outcome.events[-1]
    assert isinstance(last, SessionClosed)
    broke = [*outcome.events[:-1], replace(last, reason="KeyError: 3")]
    assert "closed by itself" in everything(replace(outcome, events=broke))[0]


def test_a_failing_schedule_is_made_small() -> None:
    """By a problem that needs a barge-in and a tool."""

    def look(schedule: Schedule) -> list[str]:
        return ["law 9: 1 word"] if schedule.cues and "waits" in repr(schedule.replies) else []

    big = replace(drawn(4), cues=drawn(3).cues, replies=("long", ("short", (("quick", "{}", ""), ("waits", "{}", "")))))
    small = shrunk(big, look)
    assert look(small)
    assert small == Schedule(cues=small.cues, replies=(("short", (("waits", "{}", ""),)),))
    assert len(small.cues) == 1
