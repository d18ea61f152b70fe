"""How true the history is after an interruption (law 9): the words of the agent's message against what was put out.

On virtual time a session speaks replies of which it is known where each word begins, at a port rate other than the
speech's, and is interrupted at random moments; a third of them follow a pause, a pause with a rewind to the word, or a
duck. The truth is what the sink kept: its samples, found again in the reply, and the words whose midpoint lies before
the furthest.

    with_times      the voice says where its words begin, 0.1 s after their audio
    without_times   it does not: the session looks for them in the audio
    proportion      the same cuts, words placed in proportion to their characters within each clause
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from rtaudio.bench.spoken_material import Spoken, joined_phrases, read_aloud
from rtaudio.core import AudioPort, resample
from rtaudio.testing.providers import FakeLLM, FakeSTT
from rtaudio.testing.simulation import Simulation
from rtaudio.testing.virtual_time import run as run_virtual
from rtaudio.voice.agent import Agent
from rtaudio.voice.heard import WordAt, heard_until, place_words
from rtaudio.voice.protocols import Audio, Speech, Word

PORT_RATE: Final = 48000
PIECE_S: Final = 0.04
TIMES_REAL: Final = 2.5
"""How much faster than it sounds the voice gives its audio."""
WORDS_LATE_S: Final = 0.1
_HISS: Final = 10 ** (-70 / 20)
"""A background under the replies: where nothing sounds nobody could say what was put out."""

Disturbance = Literal["", "pause", "rewind", "duck"]
DISTURBANCES: Final[tuple[Disturbance, ...]] = ("pause", "rewind", "duck")


class Cut(NamedTuple):
    """One interruption to be: when it comes, in seconds of the agent's speech, and what happens before, and when."""

    spoken: Spoken
    at_s: float
    disturbance: Disturbance
    disturbed_at_s: float


class Off(NamedTuple):
    """How far a message is from the truth."""

    words: int
    seconds: float


def run(options: argparse.Namespace, progress: Callable[[str], None]) -> dict[str, Any]:
    """`rtaudio-bench truncation`. ValueError: there is no material."""
    cuts = planned(options)
    off: dict[str, list[Off]] = {"with_times": [], "without_times": [], "proportion": []}
    for number, cut in enumerate(cuts):
        if number % 50 == 0:
            progress(f"{number} of {len(cuts)} cuts")
        for name in ("with_times", "without_times"):
            words_heard, truth, clauses = run_virtual(interrupted(cut, times=name == "with_times"))
            off[name].append(distance(cut.spoken, words_heard, truth))
        off["proportion"].append(distance(cut.spoken, in_proportion(cut.spoken, clauses, truth), truth))
    figures: dict[str, Any] = {name: summary(each) for name, each in off.items()}
    return {"cuts": len(cuts), "disturbed": sum(bool(cut.disturbance) for cut in cuts), **figures}


