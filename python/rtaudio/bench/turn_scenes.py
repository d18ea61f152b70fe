"""Sound for the turn bench: phrases that end, and their longer twins with a pause where the short ones end.

``phrases.json`` is a list of ``{"file", "phrase", "size": "short" | "long", "voice", "words", "starts", "vad"}``:
words and their starts in seconds, and speech intervals. A SHORT phrase ends the turn; its LONG twin begins with the
same words.

    SHORT   noise 1 s │ the whole phrase │ noise 2.8 s                       the turn must end, soon
    LONG    noise 1 s │ its first words  │ noise for the pause │ the rest    it must not end in the pause

A word ends where the next starts, moved to the least energy within 40 ms; the first part fades out over its last 10 ms.
Pink noise lies under all of it, the same before the pause whatever its length.
"""

from __future__ import annotations

import csv
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["PAUSES_MS", "Pair", "PhoneCall", "Scene", "pairs", "phone_call", "pink", "read_speech", "sound"]

Floats = NDArray[np.float32]
RATE: Final = 16000
PAUSES_MS: Final = (300, 600, 1000, 1500, 2000)
_LEAD: Final = RATE
_TAIL: Final = int(2.8 * RATE)
_REST: Final = RATE // 2
"""Of what follows the pause: enough to be heard as speech; what comes then is not asked for."""


class BadData(ValueError):
    """What the data lack: file, field, what to do."""


@dataclass(frozen=True, slots=True)
class Scene:
    """`end`: where speech ends, in samples; `resume`: where it goes on (None: it does not)."""

    name: str
    audio: Floats
    end: int
    resume: int | None


