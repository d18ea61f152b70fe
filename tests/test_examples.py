"""Every example runs as a program, offline, and does what it is for; and its types are right."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rtaudio.providers.openai_messages import messages_of
from rtaudio.testing import run
from rtaudio.voice import AgentChanged, AgentSpeechHeard, AgentSpeechInterrupted, EagerReply, ProviderFailed, TurnRecord
from tests.voice.message_rules import openai_problems

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def example(name: str) -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / name), run_name="example")


ALL = sorted(EXAMPLES.glob("*.py"))
PROGRAMS = [path for path in ALL if "__main__" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", [path for path in ALL if path not in PROGRAMS], ids=lambda path: path.name)
def test_what_is_no_program_is_an_app_to_be_served(path: Path) -> None:
    assert callable(example(path.name)["app"]), "rtaudio serve takes it"


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_it_runs_as_a_program(path: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, path], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_mypy_reads_them_and_all_that_an_agent_can_have(tmp_path: Path) -> None:
    programs = [str(EXAMPLES), str(Path(__file__).parent / "voice" / "user_agent.py")]
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), *programs]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_restaurant_books_a_table_although_the_caller_speaks_meanwhile() -> None:
    book, history = run(example("restaurant.py")["main"]())
    assert book.bookings == ["20:00, 4 guests, 555 0123"]
    assert openai_problems(messages_of(history)) == []
    said = [message.text for message in history if message.role == "assistant" and message.text]
    cut = next(message for message in history if message.interrupted)
    assert cut.unheard.endswith("I will tell you.")
    assert said[-2:] == ["Yes, there is. You can park behind the house.", "Your table at eight is booked."]


def test_the_front_desk_says_everything_in_its_order() -> None:
    history, handles = run(example("front_desk.py")["main"]())
    assert [handle.state for handle in handles] == ["done", "done", "done"]
    said = [message.text for message in history if message.role == "assistant" and message.text]
    assert said[2:] == [
        "One moment, I am looking.",
        "Here it is. Parcel A7 is in shelf 7.",
        "Please leave the building by the main door.",
        "Please mind that we close at six.",
    ]
    assert openai_problems(messages_of(history)) == []


def test_the_front_desk_asks_who_calls_puts_the_caller_through_and_has_them_back() -> None:
    data, call = run(example("triage.py")["main"]())
    assert (data.customer, data.notes) == ("4711", ["asks what they owe"])
    assert [(event.before, event.after, event.why) for event in call.told(AgentChanged)] == [
        ("FrontDesk", "AskNumber", "task"),
        ("AskNumber", "FrontDesk", "task over"),
        ("FrontDesk", "Billing", "handoff"),
        ("Billing", "FrontDesk", "handoff"),
    ]
    history = call.session.history
    assert openai_problems(messages_of(history)) == []
    said = [message.text for message in history if message.role == "assistant" and message.text]
    assert said[-3:] == [
        "You owe twelve euros, due on Friday.",
        "Refunds take five days.",
        "We are open from nine to five.",
    ]
    assert not [message for message in history if message.role == "system"], "what was looked up was not said"


def test_the_survey_takes_keys_goes_back_once_and_brings_its_answers() -> None:
    surveyor, call = run(example("survey.py")["main"]())
    answers = surveyor.answers
    assert (answers.customer, answers.rating, answers.call_back) == ("4711", 2, True)
    assert answers.comment == "it took two weeks."
    history = call.session.history
    assert openai_problems(messages_of(history)) == []
    asked = next(message for message in history if message.text == "What is your")
    assert asked.interrupted, "the first key has stopped the question"
    said = [message.text for message in history if message.role == "assistant" and message.text]
    assert said[2:] == [
        "I have 4, 7, 1, 1. Is that right?",
        "Was the repair good, fair or poor?",
        "What was good?",
        "Was the repair good, fair or poor?",
        "I am sorry. What was wrong?",
        "May we call you back?",
        "Thank you. Goodbye.",
    ]
    assert not call.told(ProviderFailed)


def test_the_phone_is_told_what_was_heard_of_its_model() -> None:
    model, call = run(example("phone.py")["main"]())
    cut = next(message for message in call.session.history if message.interrupted)
    assert (cut.text, cut.unheard) == ("From nine to five, and", "on Sundays from ten to two.")
    (told,) = [item for item in model.connections[0].items if item.heard_ms is not None]
    (event,) = call.told(AgentSpeechInterrupted)
    assert told.heard_ms == int(event.heard_for_s * 1000)
    assert model.broken == []


def test_the_hotline_answers_although_its_first_model_and_voice_fail() -> None:
    call = run(example("hotline.py")["main"]())
    said = [message.text for message in call.session.history if message.role == "assistant"]
    assert said[0].startswith("**Fibre 100**")
    assert said[1] == "Your number is 47110815."
    assert [event.text for event in call.told(AgentSpeechHeard)][1] == "Your number is •."
    assert {event.provider for event in call.told(ProviderFailed)} == {"fake-llm #1", "fake-tts #1"}
    assert [event.state for event in call.told(EagerReply)] == ["begun", "kept"] * 2
    assert [record.outcome for record in call.told(TurnRecord)] == ["heard", "heard"]


def test_a_call_goes_on_in_another_process_and_the_table_is_booked_once() -> None:
    kitchen, session = run(example("restarted.py")["main"]())
    assert (kitchen.asked, list(kitchen.booked.values())) == (2, ["20:00 for Ann"])
    assert [message.text for message in session.history if message.text] == [
        "A table at eight, please.",
        "Thank you for waiting. Booked: 20:00.",
    ]
    assert [use.output for message in session.history for use in message.tools] == ["Booked: 20:00."]
