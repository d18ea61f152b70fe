"""A line whose input comes as a network brings it and whose output the engine paces. Laws 5, 6, 8, 10, 11."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio import (
    AudioPort,
    DetectorConfig,
    Engine,
    Event,
    Journal,
    SecondConsumer,
    SileroVad,
    TurnConfig,
    TurnEvidence,
    read_journal,
)
from rtaudio.core.replay import check_replay
from tests.core.rig import RATE, TICK_NS, Audio, LevelVad, Rig, W, level, numbered

DECISIONS = ("speech_started", "speech_ended", "turn_ended", "turn_resumed", "barge_in", "mic_level")
# Two sentences with a pause in the middle of the second, which is shorter than what ends a turn, and long silence.
SPOKEN = level((0.5, 0), (0.8, 0.9), (1.5, 0), (0.6, 0.9), (0.3, 0), (0.7, 0.9), (2.0, 0))


def decisions(rig: Rig) -> list[tuple[object, ...]]:
    return [(e.kind, e.mic, e.decided, e.a, e.b) for e in rig.events(*DECISIONS)]


def heard_steadily(samples: Audio) -> Rig:
    """20 ms of it every 20 ms."""
    rig = Rig(kind="network")
    for at in range(0, len(samples), 320):
        rig.hear(samples[at : at + 320])
        rig.run(0.02)
    return rig


# ---- media time


def test_input_is_heard_at_once_and_output_goes_on_at_the_pace_of_the_clock() -> None:
    rig = Rig(kind="network", hears=False)
    rig.speak(2.0)
    rig.hear(numbered(1, 320))
    rig.run(0.01)  # more than is due in a tick: a paced line would leave half of it
    assert rig.port.mic_written == 320
    rig.run(0.99)
    assert rig.port.mic_written == 320, "media time stands still"
    np.testing.assert_array_equal(rig.put_out()[:RATE], numbered(1, RATE))
    assert rig.line.figures()["input_starved"] == 0
    assert rig.events("input_starved") == []


@pytest.mark.parametrize("stall_at_s", [0.7, 1.0, 2.9, 3.5])
def test_law10_a_stall_of_3_s_with_a_flood_behind_it_changes_no_decision(stall_at_s: float) -> None:
    """In a word, at its end, in the middle of a sentence: what is decided, and at which sample of the media clock."""
    expected, rig = heard_steadily(SPOKEN), Rig(kind="network")
    at, stalled = round(stall_at_s * 16000), round((stall_at_s + 3.0) * 16000)
    for start in range(0, at, 320):
        rig.hear(SPOKEN[start : min(start + 320, at)])
        rig.run(0.02)
    rig.run(3.0)
    rig.hear(SPOKEN[at:stalled])
    for start in range(stalled, len(SPOKEN), 320):
        rig.run(0.02)
        rig.hear(SPOKEN[start : start + 320])
    rig.run(0.5)
    np.testing.assert_array_equal(rig.mic.read(), SPOKEN)
    np.testing.assert_array_equal(rig.port.probabilities(0).read(), expected.port.probabilities(0).read())
    got = decisions(rig)
    assert got == decisions(expected)
    assert [kind for kind, *_ in got if kind == "turn_ended"] == ["turn_ended"] * 2


def test_law10_what_the_caller_said_in_a_stall_stops_the_agent_after_it() -> None:
    rig = Rig(kind="network")
    rig.hear(level((0.5, 0)))
    rig.speak(10.0)
    rig.run(3.0)  # he speaks, and nothing comes
    rig.hear(level((0.5, 0), (0.8, 0.9), (1.2, 0)))
    rig.run(0.1)
    assert [e.kind for e in rig.events("cut")] == ["cut"]


def test_a_stall_says_nothing_about_the_microphone() -> None:
    rig = Rig(kind="network", link_lost_s=3600)
    rig.hear(level((1.0, 0.5)))
    rig.run(300.0, [0.1])
    rig.hear(level((1.0, 0.5)))
    rig.run(1.0)
    assert rig.events("mic_level") == []


# ---- law 6


@settings(max_examples=20, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 5000), min_size=1, max_size=20),
    ticks=st.lists(st.integers(0, 30), min_size=1, max_size=20),
)
def test_law6_how_and_when_input_comes_never_changes_what_is_decided(cuts: list[int], ticks: list[int]) -> None:
    expected, rig, at, i = heard_steadily(SPOKEN), Rig(kind="network"), 0, 0
    while at < len(SPOKEN):
        rig.hear(SPOKEN[at : at + cuts[i % len(cuts)]])
        at += cuts[i % len(cuts)]
        rig.run(0.01 * ticks[i % len(ticks)])
        i += 1
    rig.run(1.0)
    np.testing.assert_array_equal(rig.mic.read(), SPOKEN)
    assert decisions(rig) == decisions(expected)


# ---- law 8


def test_law8_a_flood_is_taken_in_bounded_parts() -> None:
    """Faster than real time, and not so much in one tick that other lines would have to wait."""
    rig = Rig(kind="network", input_s=10.0)
    rig.hear(level((4.0, 0.5)))
    taken = []
    for _ in range(14):
        rig.run(0.01)
        taken.append(rig.port.mic_written)
    assert taken == [min(5120 * (k + 1), 64000) for k in range(14)]
    assert rig.line.figures()["windows"] == 64000 // W


def test_law8_what_is_beyond_the_bound_is_dropped_and_counted() -> None:
    port, engine = AudioPort(RATE), Engine()
    line = engine.add(port, kind="network", input_s=1.0)
    bound = line.room
    assert line.push(level((5.0, 0.1))) == bound
    assert line.figures()["input_dropped"] == 80000 - bound
    engine.step(0)
    for tick in range(1, 100):
        engine.step(tick * TICK_NS)
    assert (line.figures()["input_taken"], line.room, port.mic_written) == (bound, bound, bound)


# ---- the link


def links(rig: Rig) -> list[tuple[str, int, int]]:
    return [(e.kind, e.mic, e.a) for e in rig.events("link_lost", "link_back")]


def test_a_lost_link_is_told_once_and_once_more_when_it_is_back() -> None:
    rig = Rig(kind="network", link_lost_s=2.0)
    rig.run(10.0)
    assert links(rig) == [], "nobody was there yet"
    rig.hear(level((0.02, 0.1)))
    rig.run(1.99)
    assert links(rig) == []
    rig.run(5.02)
    assert links(rig) == [("link_lost", 320, 2000)]
    rig.hear(level((0.02, 0.1)))
    rig.run(1.0)
    assert links(rig) == [("link_back", 320, 7000)]
    figures = rig.line.figures()
    assert (figures["link_losses"], figures["link_silent_ms"]) == (1, 7000 + 990)


def test_gaps_between_packets_are_no_silence_of_the_link() -> None:
    rig = heard_steadily(level((2.0, 0.1)))
    assert rig.line.figures()["link_silent_ms"] == 0


# ---- law 5


def test_law5_a_call_over_a_bad_link_replays_bit_for_bit(tmp_path: Path) -> None:
    vad, pick, path = SileroVad(), np.random.default_rng(3), tmp_path / "call.rtj"
    port, engine = AudioPort(RATE), Engine(vad=vad)
    detector = DetectorConfig(endpoint_silence_s=0.3)
    with Journal(path, port, input_rate=24000, detector=detector) as journal:
        line = engine.add(port, kind="network", input_rate=24000, detector=detector, journal=journal, link_lost_s=0.5)
        segment = port.playout.open_segment()
        engine.step(0)
        for tick in range(1, 400):
            segment.write(pick.normal(0, 0.1, 240).astype(np.float32))
            if pick.random() < 0.4 and not 100 < tick < 200:
                line.push(pick.normal(0, 0.1, int(pick.integers(0, 2000))).astype(np.float32))
            engine.step(tick * TICK_NS)
        engine.remove(line)
    told: list[Event] = [e for e in port.events() if e.kind.startswith("link")]
    assert [e.kind for e in told] == ["link_lost", "link_back"]
    kept = read_journal(path)
    assert kept.complete
    assert check_replay(kept, vad).found == []


# ---- law 11


def test_the_output_has_one_consumer() -> None:
    port, engine = AudioPort(RATE), Engine(vad=LevelVad())
    line = engine.add(port, kind="network")
    with pytest.raises(SecondConsumer):
        port.playout.pull(240)
    engine.remove(line)
    assert len(port.playout.pull(240)) == 240


@pytest.mark.parametrize("link_lost_s", [0.0, -1.0, float("nan"), 86401.0])
def test_a_time_that_cannot_be_is_refused(link_lost_s: float) -> None:
    with pytest.raises(ValueError, match="link_lost_s"):
        Engine().add(AudioPort(RATE), kind="network", link_lost_s=link_lost_s)


# ---- a turn model in a burst

NEVER = TurnEvidence(p_trimmed=0.001, p_asked=0.001)
THINKS = level((0.5, 0), (0.8, 0.9), (0.3, 0), (0.8, 0.9), (0.9, 0), (0.7, 0.9), (0.9, 0), (0.7, 0.9), (4.0, 0))


def with_a_model(cuts: list[tuple[int, float]], answers: bool = True) -> tuple[Rig, list[tuple[object, ...]]]:
    """Input by (samples, seconds that pass after them); the model answers each question 30 ms later."""
    rig, at = Rig(kind="network", detector=DetectorConfig(turn=TurnConfig(silence_s=0.5))), 0
    asked: list[tuple[int, int]] = []
    told: list[tuple[object, ...]] = []
    for count, seconds in cuts:
        rig.hear(THINKS[at : at + count])
        at += count
        for _ in range(round(seconds * 100)):
            rig.run(0.01)
            for event in rig.events():
                if event.kind == "turn_asked" and answers:
                    asked.append((rig.now_ns + 30_000_000, event.a))
                elif event.kind in DECISIONS:
                    told.append((event.kind, event.mic, event.a))
            while asked and asked[0][0] <= rig.now_ns:
                rig.line.post_turn_evidence(asked.pop(0)[1], NEVER)
    return rig, told


def test_law10_a_burst_leaves_a_turn_model_its_time() -> None:
    """Two pauses of 0.9 s within a flood, of which the model says that the turn is not complete: it goes on."""
    steady, expected = with_a_model([(320, 0.02)] * (len(THINKS) // 320))
    flood = 3 * 16000
    rig, told = with_a_model(
        [(320, 0.02)] * 100 + [(0, 3.0), (flood, 0.02)] + [(320, 0.02)] * (len(THINKS) // 320 - 250)
    )
    assert told == expected
    assert [kind for kind, *_ in told].count("turn_ended") == 1
    assert rig.line.figures()["turn_late"] == steady.line.figures()["turn_late"] == 0
    _, alone = with_a_model([(320, 0.02)] * (len(THINKS) // 320), answers=False)
    assert [kind for kind, *_ in alone].count("turn_ended") > 1, "silence alone would have ended it"


def test_without_a_model_a_burst_does_not_wait() -> None:
    rig, _ = with_a_model([(3 * 16000, 0.1)], answers=False)
    assert rig.port.mic_written == 3 * 16000
