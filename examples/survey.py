"""A survey by telephone: tasks in a group, keys pressed while the agent speaks, going back to an earlier answer.

    python examples/survey.py

Runs offline and at once: the core is the real one, time is virtual, and caller, ears, voice and model are stand-ins
(`rtaudio.testing`). `model` stands for the language model; with a real one, the agent stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS, SimulatedCaller, Simulation, run, speech
from rtaudio.voice import Agent, AgentSpeechStarted, ChatContext, GroupFailed, Session, Step, Task, TaskGroup, ToolCall
from rtaudio.voice.ready import Choose, CollectDigits, Confirm
from rtaudio.voice.tools import tool


@dataclass
class Answers:
    """What the survey brings."""

    customer: str
    rating: int
    comment: str | None = None
    call_back: bool = False


class AskComment(Task[str]):
    """What the caller was pleased with, or not, in their own words, as the model makes them out."""

    instructions = "Note what was good or wrong, in a few words. The caller need not say."

    def __init__(self, known: Mapping[str, Any]) -> None:
        super().__init__(greeting="What was good?" if known["rating"] == 3 else "I am sorry. What was wrong?")

    @tool
    async def note(self, comment: str) -> None:
        """Notes the comment."""
        self.complete(comment)


SURVEY = [
    Step("customer", lambda known: CollectDigits("What is your customer number? You may use the keys.", length=4)),
    Step("rating", lambda known: Choose("Was the repair good, fair or poor?", {"good": 3, "fair": 2, "poor": 1})),
    Step("comment", AskComment, depends_on=("rating",), optional=True),
    Step("call_back", lambda known: Confirm("May we call you back?"), when=lambda known: known["rating"] < 3),
]


class Surveyor(Agent):
    """Runs the survey as soon as the call begins."""

    instructions = "The survey is over. Say goodbye if the caller says anything."
    answers: Answers | None = None

    async def on_enter(self, session: Session) -> None:
        session.say("Good morning. We have three short questions about your repair.")
        try:
            self.answers = await session.run_task(TaskGroup(Answers, SURVEY, timeout_s=300))
        except GroupFailed as failed:
            session.say("Then we leave it at that. Goodbye.")
            print(f"no answers: {failed}; until then {failed.results}")
        else:
            session.say("Thank you. Goodbye.")


def model(chat: ChatContext) -> str | list[str | ToolCall]:
    """What a language model would make of the talk so far."""
    said, call = chat.last_user_text().lower(), f"call_{len(chat)}"
    if AskComment.instructions not in chat.instructions:
        return "Goodbye."
    if "actually" in said:
        return [ToolCall(call, "go_back", '{"to": "rating"}')]
    return [ToolCall(call, "note", f'{{"comment": "{said}"}}')]


async def main() -> tuple[Surveyor, Simulation]:
    caller = SimulatedCaller()
    said = [
        "Yes, that's right.",
        "Good.",
        "Actually it was not that good.",
        "Fair.",
        "It took two weeks.",
        "Yes, please.",
    ]
    agent = Surveyor()
    async with Simulation(agent, stt=FakeSTT(said), llm=FakeLLM(model), tts=FakeTTS(), caller=caller) as call:
        await call.until(lambda: len(call.told(AgentSpeechStarted)) == 2)
        await call.advance(1.0)
        for key in "4711":  # while the question is still being asked
            call.session.press(key)
            await call.advance(0.3)
        for _ in said:
            caller.say(speech(1.2), after_agent_stops_s=0.6)
        await call.finish(idle_s=3.0)
    for message in call.session.history:
        if message.text:
            print(f"{message.role:>9}: {message.text}{' --' if message.interrupted else ''}")
        for use in message.tools:
            print(f"           {use.name}({use.arguments}) gave {use.output}")
    print(agent.answers)
    return agent, call


if __name__ == "__main__":
    run(main())
