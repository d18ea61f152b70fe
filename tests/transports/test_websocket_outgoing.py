"""What is sent of what was put out: all of the speech at its positions, no silence, nothing from before a clear."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("msgspec", reason="msgspec is not installed: pip install 'rtaudio[serve]'")

from hypothesis import given
from hypothesis import strategies as st

from rtaudio.core import AudioPort, Engine, OutAudio, OutDuck, OutLost
from rtaudio.transports.websocket.frames import AudioFrame, to_pcm16
from rtaudio.transports.websocket.messages import Clear, Duck
from rtaudio.transports.websocket.outgoing import Outgoing, Sent

Pcm = NDArray[np.int16]
RATE = 24000
TICK = 240
LEAD_S = 0.2


class World:
    """A line with a lead on virtual time, and what is sent of it to a client that plays at once all it may."""

    def __init__(self, looks_every: int = 1, lead_s: float = LEAD_S) -> None:
        self.port = AudioPort(RATE)
        self.engine = Engine()
        self.line = self.engine.add(self.port, kind="network", remote="ducks", lead_s=lead_s)
        self.put_out, self.events = self.port.outgoing(0), self.port.event_reader()
        self.tap = self.port.tap(0)
        self.outgoing = Outgoing(RATE)
        self.sent: list[Sent] = []
        self._every, self._ticks = looks_every, 0
        self.engine.step(0)

    def say(self, count: int, value: float = 0.25) -> None:
        segment = self.port.playout.open_segment()
        assert segment.write(np.full(count, value, np.float32)) == count
        segment.end()

    def run(self, ticks: int) -> None:
        for _ in range(ticks):
            self._ticks += 1
            self.engine.step(self._ticks * 10_000_000)
            if self._ticks % self._every == 0:
                self.look()

    def look(self) -> None:
        items = self.put_out.read()
        self.sent += self.outgoing.take(items, self.events.read()[0])

    def frames(self) -> list[AudioFrame]:
        return [each for each in self.sent if isinstance(each, AudioFrame)]

    def received(self) -> Pcm:
        """What a client hears that plays everything at its position."""
        out = np.zeros(self.put_out.position, np.int16)
        for frame in self.frames():
            out[frame.position : frame.stop] = frame.samples
        return out

    def everything(self) -> Pcm:
        return to_pcm16(self.tap.copy(0, self.put_out.position))


@pytest.mark.parametrize("lead_s", [0.0, LEAD_S])
@pytest.mark.parametrize("looks_every", [1, 2, 7])
def test_speech_arrives_at_its_positions_and_silence_is_not_sent(looks_every: int, lead_s: float) -> None:
    world = World(looks_every, lead_s)
    world.run(5)
    world.say(1000)
    world.run(30)
    world.say(2400)
    world.run(40)
    world.look()
    assert np.array_equal(world.received(), world.everything())
    figures = world.outgoing.figures()
    assert figures["sent"] + figures["silent"] == world.put_out.position
    assert 3400 <= figures["sent"] <= 3400 + 4 * TICK
    assert [frame.start for frame in world.frames()].count(True) == 2
    assert [frame.end for frame in world.frames()].count(True) == 2


def test_the_first_word_leaves_at_once_and_the_lead_behind_it() -> None:
    world = World()
    world.run(5)
    world.say(24000)
    world.run(1)
    assert sum(len(frame.samples) for frame in world.frames()) == TICK + LEAD_S * RATE
    assert world.frames()[0].start


def test_the_end_of_speech_waits_for_nothing() -> None:
    """Samples that are no whole block: all are sent when they are put out, not when what follows is."""
    world = World()
    world.run(5)
    world.say(1001)
    world.run(1)
    assert sum(len(frame.samples) for frame in world.frames()) == 1001
    assert not world.frames()[-1].end
    world.run(10)
    assert world.frames()[-1].end
    assert not world.frames()[-1].samples.any()


def test_a_pause_within_a_sentence_is_sent_so_that_nothing_runs_dry() -> None:
    world = World()
    segment = world.port.playout.open_segment()
    segment.write(np.concatenate([np.full(480, 0.5), np.zeros(9600), np.full(480, 0.5)]).astype(np.float32))
    segment.end()
    world.run(80)
    frames = world.frames()
    assert (frames[0].start, frames[-1].end) == (True, True)
    assert frames[0].position == 0
    assert all(one.stop == other.position for one, other in pairwise(frames))
    assert 10560 <= frames[-1].stop <= 10560 + 2 * TICK


def test_a_paused_agent_is_cleared_and_starts_again_with_what_was_not_played() -> None:
    world = World()
    world.say(9600)
    world.run(10)
    world.port.playout.pause()
    world.run(1)
    clear = world.sent[-1]
    assert isinstance(clear, Clear)
    world.line.report_remote(1700, clear.id)
    world.run(20)
    assert world.sent[-1] == clear
    world.port.playout.resume()
    world.run(60)
    after = [each for each in world.sent[world.sent.index(clear) + 1 :] if isinstance(each, AudioFrame)]
    assert after[0].start
    assert after[-1].end
    assert 9600 - 1700 <= sum(len(frame.samples) for frame in after) <= 9600 - 1700 + 2 * TICK


def test_after_a_clear_nothing_of_before_follows() -> None:
    world = World()
    world.say(48000)
    world.run(10)
    world.port.playout.flush()
    world.run(5)
    world.say(480, 0.75)
    world.run(10)
    (clear,) = (each for each in world.sent if isinstance(each, Clear))
    assert clear.position == 10 * TICK + LEAD_S * RATE
    behind = world.sent[world.sent.index(clear) + 1 :]
    assert behind
    assert all(isinstance(each, AudioFrame) and each.position >= clear.position for each in behind)
    assert np.array_equal(world.received()[clear.position :], world.everything()[clear.position :])


def test_what_was_not_sent_before_a_clear_is_not_sent_after_it() -> None:
    world = World(looks_every=1000)
    world.say(48000)
    world.run(10)
    world.port.playout.flush()
    world.run(10)
    world.look()
    assert [type(each) for each in world.sent] == [Clear]
    assert world.outgoing.figures()["unsent"] == 10 * TICK + LEAD_S * RATE


def test_a_flush_while_paused_leaves_silence_behind() -> None:
    """The resume that comes with a flush is of no segment."""
    world = World()
    world.say(48000)
    world.run(10)
    world.port.playout.pause()
    world.run(10)
    world.port.playout.flush()
    world.port.playout.resume()
    world.run(50)
    assert isinstance(world.sent[-1], Clear)


def test_a_duck_stands_between_the_samples_without_and_those_with_it() -> None:
    world = World()
    world.say(24000)
    world.run(5)
    world.port.playout.duck(-12.0, 0.02)
    world.run(5)
    (duck,) = (each for each in world.sent if isinstance(each, Duck))
    assert abs(duck.gain - 10 ** (-12 / 20)) < 1e-6
    assert duck.ramp_ms == 20
    assert duck.position == 5 * TICK + LEAD_S * RATE
    level = np.abs(world.received()[: duck.position + TICK].astype(np.float64)) / 32768
    assert level[duck.position - 1] == 0.25
    assert level[duck.position + TICK - 1] < 0.2


def test_sound_outside_of_segments_is_sent_too() -> None:
    loud, quiet = np.full(TICK, 0.1, np.float32), np.zeros(TICK, np.float32)
    (frame,) = Outgoing(RATE).take([OutAudio(0, np.concatenate([quiet, loud, loud, quiet, quiet]))], [])
    assert isinstance(frame, AudioFrame)
    assert (frame.position, len(frame.samples), frame.start, frame.end) == (TICK, 3 * TICK, True, True)


def test_what_was_lost_is_skipped_and_counted() -> None:
    outgoing = Outgoing(RATE)
    loud = np.full(TICK, 0.1, np.float32)
    outgoing.take([OutAudio(0, loud)], [])
    (frame,) = outgoing.take([OutLost(TICK + 1000, 1000), OutAudio(TICK + 1000, loud)], [])
    assert isinstance(frame, AudioFrame)
    assert frame.position == TICK + 1000
    assert outgoing.figures()["lost"] == 1000


def test_gains_no_message_can_hold_are_the_most_that_it_can() -> None:
    (duck,) = Outgoing(RATE).take([OutDuck(0, 1e9, 1 << 40)], [])
    assert duck == Duck(gain=1000.0, ramp_ms=60_000.0, position=0)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 900)), min_size=1, max_size=12),
    st.lists(st.integers(1, 1500), min_size=1, max_size=20),
)
def test_how_it_is_cut_changes_nothing_of_what_arrives(stretches: list[tuple[bool, int]], cuts: list[int]) -> None:
    """Law 6."""
    sound = np.concatenate([np.full(count, 0.25 * loud, np.float32) for loud, count in stretches])
    sound = np.concatenate([sound, np.zeros(3 * TICK, np.float32)])
    whole = spread(Outgoing(RATE).take([OutAudio(0, sound)], []), len(sound))
    pieces, outgoing, at = [], Outgoing(RATE), 0
    for count in [*cuts, len(sound)]:
        pieces += outgoing.take([OutAudio(at, sound[at : at + count])], [])
        at = min(at + count, len(sound))
    assert np.array_equal(spread(pieces, len(sound)), whole)


def spread(sent: list[Sent], count: int) -> Pcm:
    """Per sample: how loud, whether sent, whether at a start or just before an end."""
    out = np.zeros((count + 1) * 4, np.int16).reshape(4, -1)
    for frame in sent:
        assert isinstance(frame, AudioFrame)
        out[0, frame.position : frame.stop] = frame.samples
        out[1, frame.position : frame.stop] += 1
        out[2, frame.position] += frame.start
        out[3, frame.stop] += frame.end
    return out
