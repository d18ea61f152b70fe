"""A turn that is cut off and resumed, on the real core and virtual time: law 10, however far the answer was."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio import DetectorConfig, TurnConfig
from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS, SimulatedCaller, Simulation, run, speech
from rtaudio.voice import (
    Agent,
    AgentSpeechHeard,
    AgentSpeechInterrupted,
    AgentSpeechStarted,
    SessionOptions,
    StateChanged,
    Transcript,
    TranscriptUpdated,
    TurnEnded,
    TurnMetrics,
    TurnModelSilent,
    TurnResumed,
)
from rtaudio.voice import effects as do
from tests.voice.conversations import LONG, Cast, conversation

PARTS = ["I would like to know", "when you are open", "on Sundays", "please"]


def caller_with(*gaps_s: float, begin_s: float = 0.3) -> SimulatedCaller:
    """A second of speech, then one more after each gap."""
    caller, at_s = SimulatedCaller(24000), begin_s
    for gap_s in (0.0, *gaps_s):
        at_s += gap_s
        caller.say(speech(1.0), at_s=at_s)
        at_s += 1.0
    return caller


def cast(stt_s: float = 0.05, llm_s: float = 0.1, tts_s: float = 0.05, replies: list[str] | None = None) -> Cast:
    return Cast(
        stt=FakeSTT(PARTS, final_after_s=stt_s),
        llm=FakeLLM(replies or ["From ten to two."], first_after_s=llm_s),
        tts=FakeTTS(first_after_s=tts_s),
    )


def history(call: Simulation) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in call.session.history]


WHOLE = [("user", f"{PARTS[0]} {PARTS[1]}"), ("assistant", "From ten to two.")]


@pytest.mark.parametrize(
    ("stt_s", "llm_s", "latency_s"),
    [
        (0.5, 0.1, 0.0),  # its words are still awaited
        (0.05, 0.8, 0.0),  # the answer is being thought of
        (0.05, 0.02, 0.6),  # it is put out, and on its way to the loudspeaker
    ],
)
def test_what_was_begun_and_not_heard_is_cancelled_and_the_whole_is_answered_once(
    stt_s: float, llm_s: float, latency_s: float
) -> None:
    async def main() -> None:
        providers = cast(stt_s, llm_s, tts_s=0.02)
        # The turn ends at 1.93 s; the caller goes on at 2.04 s, and the core knows 64 ms later.
        async with conversation(providers, caller_with(0.74), latency_s=latency_s) as call:
            await call.finish()
            assert history(call) == WHOLE
            assert [event.turn for event in call.told(TurnResumed)] == [1]
            assert [event.turn for event in call.told(TurnEnded)] == [1, 1]
            assert len(call.told(AgentSpeechHeard)) == 1
            begun = len(call.told(AgentSpeechStarted))
            assert begun == (2 if latency_s else 1), "put out, and never heard"
            assert [event.heard for event in call.told(AgentSpeechInterrupted)] == [""] * (begun - 1)
            finals = [event for event in call.told(TranscriptUpdated) if event.final]
            assert finals[-1].text == WHOLE[0][1]
            assert {event.turn for event in finals} == {1}
            assert "resumed" in call.told(TurnEnded)[1].reasons.why  # type: ignore[union-attr]
            heard = [metrics for metrics in call.told(TurnMetrics) if metrics.heard_s is not None]
            assert [metrics.turn for metrics in heard] == [1]

    run(main())


def test_no_sample_that_was_said_is_lost_to_recognition() -> None:
    async def main() -> None:
        providers = cast()
        async with conversation(providers, caller_with(0.75, 0.75)) as call:
            await call.finish()
            loud = [int((np.abs(audio) > 0.01).sum()) for audio in providers.stt.heard]
            assert len(loud) == 3
            assert all(abs(count - 16000) < 500 for count in loud), "each second whole, in its part and no other"

    run(main())


def test_an_answer_that_was_heard_is_interrupted_like_any_other() -> None:
    async def main() -> None:
        providers = cast(0.02, 0.02, 0.02, [LONG, "From ten to two."])
        async with conversation(providers, caller_with(1.4)) as call:
            await call.finish()
            assert call.told(TurnResumed) == [], "what is said to an answer is a new turn"
            assert [event.turn for event in call.told(TurnEnded)] == [1, 2]
            (cut,) = call.told(AgentSpeechInterrupted)
            assert history(call) == [
                ("user", PARTS[0]),
                ("assistant", cut.heard),
                ("user", PARTS[1]),
                ("assistant", "From ten to two."),
            ]

    run(main())


def test_after_the_grace_time_it_is_a_new_turn_that_joins_all_the_same() -> None:
    async def main() -> None:
        detector = DetectorConfig(turn=TurnConfig(grace_s=0.3))
        async with conversation(cast(llm_s=2.0), caller_with(1.2), detector=detector) as call:
            await call.finish()
            assert call.told(TurnResumed) == []
            assert history(call) == WHOLE

    run(main())


WAITS = st.sampled_from([0.0, 0.02, 0.1, 0.3, 0.7])


@settings(max_examples=60, deadline=None)
@given(
    gaps=st.lists(st.integers(64, 240).map(lambda n: n / 100), min_size=1, max_size=3),
    stt_s=WAITS,
    llm_s=WAITS,
    tts_s=WAITS,
    latency_s=WAITS,
    stall=st.none() | st.tuples(st.integers(15, 40), st.integers(1, 12)),
    barge_in=st.booleans(),
)
def test_law10_whenever_the_caller_goes_on_all_is_answered_once(
    gaps: list[float],
    stt_s: float,
    llm_s: float,
    tts_s: float,
    latency_s: float,
    stall: tuple[int, int] | None,
    barge_in: bool,
) -> None:
    async def main() -> None:
        providers = cast(stt_s, llm_s, tts_s, ["From ten to two. From ten to two, and not later."])
        detector = DetectorConfig(barge_in=barge_in)
        async with conversation(providers, caller_with(*gaps), latency_s=latency_s, detector=detector) as call:
            if stall is not None:
                await call.advance(stall[0] / 10)
                call.stall(stall[1] / 10)
            await call.finish(limit_s=60)
            messages = call.session.history.messages
            said = " ".join(message.text for message in messages if message.role == "user")
            parts = len(
                call.told(TurnEnded)
            )  # a caller who pauses for long is given longer: a short gap may end nothing
            assert 1 <= parts <= len(gaps) + 1
            assert said == " ".join(PARTS[:parts]), "every part is in the history once, in order"
            assert messages[-1].role == "assistant"
            assert not messages[-1].interrupted, "the last thing said was answered, whole"
            roles = [message.role for message in messages]
            assert all(a != b for a, b in pairwise(roles)), "what was unanswered was joined"
            # A reply that was heard is in the history; one that was not left no trace there.
            whole, cut = call.told(AgentSpeechHeard), call.told(AgentSpeechInterrupted)
            assert roles.count("assistant") == len(whole) + sum(bool(event.heard) for event in cut)
            resumed, ended = call.told(TurnResumed), call.told(TurnEnded)
            numbers = [event.turn for event in ended]
            assert sorted(set(numbers)) == list(range(1, max(numbers) + 1))
            assert len(numbers) - len(set(numbers)) == len(resumed)
            assert call.session.state == "listening"
            ledger = call.port.playout.ledger()
            assert ledger.written + ledger.replayed == ledger.played + ledger.queued + ledger.dropped
            assert not call.sink.agent[-24000:].any()

    run(main())


# ---- hints


def hints_of(providers: Cast, caller: SimulatedCaller) -> tuple[list[do.Hint], Simulation]:
    hints: list[do.Hint] = []

    def record(what: object) -> None:
        if isinstance(what, do.Hint):
            hints.append(what)

    async def main() -> Simulation:
        async with conversation(providers, caller, recorder=record) as call:
            await call.finish()
        return call

    return hints, run(main())


def test_the_core_is_told_of_words_questions_and_thinking() -> None:
    providers = cast(replies=["What is your phone number?", "Is that right?", "Fine."])
    hints, call = hints_of(providers, caller_with(4.0, 4.0))
    begun = [0.3, 5.3, 10.3]
    words = [hint for hint in hints if hint.kind == "words"]
    assert [hint.value for hint in words] == [1, 1, 1], "the first word of each turn came before its end"
    assert [abs(hint.turn / 16000 - at_s) < 0.1 for hint, at_s in zip(words, begun, strict=True)] == [True] * 3
    assert [hint.value for hint in hints if hint.kind == "asked"] == [2, 1, 0]
    thinking = [hint.value for hint in hints if hint.kind == "thinking"]
    changes = [event for event in call.told(StateChanged) if "thinking" in (event.state, event.before)]
    assert thinking == [int(event.state == "thinking") for event in changes] == [1, 0] * 3
    assert [event.late for event in call.told(TurnModelSilent)] == [False], "no model: told once"


class EagerStream:
    """Says after half a second of audio that it has heard all."""

    def __init__(self) -> None:
        self.count, self.inner = 0, FakeSTT(PARTS).stream()

    def push(self, samples: np.ndarray) -> None:
        self.count += len(samples)
        self.inner.push(samples)

    def end(self) -> None:
        self.inner.end()

    async def __aiter__(self):  # type: ignore[no-untyped-def]
        async for transcript in self.inner:
            yield Transcript(transcript.text, transcript.final, complete=not transcript.final)

    async def aclose(self) -> None:
        await self.inner.aclose()


class Eager:
    name = "eager"

    def stream(self) -> EagerStream:
        return EagerStream()

    async def warm_up(self) -> None: ...

    async def aclose(self) -> None: ...


@pytest.mark.parametrize("eager", [False, True])
def test_the_stt_s_eager_end_makes_the_core_wait_less(eager: bool) -> None:
    async def main() -> None:
        stt: Any = Eager() if eager else FakeSTT(PARTS)
        call = Simulation(
            Agent(), stt=stt, llm=FakeLLM(["Fine."]), tts=FakeTTS(), caller=caller_with(), options=SessionOptions()
        )
        async with call:
            await call.finish()
        (end,) = call.told(TurnEnded)
        assert end.reasons is not None
        assert ("stt" in end.reasons.why) is eager
        assert (end.reasons.delay_s < 0.6) is eager

    run(main())


def test_hints_go_to_whoever_takes_them() -> None:
    taken: list[tuple[str, int, int]] = []

    async def main() -> None:
        call = Simulation(Agent(), stt=FakeSTT(PARTS), llm=FakeLLM(["Is it you?"]), tts=FakeTTS(), caller=caller_with())
        call.session._hands._hint = lambda kind, value, turn: taken.append((kind, value, turn))
        async with call:
            await call.finish()
        assert call.port.closed

    run(main())
    assert {kind for kind, _, _ in taken} == {"words", "backchannel", "asked", "thinking"}
