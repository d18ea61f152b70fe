"""The caller's line and the recorder: what is heard and what is put out stay side by side, to the sample."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rtaudio.cli.caller import Caller
from rtaudio.cli.recorder import Envelope, Recorder
from rtaudio.cli.wav import resample
from rtaudio.core import MIC_RATE, AudioPort, Engine

TICKS = 60
TICK_NS = 10_000_000
CLIP = np.random.default_rng(3).uniform(-0.5, 0.5, 1500).astype(np.float32)
SPEECH = np.random.default_rng(4).uniform(-0.5, 0.5, 6000).astype(np.float32)


@dataclass
class Kept:
    """An output in memory."""

    blocks: list[NDArray[np.float32]] = field(default_factory=list)

    def write(self, frames: NDArray[np.float32]) -> None:
        self.blocks.append(frames.copy())

    @property
    def frames(self) -> NDArray[np.float32]:
        return np.concatenate(self.blocks)


def record(rate: int, at: int, collects: set[int], ahead: list[int]) -> NDArray[np.float32]:
    """A call of 0.6 s in which both sides speak; `ahead`: ticks that the line is filled ahead, in turn."""
    kept = Kept()
    with Engine() as engine, AudioPort(rate) as port:
        line = engine.add(port, input_rate=MIC_RATE)
        caller = Caller(line)
        recorder = Recorder(port, [kept])
        assert caller.say(CLIP, at) == (at, at + len(CLIP))
        segment = port.playout.open_segment()
        segment.write(SPEECH)
        segment.end()
        engine.step(TICK_NS)
        for tick in range(1, TICKS + 1):
            caller.feed((tick + ahead[tick % len(ahead)]) * 160)
            engine.step(TICK_NS * (tick + 1))
            if tick in collects:
                recorder.collect()
        recorder.close()
        assert recorder.lost == 0
        assert line.figures()["input_starved"] == 0
    return kept.frames


@pytest.mark.parametrize("rate", [16000, 24000, 48000])
def test_both_sides_are_where_they_were_put(rate: int) -> None:
    frames = record(rate, 1000, {TICKS}, [0])
    assert frames.shape == (TICKS * rate // 100, 2)
    line = np.zeros(TICKS * 160, np.float32)
    line[1000 : 1000 + len(CLIP)] = CLIP
    assert np.array_equal(frames[:, 0], resample(line, MIC_RATE, rate)[: len(frames)])
    assert np.array_equal(frames[rate // 100 : len(SPEECH), 1], SPEECH[rate // 100 :])
    assert not frames[len(SPEECH) :, 1].any()


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 7000),
    st.sets(st.integers(1, TICKS)),
    st.lists(st.integers(0, 12), min_size=1, max_size=7),
)
def test_when_it_is_fed_and_collected_never_changes_the_recording(
    at: int, collects: set[int], ahead: list[int]
) -> None:
    """Law 6."""
    assert np.array_equal(record(24000, at, collects, ahead), record(24000, at, set(), [0]))


def test_a_clip_is_never_put_where_the_line_is_filled_already() -> None:
    with Engine() as engine, AudioPort(24000) as port:
        caller = Caller(engine.add(port, input_rate=MIC_RATE))
        caller.feed(800)
        assert caller.say(CLIP, 100) == (800, 800 + len(CLIP))
        assert caller.say(CLIP, 0) == (800 + len(CLIP), 800 + 2 * len(CLIP))
        assert caller.talks


def test_what_was_collected_too_late_is_silence_and_counted() -> None:
    """Law 8: a bounded tap, a counter, and the rest still in its place."""
    kept = Kept()
    with Engine() as engine, AudioPort(16000, tap_s=1.0) as port:
        caller = Caller(engine.add(port, input_rate=MIC_RATE))
        recorder = Recorder(port, [kept])
        engine.step(TICK_NS)
        segment = port.playout.open_segment()
        segment.write(np.full(16000 * 6, 0.5, np.float32))
        for tick in range(1, 501):
            caller.feed(tick * 160)
            engine.step(TICK_NS * (tick + 1))
        recorder.close()
    agent = kept.frames[:, 1]
    assert recorder.lost > 0
    assert len(agent) == 500 * 160
    assert not agent[: recorder.lost].any()
    assert (agent[recorder.lost :] == 0.5).all()


def test_a_line_at_another_rate_is_refused() -> None:
    with (
        Engine() as engine,
        AudioPort(24000) as port,
        pytest.raises(ValueError, match="48000 Hz"),
    ):
        Caller(engine.add(port, input_rate=48000))


@given(st.lists(st.integers(0, 700), max_size=12))
def test_an_envelope_does_not_depend_on_the_blocks(sizes: list[int]) -> None:
    """Law 6."""
    frames = np.random.default_rng(5).uniform(-1, 1, (sum(sizes), 2)).astype(np.float32)
    cut, whole = Envelope(24000), Envelope(24000)
    whole.write(frames)
    for block in np.split(frames, np.cumsum(sizes)):
        cut.write(block)
    assert np.array_equal(cut.bins(), whole.bins())
    assert len(whole.bins()) == sum(sizes) // 200
