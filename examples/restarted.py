"""A process that dies in the middle of a booking: another one goes on with the call, and the table is booked once.

    python examples/restarted.py

Runs offline and at once: the core is the real one, time is virtual, and caller, ears, voice and model are stand-ins
(`rtaudio.testing`). `call.kill()` stands for the crash; the port lives on, as it does where another process has it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS, SimulatedCaller, Simulation, run, speech
from rtaudio.voice import Agent, ChatContext, Session, ToolCall
from rtaudio.voice.checkpoints import Checkpoints, MemoryStore
from rtaudio.voice.tools import ToolContext, tool


@dataclass
class Caller:
    """What the program knows of the call. It is written down with it, by this type."""

    name: str = ""


@dataclass
class Kitchen:
    """A service somewhere else, that does one thing once for one key."""

    booked: dict[str, str] = field(default_factory=dict)
    asked: int = 0


KITCHEN = Kitchen()


class Host(Agent):
    """Takes bookings."""

    instructions = "You take bookings."

    @tool(key=lambda time: time, after_crash="again")
    async def book(self, context: ToolContext[Caller], time: str) -> str:
        """Books a table. Takes a while."""
        KITCHEN.asked += 1
        KITCHEN.booked.setdefault(context.key, f"{time} for {context.data.name}")
        await asyncio.sleep(3.0)
        return f"Booked: {time}."


def model(chat: ChatContext) -> str | list[str | ToolCall]:
    """What a language model would make of the talk so far."""
    if chat[-1].tools:
        return f"Thank you for waiting. {chat[-1].tools[-1].output}"
    return [ToolCall(f"call_{len(chat)}", "book", '{"time": "20:00"}')]


async def main() -> tuple[Kitchen, Session]:
    caller = SimulatedCaller()
    caller.say(speech(1.2), at_s=0.5)
    stt, llm, tts = FakeSTT(["A table at eight, please."]), FakeLLM(model), FakeTTS()
    store = MemoryStore()  # FileStore("call.json") for a real one
    checkpoints = Checkpoints(store, agents=[Host], data=Caller)
    call = Simulation(Host(), stt=stt, llm=llm, tts=tts, caller=caller, checkpoints=checkpoints, data=Caller("Ann"))
    async with call:
        await call.until(lambda: KITCHEN.asked == 1)
        await call.advance(0.5)
        call.kill()  # the kitchen has the booking, and nobody has heard of it
        await call.advance(1.0)
        assert store.last is not None
        await call.go_on(Session.restore(call.port, store.last, checkpoints=checkpoints, stt=stt, llm=llm, tts=tts))
        await call.finish(idle_s=4.0)
        session = call.session
    for message in session.history:
        if message.text:
            print(f"{message.role:>9}: {message.text}")
        for use in message.tools:
            print(f"           {use.name}({use.arguments}) gave {use.output}")
    print(f"the kitchen was asked {KITCHEN.asked} times, and has {list(KITCHEN.booked.values())}")
    return KITCHEN, session


if __name__ == "__main__":
    run(main())
