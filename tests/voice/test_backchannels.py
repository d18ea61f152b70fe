"""Words that ask for no answer, and what becomes of them in the history."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio.voice import ChatContext, ChatMessage, SessionOptions
from rtaudio.voice.backchannels import ENGLISH, INTERRUPTING, interrupts, is_backchannel


@pytest.mark.parametrize("text", ["mhm", "Uh-huh.", "Yeah, okay!", "I see", "oh, I see, right", "MM-HMM"])
def test_a_listener_s_words_are_a_backchannel(text: str) -> None:
    assert is_backchannel(text)


@pytest.mark.parametrize("text", ["", "...", "no", "yeah but when", "I", "see", "what", "yeah yeah yeah yeah yeah"])
def test_anything_else_is_not(text: str) -> None:
    assert not is_backchannel(text)


@given(st.lists(st.sampled_from(ENGLISH), min_size=1, max_size=2))
def test_two_of_them_are_one_too(phrases: list[str]) -> None:
    assert is_backchannel(", ".join(phrases)) == (sum(len(p.replace("-", " ").split()) for p in phrases) <= 4)


def test_no_word_is_both() -> None:
    assert not [phrase for phrase in INTERRUPTING if is_backchannel(phrase)]
    assert not [phrase for phrase in ENGLISH if interrupts(phrase)]
    assert interrupts("okay wait")
    assert not interrupts("I can not wait for the weekend")


def test_other_languages_bring_their_own() -> None:
    german = SessionOptions(backchannel_words=("mhm", "ach so", "genau"))
    assert is_backchannel("Ach so, genau.", german.backchannel_words)
    assert not is_backchannel("I see", german.backchannel_words)
    with pytest.raises(ValueError, match="tuple of words"):
        SessionOptions(backchannel_words="mhm")  # type: ignore[arg-type]


def user(text: str, backchannel: bool = False) -> ChatMessage:
    return ChatMessage("user", text, backchannel=backchannel)


def agent(text: str) -> ChatMessage:
    return ChatMessage("assistant", text)


def test_a_model_sees_a_backchannel_joined_to_what_the_user_says_next_to_it() -> None:
    chat = ChatContext("", [user("When?"), agent("At nine."), user("mhm", True), user("And on Sunday?")])
    assert [(m.role, m.text) for m in chat.spoken()] == [
        ("user", "When?"),
        ("assistant", "At nine."),
        ("user", "mhm And on Sunday?"),
    ]
    assert len(chat) == 4, "the history itself keeps them apart"
    assert chat.last_user_text() == "And on Sunday?"


def test_between_two_of_the_agent_s_it_is_a_message_of_its_own() -> None:
    chat = ChatContext("", [agent("At nine."), user("mhm", True), user("okay", True), agent("And one more thing.")])
    assert [(m.role, m.text, m.backchannel) for m in chat.spoken()] == [
        ("assistant", "At nine.", False),
        ("user", "mhm okay", True),
        ("assistant", "And one more thing.", False),
    ]


def test_it_survives_being_written_down() -> None:
    chat = ChatContext("Be brief.", [agent("At nine."), user("mhm", True)])
    assert ChatContext.from_dict(chat.to_dict()) == chat
