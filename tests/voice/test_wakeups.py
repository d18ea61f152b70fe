"""One wake-up descriptor serves every session of a process."""

from __future__ import annotations

import asyncio

from rtaudio import AudioPort, Engine, Wake
from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS
from rtaudio.voice import Agent, Session
from rtaudio.voice.events import AgentSpeechHeard
from rtaudio.voice.wakeups import Wakeups


def test_sessions_given_the_same_wake_share_it() -> None:
    wake, other = Wake(), Wake()
    shared = Wakeups.of(wake)
    assert Wakeups.of(wake) is shared
    assert Wakeups.of(other) is not shared


def test_every_session_on_one_wake_is_woken() -> None:
    """Live: each agent says its greeting to the end, which takes room, pulls and events of its own port."""

    async def greeting(engine: Engine, wake: Wake) -> str:
        with AudioPort(24000) as port:
            line = engine.add(port, wake=wake)
            try:
                agent = Agent(greeting="Hello there.")
                async with Session(port, agent, stt=FakeSTT([]), llm=FakeLLM([]), tts=FakeTTS(), wake=wake) as session:
                    async for event in session.events():
                        if isinstance(event, AgentSpeechHeard):
                            return event.text
            finally:
                engine.remove(line)
        return "nothing"

    async def main() -> list[str]:
        wake = Wake()
        with Engine() as engine:
            engine.start()
            return await asyncio.wait_for(asyncio.gather(*(greeting(engine, wake) for _ in range(3))), 20)

    assert asyncio.run(main()) == ["Hello there."] * 3
