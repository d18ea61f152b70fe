"""An agent tried by text: what is told of its turns, and what a test says that does not hold."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from rtaudio.testing import (
    Called,
    Failure,
    FakeLLM,
    FakeTTS,
    HandedOver,
    ProviderBroke,
    Said,
    TextConversation,
    Turn,
    run,
)
from rtaudio.voice import Agent, ChatContext, Task, ToolCall, UserText
from rtaudio.voice.tools import ToolContext, ToolError, tool


@tool
async def book(context: ToolContext[str], guests: int) -> str:
    """Books a table."""
    if guests > 8:
        raise ToolError("No table is that large.")
    return f"Booked for {context.data}."


@tool(detach_after_s=1.0)
async def order() -> str:
    """Orders."""
    await asyncio.sleep(5)
    return "Ordered."


def host(chat: ChatContext) -> Any:
    last = chat.messages[-1]
    match last.tools, chat.last_user_text().split()[-1:]:
        case [use, *_], _:
            return "It is booked." if not use.failed else f"Sorry. {use.output}"
        case _, [guests] if guests.isdigit():
            return ["Let me see. ", ToolCall("c", "book", f'{{"guests": {guests}}}')]
        case _:
            return "For how many?"


def talk(test: Callable[[TextConversation], Any], agent: Agent | None = None, llm: FakeLLM | None = None) -> None:
    async def main() -> None:
        at_work = agent if agent is not None else Agent("You take bookings.", greeting="Hello.", tools=[book])
        async with TextConversation(at_work, llm=llm or FakeLLM(host), data="Ann") as conversation:
            await test(conversation)

    run(main())


def test_a_turn_tells_what_the_agent_said_and_did_in_order() -> None:
    async def test(conversation: TextConversation) -> None:
        conversation.opening.expect.says("Hello.")
        first = await conversation.say_as_user("A table, please.")
        first.expect.says(contains="HOW MANY", matches=r"\?$")
        first.expect.no_more()
        second = await conversation.say_as_user("We are 4")
        assert second.happened == (
            Said("Let me see."),
            Called("book", {"guests": 4}, "Booked for Ann."),
            Said("It is booked."),
        )
        assert second.expect.may_say() == Said("Let me see.")
        assert second.expect.may_say() is None
        assert second.expect.calls("book", {"guests": 4}, output="Booked for Ann.").arguments["guests"] == 4
        second.expect.says()
        second.expect.no_more()
        assert second.text == "Let me see. It is booked."
        assert [call.name for call in second.calls] == ["book"]
        assert [event.text for event in second.events if isinstance(event, UserText)] == ["We are 4"]
        third = await conversation.say_as_user("No, 40")
        third.expect.may_say()
        third.expect.calls("book", failed=True)
        third.expect.says("Sorry. No table is that large.")
        assert [message.role for message in conversation.history].count("user") == 3

    talk(test)


def test_what_comes_late_is_told_when_it_comes() -> None:
    async def test(conversation: TextConversation) -> None:
        turn = await conversation.say_as_user("Go")
        turn.expect.calls("order")
        turn.expect.says("It takes a while.")
        turn.expect.no_more()
        later = await conversation.wait(10)
        later.expect.calls("order", output="The result of the call c1 from before: Ordered.")
        later.expect.says("There it is.")
        later.expect.no_more()

    llm = FakeLLM([[ToolCall("c1", "order", "{}")], "It takes a while.", "There it is."])
    talk(test, Agent(tools=[order]), llm)


class Billing(Agent):
    instructions = "You answer questions about invoices."


class Front(Agent):
    @tool
    def to_billing(self) -> Agent:
        """Puts the caller through."""
        return Billing()


def test_a_handoff_is_told_in_its_place() -> None:
    async def test(conversation: TextConversation) -> None:
        turn = await conversation.say_as_user("My invoice is wrong.")
        turn.expect.says("One moment.")
        turn.expect.calls("to_billing")
        assert turn.expect.hands_over("Billing") == HandedOver("Front", "Billing", "handoff")
        turn.expect.says("Which one is it?")
        turn.expect.no_more()
        assert "agents Front -> Billing (handoff)" in str(turn).splitlines()
        next_turn = await conversation.say_as_user("That of May.")
        with pytest.raises(AssertionError, match="expected Front in charge"):
            next_turn.expect.hands_over("Front")

    talk(test, Front(), FakeLLM([["One moment. ", ToolCall("c1", "to_billing", "{}")], "Which one is it?", "I see."]))


class AskAge(Task[int]):
    instructions = "You ask how old the user is."

    @tool
    async def note(self, age: int) -> None:
        """Notes the age."""
        self.complete(age)


def test_a_task_that_a_tool_runs_is_talked_to_turn_by_turn() -> None:
    @tool
    async def ticket(context: ToolContext[None]) -> str:
        """Sells a ticket."""
        return "half price" if await context.run_task(AskAge()) < 12 else "full price"

    async def test(conversation: TextConversation) -> None:
        turn = await conversation.say_as_user("A ticket, please.")
        assert turn.expect.hands_over("AskAge").why == "task"
        turn.expect.says("How old are you?")
        turn.expect.no_more()
        again = await conversation.say_as_user("Why?")
        again.expect.says("It may be cheaper. How old are you?")
        again.expect.no_more()
        last = await conversation.say_as_user("Eleven.")
        last.expect.calls("note", {"age": 11})
        last.expect.hands_over("Agent")
        last.expect.calls("ticket", output="half price")
        last.expect.says("Two euros, then.")
        last.expect.no_more()

    script = [
        [ToolCall("c1", "ticket", "{}")],
        "How old are you?",
        "It may be cheaper. How old are you?",
        [ToolCall("c2", "note", '{"age": 11}')],
        "Two euros, then.",
    ]
    talk(test, Agent(tools=[ticket]), FakeLLM(script))


def test_a_provider_that_fails_is_told() -> None:
    """Law 11."""

    async def test(conversation: TextConversation) -> None:
        turn = await conversation.say_as_user("Hello?")
        assert isinstance(turn.expect.fails("llm"), ProviderBroke)
        turn.expect.says("Sorry, I cannot answer right now.")
        turn.expect.no_more()

    talk(test, Agent(), FakeLLM([""], failure=Failure("raise")))


TURN = Turn(
    "A table for four.",
    [Said("Let me see."), Called("book", {"guests": 4}, "Booked."), ProviderBroke("tts", "gave no audio")],
)


@pytest.mark.parametrize(
    ("at", "expect", "expected"),
    [
        (0, lambda e: e.says("No."), "the agent says 'No.'"),
        (
            0,
            lambda e: e.says(contains="booked", matches="x+"),
            "the agent says something with 'booked' in it and something that matches 'x+'",
        ),
        (0, lambda e: e.calls("book"), "a call of book(...)"),
        (0, lambda e: e.no_more(), "nothing more"),
        (1, lambda e: e.says(), "the agent says something"),
        (1, lambda e: e.calls("book", {"guests": 5}), "a call of book(guests=5)"),
        (1, lambda e: e.calls("cancel", output="Done."), "a call of cancel(...) -> 'Done.'"),
        (1, lambda e: e.calls("book", failed=True), "a call of book(...), which fails"),
        (2, lambda e: e.fails("llm"), "a failure of the llm"),
        (3, lambda e: e.says(), "the agent says something"),
        (3, lambda e: e.fails("llm"), "a failure of the llm"),
    ],
)
def test_an_expectation_that_is_not_met_shows_the_whole_turn(
    at: int, expect: Callable[[Any], None], expected: str
) -> None:
    turn = Turn(TURN.user, TURN.happened)
    for met in [turn.expect.says, lambda: turn.expect.calls("book"), lambda: turn.expect.fails("tts")][:at]:
        met()
    with pytest.raises(AssertionError) as caught:
        expect(turn.expect)
    marks = ["> " if at == place else "  " for place in range(4)]
    assert str(caught.value).splitlines() == [
        f"expected {expected}; the turn was",
        "  user   A table for four.",
        f"{marks[0]}agent  Let me see.",
        f"{marks[1]}tool   book(guests=4) -> 'Booked.'",
        f"{marks[2]}failed tts: gave no audio",
        *(["> (nothing more)"] if at == 3 else []),
    ]
    assert str(turn).splitlines()[:2] == ["user   A table for four.", "agent  Let me see."]


def test_what_never_ends_and_what_was_closed_say_so() -> None:
    @tool(timeout_s=500)
    async def hang() -> str:
        """Hangs."""
        await asyncio.sleep(400)
        return ""

    async def main() -> None:
        llm = FakeLLM([["Let me see. ", ToolCall("c1", "hang", "{}")]])
        async with TextConversation(Agent(tools=[hang]), llm=llm, limit_s=5) as conversation:
            with pytest.raises(AssertionError, match=r"no end of it within 5 s; so far:\nuser   Go"):
                await conversation.say_as_user("Go")
            await conversation.session.aclose()
            with pytest.raises(RuntimeError, match="the session closed"):
                await conversation.wait(1)

    run(main())
    with pytest.raises(ValueError, match="give an llm"):
        TextConversation(Agent())


def test_an_ordinary_loop_does_as_well() -> None:
    async def main() -> None:
        llm = FakeLLM(["Hello."], first_after_s=0.0, token_every_s=0.0)
        async with TextConversation(Agent(llm=llm)) as conversation:
            turn = await conversation.say_as_user("Hello?")
            turn.expect.says("Hello.")

    asyncio.run(main())


def test_no_agent_speaks_with_a_voice_of_its_own() -> None:
    """Not the first one, and none that is handed over to: answers come in next to no time."""
    slow = FakeTTS(char_s=1.0)

    class Sales(Agent):
        greeting = "This is the sales department, which has a slow voice."

        def __init__(self) -> None:
            super().__init__(tts=slow)

    @tool
    async def sales() -> Agent:
        """Sales."""
        return Sales()

    async def test(talk: TextConversation) -> None:
        turn = await talk.say_as_user("Sales, please.")
        turn.expect.calls("sales")
        turn.expect.hands_over("Sales")
        turn.expect.says(contains="slow voice")
        assert talk.history.messages[-1].text == Sales.greeting
        assert slow.opened == 0

    first = Agent(greeting="Hello.", tools=[sales], tts=slow)
    talk(test, first, FakeLLM([[ToolCall("c", "sales", "{}")], "Yes?"]))
