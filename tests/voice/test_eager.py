"""Replies begun before their turn is over, on the real core and on virtual time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rtaudio import AudioPort, TurnEvidence
from rtaudio.core.journal import Journal, read_journal
from rtaudio.testing import Failure, FakeLLM, FakeSTT, FakeTTS, SimulatedCaller, Simulation, run, speech
from rtaudio.voice import (
    Agent,
    AgentSpeechStarted,
    EagerReply,
    ProviderFailed,
    ReplyText,
    SessionOptions,
    StateChanged,
    ToolCall,
    ToolStarted,
    TurnEnded,
    TurnMetrics,
)
from rtaudio.voice.eager import same_words
from rtaudio.voice.journaling import session_differences, session_recorder
from rtaudio.voice.options import EagerMode
from rtaudio.voice.tools import tool
from tests.voice.conversations import Cast, conversation

ANSWER = "It is at nine. We open on Sundays as well."


def cast(*texts: str, complete: bool = True, **settings: Any) -> Cast:
    stt = FakeSTT(texts or ("when do you open",), all_after_s=0.1, complete=complete, final_after_s=0.2)
    llm = FakeLLM(settings.pop("replies", [ANSWER]), first_after_s=0.3, failure=settings.pop("llm_failure", None))
    return Cast(stt=stt, llm=llm, tts=FakeTTS(first_after_s=0.15, **settings))


def caller(*at_s: float, clip_s: float = 1.0) -> SimulatedCaller:
    spoken = SimulatedCaller(24000)
    for at in at_s:
        spoken.say(speech(clip_s), at_s=at)
    return spoken


def states(sim: Simulation) -> list[tuple[str, str | None]]:
    return [(event.state, event.why) for event in sim.told(EagerReply)]


def first_sample_s(eager: EagerMode, complete: bool = True) -> float:
    """From the end of the user's speech."""

    async def main() -> float:
        options = SessionOptions(eager=eager, eager_stable_s=None if complete else 0.2)
        async with conversation(cast(complete=complete), caller(0.5), options=options) as sim:
            await sim.finish()
        (metrics,) = sim.told(TurnMetrics)
        assert metrics.eager_kept == (eager != "off")
        assert metrics.first_sample_s is not None
        return metrics.first_sample_s

    return run(main())


def test_what_was_thought_ahead_is_heard_so_much_sooner() -> None:
    """STT final 0.2 s, first token 0.3 s and the first clause 0.08 s later, voice 0.15 s."""
    off, text, spoken = (first_sample_s(mode) for mode in ("off", "text", "speech"))
    assert off - text == pytest.approx(0.38, abs=0.02), "all of the model's time"
    assert text - spoken == pytest.approx(0.15, abs=0.02), "and of the voice's"
    assert spoken < 0.75


def test_without_a_word_on_the_end_it_takes_the_option_that_silence_is_enough() -> None:
    assert first_sample_s("speech", complete=False) < first_sample_s("off", complete=False) - 0.3

    async def main() -> None:
        async with conversation(cast(complete=False), caller(0.5)) as sim:
            await sim.finish()
        assert states(sim) == []
        assert len(sim.told(AgentSpeechStarted)) == 1

    run(main())


class Judged(Simulation):
    """Every question of the core is answered by a model that is sure."""

    p = 0.97

    async def __aenter__(self) -> Judged:
        self._questions = self.port.event_reader()
        await super().__aenter__()
        return self

    def _after_step(self) -> None:
        for event in self._questions.read()[1]:
            if event.kind == "turn_asked":
                self.line.post_turn_evidence(event.a, TurnEvidence(p_trimmed=self.p))
        super()._after_step()


@pytest.mark.parametrize(("p", "begun"), [(0.97, True), (0.2, False)])
def test_the_cores_own_estimate_begins_one(p: float, begun: bool) -> None:
    async def main() -> None:
        cast_ = cast(complete=False)
        sim = Judged(Agent(), stt=cast_.stt, llm=cast_.llm, tts=cast_.tts, caller=caller(0.5))
        sim.p = p
        async with sim:
            await sim.finish()
        assert states(sim) == ([("begun", "probable"), ("kept", None)] if begun else [])
        assert len(sim.told(AgentSpeechStarted)) == 1
        if begun:
            (told,), (over,) = sim.told(EagerReply)[:1], sim.told(TurnEnded)
            assert told.at_s < over.decided_s, "before the turn was decided"

    run(main())