@dataclass(frozen=True, slots=True)
class Pair:
    """A SHORT phrase and its LONG twin in one voice."""

    phrase: str
    voice: str
    short: Path
    short_end_s: float
    long: Path
    cut_s: float

    def short_scene(self, noise_db: int) -> Scene:
        speech = sound(self.short)
        audio = _noise(self, "short", _LEAD + len(speech) + _TAIL, noise_db)
        audio[_LEAD : _LEAD + len(speech)] += speech
        return Scene(f"{self.phrase} {self.voice} short", audio, _LEAD + round(self.short_end_s * RATE), None)

    def long_scene(self, noise_db: int, pause_ms: int) -> Scene:
        speech = sound(self.long)
        cut = _quietest(speech, round(self.cut_s * RATE))
        pause = pause_ms * RATE // 1000
        first = speech[:cut].copy()
        first[-160:] *= np.linspace(1, 0, min(160, cut), dtype=np.float32)
        resume = _LEAD + cut + pause
        rest = speech[cut : cut + _REST]
        audio = _noise(self, "long", _LEAD + cut + PAUSES_MS[-1] * RATE // 1000 + _REST, noise_db)[: resume + len(rest)]
        audio[_LEAD : _LEAD + cut] += first
        audio[resume:] += rest
        return Scene(f"{self.phrase} {self.voice} long {pause_ms}", audio, _LEAD + cut, resume)


def pairs(phrases: Path, audio: Path) -> list[Pair]:
    """Every SHORT phrase with its twin. Raises BadData."""
    try:
        entries = json.loads(phrases.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadData(f"{phrases}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BadData(f"{phrases}: is no JSON ({error}); a list of phrases is wanted") from error
    if not isinstance(entries, list) or not entries:
        raise BadData(f"{phrases}: a list of phrases is wanted")
    by: dict[tuple[str, str, str], dict[str, Any]] = {}
    for number, entry in enumerate(entries):
        try:
            by[entry["phrase"], entry["voice"], entry["size"]] = entry
            if not (audio / entry["file"]).is_file():
                raise BadData(f"{phrases}: entry {number}: there is no {audio / entry['file']}")
            if len(entry["starts"]) != len(entry["words"]) or not entry["vad"]:
                raise BadData(
                    f"{phrases}: entry {number} ({entry['file']}): a start for each word and speech intervals"
                )
        except (KeyError, TypeError) as error:
            raise BadData(f"{phrases}: entry {number} lacks {error}") from error
    found = []
    for (phrase, voice, size), short in by.items():
        if size != "short":
            continue
        long = by.get((phrase, voice, "long"))
        if long is None:
            raise BadData(f"{phrases}: {short['file']} has no long twin in the voice {voice}")
        if len(long["words"]) <= len(short["words"]):
            raise BadData(f"{phrases}: {long['file']} has no more words than {short['file']}")
        cut = float(long["starts"][len(short["words"])])
        end = float(short["vad"][-1][1])
        found.append(Pair(phrase, voice, audio / short["file"], end, audio / long["file"], cut))
    return found


def read_speech(folder: Path, noise_db: int = -60) -> list[tuple[str, Floats, int]]:
    """Read sentences: (name, sound with 3 s of noise behind it, where the speech ends), consecutive LJ files joined
    until a full stop. `folder` holds ``transcripts.tsv`` with paths that begin with its own name."""
    try:
        with (folder / "transcripts.tsv").open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if "LJ" in row["path"]]
    except (OSError, KeyError) as error:
        raise BadData(f"{folder / 'transcripts.tsv'}: {error}") from error
    out: list[tuple[str, Floats, int]] = []
    group: list[Floats] = []
    for row in sorted(rows, key=lambda row: row["path"]):
        group.append(sound(folder.parent / row["path"]))
        if not row["text"].rstrip(' "').endswith((".", "?", "!")):
            continue
        speech = np.concatenate(group)
        group = []
        audio = pink(_LEAD + len(speech) + 3 * RATE, noise_db, zlib.crc32(row["path"].encode()))
        audio[_LEAD : _LEAD + len(speech)] += speech
        out.append((Path(row["path"]).stem, audio, _LEAD + len(speech)))
    return out


@dataclass(frozen=True, slots=True)
class PhoneCall:
    """One speaker of a call: the others' times are noise. `turns`: (start, end) in samples; what the same speaker says
    without another in between is one turn."""

    speaker: str
    audio: Floats
    turns: list[tuple[int, int]]


def phone_call(wav: Path, stm: Path, noise_db: int = -60) -> list[PhoneCall]:
    """A call on one channel, speaker by speaker, gated by the times of the STM file."""
    spoken = list(_stm(stm))
    mixed = sound(wav)
    out = []
    for speaker in sorted({who for who, _, _ in spoken}):
        turns: list[tuple[int, int]] = []
        audio = pink(len(mixed) + 3 * RATE, noise_db, zlib.crc32(speaker.encode()))
        before = ""
        for who, start_s, end_s in spoken:
            start, end = round(start_s * RATE), round(end_s * RATE)
            if who == speaker:
                audio[start:end] += mixed[start:end]
                if before == speaker:
                    turns[-1] = (turns[-1][0], end)
                else:
                    turns.append((start, end))
            before = who
        out.append(PhoneCall(speaker, audio, turns))
    return out


def _stm(path: Path) -> Iterator[tuple[str, float, float]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise BadData(f"{path}: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith(";;"):
            continue
        fields = line.split()
        try:
            yield fields[2], float(fields[3]), float(fields[4])
        except (IndexError, ValueError) as error:
            raise BadData(f"{path}, line {number}: file, channel, speaker, start, end are wanted") from error


def sound(path: Path) -> Floats:
    """A recording, one channel at 16 kHz."""
    import soundfile  # type: ignore[import-untyped]

    from rtaudio import resample

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono: Floats = np.ascontiguousarray(samples.mean(axis=1, dtype=np.float32))
    return mono if rate == RATE else resample(mono, rate, RATE)


def pink(count: int, dbfs: float, seed: int) -> Floats:
    """Noise of equal power in each octave from 20 Hz on."""
    size = 1 << max(count - 1, 1).bit_length()
    generator = np.random.default_rng(seed)
    bins = np.arange(size // 2 + 1)
    spectrum = generator.standard_normal(len(bins)) + 1j * generator.standard_normal(len(bins))
    spectrum /= np.sqrt(np.maximum(bins, 1))
    spectrum[bins < 20 * size / RATE] = 0
    noise = np.fft.irfft(spectrum, size)[:count]
    scaled: Floats = (noise * (10 ** (dbfs / 20) / np.sqrt(np.mean(noise**2)))).astype(np.float32)
    return scaled


def _noise(pair: Pair, which: str, count: int, dbfs: int) -> Floats:
    return pink(count, dbfs, zlib.crc32(f"{pair.phrase} {pair.voice} {which} {dbfs}".encode()))


def _quietest(samples: Floats, middle: int) -> int:
    """The sample of least energy (over 10 ms) within 40 ms of `middle`."""
    first, last = max(middle - 640, 160), min(middle + 640, len(samples))
    energy = np.concatenate(([0.0], np.cumsum(np.square(samples, dtype=np.float64))))
    places = np.arange(first, last)
    around = energy[np.minimum(places + 80, len(samples))] - energy[np.maximum(places - 80, 0)]
    return int(places[np.argmin(around)])
