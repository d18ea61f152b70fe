"""A spoken conversation in a real `AgentSession` that hears with our parts: real time, real voices, fake providers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("livekit.agents", reason="livekit-agents is not installed: make peers-test")

from livekit.agents import Agent, AgentSession

from rtaudio.bench.peers import livekit_session as peer
from rtaudio.bench.peers import scenes
from rtaudio.bench.peers.outcome import Told
from rtaudio.integrations.livekit_agents import VAD, TurnDetector, TurnDetectorStream

RATE = 24000
QUESTIONS = ["What did you say?", "Stop, I have another question."]
LONG = "This is a very long answer that goes on and on and that nobody wants to hear to its end, ever."


@pytest.fixture(scope="module")
def call(shared_data: Path) -> scenes.Scene:
    """A question, and another one 1.8 s later, while the agent answers the first."""
    whole = scenes.make(scenes.recordings(shared_data)[1:8:2][:2], RATE, seed=3)
    (_, first_end), (second, second_end) = whole.spoken
    cut = np.concatenate([whole.pcm[: first_end + round(1.8 * RATE)], whole.pcm[second:]])
    shift = second - first_end - round(1.8 * RATE)
    return scenes.Scene(RATE, cut, (whole.spoken[0], (second - shift, second_end - shift)), whole.names)


async def converse(call: scenes.Scene, **parts: Any) -> tuple[Any, peer.HearingSTT, peer.TellingLLM, peer.Loudspeaker]:
    stt, llm, loudspeaker = peer.HearingSTT(QUESTIONS), peer.TellingLLM([LONG, "Yes?"]), peer.Loudspeaker()
    session: AgentSession[Any] = AgentSession(
        stt=stt, llm=llm, tts=peer.ToneTTS(), aec_warmup_duration=None, user_away_timeout=None, **parts
    )
    microphone = peer.Microphone(call.pcm, call.rate, Told())
    session.input.audio, session.output.audio = microphone, loudspeaker
    await session.start(Agent(instructions="You answer."))
    await microphone.over.wait()
    await session.aclose()
    return session, stt, llm, loudspeaker


def check(call: scenes.Scene, heard: tuple[Any, peer.HearingSTT, peer.TellingLLM, peer.Loudspeaker]) -> None:
    session, stt, llm, loudspeaker = heard
    # The framework cut both questions out by our events: to the sample what was pushed, and all of it.
    everything = call.pcm.tobytes()
    assert len(stt.heard) == 2
    for said, (began, ended) in zip(stt.heard, call.spoken, strict=True):
        at = everything.find(said.tobytes())
        assert at >= 0
        assert at // 2 <= began + 0.1 * RATE
        assert at // 2 + len(said) >= ended
    assert llm.asked == QUESTIONS
    # The first answer was interrupted by the second question, the second was heard to its end.
    assert [interrupted for _, interrupted in loudspeaker.finished] == [True, False]
    assert 0 < loudspeaker.finished[0][0] < 0.06 * len(LONG)
    spoken = [(m.role, m.interrupted) for m in session.history.items if m.type == "message"]
    assert spoken == [("user", False), ("assistant", True), ("user", False), ("assistant", False)]


def test_a_conversation_whose_turns_we_end(call: scenes.Scene) -> None:
    async def talk() -> None:
        before = asyncio.all_tasks()
        detector = TurnDetector()
        streams: list[TurnDetectorStream] = []
        detector.stream = lambda **options: streams.append(made := TurnDetector.stream(detector)) or made  # type: ignore
        check(call, await converse(call, vad=VAD(), turn_handling={"turn_detection": detector}))
        assert [stream.last is not None for stream in streams] == [True]
        await asyncio.sleep(0)
        assert not asyncio.all_tasks() - before

    asyncio.run(talk())


def test_a_conversation_heard_by_our_vad(call: scenes.Scene) -> None:
    async def talk() -> None:
        before = asyncio.all_tasks()
        check(call, await converse(call, vad=VAD(), turn_handling={"turn_detection": "vad"}))
        await asyncio.sleep(0)
        assert not asyncio.all_tasks() - before

    asyncio.run(talk())
