"""What is sent of what was put out: all of the speech at its positions, no silence, nothing from before a flush."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("msgspec", reason="msgspec is not installed: pip install 'rtaudio[serve]'")

from hypothesis import given
from hypothesis import strategies as st

from rtaudio.core import AudioPort
from rtaudio.transports.websocket.frames import AudioFrame, to_pcm16
from rtaudio.transports.websocket.messages import Clear
from rtaudio.transports.websocket.outgoing import Outgoing, Sent

RATE = 24000
TICK = 240


class World:
    """A port that is pulled by hand, and what is sent of it."""

    def __init__(self, looks_every: int = 1) -> None:
        self.port = AudioPort(RATE)
        self.tap, self.events = self.port.tap(0), self.port.event_reader()
        self.outgoing = Outgoing(RATE)
        self.sent: list[Sent] = []
        self.put_out: list[np.ndarray[tuple[int], np.dtype[np.float32]]] = []
        self._every, self._ticks = looks_every, 0

    def say(self, count: int, value: float = 0.25) -> None:
        segment = self.port.playout.open_segment()
        assert segment.write(np.full(count, value, np.float32)) == count
        segment.end()

    def pull(self, ticks: int) -> None:
        for _ in range(ticks):
            self.put_out.append(self.port.playout.pull(TICK))
            self._ticks += 1
            if self._ticks % self._every == 0:
                self.look()

    def look(self) -> None:
        count = self.tap.available
        self.outgoing.note(self.events.read()[0])
        if count:
            self.sent += self.outgoing.take(self.tap.read(count))

    def frames(self) -> list[AudioFrame]:
        return [each for each in self.sent if isinstance(each, AudioFrame)]

    def received(self) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
        """What a client hears that plays everything at its position."""
        out = np.zeros(sum(map(len, self.put_out)), np.int16)
        for frame in self.frames():
            out[frame.position : frame.stop] = frame.samples
        return out

    def everything(self) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
        return to_pcm16(np.concatenate(self.put_out))


@pytest.mark.parametrize("looks_every", [1, 2, 7])
def test_speech_arrives_at_its_positions_and_silence_is_not_sent(looks_every: int) -> None:
    world = World(looks_every)
    world.pull(5)
    world.say(1000)
    world.pull(30)
    world.say(2400)
    world.pull(19)
    world.look()
    assert np.array_equal(world.received(), world.everything())
    figures = world.outgoing.figures()
    assert figures["sent"] + figures["silent"] == sum(map(len, world.put_out))
    assert figures["sent"] <= 3400 + 2 * TICK
    assert [frame.start for frame in world.frames()].count(True) == 2
    assert [frame.end for frame in world.frames()].count(True) == 2


def test_a_pause_within_a_sentence_is_sent_so_that_nothing_runs_dry() -> None:
    world = World()
    segment = world.port.playout.open_segment()
    segment.write(np.concatenate([np.full(480, 0.5), np.zeros(9600), np.full(480, 0.5)]).astype(np.float32))
    segment.end()
    world.pull(60)
    first, last = world.frames()[0], world.frames()[-1]
    assert (first.start, last.end) == (True, True)
    assert sum(len(frame.samples) for frame in world.frames()) == last.stop - first.position == 10560


def test_a_paused_agent_ends_and_starts_again() -> None:
    world = World()
    world.say(9600)
    world.pull(10)
    world.port.playout.pause()
    world.pull(20)
    world.port.playout.resume()
    world.pull(50)
    assert [(frame.start, frame.end) for frame in world.frames() if frame.start or frame.end] == [
        (True, False),
        (False, True),
        (True, False),
        (False, True),
    ]
    assert np.array_equal(world.received(), world.everything())


def test_a_flush_is_a_clear_where_the_fade_ends_and_nothing_of_before_follows() -> None:
    world = World()
    world.say(48000)
    world.pull(10)
    world.port.playout.flush()
    world.pull(5)
    world.say(480, 0.75)
    world.pull(10)
    (clear,) = (each for each in world.sent if isinstance(each, Clear))
    assert 2400 < clear.position <= 2400 + 120
    behind = world.sent[world.sent.index(clear) + 1 :]
    assert all(isinstance(each, AudioFrame) and each.position >= clear.position for each in behind)
    assert np.array_equal(world.received()[clear.position :], world.everything()[clear.position :])


def test_what_was_not_sent_before_a_flush_is_not_sent_after_it() -> None:
    world = World(looks_every=1000)
    world.say(48000)
    world.pull(10)
    world.port.playout.flush()
    world.pull(10)
    world.look()
    assert [type(each) for each in world.sent] == [Clear]
    assert world.outgoing.figures()["flushed"] > 2400


def test_a_flush_while_paused_leaves_silence_behind() -> None:
    """The resume that comes with a flush is of no segment."""
    world = World()
    world.say(48000)
    world.pull(10)
    world.port.playout.pause()
    world.pull(10)
    world.port.playout.flush()
    world.port.playout.resume()
    world.pull(50)
    assert isinstance(world.sent[-1], Clear)


def test_sound_outside_of_segments_is_sent_too() -> None:
    world = World()
    outgoing = Outgoing(RATE)
    loud, quiet = np.full(TICK, 0.1, np.float32), np.zeros(TICK, np.float32)
    sent = outgoing.take(np.concatenate([quiet, loud, loud, quiet, quiet]))
    (frame,) = sent
    assert isinstance(frame, AudioFrame)
    assert (frame.position, len(frame.samples), frame.start, frame.end) == (TICK, 3 * TICK, True, True)
    world.port.close()


def test_what_was_lost_is_skipped_and_counted() -> None:
    outgoing = Outgoing(RATE)
    loud = np.full(TICK, 0.1, np.float32)
    outgoing.take(loud)
    outgoing.skip(1000)
    (frame,) = outgoing.take(loud)
    assert isinstance(frame, AudioFrame)
    assert frame.position == TICK + 1000
    assert outgoing.figures()["skipped"] == 1000


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 900)), min_size=1, max_size=12),
    st.lists(st.integers(1, 1500), min_size=1, max_size=20),
)
def test_how_it_is_cut_changes_nothing_of_what_arrives(stretches: list[tuple[bool, int]], cuts: list[int]) -> None:
    """Law 6."""
    sound = np.concatenate([np.full(count, 0.25 * loud, np.float32) for loud, count in stretches])
    sound = np.concatenate([sound, np.zeros(3 * TICK, np.float32)])
    whole = spread(Outgoing(RATE).take(sound), len(sound))
    pieces, outgoing, at = [], Outgoing(RATE), 0
    for count in [*cuts, len(sound)]:
        pieces += outgoing.take(sound[at : at + count])
        at += count
    assert np.array_equal(spread(pieces, len(sound)), whole)


def spread(sent: list[Sent], count: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """Per sample: how loud, whether sent, whether at a start or just before an end."""
    out = np.zeros((count + 1) * 4, np.int16).reshape(4, -1)
    for frame in sent:
        assert isinstance(frame, AudioFrame)
        out[0, frame.position : frame.stop] = frame.samples
        out[1, frame.position : frame.stop] += 1
        out[2, frame.position] += frame.start
        out[3, frame.stop] += frame.end
    return out
