"""What providers may send that makes no sense, or too much of it: each has a defined outcome (laws 8, 9 and 11)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS, Simulation, run
from rtaudio.voice import Agent, ProviderFailed, SessionOptions, Speech, Token, ToolCall, Transcript, Word, received
from rtaudio.voice.received import EMPTY_IN_A_ROW, MOST_ARGUMENTS, TokenText, whole_characters
from tests.voice.conversations import caller_with

OPTIONS = SessionOptions(stt_final_timeout_s=1.0, stt_failed_text="I did not hear.", llm_failed_text="I cannot answer.")
ONE_TURN = ({"at_s": 0.5},)


class Odd:
    """A provider of any kind whose streams give what `gives` makes of (number of the stream, what it was opened with);
    numbers in it are pauses, in seconds."""

    def __init__(self, name: str, gives: Callable[[int, Any], Any]) -> None:
        self.name, self.gives, self.opened = name, gives, 0

    def stream(self, *opened_with: Any) -> Any:
        pieces = self.gives(self.opened, *opened_with[:1]) if opened_with else self.gives(self.opened, None)
        self.opened += 1
        return OddStream(pieces)

    async def warm_up(self) -> None: ...

    async def aclose(self) -> None: ...


class OddStream:
    def __init__(self, pieces: Any) -> None:
        self.pieces = pieces
        self.ended = asyncio.Event()

    def push(self, samples: Any) -> None: ...

    def end(self) -> None:
        self.ended.set()

    async def __aiter__(self) -> AsyncIterator[Any]:
        for piece in self.pieces:
            if piece == "the end of the turn":
                await self.ended.wait()
            elif isinstance(piece, float):
                await asyncio.sleep(piece)
            else:
                yield piece

    async def aclose(self) -> None: ...


async def one_turn(
    stt: Any = None,
    llm: Any = None,
    tts: Any = None,
    options: SessionOptions = OPTIONS,
    for_s: float | None = None,
    most_held_s: float = 40.0,
) -> tuple[list[str], list[str], Simulation]:
    """What failed, the history's texts, and the conversation."""
    sim = Simulation(
        Agent(),
        stt=stt or FakeSTT(["question"]),
        llm=llm or FakeLLM(["Answer."]),
        tts=tts or FakeTTS(),
        caller=caller_with(*ONE_TURN),
        options=options,
    )
    async with sim:
        await (sim.finish() if for_s is None else sim.advance(for_s))
        texts = [message.text for message in sim.session.history]
        reply = sim.session._machine.reply
        length = len(reply.text) if reply is not None else 0
        held = sum(sim.session._hands._speaking.writer._held_samples.values()) if sim.session._hands._speaking else 0
        assert length <= 100_000
        assert held <= most_held_s * 24000
    return [f"{e.kind}: {e.what}" for e in sim.told(ProviderFailed)], texts, sim


# ---- Recognition.


@pytest.mark.parametrize(
    ("sends", "failed", "texts"),
    [
        (["the end of the turn"], ["ended without a final transcript"], ["I did not hear."]),
        # Out of order: a final one while the user speaks, and others after it.
        ([Transcript("early", True), "the end of the turn"], [], ["early", "Answer."]),
        (
            [Transcript("early", True), Transcript("later", False), "the end of the turn", Transcript("last", True)],
            [],
            ["last", "Answer."],
        ),
        (
            [Transcript("early", True), Transcript("later", False), "the end of the turn"],
            ["ended without a final transcript"],
            ["later", "Answer."],
        ),
        (["the end of the turn", Transcript("one", True), Transcript("two", True)], [], ["one", "Answer."]),
        # Half a character, and two halves.
        (["the end of the turn", Transcript("ha\ud83d", True)], [], ["ha\ufffd", "Answer."]),
        (["the end of the turn", Transcript("ha\ud83d\ude42", True)], [], ["ha🙂", "Answer."]),
        (
            ["the end of the turn", Transcript("long " * 2_000_000, True)],
            ["understood 10000000 characters in one turn; 100000 are taken"],
            ["I did not hear."],
        ),
        (["the end of the turn", "text"], ["sent str 'text', not a Transcript"], ["I did not hear."]),
        (["the end of the turn", Transcript(b"x", True)], ["not a Transcript with a text"], ["I did not hear."]),  # type: ignore[arg-type]
        (["the end of the turn", Transcript("", True)], [], []),
    ],
)
def test_transcripts_that_make_no_sense(sends: list[Any], failed: list[str], texts: list[str]) -> None:
    got, history, _ = run(one_turn(stt=Odd("odd", lambda *_: sends)))
    assert len(got) == len(failed)
    assert all(what in told for what, told in zip(failed, got, strict=True))
    assert history == texts


