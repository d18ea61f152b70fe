"""Simulated callers say each clip once, whole, to the sample, whatever the ticks are."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio.testing import FakeTTS, SimulatedCaller, numbered, numbers_of, run, speech
from rtaudio.testing.caller import read_wav

RATE = 16000


def play(caller: SimulatedCaller, ticks: list[int], speaks: dict[int, bool] | None = None) -> np.ndarray:
    """Reads in `ticks`; `speaks` says after which tick the agent begins (True) or stops."""
    said = []
    for number, count in enumerate(ticks):
        said.append(caller.read(count))
        if speaks and number in speaks:
            caller.agent_speaks(speaks[number])
    return np.concatenate(said)


@given(st.lists(st.integers(1, 700), min_size=60, max_size=60), st.integers(0, 2000), st.integers(1, 3000))
def test_a_clip_begins_at_its_sample(ticks: list[int], at: int, length: int) -> None:
    caller = SimulatedCaller(RATE)
    caller.say(numbered(0, length), at_s=at / RATE)
    said = play(caller, [*ticks, 6000])
    expected = np.zeros(len(said), np.float32)
    expected[at : at + length] = numbered(0, length)
    assert np.array_equal(said, expected)
    assert caller.spoken == [(at, at + length)]
    assert caller.done


def test_cues_wait_for_the_agent() -> None:
    caller = SimulatedCaller(RATE)
    caller.say(numbered(0, 100), at_s=0.0)
    caller.say(numbered(100, 100), after_agent_starts_s=0.01)
    caller.say(numbered(200, 100), after_agent_stops_s=0.02)
    said = play(caller, [160] * 20, {3: True, 9: False})
    # The agent starts after tick 3 (sample 640) and stops after tick 9 (sample 1600).
    assert caller.spoken == [(0, 100), (640 + 160, 900), (1600 + 320, 2020)]
    assert numbers_of(said) == list(range(300))


def test_what_the_agent_did_before_the_last_clip_ended_does_not_count() -> None:
    caller = SimulatedCaller(RATE)
    caller.say(numbered(0, 800), at_s=0.0)
    caller.say(numbered(800, 10), after_agent_stops_s=0.0)
    play(caller, [160] * 10, {0: True, 2: False})
    assert not caller.done
    play(caller, [160] * 10, {0: True, 2: False})
    assert caller.done


def test_a_cue_needs_one_time_and_a_clip_the_right_form() -> None:
    caller = SimulatedCaller(RATE)
    with pytest.raises(ValueError, match="exactly one"):
        caller.say(numbered(0, 1))
    with pytest.raises(ValueError, match="exactly one"):
        caller.say(numbered(0, 1), at_s=1, after_agent_stops_s=1)
    with pytest.raises(ValueError, match="mono float32"):
        caller.say(np.zeros((2, 2), np.float32), at_s=0)


def test_a_cue_waits_for_words_of_the_agent() -> None:
    caller = SimulatedCaller(RATE)
    caller.say(numbered(0, 100), at_s=0.0)
    caller.say(numbered(100, 100), after_agent_words=2, delay_s=0.02)
    caller.say(numbered(200, 100), after_agent_says="TEN,")
    caller.say(numbered(300, 100), after_s=0.03)
    caller.agent_said(["before"])
    for words in ([], ["we"], ["open"], ["until"], [], ["ten", "and"], [], [], [], [], []):
        caller.read(160)
        caller.agent_said(words)
    # "open" was heard to its end after tick 3, "ten" after tick 6.
    assert [remark.begin for remark in caller.remarks] == [0, 3 * 160 + 320, 6 * 160, 6 * 160 + 100 + 480]


@pytest.mark.parametrize(
    ("cue", "message"),
    [
        ({"after_agent_words": 0}, "at least one"),
        ({"after_agent_says": "?!"}, "no word"),
        ({"at_s": 1, "delay_s": 1}, "delay_s goes with"),
    ],
)
def test_cues_that_make_no_sense(cue: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SimulatedCaller(RATE).say(numbered(0, 1), **cue)


def test_noise_is_as_far_from_the_speech_as_was_said() -> None:
    """The speech's own pauses do not count as speech."""
    caller = SimulatedCaller(RATE)
    tone = speech(1.0, RATE)
    pause = np.zeros(2 * RATE, np.float32)
    quiet = caller.say(np.concatenate([tone, pause, tone]), at_s=0.5, gain_db=-20)
    assert np.allclose(quiet.clip[:RATE], tone / 10)
    caller.noise(np.random.default_rng(0).standard_normal(RATE).astype(np.float32), snr_db=12)
    said = play(caller, [160] * 50)  # nothing is said yet
    distance_db = 10 * np.log10(np.mean((tone / 10) ** 2) / np.mean(said**2))
    assert distance_db == pytest.approx(12, abs=0.2)
    nothing_said = SimulatedCaller(RATE)
    nothing_said.noise(tone, snr_db=0)
    with pytest.raises(ValueError, match="says nothing"):
        nothing_said.read(10)


def test_a_voice_speaks_for_the_caller() -> None:
    async def main() -> SimulatedCaller:
        caller = SimulatedCaller(24000, tts=FakeTTS(words=True))
        await caller.speak("Hello there.", at_s=0.0)
        with pytest.raises(ValueError, match="no voice"):
            await SimulatedCaller(24000).speak("Hello.", at_s=0.0)
        return caller

    caller = run(main())
    (remark,) = caller.remarks
    assert numbers_of(caller.read(24000)) == list(range(round(0.06 * 12 * 24000)))
    assert (remark.text, [word.text_offset for word in remark.words]) == ("Hello there.", [0, 6])


def test_a_wav_file_is_read_and_resampled(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.full((800, 2), 8192, "<i2").tobytes())
    samples, rate = read_wav(path)
    assert (rate, len(samples), samples.dtype.name) == (8000, 800, "float32")
    assert (samples == 0.25).all()
    caller = SimulatedCaller(RATE)
    caller.say(path, at_s=0.0)
    play(caller, [160] * 20)
    assert caller.spoken == [(0, 1600)]
