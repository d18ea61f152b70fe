"""A voice that says nothing of its words: they are looked for while its audio comes (law 9)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from rtaudio.testing import run
from rtaudio.voice import Agent, AgentSpeechInterrupted
from rtaudio.voice import items as it
from rtaudio.voice.clauses import Clause
from rtaudio.voice.heard import WordAt, place_words
from rtaudio.voice.protocols import Audio, Speech, Word
from rtaudio.voice.reply import ClauseAudio
from rtaudio.voice.transforms import SpokenText
from rtaudio.voice.word_finder import FIRST_LOOK_S, LAG_S, MOST_S, Pace, WordFinder
from tests.voice.conversations import Cast, conversation
from tests.voice.test_alignment import syllables

TEXT = "Banana? No. Potato, so!"
SOUND = syllables("aaa_a_aaa_a", 24000)
LATE = "So potato and banana then a potato and"
LATE_SOUND = np.concatenate([syllables("a", 24000), np.zeros(36000, np.float32), syllables("aaaaaaaaaaaaa", 24000)])


class SoundTTS:
    """Gives the same audio for every clause, in pieces of 200 ms at `times` the pace of speech, without word times."""

    name, open = "sound-tts", 0

    def __init__(self, sound: Audio, times: float) -> None:
        self._sound, self._times = sound, times

    def stream(self, text: str) -> SoundStream:
        return SoundStream(self._sound, self._times)

    async def warm_up(self) -> None: ...

    async def aclose(self) -> None: ...


class SoundStream:
    def __init__(self, sound: Audio, times: float) -> None:
        self._sound, self._times = sound, times

    async def __aiter__(self) -> AsyncIterator[Speech]:
        for begin in range(0, len(self._sound), 4800):
            await asyncio.sleep(0.2 / self._times)
            yield Speech(self._sound[begin : begin + 4800], 24000)

    async def aclose(self) -> None: ...


def found_of(sound: Audio, times: float, cut_at_s: float) -> tuple[list[it.WordsFound], AgentSpeechInterrupted]:
    found: list[it.WordsFound] = []

    async def main() -> AgentSpeechInterrupted:
        cast = Cast(tts=SoundTTS(sound, times))  # type: ignore[arg-type]
        recorder = lambda item: found.append(item) if isinstance(item, it.WordsFound) else None  # noqa: E731
        async with conversation(cast, agent=Agent(greeting=LATE), recorder=recorder) as sim:
            await sim.advance(cut_at_s)
            sim.session.interrupt()
            await sim.advance(0.2)
        (cut,) = sim.told(AgentSpeechInterrupted)
        return cut

    return found, run(main())


def test_words_are_placed_by_their_sound() -> None:
    """A voice that pauses 1.5 s after its first word: by characters, "potato and banana," had been heard by then."""
    found, cut = found_of(LATE_SOUND, 10.0, 1.6)
    assert [len(item.words) for item in found][-1] == len(LATE.split())
    assert (cut.heard, cut.cut) == ("So", LATE.removeprefix("So "))


def test_also_while_the_audio_is_still_coming() -> None:
    """At the pace of speech, a look whenever there is twice as much: the clause is never complete here."""
    found, cut = found_of(LATE_SOUND, 1.0, 3.6)
    assert [len(item.words) for item in found][:3] == [1, 1, 1]
    assert len(found) == 4
    assert cut.heard in [f"So potato and banana{more}" for more in ("", " then", " then a")]


def finder_with(*pieces: Speech) -> WordFinder:
    finder = WordFinder(TEXT, Pace())
    for piece in pieces:
        finder.add(piece)
    return finder


@pytest.mark.parametrize(
    "pieces",
    [
        [Speech(SOUND, 24000, [Word(0.0, 0), Word(2.2, 20)])],
        [Speech(SOUND[:2400], 24000), Speech(SOUND[:0], 24000, [Word(0.0, 0)])],
        [Speech(SOUND, 24000), Speech(SOUND, 16000)],
        [Speech(np.tile(SOUND, round(MOST_S)), 24000)],
        [],
        [Speech(SOUND * 0, 24000)],
    ],
    ids=["times", "late times", "two rates", "too long", "nothing", "silence"],
)
def test_nothing_is_found_where_there_is_nothing_to_find(pieces: list[Speech]) -> None:
    finder = finder_with(*pieces)
    assert asyncio.run(finder.look(complete=True)) is None
    assert not finder.due


def test_when_it_is_looked_for() -> None:
    finder, looks = WordFinder(TEXT, Pace()), []
    for number in range(100):
        finder.add(Speech(SOUND[:2400], 24000))
        if finder.due:
            looks.append((number + 1) / 10)
            asyncio.run(finder.look(complete=False))
    assert looks == [0.3, 0.6, 1.2, 2.4, 4.8, 9.6]
    assert looks[0] >= FIRST_LOOK_S


def test_beyond_times_that_lag_it_is_looked_for() -> None:
    """And only there: of the whole clause the voice has the last word."""
    finder = WordFinder(TEXT, Pace())
    for number in range(24):
        words = [Word(0.0, 0)] if number == 4 else [Word(0.84, 8)] if number == 14 else []
        finder.add(Speech(SOUND[number * 2400 : (number + 1) * 2400], 24000, words))
        if number < 3:
            asyncio.run(finder.look(complete=False))
        assert not finder.due or (number + 1) / 10 > (0.84 if number >= 14 else 0.0) + LAG_S
    assert finder.due
    assert asyncio.run(finder.look(complete=True)) is None


def test_that_no_word_has_begun_is_known_too() -> None:
    """By characters alone, the first words would have been heard by then."""
    clause = ClauseAudio(Clause(TEXT, 0), SpokenText.of(TEXT), found_until_s=0.5)
    assert clause.known == []
    assert place_words(TEXT, clause.known, 24000, 24000, clause.found_until_s)[0] == WordAt(12000, 0)
    assert place_words(TEXT, [Word(0.1, 0)], 24000, 24000, 0.5)[0] == WordAt(2400, 0)
    assert place_words(TEXT, [], 6000, 24000, 0.5) == [WordAt(6000, offset) for offset in (0, 8, 12, 20)]


def test_words_by_their_sound_follow_those_of_the_voice() -> None:
    clause = ClauseAudio(Clause(TEXT, 0), SpokenText.of(TEXT), words=[Word(0.1, 0), Word(0.9, 8)])
    clause.found = (Word(0.0, 0), Word(0.84, 8), Word(0.85, 12), Word(1.3, 12), Word(2.2, 20))
    assert clause.known == [Word(0.1, 0), Word(0.9, 8), Word(1.3, 12), Word(2.2, 20)]


def test_the_pace_of_a_voice_is_learned_from_whole_clauses() -> None:
    pace = Pace()
    finder = WordFinder(TEXT, pace)
    finder.add(Speech(SOUND, 24000))
    usual = pace.value
    asyncio.run(finder.look(complete=False))
    assert pace.value == usual
    found = asyncio.run(finder.look(complete=True))
    assert found is not None
    assert [word.text_offset for word in found.words] == [0, 8, 12, 20]
    assert found.until_s == pytest.approx(len(SOUND) / 24000)
    assert pace.value != usual
