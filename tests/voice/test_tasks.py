"""Tasks on the real core: one typed result, then the agent below goes on where it was (law 10)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rtaudio.testing import FakeLLM, FakeSTT, run
from rtaudio.voice import (
    Agent,
    AgentChanged,
    ChatContext,
    HookFailed,
    Session,
    Task,
    TaskCancelled,
    ToolCall,
    ToolFinished,
)
from rtaudio.voice.history_policy import copy, fresh
from rtaudio.voice.tools import ToolContext, tool
from tests.voice.conversations import Cast, caller_with, conversation
from tests.voice.handoff_talks import lines, outputs, sound


class AskName(Task[str]):
    instructions = "You ask for the name."

    @tool
    async def note(self, name: str) -> None:
        """Notes the name."""
        self.complete(name)

    @tool
    def give_up(self) -> None:
        """Gives up; runs in a thread."""
        self.fail(LookupError("no name"))

    @tool
    def to_human(self) -> Agent:
        """Hands over to a human."""
        return Agent("You are human.", name="human")


class Desk(Agent):
    instructions = "You take bookings."

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.settings = settings
        self.got: list[str] = []
        self.task: Task[str] = AskName()

    @tool(timeout_s=1.0)
    async def book(self, context: ToolContext) -> str:
        """Books."""
        try:
            name = await context.run_task(self.task, **self.settings)
        except Exception as error:
            self.got.append(f"{type(error).__name__}: {error}")
            return "Not booked."
        self.got.append(name)
        return f"Booked for {name}."


BOOK = [ToolCall("b", "book", "{}")]
NOTE = [ToolCall("n", "note", '{"name": "Ann"}')]


def model(task_replies: list[Any], agent_replies: list[Any]) -> FakeLLM:
    """Replies of the task's model, and of all others, each in order."""
    left = {"You ask for the name.": task_replies, "": agent_replies}

    def reply(chat: ChatContext) -> Any:
        sound(chat)
        replies = left.get(chat.instructions, left[""])
        return replies.pop(0) if len(replies) > 1 else replies[0]

    return FakeLLM(reply)


HANDED_OVER = "TaskCancelled: the conversation was handed over to human"
TWO_CUES = ({"at_s": 0.3}, {"at_s": 6.0})


def test_a_tool_gets_the_result_and_its_own_comes_behind_what_was_said_in_the_task() -> None:
    async def main() -> None:
        desk = Desk()
        llm = model(["Your name?", NOTE], [["Sure. ", *BOOK], "Booked."])
        async with conversation(Cast(llm=llm), caller_with(*TWO_CUES), agent=desk) as sim:
            await sim.finish()
        assert lines(sim.session.history) == [
            "user: first question",
            "assistant: Sure.",
            "assistant: Your name?",
            "user: second question",
            "assistant:  +",
            "assistant:  +",
            "assistant: Booked.",
        ]
        assert outputs(sim.session.history) == ["Done.", "Booked for Ann."]
        assert desk.got == ["Ann"], "the tool's time-out of a second did not run meanwhile"
        changes = [(event.before, event.after, event.why) for event in sim.told(AgentChanged)]
        assert changes == [("Desk", "AskName", "task"), ("AskName", "Desk", "task over")]
        assert [[spec.name for spec in specs] for specs in llm.offered][1] == ["note", "give_up", "to_human"]
        assert lines(llm.asked[-1]) == lines(sim.session.history)[:-1], "the chat was shared"

    run(main())


def test_with_a_chat_of_its_own_the_agent_below_is_shown_the_result_alone() -> None:
    async def main() -> None:
        desk = Desk(history=fresh)
        llm = model(["Your name?", NOTE], [BOOK, "Booked."])
        async with conversation(Cast(llm=llm), caller_with(*TWO_CUES), agent=desk) as sim:
            await sim.finish()
        assert lines(llm.asked[1]) == []
        assert lines(llm.asked[2]) == ["assistant: Your name?", "user: second question"]
        assert lines(llm.asked[3]) == ["user: first question", "assistant:  +"]
        assert len(sim.session.history) == 6

    run(main())


@pytest.mark.parametrize(
    ("replies", "settings", "got"),
    [
        (["Your name?", [ToolCall("g", "give_up", "{}")]], {}, "LookupError: no name"),
        (
            ["Your name?", [ToolCall("h", "to_human", "{}")]],
            {},
            HANDED_OVER,
        ),
        (["Your name?", "And?"], {"timeout_s": 2.5}, "TimeoutError: task AskName: no result within 2.5 s"),
    ],
)
def test_whoever_waits_is_told_why_there_is_no_result(replies: list[Any], settings: dict[str, Any], got: str) -> None:
    async def main() -> None:
        desk = Desk(**settings)
        llm = model(replies, [BOOK, "I am sorry."])
        async with conversation(Cast(llm=llm), caller_with(*TWO_CUES), agent=desk) as sim:
            await sim.finish()
            assert len(sim.session._machine.stack) == 1
        assert desk.got == [got]
        sound(sim.session.history)
        assert [m.text for m in sim.session.history if m.text][-1] == "I am sorry."
        assert sum(use.name == "book" for m in sim.session.history for use in m.tools) == 1
        after = "human" if "human" in got else "Desk"
        assert sim.session.agent.name == after

    run(main())


