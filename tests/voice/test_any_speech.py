"""Whatever the program says, asks for and takes back, at any moment of any conversation, on the real core."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio.providers.openai_messages import messages_of
from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS, run, speech
from rtaudio.voice import Agent, ChatContext, SessionClosed, SpeechHandle, ToolCall, TranscriptUpdated
from rtaudio.voice.policies import INTERRUPTIONS
from tests.voice.conversations import LONG, Cast, conversation
from tests.voice.message_rules import anthropic_messages, anthropic_problems, openai_problems
from tests.voice.test_any_conversation import CUES, FAILURES, QUICK, TENTHS, WAITS, script
from tests.voice.test_any_tools import STEPS, TOOK, Tools

ACTS = st.lists(
    st.tuples(
        TENTHS,
        st.sampled_from(["say", "play", "ask", "type", "type", "interrupt", "take back", "stall"]),
        st.sampled_from(["low", "normal", "normal", "high", "now"]),
    ),
    max_size=8,
)


@settings(max_examples=15, deadline=None)
@given(
    cues=CUES,
    acts=ACTS,
    steps=STEPS,
    took_s=TOOK,
    waits=st.tuples(WAITS, WAITS, WAITS),
    failures=st.tuples(st.none() | FAILURES, st.none() | FAILURES),
    policy=st.sampled_from(INTERRUPTIONS),
    eager=st.sampled_from(["off", "text", "speech"]),
    closes=st.booleans(),
)
def test_every_handle_ends_and_every_word_is_in_the_history_once(
    cues: list[tuple[float, str, float]],
    acts: list[tuple[float, str, Any]],
    steps: list[tuple[str, list[str]]],
    took_s: float,
    waits: tuple[float, float, float],
    failures: tuple[Any, Any],
    policy: Any,
    eager: Any,
    closes: bool,
) -> None:
    """Laws 8, 9 and 10."""

    async def main() -> None:
        number = 0

        def reply(chat: ChatContext) -> Any:
            assert openai_problems(messages_of(chat)) == [], "what the model sees is right at every moment"
            assert anthropic_problems(anthropic_messages(chat)) == []
            nonlocal number
            number += 1
            text, names = steps[number % len(steps)]
            if not names or "cannot call any more" in chat.instructions:
                return text or "Very well."
            return [text, *(ToolCall("c", name, "{}") for name in names)]

        stt_s, llm_s, tts_s = waits
        llm, tts = failures
        cast = Cast(
            stt=FakeSTT([f"turn{turn}" for turn in range(20)], final_after_s=stt_s),
            llm=FakeLLM(reply, first_after_s=llm_s, failure=llm),
            tts=FakeTTS(char_s=0.03, first_after_s=tts_s, failure=tts),
        )
        options = replace(QUICK, tool_steps=3, interruption=policy, eager=eager, eager_stable_s=0.2)
        handles: list[SpeechHandle] = []
        typed: list[str] = []
        tools = Tools(took_s)
        async with conversation(cast, script(cues), agent=Agent(tools=[tools]), options=options) as sim:
            for after_s, act, priority in acts:
                await sim.advance(after_s)
                match act:
                    case "say":
                        handles.append(sim.session.say(LONG, priority=priority))
                    case "play":
                        handles.append(sim.session.say("A jingle.", priority=priority, audio=(speech(1.0), 24000)))
                    case "ask":
                        handles.append(sim.session.generate_reply(instructions="Be kind.", priority=priority))
                    case "type":
                        typed.append(f"typed{len(typed)}")
                        handles.append(sim.session.generate_reply(user_input=typed[-1], priority=priority))
                    case "take back" if handles:
                        handles[len(typed) % len(handles)].interrupt()
                    case "stall":
                        sim.stall(0.7)
                    case _:
                        sim.session.interrupt()
            if not closes:
                try:
                    await sim.finish(idle_s=took_s + 2, limit_s=120)
                except TimeoutError:  # a cue that waits for an agent who has nothing more to say
                    assert not sim.caller.done
                assert sim.session.state == "listening"
                assert sim.session.queue == ()
                assert all(handle.done() and handle.message is not None for handle in handles)
        assert all(handle.done() for handle in handles), "closing leaves nobody waiting"
        history = sim.session.history
        assert openai_problems(messages_of(history)) == []
        heard = [message.text for message in history if message.role == "assistant"]
        for handle in handles:
            assert handle.message is None or not handle.message.text or handle.message.text in heard
        words = Counter(word for message in history if message.role == "user" for word in message.text.split())
        finals = {event.turn: event.text for event in sim.told(TranscriptUpdated) if event.final}
        said = Counter(word for text in finals.values() for word in text.split())
        assert not (said + Counter(typed)) - words, "law 10"
        assert max(words.values(), default=1) == 1
        assert tools.running == 0
        assert isinstance(sim.events[-1], SessionClosed)

    run(main())
