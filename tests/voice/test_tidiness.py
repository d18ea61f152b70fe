"""Nothing is left behind, whenever a session is cancelled, and nothing is taken for granted that can be lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rtaudio.core import AudioPort
from rtaudio.testing import FakeSTT, run
from rtaudio.testing.providers import FakeSTTStream
from rtaudio.voice import Agent, AgentSpeechHeard, EventsLost, ProviderFailed, Session, SessionClosed
from rtaudio.voice.protocols import Audio
from tests.voice.conversations import LONG, Cast, caller_with, conversation


@pytest.mark.parametrize("at_s", [0.0, 0.4, 0.6, 1.2, 2.15, 2.25, 2.4, 2.6, 3.3, 3.7, 3.9, 5.2, 6.0])
def test_a_cancelled_conversation_leaves_nothing(at_s: float) -> None:
    async def main() -> None:
        cast = Cast()
        closed: list[str] = []

        async def talk() -> None:
            caller = caller_with({"at_s": 0.5}, {"after_agent_starts_s": 1.2})
            async with conversation(cast, caller) as sim:
                try:
                    await sim.finish()
                finally:
                    closed.append(sim.session.state)

        task = asyncio.ensure_future(talk())
        await asyncio.sleep(at_s)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert (cast.stt.open, cast.llm.open, cast.tts.open) == (0, 0, 0)

    run(main())


def test_a_session_cancelled_while_it_warms_up_leaves_nothing() -> None:
    async def main() -> None:
        cast = Cast()

        async def never() -> None:
            await asyncio.sleep(1e6)

        cast.llm.warm_up = never  # type: ignore[method-assign]
        port = AudioPort(24000)
        session = Session(port, Agent(), stt=cast.stt, llm=cast.llm, tts=cast.tts)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0), session:
                raise AssertionError("not warm yet")
        assert session.closed
        assert asyncio.all_tasks() == {asyncio.current_task()}
        port.close()

    run(main())


def test_closing_goes_on_when_the_closer_is_cancelled() -> None:
    async def main() -> None:
        async with conversation(Cast(), agent=Agent(greeting=LONG)) as sim:
            await sim.advance(1.0)
            closer = asyncio.ensure_future(sim.session.aclose())
            await asyncio.sleep(0)
            closer.cancel()
            await asyncio.sleep(0.1)
            assert sim.session.closed
            await sim.session.aclose()
        assert len(sim.told(SessionClosed)) == 1

    run(main())


class LossyPort:
    """A port whose events of some kinds never arrive, as when the ring was full."""

    def __init__(self, port: AudioPort, kinds: set[str]) -> None:
        self._port, self._kinds = port, kinds
        self.events_dropped = 0

    def events(self) -> list[Any]:
        events = self._port.events()
        kept = [event for event in events if event.kind not in self._kinds]
        self.events_dropped += len(events) - len(kept)
        return kept

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


@pytest.mark.parametrize("kinds", [{"segment_done"}, {"segment_started", "segment_done"}])
def test_lost_events_are_told_and_the_ledger_says_what_became_of_the_reply(kinds: set[str]) -> None:
    """Law 8: a drop is counted; law 10: the next thing is said all the same."""

    async def main() -> None:
        async with conversation(Cast()) as sim:
            sim.session._port = LossyPort(sim.port, kinds)  # type: ignore[assignment]
            first, second = sim.session.say("One thing."), sim.session.say("Another thing.")
            await sim.until(second.done)
            assert first.message is not None
            assert first.message.text == "One thing."
        assert sum(event.count for event in sim.told(EventsLost)) == 2 * len(kinds)
        assert [event.text for event in sim.told(AgentSpeechHeard)] == ["One thing.", "Another thing."]

    run(main())


def test_a_lost_cut_is_looked_up() -> None:
    async def main() -> None:
        async with conversation(Cast()) as sim:
            sim.session._port = LossyPort(sim.port, {"cut"})  # type: ignore[assignment]
            said = sim.session.say(LONG)
            await sim.advance(1.5)
            sim.session.interrupt()
            await sim.until(said.done, 1.0)
            assert said.message is not None
            assert said.message.interrupted
            assert said.message.text

    run(main())


def test_a_recorder_that_raises_closes_the_session_with_a_reason() -> None:
    async def main() -> None:
        def recorder(what: object) -> None:
            if type(what).__name__ == "SayAsked":
                raise OSError("disk full")

        async with conversation(Cast(), recorder=recorder) as sim:
            said = sim.session.say("Hello.")
            await sim.advance(0.1)
            assert sim.session.closed
            assert said.state == "cancelled"
        assert [event.reason for event in sim.told(SessionClosed)] == ["OSError: disk full"]

    run(main())


class FullSTT(FakeSTT):
    """Its streams take no audio."""

    def stream(self) -> FakeSTTStream:
        stream = super().stream()

        def push(samples: Audio) -> None:
            raise BufferError("too slow")

        stream.push = push  # type: ignore[method-assign]
        return stream


def test_a_stream_that_takes_no_audio_is_closed_and_reported() -> None:
    """It fails in the tick in which it was opened, before its task has begun: that tidies up all the same."""

    async def main() -> None:
        cast = Cast(stt=FullSTT(["never"]))
        async with conversation(cast, caller_with({"at_s": 0.5})) as sim:
            await sim.finish()
            assert cast.stt.opened == 1
            assert cast.stt.open == 0
            assert [m.text for m in sim.session.history] == ["Sorry, I did not catch that."]
        assert [event.what for event in sim.told(ProviderFailed)] == ["BufferError: too slow"]

    run(main())