def test_nothing_is_told_of_it_until_it_is_kept() -> None:
    async def main() -> None:
        async with conversation(cast(), caller(0.5), options=SessionOptions(eager="speech")) as sim:
            await sim.until(lambda: len(states(sim)) == 1)
            assert len(sim.session.history) == 0, "its words are not in the history"
            assert sim.session.state == "listening"
            await sim.until(lambda: len(states(sim)) == 2)
            await sim.finish()
        (begun, kept) = sim.told(EagerReply)
        assert not sim.sink.agent[: round((kept.at_s - 0.01) * 24000)].any()
        assert [event.text for event in sim.told(ReplyText)] == ["It is at nine.", "We open on Sundays as well."]
        assert all(event.at_s >= kept.at_s for event in sim.told(ReplyText))
        assert [event.state for event in sim.told(StateChanged)] == ["thinking", "speaking", "listening"]
        assert kept.held_for_s == pytest.approx(kept.at_s - begun.at_s)
        assert kept.tokens == len(ANSWER.split())
        assert [message.text for message in sim.session.history] == ["when do you open", ANSWER]

    run(main())


def test_a_user_who_goes_on_gets_one_answer_to_all_of_it() -> None:
    """Law 10. Nothing of the first is heard (law 2), and what it cost is told."""

    async def main() -> None:
        talk = cast("when do you open", replies=["Dropped.", "Kept."])
        async with conversation(talk, caller(0.5, 1.85), options=SessionOptions(eager="speech")) as sim:
            await sim.finish()
        assert states(sim) == [("begun", "complete"), ("dropped", "spoke"), ("begun", "complete"), ("kept", None)]
        assert [event.text for event in sim.told(ReplyText)] == ["Kept."]
        assert [message.text for message in sim.session.history if message.role == "assistant"] == ["Kept."]
        (metrics,) = sim.told(TurnMetrics)
        assert (metrics.eager_attempts, metrics.eager_kept) == (2, True)
        (dropped,) = [event for event in sim.told(EagerReply) if event.state == "dropped"]
        assert metrics.eager_wasted_tokens == dropped.tokens
        assert metrics.eager_wasted_audio_s == dropped.audio_for_s

    run(main())


def test_attempts_are_bounded_for_a_turn() -> None:
    async def main() -> None:
        starts = [0.5 + 1.35 * count for count in range(5)]
        async with conversation(cast(), caller(*starts), options=SessionOptions(eager_attempts=2)) as sim:
            await sim.finish()
        assert [state for state, _ in states(sim)].count("begun") == 2 * len({e.turn for e in sim.told(TurnEnded)})
        assert all(metrics.eager_attempts <= 2 for metrics in sim.told(TurnMetrics))

    run(main())


@pytest.mark.parametrize(("final", "kept"), [("When do you open?", True), ("when do you close", False)])
def test_the_final_words_decide(final: str, kept: bool) -> None:
    async def main() -> None:
        talk = cast(replies=["One.", "Two."])
        words = iter(["when do you open", "when do you open"])
        talk.stt.texts = lambda _: next(words, final)
        async with conversation(talk, caller(0.5)) as sim:
            await sim.finish()
        assert states(sim) == [("begun", "complete"), ("kept", None) if kept else ("dropped", "words")]
        assert [message.text for message in sim.session.history] == [final, "One." if kept else "Two."]
        assert len(talk.llm.asked) == (1 if kept else 2)
        assert talk.llm.asked[0].messages[-1].text == "when do you open"

    run(main())


def test_no_tool_runs_for_what_is_dropped_and_each_once_for_what_is_kept() -> None:
    ran: list[str] = []

    @tool
    async def book(table: str) -> str:
        """Books it."""
        ran.append(table)
        return "Booked."

    async def main() -> None:
        def calls(table: str) -> list[str | ToolCall]:
            return [ToolCall(f"call {table}", "book", f'{{"table": "{table}"}}')]

        talk = cast(replies=[calls("dropped"), calls("kept"), "It is booked."])
        talk.llm.first_after_s = 0.05
        agent = Agent(tools=[book])
        async with conversation(talk, caller(0.5, 1.85), agent=agent) as sim:
            await sim.until(lambda: len(states(sim)) == 1)
            await sim.advance(0.1)
            assert ran == [], "its call is held"
            await sim.finish()
        assert states(sim) == [("begun", "complete"), ("dropped", "spoke"), ("begun", "complete"), ("kept", None)]
        assert ran == ["kept"]
        assert len(sim.told(ToolStarted)) == 1
        assert sim.session.history[-1].text == "It is booked."

    run(main())


