"""What scenes are made of: agents' voices, callers' sentences, backchannels, noises and rooms, as float32 at 16 kHz.

Human material is read from a folder of recordings laid out like the shared test data (``speech/ljspeech``,
``speech/pocketsphinx/librivox`` with phone alignments, ``vad/phone2spk`` with RTTM labels, ``turns``,
``noise``, ``noise/rir``); what is missing there is left out and said. Voices of our own come from hibari-tts, and from
espeak-ng where the program is installed.

Backchannels are what could be had: short words spoken by those two voices, and hums cut out of human read speech: a
nasal consonant that an alignment marks, drawn out by repeating whole periods of its pitch, with a fall of pitch and
level; "mhm" is two of them. Recorded human backchannels in conversation are not among them.
"""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtaudio.bench.vad import read_16k

RATE = 16000
Floats = NDArray[np.float32]
Random = np.random.Generator

_AGENT_TEXTS = (
    "The parcel left our warehouse this morning, and it should be with you by Thursday at the latest.",
    "I have looked through the calendar, and there are three appointments that would suit you.",
    "Before we go on, let me explain how the monthly plan differs from the yearly one.",
    "Your account shows two payments in March, one for the room and one for the breakfast.",
    "The train at a quarter past nine is full, but there are seats on the one that follows it.",
    "To change the delivery address, I will need the number that is printed on the back of the card.",
    "Our engineers have found the fault in the cable, and they are going to repair it this afternoon.",
    "The museum is closed on Mondays, except in July, when it opens every day from ten until six.",
    "If the light on the left blinks twice, please press the small button until it goes out again.",
    "There is a table for four at seven thirty, or one by the window at a quarter to nine.",
    "The weather will stay dry until the weekend, with a light wind from the north and cool nights.",
    "For a refund you would have to send us the form together with the receipt and a short letter.",
)
_CALLER_TEXTS = (
    "Wait, could you say that again, please?",
    "No, that is not the one I was asking about.",
    "Hold on, I need to find my notes first.",
    "Actually, I would rather have the blue one.",
    "Sorry, can we go back to the price for a moment?",
    "Stop, I have already heard all of that.",
    "But what happens if I am not at home then?",
    "Let me ask you something different.",
    "Okay, and how much would it cost for two people?",
    "I think you have got the wrong name there.",
    "Excuse me, I did not understand the last part.",
    "Can you just send it to me by mail instead?",
)
_BACKCHANNEL_TEXTS = ("Mhm.", "Uh-huh.", "Yeah.", "Right.", "Okay.", "Hm.", "Yes.", "Sure.", "I see.", "Ah.")


@dataclass(frozen=True)
class Clip:
    """One sound that begins with its first audible sample and ends with its last. `source` names where it is from."""

    samples: Floats
    source: str


@dataclass
class Sounds:
    """All material. Lists may be empty where a folder has nothing of the kind."""

    agents: dict[str, list[Clip]] = field(default_factory=dict)
    callers: dict[str, list[Clip]] = field(default_factory=dict)
    backchannels: dict[str, list[Clip]] = field(default_factory=dict)
    noises: list[Clip] = field(default_factory=list)
    rooms: list[Clip] = field(default_factory=list)


