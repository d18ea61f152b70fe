"""Several voices in order: the next speaks where one fails.

Before any audio of a clause was given, the next voice speaks the clause. After that it goes on where the next word
begins, as far as the failed voice had said where its words are; where that is not known, the clause ends there, as with
one voice. Audio leaves at one rate, whatever voice it is of: a reply has one.

Words leave with the audio in which they begin: those that a voice announced and never spoke are the next voice's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from rtaudio.core import Resampler
from rtaudio.core.resampler import TO_RATES
from rtaudio.providers.fallback.health import HealthPolicy
from rtaudio.providers.fallback.pool import HealthChange, Pool, ProviderHealth
from rtaudio.providers.fallback.reading import Failed, FallbackStream, Reading
from rtaudio.voice.protocols import TTS, Audio, Speech, TTSStream, Word
from rtaudio.voice.streams import describe

_WORD: Final = re.compile(r"\S+")
# A voice that tells its words piece by piece has told of all it spoke, if the last of them takes no longer than this.
_CHARS_PER_S: Final = 8.0
_LEAST_S: Final = 0.25


class FallbackTTS:
    """Voices as one, tried in order.

    rate              of all the audio that comes out, 8000, 16000, 24000 or 48000; None: of the first that comes (or
                      the next of these above it), from then on. Voices that have another are resampled
    first_s, next_s   to the first audio of a clause, and between two pieces, of one voice; None: as long as it takes.
                      All of the trials together must fit into the session's own `tts_first_timeout_s`
    health            when a voice that failed is asked again
    on_change         hears of each change of a voice's health, at once; it must not raise
    """

    def __init__(
        self,
        voices: Sequence[TTS],
        *,
        rate: int | None = None,
        first_s: float | None = 2.0,
        next_s: float | None = 2.0,
        health: HealthPolicy | None = None,
        on_change: Callable[[HealthChange], None] | None = None,
        close_s: float = 1.0,
    ) -> None:
        if rate is not None and rate not in TO_RATES:
            raise ValueError(f"rate = {rate}: voices can be resampled to {', '.join(map(str, TO_RATES))} Hz")
        self._pool: Pool[TTS] = Pool("tts", voices, health, on_change)
        self.name = self._pool.name
        self.rate = rate
        self._limits = (first_s, next_s, close_s)

    @property
    def health(self) -> tuple[ProviderHealth, ...]:
        """In the order of the voices. Needs a running loop."""
        return self._pool.health

    def stream(self, text: str) -> FallbackTTSStream:
        return FallbackTTSStream(Reading(self._pool, "audio", *self._limits), text, self._one_rate)

    async def warm_up(self) -> None:
        """All of them. Raises ProviderError if every one fails."""
        await self._pool.warm_up()

    async def aclose(self) -> None:
        await self._pool.aclose()

    def _one_rate(self, rate: int) -> int:
        """The rate of what comes out, now that there is audio at `rate`."""
        if self.rate is None:
            self.rate = min((to for to in TO_RATES if to >= rate), default=max(TO_RATES))
        return self.rate


class FallbackTTSStream(FallbackStream[TTS, Speech]):
    """One clause. One task reads it; `aclose` may come from any task. Raises ProviderError when no voice is left, or
    none can go on."""

    def __init__(self, reading: Reading[TTS, Speech], text: str, one_rate: Callable[[int], int]) -> None:
        super().__init__(reading)
        self._text, self._one_rate = text, one_rate
        self._from = 0  # the character from which the present voice speaks
        self._part: _Part | None = None
        self._given = 0  # samples
        self._known: list[Word] = []  # in the whole text and all the audio, as far as told
        self._told = 0  # of those, given

    async def _step(self) -> None:
        reading = self._reading
        if reading.at is None:
            if not reading.open(self._opener):
                raise reading.pool.error(reading.wrong)
            self._part = None
        try:
            speech = await reading.next()
        except StopAsyncIteration:
            if not reading.closed:
                self._over()
        except Failed as error:
            if not reading.closed:
                self._broke(error.what)
        else:
            try:
                self._take(speech)
            except Exception as error:  # a rate that cannot be resampled, or what is no audio
                self._broke(describe(error))

    def _over(self) -> None:
        """The voice has spoken all it was given."""
        if self._part is None:
            self._reading.failed("gave no audio")
        else:
            self._end_part(all_words=True)
            self._reading.done()
            self._ended = True

    def _opener(self, voice: TTS) -> TTSStream:
        return voice.stream(self._text[self._from :])

    def _take(self, speech: Speech) -> None:
        part = self._part
        if len(speech.samples):
            self._reading.well()
            if part is None:
                part = self._part = _Part(self._given, speech.rate, self._one_rate(speech.rate))
                if self._from:
                    self._known.append(Word(part.began_s, self._from))
        begin_s = part.began_s if part is not None else 0.0
        for word in speech.words:
            if not self._from or word.text_offset > 0:  # that one is known: it is where the voices meet
                self._known.append(Word(begin_s + word.start_s, self._from + word.text_offset))
        if part is not None:
            self._give(part.take(speech.samples, speech.rate), part.rate)

    def _give(self, samples: Audio, rate: int, *, all_words: bool = False) -> None:
        self._given += len(samples)
        until_s = self._given / rate
        words = [word for word in self._known[self._told :] if all_words or word.start_s < until_s]
        self._told += len(words)
        if len(samples) or words:
            self._ready.append(Speech(samples, rate, tuple(words)))

    def _end_part(self, *, all_words: bool) -> None:
        if self._part is not None:
            self._give(self._part.rest(), self._part.rate, all_words=all_words)

    def _broke(self, what: str) -> None:
        reading, part = self._reading, self._part
        reading.failed(what)
        if part is None:
            return  # nothing of this voice was given: the next one speaks the same
        self._end_part(all_words=False)
        self._part = None
        goes_on = _next_word(self._text, self._known, self._told, self._given / part.rate)
        if goes_on is None:
            raise reading.pool.error(reading.wrong)
        del self._known[self._told :]
        self._from = goes_on
        self._ended = goes_on == len(self._text)


class _Part:
    """One voice's part of a clause: its audio at the one rate, aligned with its own."""

    def __init__(self, begin: int, from_rate: int, rate: int) -> None:
        self.began_s = begin / rate
        self.rate = rate
        self._from_rate = from_rate
        self._resampler = Resampler(from_rate, rate) if from_rate != rate else None
        self._early = self._resampler.delay_samples if self._resampler is not None else 0

    def take(self, samples: Audio, rate: int) -> Audio:
        if rate != self._from_rate:
            raise ValueError(f"gave audio at {rate} Hz after audio at {self._from_rate} Hz")
        return samples if self._resampler is None else self._aligned(self._resampler.process(samples))

    def rest(self) -> Audio:
        return np.zeros(0, np.float32) if self._resampler is None else self._aligned(self._resampler.flush())

    def _aligned(self, samples: Audio) -> Audio:
        skipped = min(self._early, len(samples))
        self._early -= skipped
        return samples[skipped:]


def _next_word(text: str, known: Sequence[Word], told: int, given_s: float) -> int | None:
    """The character at which to go on in `text` after `given_s` of its audio, in which the first `told` of the words
    `known` begin; the text's end: nothing is left. None: not known."""
    if told < len(known):
        return known[told].text_offset
    if not told:
        return None
    last = known[-1]
    word = _WORD.match(text, last.text_offset)
    if word is None or given_s - last.start_s > max(_LEAST_S, (len(word[0]) + 1) / _CHARS_PER_S):
        return None  # others were spoken since, and nobody knows which
    following = _WORD.search(text, word.end())
    return following.start() if following is not None else len(text)