def test_a_model_that_fails_ahead_is_asked_again_for_the_answer() -> None:
    async def main() -> None:
        talk = cast(llm_failure=Failure("raise", after=0, streams=1))
        async with conversation(talk, caller(0.5)) as sim:
            await sim.finish()
        assert states(sim) == [("begun", "complete"), ("dropped", "failed")]
        assert [event.kind for event in sim.told(ProviderFailed)] == ["llm"]
        assert sim.session.history[-1].text == ANSWER

    run(main())


def test_what_is_said_first_or_interrupted_is_answered_in_the_ordinary_way() -> None:
    async def main(act: str) -> list[tuple[str, str | None]]:
        async with conversation(cast(), caller(0.5)) as sim:
            await sim.until(lambda: len(states(sim)) == 1)
            if act == "say":
                sim.session.say("By the way.")
            else:
                sim.session.interrupt()
            await sim.finish()
        texts = [message.text for message in sim.session.history]
        assert sorted(texts) == sorted(["when do you open", ANSWER, *(["By the way."] if act == "say" else [])])
        return states(sim)

    assert run(main("say")) == [("begun", "complete"), ("dropped", "chat")]
    assert run(main("interrupt")) == [("begun", "complete"), ("dropped", "interrupted")]


def test_a_session_that_closes_leaves_nothing_of_it() -> None:
    """What is checked of tasks and streams is in `conversation`."""

    async def main() -> None:
        async with conversation(cast(), caller(0.5), options=SessionOptions(eager="speech")) as sim:
            await sim.until(lambda: len(states(sim)) == 1)
            await sim.advance(0.1)
        assert states(sim) == [("begun", "complete"), ("dropped", "closed")]
        assert not sim.sink.agent.any()

    run(main())


def test_no_more_text_is_taken_than_the_limit_says() -> None:
    async def main() -> None:
        talk = cast(replies=["word " * 100 + "end."])
        talk.llm.first_after_s, talk.llm.token_every_s = 0.01, 0.001
        async with conversation(talk, caller(0.5), options=SessionOptions(eager_tokens=5)) as sim:
            await sim.finish(limit_s=90)
        (kept,) = [event for event in sim.told(EagerReply) if event.state == "kept"]
        assert kept.tokens == 5
        assert len(sim.session.history[-1].text.split()) == 101, "the rest came once it was kept"

    run(main())


def test_a_journal_replays_with_them(tmp_path: Path) -> None:
    """Law 5."""
    path, agent = tmp_path / "session.rtj", Agent()

    async def main() -> None:

        port, talk = AudioPort(24000), cast("one question", "another question")
        spoken = caller(0.5, 1.85, 6.0)
        with Journal(path, port, input_rate=spoken.rate) as journal:
            recorder = session_recorder(journal, agent, port.rate)
            async with conversation(talk, spoken, agent=agent, port=port, recorder=recorder) as sim:
                await sim.finish()
            assert {state for state, _ in states(sim)} == {"begun", "kept", "dropped"}

    run(main())
    assert session_differences(read_journal(path)) == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("When do you open?", "when do  you open", True),
        ("Hello, it’s me.", "hello it's me", True),
        ("It costs 3.50", "it costs 350", False),
        ("call 12, 30", "call 12 30", True),
        ("call 12,30", "call 12 30", False),
        ("50%", "50", False),
        ("Straße", "STRASSE", True),
        ("on Sunday", "on Sundays", False),
    ],
)
def test_words_are_the_same_but_for_case_space_and_pauses(one: str, other: str, same: bool) -> None:
    assert same_words(one, other) is same
    assert same_words(other, one) is same


@pytest.mark.parametrize(
    "wrong",
    [{"eager": "yes"}, {"eager_probability": 1.1}, {"eager_attempts": 0}, {"eager_tokens": 0}, {"eager_stable_s": -1}],
)
def test_options_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SessionOptions(**wrong)
