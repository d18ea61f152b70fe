"""Law 5: the demonstration's journal, run again, gives the same events, the same words and the same sound."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rtaudio.cli.demo import perform
from rtaudio.cli.screen import PlainScreen
from rtaudio.core.journal import JournalFile, read_journal
from rtaudio.core.replay import check_replay, replay_hearing, replay_playout
from rtaudio.voice.events import TurnEnded
from rtaudio.voice.journaling import replay_session, session_differences

from .conftest import Demo


def is_the_call_again(journal: JournalFile) -> None:
    assert journal.complete
    assert check_replay(journal).found == []
    assert session_differences(journal) == []


def test_the_demonstration_replays_to_the_same_events_and_output(demo: Demo) -> None:
    journal = read_journal(demo.journal)
    is_the_call_again(journal)
    assert replay_session(journal)[0].history == demo.take.history
    out = replay_playout(journal).out[: len(demo.agent)]
    assert np.abs(out - demo.agent[: len(out)]).max() <= 0.51 / 32768, "the recording, but for its 16 bits"
    hearing = replay_hearing(journal)
    ends = sum(isinstance(event, TurnEnded) and event.reasons is not None for event in demo.take.log.events)
    # The backchannel's was taken by the session before the core was sure of it.
    assert [event.kind for event in hearing.events].count("turn_ended") - ends in (0, 1)


def test_a_call_in_real_time_replays_too(clips: list[NDArray[np.float32]], tmp_path: Path) -> None:
    """Threads and the clock decided when things happened; the journal says when, so it happens so again."""
    path = tmp_path / "live.rtj"

    async def some_seconds() -> None:
        task = asyncio.create_task(
            perform(clips, tmp_path / "live.wav", PlainScreen(lambda line: None), fast=False, journal=path)
        )
        await asyncio.sleep(14)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(some_seconds())
    journal = read_journal(path)
    is_the_call_again(journal)
    cuts = [event for event in replay_playout(journal).events if event.kind == "cut"]
    assert len(cuts) >= 1, "the caller interrupted"
