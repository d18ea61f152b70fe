"""Law 11 for those who write agents: each mistake gets an error that says what, where and what to write instead, before
the call if that can be, and else in the log."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from typing import Any, cast

import pytest

from rtaudio.providers import FallbackLLM, OpenAICompatibleLLM
from rtaudio.testing import FakeLLM, FakeRealtime, FakeSTT, FakeTTS, Simulation, TextConversation, run
from rtaudio.voice import Agent, Handoff, SessionOptions, Task, ToolCall
from rtaudio.voice.history_policy import last
from rtaudio.voice.tools import ToolContext, Toolset, client_tool, tool
from rtaudio.voice.tools.errors import ToolDefinitionError


class Forgetful(Agent):
    def __init__(self) -> None:
        self.book: list[str] = []


class Plain(Agent):
    instructions = "You answer."


class Errand(Task[str]):
    instructions = "You find out."


def agent_with(**members: Any) -> Agent:
    kind = type("Mine", (Agent,), members)
    return cast("Agent", kind())


def not_async(self: Agent, session: object) -> None: ...


def on_turn_not_async(self: Agent, session: object, message: object) -> str:
    return ""


async def takes_nothing(self: Agent) -> None: ...


def not_async_generator(self: Agent, chat: object, tools: object) -> Any:
    yield "text"


async def takes_no_tools(self: Agent, chat: object) -> Any:
    yield "text"


def simulated(agent: Any, **given: Any) -> Simulation:
    return Simulation(agent, **({"stt": FakeSTT([]), "llm": FakeLLM([""]), "tts": FakeTTS()} | given))


MISTAKES: list[tuple[Callable[[], object], str]] = [
    (lambda: simulated(Forgetful()), r"Forgetful: its __init__ must call super\(\).__init__\(\)"),
    (lambda: simulated(Plain), r"Plain is a class: give an instance, Plain\(\)"),
    (lambda: simulated("You answer."), "an Agent is wanted, not str"),
    (lambda: simulated(Errand()), r"Errand is a task: give the agent that runs it, `await session.run_task\(Errand"),
    (lambda: simulated(Agent(cast("Any", ["a"]))), r"Agent: instructions = \['a'\]; a text is wanted"),
    (lambda: simulated(agent_with(instructions=None)), "Mine: instructions = None; a text is wanted"),
    (lambda: simulated(Agent(greeting=cast("Any", 3))), "Agent: greeting = 3; a text is wanted, or None"),
    (lambda: simulated(Agent(history=cast("Any", "share"))), "Agent: 'share' is no history policy; see rtaudio"),
    (lambda: simulated(agent_with(history=last)), "Mine: .*last.* is no history policy"),
    (lambda: simulated(Agent(turns=cast("Any", "vad"))), "Agent: turns = 'vad'; an rtaudio.TurnConfig is wanted"),
    (lambda: Agent(tools=cast("Any", book)), r"Agent: tools = <Tool book>; a list is wanted, as tools=\[book\]"),
    (lambda: simulated(agent_with(on_enter=not_async)), "Mine.on_enter must be async: write `async def on_enter`"),
    (lambda: simulated(agent_with(on_exit=not_async)), "Mine.on_exit must be async: write `async def on_exit`"),
    (lambda: simulated(agent_with(on_turn=on_turn_not_async)), "Mine.on_turn must be async"),
    (lambda: simulated(agent_with(on_enter=takes_nothing)), r"Mine.on_enter must take \(self, session\)"),
    (lambda: simulated(agent_with(on_enter=5)), "Mine.on_enter is a method that sessions call, not int"),
    (lambda: simulated(agent_with(llm=not_async_generator)), "Mine.llm must be an async generator: write `async def"),
    (lambda: simulated(agent_with(llm=takes_no_tools)), r"Mine.llm must take \(self, chat, tools\)"),
    (lambda: simulated(Plain(), stt=FakeSTT), r"session: stt is the class FakeSTT: give an instance, FakeSTT\(...\)"),
    (lambda: simulated(Plain(), tts="a/voice"), "session: tts = 'a/voice' is no TTS: it lacks name, stream, warm_up"),
    (lambda: simulated(Plain(), stt=FakeTTS()), "session: stt = .*FakeTTS.*; see rtaudio.voice.protocols.STT"),
    (lambda: simulated(Plain(), llm=FakeRealtime([])), "session: llm = .*FakeRealtime.* is no LLM: it lacks stream"),
    (lambda: simulated(Agent(llm=cast("Any", FakeLLM))), "Agent: llm is the class FakeLLM"),
    (lambda: Simulation(Plain(), realtime=cast("Any", FakeRealtime)), r"no realtime model; .* FakeRealtime\(...\)"),
    (lambda: simulated(Plain(), options=SessionOptions), r"session: options = .*; a SessionOptions\(...\) is wanted"),
    (lambda: TextConversation(cast("Any", Plain)), "Plain is a class"),
    (lambda: FallbackLLM(cast("Any", FakeLLM([]))), "a fallback for llm takes a list of providers, not FakeLLM"),
    (lambda: FallbackLLM([cast("Any", FakeLLM)]), r"FakeLLM is a class: give an instance, FakeLLM\(...\)"),
    (lambda: OpenAICompatibleLLM("m", retry=cast("Any", 3)), r"retry = 3: a Retry is wanted, as Retry\(attempts=3\)"),
    (lambda: last(cast("Any", "3")), r"last\('3'\): a number of messages is wanted"),
]


@tool
async def book(guests: int) -> str:
    """Books a table."""
    return "Booked."


class Bookings:
    @tool
    async def book(self, guests: int) -> str:
        """Books a table."""
        return "Booked."


@pytest.mark.parametrize(("make", "text"), MISTAKES, ids=[text[:40] for _, text in MISTAKES])
def test_a_mistake_is_a_type_error_that_says_what_to_write(make: Callable[[], object], text: str) -> None:
    async def main() -> None:
        with pytest.raises(TypeError, match=text):
            make()

    run(main())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"away_s": "15"}, "away_s = '15': must be a number in 0..3600 seconds"),
        ({"tool_steps": 2.5}, "tool_steps = 2.5: must be a whole number, at least 1"),
        ({"min_words": "2"}, "min_words = '2': must lie in"),
        ({"eager_probability": "high"}, "eager_probability = 'high': must lie in"),
    ],
)
def test_an_option_of_another_type_is_named(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        SessionOptions(**options)


def test_mistakes_with_tools_are_told_when_they_are_defined() -> None:
    with pytest.raises(ToolDefinitionError, match="@tool: there is no option 'timeout'; did you mean 'timeout_s'"):
        cast("Any", tool)(timeout=3)
    with pytest.raises(ToolDefinitionError, match="@client_tool: there is no option 'timeout'; did you"):
        cast("Any", client_tool)(timeout=3)
    with pytest.raises(ToolDefinitionError, match=r"there is no option 'zzz'; there are .*at_once, backoff_s, "):
        cast("Any", tool)(zzz=3)
    with pytest.raises(ToolDefinitionError, match=r"Bookings is a class: give an object, Bookings\(\)"):
        Toolset(Bookings)

    def looks(ctx, place: str) -> str:  # type: ignore[no-untyped-def]
        """Looks."""
        return place

    with pytest.raises(ToolDefinitionError, match="write `ctx: ToolContext`, or whatever it is"):
        tool(looks)


def returned(value: Callable[[ToolContext[Any]], object]) -> object:
    @tool
    async def go(context: ToolContext[Any]) -> object:
        """Goes."""
        return value(context)

    return go


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (lambda context: Plain, "it returned the class Plain: return an agent, Plain()"),
        (lambda context: (Plain, "hello"), "it returned the class Plain: return an agent, Plain()"),
        (lambda context: ("hello", Plain()), "a handoff is (agent, message), in this order"),
        (lambda context: Handoff(cast("Any", Plain)), "Plain is a class: give an instance, Plain()"),
        (
            lambda context: Errand(),
            "Errand is a task, and comes back with a result: run it, `await context.run_task(...)`",
        ),
        (lambda context: context.run_task(Errand()), "it returned a coroutine that nobody awaits: `await` it"),
    ],
)
def test_what_is_wrong_with_a_handoff_is_in_the_log(
    value: Callable[[ToolContext[Any]], object], text: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        llm = FakeLLM([[ToolCall("1", "go", "{}")], "That did not work."])
        async with TextConversation(Agent(tools=[returned(value)]), llm=llm) as talk:
            turn = await talk.say_as_user("Go.")
            turn.expect.calls("go", failed=True)
            turn.expect.says("That did not work.")
            assert talk.session.agent.name == "Agent"

    run(main())
    (record,) = caplog.records
    assert record.name == "rtaudio.tools"
    assert text in record.getMessage()


@pytest.mark.parametrize(
    ("work", "text"),
    [
        (lambda session: session.run_task(Errand), "TypeError: Errand is a class: give an instance, Errand()"),
        (lambda session: session.run_task(Plain()), "TypeError: run_task takes a Task, and Plain is none"),
        (lambda session: Errand(), "TypeError: a task is not awaited itself: `await context.run_task(Errand())`"),
        (lambda session: session.say(None), "TypeError: say: a text is wanted, not NoneType"),
    ],
)
def test_a_hook_that_fails_is_in_the_log_and_in_the_turn(
    work: Callable[[Any], Any], text: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Host(Agent):
        async def on_enter(self, session: Any) -> None:
            await work(session)

    async def main() -> None:
        async with TextConversation(Host(), llm=FakeLLM(["Yes."])) as talk:
            broke = talk.opening.expect.fails("on_enter")
            talk.opening.expect.no_more()
            assert broke.what.startswith(text)
            (await talk.say_as_user("Are you there?")).expect.says("Yes.")

    with caplog.at_level(logging.ERROR):
        run(main())
    (record,) = caplog.records
    assert (record.name, record.exc_info is not None) == ("rtaudio.hooks", True)
    assert record.getMessage().startswith(f"on_enter of agent Host: {text}")


def test_a_task_fails_with_an_exception_only() -> None:
    with pytest.raises(TypeError, match=r"task Errand: fail\('no'\): an exception is wanted"):
        Errand().fail(cast("Any", "no"))


def test_a_task_that_could_not_come_can_be_run_again_once_it_is_mended(caplog: pytest.LogCaptureFixture) -> None:
    class Note(Task[str]):
        async def on_enter(self, session: Any) -> None:
            self.complete("done")

    found: list[str] = []

    class Host(Agent):
        async def on_enter(self, session: Any) -> None:
            task = Note(tools=["none"])
            with pytest.raises(ToolDefinitionError):
                await session.run_task(task)
            task.tools = ()
            found.append(await session.run_task(task))

    async def main() -> None:
        async with TextConversation(Host(), llm=FakeLLM([])):
            pass

    run(main())
    assert (found, caplog.records) == (["done"], [])


@pytest.mark.parametrize(
    ("missing", "line", "text"),
    [
        (
            "msgspec",
            "import rtaudio.voice.checkpoints",
            "rtaudio.voice.checkpoints needs msgspec: pip install 'rtaudio[",
        ),
        ("pydantic", "import rtaudio.voice.tools", "rtaudio.voice.tools needs pydantic: pip install 'rtaudio[tools]'"),
    ],
)
def test_what_is_not_installed_says_which_extra_brings_it(missing: str, line: str, text: str) -> None:
    program = f"import sys; sys.modules[{missing!r}] = None; {line}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert f"ImportError: {text}" in done.stderr
