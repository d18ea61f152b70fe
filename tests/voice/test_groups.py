"""Groups of tasks on the real core: in order, back and forth, refused, nested; whoever waits is told (law 10)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import pytest

from rtaudio.testing import FakeLLM, TextConversation, run
from rtaudio.voice import (
    Agent,
    AgentChanged,
    ChatContext,
    GroupFailed,
    Session,
    Step,
    Task,
    TaskCancelled,
    TaskGroup,
    TaskRefused,
    ToolCall,
)
from rtaudio.voice.history_policy import fresh
from rtaudio.voice.tools import tool
from tests.voice.test_handoffs import sound


@dataclass
class Order:
    dish: str
    address: str
    note: str | None = None


class Ask(Task[str]):
    """Its model asks for `what`; the word after "is" of what the user says is the answer."""

    def __init__(self, what: str) -> None:
        super().__init__(f"You ask for the {what}.", name=f"Ask {what}")

    @tool
    async def note(self, value: str) -> None:
        """Notes it."""
        self.complete(value)

    @tool
    async def broken(self) -> None:
        """Fails the task."""
        self.fail(OSError("broken"))


def model(chat: ChatContext) -> Any:
    """Does what the user says: "back dish", "skip", "refuse", "break", else a value."""
    sound(chat)
    said = chat.last_user_text()
    if not chat.messages or chat[-1].role != "user":
        return f"Your {chat.instructions.partition('.')[0].removeprefix('You ask for the ')}?"
    call = f"c{len(chat)}"
    if said.startswith("back "):
        return [ToolCall(call, "go_back", f'{{"to": "{said.removeprefix("back ")}"}}')]
    if said == "refuse":
        return [ToolCall(call, "give_up", '{"reason": "will not say"}')]
    if said in ("skip", "broken"):
        return [ToolCall(call, said, "{}")]
    return [ToolCall(call, "note", f'{{"value": "{said}"}}')]


def order(**settings: Any) -> TaskGroup[Order]:
    return TaskGroup(
        Order,
        [
            Step("dish", lambda known: Ask("dish"), about="what to eat"),
            Step("address", lambda known: Ask("address"), timeout_s=20.0),
            Step("note", lambda known: Ask("note"), optional=True, depends_on=("dish",)),
        ],
        **settings,
    )


class Host(Agent):
    """Runs the group as it takes over, and keeps what comes of it."""

    def __init__(self, group: Task[Any]) -> None:
        super().__init__("Host.")
        self.group, self.got = group, "nothing"
        self.value: Any = None

    async def on_enter(self, session: Session) -> None:
        try:
            self.value = await session.run_task(self.group)
            self.got = repr(self.value)
        except BaseException as error:
            self.got = f"{type(error).__name__}: {error}"
            raise


def talk(group: Task[Any], *said: str, llm: Callable[[ChatContext], Any] = model) -> tuple[Host, FakeLLM, Any]:
    host, fake = Host(group), FakeLLM(llm)
    changes: list[str] = []

    async def main() -> None:
        async with TextConversation(host, llm=fake, limit_s=100.0) as conversation:
            for text in said:
                turn = await conversation.say_as_user(text)
                changes.extend(event.after for event in turn.events if isinstance(event, AgentChanged))
            sound(conversation.history)
            user = [message.text for message in conversation.history if message.role == "user"]
            assert user == list(said), "no turn is lost"

    run(main())
    return host, fake, changes


def test_the_steps_are_asked_in_order_and_the_result_is_of_its_type() -> None:
    host, llm, changes = talk(order(), "soup", "here", "no salt")
    assert host.value == Order("soup", "here", "no salt")
    assert changes == ["TaskGroup", "Ask address", "TaskGroup", "Ask note", "TaskGroup", "Host"]
    asked = llm.asked[2].instructions
    assert asked == (
        "You ask for the address.\n\nKnown already, do not ask for it:\n- what to eat: soup\n"
        "If the user wants to change something that is known, call go_back."
    )
    assert [spec.name for spec in llm.offered[0]] == ["give_up", "note", "broken"]
    assert [spec.name for spec in llm.offered[-1]] == ["give_up", "go_back", "skip", "note", "broken"]


@pytest.mark.parametrize(
    ("said", "got"),
    [
        (("soup", "back dish", "stew", "here", "skip"), Order("stew", "here")),
        (("soup", "here", "back address", "there", "x"), Order("soup", "there", "x")),
        (("soup", "here", "back dish", "stew", "x"), Order("stew", "here", "x")),
        (("soup", "here", "refuse"), Order("soup", "here")),
        (("soup", "here", "broken"), Order("soup", "here")),
        (("soup", "refuse"), "GroupFailed: address: will not say"),
        (("soup", "broken"), "GroupFailed: address: broken"),
    ],
)
def test_the_user_goes_back_leaves_out_and_refuses(said: tuple[str, ...], got: Order | str) -> None:
    host, _, _ = talk(order(), *said)
    assert got in (host.value, host.got)
    assert host.group.over


def test_whoever_waits_learns_which_step_failed_why_and_what_was_known() -> None:
    async def main() -> None:
        group = order()
        async with TextConversation(Agent("Host."), llm=FakeLLM(model)) as conversation:
            waits = asyncio.ensure_future(conversation.session.run_task(group))
            await conversation.wait(0.5)
            await conversation.say_as_user("soup")
            await conversation.say_as_user("refuse")
            with pytest.raises(GroupFailed) as caught:
                await waits
        assert (caught.value.step, caught.value.results) == ("address", {"dish": "soup"})
        assert isinstance(caught.value.__cause__, TaskRefused)

    run(main())


def test_a_step_that_takes_too_long_fails_and_the_whole_has_a_limit_of_its_own() -> None:
    async def main(group: TaskGroup[Order], wait_s: float) -> str:
        async with TextConversation(Agent("Host."), llm=FakeLLM(model)) as conversation:
            waits = asyncio.ensure_future(conversation.session.run_task(group))
            await conversation.wait(0.5)
            await conversation.say_as_user("soup")
            await conversation.wait(wait_s)
            (error,) = await asyncio.gather(waits, return_exceptions=True)
            assert conversation.session.agent.name == "Agent"
            return f"{type(error).__name__}: {error}"

    assert run(main(order(), 25.0)) == "GroupFailed: address: task Ask address: no result within 20.0 s"
    assert run(main(order(timeout_s=5.0), 8.0)) == "TimeoutError: task TaskGroup: no result within 5.0 s"


def test_a_session_that_closes_tells_whoever_waits() -> None:
    async def main() -> None:
        async with TextConversation(Agent("Host."), llm=FakeLLM(model)) as conversation:
            waits = asyncio.ensure_future(conversation.session.run_task(order()))
            await conversation.wait(0.5)
            await conversation.say_as_user("soup")
        with pytest.raises(TaskCancelled):
            await waits

    run(main())


class Place(TypedDict):
    street: str
    floor: NotRequired[str]


def place(known: Mapping[str, Any]) -> TaskGroup[Place]:
    steps = [
        Step("street", lambda known: Ask("street")),
        Step("floor", lambda known: Ask("floor"), when=lambda known: known["street"] != "shed"),
    ]
    return TaskGroup(Place, steps, name="Place")


def nested() -> TaskGroup[dict[str, Any]]:
    return TaskGroup(dict, [Step("dish", lambda known: Ask("dish")), Step("address", place)])


def test_a_group_in_a_group_from_which_one_goes_back_to_the_outer_one() -> None:
    host, llm, _ = talk(nested(), "soup", "main street", "back dish", "stew", "shed")
    assert host.value == {"dish": "stew", "address": {"street": "shed"}}
    floor = next(chat.instructions for chat in llm.asked if chat.instructions.startswith("You ask for the floor"))
    assert "- dish: soup\n- street: main street" in floor


def test_the_talk_in_a_group_can_be_its_own() -> None:
    host, llm, _ = talk(order(history=fresh), "soup", "here", "skip", "hello")
    assert host.value == Order("soup", "here")
    shown = [message.text for message in llm.asked[-1] if message.role == "user"]
    assert shown == ["hello"], "the agent below is not shown what was said in the group"


def test_what_the_user_says_as_a_task_ends_is_for_the_next_one() -> None:
    async def main() -> None:
        host = Host(order())
        async with TextConversation(host, llm=FakeLLM(model)) as conversation:
            first = conversation.session.generate_reply(user_input="soup")
            while len(conversation.session.history) < 3:  # the result is there, the next task is not
                await conversation.wait(0.01)
            await first
            await conversation.say_as_user("here")
            await conversation.say_as_user("skip")
        assert host.value == Order("soup", "here")

    run(main())


@pytest.mark.parametrize(
    ("steps", "what"),
    [
        ([], "it has no steps"),
        ([Step("dish", lambda k: Ask("a")), Step("dish", lambda k: Ask("a"))], "two steps are called 'dish'"),
        ([Step("dish", lambda k: Ask("a"), depends_on=("note",))], "dish depends on \\['note'\\]"),
        ([Step("dish", lambda k: Ask("a"))], "no step brings \\['address'\\], which Order needs"),
        ([Step("wine", lambda k: Ask("a"))], "Order takes no \\['wine'\\]"),
        (
            [Step("dish", lambda k: Ask("a"), optional=True), Step("address", lambda k: Ask("a"))],
            "\\['dish'\\] may be left out, and Order has no default for it",
        ),
    ],
)
def test_steps_that_do_not_fit_are_refused(steps: list[Step], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        TaskGroup(Order, steps)
