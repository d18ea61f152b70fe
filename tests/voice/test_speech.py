"""What a program wants said: handles, replies by its wish, the queue, audio of its own, on the real core."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from rtaudio.testing import Failure, FakeLLM, FakeSTT, numbered, numbers_of, run
from rtaudio.voice import (
    Agent,
    AgentSpeechHeard,
    ChatContext,
    ProviderFailed,
    SessionOptions,
    Speech,
    ToolCall,
    UserText,
)
from rtaudio.voice.tools import ToolContext, tool
from tests.voice.conversations import LONG, Cast, caller_with, conversation


def echo(chat: ChatContext) -> str:
    return f"You said {chat.last_user_text()}."


def texts(history: ChatContext) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in history]


def test_a_handle_tells_where_its_speech_is_and_gives_what_was_heard() -> None:
    async def main() -> None:
        async with conversation(Cast()) as sim:
            handle = sim.session.say("Good morning.")
            over: list[str] = []
            handle.add_done_callback(lambda speech: over.append(speech.state))
            assert handle.state == "thinking"
            await sim.until(lambda: handle.state == "speaking")
            waits = asyncio.ensure_future(handle.wait_for_playout())
            await sim.until(handle.done)
            message = await handle
            assert (handle.state, message.text) == ("done", "Good morning.")
            assert handle.message == message == sim.session.history[-1]
            await waits
            assert over == ["done"]
            handle.interrupt()  # it is over: nothing
            assert handle.state == "done"

    run(main())


def test_a_handle_interrupts_its_own_speech_alone() -> None:
    async def main() -> None:
        async with conversation(Cast()) as sim:
            first, second, third = (sim.session.say(text) for text in (LONG, "Never said.", "The last one."))
            assert sim.session.queue == (second, third)
            second.interrupt()
            assert (second.state, sim.session.queue) == ("cancelled", (third,))
            message = await second
            assert (message.text, message.unheard, message.interrupted) == ("", "Never said.", True)
            await sim.advance(2.0)
            first.interrupt()
            await sim.until(third.done)
            assert (first.state, third.state) == ("interrupted", "done")
            cut = await first
            assert LONG.startswith(cut.text)
            assert cut.text
            assert [message.text for message in sim.session.history] == [cut.text, "The last one."]

    run(main())


def test_one_who_awaits_may_be_cancelled_and_the_speech_goes_on() -> None:
    async def main() -> None:
        async with conversation(Cast()) as sim:
            handle = sim.session.say("Good morning.")

            async def waits() -> None:
                await handle

            task = asyncio.ensure_future(waits())
            await sim.advance(0.1)
            task.cancel()
            await sim.until(handle.done)
            assert (task.cancelled(), handle.state) == (True, "done")

    run(main())


def test_a_session_that_closes_leaves_nobody_waiting() -> None:
    async def main() -> None:
        async with conversation(Cast()) as sim:
            handles = [sim.session.say(LONG), sim.session.say("More."), sim.session.generate_reply()]
            await sim.advance(1.5)
        assert [handle.state for handle in handles] == ["interrupted", "cancelled", "cancelled"]
        for handle in handles:
            await handle.wait_for_playout()
        with pytest.raises(asyncio.CancelledError):
            await handles[1]

    run(main())


def test_priorities_say_who_is_next() -> None:
    async def main() -> None:
        async with conversation(Cast()) as sim:
            say = sim.session.say
            first = say("The first one, which is spoken already.")
            low, normal = say("Low.", priority="low"), say("Normal.")
            high = say("High.", priority="high")
            assert sim.session.queue == (high, normal, low)
            await sim.advance(1.0)
            now = say("Now.", priority="now")
            await sim.until(low.done)
            assert first.state == "interrupted"
            heard = [message.text for message in sim.session.history][1:]
            assert heard == ["Now.", "High.", "Normal.", "Low."]
            assert now.state == "done"

    run(main())


def test_the_model_speaks_by_the_programs_wish_with_instructions_for_once() -> None:
    async def main() -> None:
        cast = Cast(llm=FakeLLM(["Here is the weather.", "Sure."]))
        async with conversation(cast, agent=Agent("Be brief.")) as sim:
            reply = sim.session.generate_reply(instructions="Tell the weather.")
            await sim.until(reply.done)
            assert (await reply).text == "Here is the weather."
            await sim.until(sim.session.generate_reply().done)
        assert [chat.instructions for chat in cast.llm.asked] == ["Be brief.\n\nTell the weather.", "Be brief."]
        assert texts(sim.session.history) == [("assistant", "Here is the weather."), ("assistant", "Sure.")]

    run(main())


def test_text_of_the_user_is_a_turn_and_is_answered_once() -> None:
    """Law 10."""

    async def main() -> None:
        cast = Cast(llm=FakeLLM(echo))
        async with conversation(cast) as sim:
            reply = sim.session.generate_reply(user_input="hello there")
            await sim.until(reply.done)
            assert (await reply).text == "You said hello there."
        assert texts(sim.session.history) == [("user", "hello there"), ("assistant", "You said hello there.")]
        assert [(event.turn, event.text) for event in sim.told(UserText)] == [(1, "hello there")]

    run(main())


def test_text_and_speech_before_an_answer_was_heard_are_answered_together() -> None:
    async def main() -> None:
        cast = Cast(stt=FakeSTT(["spoken"]), llm=FakeLLM(echo, first_after_s=1.0))
        async with conversation(cast, caller_with({"at_s": 0.5})) as sim:
            first = sim.session.generate_reply(user_input="typed")  # its answer would begin at 1.0 s
            await sim.advance(1.2)
            assert first.state == "waiting", "the user speaks meanwhile"
            second = sim.session.generate_reply(user_input="and more")
            await sim.until(lambda: first.done() and second.done())
            assert await first == await second
        assert texts(sim.session.history) == [
            ("user", "typed and more spoken"),
            ("assistant", "You said typed and more spoken."),
        ]

    run(main())


def test_text_while_the_agent_speaks_waits_or_cuts_as_it_is_told() -> None:
    async def main(cuts: bool) -> None:
        cast = Cast(llm=FakeLLM(echo))
        async with conversation(cast) as sim:
            speech = sim.session.say(LONG)
            await sim.advance(2.0)
            reply = sim.session.generate_reply(user_input="typed", priority="now" if cuts else "normal")
            await sim.until(reply.done)
            assert speech.state == ("interrupted" if cuts else "done")
            roles = [message.role for message in sim.session.history]
            assert roles == ["assistant", "user", "assistant"]
            assert (await reply).text == "You said typed."

    run(main(cuts=False))
    run(main(cuts=True))


def test_a_model_that_fails_fails_the_handle_and_the_apology_is_said() -> None:
    """Law 11."""

    async def main() -> None:
        cast = Cast(llm=FakeLLM(["Never."], failure=Failure("raise", streams=1)))
        async with conversation(cast) as sim:
            reply = sim.session.generate_reply(user_input="typed")
            await sim.until(reply.done)
            assert (reply.state, (await reply).text) == ("failed", "")
            await sim.finish()
        assert texts(sim.session.history)[1:] == [("assistant", SessionOptions().llm_failed_text)]
        assert len(sim.told(ProviderFailed)) == 1

    run(main())


class Tools:
    def __init__(self) -> None:
        self.replied: list[str] = []

    @tool
    async def look(self) -> str:
        """Looks."""
        await asyncio.sleep(1.0)
        return "found"

    @tool
    async def other(self) -> str:
        """Something else."""
        return "other"

    @tool(timeout_s=20)
    async def ask(self, context: ToolContext) -> str:
        """Asks the model for a word in between."""
        message = await context.session.generate_reply(instructions="Say a word.", priority="high")
        self.replied.append(message.text)
        return "asked"


def test_a_reply_with_tools_is_one_speech_and_may_call_those_it_was_given() -> None:
    async def main() -> None:
        steps: list[Any] = [["Let me see. ", ToolCall("c1", "look", "{}")], "It is found."]
        cast = Cast(llm=FakeLLM(steps))
        async with conversation(cast, agent=Agent(tools=[Tools()])) as sim:
            reply = sim.session.generate_reply(user_input="look", tools=["look"], instructions="Look first.")
            states = [reply.state]
            while not reply.done():
                await sim.transport.tick()
                if reply.state != states[-1]:
                    states.append(reply.state)
            assert states == ["thinking", "speaking", "thinking", "speaking", "done"]
            assert (await reply).text == "It is found."
            with pytest.raises(ValueError, match=r"no tools \['nothing'\]; it has \['look', 'other', 'ask'\]"):
                sim.session.generate_reply(tools=["nothing"])
            await sim.until(sim.session.generate_reply(tools="none").done)
        assert [[spec.name for spec in offered] for offered in cast.llm.offered] == [["look"], ["look"], []]
        assert all("Look first." in chat.instructions for chat in cast.llm.asked[:2])

    run(main())


def test_a_reply_calls_no_tool_but_those_it_may() -> None:
    """Law 11: what the program keeps from a reply is not run, whatever the model writes; the model is told."""
    ran: list[str] = []

    @tool
    def look() -> str:
        """Looks."""
        ran.append("look")
        return "Found."

    @tool
    def pay() -> str:
        """Pays."""
        ran.append("pay")
        return "Paid."

    async def main() -> None:
        calls = [ToolCall("c1", "pay", "{}"), ToolCall("c2", "look", "{}")]
        cast = Cast(llm=FakeLLM([calls, "I could not pay."]))
        async with conversation(cast, agent=Agent(tools=[look, pay])) as sim:
            await sim.until(sim.session.generate_reply(tools=["look"]).done)
            (first, second) = sim.session.history[0].tools
        assert ran == ["look"]
        assert first.failed
        assert first.output == "There is no tool 'pay'. Those there are: look."
        assert (second.output, second.failed) == ("Found.", False)

    run(main())


def test_a_tool_may_await_a_reply_for_which_the_talk_moves_on() -> None:
    async def main() -> None:
        steps: list[Any] = [[ToolCall("c1", "ask", "{}")], "A word.", "Now I know.", "And that is all."]
        tools = Tools()
        cast = Cast(llm=FakeLLM(steps))
        async with conversation(cast, agent=Agent(tools=[tools])) as sim:
            reply = sim.session.generate_reply(user_input="go")
            await sim.finish()
            assert reply.done()
        assert tools.replied == ["A word."]
        outputs = [use.output for message in sim.session.history for use in message.tools]
        assert outputs[0].startswith("Still running")
        assert outputs[1].endswith("asked")

    run(main())


def test_audio_of_ones_own_is_played_as_it_is_and_its_text_is_in_the_history() -> None:
    async def main() -> None:
        cast = Cast()
        samples = numbered(0, 24_000)
        async with conversation(cast) as sim:
            handle = sim.session.say("Terms 1, 2 & 3: *apply*.", audio=(samples, 24_000))
            await sim.until(handle.done)
            await sim.advance(0.1)
            message = await handle
            assert (message.text, handle.state) == ("Terms 1, 2 & 3: *apply*.", "done")
            assert numbers_of(sim.sink.agent) == list(range(24_000))
        assert cast.tts.opened == 0
        (heard,) = sim.told(AgentSpeechHeard)
        assert heard.spoken_for_s == 1.0

    run(main())


def test_audio_that_comes_is_cut_where_it_was_heard_and_its_source_is_closed() -> None:
    """Law 9; and what is never played is closed, too."""

    async def main() -> None:
        closed: list[str] = []

        async def source(name: str) -> AsyncIterator[Speech]:
            try:
                for number in range(40):
                    await asyncio.sleep(0.1)
                    yield Speech(numbered(2400 * number, 2400), 24_000)
            finally:
                closed.append(name)

        async with conversation(Cast()) as sim:
            first = sim.session.say("one two three four five six seven eight", audio=source("first"))
            second = sim.session.say("never", audio=source("second"))
            await sim.advance(2.0)
            second.interrupt()
            first.interrupt()
            await sim.until(first.done)
            message = await first
            assert message.interrupted
            assert f"{message.text} {message.unheard}" == "one two three four five six seven eight"
            assert message.text.startswith("one")
            await sim.advance(0.2)
            assert closed == ["first"], "one that never began has nothing to close"
        assert sim.told(ProviderFailed) == []

    run(main())


@pytest.mark.parametrize(
    ("audio", "wrong"),
    [
        ((np.zeros(10, np.int16), 24_000), "mono float32"),
        ((np.zeros((10, 2), np.float32), 24_000), "mono float32"),
        ((np.zeros(0, np.float32), 24_000), "at least one sample"),
        (([0.0], 24_000), "NumPy array, not list"),
        ((np.zeros(10, np.float32), 10), "a rate of 10 Hz"),
        ((np.full(10, np.nan, np.float32), 24_000), "not finite"),
    ],
)
def test_what_is_no_audio_is_refused(audio: Any, wrong: str) -> None:
    """Law 11."""

    async def main() -> None:
        async with conversation(Cast()) as sim:
            with pytest.raises(ValueError, match=wrong):
                sim.session.say("Something.", audio=audio)

    run(main())


def test_what_makes_no_sense_is_refused() -> None:
    async def main() -> None:
        async with conversation(Cast()) as sim:
            ask: Any = sim.session.generate_reply
            for wrong, message in (
                ({"user_input": " "}, "nothing to answer"),
                ({"tools": "look"}, "give a list of names"),
                ({"tools": ["look"]}, r"no tools \['look'\]; it has \[\]"),
                ({"priority": "soon"}, "no priority; there are low, normal, high, now"),
                ({"interruption": "never"}, "no interruption policy"),
            ):
                with pytest.raises(ValueError, match=message):
                    ask(**wrong)
            for _ in range(17):
                ask()
            with pytest.raises(BufferError, match="16 texts and replies wait"):
                ask()

    run(main())


@pytest.mark.parametrize("way", ["await", "wait_for_playout", "low text"])
def test_a_tool_that_waits_for_itself_is_told_at_once(way: str) -> None:
    """And the talk goes on: the model hears that the tool failed."""
    seen: list[str] = []

    @tool
    async def ask(context: ToolContext[None]) -> str:
        "Asks."
        session = context.session
        handle = session.say("Low.", priority="low") if way == "low text" else session.generate_reply()  # type: ignore[call-arg]
        began = asyncio.get_running_loop().time()
        try:
            await (handle.wait_for_playout() if way == "wait_for_playout" else handle)
        except RuntimeError as error:
            assert asyncio.get_running_loop().time() == began
            seen.append(str(error))
            raise
        return "never"

    async def main() -> None:
        cast = Cast(llm=FakeLLM([["One moment. ", ToolCall("c1", "ask", "{}")], "That failed.", "By the way."]))
        async with conversation(cast, caller_with({"at_s": 0.5}), agent=Agent(tools=[ask])) as sim:
            await sim.finish()
            history = sim.session.history
            assert history[1].tools[0].failed
            assert "That failed." in [message.text for message in history]

    run(main())
    (told,) = seen
    assert told.startswith("tool ask awaits speech that waits for the tool itself to end")
    assert 'priority="high"' in told


def test_a_tool_may_wait_for_what_does_not_wait_for_it() -> None:
    said: list[str] = []

    @tool
    async def ask(context: ToolContext[None]) -> str:
        "Asks."
        said.append((await context.session.say("I am looking.")).text)
        said.append((await context.session.generate_reply(priority="high")).text)
        beside = context.session.generate_reply()
        said.append(beside.state)

        async def wait() -> None:
            said.append((await beside).text)

        waiting.append(asyncio.create_task(wait()))
        return "done"

    waiting: list[asyncio.Task[None]] = []

    async def main() -> None:
        replies = [["One moment. ", ToolCall("c1", "ask", "{}")], "High.", "Normal.", "And so on."]
        async with conversation(
            Cast(llm=FakeLLM(replies)), caller_with({"at_s": 0.5}), agent=Agent(tools=[ask])
        ) as sim:
            await sim.finish()
            await waiting[0]

    run(main())
    assert said[:3] == ["I am looking.", "High.", "waiting"]
    assert said[3] in ("Normal.", "And so on.")


def test_a_tool_that_the_talk_does_not_wait_for_long_may_wait_for_a_reply() -> None:
    said: list[str] = []

    @tool(detach_after_s=0.5)
    async def ask(context: ToolContext[None]) -> str:
        "Asks."
        said.append((await context.session.generate_reply()).text)
        return "done"

    async def main() -> None:
        replies = [["One moment. ", ToolCall("c1", "ask", "{}")], "It takes a while.", "By the way.", "Done."]
        async with conversation(
            Cast(llm=FakeLLM(replies)), caller_with({"at_s": 0.5}), agent=Agent(tools=[ask])
        ) as sim:
            await sim.finish()

    run(main())
    assert said == ["By the way."]
