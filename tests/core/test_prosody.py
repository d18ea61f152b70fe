"""F0 and how speech ended, on sounds whose truth is known (csrc/kernels/pitch.h, prosody.h)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rtaudio.core._features import pitch_track, prosody

RATE = 16000


def voice(f0_hz, level=0.1):
    """A buzz with harmonics that fall by 6 dB an octave, at F0 by sample."""
    phase = 2 * np.pi * np.cumsum(f0_hz) / RATE
    sound = sum(np.sin(k * phase) / k * (f0_hz * k < 7000) for k in range(1, 30))
    return (level * sound / np.sqrt(np.mean(sound**2))).astype(np.float32)


def glide(start_hz, semitones, seconds):
    return start_hz * 2 ** (np.linspace(0, semitones, int(seconds * RATE)) / 12)


def noise(seconds, dbfs, seed=1):
    return (np.random.default_rng(seed).standard_normal(int(seconds * RATE)) * 10 ** (dbfs / 20)).astype(np.float32)


def spoken(*parts, dbfs=-60, before_s=0.5, after_s=0.3):
    sound = np.concatenate(parts)
    out = noise(before_s + len(sound) / RATE + after_s, dbfs)
    start = int(before_s * RATE)
    out[start : start + len(sound)] += sound
    return out, start, start + len(sound)


@pytest.mark.parametrize("hz", [65.0, 90.0, 130.0, 220.0, 330.0, 480.0])
def test_a_steady_voice_has_its_pitch(hz):
    f0, periodicity = pitch_track(voice(np.full(RATE, hz)))
    inner = f0[4:-4]
    assert np.abs(1200 * np.log2(inner / hz)).max() < 12
    assert periodicity[4:-4].min() > 0.6


@pytest.mark.parametrize("semitones", [-8.0, 7.0])
def test_a_glide_is_followed(semitones):
    track = glide(140.0, semitones, 1.0)
    f0, _ = pitch_track(voice(track))
    truth = track[80::160][: len(f0)]
    assert np.abs(1200 * np.log2(f0[4:-4] / truth[4:-4])).max() < 25


def test_noise_is_not_voiced():
    f0, _ = pitch_track(noise(1.0, -20))
    assert np.mean(f0 > 0) < 0.05


@pytest.mark.parametrize("dbfs", [-70, -60, -45, -35])
def test_the_energy_end_is_found_in_noise(dbfs):
    for gap_s in (0.05, 0.15, 0.4):
        sound, start, end = spoken(voice(np.full(RATE, 150.0)), dbfs=dbfs, after_s=gap_s)
        assert abs(prosody(sound, start)["energy_end"] - end) <= 320


def test_the_end_of_the_melody_is_told():
    level = voice(np.full(RATE, 150.0))
    for semitones in (6.0, -6.0):
        sound, start, _ = spoken(level, voice(glide(150.0, semitones, 0.25)))
        told = prosody(sound, start)
        assert told["f0_end_st"] == pytest.approx(semitones, abs=1.2)
        assert told["f0_move_st"] == pytest.approx(semitones, abs=1.2)
    assert told["f0_floor_st"] < 0.5  # it fell to the floor, and below


def test_syllables_are_counted_and_the_last_is_measured():
    gap = np.zeros(int(0.06 * RATE), np.float32)
    fade = np.minimum(1, np.minimum(np.arange(2400), np.arange(2400)[::-1]) / 320).astype(np.float32)
    short = voice(np.full(2400, 140.0)) * fade
    long = voice(np.full(4800, 140.0)) * np.minimum(1, np.minimum(np.arange(4800), np.arange(4800)[::-1]) / 320)
    sound, start, _ = spoken(short, gap, short, gap, short, gap, long.astype(np.float32))
    told = prosody(sound, start)
    assert told["syllables"] == 4
    assert told["last_syllable_s"] == pytest.approx(0.33, abs=0.04)
    assert told["syllable_rate"] == pytest.approx(4 / told["speech_s"])


def test_levels_are_in_decibels_of_full_scale():
    told = prosody(spoken(voice(np.full(RATE, 150.0), 0.1), dbfs=-50)[0], RATE // 2)
    assert told["speech_dbfs"] == pytest.approx(-20, abs=0.7)
    assert told["noise_dbfs"] == pytest.approx(-50, abs=1.5)


def test_only_the_last_eight_seconds_count():
    sound, start, _ = spoken(voice(np.full(RATE, 150.0)))
    long = np.concatenate([noise(20.0, -10), noise(8.0 - len(sound) / RATE, -60), sound])
    alone = prosody(long[-128000:], 128000 - len(sound) + start)
    told = prosody(long, len(long) - len(sound) + start)
    assert told.pop("energy_end") == alone.pop("energy_end") + len(long) - 128000
    assert repr(told) == repr(alone)


@pytest.mark.parametrize("sound", [np.zeros(16000), np.full(16000, np.nan), np.full(16000, 1e30), np.ones(40), []])
def test_what_is_no_speech_is_told_as_unknown_and_never_raises(sound):
    told = prosody(np.asarray(sound, np.float32), 0)
    assert math.isnan(told["f0_end_st"])
    assert told["energy_end"] <= len(sound)


def test_bad_arguments_are_told():
    with pytest.raises(TypeError, match="float32"):
        prosody(np.zeros(16000))
    with pytest.raises(ValueError, match="speech_start"):
        prosody(np.zeros(16, np.float32), 17)
    with pytest.raises(ValueError, match="8 s"):
        pitch_track(np.zeros(128001, np.float32))
    with pytest.raises(ValueError, match="one channel"):
        pitch_track(np.zeros((2, 160), np.float32))
