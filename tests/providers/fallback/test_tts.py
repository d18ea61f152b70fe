"""FallbackTTS: the next voice speaks where one fails; one rate; words where they are heard (law 9)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from rtaudio.core.resampler import resample
from rtaudio.providers import FallbackTTS, HealthState
from rtaudio.testing import Failure, FakeTTS, run
from rtaudio.testing.failures import Mode
from rtaudio.testing.providers import numbered
from rtaudio.voice.heard import place_words
from rtaudio.voice.protocols import Audio, ProviderError, Speech, TTSStream, Word

CLAUSE = "One two three four."


def voice(number: int, **settings: object) -> FakeTTS:
    tts = FakeTTS(**{"char_s": 0.1, "piece_s": 0.25, **settings})  # type: ignore[arg-type]
    tts.name = f"voice-{number}"
    return tts


def spoken(tts: FallbackTTS, voices: Sequence[FakeTTS], text: str = CLAUSE) -> tuple[list[Speech], str]:
    """What came, and what was wrong in the end."""

    async def main() -> tuple[list[Speech], str]:
        before, pieces, wrong = asyncio.all_tasks(), [], ""
        stream = tts.stream(text)
        try:
            async for speech in stream:
                pieces.append(speech)  # noqa: PERF401  # what came before an error counts
        except ProviderError as error:
            wrong = str(error)
        await stream.aclose()
        assert asyncio.all_tasks() == before
        assert [one.open for one in voices] == [0] * len(voices)
        return pieces, wrong

    return run(main())


def joined(pieces: Sequence[Speech]) -> Audio:
    return np.concatenate([piece.samples for piece in pieces])


def words_of(pieces: Sequence[Speech]) -> list[Word]:
    return [word for piece in pieces for word in piece.words]


@pytest.mark.parametrize("mode", ["raise_at_open", "raise", "hang", "nothing"])
def test_a_voice_that_fails_before_any_audio_is_left_for_the_next_which_speaks_the_clause(mode: Mode) -> None:
    voices = [voice(1, failure=Failure(mode)), voice(2)]
    tts = FallbackTTS(voices)
    pieces, wrong = spoken(tts, voices)
    assert not wrong
    assert [text for text, _, _ in voices[1].spoken] == [CLAUSE]
    assert np.array_equal(joined(pieces), numbered(0, round(len(CLAUSE) * 0.1 * 24000)))


@pytest.mark.parametrize("mode", ["raise", "hang"])
def test_after_audio_the_next_voice_goes_on_at_the_next_word(mode: Mode) -> None:
    """0.5 s of audio: "One " is 0 to 0.4, "two " 0.4 to 0.8: it began and is given; "three" is what comes next."""
    voices = [voice(1, words=True, failure=Failure(mode, after=2)), voice(2, words=True, char_s=0.05)]
    pieces, wrong = spoken(FallbackTTS(voices), voices)
    assert not wrong
    assert [text for text, _, _ in voices[1].spoken] == ["three four."]
    whole = joined(pieces)
    assert np.array_equal(whole, np.concatenate([numbered(0, 12000), numbered(0, round(11 * 0.05 * 24000))]))
    assert words_of(pieces) == [Word(0.0, 0), Word(0.4, 4), Word(0.5, 8), Word(0.5 + 6 * 0.05, 14)]
    place_words(CLAUSE, words_of(pieces), len(whole), 24000)  # they make sense


def test_after_audio_of_a_voice_without_word_times_the_clause_ends() -> None:
    """What was spoken is not known: nothing is said twice and nothing is left out unnoticed."""
    voices = [voice(1, failure=Failure("raise", after=2)), voice(2)]
    pieces, wrong = spoken(FallbackTTS(voices), voices)
    assert len(joined(pieces)) == 12000
    assert wrong == "tts voice-1 or voice-2: voice-1: FakeFailure: told to raise before piece 2"
    assert voices[1].opened == 0


class Piecewise(FakeTTS):
    """Says with each piece which words begin in it, and no more."""

    def __init__(self, pieces: Sequence[tuple[float, Sequence[Word]]]) -> None:
        super().__init__()
        self.name, self.pieces = "piecewise", pieces

    def stream(self, text: str) -> TTSStream:  # type: ignore[override]
        return _Pieces(self.pieces)


class _Pieces:
    def __init__(self, pieces: Sequence[tuple[float, Sequence[Word]]]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[Speech]:
        for seconds, words in self._pieces:
            yield Speech(numbered(0, round(seconds * 24000)), 24000, tuple(words))
        raise ConnectionError("gone")

    async def aclose(self) -> None:
        pass


@pytest.mark.parametrize(
    ("pieces", "rest"),
    [
        ([(0.4, [Word(0.0, 0)]), (0.4, [Word(0.4, 4)])], "three four."),  # "two" fills the rest of its piece
        ([(0.4, [Word(0.0, 0)]), (1.4, [Word(0.4, 4)])], None),  # more was spoken than it told of
        ([(0.4, [Word(0.0, 0)]), (1.5, [Word(0.4, 4), Word(0.9, 8), Word(1.6, 14)])], ""),  # the last word was begun
    ],
)
def test_a_voice_that_tells_words_piece_by_piece_has_told_of_all_it_spoke_if_they_fill_the_time(
    pieces: list[tuple[float, list[Word]]], rest: str | None
) -> None:
    voices = [Piecewise(pieces), voice(2)]
    came, wrong = spoken(FallbackTTS(voices), voices)
    assert [text for text, _, _ in voices[1].spoken] == ([rest] if rest else [])
    assert bool(wrong) is (rest is None)
    place_words(CLAUSE, words_of(came), len(joined(came)), 24000)


@pytest.mark.parametrize(
    ("declared", "own", "out"), [(None, 24000, 24000), (16000, 24000, 16000), (None, 22050, 24000)]
)
def test_all_leaves_at_one_rate_whichever_voice_it_is_of(declared: int | None, own: int, out: int) -> None:
    voices = [voice(1, rate=own, failure=Failure("raise", first=1)), voice(2, rate=48000)]
    tts = FallbackTTS(voices, rate=declared)
    for number, rate in enumerate((own, 48000)):
        pieces, wrong = spoken(tts, voices)
        assert (wrong, {piece.rate for piece in pieces}) == ("", {out})
        original = numbered(0, round(len(CLAUSE) * 0.1 * rate))
        expected = original if rate == out else resample(original, rate, out, quality="fir")
        assert np.array_equal(joined(pieces), expected), f"voice {number + 1}: aligned, whole, as resampled at once"


def test_a_voice_whose_rate_cannot_be_resampled_has_failed() -> None:
    voices = [voice(1, rate=23456), voice(2)]
    tts = FallbackTTS(voices, rate=24000)
    pieces, wrong = spoken(tts, voices)
    assert (wrong, len(joined(pieces))) == ("", round(len(CLAUSE) * 0.1 * 24000))
    with pytest.raises(ValueError, match="8000, 16000, 24000, 48000"):
        FallbackTTS(voices, rate=22050)


def test_a_voice_that_changes_its_rate_within_a_clause_has_failed() -> None:
    class Changing(Piecewise):
        def stream(self, text: str) -> TTSStream:
            return _Changing(())

    class _Changing(_Pieces):
        async def __aiter__(self) -> AsyncIterator[Speech]:
            yield Speech(numbered(0, 100), 24000)
            yield Speech(numbered(0, 100), 16000)

    voices = [Changing(()), voice(2)]
    _, wrong = spoken(FallbackTTS(voices), voices)
    assert "gave audio at 16000 Hz after audio at 24000 Hz" in wrong


def test_voices_that_all_fail_are_named_with_what_was_wrong() -> None:
    voices = [voice(1, failure=Failure("hang")), voice(2, failure=Failure("nothing"))]
    tts = FallbackTTS(voices, first_s=0.5)
    _, wrong = spoken(tts, voices)
    assert wrong == "tts voice-1 or voice-2: voice-1: no audio within 0.5 s; voice-2: gave no audio"

    async def states() -> list[HealthState]:
        return [one.state for one in tts.health]

    assert run(states()) == [HealthState.DOWN, HealthState.DOWN]


def test_random_failures_leave_the_words_in_order_and_every_sample_of_one_voice() -> None:
    """Law 9: whatever fails when, words begin in the order of the text, within the audio in which they are."""
    random = np.random.default_rng(3)
    modes: list[Mode] = ["raise", "hang", "raise_at_open"]

    def any_voice(number: int) -> FakeTTS:
        failure = Failure(modes[random.integers(3)], after=int(random.integers(9)))
        return voice(
            number,
            words=bool(random.integers(2)),
            rate=int(random.choice([16000, 22050, 24000])),
            failure=failure if random.integers(3) else None,
        )

    for _ in range(300):
        voices = [any_voice(number) for number in (1, 2, 3)]
        pieces, _ = spoken(FallbackTTS(voices, rate=24000), voices)
        if not pieces:
            continue
        whole, given, words = joined(pieces), 0, words_of(pieces)
        place_words(CLAUSE, words, len(whole), 24000)
        for piece in pieces:
            given += len(piece.samples)
            assert all(word.start_s * 24000 <= given for word in piece.words)
