"""The small rule of what an agent asked."""

from __future__ import annotations

import pytest

from rtaudio.voice.asking import Asked, asked


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Shall I book it?", Asked.SHORT),
        ("It is on Monday. Isn't that right?", Asked.SHORT),
        ("Which one?", Asked.SHORT),
        ("It was the red one, right?", Asked.SHORT),
        ("What is your phone number?", Asked.LONG),
        ("Thanks. Could you spell your name?", Asked.LONG),
        ("Please tell me what happened.", Asked.LONG),
        ("How did it come about?", Asked.LONG),
        ("We open at nine.", Asked.NOTHING),
        ("Shall I? Well, I will.", Asked.NOTHING),
        ("My name is Ada.", Asked.NOTHING),
        ("Wann kommen Sie?", Asked.NOTHING),
        ("", Asked.NOTHING),
        ("???", Asked.NOTHING),
        ("x" * 10_000 + "?", Asked.NOTHING),
    ],
)
def test_what_was_asked(text: str, what: Asked) -> None:
    assert asked(text) is what
