"""A session and its client on virtual time: tools that the client serves, and what the client may call."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any, Literal

import pytest

from rtaudio.testing import FakeLLM, Simulation, run
from rtaudio.voice import Agent, AgentSpeechHeard, ToolCall, ToolFinished
from rtaudio.voice.rpc import Request, RpcCode, RpcError, RpcMessage
from rtaudio.voice.rpc_peer import RpcPeer
from rtaudio.voice.tools import (
    ClientError,
    ToolContext,
    ToolDefinitionError,
    ToolError,
    ToolRunner,
    Toolset,
    client_method,
    client_tool,
    session_methods,
    tool,
)
from tests.voice.conversations import LONG, Cast, caller_with, conversation


class Way:
    """From one end to the other, at once but for a turn of the loop."""

    def __init__(self) -> None:
        self.to: RpcPeer | None = None
        self.sent: list[RpcMessage] = []

    def send(self, message: RpcMessage) -> None:
        self.sent.append(message)
        assert self.to is not None
        asyncio.get_running_loop().call_soon(self.to.receive, message)


Method = Callable[[Any], Awaitable[Any]]


def client_of(simulation: Simulation, methods: dict[str, Method] | None = None) -> tuple[RpcPeer, RpcPeer]:
    """The client's end, and the session's."""
    there, back = Way(), Way()
    session = simulation.session.connect_client(there)
    client = RpcPeer(back, methods or {}, failed=lambda name, error: None)
    there.to, back.to = client, session
    return client, session


@client_tool(timeout_s=5, on_interruption="cancel")
async def pick(question: str, of: list[str], by: date | None = None, most: int = 1) -> str:
    """Asks the user to pick."""
    raise AssertionError("the body is never run")


def calls(*arguments: dict[str, Any], name: str = "pick") -> FakeLLM:
    step = [ToolCall(f"c{n}", name, json.dumps(each)) for n, each in enumerate(arguments, 1)]
    return FakeLLM([["Let me ask. ", *step], "Very well."])


QUESTION = {"question": "Which?", "of": ["red", "blue"]}


def outputs(simulation: Simulation) -> list[str]:
    return [use.output for message in simulation.session.history.messages for use in message.tools]


def played(methods: dict[str, Method] | None, *arguments: dict[str, Any], agent: Agent | None = None) -> Simulation:
    """A conversation in which the agent calls `pick`; None: no client is there."""

    async def main() -> Simulation:
        cast = Cast(llm=calls(*arguments))
        caller = caller_with({"at_s": 0.5})
        async with conversation(cast, caller, agent=agent or Agent(tools=[pick])) as simulation:
            client = client_of(simulation, methods)[0] if methods is not None else None
            await simulation.finish()
        if client is not None:
            await client.aclose()
        return simulation

    return run(main())


def test_the_client_gets_the_arguments_and_the_model_what_it_gives() -> None:
    asked: list[Any] = []

    async def serve(params: Any) -> Any:
        asked.append(params)
        return params["of"][1]

    simulation = played({"pick": serve}, QUESTION, {**QUESTION, "by": "2026-12-24"})
    assert outputs(simulation) == ["blue", "blue"]
    assert asked == [{**QUESTION, "by": None, "most": 1}, {**QUESTION, "by": "2026-12-24", "most": 1}]
    assert [told.outcome for told in simulation.told(ToolFinished)] == ["done", "done"]


async def _gives_a_value(params: Any) -> Any:
    return {"picked": [1, None]}


async def _gives_nothing(params: Any) -> Any:
    return None


async def _refuses(params: Any) -> Any:
    raise RpcError(7, "nobody is at the screen")


async def _breaks(params: Any) -> Any:
    raise KeyError("a secret")


async def _says_much(params: Any) -> Any:
    return "x" * 20_000


async def _never(params: Any) -> Any:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("methods", "told"),
    [
        ({"pick": _gives_a_value}, '{"picked":[1,null]}'),
        ({"pick": _gives_nothing}, "Done."),
        ({"pick": _refuses}, "The user's app refused: nobody is at the screen"),
        ({"pick": _breaks}, "The user's app refused: pick failed"),
        ({"pick": _says_much}, "The user's app answered with more than can be taken."),
        ({}, "The user's app cannot do this."),
        (None, "The user has no app connected that could do this."),
    ],
)
def test_the_model_is_told_what_came_of_it(methods: dict[str, Method] | None, told: str) -> None:
    assert outputs(played(methods, QUESTION)) == [told]


def test_a_client_that_takes_too_long_is_given_up_by_the_tool_s_own_clock() -> None:
    (output,) = outputs(played({"pick": _never}, QUESTION))
    assert output.startswith("Given up: no result within 5 s.")


def test_what_is_too_much_is_not_sent() -> None:
    (output,) = outputs(played({"pick": _never}, {**QUESTION, "question": "x" * 16_000}))
    assert output == "This is more than can be sent to the user's app. Send less."


def test_arguments_are_checked_before_the_client_is_asked() -> None:
    (output,) = outputs(played({"pick": _never}, {"question": 5}))
    assert "of: missing" in output


def test_an_interruption_cancels_the_call_and_the_client_is_told() -> None:
    """The policies of tools are those of any other tool."""
    ended = []

    async def serve(params: Any) -> Any:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(params["question"])

    async def main() -> None:
        llm = FakeLLM([[LONG, ToolCall("c1", "pick", json.dumps(QUESTION))], "Very well."])
        caller = caller_with({"at_s": 0.5}, {"at_s": 4.0})
        async with conversation(Cast(llm=llm), caller, agent=Agent(tools=[pick])) as simulation:
            client, _ = client_of(simulation, {"pick": serve})
            await simulation.finish()
            assert ended == ["Which?"]
            assert outputs(simulation)[0].startswith("Cancelled, because the user interrupted.")
            assert not client.busy
            await client.aclose()

    run(main())


def test_a_client_that_goes_away_ends_the_tool_at_once_and_the_next_one_is_asked() -> None:
    async def main() -> None:
        cast = Cast(llm=calls(QUESTION))
        async with conversation(cast, caller_with({"at_s": 0.5}), agent=Agent(tools=[pick])) as simulation:
            client, session = client_of(simulation, {"pick": _never})
            await simulation.until(lambda: client.busy)
            session.close()
            await simulation.finish()
            assert outputs(simulation) == ["The user's app is not connected any more."]
            second, _ = client_of(simulation, {"pick": _gives_nothing})
            assert await simulation.session.call_client("pick") is None
            third, _ = client_of(simulation, {"pick": _gives_a_value})  # takes the second's place
            assert await simulation.session.call_client("pick") == {"picked": [1, None]}
            for each in (client, second, third):
                await each.aclose()

    run(main())


def test_a_session_that_closes_ends_what_is_asked_both_ways() -> None:
    async def forever() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        async with conversation(Cast()) as simulation:
            simulation.session.expose(forever)
            client, _ = client_of(simulation, {"it": _never})
            asked = asyncio.create_task(simulation.session.call_client("it"))
            asking = asyncio.create_task(client.call("forever", timeout_s=3))
            await simulation.advance(1)
        for each, code in ((asked, RpcCode.RECIPIENT_DISCONNECTED), (asking, RpcCode.RESPONSE_TIMEOUT)):
            with pytest.raises(RpcError) as caught:
                await each
            assert caught.value.code == code
        with pytest.raises(RpcError):
            await simulation.session.call_client("it")
        await client.aclose()

    # The tasks of this test outlive the conversation on purpose: `conversation` looks for the session's.
    with pytest.raises(AssertionError, match="every task of the session has ended"):
        run(main())


def test_a_tool_of_the_server_asks_the_client_for_something() -> None:
    async def here(params: Any) -> Any:
        return "Kyoto"

    codes: list[int] = []

    @tool
    async def pick(context: ToolContext, question: str, of: list[str]) -> str:
        """Books where the user is."""
        try:
            await context.call_client("unknown")
        except ClientError as error:
            codes.append(error.code)
        return f"Booked in {await context.call_client('where', timeout_s=2)}."

    assert outputs(played({"where": here}, QUESTION, agent=Agent(tools=[pick]))) == ["Booked in Kyoto."]
    assert codes == [RpcCode.UNSUPPORTED_METHOD]


def test_without_a_session_there_is_no_client() -> None:
    async def main() -> None:
        async with ToolRunner(Toolset(pick)) as runner:
            (use,) = await runner.run([ToolCall("c1", "pick", json.dumps(QUESTION))])
        assert use.output == "There is no app of the user here that could do this."

    asyncio.run(main())


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: int


def test_what_the_client_gets_is_what_json_can_carry() -> None:
    got: list[Any] = []

    async def serve(params: Any) -> Any:
        got.append(params)

    @client_tool(method="page.draw")
    def draw(colour: Colour, at: Point, kind: Literal["dot", "ring"] = "dot") -> None:
        """Draws."""

    @client_tool(schema={"type": "object", "properties": {"any": {}}})
    def raw(arguments: dict[str, Any]) -> None:
        """Takes anything."""

    class Page:
        @client_tool
        async def scroll(self, lines: int = 3) -> None:
            """Scrolls."""

    async def main() -> None:
        step = [
            ToolCall("c1", "draw", '{"colour": "red", "at": {"x": 4}}'),
            ToolCall("c2", "raw", '{"any": {"a": [1]}, "more": 2}'),
            ToolCall("c3", "scroll", "{}"),
        ]
        cast = Cast(llm=FakeLLM([step, "Very well."]))
        agent = Agent(tools=[draw, raw, Page()])
        async with conversation(cast, caller_with({"at_s": 0.5}), agent=agent) as simulation:
            client, _ = client_of(simulation, {"page.draw": serve, "raw": serve, "scroll": serve})
            await simulation.finish()
            await client.aclose()

    run(main())
    assert got == [{"colour": "red", "at": {"x": 4}, "kind": "dot"}, {"any": {"a": [1]}, "more": 2}, {"lines": 3}]


def test_wrong_tools_of_a_client_are_refused_when_they_are_defined() -> None:
    with pytest.raises(ToolDefinitionError, match="no ToolContext reaches the client"):

        @client_tool
        async def one(context: ToolContext) -> None:
            """Something."""

    with pytest.raises(ToolDefinitionError, match="a client has 599 s at most"):

        @client_tool(timeout_s=600)
        async def two() -> None:
            """Something."""

    with pytest.raises(TypeError, match="served by the client"):
        pick("Which?", [])


# ---- What the client calls.


class Basket:
    def __init__(self) -> None:
        self.items: list[str] = []
        self.threads: set[int] = set()

    @client_method
    async def add(self, context: ToolContext[str], item: str, count: int = 1) -> int:
        if item == "air":
            raise ToolError("we sell no air")
        if item == "bug":
            raise KeyError("a secret")
        self.items += [f"{item} for {context.data}"] * count
        context.say(f"{item} it is.")
        return len(self.items)

    @client_method(name="basket.items")
    def listed(self) -> list[str]:
        self.threads.add(threading.get_ident())
        return self.items

    @client_method(timeout_s=2)
    async def wait(self) -> None:
        await asyncio.Event().wait()

    def secret(self) -> str:
        return "never"


def test_the_client_calls_what_is_exposed() -> None:
    async def when(day: date = date(2026, 1, 1)) -> dict[str, date]:
        return {"day": day}

    async def main() -> None:
        basket = Basket()
        async with conversation(Cast(), data="Ann") as simulation:
            simulation.session.expose(basket, when, *session_methods("say", "interrupt", "history"))
            client, _ = client_of(simulation)
            assert await client.call("add", {"item": "tea", "count": 2}) == 2
            assert await client.call("basket.items") == ["tea for Ann", "tea for Ann"]
            assert await client.call("when") == {"day": "2026-01-01"}
            for method, params, code, text in (
                ("add", {}, RpcCode.INVALID_PARAMS, "item: missing"),
                ("add", {"item": "tea", "context": 1}, RpcCode.INVALID_PARAMS, "context: there is no such argument"),
                ("add", ["tea"], RpcCode.INVALID_PARAMS, "an object"),
                ("add", {"item": "air"}, RpcCode.APPLICATION_ERROR, "we sell no air"),
                ("add", {"item": "bug"}, RpcCode.APPLICATION_ERROR, "add failed"),
                ("secret", None, RpcCode.UNSUPPORTED_METHOD, "no method 'secret'"),
                ("wait", None, RpcCode.RESPONSE_TIMEOUT, "wait took too long"),
                ("say", {"text": "!"}, RpcCode.APPLICATION_ERROR, "nothing to speak"),
            ):
                with pytest.raises(RpcError, match=text) as caught:
                    await client.call(method, params)
                assert caught.value.code == code, method
            await simulation.until(lambda: bool(simulation.told(AgentSpeechHeard)))
            assert await client.call("history") == [{"role": "assistant", "text": "tea it is."}]
            assert await client.call("history", {"last": 0}) == []
            await client.call("say", {"text": LONG})
            await simulation.until(lambda: simulation.session.state == "speaking")
            await client.call("interrupt")
            await simulation.until(lambda: simulation.session.state == "listening")
            await client.aclose()
        assert basket.threads
        assert threading.get_ident() not in basket.threads

    run(main())


def test_what_the_user_types_is_a_turn() -> None:
    async def main() -> None:
        async with conversation(Cast(llm=FakeLLM(["At nine.", "Goodbye."]))) as simulation:
            simulation.session.expose(*session_methods("user_text", "generate_reply"))
            client, _ = client_of(simulation)
            await client.call("user_text", {"text": "When do you open?"})
            await simulation.finish()
            await client.call("generate_reply", {"instructions": "Say goodbye."})
            await simulation.finish()
            with pytest.raises(RpcError, match="nothing to answer in"):
                await client.call("user_text", {"text": "?"})
            await client.aclose()
        said = [(message.role, message.text) for message in simulation.session.history.messages]
        assert said == [("user", "When do you open?"), ("assistant", "At nine."), ("assistant", "Goodbye.")]

    run(main())


def test_nothing_is_exposed_unless_it_is_named() -> None:
    async def main() -> None:
        async with conversation(Cast()) as simulation:
            client, _ = client_of(simulation)
            for name in ("say", "interrupt", "history", "aclose", "__init__", ""):
                client_request = Request(1 + len(name), name, "null", 1.0)
                assert simulation.session._client.get(client_request.method) is None
            await client.aclose()

    run(main())


def test_wrong_methods_are_refused_when_they_are_exposed() -> None:
    async def add(item: str) -> None: ...

    def bare(item) -> None: ...  # type: ignore[no-untyped-def]

    def steps() -> Any:
        yield 1

    async def main() -> None:
        async with conversation(Cast()) as simulation:
            session = simulation.session
            session.expose(Basket())
            for wrong, why in (
                (add, "two methods for the client are named 'add'"),
                (bare, "method .*bare.* has no annotation"),
                (steps, "it yields"),
                (Basket.add, "give the object"),
                (object(), "nothing for a client to call"),
                (5, "nothing for a client to call"),
            ):
                with pytest.raises(ToolDefinitionError, match=why):
                    session.expose(wrong)
            with pytest.raises(ToolDefinitionError, match="give some of say, interrupt, user_text"):
                session_methods("sing")  # type: ignore[arg-type]

    run(main())