def test_transcripts_without_end_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(received, "MOST_TRANSCRIPTS", 500)

    def endless(*_: Any) -> Any:
        while True:
            yield Transcript("more", False)

    got, history, _ = run(one_turn(stt=Odd("odd", endless)))
    assert got == ["stt: sent more than 500 transcripts in one turn"]
    assert history == ["more", "Answer."]


# ---- The model.


@pytest.mark.parametrize(
    ("sends", "failed", "answer"),
    [
        ([], ["sent nothing"], "I cannot answer."),
        ([Token("")], ["sent nothing"], "I cannot answer."),
        ([Token("Hi \ud83d"), Token("\ude42 there.")], [], "Hi 🙂 there."),
        ([Token("Hi \ud83d"), Token(" there.")], [], "Hi \ufffd there."),
        ([Token("Hi there."), Token("\ud83d")], [], "Hi there.\ufffd"),
        (["text"], ["sent str 'text', neither a Token nor a ToolCall"], "I cannot answer."),
        ([Token(None)], ["sent a Token of NoneType"], "I cannot answer."),  # type: ignore[arg-type]
        ([Token("Yes."), Token(""), Token(" No.")], [], "Yes. No."),
        ([Token("") for _ in range(EMPTY_IN_A_ROW)], ["empty tokens in a row"], "I cannot answer."),
    ],
)
def test_tokens_that_make_no_sense(sends: list[Any], failed: list[str], answer: str) -> None:
    got, history, _ = run(one_turn(llm=Odd("odd", lambda *_: sends)))
    assert len(got) == len(failed)
    assert all(what in told for what, told in zip(failed, got, strict=True))
    assert history == ["question", answer]
    "".join(history).encode()  # whole characters: a file or a socket takes them


