"""A front desk that is spoken to and written to, and has things to say by itself: handles, the queue, a filler.

    python examples/front_desk.py

Runs offline and at once: the core is the real one, time is virtual, and caller, ears, voice and model are stand-ins
(`rtaudio.testing`). `desk` stands for the language model; with a real one, `find_parcel` and `main` stay as they are.
"""

from __future__ import annotations

import asyncio

from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS, SimulatedCaller, Simulation, run, speech
from rtaudio.voice import Agent, ChatContext, SpeechHandle, ToolCall
from rtaudio.voice.tools import tool


@tool(filler=["One moment, I am looking.", "Let me see."], filler_after_s=1.0)
async def find_parcel(number: str) -> str:
    """Where a parcel is.

    Args:
        number: As it is on the slip.
    """
    await asyncio.sleep(5.0)  # the back room is asked
    return f"Parcel {number} is in shelf 7."


def desk(chat: ChatContext) -> str | list[str | ToolCall]:
    """What a language model would make of the talk so far."""
    if "closing time" in chat.instructions:
        return "Please mind that we close at six."
    if chat[-1].tools:
        return f"Here it is. {chat[-1].tools[-1].output}"
    asked = chat.last_user_text()
    if "parcel" in asked:
        return [ToolCall(f"call_{len(chat)}", "find_parcel", '{"number": "A7"}')]
    return "A letter abroad is one euro ten, and takes three days, or four where there is a sea in between."


async def main() -> tuple[ChatContext, list[SpeechHandle]]:
    agent = Agent("You are the front desk of a post office.", greeting="Good evening.", tools=[find_parcel])
    caller = SimulatedCaller()
    caller.say(speech(1.0), after_agent_stops_s=0.5)
    stt, llm, tts = FakeSTT(["How much is a letter to Japan?"]), FakeLLM(desk), FakeTTS()
    async with Simulation(agent, stt=stt, llm=llm, tts=tts, caller=caller) as call:
        session = call.session
        await call.until(lambda: len(session.history) > 1 and session.state == "speaking")  # the caller is answered

        # Somebody writes into the chat box, and the program has something to say when there is time for it.
        written = session.generate_reply(user_input="And is my parcel A7 there?")
        closing = session.generate_reply(instructions="Tell them the closing time.", priority="low")
        written.add_done_callback(lambda handle: print(f"        -- answered: {handle.state}"))
        await call.until(written.done)

        # What cannot wait.
        alarm = session.say("Please leave the building by the main door.", priority="now", interruption="off")
        await call.until(alarm.done)
        await call.finish()
        history = session.history
    for message in history:
        if message.text:
            print(f"{message.role:>9}: {message.text}{' --' if message.interrupted else ''}")
    return history, [written, closing, alarm]


if __name__ == "__main__":
    run(main())