def power(samples: Floats, block: int = 160) -> NDArray[np.float64]:
    """Mean square of each whole block."""
    whole = samples[: len(samples) // block * block].astype(np.float64).reshape(-1, block)
    return np.asarray(np.square(whole).mean(axis=1), np.float64)


def active_rms(samples: Floats) -> float:
    """RMS of the 10 ms blocks that lie within 30 dB of the loudest."""
    blocks = power(samples)
    return float(np.sqrt(blocks[blocks > blocks.max() * 1e-3].mean())) if len(blocks) and blocks.max() > 0 else 0.0


def trim(samples: Floats, below_db: float = 30.0) -> Floats:
    """From the first to the last 5 ms within `below_db` of the loudest, with 2 ms fades."""
    blocks = power(samples, 80)
    if not len(blocks) or blocks.max() <= 0:
        return samples[:0]
    loud = np.flatnonzero(blocks > blocks.max() * 10 ** (-below_db / 10))
    out = samples[loud[0] * 80 : (loud[-1] + 1) * 80].copy()
    ramp = np.linspace(0, 1, min(32, len(out)), dtype=np.float32)
    out[: len(ramp)] *= ramp
    out[len(out) - len(ramp) :] *= ramp[::-1]
    return out


def phrases(samples: Floats, gap_s: float = 0.15, below_db: float = 35.0) -> list[tuple[int, int]]:
    """[begin, end) of the stretches between pauses of at least `gap_s`."""
    blocks = power(samples)
    loud = np.flatnonzero(blocks > blocks.max() * 10 ** (-below_db / 10)) if len(blocks) else np.zeros(0, int)
    if not len(loud):
        return []
    breaks = np.flatnonzero(np.diff(loud) > gap_s * 100)
    begins = np.concatenate([loud[:1], loud[breaks + 1]])
    ends = np.concatenate([loud[breaks], loud[-1:]]) + 1
    return [(int(a) * 160, int(b) * 160) for a, b in zip(begins, ends, strict=True)]


def _sentences_of(path: Path, source: str) -> list[Clip]:
    """Runs of whole phrases of at least 0.8 s, cut at pauses; the longest are 4.5 s."""
    samples = read_16k(path)
    out = []
    spans = phrases(samples)
    for index, (begin, end) in enumerate(spans):
        for _, later in spans[index + 1 :]:
            if later - begin > 4.5 * RATE:
                break
            end = later
        if end - begin >= 0.8 * RATE:
            out.append(Clip(trim(samples[begin : min(end, begin + int(4.5 * RATE))]), source))
    return out


def _aligned(wav: Path) -> Iterator[Clip]:
    """Stretches between pauses of a recording whose words are aligned: its background is too loud to see them begin."""
    alignment = wav.with_suffix(".json")
    if not alignment.is_file():
        return
    samples = read_16k(wav)
    words = [
        (w["b"], w["b"] + w["d"]) for w in json.loads(alignment.read_text(encoding="utf-8"))["w"] if w["t"][0] != "<"
    ]
    for index, (begin, end) in enumerate(words):
        if index and begin - words[index - 1][1] < 0.03:
            continue
        for later_begin, later_end in words[index + 1 :]:
            if later_begin - end > 0.3 or later_end - begin > 4.5:
                break
            end = later_end
        if end - begin >= 0.8:
            yield Clip(trim(samples[int(begin * RATE) : int(end * RATE)], 45), "librivox")


def _labelled(wav: Path, rttm: Path) -> Iterator[tuple[float, float, float, float]]:
    """Stretches in which exactly one labelled person speaks: begin, end, and the label's begin and end."""
    rows = [line.split() for line in rttm.read_text(encoding="utf-8").splitlines() if line.startswith("SPEAKER")]
    spans = [(float(r[3]), float(r[3]) + float(r[4]), r[7]) for r in rows if r[1] == wav.stem]
    for begin, end, who in spans:
        others = sorted((b, e) for b, e, w in spans if w != who and b < end and e > begin)
        at = begin
        for b, e in [*others, (end, end)]:
            if b - at > 0.2:
                yield at, min(b, end), begin, end
            at = max(at, e)


def _one_person(folder: Path) -> Iterator[Floats]:
    """Stretches of one person alone that begin where a label does."""
    for rttm in sorted(folder.glob("*.rttm")):
        for wav in sorted(folder.glob("*.wav")):
            samples = read_16k(wav)
            for begin, end, label_begin, _ in _labelled(wav, rttm):
                if begin == label_begin:
                    yield samples[int(begin * RATE) : int(end * RATE)]


# ---- Voices of our own


@functools.cache
def _hibari(speed: float, pitch: float, seed: int) -> Callable[[str], Floats]:
    from rtaudio import resample
    from rtaudio.providers.hibari import RATE as VOICE_RATE
    from rtaudio.providers.hibari import HibariVoice

    voice = HibariVoice(speed=speed, pitch=pitch, seed=seed)
    return lambda text: np.ascontiguousarray(resample(voice.say(text).samples, VOICE_RATE, RATE), np.float32)


def _espeak(text: str, voice: str, pitch: int, speed: int) -> Floats:
    from rtaudio import resample

    done = subprocess.run(
        ["espeak-ng", "-v", voice, "-p", str(pitch), "-s", str(speed), "--stdin", "--stdout"],
        input=text.encode(),
        capture_output=True,
        check=True,
    )
    rate = int.from_bytes(done.stdout[24:28], "little")
    samples = np.frombuffer(done.stdout[44:], "<i2").astype(np.float32) * np.float32(1 / 32768)
    return np.ascontiguousarray(resample(samples, rate, RATE), np.float32)


# ---- Hums from human speech


def _period(samples: Floats) -> int:
    """Samples of one period of the pitch: the highest peak of the autocorrelation within 70..400 Hz."""
    centred = samples - samples.mean()
    spectrum = np.fft.rfft(centred, 4096)
    correlation = np.fft.irfft(np.square(np.abs(spectrum)))
    return int(np.argmax(correlation[40:229])) + 40


def _hum(nasal: Floats, seconds: float, fall: float) -> Floats:
    """The middle of a nasal drawn out to `seconds`: whole periods repeated with a cross-fade of one, the pitch falling
    by the ratio `fall`, with a soft rise and a long decay."""
    middle = nasal[len(nasal) // 6 : len(nasal) - len(nasal) // 6]
    period = _period(middle)
    cycle = middle[: max(len(middle) // period - 1, 1) * period + period]
    if len(cycle) <= period:
        cycle = np.concatenate([cycle, cycle])
    fade = np.linspace(0, 1, period, dtype=np.float32)
    out = cycle.copy()
    need = int(seconds * RATE * 1.3) + period
    while len(out) < need:
        seam = out[-period:] * (1 - fade) + cycle[:period] * fade
        out = np.concatenate([out[:-period], seam, cycle[period:]])
    at = np.cumsum(np.linspace(1.05, 1.05 * fall, int(seconds * RATE)))
    out = np.interp(at, np.arange(len(out)), out).astype(np.float32)
    place = np.linspace(0, 1, len(out), dtype=np.float32)
    return np.asarray(out * np.minimum(place / 0.12, 1) * np.minimum((1 - place) / 0.45, 1) ** 1.5, np.float32)


def _nasals(folder: Path) -> Iterator[Floats]:
    for alignment in sorted(folder.glob("*.phone.json")):
        wav = alignment.with_name(alignment.name.replace(".phone.json", ".wav"))
        if not wav.is_file():
            continue
        samples = read_16k(wav)
        for word in json.loads(alignment.read_text(encoding="utf-8"))["w"]:
            for phone in word.get("w", ()):
                if phone["t"] in ("M", "N", "NG") and phone["d"] >= 0.08:
                    yield samples[int(phone["b"] * RATE) : int((phone["b"] + phone["d"]) * RATE)]


def _hums(folder: Path, random: Random) -> list[Clip]:
    out = []
    for nasal in _nasals(folder):
        short = _hum(nasal, random.uniform(0.22, 0.42), random.uniform(0.75, 0.95))
        out.append(Clip(trim(short, 25), "hum from human speech"))
        first = _hum(nasal, random.uniform(0.14, 0.2), 1.0)
        second = _hum(nasal, random.uniform(0.2, 0.3), random.uniform(0.8, 1.1))
        gap = np.zeros(int(random.uniform(0.02, 0.07) * RATE), np.float32)
        out.append(Clip(trim(np.concatenate([first, gap, second]), 25), "mhm from human speech"))
    return out


# ---- All of it


def collect(data: Path, random: Random, *, progress: Callable[[str], None]) -> Sounds:
    """Reads and speaks everything. The same folder, voices and random generator give the same sounds."""
    sounds = Sounds()
    _human(sounds, data, random)
    progress("hibari-tts speaks")
    for name, speed, pitch in (("hibari", 1.0, 1.0), ("hibari low", 1.0, 0.85)):
        say = _hibari(speed, pitch, 0)
        sounds.agents[name] = [Clip(trim(say(text)), name) for text in _AGENT_TEXTS]
    for name, speed, pitch in (("hibari fast", 1.15, 1.08), ("hibari deep", 0.95, 0.8)):
        say = _hibari(speed, pitch, 1)
        sounds.callers[name] = [Clip(trim(say(text)), name) for text in _CALLER_TEXTS]
    short: list[Clip] = []
    for speed, pitch in ((1.0, 1.0), (1.1, 0.82), (0.95, 1.12)):
        say = _hibari(speed, pitch, 2)
        short += [Clip(trim(say(text)), f"hibari {text}") for text in _BACKCHANNEL_TEXTS]
    sounds.backchannels["hibari"] = [clip for clip in short if 0.12 * RATE < len(clip.samples) < 0.9 * RATE]
    if shutil.which("espeak-ng"):
        progress("espeak-ng speaks")
        robots = (("en-us", 40, 170), ("en-gb", 60, 180), ("en-us+f3", 50, 165))
        sounds.backchannels["espeak-ng"] = [
            Clip(trim(_espeak(text, *robot)), f"espeak-ng {text}") for robot in robots for text in _BACKCHANNEL_TEXTS
        ]
        sounds.callers["espeak-ng"] = [
            Clip(trim(_espeak(text, *robot)), "espeak-ng") for robot in robots for text in _CALLER_TEXTS
        ]
    else:
        progress("espeak-ng is not installed: scenes do without its voices")
    for kind in ("agents", "callers", "backchannels"):
        kept: dict[str, list[Clip]] = getattr(sounds, kind)
        setattr(sounds, kind, {name: clips for name, clips in kept.items() if clips})
    return sounds


def _human(sounds: Sounds, data: Path, random: Random) -> None:
    ljs = sorted((data / "speech" / "ljspeech").glob("*.wav"))
    sounds.agents["human reader"] = [Clip(trim(read_16k(path)), "human reader") for path in ljs[::2]]
    sounds.callers["human reader"] = [clip for path in ljs[1::2] for clip in _sentences_of(path, "human reader")]
    librivox = data / "speech" / "pocketsphinx" / "librivox"
    sounds.callers["librivox"] = [clip for path in sorted(librivox.glob("*.wav")) for clip in _aligned(path)]
    sounds.backchannels["hum"] = _hums(librivox, random)
    for samples in _one_person(data / "vad" / "phone2spk"):
        clip = Clip(trim(samples[: int(4.5 * RATE)], 25), "telephone")
        if len(clip.samples) >= 1.0 * RATE:
            sounds.callers.setdefault("telephone", []).append(clip)
    turns = sorted((data / "turns").glob("*.wav"))
    sounds.callers["turns"] = [
        clip
        for clip in (Clip(trim(read_16k(path)), "synthetic phrases") for path in turns)
        if len(clip.samples) >= 0.6 * RATE
    ]
    sounds.noises = [Clip(read_16k(path), path.stem) for path in sorted((data / "noise").glob("*.wav"))]
    sounds.rooms = [Clip(read_16k(path), path.stem) for path in sorted((data / "noise" / "rir").glob("*.wav"))]
