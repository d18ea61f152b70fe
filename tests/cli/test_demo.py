"""The demonstration: what was said, what was cut, and that the recording is true to the sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rtaudio.cli.demo import GREETING, INTERRUPTS_AFTER_S, SCRIPT, perform
from rtaudio.cli.log import latencies
from rtaudio.cli.screen import PlainScreen
from rtaudio.cli.wav import resample
from rtaudio.core import MIC_RATE
from rtaudio.testing import virtual_time
from rtaudio.voice.events import AgentSpeechInterrupted, AgentSpeechStarted, BargeIn, ProviderFailed, TurnEnded

from .conftest import Command, Demo

FADE_S, TICK_S = 0.005, 0.01


LINES = [
    "hello when does the library open on saturday",
    "hm",
    "wait what about sunday",
    "how many books can i take home and how long can i keep them",
    "okay thank you goodbye",
]


def test_every_line_of_the_caller_was_understood_and_answered_but_for_the_mhm(demo: Demo) -> None:
    """Law 10."""
    assert [turn.text for turn in demo.take.log.turns.values()] == LINES
    heard = [reply.heard for reply in demo.take.log.replies.values() if reply.heard]
    assert [text.split(",")[0].split(".")[0] for text in heard] == [
        "Hello",
        "On Saturday",
        "On Sunday",
        "Up to ten books",
        "You are welcome",
    ]
    assert not [event for event in demo.take.log.events if isinstance(event, ProviderFailed)]


def test_what_is_said_into_the_greeting_is_answered_after_it(demo: Demo) -> None:
    greeting = demo.take.log.replies[1]
    assert (greeting.heard, greeting.interruption) == (GREETING, "off")
    assert greeting.started_s is not None
    assert greeting.ended_s is not None
    said = demo.placed[0].at / MIC_RATE
    assert greeting.started_s < said < greeting.ended_s
    answer = demo.take.log.replies[2]
    assert answer.heard.startswith("On Saturday")
    assert answer.started_s is not None
    assert answer.started_s > greeting.ended_s


def test_an_mhm_leaves_the_floor_to_the_agent(demo: Demo) -> None:
    """The core lets the agent go on; the words are in the history behind what they were said to."""
    listens = next(turn for turn in demo.take.log.turns.values() if turn.backchannel)
    assert listens.text == "hm"
    said = demo.placed[1].at / MIC_RATE
    reply = demo.take.log.replies[2]
    assert reply.started_s is not None
    assert reply.ended_s is not None
    assert reply.started_s < said < said + 1.5 < reply.ended_s
    assert [message.text for message in demo.take.history if message.backchannel] == ["hm"]
    judged = [event.state for event in demo.take.log.barge_ins if said < event.at_s < said + 1.2]
    assert judged[-1] in ("backchannel", "false")


def test_the_caller_interrupts_in_mid_sentence_and_is_answered(demo: Demo) -> None:
    interrupted = [reply for reply in demo.take.log.replies.values() if reply.interrupted and reply.heard]
    assert len(interrupted) == 1
    assert interrupted[0].heard.startswith("On Saturday")
    assert "close half an hour earlier" in interrupted[0].cut
    listened, spoke = demo.placed[1], demo.placed[2]
    assert spoke.at == listened.at + len(listened.clip) + round(INTERRUPTS_AFTER_S * MIC_RATE)


def test_a_caller_who_goes_on_is_heard_out_and_answered_once(demo: Demo) -> None:
    """Law 10: however often the turn was taken to be over."""
    turn = next(turn for turn in demo.take.log.turns.values() if turn.text.startswith("how many"))
    assert len(turn.why) == len(turn.resumed_s) + 1
    ends = [event.reasons for event in demo.take.log.events if isinstance(event, TurnEnded)]
    by_silence = all(reasons.probability is None for reasons in ends if reasons is not None)
    assert bool(turn.resumed_s) == by_silence, "a turn model waits where silence alone takes a pause for the end"
    answers = [reply for reply in demo.take.log.replies.values() if reply.heard.startswith("Up to ten")]
    assert len(answers) == 1
    assert answers[0].started_s is not None
    assert turn.decided_s is not None
    assert answers[0].started_s > turn.decided_s


def test_every_end_of_a_turn_says_why(demo: Demo) -> None:
    ends = [event for event in demo.take.log.events if isinstance(event, TurnEnded)]
    assert len(ends) >= len(LINES)
    said = [event.reasons for event in ends if event.reasons is not None]
    assert len(said) == len(ends) - 1, "all but the backchannel's"
    for reasons in said:
        assert reasons.silence_s >= reasons.delay_s - 0.032
    assert sum("wanted" in line and " turn " in line for line in demo.lines) == len(said)


def test_the_history_holds_what_was_heard_and_not_what_was_cut(demo: Demo) -> None:
    """Law 9."""
    told = next(e for e in demo.take.log.events if isinstance(e, AgentSpeechInterrupted) and e.heard)
    message = next(message for message in demo.take.history if message.interrupted)
    assert (message.text, message.unheard) == (told.heard, told.cut)
    assert told.cut not in " ".join(m.text for m in demo.take.history if m.role == "assistant")
    roles = [message.role for message in demo.take.history if not message.backchannel]
    assert roles == ["assistant", *["user", "assistant"] * 4]


def test_the_recorded_caller_is_the_clips_where_the_script_put_them(demo: Demo) -> None:
    """To half a step of the 16-bit file, over the whole call: nothing is shifted, lost or added."""
    line = np.zeros(round(len(demo.caller) / demo.rate * MIC_RATE), np.float32)
    for placed in demo.placed:
        line[placed.at : placed.at + len(placed.clip)] = placed.clip
    expected = resample(line, MIC_RATE, demo.rate)
    assert len(demo.placed) == len(SCRIPT)
    assert len(expected) == len(demo.caller)
    assert np.abs(demo.caller - np.clip(expected, -1, 32767 / 32768)).max() <= 0.51 / 32768


def test_after_the_barge_in_the_agent_is_silent_within_the_fade(demo: Demo) -> None:
    """Laws 2 and 3: from the pull after the core's decision there is a fade of 5 ms, then not one sample until the next
    reply."""
    told = next(e for e in demo.take.log.events if isinstance(e, AgentSpeechInterrupted) and e.heard)
    likely = [e for e in demo.take.log.events if isinstance(e, BargeIn) and e.state == "likely" and e.at_s < told.at_s][
        -1
    ]
    begun = [event.at_s for event in demo.take.log.events if isinstance(event, AgentSpeechStarted)]
    following = min(at_s for at_s in begun if at_s > likely.at_s)
    silent_from = int((likely.at_s + TICK_S + FADE_S) * demo.rate)
    silent_to = int((following - 2 * TICK_S) * demo.rate)
    assert silent_to - silent_from > demo.rate
    assert not demo.agent[silent_from:silent_to].any()
    before = demo.agent[silent_from - int(0.3 * demo.rate) : silent_from]
    assert np.abs(before).max() > 0.01  # it was cut while it sounded


def test_the_core_cuts_soon_after_the_caller_begins(demo: Demo) -> None:
    """On the media clock: onset, 96 ms of speech, at most two windows and a tick for the decision, the fade."""
    interruption = demo.placed[2]
    onset = interruption.at + int(np.flatnonzero(np.abs(interruption.clip) > 0.01)[0])
    sounding = np.flatnonzero(demo.agent[: int((onset / MIC_RATE + 1.0) * demo.rate)])
    assert sounding[-1] / demo.rate - onset / MIC_RATE < 0.096 + 2 * 0.032 + TICK_S + FADE_S


def test_every_reply_has_its_latencies_in_order(demo: Demo) -> None:
    """The model may have begun before the turn was over (eager): its first token alone may come before that."""
    answered = [metrics for metrics in demo.take.log.metrics if metrics.turn and metrics.heard_s is not None]
    assert len(answered) == 4
    for metrics in answered:
        steps = latencies(metrics)
        assert [name for name, _ in steps] == ["turn decided", "words", "first token", "first sample", "heard"]
        decided, words, token, sample, heard = (value for _, value in steps)
        assert decided <= words <= sample <= heard
        assert token <= sample


def test_the_transcript_on_the_terminal_tells_heard_from_cut(demo: Demo) -> None:
    line = next(line for line in demo.lines if "On Saturday" in line)
    heard, cut = line.split("‹")
    assert "On Saturday" in heard
    assert "half an hour earlier" in cut
    assert any("[speaking]" in line for line in demo.lines)
    assert sum("→ heard" in line for line in demo.lines) == 4


def test_a_second_run_is_the_same_to_the_byte(demo: Demo, clips: list[NDArray[np.float32]], tmp_path: Path) -> None:
    """Law 5, whatever the machine is doing."""
    path = tmp_path / "recording.wav"
    take, _ = virtual_time.run(perform(clips, path, PlainScreen(lambda line: None), fast=True))
    assert path.read_bytes() == demo.take.path.read_bytes()
    assert take.log.to_dict(take.history) == demo.take.log.to_dict(demo.take.history)


def test_the_command_leaves_recording_transcript_and_picture(rtaudio: Command, demo: Demo, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    result = rtaudio("demo", "--fast", "--out", tmp_path / "left")
    assert result.returncode == 0, result.stderr
    assert {path.name for path in (tmp_path / "left").iterdir()} == {
        "recording.wav",
        "timeline.png",
        "transcript.json",
        "journal.rtj",
    }
    assert (tmp_path / "left" / "recording.wav").read_bytes() == demo.take.path.read_bytes()
    assert "‹" in result.stdout
    assert "not from a model" in result.stdout
