"""Providers that stand for others, in a conversation: the caller hears an answer, the program hears of the failure."""

from __future__ import annotations

import asyncio

import pytest

from rtaudio.providers import FallbackLLM, FallbackSTT, FallbackTTS, HealthPolicy
from rtaudio.testing import Failure, FakeLLM, FakeSTT, FakeTTS, Simulation, run
from rtaudio.testing.failures import Mode
from rtaudio.voice import Agent, ProviderFailed
from tests.voice.conversations import caller_with


def named(name: str, provider: FakeSTT | FakeLLM | FakeTTS) -> None:
    provider.name = name


@pytest.mark.parametrize("mode", ["raise_at_open", "raise", "hang", "nothing"])
def test_a_call_whose_first_providers_all_fail_is_answered_by_the_others(mode: Mode) -> None:
    """Laws 9 and 10."""

    async def main() -> None:
        stts = [FakeSTT(["a question", "another"], failure=Failure(mode)) for _ in range(2)]
        llms = [FakeLLM(["An answer.", "Another answer."], failure=Failure(mode)) for _ in range(2)]
        ttss = [FakeTTS(failure=Failure(mode), rate=rate) for rate in (16000, 24000)]
        for kind in (stts, llms, ttss):
            kind[1].failure = None
            for at, provider in enumerate(kind):
                named(f"{provider.name}-{at}", provider)
        health = HealthPolicy(pause_s=60.0)
        before = asyncio.all_tasks()
        simulation = Simulation(
            Agent(),
            stt=FallbackSTT(stts, final_s=1.0, health=health),
            llm=FallbackLLM(llms, first_s=1.0, health=health),
            tts=FallbackTTS(ttss, first_s=1.0, health=health),
            caller=caller_with({"at_s": 0.5}, {"at_s": 9.0}),
        )
        async with simulation as sim:
            await sim.finish()
            assert [message.text for message in sim.session.history] == [
                "a question",
                "An answer.",
                "another",
                "Another answer.",
            ]
        told = [(failed.kind, failed.provider) for failed in sim.told(ProviderFailed)]
        assert sorted(told) == [("llm", "fake-llm-0"), ("stt", "fake-stt-0"), ("tts", "fake-tts-0")], "once each"
        assert asyncio.all_tasks() == before
        assert {provider.open for kind in (stts, llms, ttss) for provider in kind} == {0}

    run(main())
