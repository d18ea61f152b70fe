"""A server whose event loop stands still: the engine goes on, nothing that the caller says is lost, and all that the
agent says arrives (law 4, as it holds for a WebSocket in the user's own process)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("msgspec", reason="msgspec is not installed: pip install 'rtaudio[serve]'")
pytest.importorskip("aiohttp", reason="aiohttp is not installed: pip install 'rtaudio[serve]'")

from rtaudio.server import CallSetup
from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS
from rtaudio.testing.remote import RemoteCaller
from rtaudio.transports.websocket import messages as say
from rtaudio.transports.websocket.client import WebSocketClient
from rtaudio.voice.agent import Agent
from tests.core.rig import LevelVad
from tests.transports.conftest import run, voice
from tests.web.conftest import serving

STALL_S = 1.0


def test_a_stalled_loop_loses_nothing_either_way() -> None:
    stt = FakeSTT(["one"])

    def setup(on_start: Callable[[Any], None]) -> CallSetup:
        tts = FakeTTS(words=True)
        return CallSetup(agent=Agent(), stt=stt, llm=FakeLLM(["A rather long answer to that."]), tts=tts)

    with serving(setup, vad=LevelVad()) as site:

        async def main() -> None:
            url = site.url.replace("http:", "ws:") + "ws"
            async with await WebSocketClient.connect(url) as client, RemoteCaller(client) as caller:
                caller.speak(voice(2.0))
                await asyncio.sleep(0.5)
                site.loop.call_soon_threadsafe(time.sleep, STALL_S)
                await caller.until(lambda it: it.player.played > 4800)
                site.loop.call_soon_threadsafe(time.sleep, STALL_S)
                await caller.until(lambda it: bool(it.said(say.Heard)))
                await caller.until(lambda it: it.frames[-1].end)
                figures = site.call().figures()
                assert figures["gap_samples"] == figures["out_lost"] == 0
                assert site.calls.lead_s == 0.6, "the next stall may be as long as this, within bounds"
                spoken = sum(np.count_nonzero(frame.samples) for frame in caller.frames)
                text = "A rather long answer to that."
                assert spoken == round(len(text) * 0.06 * 24000) - 64  # the first 64 are below half a step of 16 bits

        run(main())
    heard, said = stt.heard[0], voice(2.0)
    begin = np.flatnonzero(np.abs(heard) > 0.01)[0]
    assert np.abs(heard[begin : begin + len(said)] - said).max() < 1e-4
