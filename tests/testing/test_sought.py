"""What a sink kept is known by its samples: whatever was paused, ducked, taken back or cut before."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio.testing import numbered
from rtaudio.testing.sought import Seeker, Source, Stretch
from rtaudio.voice.protocols import Audio

RATE = 16000
FADE = RATE // 200


def voice(seed: int, seconds: float) -> Audio:
    """Something like speech: noise in syllables, with real pauses."""
    random = np.random.default_rng(seed)
    count = round(seconds * RATE)
    syllables = np.repeat(random.uniform(0.05, 1.0, count // 1600 + 1), 1600)[:count]
    sound = random.standard_normal(count) * 0.2 * syllables
    for at in random.integers(0, max(1, count - 3200), 2):
        sound[at : at + 1600] = 0
    sound[:50] += 0.01  # it begins with a sound
    return sound.astype(np.float32)


def put_out(source: Audio, parts: list[tuple[int, int, float]]) -> tuple[Audio, list[tuple[int, int, int]]]:
    """A sink that has these: (from, to, gain) of the source, faded at their ends, with silence between; and where:
    (first, last, position)."""
    sound: list[Audio] = [np.zeros(777, np.float32)]
    places = []
    for begin, end, gain in parts:
        part = source[begin:end] * np.float32(gain)
        ramp = np.linspace(1, 0, FADE, endpoint=False, dtype=np.float32)
        if end < len(source):
            part[-FADE:] *= ramp
        if begin:
            part[:FADE] *= ramp[::-1]
        at = sum(map(len, sound))
        places.append((at, at + len(part), begin))
        sound += [part, np.zeros(4001, np.float32)]
    return np.concatenate(sound), places


def check(found: list[Stretch], places: list[tuple[int, int, int]], slack: int) -> None:
    """Everything is found where it is; begins and ends in a fade, or in silence of its own, within `slack`."""
    covered = 0
    for stretch in found:
        at, last, position = next(place for place in places if place[0] <= stretch.begin < place[1])
        assert stretch.position - position == stretch.begin - at
        assert stretch.end <= last + slack
        covered += stretch.end - stretch.begin
    assert covered >= sum(last - at for at, last, _ in places) - slack * len(places)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000), st.floats(0.3, 1.2), st.floats(0.2, 1.0), st.floats(0.05, 0.3))
def test_a_pause_a_rewind_and_a_duck(seed: int, first_s: float, gain: float, back_s: float) -> None:
    source = voice(seed, 2.0)
    middle = round(first_s * RATE)
    parts = [(0, middle, 1.0), (max(0, middle - round(back_s * RATE)), len(source), gain)]
    sink, places = put_out(source, parts)
    check(Seeker(sink, RATE, [Source(1, source)]).stretches(), places, 1600 + RATE // 50)


def test_numbered_samples_are_found_exactly() -> None:
    """A ramp is like any other ramp but for its numbers."""
    source = numbered(5000, 2 * RATE)
    sink = np.concatenate([np.zeros(500, np.float32), source[:9000], np.zeros(3210, np.float32), source[8500:]])
    found = Seeker(sink, RATE, [Source(1, source)]).stretches()
    assert found == [Stretch(1, 500, 9500, 0), Stretch(1, 12710, 12710 + len(source) - 8500, 8500)]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.integers(1000, RATE), st.integers(0, 500), st.integers(20, 100))
def test_a_fade_is_heard_to_its_last_sample(seed: int, cut: int, at: int, fade: int) -> None:
    source = (np.random.default_rng(seed).standard_normal(2 * RATE) * 0.2).astype(np.float32)
    sink = np.concatenate([np.zeros(at, np.float32), source[:cut], np.zeros(1000, np.float32)])
    sink[at + cut - fade : at + cut] *= np.linspace(1, 0, fade, endpoint=False, dtype=np.float32)
    assert Seeker(sink, RATE, [Source(1, source)]).stretches() == [Stretch(1, at, at + cut, 0)]


def test_the_same_words_twice_are_told_apart_by_when_they_could_sound() -> None:
    source = voice(3, 0.7)
    sink, places = put_out(source, [(0, 6000, 1.0), (0, len(source), 1.0)])
    second = places[1][0]
    sources = [Source(1, source, 0, second - 100), Source(2, source, second - 100)]
    found = Seeker(sink, RATE, sources).stretches()
    assert {(each.source, each.begin < second) for each in found} == {(1, True), (2, False)}


def test_what_is_none_of_it_belongs_to_nothing() -> None:
    assert Seeker(voice(4, 1.0), RATE, [Source(1, voice(5, 1.0))]).stretches() == []
    assert Seeker(voice(4, 1.0), RATE, []).stretches() == []
