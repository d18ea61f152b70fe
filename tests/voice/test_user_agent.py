"""A user's agents at work: all of it fits together. What `mypy --strict` says of them: tests/test_examples.py."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytest.importorskip("pydantic", reason="pydantic is not installed: pip install 'rtaudio[tools]'")

from rtaudio.providers.openai_messages import messages_of
from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS, run
from rtaudio.voice import AgentChanged, AgentSpeechHeard, ToolCall, ToolFinished
from tests.voice import user_agent
from tests.voice.conversations import Cast, caller_with, conversation
from tests.voice.message_rules import anthropic_messages, anthropic_problems, openai_problems


def test_it_does_all_of_it_in_one_call() -> None:
    """Stages, hooks, begun ahead, a client that is not there, a task within a tool, a handoff to another rate."""
    steps: list[Any] = [
        [ToolCall("c1", "who", "{}")],
        [ToolCall("c2", "note", '{"name": "Ann"}')],
        [
            ToolCall("c3", "book", '{"guest": {"name": "Ann"}, "nights": 2}'),
            ToolCall("c4", "weather", '{"town": "Ulm"}'),
        ],
        "It is booked, and it will be fine.",
        [ToolCall("c5", "complain", '{"about": "noise"}')],
        "Tell me all of it.",
    ]

    async def main() -> None:
        other = FakeTTS(rate=16000)
        cast = Cast(FakeSTT(["a room please", "it is Ann", "there is noise"]), FakeLLM(steps), FakeTTS(words=True))
        bookings = user_agent.Bookings()
        agent = user_agent.Hotel(other)
        cues = [{"at_s": 0.3}, {"at_s": 6.0}, {"at_s": 14.0}]
        async with conversation(
            cast, caller_with(*cues), agent=agent, data=bookings, options=user_agent.options()
        ) as sim:
            await sim.finish(idle_s=6.0)
            history = sim.session.history
        assert bookings.made == ["Ann", "Ann: 2"]
        assert [message.text for message in history if message.role == "user"] == [
            "a room please",
            "it is Ann",
            "there is noise",
        ]
        said = [message.text for message in history if message.role == "assistant" and message.text]
        assert said == ["Who is going to stay?", "It is booked, and it will be fine.", "I am sorry to hear that."]
        assert [(event.after, event.why) for event in sim.told(AgentChanged)] == [
            ("AskName", "task"),
            ("Hotel", "task over"),
            ("Complaints", "handoff"),
        ]
        assert {event.outcome for event in sim.told(ToolFinished)} == {"done"}
        shown = [event.text for event in sim.told(AgentSpeechHeard)]
        assert "IT IS BOOKED, AND IT WILL BE FINE." in shown
        assert [text for text, _, _ in other.spoken] == ["I am sorry to hear that."]
        assert openai_problems(messages_of(history)) == []
        assert anthropic_problems(anthropic_messages(history)) == []
        lines = [line for event in sim.events if (line := user_agent.told(event))]
        assert lines[0].startswith("Hotel -> AskName")

    run(main())


def test_what_the_program_wants_of_it() -> None:
    async def main() -> None:
        steps: list[Any] = ["How many nights?", [ToolCall("c", "note", '{"name": "Bo", "age": 7}')]]
        cast = Cast(FakeSTT(["it is Bo"]), FakeLLM(steps), FakeTTS())
        caller = caller_with({"at_s": 6.0})
        async with conversation(cast, caller, agent=user_agent.Hotel(), data=user_agent.Bookings()) as sim:
            driving = asyncio.create_task(user_agent.drive(sim.session))
            await sim.until(driving.done)
            await sim.finish(idle_s=3.0)
        message, guest = await driving
        assert (message.text, guest) == ("How many nights?", user_agent.Guest("Bo", 7))
        assert [[spec.name for spec in offered] for offered in cast.llm.offered[:1]] == [["book"]]
        assert sim.session.agent.name == "Complaints"

    run(main())
