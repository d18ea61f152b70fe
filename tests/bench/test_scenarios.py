"""What other frameworks' tests expect, and that what tries it would see a difference."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from rtaudio.bench import scenarios
from rtaudio.bench.scenario_fakes import numbers_in, spoken
from rtaudio.bench.scenario_form import FormError, parse
from rtaudio.bench.scenario_seen import Seen

STORY = {"start": 0.5, "end": 2.5, "text": "Tell me a story."}
STOP = {"start": 5.0, "end": 6.0, "text": "Stop!"}


def one(**fields: Any) -> dict[str, Any]:
    """The result of one scenario."""
    (scenario,) = parse([json.dumps({"id": "one", **fields})])
    return scenarios.tried(scenario)


@pytest.mark.parametrize("name", ["livekit_agents", "pipecat_turn_stop"])
def test_every_scenario_of_other_frameworks_is_equal(name: str, shared_data: Path) -> None:
    files = [shared_data / "scenarios" / f"{name}.jsonl"]
    figures = scenarios.run(argparse.Namespace(files=files, plot=None), lambda text: None)
    assert [each for each in figures["scenarios"] if not each["equal"]] == []
    assert figures["of"] >= 5


def test_speech_stops_the_agent_after_so_much_of_it() -> None:
    told = one(
        user=[STORY, STOP],
        tts=[{"audio": 10.0}],
        expect={
            "states": ["listening", "thinking", "speaking", "listening", "thinking", "listening"],
            "agent_listening_ats": [5.5, 6.5],
            "playbacks": 1,
            "playback_position": 2.0,
            "user_messages": ["Tell me a story.", "Stop!"],
            "assistant_messages": 1,
        },
    )
    assert told["equal"], told


def test_an_agent_that_may_not_be_interrupted_is_not() -> None:
    told = one(
        options={"turn_handling": {"interruption": {"enabled": False}}},
        user=[STORY, STOP],
        tts=[{"audio": 5.0}],
        expect={"playbacks": 1, "interrupted": False, "playback_position": 5.0},
    )
    assert told["equal"], told


@pytest.mark.parametrize(
    ("said", "expect"),
    [
        ({"end": 6.0, "text": ""}, {"playbacks": 1, "interrupted": False, "playback_position": 5.0, "resumed": True}),
        ({"end": 6.0, "text": "Stop!"}, {"agent_listening_at": 5.5, "interrupted": True, "playback_position": 2.0}),
        ({"end": 5.3, "text": "Stop!"}, {"interrupted_at": 5.8, "playback_position": 2.3, "thinking_count": 2}),
    ],
)
def test_an_output_that_can_pause_waits_for_words(said: dict[str, Any], expect: dict[str, Any]) -> None:
    """The last is over before it is long enough to pause for."""
    options = {"output_can_pause": said["end"] == 6.0}
    told = one(options=options, user=[STORY, {"start": 5.0, **said}], tts=[{"audio": 5.0}], expect=expect)
    assert told["equal"], told


def test_a_noise_costs_an_answer_no_time() -> None:
    noise = {"start": 3.0, "end": 3.3, "text": ""}
    expect = {"agent_speaking_at": 3.8, "playbacks": 1, "interrupted": False, "playback_position": 5.0}
    held = one(options={"output_can_pause": True}, user=[STORY, noise], tts=[{"audio": 5.0}], expect=expect)
    assert held["equal"], held
    given_up = one(user=[STORY, noise], tts=[{"audio": 5.0}], expect=expect)
    assert given_up["got"]["agent_speaking_at"] > 4.2


def test_tools_and_replies_ahead() -> None:
    called = {"text": "Let me see.", "tool_calls": [{"name": "weather", "duration": 0.5, "result": "Sunny."}]}
    told = one(
        user=[STORY],
        llm=[called, {"text": "It is sunny.", "input": "Sunny."}],
        tts=[{"audio": 2.0}, {"audio": 3.0}],
        expect={
            "states": ["listening", "thinking", "speaking", "thinking", "speaking", "listening"],
            "playback_positions": [2.0, 3.0],
            "tools_executed": ["weather"],
            "assistant_messages": ["Let me see.", "It is sunny."],
        },
    )
    assert told["equal"], told
    for options, latency in (
        ({"preemptive_tts": True}, 0.7),
        ({"preemptive_tts": False}, 0.8),
        ({"enabled": False}, 1.1),
    ):
        told = one(
            options={"preemptive_generation": options},
            user=[{**STORY, "stt_delay": 0.1}],
            tts=[{"audio": 3.0, "ttfb": 0.3}],
            expect={"latency": latency},
        )
        assert told["equal"], told


def test_what_comes_sooner_is_better_only_where_it_may() -> None:
    before = {"start": 3.0, "end": 4.0, "text": "Stop!"}
    told = one(
        user=[STORY, before],
        llm=[{"duration": 1.0}],
        tts=[{"audio": 9.0}],
        expect={"agent_listening_at": 3.5, "playbacks": 0},
    )
    assert (told["equal"], told["better_by"]) == (False, scenarios.SOONER)
    told = one(
        options={"interrupt_min_words": 1},
        user=[STORY, before],
        llm=[{"duration": 1.0}],
        expect={"agent_listening_at": 3.5},
    )
    assert (told["equal"], told["better_by"]) == (False, None)


@pytest.mark.parametrize(
    ("expect", "got"),
    [
        ({"interrupted_at": 6.0}, 5.51),
        ({"playbacks": 2}, 1),
        ({"user_messages": ["Stop!"]}, ["Tell me a story.", "Stop!"]),
    ],
)
def test_a_difference_is_seen(expect: dict[str, Any], got: object) -> None:
    told = one(user=[STORY, STOP], tts=[{"audio": 10.0}], expect=expect)
    assert not told["equal"]
    assert list(told["got"].values()) == [got]


@pytest.mark.parametrize(
    ("steps", "before", "then", "stopped"),
    [
        (["S", "T", "E"], 0, ["W0.2"], 1),
        (["S", "E", "I", "T"], 0, ["W0.2"], 1),
        (["S", "T", "E", "W0.2", "S", "T", "E"], 1, ["W0.2"], 2),
        (["S", "T", "I", "E", "S", "T", "E"], 0, ["W0.2"], 1),
        (["S", "I", "E", "W0.2"], 0, ["T"], 1),
        (["S", "T!", "W0.2"], 0, ["E", "W0.2"], 1),
        (["S", "E", "W0.3", "S", "T", "E"], 0, ["W0.2"], 1),
        (["S", "T", "E", "W0.2"], 1, ["T", "S", "T", "E", "W0.2"], 2),
        (["T", "W0.06", "T", "W0.06"], 0, ["W0.1"], 1),
        (["I", "T"], 0, ["W0.2"], 1),
    ],
)
def test_steps(steps: list[str], before: int, then: list[str], stopped: int) -> None:
    told = one(steps=steps, stopped_before_wait=before, then=then, stopped=stopped)
    assert told["equal"], told


def test_words_that_may_be_followed_by_more_wait_for_them() -> None:
    told = one(stt_timeout=0.4, steps=["S", "E", "T", "W0.2"], stopped_before_wait=0, then=["W0.4"], stopped=1)
    assert told["equal"], told


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "no JSON"),
        ('{"id": "a", "users": []}', "no field 'users'; there are id"),
        (
            '{"id": "a", "options": {"min_word": 1}, "expect": {"playbacks": 1}}',
            "no option 'min_word'; there are vad_min_silence",
        ),
        ('{"id": "a", "user": [{"start": 1}], "expect": {"playbacks": 1}}', "end missing"),
        (
            '{"id": "a", "inject": [{"at": 1, "op": "shout"}], "expect": {"playbacks": 1}}',
            "no op 'shout'; there are interrupt",
        ),
        ('{"id": "a", "user": []}', "nothing is expected"),
        ('{"id": "a", "steps": ["X"], "stopped": 1}', "a list of S, E, I, T"),
        ('{"id": "a", "steps": ["S"]}', "nothing is expected"),
    ],
)
def test_what_is_not_of_the_form_is_told(line: str, said: str) -> None:
    with pytest.raises(FormError, match=said) as error:
        parse(["", line], "file")
    assert str(error.value).startswith("file:2")


def test_an_expectation_that_nobody_knows_is_told() -> None:
    with pytest.raises(FormError, match=r"one: expect: no 'playback'; there are .*playbacks"):
        one(user=[STORY], expect={"playback": 1})
    assert {"states", "interrupted_at", "eou_delay"} <= set(Seen.names())


def test_recognition_hears_which_speech_it_is() -> None:
    audio = spoken(7, 0.1)
    assert numbers_in(audio) == {7: len(audio)}
