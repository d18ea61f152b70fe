"""Ready-made tasks on the real core: by voice, by keys, by the model; the user speaks and presses over the agent."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS, SimulatedCaller, Simulation, TextConversation, run, speech
from rtaudio.voice import Agent, AttemptsSpent, ChatContext, HookFailed, Task, TaskCancelled, TaskRefused, ToolCall
from rtaudio.voice.digit_collection import DigitCollection
from rtaudio.voice.ready import Choose, CollectDigits, Confirm
from rtaudio.voice.spoken_digits import SpokenDigits, spoken_digits, yes_or_no
from tests.voice.test_handoffs import sound


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("oh double five, twelve thirty-four", "0551234"),
        ("One two three, no, four.", "124"),
        ("one two three no wait one two four", "124"),
        ("My number is 47-11, please.", "4711"),
        ("one hundred and five", "105"),
        ("five hundred", "500"),
        ("twenty oh five", "2005"),
        ("triple seven ninety", "77790"),
        ("thirty", "30"),
    ],
)
def test_digits_as_people_say_them(text: str, digits: str) -> None:
    assert spoken_digits(text) == SpokenDigits(digits)


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        ("No, 6 instead.", "4715", "4716"),
        ("sorry, one two", "4799", "4712"),
        ("six instead of five", "4515", "4516"),
        ("six instead of nine", "4515", "4516"),
        ("eight", "471", "4718"),
    ],
)
def test_a_correction_takes_the_place_of_what_was_there(text: str, before: str, after: str) -> None:
    said = spoken_digits(text)
    assert said is not None
    assert said.after(before) == after


@pytest.mark.parametrize("text", ["", "yes", "I do not know", "not five, six", "the second one is a six", "hundred"])
def test_what_is_not_plain_is_not_guessed(text: str) -> None:
    assert spoken_digits(text) is None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        *(("Yes.", True), ("Yes, please.", True), ("that's right", True), ("of course", None), ("no thanks", False)),
        *(("That's not right.", False), ("not quite", False), ("yes and no", None), ("no, six", None), ("maybe", None)),
        *(("Yes, but on Friday.", None), ("", None)),
    ],
)
def test_yes_and_no(text: str, answer: bool | None) -> None:
    assert yes_or_no(text) is answer


def ask(task: Task[Any], *does: str, llm: Any = ()) -> tuple[Any, list[str]]:
    """What comes of it, and the lines; of `does`, "+12" presses keys, other text is written."""

    async def main() -> tuple[Any, list[str]]:
        async with TextConversation(Agent("Host."), llm=FakeLLM(llm)) as talk:
            waits = asyncio.ensure_future(talk.session.run_task(task))
            await talk.wait(0.5)
            for what in does:
                if what.startswith("+"):
                    talk.session.press(what[1:])
                    await talk.wait(0.5 if what[-1] in "#*" else 3.5)
                else:
                    await talk.say_as_user(what)
                await talk.wait(0.5)
            assert waits.done(), [message.text for message in talk.history]
            (got,) = await asyncio.gather(waits, return_exceptions=True)
            assert talk.session.agent.instructions == "Host."
            sound(talk.history)
            return got, [f"{message.role[0]}: {message.text}" for message in talk.history if message.text]

    return run(main())


@pytest.mark.parametrize(
    ("does", "got"),
    [
        (("four seven one one", "yes"), "4711"),
        (("four seven", "one one", "that's right"), "4711"),
        (("four seven one five", "no, one instead", "yes"), "4711"),
        (("4712", "no", "4711", "correct"), "4711"),
        (("+4711", "yes"), "4711"),
        (("+4711", "+1#"), "4711"),
        (("+47#", "+11", "+1"), "4711"),
        (("four seven", "+11", "yes"), "4711"),
        (("+99*4711", "+2", "+4711", "+1"), "4711"),
        (("+9999", "+4711", "yes"), "4711"),
    ],
)
def test_digits_come_by_voice_and_by_keys_and_are_confirmed(does: tuple[str, ...], got: str) -> None:
    value, lines = ask(CollectDigits("Your number?", length=4), *does)
    assert value == got
    assert "a: I have 4, 7, 1, 1. Is that right?" in lines


def test_it_is_given_up_after_so_many_attempts() -> None:
    value, _ = ask(CollectDigits("Your number?", length=2, attempts=2), "one two three", "12", "no")
    assert isinstance(value, AttemptsSpent)


def test_what_is_not_plain_goes_to_the_model() -> None:
    def model(chat: ChatContext) -> Any:
        if chat[-1].tools:
            return str(chat[-1].tools[-1].output).partition("exactly: ")[2]
        return [ToolCall(f"c{len(chat)}", *calls.pop(0))]

    calls = [("note_digits", '{"digits": "4x"}'), ("note_digits", '{"digits": "4711"}'), ("accept", "{}")]
    calls.pop(0)
    value, lines = ask(CollectDigits("Your number?", length=4), "four dozen", "I think so", llm=model)
    assert value == "4711"
    assert lines[2] == "a: I have 4, 7, 1, 1. Is that right?"


def test_the_user_may_refuse() -> None:
    refuses = [[ToolCall("c", "give_up", '{"reason": "none of your business"}')]]
    value, _ = ask(CollectDigits("Your number?"), "I will not tell you", llm=refuses)
    assert isinstance(value, TaskRefused)
    assert str(value) == "none of your business"


def test_a_secret_number_is_taken_by_keys_alone_and_shown_to_nobody() -> None:
    task = CollectDigits("Enter your PIN.", length=4, secret=True)
    value, lines = ask(task, "it is secret", "+90", "+21")
    assert value == "9021"
    assert lines[:4] == [
        "a: Enter your PIN.",
        "u: it is secret",
        "a: Please use the keys of your telephone.",
        "u: [pressed ••]",
    ]
    assert not any("9" in line for line in lines)


@pytest.mark.parametrize(
    ("does", "got"), [(("Yes, please.",), True), (("nope",), False), (("+1",), True), (("+7", "+2"), False)]
)
def test_confirm(does: tuple[str, ...], got: bool) -> None:
    value, lines = ask(Confirm("Shall I?"), *does)
    assert value is got
    assert lines[0] == "a: Shall I?"


def test_confirm_by_the_model() -> None:
    value, _ = ask(Confirm("Shall I?"), "go ahead then", llm=[[ToolCall("c", "answer", '{"yes": true}')]])
    assert value is True


@pytest.mark.parametrize("does", ["the large one", "+2"])
def test_choose(does: str) -> None:
    assert ask(Choose("Small or large?", {"small": 30, "large": 40}), does)[0] == 40


def test_choose_by_the_model() -> None:
    calls = [[ToolCall("c", "choose", '{"name": "small"}')]]
    assert ask(Choose("Which?", {"small": 30, "large": 40}), "not the large one", llm=calls)[0] == 30


@pytest.mark.parametrize(
    "make",
    [
        lambda: CollectDigits("?", length=0),
        lambda: CollectDigits("?", least=3, most=2),
        lambda: CollectDigits("?", attempts=0),
        lambda: Choose("?", {"one": 1}),
    ],
)
def test_numbers_that_make_no_sense_are_refused(make: Any) -> None:
    with pytest.raises(ValueError, match=r"CollectDigits|Choose"):
        make()


def test_no_digit_is_lost_that_is_pressed_while_the_question_is_asked_and_barge_in_works() -> None:
    async def main() -> None:
        caller = SimulatedCaller()
        caller.say(speech(1.0), at_s=8.0)
        task = CollectDigits(
            "Please tell me your customer number, or press the keys of it on your telephone.", length=4
        )
        providers = {"stt": FakeSTT(["Yes."]), "llm": FakeLLM([]), "tts": FakeTTS()}
        async with Simulation(Agent("Host."), caller=caller, **providers) as sim:
            waits = asyncio.ensure_future(sim.session.run_task(task))
            await sim.until(lambda: sim.session.state == "speaking")
            for key in "4711":
                sim.session.press(key)
                await sim.advance(0.3)
            await sim.finish()
            assert await waits == "4711"
            said = [message.text for message in sim.session.history if message.role == "user"]
            assert said == ["[pressed 4711]", "Yes."]
            assert not sim.told(HookFailed)

    run(main())


def test_who_waits_is_told_when_the_session_closes() -> None:
    async def main() -> None:
        async with TextConversation(Agent("Host."), llm=FakeLLM([])) as talk:
            waits = asyncio.ensure_future(talk.session.run_task(Confirm("Well?")))
            await talk.wait(0.5)
        with pytest.raises(TaskCancelled):
            await waits

    run(main())


def test_the_collection_alone() -> None:
    state = DigitCollection("?", 3, 5)
    assert state.heard("one two").text == "I have 1, 2 so far. Please go on."
    assert state.keyed("#").what == "say"
    assert state.heard("three").text == "I have 1, 2, 3. Is that right?"
    assert state.heard("four").text == "I have 1, 2, 3, 4. Is that right?"
    assert state.keyed("#").text == "I have 1, 2, 3, 4. Is that right?"
    assert state.noted("12") == "3 to 5 digits are wanted, and these are 2."
    assert (state.keyed("1").what, state.digits) == ("done", "1234")
