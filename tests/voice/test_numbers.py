"""Numbers as they are said, by language; the way back to the text stays exact (law 9)."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio.testing import FakeLLM, FakeTTS, run
from rtaudio.voice import ChatMessage, SessionOptions
from rtaudio.voice.transforms import speakable
from rtaudio.voice.transforms.number_words import BY_LANGUAGE
from tests.voice.conversations import Cast, caller_with, conversation

TAGS = st.sampled_from(sorted(BY_LANGUAGE))


def said(text: str, language: str = "en") -> str:
    return speakable(("numbers",), {}, language).spoken(text).text


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("1,234 people", "one thousand two hundred and thirty-four people"),
        ("3.14, -5 degrees", "three point one four, minus five degrees"),
        ("$3.50, $1, £1.01, 20 €", "three dollars and fifty cents, one dollar, one pound and one penny, twenty euros"),
        ("$5 million or $2.5 billion.", "five million dollars or two point five billion dollars."),
        ("50%, 3.5 %", "fifty percent, three point five percent"),
        ("20 °C, 5 km, 1 kg, 60 mph", "twenty degrees Celsius, five kilometers, one kilogram, sixty miles per hour"),
        ("the 1st, 22nd and 103rd", "the first, twenty-second and one hundred and third"),
        (
            "10:30, 9:00, 9:05 am, 9:00 am, 14:00",
            "ten thirty, nine o'clock, nine oh five am, nine am, fourteen hundred",
        ),
        ("March 3, 2026 and 2026-03-04", "March third, twenty twenty-six and March fourth, twenty twenty-six"),
        ("in 1999, from 1914-1918", "in nineteen ninety-nine, from nineteen fourteen to nineteen eighteen"),
        ("5-10 people, pages 3–4", "five to ten people, pages three to four"),
        ("Call 555-0199.", "Call five five five, zero one nine nine."),
        ("+1 555 123-4567", "plus one, five five five, one two three, four five six seven"),
        ("account 12345678, agent 007", "account one two three four five six seven eight, agent zero zero seven"),
    ],
)
def test_what_can_be_read_in_one_way_is_put_in_words(written: str, spoken: str) -> None:
    assert said(written) == spoken


@pytest.mark.parametrize(
    "text",
    ["B2B and COVID-19", "1/2", "3.5.1", "192.168.0.1", "4x4, A4", "the 1990s", "3:4", "1:2:3", "5G", "#5", "x² and ½"],
)
def test_what_may_be_something_else_is_left_alone(text: str) -> None:
    assert said(text) == text


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        (
            "de",
            "3,50 € und 1.234,5 km",
            "drei Euro fünfzig und eintausendzweihundertvierunddreißig Komma fünf Kilometer",
        ),
        ("de-AT", "am 3. Oktober um 10:30 Uhr", "am dritten Oktober um zehn Uhr dreißig"),
        (
            "de",
            "der 2. Weltkrieg, am 03.10.2026",
            "der zweite Weltkrieg, am dritten Oktober zweitausendsechsundzwanzig",
        ),
        ("de", "1 Stunde, 1 h", "1 Stunde, eine Stunde"),  # "eine", as only who knows the noun can say
        ("fr", "1 000 €, le 1er mai, 50 %", "mille euros, le premier mai, cinquante pour cent"),
        ("fr", "01 23 45 67 89", "zéro un, deux trois, quatre cinq, six sept, huit neuf"),
        (
            "es",
            "3,50 €, 1ª vez, 5 km, 200 personas",
            "tres euros con cincuenta, primera vez, cinco kilómetros, 200 personas",
        ),
        ("it", "3,50 €, 10:30", "tre euro e cinquanta, dieci e trenta"),
        ("nl", "€ 3,50, 10:30, 50%", "drie euro vijftig, tien uur dertig, vijftig procent"),
        ("pt-BR", "R$ 3,50, 10:30", "três reais e cinquenta, dez e trinta"),
    ],
)
def test_each_language_has_its_own(language: str, written: str, spoken: str) -> None:
    assert said(written, language) == spoken


@settings(max_examples=300)
@given(st.text(alphabet="0123456789 .,-–:/%$€()+°kmCUhrpaMarch\u202f½²٣", max_size=60), TAGS)
def test_any_text_keeps_its_order_and_all_that_is_no_number(text: str, language: str) -> None:
    """Law 11: edits are in order, origins never fall, nothing but digits and their signs is lost."""
    spoken = speakable(("numbers",), {}, language).spoken(text)
    assert list(spoken.origins) == sorted(spoken.origins)
    assert all(0 <= origin < max(1, len(text)) for origin in spoken.origins)


@given(st.integers(0, 10**15 - 1), TAGS)
def test_every_number_has_words(number: int, language: str) -> None:
    mark = BY_LANGUAGE[language].grouping[0]
    spoken = said(f"{number:,}".replace(",", mark), language)
    assert not any(map(str.isdigit, spoken)), spoken


def test_numbers_need_a_language_that_we_can_say() -> None:
    with pytest.raises(ValueError, match="set language to one of de, en, es, fr, it, nl, pt, not None"):
        SessionOptions(text_transforms=("numbers",))
    with pytest.raises(ValueError, match="not 'pl'"):
        SessionOptions(text_transforms=("numbers",), language="pl")
    assert SessionOptions(text_transforms=("markdown", "numbers"), language="en-GB").language == "en-GB"


def test_the_library_is_loaded_by_who_asks_for_numbers() -> None:
    code = """
import sys
import rtaudio.voice as v
v.SessionOptions()
assert "num2words" not in sys.modules
sys.modules["num2words"] = None
try:
    v.SessionOptions(text_transforms=("numbers",), language="en")
except ImportError as error:
    assert "rtaudio[numbers]" in str(error)
else:
    raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_cut_number_is_heard_whole_or_not_at_all_and_the_history_has_its_digits() -> None:
    """Law 9: 16 characters a second of what is said."""
    reply = "It costs $1,250.50 today."

    async def main(cut_at_s: float) -> ChatMessage:
        options = SessionOptions(text_transforms=("numbers",), language="en", first_clause_chars=100)
        cast = Cast(llm=FakeLLM([reply]), tts=FakeTTS(words=True))
        async with conversation(cast, caller_with({"at_s": 0.1}), options=options) as sim:
            await sim.until(lambda: sim.session.state == "speaking")
            await sim.advance(cut_at_s)
            sim.session.interrupt()
            await sim.finish()
            assert cast.tts.spoken[0][0] == (
                "It costs one thousand two hundred and fifty dollars and fifty cents today."
            )
            return sim.session.history.messages[-1]

    early, late = run(main(1.2)), run(main(3.6))
    assert (early.text, early.unheard) == ("It costs", "$1,250.50 today.")
    assert (late.text, late.unheard) == ("It costs $1,250.50", "today.")
