"""The machine of tool calls: never a call without a result, in any order of events."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio.providers.openai_messages import messages_of
from rtaudio.voice.chat import ChatContext, ChatMessage
from rtaudio.voice.protocols import ToolCall
from rtaudio.voice.tools import call_effects as do
from rtaudio.voice.tools import call_items as it
from rtaudio.voice.tools import call_state as say
from rtaudio.voice.tools.calls import Calls
from rtaudio.voice.tools.policy import ToolPolicy
from tests.voice.message_rules import anthropic_messages, anthropic_problems, openai_problems
from tests.voice.tools.call_world import Kind, World

PLAIN = ToolPolicy()


def call(name: str = "plain", arguments: str = "{}", call_id: str = "c") -> ToolCall:
    return ToolCall(call_id, name, arguments)


def texts(world: World, batch: int) -> list[str]:
    return [use.output for use in world.delivered[batch]]


# ---- Any schedule.

POLICIES = st.builds(
    ToolPolicy,
    at_once=st.integers(1, 3),
    detach_after_s=st.sampled_from([None, 1.0]),
    on_interruption=st.sampled_from(["cancel", "keep", "ask"]),
    duplicates=st.sampled_from(["run", "join", "refuse"]),
    retries=st.integers(0, 2),
)
ENDS = st.lists(st.sampled_from(["returned", "raised", "transient", "stopped", "hung"]), min_size=1, max_size=3)
KINDS = st.builds(
    Kind,
    POLICIES,
    keyed=st.booleans(),
    ends=ENDS.map(tuple),
    retry_timeouts=st.booleans(),
    refused=st.sampled_from([False, False, False, True]),
    may_cancel=st.booleans(),
)
CALLS = st.builds(
    ToolCall,
    st.sampled_from(["", "c", "c", "call 1", "x" * 70, "c_2", "c_late"]),
    st.sampled_from(["a", "b", "c", "no such tool!"]),
    st.sampled_from(["{}", '{"x": 1}', "{broken", "[1]", ""]),
)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_every_call_has_one_result_whatever_happens_in_whatever_order(data: st.DataObject) -> None:
    """Law 10 for tools: calls, answers, clocks, interruptions, talk that moves on, drops and the end, in any order."""
    world = World({name: data.draw(KINDS) for name in "abc"}, at_once=data.draw(st.integers(1, 4)))
    for _ in range(data.draw(st.integers(1, 60))):
        acts = ["call", "pay", "pay", "pay", "ring", "interrupt", "move on", "drop", "stale", "close"]
        act = data.draw(st.sampled_from(acts))
        batches = st.integers(1, len(world.asked) + 1)
        if act == "call":
            world.call(*data.draw(st.lists(CALLS, max_size=4)))
        elif act == "pay" and world.debts:
            world.pay(data.draw(st.sampled_from(list(world.debts))))
        elif act == "ring" and world.clocks:
            world.ring(data.draw(st.sampled_from(sorted(world.clocks))))
        elif act == "interrupt":
            world.give(it.Interrupted(data.draw(batches)))
        elif act == "move on":
            world.give(it.MovedOn(data.draw(batches)))
        elif act == "drop":
            world.give(it.Dropped(data.draw(batches)))
        elif act == "stale":  # of what is over, or never was
            stale = [it.Returned(7, 99, "x"), it.Woke(10**6), it.Answered(3, True), it.Refused(10**6, "")]
            world.give(data.draw(st.sampled_from([*stale, it.Stopped(1, 0), it.Reported(1, "x", False)])))
        elif act == "close" and data.draw(st.integers(0, 5)) == 0:
            world.give(it.CloseAsked())
    closed = world.machine.closed
    world.settle()
    assert world.delivered.keys() == world.asked.keys()
    chat = ChatContext()
    for batch, asked in world.asked.items():
        uses = world.delivered[batch]
        assert len(uses) == len(asked)
        chat.append(ChatMessage("assistant", "", tools=uses)) if uses else None
    for use in world.late.values():
        chat.append(ChatMessage("assistant", "", tools=(use,)))
    assert openai_problems(messages_of(chat)) == []
    assert anthropic_problems(anthropic_messages(chat)) == []
    running = {use.id for uses in world.delivered.values() for use in uses if use.output == say.STILL_RUNNING}
    assert world.late.keys() <= running
    assert closed or world.late.keys() == running, "what was still running came later"
    assert not world.machine.busy
    assert not world.clocks
    assert not world.running
    assert not world.unforgotten, "nothing is kept of calls that are over"
    _replays(world)


def _replays(world: World) -> None:
    """Law 5: the items alone, through JSON, give the same effects."""
    machine = Calls(world.at_once)
    again = [
        effect for item in world.items for effect in machine.handle(it.decode(json.loads(json.dumps(it.encode(item)))))
    ]
    assert again == world.effects


# ---- One by one.


def test_results_come_in_the_order_of_the_calls_however_they_end() -> None:
    world = World({"a": Kind(PLAIN), "b": Kind(PLAIN, ends=("raised",))})
    batch = world.call(call("a", call_id="1"), call("b", call_id="2"), call("none", call_id="3"))
    for debt in reversed(list(world.debts)):
        world.pay(debt)
    assert batch not in world.delivered
    world.settle()
    uses = world.delivered[batch]
    assert [(use.id, use.output, use.failed) for use in uses] == [
        ("1", "result", False),
        ("2", "broken", True),
        ("3", "refused", True),
    ]


def test_no_calls_are_delivered_at_once() -> None:
    world = World({})
    assert world.delivered[world.call()] == ()


def test_an_id_that_will_not_do_is_replaced_and_so_is_a_name() -> None:
    world = World({})
    batch = world.call(
        call("do it!", call_id=""), call("", call_id="c d"), call("x" * 99, call_id="c"), call(call_id="c")
    )
    world.settle()
    uses = world.delivered[batch]
    assert [use.id for use in uses] == ["call_1", "call_2", "c", "c_2"]
    assert [use.name for use in uses] == ["do_it_", "unnamed", "x" * 64, "plain"]
    assert [use.arguments for use in world.delivered[batch]] == ["{}"] * 4


def begun(kind: Kind, calls: int = 1, at_once: int = 16) -> tuple[World, int]:
    """A batch of calls of one tool, begun as far as there is room."""
    world = World({"plain": kind}, at_once=at_once)
    batch = world.call(*(call(call_id=f"c{k}") for k in range(calls)))
    world.prepare()
    return world, batch


def test_who_has_no_room_waits_and_not_for_ever() -> None:
    world, batch = begun(Kind(replace(PLAIN, at_once=1), ends=("hung",)), calls=2)
    assert len(world.running) == 1
    world.ring(max(world.clocks))  # the second one's
    world.ring(min(world.clocks))  # the first one's
    assert texts(world, batch) == [
        "Given up: no result within 30 s. It had begun, and may have had some effect.",
        "Not run: too many calls are under way, and none of them ended within 30 s.",
    ]
    assert world.machine.busy, "what hangs keeps its place"


def test_a_transient_failure_is_tried_again_as_often_as_the_tool_says() -> None:
    world, batch = begun(Kind(replace(PLAIN, retries=2), ends=("transient",)))
    world.settle()
    assert texts(world, batch) == ["broken"]
    (runs,) = world.runs.values()
    assert runs == 3
    waits = [e.after_s for e in world.effects if isinstance(e, do.Wake)]
    assert waits == [30.0, 30.0, 0.5, 30.0, 30.0, 1.0, 30.0, 30.0], "room and attempt, and pauses that double"


def test_a_retry_waits_until_the_attempt_before_has_stopped() -> None:
    world, batch = begun(Kind(replace(PLAIN, retries=1), ends=("hung", "returned"), retry_timeouts=True))
    world.ring(min(world.clocks))
    assert isinstance(world.effects[-2], do.Cancel)
    assert world.runs.total() == 1
    assert batch not in world.delivered
    world.pay(next(iter(world.debts)))  # stopped
    world.settle()
    assert texts(world, batch) == ["result"]


def test_an_attempt_that_does_not_stop_ends_the_retries() -> None:
    world, batch = begun(Kind(replace(PLAIN, retries=1), ends=("hung",), retry_timeouts=True))
    world.ring(min(world.clocks))
    world.ring(min(world.clocks))
    assert texts(world, batch) == ["Given up: no result within 30 s. It had begun, and may have had some effect."]
    assert world.runs.total() == 1


@pytest.mark.parametrize(
    ("policy", "may_cancel", "outcome"),
    [
        ("cancel", True, say.INTERRUPTED + say.IN_PART),
        ("keep", True, say.STILL_RUNNING),
        ("ask", True, say.INTERRUPTED + say.IN_PART),
        ("ask", False, say.STILL_RUNNING),
    ],
)
def test_an_interruption_does_what_the_tool_says(policy: Any, may_cancel: bool, outcome: str) -> None:
    world, batch = begun(Kind(replace(PLAIN, on_interruption=policy), may_cancel=may_cancel))
    world.give(it.Interrupted(batch))
    if policy == "ask":
        world.pay(("ask", next(iter(world.running))))
    assert texts(world, batch) == [outcome]
    world.settle()
    late = [(of, use.id, use.output) for of, use in world.late.items()]
    kept = outcome == say.STILL_RUNNING
    assert late == ([("c0", "c0_late", "The result of the call c0 from before: result")] if kept else [])


def test_what_has_not_begun_is_cancelled_without_asking() -> None:
    world, batch = begun(Kind(replace(PLAIN, on_interruption="ask", at_once=1)), calls=2)
    world.give(it.Interrupted(batch))
    world.pay(("ask", next(iter(world.running))))
    assert texts(world, batch) == [say.INTERRUPTED + say.IN_PART, say.INTERRUPTED]


def test_what_takes_long_is_said_to_be_running_and_comes_later() -> None:
    world, batch = begun(Kind(replace(PLAIN, detach_after_s=5.0)))
    detach = [e.timer for e in world.effects if isinstance(e, do.Wake) and e.after_s == 5.0]
    world.ring(detach[0])
    assert texts(world, batch) == [say.STILL_RUNNING]
    assert not world.delivered[batch][0].failed
    world.settle()
    assert [use.output for use in world.late.values()] == ["The result of the call c0 from before: result"]


@pytest.mark.parametrize(
    ("policy", "runs", "second"), [("run", 2, "result"), ("join", 1, "result"), ("refuse", 1, say.UNDER_WAY)]
)
def test_the_same_call_again_does_what_the_tool_says(policy: Any, runs: int, second: str) -> None:
    world, batch = begun(Kind(replace(PLAIN, duplicates=policy)), calls=2)
    world.settle()
    assert texts(world, batch) == ["result", second]
    assert world.runs.total() == runs


def test_a_joined_work_goes_on_for_whoever_still_waits() -> None:
    kind = Kind(replace(PLAIN, duplicates="join", on_interruption="cancel"))
    world = World({"plain": kind})
    first, second = world.call(call()), world.call(call())
    world.prepare()
    world.give(it.Interrupted(first))
    assert texts(world, first) == [say.INTERRUPTED + say.IN_PART]
    world.settle()
    assert texts(world, second) == ["result"]
    assert not [e for e in world.effects if isinstance(e, do.Cancel)]


def test_a_key_runs_once_for_good() -> None:
    world = World({"plain": Kind(PLAIN, keyed=True)})
    batches = [world.call(call(), call()), world.call(call(arguments='{"x": 1}'))]
    world.settle()
    batches.append(world.call(call()))
    world.settle()
    assert [texts(world, batch) for batch in batches] == [["result", "result"], ["result"], ["result"]]
    assert world.runs.total() == 2


def test_a_key_that_failed_may_be_run_again() -> None:
    world = World({"plain": Kind(PLAIN, keyed=True, ends=("raised",))})
    batches = [world.call(call())]
    world.settle()
    batches.append(world.call(call()))
    world.settle()
    assert [texts(world, batch) for batch in batches] == [["broken"], ["broken"]]
    assert world.runs.total() == 2


def test_a_key_whose_end_is_not_known_is_not_run_again() -> None:
    world = World({"plain": Kind(PLAIN, keyed=True, ends=("hung",))})
    world.call(call())
    world.prepare()
    world.ring(min(world.clocks))
    second = world.call(call())
    world.prepare()
    assert texts(world, second) == [say.UNKNOWN_END]


def test_closing_gives_every_call_its_result_and_runs_nothing_more() -> None:
    world, batch = begun(Kind(replace(PLAIN, at_once=1)), calls=2)
    moved = world.call(call(call_id="m"))
    world.give(it.MovedOn(moved))
    world.prepare()
    world.give(it.CloseAsked())
    after = world.call(call(call_id="later"))
    world.settle()
    assert texts(world, batch) == [say.CLOSED + say.IN_PART, say.CLOSED]
    assert texts(world, moved) == [say.STILL_RUNNING]
    assert texts(world, after) == [say.CLOSED]
    assert world.late == {}


def test_calls_without_end_are_refused_and_counted() -> None:
    """Law 8."""
    world = World({"plain": Kind(PLAIN)})
    batches = [world.call(*[call()] * 100) for _ in range(3)]
    world.settle()
    assert [text for batch in batches for text in texts(world, batch)] == ["result"] * 256 + [say.TOO_MANY] * 44
    assert world.machine.refused == 44


def test_progress_is_told_while_anybody_waits() -> None:
    world, batch = begun(Kind(replace(PLAIN, on_interruption="cancel")))
    (work,) = world.running
    world.give(it.Reported(work, "half", True))
    assert world.effects[-1] == do.Tell("c0", "plain", "half", True)
    world.give(it.Interrupted(batch))
    before = len(world.effects)
    world.give(it.Reported(work, "more", True))
    assert len(world.effects) == before


def test_bad_input_to_the_machine_is_refused() -> None:
    """Law 11."""
    with pytest.raises(ValueError, match="at_once = 0: must be at least 1"):
        Calls(0)
    machine = Calls()
    machine.handle(it.Called(2, ()))
    with pytest.raises(ValueError, match="batch 2 comes after 2: numbers must grow"):
        machine.handle(it.Called(2, ()))
    with pytest.raises(ValueError, match="'Nonsense' is no item of tool calls; known are"):
        it.decode({"call_item": "Nonsense"})
    with pytest.raises(TypeError, match="is no item of tool calls"):
        machine.handle(it.CallItem())


def test_ids_of_a_history_that_was_there_before_are_not_used_again() -> None:
    machine = Calls(ids=["c"])
    _, effect = machine.handle(it.Called(1, (call(call_id="c"),)))
    assert isinstance(effect, do.Prepare)
    assert effect.call_id == "c_2"