def planned(options: argparse.Namespace) -> list[Cut]:
    """The same cuts for the same seed, half of them in replies, half in reading."""
    random = np.random.default_rng(options.seed)
    replies = list(joined_phrases(options.data / "turns", max(10, options.cuts // 10), options.seed))
    reading = list(read_aloud(options.data / "speech" / "pocketsphinx" / "librivox"))
    if not replies or not reading:
        raise ValueError(f"{options.data}: needs turns/phrases.json and aligned speech in speech/pocketsphinx/librivox")
    cuts = []
    for number in range(options.cuts):
        spoken = with_hiss((replies, reading)[number % 2][number // 2 % len((replies, reading)[number % 2])], random)
        at_s = float(random.uniform(0.15, len(spoken.samples) / spoken.rate))
        disturbance: Disturbance = DISTURBANCES[number // 3 % 3] if number % 3 == 0 and at_s > 0.6 else ""
        cuts.append(Cut(spoken, at_s, disturbance, float(random.uniform(0.2, max(0.2, at_s - 0.3)))))
    return cuts


def with_hiss(spoken: Spoken, random: np.random.Generator) -> Spoken:
    """The same over a faint noise."""
    hiss = random.standard_normal(len(spoken.samples)) * _HISS
    return spoken._replace(samples=(spoken.samples + hiss).astype(np.float32))


def distance(spoken: Spoken, heard: int, truth: int) -> Off:
    """By how many words, and how much speech, a message of `heard` words is off."""
    starts = [*(word.sample / spoken.rate for word in spoken.words), len(spoken.samples) / spoken.rate]
    return Off(abs(heard - words_before(spoken, truth)), abs(starts[heard] - starts[words_before(spoken, truth)]))


def words_before(spoken: Spoken, position: int) -> int:
    """The words that were heard, by the truth, where `position` samples at the port's rate were put out."""
    placed = [WordAt(round(word.sample * PORT_RATE / spoken.rate), word.offset) for word in spoken.words]
    end = round(len(spoken.samples) * PORT_RATE / spoken.rate)
    return len(spoken.text[: heard_until(placed, len(spoken.text), end, position)].split())


def in_proportion(spoken: Spoken, clauses: Sequence[tuple[int, str, int]], position: int) -> int:
    """The words heard, had they been placed in proportion in each clause: (offset, text, samples at the speech's
    rate)."""
    placed, begin = list[WordAt](), 0
    for offset, text, samples in clauses:
        for word in place_words(text, (), samples, spoken.rate):
            placed.append(WordAt((begin + word.sample) * PORT_RATE // spoken.rate, offset + word.offset))
        begin += samples
    end = begin * PORT_RATE // spoken.rate
    return len(spoken.text[: heard_until(placed, len(spoken.text), end, position)].split())


def summary(off: Sequence[Off]) -> dict[str, float]:
    """What is printed of many cuts."""
    words = [each.words for each in off]
    return {
        "words_off_mean": float(np.mean(words)),
        "words_off_max": float(max(words)),
        "seconds_off_mean": float(np.mean([each.seconds for each in off])),
    }


# ---- One conversation.


async def interrupted(cut: Cut, *, times: bool) -> tuple[int, int, list[tuple[int, str, int]]]:
    """Words in the message; samples of the reply that were put out, by the sink; the clauses that were spoken."""
    spoken = cut.spoken
    voice = KnownVoice(spoken, times)
    port = AudioPort(PORT_RATE)
    agent = Agent(greeting=spoken.text)
    async with Simulation(agent, stt=FakeSTT([]), llm=FakeLLM([]), tts=voice, port=port) as call:
        await call.until(lambda: port.playout.ledger().played > 0)
        if cut.disturbance:
            await call.advance(cut.disturbed_at_s)
            await disturb(call, cut.disturbance)
            await call.advance(max(0.0, cut.at_s - cut.disturbed_at_s))
        else:
            await call.advance(cut.at_s)
        call.session.interrupt()
        await call.advance(0.1)
        history, sound = call.session.history, call.sink.agent
    heard = history[0].text if len(history) else ""
    expected = resample(spoken.samples, spoken.rate, PORT_RATE, quality="fir")
    return len(heard.split()), furthest(sound, expected), voice.clauses


async def disturb(call: Simulation, disturbance: Disturbance) -> None:
    """Something that moves the playout before the cut."""
    playout = call.port.playout
    if disturbance == "duck":
        playout.duck(-10.0)
        return
    playout.pause()
    await call.advance(0.2)
    playout.resume(rewind_to_word=disturbance == "rewind")


def furthest(sound: Audio, expected: Audio) -> int:
    """How far into `expected` the sink got: where each stretch of sound ends in it, the furthest counts."""
    sounding = np.flatnonzero(sound)
    if not len(sounding):
        return 0
    ends = sounding[np.append(np.flatnonzero(np.diff(sounding) > PORT_RATE // 100), len(sounding) - 1)]
    return max(_end_in(sound[: end + 1], expected) for end in ends.tolist())


def _end_in(sound: Audio, expected: Audio, window: int = 2048, fade: int = PORT_RATE // 200) -> int:
    """Where in `expected` the last sample of `sound` is: by the correlation of what comes before the fade."""
    end = len(sound) - fade
    piece = sound[max(0, end - window) : end].astype(np.float64)
    size = 1 << (len(expected) + len(piece)).bit_length()
    product = np.fft.rfft(expected, size) * np.conj(np.fft.rfft(piece, size))
    correlation = np.fft.irfft(product, size)[: len(expected) - len(piece) + 1]
    energy = np.concatenate([[0.0], np.cumsum(expected.astype(np.float64) ** 2)])
    norm = np.sqrt((energy[len(piece) :] - energy[: -len(piece)])[: len(correlation)] * (piece**2).sum())
    match = correlation / np.maximum(norm, 1e-12)
    at = int(match.argmax())
    if match[at] < 0.95:
        raise RuntimeError(f"what the sink kept is not in the reply (correlation {match[at]:.2f}): no truth to go by")
    return at + len(piece) + fade


class KnownVoice:
    """A TTS that speaks one known reply, clause by clause. `clauses`: (offset, text, samples) of each."""

    name = "known-voice"

    def __init__(self, spoken: Spoken, times: bool) -> None:
        self.spoken, self.times = spoken, times
        self.clauses: list[tuple[int, str, int]] = []
        self._offset = 0

    def stream(self, text: str) -> KnownStream:
        offset = self.spoken.text.index(text, self._offset)
        self._offset = offset + len(text)
        words = self.spoken.words
        begin = 0 if offset == 0 else next(word.sample for word in words if word.offset >= offset)
        end = next((word.sample for word in words if word.offset >= self._offset), len(self.spoken.samples))
        self.clauses.append((offset, text, end - begin))
        mine = [word for word in words if offset <= word.offset < self._offset] if self.times else []
        rate = self.spoken.rate
        said = [Word(max(0, word.sample - begin) / rate, word.offset - offset) for word in mine]
        return KnownStream(self.spoken.samples[begin:end], rate, said)

    async def warm_up(self) -> None: ...

    async def aclose(self) -> None: ...


class KnownStream:
    """One clause of a KnownVoice."""

    def __init__(self, samples: Audio, rate: int, words: list[Word]) -> None:
        self._samples, self._rate, self._words = samples, rate, words

    async def __aiter__(self) -> AsyncIterator[Speech]:
        piece, given_s = round(PIECE_S * self._rate), 0.0
        for begin in range(0, len(self._samples), piece):
            await asyncio.sleep(PIECE_S / TIMES_REAL)
            yield Speech(self._samples[begin : begin + piece], self._rate, self._said(given_s - WORDS_LATE_S))
            given_s += PIECE_S
        if self._words:
            await asyncio.sleep(WORDS_LATE_S)
            yield Speech(self._samples[:0], self._rate, self._said(given_s))

    def _said(self, until_s: float) -> list[Word]:
        said = [word for word in self._words if word.start_s <= until_s]
        del self._words[: len(said)]
        return said

    async def aclose(self) -> None: ...
