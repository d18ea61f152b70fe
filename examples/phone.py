"""A speech-to-speech model in the place of STT, language model and TTS: a tool, an interruption, and what was heard.

    python examples/phone.py

Runs offline and at once: the core is the real one, time is virtual, and caller and model are stand-ins
(`rtaudio.testing`). `FakeRealtime` stands for the model's server; with a real one, the agent stays as it is.
"""

from __future__ import annotations

from rtaudio.testing import FakeRealtime, SimulatedCaller, Simulation, run, speech
from rtaudio.voice import Agent, ToolCall
from rtaudio.voice.tools import tool


class Phone(Agent):
    """Knows the opening hours."""

    instructions = "You answer the phone of a library."

    @tool
    def hours(self) -> str:
        """When we are open."""
        return "nine to five, on Sundays ten to two"


async def main() -> tuple[FakeRealtime, Simulation]:
    caller = SimulatedCaller()
    caller.say(speech(1.0), at_s=0.5)
    caller.say(speech(0.8), after_agent_starts_s=1.2)  # interrupts
    model = FakeRealtime(
        [[ToolCall("1", "hours", "{}")], "From nine to five, and on Sundays from ten to two.", "You are welcome."],
        ["When are you open?", "Thank you, that will do."],
    )
    async with Simulation(Phone(), realtime=model, caller=caller) as call:
        await call.finish()
    for message in call.session.history:
        if message.text:
            print(f"{message.role:>9}: {message.text}{f' (not heard: {message.unheard})' if message.unheard else ''}")
        for use in message.tools:
            print(f"           {use.name}({use.arguments}) gave {use.output}")
    for item in model.connections[0].items:
        if item.role == "assistant" and item.heard_ms is not None:
            print(f"\nthe model was told that {item.heard_ms} ms of its answer were heard")
    return model, call


if __name__ == "__main__":
    run(main())
