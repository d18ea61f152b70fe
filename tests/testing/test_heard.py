"""What `call.heard` says of a call with fakes is what happened, to the sample, and what fails shows the call."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rtaudio.core import AudioPort
from rtaudio.testing import (
    FakeLLM,
    FakeRealtime,
    FakeSTT,
    FakeTTS,
    HeardCall,
    Remark,
    SimulatedCaller,
    Simulation,
    run,
    speech,
)
from rtaudio.voice import Agent, AgentSpeechStarted, ChatMessage

ANSWER = "From nine to five, and on Sundays from ten to two."
RATE = 24000


async def call_of(caller: SimulatedCaller, tts: FakeTTS, **settings: Any) -> tuple[HeardCall, Simulation]:
    stt, llm = FakeSTT(["When are you open?", "Stop."]), FakeLLM([ANSWER, "All right."])
    async with Simulation(Agent(), stt=stt, llm=llm, tts=tts, caller=caller, **settings) as call:
        await call.finish()
    return call.heard, call


def barging_in() -> tuple[SimulatedCaller, Remark, Remark]:
    caller = SimulatedCaller(RATE)
    question = caller.say(speech(1.0), at_s=0.5, text="When are you open?")
    return caller, question, caller.say(speech(0.8), after_agent_says="nine to five", text="Stop.")


@pytest.mark.parametrize("words", [True, False])
@pytest.mark.parametrize("port_rate", [24000, 48000])
def test_what_was_heard_is_the_history(words: bool, port_rate: int) -> None:
    """Law 9, found by the samples; whatever the port's rate is, and whoever says where words are."""

    async def main() -> tuple[HeardCall, list[ChatMessage]]:
        caller, *_ = barging_in()
        heard, call = await call_of(caller, FakeTTS(words=words), port=AudioPort(port_rate))
        return heard, [message for message in call.session.history if message.role == "assistant"]

    heard, agent = run(main())
    assert [(each.text, each.unheard) for each in heard.agent] == [(each.text, each.unheard) for each in agent]
    assert heard.agent[0].unheard


@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_caller_does_the_history_is_what_was_heard(seed: int) -> None:
    """Law 9: pauses, rewinds, ducks and cuts, at any moment."""
    random = np.random.default_rng(seed)
    begins, lasts = random.uniform(0.05, 4.0, 2), random.uniform(0.2, 1.0, 2)

    async def main() -> Simulation:
        caller = SimulatedCaller(RATE)
        caller.say(speech(1.0), at_s=0.5)
        for begin, length in zip(begins, lasts, strict=True):
            caller.say(speech(float(length)), after_agent_starts_s=float(begin))
        voice: dict[str, Any] = {"realtime": FakeRealtime([2 * ANSWER] * 4, ["Yes?"] * 4)}
        if seed % 3:
            tts = FakeTTS(words=seed % 3 == 1)
            voice = {"stt": FakeSTT(["Yes?"] * 4), "llm": FakeLLM([2 * ANSWER]), "tts": tts}
        async with Simulation(Agent(), caller=caller, **voice) as call:
            await call.advance(12.0)
        return call

    call = run(main())
    told = [message for message in call.session.history if message.role == "assistant"]
    assert [(each.text, each.unheard) for each in call.heard.agent] == [(each.text, each.unheard) for each in told]


def test_a_clip_whose_text_nobody_knows_is_heard_without_words() -> None:
    async def main() -> HeardCall:
        caller = SimulatedCaller(RATE)
        caller.say(speech(1.0), at_s=0.5)
        return (await call_of(caller, FakeTTS()))[0]

    heard = run(main())
    (said,) = heard.caller
    assert (said.text, said.words, said.end_s) == ("", (), 1.5)
    assert "  0.50-  1.50  caller  (a clip)\n" in str(heard)
    heard.answers_within_s(1.5)


def test_times_are_those_of_the_samples() -> None:
    async def main() -> tuple[HeardCall, Simulation, Remark, Remark]:
        caller, question, stop = barging_in()
        return *await call_of(caller, FakeTTS(words=True)), question, stop

    heard, call, question, stop = run(main())
    first, second = heard.agent
    sounding = np.flatnonzero(np.abs(call.sink.agent) > 1e-4) / RATE
    assert first.begin_s == sounding[0]
    assert second.end_s == sounding[-1] + 1 / RATE
    assert heard.caller[0].end_s == question.end / RATE  # type: ignore[operator]
    began = [event.at_s for event in call.told(AgentSpeechStarted)]
    assert [first.words[0].begin_s, second.words[0].begin_s] == pytest.approx(began, abs=0.011)

    assert [word.text for word in first.words] == ["From", "nine", "to", "five,"]
    begin = first.words[0].begin_s
    chars = [ANSWER.index(word.text) for word in first.words]
    assert [word.begin_s - begin for word in first.words] == pytest.approx([0.06 * at for at in chars])
    assert heard.says("Nine to five!") == (first.words[1].begin_s, first.words[3].end_s)

    assert stop.begin == pytest.approx(first.words[3].end_s * RATE, abs=0.011 * RATE)
    assert heard.stops_within_s(0.2, after=stop) == first.end_s - heard.caller[1].begin_s
    assert heard.answers_within_s(2.0) == max(first.begin_s - 1.5, second.begin_s - heard.caller[1].end_s)
    assert heard.answers_within_s(2.0, after=stop) == second.begin_s - heard.caller[1].end_s
    assert heard.overlaps == ((heard.caller[1].begin_s, first.end_s),)
    assert heard.gaps == ((1.5, first.begin_s), (heard.caller[1].end_s, second.begin_s))
    heard.never_overlaps(longer_than_s=0.2)
    heard.never_says("Sundays")
    heard.silent((first.end_s, second.begin_s))


