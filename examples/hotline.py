"""A hotline whose first model hangs and whose first voice fails: fallbacks, stages of its own, replies begun ahead, and
one record of each answer.

    python examples/hotline.py

Runs offline and at once: the core is the real one, time is virtual, and caller, ears, voices and models are stand-ins
(`rtaudio.testing`). With real ones `Hotline` and `main` stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence

from rtaudio.providers import FallbackLLM, FallbackTTS
from rtaudio.testing import Failure, FakeLLM, FakeSTT, FakeTTS, SimulatedCaller, Simulation, run, speech
from rtaudio.voice import (
    Agent,
    ChatContext,
    EagerReply,
    ProviderFailed,
    SessionOptions,
    Token,
    ToolCall,
    ToolSpec,
    TurnRecord,
    Usage,
)

TARIFFS = {"fibre": "**Fibre 100** is 30 euros, see [the list](https://example.org/fibre)."}


class Hotline(Agent):
    """Tells its model what is known of the words in a question, and shows no numbers of customers on the screen."""

    instructions = "You answer questions about tariffs."

    async def llm(self, chat: ChatContext, tools: Sequence[ToolSpec]) -> AsyncIterator[Token | ToolCall | Usage]:
        known = [text for word, text in TARIFFS.items() if word in chat.last_user_text()]
        chat.instructions = "\n".join([chat.instructions, *known])
        async for piece in super().llm(chat, tools):
            yield piece

    async def transcription(self, text: AsyncIterator[str]) -> AsyncIterator[str]:
        async for clause in text:
            yield re.sub(r"\d{4,}", "•", clause)


def model(chat: ChatContext) -> str:
    """What a language model would make of the talk so far."""
    known = chat.instructions.partition("\n")[2]
    return known or "Your number is 47110815."


async def main() -> Simulation:
    caller = SimulatedCaller()
    caller.say(speech(1.2), at_s=0.5)
    caller.say(speech(1.2), after_agent_stops_s=1.0)
    # This STT says by itself, 0.1 s into the silence, that a turn seems complete: the reply is begun then.
    stt = FakeSTT(["What is fibre?", "And my number?"], all_after_s=0.1, complete=True)
    llm = FallbackLLM([FakeLLM([""], failure=Failure("hang")), FakeLLM(model)], first_s=1.0)
    tts = FallbackTTS([FakeTTS(failure=Failure("raise")), FakeTTS(rate=16000)], rate=24000)
    options = SessionOptions(eager="text", pronunciations={"Fibre": "fiber"})
    async with Simulation(Hotline(), stt=stt, llm=llm, tts=tts, caller=caller, options=options) as call:
        await call.finish(idle_s=3.0)
        for message in call.session.history:
            print(f"{message.role:>9}: {message.text}")
    await llm.aclose()
    await tts.aclose()
    print()
    for event in call.events:
        match event:
            case ProviderFailed():
                print(f"{event.at_s:5.1f} s  {event.provider}: {event.what}")
            case EagerReply():
                print(f"{event.at_s:5.1f} s  a reply begun before the turn was over: {event.state}")
            case TurnRecord():
                first_s = event.steps[-1].first_sample_s or 0.0
                print(
                    f"{event.at_s:5.1f} s  answered after {first_s:.2f} s, {event.outcome}: "
                    f"{event.heard_for_s:.2f} of {event.synthesised_for_s:.2f} s of speech"
                )
    return call


if __name__ == "__main__":
    run(main())
