"""Text to speech with hibari-tts: neural, English, in this process, 24 kHz, no network (voice "heart").

What this adds to the package:

- word times. The model predicts how many frames each phoneme lasts and sums them up inside its graph; that sum is
  asked for as one more output, so a word's start is known, to some 20 ms, in the very audio it belongs to. After
  an interruption the history can then be cut to the words that were heard (law 9).
- an early first sample. Each sentence begins with 0.4 s of silence, which is trimmed; a text is given sentence by
  sentence, and a long first sentence in parts at its commas.
- the same samples in every run: the noise in the model's excitation comes from a seed, per sentence, and ONNX Runtime
  runs on one thread.
- another speaker out of one voice: `pitch` plays the voice faster or slower than it was made, and resamples.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from rtaudio.providers.packages import load, need
from rtaudio.providers.worker import Worker
from rtaudio.voice.protocols import Audio, ProviderError, Speech, Word

RATE: Final = 24000

# Where the model keeps the running sum of phoneme lengths, in frames (int64, one per input id).
_PHONEME_ENDS: Final = "/CumSum_output_0"
# The model's boundaries lag behind its sound (docs/decisions/local-voice.md): by 59 ms at the median of 153 words.
_LAG_S: Final = 0.050
# Silence left before the first sound, and at most after the last one: of a sentence; of a part of one, which another
# follows. 20 ms keep the attack of a plosive.
_LEAD_S: Final = 0.020
_TAIL_S: Final = 0.250
_COMMA_TAIL_S: Final = 0.120
# Sound is what exceeds this share of the piece's peak (-46 dB): breath and hiss before the first phoneme stay below.
_AUDIBLE: Final = 0.005
# A first sentence longer than this is spoken in parts at its commas: 120 characters are about 8 s of speech, which
# take about 0.15 s to compute on one core.
_LONG_CHARACTERS: Final = 120
_FULL_STOPS: Final = ".!?…"
_COMMA: Final = re.compile(r"(?<=[,;:—])\s+")
_WORD: Final = re.compile(r"\S+")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spoken:
    """One sentence or part of one. `samples`: float32 mono at 24 kHz. `words`: starts in seconds from its first sample,
    offsets in the text that was given; empty where words and sounds could not be matched."""

    samples: Audio
    words: Sequence[Word]


class HibariVoice:
    """The voice itself, without asyncio: for tools, tests and the thread of HibariTTS. One thread at a time.

    voice   a name hibari knows; "heart" is in the package, others are downloaded by it on first use
    speed   1 is the voice's own pace, 0.5 half of it; as heard, whatever the pitch
    pitch   0.88 gives a lower, longer-throated speaker, 1.1 a higher one; 0.5 to 2
    seed    of the noise part: the same text and seed give the same samples
    """

    def __init__(self, voice: str = "heart", *, speed: float = 1.0, pitch: float = 1.0, seed: int = 0) -> None:
        if not 0.5 <= pitch <= 2.0:
            raise ValueError(f"pitch is {pitch}; give a ratio from 0.5 to 2 (1 is the voice as it is)")
        if not 0.5 <= speed / pitch <= 2.0:
            raise ValueError(f"speed {speed} at pitch {pitch}: speed / pitch must lie in 0.5 to 2")
        self._speed = speed / pitch
        self._pitch = pitch
        self._seed = seed
        hibari = load("hibari", extra="local", wanted_by="HibariTTS")
        self._dsp = load("hibari.dsp", extra="local", wanted_by="HibariTTS")
        self._engine: Any = hibari.Hibari(voice=voice)
        self._session = _with_phoneme_ends(self._engine.model_path)

    def say(self, text: str) -> Spoken:
        """The whole text in one piece."""
        samples: list[Audio] = []
        words: list[Word] = []
        done = 0
        for piece in self.pieces(text):
            words += [Word(word.start_s + done / RATE, word.text_offset) for word in piece.words]
            samples.append(piece.samples)
            done += len(piece.samples)
        return Spoken(np.concatenate(samples) if samples else np.zeros(0, np.float32), words)

    def pieces(self, text: str) -> Iterator[Spoken]:
        """The text sentence by sentence, each computed when it is asked for."""
        for part, offset in split(text, self._engine.split_sentences):
            yield self._piece(part, offset)

    def _piece(self, text: str, offset: int) -> Spoken:
        samples: list[Audio] = []
        starts: list[float] = []
        done = 0
        for phonemes in self._engine.phonemize(text):
            ids = self._engine.ids(phonemes)
            if len(ids) < 3:
                continue
            audio, phoneme_ends = self._synthesise(ids)
            audio, first = _trim(audio, _TAIL_S if phonemes.rstrip()[-1:] in _FULL_STOPS else _COMMA_TAIL_S)
            known = [character in self._engine.vocab for character in phonemes]
            early = first + int(_LAG_S * RATE)
            begins = [min(max(start - early, 0), len(audio)) for start in _word_starts(phonemes, known, phoneme_ends)]
            if begins:
                begins[0] = 0  # what is audible decides
            starts += [(done + begin) / RATE for begin in begins]
            samples.append(audio)
            done += len(audio)
        if not samples:
            return Spoken(np.zeros(0, np.float32), [])
        words = self._match(text, offset, starts)
        audio = np.concatenate(samples)
        if self._pitch == 1.0:
            return Spoken(audio, words)
        return Spoken(
            _play_at(audio, self._pitch), [Word(word.start_s / self._pitch, word.text_offset) for word in words]
        )

    def _synthesise(self, ids: Sequence[int]) -> tuple[Audio, NDArray[np.int64]]:
        """Samples, and for each id the sample at which it ends."""
        outputs: list[NDArray[Any]] = self._session.run(
            None, {"ids": np.asarray([ids], np.int64), "speed": np.asarray([self._speed], np.float32)}
        )
        *spectrum, ends = outputs
        audio: Audio = self._dsp.synth(*(part[0] for part in spectrum), np.random.default_rng(self._seed))
        frames = int(ends.reshape(-1)[-1])
        return audio, ends.reshape(-1) * (len(audio) // max(frames, 1))

    def _match(self, text: str, offset: int, starts: Sequence[float]) -> list[Word]:
        """Gives each word of the text its start. A word may be spoken as several ("9:30" is "nine thirty") or as none
        (a lone dash): where the counts differ, each word is asked for how many it makes when spoken alone."""
        words = list(_WORD.finditer(text))
        counts = [1] * len(words)
        if len(words) != len(starts):
            counts = [sum(len(_spoken_words(part)) for part in self._engine.phonemize(word[0])) for word in words]
        if sum(counts) != len(starts):
            return []
        matched: list[Word] = []
        spoken = 0
        for word, count in zip(words, counts, strict=True):
            if count and any(map(str.isalnum, word[0])):  # a dash is a pause, no word
                matched.append(Word(starts[spoken], offset + word.start()))
            spoken += count
        return matched


class HibariTTS:
    """hibari-tts as a TTS provider. Arguments as for HibariVoice. Computes in one thread of its own, a stream's
    sentences in order; one sentence is ready after 15 to 40 ms on one core."""

    name = "hibari"

    def __init__(self, voice: str = "heart", *, speed: float = 1.0, pitch: float = 1.0, seed: int = 0) -> None:
        need("hibari", extra="local", wanted_by="HibariTTS")
        self._arguments: dict[str, Any] = {"voice": voice, "speed": speed, "pitch": pitch, "seed": seed}
        self._worker = Worker("hibari")
        self._voice: HibariVoice | None = None

    def stream(self, text: str) -> HibariStream:
        return HibariStream(self, text)

    async def warm_up(self) -> None:
        """Loads the model and the lexicon (0.5 s) and speaks a word to itself, so that the first sentence is not the
        slow one."""
        await self._worker.submit(self._load_and_try)

    async def aclose(self) -> None:
        self._worker.close()
        self._voice = None

    def _load(self) -> HibariVoice:
        if self._voice is None:
            self._voice = HibariVoice(**self._arguments)
        return self._voice

    def _load_and_try(self) -> None:
        self._load().say("Ready.")

    def _run(self, job: Callable[[], T]) -> asyncio.Future[T]:
        return self._worker.submit(job)

    def _pieces(self, text: str) -> Iterator[Spoken]:
        return self._load().pieces(text)


class HibariStream:
    """The sentences of one text, as they are computed. One task reads it; `aclose` may come from any task."""

    def __init__(self, tts: HibariTTS, text: str) -> None:
        self._tts = tts
        self._text = text
        self._pieces: Iterator[Spoken] | None = None
        self._job: asyncio.Future[Spoken | None] | None = None
        self._closed = False

    def __aiter__(self) -> AsyncIterator[Speech]:
        return self

    async def __anext__(self) -> Speech:
        if self._closed:
            raise StopAsyncIteration
        self._job = self._tts._run(self._next_piece)
        try:
            piece = await self._job
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closed and not (task and task.cancelling()):
                raise StopAsyncIteration from None
            raise
        except Exception as error:
            raise ProviderError("tts", self._tts.name, f"could not speak {self._text[:60]!r}: {error}") from error
        if piece is None or self._closed:
            raise StopAsyncIteration
        return Speech(piece.samples, RATE, piece.words)

    async def aclose(self) -> None:
        self._closed = True
        if self._job is not None:
            self._job.cancel()

    def _next_piece(self) -> Spoken | None:
        if self._pieces is None:
            self._pieces = self._tts._pieces(self._text)
        return next(self._pieces, None)


def split(text: str, sentences: Callable[[str], list[str]]) -> list[tuple[str, int]]:
    """Parts of a text to be spoken one after the other, each with its place in it: its sentences, of which a long
    first one is divided once more at its commas."""
    parts: list[tuple[str, int]] = []
    at = 0
    for sentence in sentences(text):
        at = text.index(sentence, at)
        if not parts and len(sentence) > _LONG_CHARACTERS:
            parts += _split_at_commas(sentence, at)
        else:
            parts.append((sentence, at))
        at += len(sentence)
    return parts


def _split_at_commas(sentence: str, offset: int) -> list[tuple[str, int]]:
    """A first part short enough to be ready soon, and the rest."""
    commas = [match for match in _COMMA.finditer(sentence) if 20 <= match.start() <= _LONG_CHARACTERS]
    if not commas:
        return [(sentence, offset)]
    comma = commas[0]
    return [(sentence[: comma.start()], offset), (sentence[comma.end() :], offset + comma.end())]


def _spoken_words(phonemes: str) -> list[str]:
    return [word for word in phonemes.split(" ") if word]


def _word_starts(phonemes: str, known: Sequence[bool], ends: NDArray[np.int64]) -> Iterator[int]:
    """The sample at which each word of a phoneme string begins: where the sound before it ends. `ends` has one entry
    for the pad in front, one for each known phoneme, and one for the pad behind."""
    sounds = 0
    before = " "
    for phoneme, is_known in zip(phonemes, known, strict=True):
        if phoneme != " " and before == " ":
            yield int(ends[sounds])
        sounds += is_known
        before = phoneme


def _trim(audio: Audio, tail_s: float) -> tuple[Audio, int]:
    """Cuts silence at both ends; gives what is left and how many samples were cut in front."""
    level = np.abs(audio)
    audible = np.flatnonzero(level > _AUDIBLE * float(level.max(initial=0.0)))
    if not len(audible):
        return audio, 0
    first = max(int(audible[0]) - int(_LEAD_S * RATE), 0)
    last = min(int(audible[-1]) + int(tail_s * RATE), len(audio))
    return audio[first:last], first


def _play_at(audio: Audio, ratio: float) -> Audio:
    """As it sounds when played `ratio` times as fast: at 24 kHz again, all frequencies times `ratio`."""
    soxr = load("soxr", extra="local", wanted_by="HibariTTS(pitch=...)")
    resampled: Audio = soxr.resample(audio, RATE * ratio, RATE, quality="VHQ")
    return np.ascontiguousarray(resampled, np.float32)


def _with_phoneme_ends(model_path: str) -> Any:
    """The voice's model with the lengths of its phonemes as one more output.

    Two serialised protobuf messages one after the other are their union (protobuf encoding, "Last One Wins": embedded
    messages are merged, repeated fields appended), so one more output is a few bytes behind the file: ModelProto.graph
    (7) . output (12) = ValueInfoProto { name (1), type (2) { tensor_type (1) { elem_type (1) = INT64 } } }, see
    onnx.proto. ONNX Runtime refuses a name the graph does not have, with its own message.
    """
    ort = load("onnxruntime", extra="local", wanted_by="HibariTTS")
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    int64_tensor = _message(2, _message(1, b"\x08\x07"))
    output = _message(7, _message(12, _message(1, _PHONEME_ENDS.encode()) + int64_tensor))
    return ort.InferenceSession(Path(model_path).read_bytes() + output, options, providers=["CPUExecutionProvider"])


def _message(field: int, content: bytes) -> bytes:
    """A length-delimited protobuf field of fewer than 128 bytes."""
    assert len(content) < 128
    assert field < 16
    return bytes([field << 3 | 2, len(content)]) + content
