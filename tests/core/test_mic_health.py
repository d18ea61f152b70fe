"""Is there anything wrong with the microphone? The table of csrc/mic_health.h, row by row, and on a line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rtaudio import (
    AudioPort,
    Detector,
    DetectorConfig,
    Engine,
    Event,
    Journal,
    MicConfig,
    MicMeter,
    SileroVad,
    check_replay,
    read_journal,
    resample,
)
from rtaudio.testing.caller import read_wav
from tests.core.rig import LevelVad

WINDOW = 512
GOOD, SILENT, QUIET, LOUD = 0, 1, 2, 3
CONFIG = MicConfig(silent_first_s=1.0, silent_after_s=2.0, judged_s=0.512)  # 31.25, 62.5 and 16 windows


def power(dbfs: float) -> float:
    return float(10 ** (dbfs / 10))


class Mic:
    """A detector that is told levels; keeps what it says of the microphone."""

    def __init__(self, config: MicConfig = CONFIG) -> None:
        self.detector = Detector(DetectorConfig(mic=config, barge_in=False, min_speech_s=0.0))
        self.windows = 0
        self.events: list[Event] = []

    def hear(
        self, dbfs: float, count: int, *, speech: bool = True, agent: bool = False, clipped: int = 0, starved: int = 0
    ) -> list[tuple[str, int, int, int]]:
        """`count` windows; gives (kind, now, before or clipped, window) of what was told."""
        told = []
        for _ in range(count):
            self.windows += 1
            level = (power(dbfs), clipped, starved)
            _, events = self.detector.step(float(speech), self.windows * WINDOW, agent, int(agent), mic=level)
            for event in events:
                if event.kind.startswith("mic_"):
                    assert event.mic == event.decided == self.windows * WINDOW
                    told.append((event.kind, event.a, event.b, self.windows))
                    self.events.append(event)
        return told


def test_a_line_on_which_nothing_was_ever_heard_is_silent_soon() -> None:
    mic = Mic()
    assert mic.hear(-90, 100, speech=False) == [("mic_level", SILENT, GOOD, 32)]
    assert mic.detector.mic == "silent"
    assert mic.hear(-60, 1, speech=False) == [("mic_level", GOOD, SILENT, 101)]
    assert mic.events[-1].value == pytest.approx(power(-60))


def test_one_that_was_heard_is_given_more_time() -> None:
    mic = Mic()
    mic.hear(-60, 1, speech=False)
    assert mic.hear(-90, 100, speech=False) == [("mic_level", SILENT, GOOD, 64)]


def test_a_single_window_with_sound_begins_the_silence_anew() -> None:
    mic = Mic()
    assert mic.hear(-90, 31, speech=False) == []
    mic.hear(-60, 1, speech=False)
    assert mic.hear(-90, 62, speech=False) == []


def test_what_the_line_did_not_bring_says_nothing_about_the_microphone() -> None:
    """A stall is never mistaken for silence."""
    mic = Mic()
    assert mic.hear(-120, 1000, speech=False, starved=WINDOW) == []
    assert mic.hear(-120, 1000, speech=False, starved=1, clipped=WINDOW) == []
    assert mic.hear(-90, 32, speech=False) == [("mic_level", SILENT, GOOD, 2032)]


@pytest.mark.parametrize(("dbfs", "state", "back"), [(-50, QUIET, -41), (-5, LOUD, -16)])
def test_speech_is_judged_by_its_level_and_a_way_back_lies_further_in(dbfs: float, state: int, back: float) -> None:
    mic = Mic()
    assert mic.hear(dbfs, 16) == [("mic_level", state, GOOD, 16)]
    edge = -43.5 if state == QUIET else -13.5
    assert mic.hear(edge, 32) == [], "in the band of hysteresis"
    assert mic.hear(back, 16) == [("mic_level", GOOD, state, 64)]
    assert mic.hear(edge, 32) == []


def test_a_judgement_is_of_speech_alone_and_not_of_the_agent_s_echo() -> None:
    mic = Mic()
    assert mic.hear(-50, 64, speech=False) == []
    assert mic.hear(-50, 64, agent=True) == []
    assert mic.hear(-50, 15) == []
    assert mic.hear(-50, 1) == [("mic_level", QUIET, GOOD, 144)]


def test_from_too_loud_to_too_quiet_is_one_step() -> None:
    mic = Mic()
    mic.hear(-5, 16)
    assert mic.hear(-50, 16) == [("mic_level", QUIET, LOUD, 32)]


def test_clipping_is_a_share_of_samples_and_ends_when_there_is_none() -> None:
    mic = Mic(MicConfig(judged_s=0.512, clip_share=0.01))  # 81.92 of 8192 samples
    assert mic.hear(-20, 16, clipped=5) == []
    assert mic.hear(-20, 16, clipped=6) == [("mic_clipping", 1, 96, 32)]
    assert mic.events[-1].c == 8192
    assert mic.detector.clipping
    assert mic.hear(-20, 15, clipped=1) == []
    assert mic.hear(-20, 1) == []
    assert mic.hear(-20, 16) == [("mic_clipping", 0, 0, 64)]


def test_switched_off_it_says_nothing() -> None:
    assert Mic(MicConfig(enabled=False)).hear(-100, 500, clipped=9) == []


def test_not_measured_is_not_silent() -> None:
    detector = Detector(DetectorConfig(mic=CONFIG))
    for window in range(1, 200):
        assert detector.step(0.0, window * WINDOW)[1] == []


STEPS = st.lists(
    st.tuples(
        st.sampled_from([-120.0, -80.0, -70.0, -50.0, -44.0, -40.0, -20.0, -10.0, -5.0]),
        st.integers(1, 40),
        st.booleans(),
        st.booleans(),
        st.sampled_from([0, 0, 3, 200]),
        st.sampled_from([0, 0, 0, 1]),
    ),
    max_size=12,
)


class Model:
    """The table again, in floating-point dB and in Python."""

    def __init__(self) -> None:
        self.level, self.clipping, self.heard = GOOD, False, False
        self.quiet = self.clip_windows = self.clipped = 0
        self.speech: list[float] = []

    def step(self, dbfs: float, speech: bool, agent: bool, clipped: int) -> list[tuple[str, int, int]]:
        told = []
        level = self._level(dbfs, speech and not agent)
        if level != self.level:
            told.append(("mic_level", level, self.level))
            self.level = level
        self.clip_windows, self.clipped = self.clip_windows + 1, self.clipped + clipped
        if self.clip_windows * WINDOW >= 8192:
            clips = self.clipped > 0 if self.clipping else self.clipped > 0.001 * self.clip_windows * WINDOW
            if clips != self.clipping:
                told.append(("mic_clipping", int(clips), self.clipped))
                self.clipping = clips
            self.clip_windows = self.clipped = 0
        return told

    def _level(self, dbfs: float, speech: bool) -> int:
        if dbfs < -75:
            self.quiet += WINDOW
            return SILENT if self.quiet >= (32000 if self.heard else 16000) else self.level
        self.heard, self.quiet = True, 0
        now = GOOD if self.level == SILENT else self.level
        if not speech:
            return now
        self.speech.append(power(dbfs))
        if len(self.speech) * WINDOW < 8192:
            return now
        mean = 10 * np.log10(np.mean(self.speech))
        self.speech.clear()
        if self.level == SILENT:
            return now
        if mean < -45:
            return QUIET
        if mean > -12:
            return LOUD
        return self.level if (now == QUIET and mean < -42) or (now == LOUD and mean > -15) else GOOD


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_the_machine_is_its_table(steps: Sequence[tuple[float, int, bool, bool, int, int]]) -> None:
    mic, model = Mic(), Model()
    for dbfs, count, speech, agent, clipped, starved in steps:
        for _ in range(count):
            told = mic.hear(dbfs, 1, speech=speech, agent=agent, clipped=clipped, starved=starved)
            gate = mic.detector.gate == "speech"
            expected = [] if starved else model.step(dbfs, gate, agent, clipped)
            assert [event[:3] for event in told] == expected


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=20), st.integers(0, 2**32 - 1))
def test_the_meter_does_not_mind_how_its_input_is_cut(chunks: list[int], seed: int) -> None:
    """Law 6, to the bit."""
    samples = np.random.default_rng(seed).normal(0, 0.5, sum(chunks)).astype(np.float32)
    whole, meter, at = MicMeter().process(samples), MicMeter(), 0
    pieces = []
    for chunk in chunks:
        pieces += meter.process(samples[at : at + chunk])
        at += chunk
    assert pieces == whole
    assert len(whole) == len(samples) // WINDOW
    for index, (mean_square, clipped, starved) in enumerate(whole):
        window = samples[index * WINDOW : (index + 1) * WINDOW].astype(np.float64)
        assert mean_square == pytest.approx(np.mean(window**2), rel=1e-5)
        assert (clipped, starved) == (int((np.abs(window) >= np.float32(0.98)).sum()), 0)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"silent_dbfs": -40}, "silent < quiet"),
        ({"quiet_dbfs": -12}, "quiet \\+ hysteresis < loud"),
        ({"hysteresis_db": -1}, "0 or more"),
        ({"loud_dbfs": float("nan")}, "dBFS"),
        ({"clip_share": 1.5}, "clip_share"),
        ({"judged_s": 0.01}, "at least 0.1 s"),
        ({"silent_after_s": 4000}, "3600"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings_: dict[str, float], message: str) -> None:
    """Law 11."""
    with pytest.raises(ValueError, match=message):
        MicConfig(**settings_)  # type: ignore[arg-type]


def test_the_meter_refuses_what_is_no_audio() -> None:
    """Law 11."""
    with pytest.raises((TypeError, ValueError)):
        MicMeter().process(np.zeros(10))  # type: ignore[arg-type]


# ---- On a line.


def call(
    audio: NDArray[np.float32], *, rate: int = 16000, journal: Path | None = None, gap: int = 0, vad: Any = None
) -> list[Event]:
    """Events of a line that hears `audio`; `gap` ticks in the middle bring nothing."""
    port = AudioPort(24000)
    config = DetectorConfig(mic=CONFIG)
    record = Journal(journal, port, input_rate=rate, detector=config) if journal is not None else None
    with Engine(vad=vad if vad is not None else LevelVad()) as engine:
        line = engine.add(port, input_rate=rate, detector=config)
        engine.step(0)
        tick, size = 0, rate // 100
        for at in range(0, len(audio), size):
            line.push(audio[at : at + size])
            if at == len(audio) // 2 // size * size:
                for _ in range(gap):
                    tick += 1
                    engine.step(tick * 10_000_000)
            tick += 1
            engine.step(tick * 10_000_000)
        events = port.events()
    if record is not None:
        record.close()
    port.close()
    return events


def tone(seconds: float, level: float, rate: int = 16000) -> NDArray[np.float32]:
    return (level * np.sin(np.arange(round(seconds * rate)) * 2 * np.pi * 300 / rate)).astype(np.float32)


def of_mic(events: list[Event]) -> list[tuple[str, int, int]]:
    return [(e.kind, e.a, e.b if e.kind == "mic_level" else 0) for e in events if e.kind.startswith("mic_")]


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_a_line_tells_of_a_microphone_that_is_overdriven(rate: int) -> None:
    events = call(np.clip(tone(2.0, 4.0, rate), -1, 1), rate=rate)
    assert set(of_mic(events)) == {("mic_level", LOUD, GOOD), ("mic_clipping", 1, 0)}


def test_a_line_tells_of_a_muted_microphone_and_not_of_a_stalled_line() -> None:
    assert of_mic(call(np.zeros(24000, np.float32))) == [("mic_level", SILENT, GOOD)]
    assert of_mic(call(tone(0.4, 0.1), gap=300)) == []


def test_a_replay_works_the_levels_out_anew(tmp_path: Path, shared_data: Path) -> None:
    """Law 5: from the samples; that the line starved is a fact of the record."""
    voice = speech_of(shared_data)
    audio = np.concatenate([voice / 300, np.clip(voice * 12, -1, 1), np.zeros(40000, np.float32)])
    path, vad = tmp_path / "call.rtj", SileroVad()
    told = of_mic(call(audio, journal=path, gap=120, vad=vad))
    assert {event[:2] for event in told} == {
        ("mic_level", QUIET),
        ("mic_level", LOUD),
        ("mic_level", SILENT),
        ("mic_clipping", 1),
        ("mic_clipping", 0),
    }
    assert check_replay(read_journal(path), vad).found == []


def speech_of(shared_data: Path) -> NDArray[np.float32]:
    """Some 12 s of a person who reads aloud, 16 kHz."""
    clips = [read_wav(path) for path in sorted((shared_data / "speech").rglob("LJ*.wav"))[:2]]
    return np.concatenate([resample(samples, rate, 16000) for samples, rate in clips]).astype(np.float32)


def test_a_person_at_a_good_microphone_is_warned_of_nothing(shared_data: Path) -> None:
    vad = SileroVad()
    for gain in (0.1, 0.3, 1.0):
        assert of_mic(call(speech_of(shared_data) * np.float32(gain), vad=vad)) == []
