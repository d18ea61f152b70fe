"""A front desk that puts callers through: handoffs, a task that finds out who calls, another voice.

    python examples/triage.py

Runs offline and at once: the core is the real one, time is virtual, and caller, ears, voices and model are stand-ins
(`rtaudio.testing`). `model` stands for the language model; with a real one, the agents stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS, SimulatedCaller, Simulation, run, speech
from rtaudio.voice import Agent, AgentChanged, ChatContext, ChatMessage, Handoff, Session, Task, ToolCall
from rtaudio.voice.history_policy import last
from rtaudio.voice.tools import ToolContext, tool


@dataclass
class Call:
    """What the program knows of the call; every tool gets it as `context.data`."""

    customer: str = ""
    notes: list[str] = field(default_factory=list)


class AskNumber(Task[str]):
    """Brings the customer's number."""

    instructions = "Ask for the customer number, and note it."

    @tool
    async def note(self, number: str) -> None:
        """Notes the customer number."""
        self.complete(number)


class Billing(Agent):
    """Knows the customer, speaks with a voice of its own."""

    instructions = "You answer questions about invoices."
    history = last(4)

    @tool
    def balance(self, context: ToolContext[Call]) -> str:
        """What the customer owes."""
        return f"Customer {context.data.customer} owes 12 euros, due on Friday."

    @tool
    def to_front(self) -> tuple[Agent, str]:
        """Puts the caller back to the front desk, for anything else."""
        return FrontDesk(), "The caller is back from billing, and wants something else."

    async def on_turn(self, session: Session, message: ChatMessage) -> str | None:
        return "Refunds take five days." if "refund" in message.text else None


class FrontDesk(Agent):
    """Finds out who calls and what for."""

    instructions = "You find out what the caller wants, and put them through."

    @tool
    async def to_billing(self, context: ToolContext[Call], why: str) -> Handoff:
        """Puts the caller through to billing, once their number is known."""
        if not context.data.customer:
            context.data.customer = await context.run_task(AskNumber(), timeout_s=60)
        context.data.notes.append(why)
        billing = Billing(greeting="This is billing, good morning.", tts=FakeTTS(rate=16000))
        return Handoff(billing, f"You are billing now. The caller: {why}")


def model(chat: ChatContext) -> str | list[str | ToolCall]:
    """What a language model would make of the talk so far."""
    asked, call = chat.last_user_text().lower(), f"call_{len(chat)}"
    if chat.instructions == AskNumber.instructions:
        if "four" in asked:
            return [ToolCall(call, "note", '{"number": "4711"}')]
        return "What is your customer number?"
    if chat.instructions == Billing.instructions:
        if chat[-1].tools and chat[-1].tools[-1].name == "balance":
            return "You owe twelve euros, due on Friday."
        if "hours" in asked:
            return [ToolCall(call, "to_front", "{}")]
        if "refund" in asked:
            return next(message.text for message in reversed(chat.messages) if message.role == "system")
        return [ToolCall(call, "balance", "{}")]
    if chat[-1].tools:
        return "We are open from nine to five."
    return ["Surely. ", ToolCall(call, "to_billing", '{"why": "asks what they owe"}')]


async def main() -> tuple[Call, Simulation]:
    data = Call()
    caller = SimulatedCaller()
    for _ in range(5):
        caller.say(speech(1.2), after_agent_stops_s=0.6)
    said = [
        "What do I owe?",
        "Four seven one one.",
        "So what is it?",
        "And the refund?",
        "What are your opening hours?",
    ]
    front = FrontDesk(greeting="Good morning, what can I do for you?")
    voices = FakeTTS()
    async with Simulation(front, stt=FakeSTT(said), llm=FakeLLM(model), tts=voices, caller=caller, data=data) as call:
        await call.finish(idle_s=3.0)
    for event in call.told(AgentChanged):
        print(f"{event.at_s:5.1f} s  {event.before} -> {event.after} ({event.why})")
    print()
    for message in call.session.history:
        if message.text:
            print(f"{message.role:>9}: {message.text}")
        for use in message.tools:
            print(f"           {use.name}({use.arguments}) gave {use.output}")
    return data, call


if __name__ == "__main__":
    run(main())
