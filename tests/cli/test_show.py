"""What a person sees: lines on the terminal, the picture."""

from __future__ import annotations

import io
import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from rtaudio.cli.log import CallLog
from rtaudio.cli.screen import PlainScreen, RichScreen, open_screen
from rtaudio.cli.timeline import Timeline, breaks, draw
from rtaudio.voice.events import (
    AgentSpeechHeard,
    AgentSpeechInterrupted,
    AgentSpeechStarted,
    BargeIn,
    InputStarved,
    LinkBack,
    LinkLost,
    ProviderFailed,
    ReplyText,
    SessionEvent,
    SpeechEnded,
    SpeechStarted,
    StateChanged,
    TranscriptUpdated,
    TurnEnded,
    TurnMetrics,
    TurnModelSilent,
    TurnResumed,
)

CUT = AgentSpeechInterrupted(at_s=3, reply=1, heard="On Saturday, ", cut="from nine.", heard_for_s=0.8, bound_s=0.01)
CALL: list[SessionEvent] = [
    SpeechStarted(at_s=0.6, began_s=0.5),
    TranscriptUpdated(at_s=0.8, turn=1, text="when", final=False),
    SpeechEnded(at_s=1.3, ended_s=1.2),
    TurnEnded(at_s=1.8, turn=1, ended_s=1.2, decided_s=1.8),
    StateChanged(at_s=1.8, state="thinking", before="listening"),
    TranscriptUpdated(at_s=1.8, turn=1, text="when do you open", final=True),
    ReplyText(at_s=1.9, reply=1, text="On Saturday, ", text_offset=0),
    ReplyText(at_s=1.9, reply=1, text="from nine.", text_offset=13),
    AgentSpeechStarted(at_s=2, reply=1),
    StateChanged(at_s=2, state="speaking", before="thinking"),
    TurnMetrics(at_s=2, turn=1, reply=1, turn_decided_s=0.6, first_token_s=0.7, first_sample_s=0.8, heard_s=0.8),
    BargeIn(at_s=2.8, state="suspected", before="quiet"),
    BargeIn(at_s=2.9, state="likely", before="suspected"),
    BargeIn(at_s=3, state="confirmed", before="likely"),
    CUT,
    StateChanged(at_s=3, state="listening", before="speaking"),
    AgentSpeechHeard(at_s=4, reply=2, text="Goodbye!", spoken_for_s=0.5),
    ProviderFailed(at_s=4, kind="llm", provider="m", what="no connection"),
    InputStarved(at_s=4, missing_for_s=0.25),
    LinkLost(at_s=4, without_for_s=5.0),
    LinkBack(at_s=4, without_for_s=7.25),
    TurnModelSilent(at_s=4, late=False),
    TurnResumed(at_s=4, turn=1, began_s=3.9),
]


def log_of(events: list[SessionEvent]) -> CallLog:
    log = CallLog()
    for event in events:
        log.take(event)
    return log


def test_plain_lines_tell_who_what_and_when() -> None:
    lines: list[str] = []
    screen = PlainScreen(lines.append)
    for event in CALL:
        screen.show(event)
    screen.close()
    text = "\n".join(lines)
    assert "   3.00 s  agent     On Saturday,  ‹from nine.› cut after 0.80 s" in lines
    assert "   1.80 s  caller    when do you open" in lines
    assert "caller stopped → turn decided 600 → first token 700 → first sample 800 → heard 800 ms" in text
    assert "llm m: no connection" in text
    assert "250 ms too little audio" in text
    assert "nothing has come over the line for 5.0 s" in text
    assert "the line is back after 7.2 s" in text
    assert "no model has answered in time whether a turn is complete: silence decides" in text
    assert "the caller had not finished" in text
    assert "flushed" in text
    assert "Goodbye!" in text


def test_rich_strikes_out_what_was_cut() -> None:
    rich_console = pytest.importorskip("rich.console")
    screen = RichScreen(__import__("rich"))
    screen.close()
    screen._console = rich_console.Console(file=io.StringIO(), force_terminal=True, width=120, color_system="standard")
    for event in CALL:
        screen.show(event)
    written = screen._console.file.getvalue()
    assert "\x1b[2;9mfrom nine." in written  # dim, struck out
    assert "when do you open" in written
    assert "no connection" in written


def test_a_pipe_gets_plain_lines() -> None:
    assert isinstance(open_screen(io.StringIO()), PlainScreen)


def test_the_log_puts_turns_and_replies_together() -> None:
    log = log_of(CALL)
    assert log.turns[1].text == "when do you open"
    assert (log.turns[1].ended_s, log.turns[1].decided_s) == (1.2, 1.8)
    assert log.replies[1].text == "On Saturday, from nine."
    assert (log.replies[1].heard, log.replies[1].cut) == ("On Saturday, ", "from nine.")
    assert log.speech == [(0.5, 1.2)]


@pytest.mark.parametrize("events", [[], CALL, CALL[:3], CALL[6:], CALL[3:9]])
@pytest.mark.parametrize("seconds", [0.0, 4.5, 40.0])
def test_any_call_can_be_drawn(tmp_path: Path, events: list[SessionEvent], seconds: float) -> None:
    """Law 11: empty ones, and those that ended anywhere."""
    pytest.importorskip("matplotlib")
    noise = np.random.default_rng(1).uniform(-1, 1, (int(seconds * 120), 2, 2)).astype(np.float32)
    noise.sort(axis=1)
    probabilities = np.random.default_rng(2).uniform(0, 1, int(seconds / 0.032)).astype(np.float32)
    draw(Timeline(noise, 1 / 120, seconds, probabilities, log_of(events)), tmp_path / "a.png")
    width, height = struct.unpack(">II", (tmp_path / "a.png").read_bytes()[16:24])
    assert width > 1500
    assert height > 400


def test_a_long_call_breaks_before_the_caller_speaks_and_nowhere_else() -> None:
    events: list[SessionEvent] = []
    for turn in range(10):
        at = 8.0 * turn
        events += [
            SpeechStarted(at_s=at + 1, began_s=at + 1),
            SpeechEnded(at_s=at + 3, ended_s=at + 3),
            AgentSpeechStarted(at_s=at + 4, reply=turn + 1),
            AgentSpeechHeard(at_s=at + 7.5, reply=turn + 1, text="Yes.", spoken_for_s=3.5),
        ]
    timeline = Timeline(np.zeros((9600, 2, 2), np.float32), 1 / 120, 80.0, np.zeros(2500, np.float32), log_of(events))
    assert [round(at % 8.0, 3) for at in breaks(timeline)] == [0.6] * len(breaks(timeline))
    edges = [0.0, *breaks(timeline), 80.0]
    assert max(b - a for a, b in pairwise(edges)) <= 18.0
