"""A restaurant that takes bookings by voice: tools, a booking that takes long, a caller who speaks meanwhile.

    python examples/restaurant.py

Runs offline and at once: the core is the real one, time is virtual, and caller, ears, voice and model are stand-ins
(`rtaudio.testing`). `Host` stands for the language model; with a real one, `Book` and `agent` stay as they are.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS, SimulatedCaller, Simulation, run, speech
from rtaudio.voice import Agent, ChatContext, SessionEvent, ToolCall, ToolFinished, ToolProgress, ToolStarted
from rtaudio.voice.tools import ToolContext, ToolError, tool

Guests = Annotated[int, Field(ge=1, le=12, description="How many people come")]


@dataclass
class Caller:
    """What the program knows of the caller; every tool gets it as `context.data`."""

    number: str


@dataclass
class Book:
    """The book of one evening. Its methods are the tools."""

    tables: dict[str, int] = field(default_factory=lambda: {"19:00": 0, "20:00": 2})
    bookings: list[str] = field(default_factory=list)

    @tool
    def free_tables(self, time: str) -> int:
        """How many tables are free at a time.

        Args:
            time: Such as 19:00.
        """
        if time not in self.tables:
            raise ToolError(f"There are tables at {' and '.join(self.tables)} only.")
        return self.tables[time]

    @tool(detach_after_s=3, on_interruption="ask", key=lambda time, guests: f"{time}/{guests}")
    async def book(self, context: ToolContext[Caller], time: str, guests: Guests) -> str:
        """Books a table. Takes a while."""
        context.say("I am writing it down.")
        await asyncio.sleep(7.0)  # the kitchen is asked
        context.may_cancel = False  # from here on it stands
        context.progress("The kitchen has agreed.")
        await asyncio.sleep(1.0)
        self.tables[time] -= 1
        self.bookings.append(f"{time}, {guests} guests, {context.data.number}")
        return f"Booked: {time}, {guests} guests."


def host(chat: ChatContext) -> str | list[str | ToolCall]:
    """What a language model would make of the talk so far."""
    asked, number = chat.last_user_text(), len(chat)
    last = chat[-1]
    if last.tools and "from before" in last.tools[-1].output:
        return "Your table at eight is booked."
    if last.tools and last.tools[-1].name == "free_tables":
        if last.tools[-1].output == "0":
            return "I am sorry, at seven we are full. At eight there is a table."
    elif last.tools:
        return "The kitchen has to agree, it takes a moment. I will tell you."
    if "seven" in asked:
        return ["Let me look. ", ToolCall(f"call_{number}", "free_tables", '{"time": "19:00"}')]
    if "eight" in asked:
        return [ToolCall(f"call_{number}", "book", '{"time": "20:00", "guests": 4}')]
    return "Yes, there is. You can park behind the house."


def show(event: SessionEvent) -> None:
    match event:
        case ToolStarted():
            print(f"{event.at_s:5.1f} s  {event.tool} is called")
        case ToolProgress():
            print(f"{event.at_s:5.1f} s  {event.tool}: {event.text}")
        case ToolFinished():
            print(f"{event.at_s:5.1f} s  {event.tool}: {event.outcome} after {event.took_for_s:.1f} s")


async def main() -> tuple[Book, ChatContext]:
    book = Book()
    agent = Agent("You take bookings for tonight.", greeting="Good evening, the Blue Plate.", tools=[book])
    caller = SimulatedCaller()
    caller.say(speech(1.5), after_agent_stops_s=0.5)
    caller.say(speech(1.0), at_s=13.0)
    caller.say(speech(1.0), at_s=20.0)
    said = ["A table for four at seven, please.", "Then at eight.", "Is there a place to park?"]
    stt, llm, tts = FakeSTT(said), FakeLLM(host), FakeTTS()
    async with Simulation(agent, stt=stt, llm=llm, tts=tts, caller=caller, data=Caller("555 0123")) as call:
        await call.finish(idle_s=6.0)
        history = call.session.history
    for event in call.events:
        show(event)
    print()
    for message in history:
        if message.text:
            print(f"{message.role:>9}: {message.text}")
        for use in message.tools:
            print(f"           {use.name}({use.arguments}) gave {use.output}")
    return book, history


if __name__ == "__main__":
    run(main())