def test_on_enter_runs_a_task_and_the_model_of_a_session_waits_for_neither() -> None:
    class Host(Agent):
        async def on_enter(self, session: Session) -> None:
            name = await session.run_task(AskName("You ask for the name.", greeting="Hello, your name?"))
            session.say(f"Welcome, {name}.")

    async def main() -> None:
        llm = model([NOTE], ["Yes."])
        caller = caller_with({"after_agent_stops_s": 0.5}, {"after_agent_stops_s": 0.5})
        async with conversation(Cast(llm=llm), caller, agent=Host("Host.")) as sim:
            await sim.finish()
        assert lines(sim.session.history) == [
            "assistant: Hello, your name?",
            "user: first question",
            "assistant:  +",
            "assistant: Welcome, Ann.",
            "user: second question",
            "assistant: Yes.",
        ]
        assert not sim.told(HookFailed), "a hook's time does not run in a task"

    run(main())


def test_tasks_run_tasks_and_each_goes_on_where_it_was() -> None:
    class Outer(Task[str]):
        instructions = "Outer."

        @tool
        async def ask(self, context: ToolContext) -> str:
            """Asks for the name."""
            name = await context.run_task(AskName())
            self.complete(f"outer {name}")
            return f"It is {name}."

    async def main() -> None:
        desk = Desk()
        desk.task = Outer()
        llm = model(["Your name?", NOTE], [BOOK, [ToolCall("a", "ask", "{}")], "Booked."])
        async with conversation(Cast(llm=llm), caller_with(*TWO_CUES), agent=desk) as sim:
            await sim.finish()
        assert desk.got == ["outer Ann"]
        assert outputs(sim.session.history) == ["Done.", "It is Ann.", "Booked for outer Ann."]
        whys = [event.after for event in sim.told(AgentChanged)]
        assert whys == ["Outer", "AskName", "Outer", "Desk"]
        assert sim.session.history[-1].text == "Booked."

    run(main())


def test_the_close_ends_everyone_who_waits() -> None:
    async def main() -> None:
        got: list[str] = []

        async def wait(session: Session, task: Task[str]) -> None:
            try:
                await session.run_task(task)
            except TaskCancelled as error:
                got.append(str(error))

        async with conversation(Cast(llm=FakeLLM(["Your name?"])), agent=Desk()) as sim:
            waiting = [asyncio.create_task(wait(sim.session, AskName(greeting="Name?"))) for _ in range(2)]
            await sim.advance(1)
            assert sim.session.agent.name == "AskName"
            await sim.session.aclose()
            await asyncio.gather(*waiting)
        assert got == ["the session closed"] * 2

    run(main())


def test_a_cancelled_caller_gives_its_task_up_and_the_agent_below_answers() -> None:
    async def main() -> None:
        llm = model(["Your name?"], ["Hello."])
        async with conversation(Cast(llm=llm), caller_with({"at_s": 5.0}), agent=Desk()) as sim:
            waiting = asyncio.create_task(sim.session.run_task(AskName()))
            await sim.advance(3)
            waiting.cancel()
            await sim.finish()
            assert waiting.cancelled()
        assert lines(sim.session.history) == ["assistant: Your name?", "user: first question", "assistant: Hello."]

    run(main())


def test_interrupt_stops_what_a_task_says_and_it_stays_in_charge() -> None:
    async def main() -> None:
        llm = model(["And so?", NOTE], ["?"])
        async with conversation(Cast(llm=llm), caller_with({"at_s": 5.0}), agent=Desk()) as sim:
            task = AskName(greeting="This is a long question, is it not, or what do you think of it?")
            waiting = asyncio.create_task(sim.session.run_task(task))
            await sim.advance(1)
            sim.session.interrupt()
            await sim.advance(1)
            assert (sim.session.agent, sim.session.state) == (task, "listening")
            await sim.advance(7)
            await sim.until(lambda: len(llm.asked) == 1)
            sim.session.say("And your name?")
            await sim.advance(3)
            waiting.cancel()
            await sim.finish()

    run(main())


