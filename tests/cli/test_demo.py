"""The demonstration: what was said, what was cut, and that the recording is true to the sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rtaudio.cli.demo import INTERRUPTS_AFTER_S, SCRIPT, perform
from rtaudio.cli.log import latencies
from rtaudio.cli.screen import PlainScreen
from rtaudio.cli.wav import resample
from rtaudio.core import MIC_RATE
from rtaudio.testing import virtual_time
from rtaudio.voice.events import AgentSpeechInterrupted, AgentSpeechStarted, BargeIn, ProviderFailed

from .conftest import Command, Demo

FADE_S, TICK_S = 0.005, 0.01


def test_every_line_of_the_caller_was_understood_and_answered(demo: Demo) -> None:
    """Law 10."""
    said = [turn.text for turn in demo.take.log.turns.values()]
    assert said == [
        "hello when does the library open on saturday",
        "wait what about sunday",
        "how many books can i take home",
        "okay thank you goodbye",
    ]
    replies = [reply.text for reply in demo.take.log.replies.values()][1:]
    assert [reply.split(",")[0].split(".")[0] for reply in replies] == [
        "On Saturday",
        "On Sunday",
        "Up to ten books",
        "You are welcome",
    ]
    assert not [event for event in demo.take.log.events if isinstance(event, ProviderFailed)]


def test_the_caller_interrupts_in_mid_sentence_and_is_answered(demo: Demo) -> None:
    interrupted = [reply for reply in demo.take.log.replies.values() if reply.interrupted]
    assert len(interrupted) == 1
    assert interrupted[0].heard.startswith("On Saturday")
    assert "five in the afternoon" in interrupted[0].cut
    began = [event.at_s for event in demo.take.log.events if isinstance(event, AgentSpeechStarted)][1]
    assert demo.placed[1].at == round((began + INTERRUPTS_AFTER_S) * MIC_RATE)


def test_the_history_holds_what_was_heard_and_not_what_was_cut(demo: Demo) -> None:
    """Law 9."""
    told = next(event for event in demo.take.log.events if isinstance(event, AgentSpeechInterrupted))
    message = next(message for message in demo.take.history if message.interrupted)
    assert (message.text, message.unheard) == (told.heard, told.cut)
    assert "afternoon" not in " ".join(m.text for m in demo.take.history if m.role == "assistant")
    assert [message.role for message in demo.take.history] == ["assistant", *["user", "assistant"] * 4]


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
    likely = next(e for e in demo.take.log.events if isinstance(e, BargeIn) and e.state == "likely")
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
    interruption = demo.placed[1]
    onset = interruption.at + int(np.flatnonzero(np.abs(interruption.clip) > 0.01)[0])
    sounding = np.flatnonzero(demo.agent[: int((onset / MIC_RATE + 1.0) * demo.rate)])
    assert sounding[-1] / demo.rate - onset / MIC_RATE < 0.096 + 2 * 0.032 + TICK_S + FADE_S


def test_every_reply_has_its_latencies_in_order(demo: Demo) -> None:
    answered = [metrics for metrics in demo.take.log.metrics if metrics.turn]
    assert len(answered) == 4
    for metrics in answered:
        steps = latencies(metrics)
        assert [name for name, _ in steps] == ["turn decided", "words", "first token", "first sample", "heard"]
        assert [value for _, value in steps] == sorted(value for _, value in steps)


def test_the_transcript_on_the_terminal_tells_heard_from_cut(demo: Demo) -> None:
    line = next(line for line in demo.lines if "On Saturday" in line)
    heard, cut = line.split("‹")
    assert "On Saturday" in heard
    assert "afternoon" in cut
    assert any("[speaking]" in line for line in demo.lines)
    assert sum("caller stopped → turn decided" in line for line in demo.lines) == 4


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
