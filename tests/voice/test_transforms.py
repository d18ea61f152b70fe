"""What a voice gets of a written text, and that every character of it knows where it came from (law 9)."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio.voice.transforms import (
    WRITTEN_FOR_THE_EYE,
    Edit,
    Edits,
    Emoji,
    Markdown,
    Pronunciations,
    Speakable,
    SpokenText,
    TextTransform,
    Urls,
)


def spoken(text: str, *transforms: TextTransform) -> str:
    return Speakable(transforms or WRITTEN_FOR_THE_EYE).spoken(text).text


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("**Call** us *now*, ***please***.", "Call us now, please."),
        ("__init__ of a snake_case and _emphasis_", "init of a snake_case and emphasis"),
        ("# Opening hours #1\n", "Opening hours #1"),
        ("- one\n", "one"),
        ("  * two", "two"),
        ("1. First\n", "1. First"),
        ("> quoted", "quoted"),
        ("See [the page](https://x.org/a_b) or ![a map](map.png).", "See the page or a map."),
        ("Run `rm -rf`, ~~then~~ wait", "Run rm -rf, then wait"),
        ("| a | b |", "a, b"),
        ("---\n", ""),
        ("2 * 3 * 4 = 24, 5 - 3, a + b", "2 * 3 * 4 = 24, 5 - 3, a + b"),
        ("minus -3 and A* search", "minus -3 and A search"),  # what it costs
    ],
)
def test_marks_for_the_eye_are_not_spoken(written: str, said: str) -> None:
    assert spoken(written, Markdown()) == said


def test_a_block_of_code_goes_on_over_clauses() -> None:
    reply = Speakable([Markdown()])
    clauses = ["Try this:\n", "```python\n", "print('Hello.')\n", "```\n", "and *see*."]
    assert [reply.spoken(clause).text for clause in clauses] == ["Try this:", "", "", "", "and see."]
    assert Speakable([Markdown()]).spoken(clauses[2]).text == "print('Hello.')", "each reply begins anew"
    assert spoken("Try:\n```\nx = 1\n``` and see", Markdown()) == "Try: and see"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Done 🙂!", "Done !"),
        ("👨‍👩‍👧 family, 👍🏽 fine, 🇩🇪 flag, ❤️ heart, 1️⃣ one", "family, fine, flag, heart, 1 one"),
        ("a → b", "a b"),
        ("20 °C, 5 €, 3 × 4 + 1 ± 2, ©", "20 °C, 5 €, 3 × 4 + 1 ± 2, ©"),
        ("naïve 東京 Ünï", "naïve 東京 Ünï"),
    ],
)
def test_pictures_are_left_out(written: str, said: str) -> None:
    assert spoken(written, Emoji()) == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("See https://www.example.com/help?x=1#y.", "See example dot com slash help."),
        ("(http://a-b.org/)", "(a dash b dot org)"),
        ("www.example.com, or info@my-shop.co.uk!", "example dot com, or info at my dash shop dot co dot uk!"),
        ("https://user@example.com:8080/a_b", "user at example dot com colon 8080 slash a underscore b"),
        ("e.g. this, and.that", "e.g. this, and.that"),
    ],
)
def test_addresses_are_said_as_people_say_them(written: str, said: str) -> None:
    assert spoken(written, Urls()) == said


def test_pronunciations_are_of_whole_words_as_written() -> None:
    table = Pronunciations({"SQL": "sequel", "Dr. Nguyen": "doctor win", "Nguyen": "win", "C++": "see plus plus"})
    assert spoken("SQL, NoSQL and sql", table) == "sequel, NoSQL and sql"
    assert spoken("Ask Dr. Nguyen (Nguyen) about C++!", table) == "Ask doctor win (win) about see plus plus!"
    assert spoken("as it is", Pronunciations({})) == "as it is"
    with pytest.raises(ValueError, match="nothing to be replaced"):
        Pronunciations({" ": "space"})


def test_every_character_knows_where_it_came_from() -> None:
    written = "**Call** [us](https://x.org) 🙂 at a.b@c.de"
    said = Speakable(WRITTEN_FOR_THE_EYE).spoken(written)
    assert said.text == "Call us at a dot b at c dot de"
    for word, origin in (("Call", "Call"), ("us", "us"), ("at", "at a"), ("a", "a.b@"), ("dot", "a.b@")):
        assert said.origin(said.text.index(f"{word} ")) == written.index(origin)
    assert said.origin(len(said.text)) == said.written == len(written)


@given(st.text(alphabet="ab *_`#-|~>\n[]()!.:/@w🙂\u200d→?9", max_size=60), st.data())
def test_any_text_keeps_its_order(written: str, data: st.DataObject) -> None:
    """Law 11: origins never fall and lie in the text, letters are never made up."""
    cut = data.draw(st.integers(0, len(written)))
    reply = Speakable([Markdown(), Emoji()])
    for clause in (written[:cut], written[cut:]):
        said = reply.spoken(clause)
        assert list(said.origins) == sorted(said.origins)
        assert all(0 <= origin < max(1, len(clause)) for origin in said.origins)
        assert all(clause[said.origin(at)] == char for at, char in enumerate(said.text) if char not in " ,")
        assert said.text == said.text.strip()
        assert said.speakable == any(map(str.isalnum, said.text))


@pytest.mark.parametrize(
    "edits",
    [
        [Edit(3, 2, "")],
        [Edit(0, 9, "")],
        [Edit(0, 2, ""), Edit(1, 3, "")],
        [Edit(2, 3, ""), Edit(0, 1, "")],
        [Edit(-1, 1, "")],
    ],
)
def test_edits_that_cannot_be_are_refused(edits: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="out of order"):
        SpokenText.of("abcd").edited(Edit(*edit, "") for edit in edits)


def test_transforms_follow_one_another() -> None:
    class Shout:
        def begin(self) -> Edits:
            def edits(text: str) -> Iterable[Edit]:
                return [Edit(0, len(text), text.upper())]

            return edits

    assert spoken("*sql* server", Markdown(), Pronunciations({"sql": "sequel"}), Shout()) == "SEQUEL SERVER"
