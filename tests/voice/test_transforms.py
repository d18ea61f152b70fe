"""What a voice gets of a written text, and that every character of it knows where it came from (law 9)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio.testing import FakeLLM, FakeTTS, Simulation, run
from rtaudio.voice import (
    AgentSpeechInterrupted,
    AgentSpeechStarted,
    ChatMessage,
    ProviderFailed,
    ReplyText,
    SessionOptions,
)
from rtaudio.voice.transforms import (
    BY_NAME,
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
from tests.voice.conversations import Cast, caller_with, conversation

ALL = [BY_NAME[name] for name in WRITTEN_FOR_THE_EYE]


def spoken(text: str, *transforms: TextTransform) -> str:
    return Speakable(transforms or ALL).spoken(text).text


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
        ("[our *old* page](https://x.org)", "our old page"),
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
    said = Speakable(ALL).spoken(written)
    assert said.text == "Call us at a dot b at c dot de"
    for word, origin in (("Call", "Call"), ("us", "us"), ("at", "at a"), ("a", "a.b@"), ("dot", "a.b@")):
        assert said.origin(said.text.index(f"{word} ")) == written.index(origin)
    assert said.origin(len(said.text)) == len(written)
    assert said.word_start(said.text.index("us")) == written.index("[us]")
    assert said.word_start(said.text.index("dot de")) == written.index("a.b@")


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


@pytest.mark.parametrize("spans", [[(3, 2)], [(0, 9)], [(0, 2), (1, 3)], [(2, 3), (0, 1)], [(-1, 1)]])
def test_edits_that_cannot_be_are_refused(spans: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="out of order"):
        SpokenText.of("abcd").edited(Edit(*span, "") for span in spans)


def test_transforms_follow_one_another() -> None:
    class Shout:
        def begin(self) -> Edits:
            def edits(text: str) -> Iterable[Edit]:
                return [Edit(0, len(text), text.upper())]

            return edits

    assert spoken("*sql* server", Markdown(), Pronunciations({"sql": "sequel"}), Shout()) == "SEQUEL SERVER"


# ---- In a session.


def said_of(
    reply: str, cut_at_s: float | None = None, **options: Any
) -> tuple[list[str], list[ChatMessage], Simulation]:
    """What the voice got, the history, and the conversation, of a reply that is cut or not."""

    async def main() -> Simulation:
        caller = caller_with({"at_s": 0.1})
        async with conversation(cast, caller, options=SessionOptions(**options)) as sim:
            if cut_at_s is not None:
                await sim.until(lambda: bool(sim.told(AgentSpeechStarted)))
                await sim.advance(cut_at_s)
                sim.session.interrupt()
            await sim.finish()
            history.extend(sim.session.history)
        return sim

    cast, history = Cast(llm=FakeLLM([reply]), tts=FakeTTS(words=True)), list[ChatMessage]()
    sim = run(main())
    return [text for text, _, _ in cast.tts.spoken], history[1:], sim


def test_the_voice_gets_what_can_be_spoken_and_the_history_keeps_the_text() -> None:
    reply = "**Sure!** See [our page](https://x.org) 🙂.\n```\ncode here\n```\nOr ask *SQL*."
    got, (message,), sim = said_of(reply, pronunciations={"SQL": "sequel"})
    assert got == ["Sure!", "See our page .", "Or ask sequel."]
    assert message.text == reply
    assert not message.interrupted
    assert "".join(event.text for event in sim.told(ReplyText)).startswith("**Sure!**")


def test_a_cut_text_ends_with_the_last_written_word_that_was_heard() -> None:
    """Law 9, marks and addresses included: 16 characters a second of what is spoken."""
    reply = "**Go to** https://example.com/help, *please*."
    got, (message,), _ = said_of(reply, 0.5)
    assert got == ["Go to example dot com slash help,", "please."]
    assert (message.text, message.unheard) == ("**Go to**", "https://example.com/help, *please*.")
    _, (message,), _ = said_of(reply, 1.5)
    assert (message.text, message.unheard) == ("**Go to** https://example.com/help,", "*please*.")


def test_what_nobody_would_say_was_heard_with_what_is_before_it() -> None:
    reply = "See below.\n```\ncode here\n```\n"
    _, (message,), sim = said_of(reply)
    assert message.text == reply.strip()
    assert not sim.told(AgentSpeechInterrupted)


@pytest.mark.parametrize("reply", ["🙂", "```\ncode\n```", "---"])
def test_a_reply_of_which_nothing_can_be_spoken_is_reported(reply: str) -> None:
    got, history, sim = said_of(reply, llm_failed_text="Sorry.")
    assert got == ["Sorry."]
    assert [message.text for message in history] == ["Sorry."]
    assert any("nothing that can be spoken" in event.what for event in sim.told(ProviderFailed))


def test_transforms_can_be_chosen() -> None:
    assert said_of("*One* 🙂 two", text_transforms=())[0] == ["*One* 🙂 two"]
    assert said_of("*One* 🙂 two", text_transforms=("emoji",))[0] == ["*One* two"]
    with pytest.raises(ValueError, match=r"\['latex'\] unknown; there are markdown"):
        SessionOptions(text_transforms=("latex",))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="nothing to be replaced"):
        SessionOptions(pronunciations={"": "x"})
