"""A real `Pipeline` that hears with our parts: real time, real voices, an STT that knows what is said."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

pytest.importorskip("pipecat", reason="pipecat-ai is not installed: make peers-test")

from rtaudio.bench.peers import pipecat_session as peer
from rtaudio.bench.peers import scenes
from rtaudio.bench.peers.outcome import Told, score


@pytest.fixture(scope="module")
def scene(shared_data: Path) -> scenes.Scene:
    """Two short phrases of two voices."""
    return scenes.make(scenes.recordings(shared_data)[1:4:2], 16000, seed=5)


def check(scene: scenes.Scene, told: Told) -> None:
    outcome = score(scene, told)
    assert None not in outcome["onset_ms"]
    assert None not in outcome["turn_delay_ms"]
    assert outcome["false_starts"] == 0
    assert all(at >= began / scene.rate for at, (began, _) in zip(told.starts, scene.spoken, strict=False))


def test_turns_that_we_end(scene: scenes.Scene) -> None:
    async def talk() -> None:
        before = asyncio.all_tasks()
        parts = peer.CONTENDERS["rtaudio"]()
        told = await peer.listen(scene, parts)
        check(scene, told)
        # All that the framework ended, it ended by our decision: its own fall-back is 5 s away.
        assert parts.turn.last is not None
        assert len(told.ends) == 2
        await asyncio.sleep(0)
        assert not asyncio.all_tasks() - before

    asyncio.run(talk())


def test_turns_heard_by_our_vad(scene: scenes.Scene) -> None:
    """Our VAD under the framework's Smart Turn."""

    async def talk() -> None:
        before = asyncio.all_tasks()
        check(scene, await peer.listen(scene, peer.CONTENDERS["rtaudio_vad"]()))
        await asyncio.sleep(0)
        assert not asyncio.all_tasks() - before

    asyncio.run(talk())