def test_what_the_user_says_as_the_task_ends_is_answered_once_by_the_agent_below() -> None:
    async def main() -> None:
        for at_s in (6.0, 6.6, 7.2, 7.6, 8.0):
            desk = Desk()
            llm = model(["Your name?", NOTE, NOTE], [BOOK, "Booked.", "Yes.", "Yes."])
            caller = caller_with({"at_s": 0.3}, {"at_s": 5.0}, {"at_s": at_s})
            stt = FakeSTT(["book", "ann", "and tea"])
            async with conversation(Cast(stt=stt, llm=llm), caller, agent=desk) as sim:
                await sim.finish()
            said = " ".join(m.text for m in sim.session.history if m.role == "user").split()
            assert said == " ".join(["book", "ann", "and tea"][: stt.opened]).split()
            assert desk.got == ["Ann"]
            assert sim.session.agent is desk
            assert sim.session.history[-1].role == "assistant"
            assert [e.outcome for e in sim.told(ToolFinished)] == ["done"] * len(sim.told(ToolFinished))

    run(main())


def test_what_on_enter_of_a_task_raises_fails_it() -> None:
    class Broken(AskName):
        async def on_enter(self, session: Session) -> None:
            raise KeyError("broken")

    async def main() -> None:
        async with conversation(Cast(), agent=Desk()) as sim:
            with pytest.raises(KeyError, match="broken"):
                await asyncio.wait_for(asyncio.shield(_beside(sim, Broken(greeting="Hi."))), 20)

    async def _beside(sim: Any, task: Task[str]) -> str:
        waiting = asyncio.ensure_future(sim.session.run_task(task))
        await sim.until(waiting.done)
        return await waiting

    run(main())


def test_a_task_has_one_outcome_and_runs_once() -> None:
    task = AskName()
    with pytest.raises(RuntimeError, match="task AskName was not begun"):
        task.complete("x")
    assert not task.over

    async def main() -> None:
        async with conversation(Cast(), agent=Desk()) as sim:
            waiting = asyncio.create_task(sim.session.run_task(task))
            await asyncio.sleep(0)
            task.complete("Ann")
            assert task.over
            with pytest.raises(RuntimeError, match="has completed already"):
                task.fail(ValueError())
            await sim.until(waiting.done)
            assert await waiting == "Ann"
            with pytest.raises(RuntimeError, match="was run before"):
                await sim.session.run_task(task)
            with pytest.raises(TypeError, match="AskName is a task"):
                sim.session.hand_over(AskName())

    run(main())


def test_a_tool_whose_task_is_broken_off_is_no_broken_tool(caplog: pytest.LogCaptureFixture) -> None:
    """Law 11: the model that goes on reads why, and the log has no error of the program's."""

    class Ask(Task[str]):
        greeting = "What is your name?"

    @tool
    async def name(context: ToolContext) -> str:
        """Asks for the name."""
        return await context.run_task(Ask())

    async def main() -> None:
        cast = Cast(llm=FakeLLM([[ToolCall("c1", "name", "{}")], "Yes?"]))
        async with conversation(cast, caller_with({"at_s": 0.3}), agent=Agent(tools=[name])) as sim:
            await sim.until(lambda: sim.session.agent.name == "Ask")
            sim.session.hand_over(Agent(name="bills"))
            await sim.finish()
            (use,) = [use for message in sim.session.history for use in message.tools]
            assert use.failed
            assert use.output == "Not finished: the conversation was handed over to bills."

    run(main())
    assert caplog.records == []


def test_a_question_that_a_task_has_answered_in_a_chat_of_its_own_is_not_answered_again_below() -> None:
    """Law 10. Asked while the agent spoke, before the task took over; the agent goes on with its tools' results."""

    @tool
    def look() -> str:
        """Looks."""
        return "Seen."

    async def main() -> None:
        llm = model(
            [["It is blue. ", *NOTE]],
            [["Let me look, it is a long way to go. ", ToolCall("l", "look", "{}")], "Here you are."],
        )
        cast = Cast(stt=FakeSTT(["Where is my coat?"]), llm=llm)
        async with conversation(cast, caller_with({"at_s": 0.3}), agent=Agent(tools=[look])) as sim:
            await sim.until(lambda: sim.session.state == "speaking")
            sim.session.generate_reply(user_input="What colour is it?")
            told = asyncio.create_task(sim.session.run_task(AskName(), history=copy))
            await sim.finish()
            assert await told == "Ann"
            below = [chat for chat in llm.asked if not chat.instructions]
            assert [lines(chat) for chat in below[1:]] == [
                ["user: Where is my coat?", "assistant: Let me look, it is a long way to go. +"]
            ]
            assert [message.text for message in sim.session.history] == [
                "Where is my coat?",
                "Let me look, it is a long way to go.",
                "What colour is it?",
                "It is blue.",
                "Here you are.",
            ]

    run(main())
