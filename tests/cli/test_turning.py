"""What a call's turns end by, and what is said of it; new lines of the screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtaudio.cli.screen import PlainScreen
from rtaudio.cli.turning import PROFILES, Turning
from rtaudio.core import TurnReasons
from rtaudio.voice.events import (
    Backchannel,
    MicrophoneClipping,
    MicrophoneLevel,
    SessionEvent,
    TurnEnded,
    UserAway,
    UserBack,
)


@pytest.mark.parametrize("profile", PROFILES)
def test_without_a_turn_model_a_call_goes_on_and_says_so(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law 11: silence decides."""
    monkeypatch.setenv("RTAUDIO_MODELS", str(tmp_path))
    notes: list[str] = []
    turning = Turning(profile, notes.append)
    assert not turning.by_model
    assert turning.detector.turn.profile == profile
    assert "no turn model is installed (rtaudio models install)" in notes[0]
    turning.take()
    turning.start()
    turning.close()


def test_a_model_that_was_altered_is_not_used_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 11."""
    monkeypatch.setenv("RTAUDIO_MODELS", str(tmp_path))
    (tmp_path / "smart-turn-v3.2-cpu.onnx").write_bytes(b"something else")
    notes: list[str] = []
    turning = Turning(note=notes.append)
    assert not turning.by_model
    assert "smart-turn-v3.2-cpu.onnx" in notes[0]


REASONS = TurnReasons(0.29, 0.28, 0.99, 1, 1, "listening", ("model", "prosody"))
LINES: list[tuple[SessionEvent, str]] = [
    (
        TurnEnded(at_s=1, turn=1, ended_s=0.7, decided_s=1, reasons=REASONS),
        "0.28 s wanted, complete with 99 % (model, pro",
    ),
    (Backchannel(at_s=1, turn=1, text="hm"), "“hm” is kept as a backchannel"),
    (UserAway(at_s=1, silent_for_s=15.2, times=1), "for 15 s"),
    (UserBack(at_s=1, away_for_s=3), "speaks again"),
    (MicrophoneLevel(at_s=1, state="silent", before="good", level_dbfs=-90), "the microphone is silent"),
    (MicrophoneLevel(at_s=1, state="quiet", before="good", level_dbfs=-51.2), "very quiet: -51 dBFS"),
    (MicrophoneLevel(at_s=1, state="loud", before="good", level_dbfs=-7), "too loud: -7 dBFS"),
    (MicrophoneLevel(at_s=1, state="good", before="loud", level_dbfs=-20), "fine again"),
    (MicrophoneClipping(at_s=1, clipping=True, clipped_share=0.012), "clips (1.2 % of the samples)"),
    (MicrophoneClipping(at_s=1, clipping=False, clipped_share=0), "clips no more"),
]


@pytest.mark.parametrize(("event", "text"), LINES)
def test_a_line_says_what_is_wrong_and_why(event: SessionEvent, text: str) -> None:
    lines: list[str] = []
    PlainScreen(lines.append).show(event)
    assert len(lines) == 1
    assert text in lines[0]
