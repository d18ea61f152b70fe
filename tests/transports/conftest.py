"""A server of calls in this process, and providers that are quick and count what is open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T], limit_s: float = 60.0) -> T:
    """On a loop of its own; what it leaves behind is a failure."""

    async def whole() -> T:
        before = asyncio.all_tasks()
        result = await asyncio.wait_for(work, limit_s)
        await asyncio.sleep(0)
        left = asyncio.all_tasks() - before
        assert not left, f"tasks are left: {[task.get_name() for task in left]}"
        return result

    return asyncio.run(whole())


def voice(seconds: float, rate: int = 16000) -> NDArray[np.float32]:
    """What LevelVad takes for speech: loud all the time, and never even."""
    at = np.arange(round(seconds * rate)) / rate
    loud = 0.75 + 0.2 * np.sin(2 * np.pi * 3 * at)
    return (loud * np.where(np.sin(2 * np.pi * 180 * at) < 0, -1, 1)).astype(np.float32)


@dataclass
class Served:
    """Where it listens, and what runs there."""

    port: int
    calls: Any
    stt: Any
    llm: Any
    tts: Any

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"


@asynccontextmanager
async def served(
    app: Any = None,
    *,
    most_calls: int = 4,
    greeting: str | None = "Hello.",
    vad: Any = None,
    origins: Sequence[str] = (),
) -> AsyncIterator[Served]:
    """A site on a free port. `app`: in the place of one with fakes; `vad`: of one that goes by the level."""
    pytest.importorskip("aiohttp", reason="aiohttp is not installed: pip install 'rtaudio[serve]'")
    from aiohttp import web

    from rtaudio.server import App, CallSetup
    from rtaudio.server.calls import Calls
    from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS
    from rtaudio.voice.agent import Agent
    from rtaudio.web.site import site
    from tests.core.rig import LevelVad

    stt, llm, tts = FakeSTT(["one", "two", "three"]), FakeLLM(["Yes, of course, at once."]), FakeTTS(words=True)
    setup = CallSetup(agent=Agent(greeting=greeting), stt=stt, llm=llm, tts=tts)
    what = App(app if app is not None else setup)
    async with Calls(what, most_calls=most_calls, vad=vad or LevelVad()) as calls:
        runner = web.AppRunner(site(calls, origins=origins), access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        listening = web.TCPSite(runner, "127.0.0.1", 0)
        await listening.start()
        try:
            yield Served(runner.addresses[0][1], calls, stt, llm, tts)
        finally:
            await calls.aclose()
            await runner.cleanup()