FAILS: list[tuple[Callable[[HeardCall, Remark], object], str]] = [
    (lambda heard, stop: heard.says("on Sundays"), "agent says 'on Sundays'; the call was"),
    (lambda heard, stop: heard.says("nine to", between=(0, 1)), r"between 0 and 1 s; it was from 2\.90 to 3\.38 s"),
    (lambda heard, stop: heard.never_says("All right"), r"never says 'All right'; it was from 5\.\d\d"),
    (lambda heard, stop: heard.silent((3.0, 3.2)), r"silent between 3 and 3\.2 s; there was sound from 2\.6"),
    (lambda heard, stop: heard.stops_within_s(0.01, after=stop), r"within 0\.01 s of 3\.\d\d s; it took 0\.\d\d s"),
    (lambda heard, stop: heard.stops_within_s(1, after=2.0), "not speaking then"),
    (lambda heard, stop: heard.answers_within_s(0.5), r"within 0\.5 s of 1\.50 s; it took 1\.12 s"),
    (lambda heard, stop: heard.never_overlaps(), "no overlap of more than 0 s; there was one from 3"),
]


def test_what_is_not_met_shows_the_call() -> None:
    async def main() -> tuple[HeardCall, Remark]:
        caller, _, stop = barging_in()
        return (await call_of(caller, FakeTTS(words=True)))[0], stop

    heard, stop = run(main())
    for fails, message in FAILS:
        with pytest.raises(AssertionError, match=message) as caught:
            fails(heard, stop)
        assert str(caught.value).startswith("expected ")
        assert str(caught.value).endswith(str(heard))
    shown = str(heard).splitlines()
    assert re.fullmatch(r"  0\.50-  1\.50  caller  When are you open\?", shown[0])
    assert re.fullmatch(r"  2\.62-  3\.\d\d  agent   From nine to five, / cut: and on Sundays .*", shown[1])
    assert shown[-6:-3] == [
        "  0.00 s, 0.1 s each",
        "  caller  .....##########" + "." * 21 + "#" * 9 + "." * 15,
        "  agent   " + "." * 26 + "#" * 12 + "." * 17 + "#" * 5,
    ]


def test_of_a_silent_call_nothing_is_heard() -> None:
    async def main() -> HeardCall:
        async with Simulation(Agent(), stt=FakeSTT([]), llm=FakeLLM([""]), tts=FakeTTS()) as call:
            await call.advance(0.5)
            later = call.caller.say(speech(1.0), at_s=9.0, text="Too late.")
            with pytest.raises(AssertionError, match=r"caller says “Too late\.”; that has not happened"):
                call.heard.answers_within_s(1.0, after=later)
            return call.heard

    heard = run(main())
    assert heard.everything == heard.overlaps == heard.gaps == heard.answers == ()
    assert str(heard).startswith("(nobody said anything)")
    with pytest.raises(AssertionError, match="the caller said nothing"):
        heard.answers_within_s(1.0)


def test_a_pause_is_within_what_is_said() -> None:
    """A false interruption: the agent goes on, and did not stop."""

    async def main() -> tuple[HeardCall, Simulation]:
        async with Simulation(Agent(), stt=FakeSTT([]), llm=FakeLLM([""]), tts=FakeTTS(words=True)) as call:
            handle = call.session.say(ANSWER)
            await call.advance(1.0)
            call.port.playout.pause()
            await call.advance(0.7)
            call.port.playout.resume(rewind_to_word=True)
            await call.until(handle.done)
            await call.advance(0.2)
        return call.heard, call

    heard, _ = run(main())
    (said,) = heard.agent
    assert (said.text, said.unheard, len(said.spans)) == (ANSWER, "", 2)
    assert said.spans[1][0] - said.spans[0][1] == pytest.approx(0.7, abs=0.02)
    with pytest.raises(AssertionError, match=r"it took 2\.96 s"):
        heard.stops_within_s(1.0, after=0.9)