@pytest.mark.parametrize("size", [1, 100, 10_000_000])
def test_ten_megabytes_are_read_as_they_are_spoken(size: int) -> None:
    """Law 8, however they come in tokens: with a voice that is as fast as can be."""
    text = "So it goes on, and on. "

    def tokens(*_: Any) -> Any:
        whole = text * (10_000_000 // len(text))
        for start in range(0, len(whole), size):
            yield Token(whole[start : start + size])

    options = SessionOptions(clauses_waiting=8, ahead_s=2.0)
    most_held_s = 4 * 2.0 + 2.0  # three clauses in flight, what was there before them, and a piece of each
    got, _, sim = run(one_turn(llm=Odd("odd", tokens), options=options, for_s=6.0, most_held_s=most_held_s))
    assert got == []
    assert sim.session.history.messages[-1].text.startswith("So it goes on,")


@pytest.mark.parametrize("piece", ["---- ", "🙂", "```\n"])
def test_text_without_end_that_nobody_can_speak_ends_the_reply(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(received, "MOST_REPLY", 20_000)

    def endless(*_: Any) -> Any:
        while True:
            yield Token(piece * 1000)

    got, history, _ = run(one_turn(llm=Odd("odd", endless)))
    assert got == ["llm: sent more than 20000 characters in one reply"]
    assert history == ["question", "I cannot answer."]


def test_a_call_with_megabytes_of_arguments_is_refused() -> None:
    from rtaudio.voice.received import wrong_call

    call = ToolCall("1", "book", "x" * (MOST_ARGUMENTS + 1))
    offered: Any = [object()]
    assert wrong_call(call, offered, 0) == "called the tool 'book' with 1000001 characters of arguments"
    assert wrong_call(ToolCall("1", "book", "{}"), offered, 0) is None


@given(st.text(alphabet="a🙂\ud83d\ude42b", max_size=20), st.lists(st.integers(0, 20), max_size=5))
def test_how_text_is_cut_into_tokens_changes_nothing(text: str, cuts: list[int]) -> None:
    """Law 6, in the middle of characters too."""
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    tokens, got = TokenText(), ""
    for start, end in pairwise(edges):
        got += "".join(tokens.pieces(text[start:end]))
    assert got + tokens.rest() == whole_characters(text)
    whole_characters(text).encode()


# ---- The voice.

RATE = 24000


def tone(seconds: float, rate: int = RATE) -> Any:
    return np.full(round(seconds * rate), 0.25, np.float32)


THREE = "One thing. Another thing. The third thing."


def spoken_as(*clauses: Sequence[Any]) -> Odd:
    return Odd("odd", lambda number, _: clauses[number])


def test_clauses_are_played_in_order_whichever_comes_first() -> None:
    tts = FakeTTS()
    order: list[str] = []

    def gives(number: int, text: str) -> Any:
        order.append(text)
        return [(0.9, 0.5, 0.1)[number], Speech(np.full(4800, (number + 1) / 8, np.float32), RATE)]

    _, history, sim = run(one_turn(llm=FakeLLM([THREE]), tts=Odd("odd", gives)))
    assert order == ["One thing.", "Another thing.", "The third thing."]
    assert history[-1] == THREE
    heard = sim.sink.agent
    levels = [level for level in heard[np.abs(heard) > 0.1] if level in (0.125, 0.25, 0.375)]
    assert levels == sorted(levels)
    assert {levels.count(level) for level in (0.125, 0.25, 0.375)} == {4800}, "every sample of each, once"
    assert tts.open == 0


def test_a_clause_that_fails_ends_the_reply_there_though_a_later_one_came() -> None:
    """Law 9: what lies behind the gap is not said."""
    tts = spoken_as(
        [Speech(tone(0.5), RATE)],
        [0.3, "no speech"],
        [Speech(tone(0.5), RATE)],
    )
    got, history, sim = run(one_turn(llm=FakeLLM([THREE]), tts=tts))
    assert got == ["tts: TypeError: sent str, not Speech"]
    assert history[-1] == "One thing."
    assert sim.session.history.messages[-1].unheard == "Another thing. The third thing."
    assert np.count_nonzero(sim.sink.agent) <= 0.5 * RATE


@pytest.mark.parametrize("late", [0, 1])
def test_a_clause_at_another_rate_ends_the_reply_there(late: int) -> None:
    """In whatever order they come: the first that comes says the rate, and the reply ends before the first other."""
    tts = spoken_as([0.4 * (1 - late), Speech(tone(0.5), RATE)], [0.4 * late, Speech(tone(0.5, 16000), 16000)])
    got, history, _ = run(one_turn(llm=FakeLLM(["One thing. Another thing."]), tts=tts))
    assert len(got) == 1
    if late:
        assert got == ["tts: gave audio at 16000 Hz after audio at 24000 Hz"]
        assert history == ["question", "One thing."]
    else:
        assert got == ["tts: gave audio at 24000 Hz after audio at 16000 Hz"]
        assert history == ["question"], "its beginning has another rate: nothing can be said"


def test_a_rate_that_changes_within_a_clause_ends_the_reply_there() -> None:
    tts = spoken_as([Speech(tone(1.0), RATE), Speech(tone(0.5, 16000), 16000)])
    got, _, sim = run(one_turn(llm=FakeLLM(["One thing."]), tts=tts))
    assert got == ["tts: gave audio at 16000 Hz after audio at 24000 Hz"]
    assert np.count_nonzero(sim.sink.agent) <= 1.0 * RATE


def test_another_rate_than_the_ports_is_resampled() -> None:
    tts = spoken_as([Speech(tone(1.0, 8000), 8000, (Word(0.0, 0), Word(0.5, 4)))])
    got, history, sim = run(one_turn(llm=FakeLLM(["One thing."]), tts=tts))
    assert (got, history[-1]) == ([], "One thing.")
    assert np.count_nonzero(np.abs(sim.sink.agent) > 0.2) == pytest.approx(RATE, rel=0.01)


@pytest.mark.parametrize(
    ("sends", "what"),
    [
        ([], "gave no audio"),
        ([Speech(tone(0.0), RATE)], "gave no audio"),
        ([Speech(tone(0.0), RATE)] * EMPTY_IN_A_ROW, f"sent {EMPTY_IN_A_ROW} empty pieces of audio in a row"),
        ([b"bytes"], "sent bytes, not Speech"),
        ([Speech(tone(0.5), RATE, (Word(0.0, 5000),))], "in proportion"),
        ([Speech(tone(0.5), RATE, (Word(float("nan"), 0),))], "in proportion"),
        ([Speech(tone(0.5), RATE, ("word",))], "words"),  # type: ignore[arg-type]
        ([Speech(tone(0.5), RATE, None)], "words"),  # type: ignore[arg-type]
    ],
)
def test_audio_that_makes_no_sense(sends: list[Any], what: str) -> None:
    got, history, sim = run(one_turn(llm=FakeLLM(["One thing."]), tts=spoken_as(sends)))
    assert len(got) == 1
    assert what in got[0]
    assert history == (["question", "One thing."] if "in proportion" in what else ["question"])
    assert sim.session.closed


def test_audio_without_end_is_read_as_it_is_played() -> None:
    """Law 8."""

    def endless(*_: Any) -> Any:
        while True:
            yield Speech(tone(0.1), RATE)

    options = SessionOptions(ahead_s=2.0)
    got, _, sim = run(one_turn(llm=FakeLLM(["One thing."]), tts=Odd("odd", endless), options=options, for_s=6.0))
    assert got == []
    assert np.count_nonzero(sim.sink.agent) > 3 * RATE


def test_a_slow_voice_is_waited_for_where_little_may_be_held() -> None:
    """What its clauses have to wait for before they begin is read, however little is read ahead else."""
    slow = [step for _ in range(6) for step in (0.4, Speech(tone(0.2), RATE))]
    options = SessionOptions(ahead_s=0.1, start_buffer_s=1.0)
    got, history, _ = run(one_turn(llm=FakeLLM([THREE]), tts=Odd("odd", lambda *_: slow), options=options))
    assert (got, history[-1]) == ([], THREE)


def test_a_huge_piece_of_audio_is_played_as_it_is() -> None:
    """What a voice gives in one piece is there already: it is kept, once, and cut like any other."""
    got, history, _ = run(
        one_turn(llm=FakeLLM(["One thing."]), tts=spoken_as([Speech(tone(20.0), RATE)]), options=OPTIONS)
    )
    assert (got, history[-1]) == ([], "One thing.")


# ---- Those that hang and do not heed their cancellation.


class Deaf:
    """A provider of any kind: its first stream waits whatever comes, until it is released."""

    name = "deaf"

    def __init__(self, then: Any) -> None:
        self.then, self.released, self.used = then, asyncio.Event(), False

    def stream(self, *opened_with: Any) -> Any:
        if self.used:
            return self.then.stream(*opened_with)
        self.used, released = True, self.released

        class Stream(OddStream):
            async def __aiter__(self) -> AsyncIterator[Any]:
                while not released.is_set():
                    with contextlib.suppress(asyncio.CancelledError):
                        await released.wait()
                return
                yield

        return Stream(())

    async def warm_up(self) -> None: ...

    async def aclose(self) -> None: ...


@pytest.mark.parametrize("kind", ["stt", "llm", "tts"])
def test_one_that_does_not_even_heed_its_time_out_holds_up_nobody(kind: str) -> None:
    """Nothing can end it; but the agent goes on, and it is named."""
    limits = {f"{kind}_{'final' if kind == 'stt' else 'first'}_timeout_s": 1.0}
    options = SessionOptions(close_timeout_s=0.3, stt_failed_text="Pardon?", llm_failed_text="Alas.", **limits)  # type: ignore[arg-type]

    async def main() -> None:
        cast: dict[str, Any] = {"stt": FakeSTT(["one", "two"]), "llm": FakeLLM(["Yes."]), "tts": FakeTTS()}
        if kind == "stt":
            cast["stt"] = FakeSTT(["two"])
        deaf = cast[kind] = Deaf(cast[kind])
        caller = caller_with({"at_s": 0.5}, {"at_s": 6.5})
        with pytest.warns(ResourceWarning, match="keeps running"):
            async with Simulation(Agent(), caller=caller, options=options, **cast) as sim:
                await sim.finish()
        texts = [message.text for message in sim.session.history]
        deaf.released.set()
        await asyncio.sleep(0.01)
        (told,) = sim.told(ProviderFailed)
        assert (told.kind, told.provider) == (kind, "deaf")
        assert told.what.endswith("and it does not heed its cancellation")
        assert (
            texts
            == {
                "stt": ["Pardon?", "two", "Yes."],
                "llm": ["one", "Alas.", "two", "Yes."],
                "tts": ["one", "two", "Yes."],
            }[kind]
        )

    run(main())


# ---- The program itself.


def test_text_that_a_program_gives_is_checked_as_well() -> None:
    async def main() -> None:
        async with Simulation(Agent(), stt=FakeSTT([]), llm=FakeLLM(["Yes."]), tts=FakeTTS()) as sim:
            with pytest.raises(ValueError, match="say: 200000 characters; at most 100000"):
                sim.session.say("so " * 66_666 + "so")
            with pytest.raises(ValueError, match="generate_reply: 100001 characters"):
                sim.session.generate_reply(user_input="x" * 100_001)
            sim.session.say("Half a \ud83d is said.")
            sim.session.generate_reply(user_input="And half a \ud83d is asked.")
            await sim.finish()
            texts = [message.text for message in sim.session.history]
        assert sorted(texts) == sorted(["Half a \ufffd is said.", "And half a \ufffd is asked.", "Yes."])

    run(main())


def test_a_voice_that_breaks_before_a_word_is_heard_is_not_asked_for_ever() -> None:
    """As with one that gives nothing: the answer has failed. The next turn is answered with what was left."""

    def breaks(stream: int, text: str) -> Any:
        yield Speech(np.full(240, 0.25, np.float32), 24000)
        if stream < 3:
            raise ValueError("lost its voice")
        yield Speech(np.full(24000, 0.25, np.float32), 24000)

    async def main() -> None:
        llm = FakeLLM(["This is an answer."])
        sim = Simulation(
            Agent(),
            stt=FakeSTT(["question", "are you there"]),
            llm=llm,
            tts=Odd("odd", breaks),
            caller=caller_with({"at_s": 0.5}, {"at_s": 6.0}),
            options=OPTIONS,
        )
        async with sim:
            await sim.advance(5.5)
            assert (len(llm.asked), sim.session.state) == (1, "listening")
            failed = sim.session.generate_reply()
            await sim.until(failed.done)
            assert failed.state == "failed"
            await sim.advance(0.3)
            said = sim.session.say("Hello there.")
            await sim.until(said.done)
            assert said.state == "failed"
            await sim.finish()
            assert len(llm.asked) == 3
            assert [message.text for message in sim.session.history] == [
                "question",
                "are you there",
                "This is an answer.",
            ]

    run(main())


def test_a_voice_that_ends_before_a_word_is_heard_is_not_asked_for_ever() -> None:
    """It says when its words begin, and gives no audio up to there; the talk goes on with the next turn."""

    def short(stream: int, text: str) -> Any:
        yield Speech(np.full(240, 0.25, np.float32), 24000, (Word(0.0, 0), Word(0.5, 5)))

    async def main() -> None:
        llm = FakeLLM(["This is an answer."])
        sim = Simulation(
            Agent(),
            stt=FakeSTT(["question", "are you there"]),
            llm=llm,
            tts=Odd("odd", short),
            caller=caller_with({"at_s": 0.5}),
            options=OPTIONS,
        )
        async with sim:
            await sim.advance(8.0)
            assert len(llm.asked) == 1
            assert sim.session.state == "listening"

    run(main())
