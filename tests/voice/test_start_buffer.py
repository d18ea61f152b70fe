"""A voice slower than speech: playout begins once it will not run dry in mid-word; a fast voice is never waited for."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio.testing import Failure, FakeTTS, Simulation, virtual_time
from rtaudio.voice import SessionOptions, TurnMetrics
from rtaudio.voice.start_buffer import StartBuffer, needed_s
from tests.voice.conversations import Cast, conversation

PIECES = st.lists(st.tuples(st.integers(0, 100), st.integers(1, 100)), min_size=1, max_size=30)


def starves(pieces: list[tuple[float, float]], begin_with_s: float) -> bool:
    """Played from when so much is there: is there a moment with nothing to play before the end? Piece by piece."""
    had = [0.0, *accumulate(length for _, length in pieces)]
    begin = next((t for (t, _), after in zip(pieces, had[1:], strict=True) if after >= begin_with_s), pieces[-1][0])
    return any(t > begin + before for (t, _), before in zip(pieces, had[:-1], strict=True) if t > begin)


@given(PIECES)
def test_what_was_needed_is_enough_and_less_is_not(drawn: list[tuple[int, int]]) -> None:
    times = accumulate(wait for wait, _ in drawn)
    pieces = [(float(t), float(length)) for t, (_, length) in zip(times, drawn, strict=True)]
    needed = needed_s(pieces)
    assert not starves(pieces, needed)
    if needed > 0:
        had = [0.0, *accumulate(length for _, length in pieces)]
        less = max(after for after in had[1:] if after < needed)
        assert starves(pieces, less)


def test_a_voice_faster_than_speech_needs_nothing() -> None:
    assert needed_s([(0.1 * k, 0.2) for k in range(20)]) == 0.0
    assert needed_s([(0.0, 3.0)]) == 0.0
    assert needed_s([]) == 0.0


def test_it_learns_at_once_and_forgets_slowly() -> None:
    buffer = StartBuffer(1.0)
    slow = [(0.2 / 0.7 * k, 0.2) for k in range(10)]
    buffer.learn(slow)
    assert buffer.learned_s == pytest.approx(0.6, abs=0.21)
    before = buffer.learned_s
    buffer.learn([(0.0, 1.0)])
    assert 0.7 * before < buffer.learned_s < before
    for _ in range(20):
        buffer.learn([(0.0, 1.0)])
    assert buffer.learned_s == 0.0
    buffer.learn([(5.0 * k, 0.2) for k in range(9)])
    assert buffer.learned_s == 1.0, "bounded"


SAID = "This is a sentence of one clause and of no more."


async def talk(tts: FakeTTS, **options: float) -> tuple[list[int], Simulation]:
    """The agent says the same three times with that voice: how often it ran dry each time."""
    async with conversation(Cast(tts=tts), options=SessionOptions(**options)) as sim:
        events = sim.port.event_reader()
        for _ in range(3):
            said = sim.session.say(SAID)
            await sim.until(said.done, 60)
            assert said.message is not None
            assert said.message.text == SAID
            await sim.advance(0.5)
        dry: dict[int, int] = {}
        for event in events.read()[0]:
            if event.kind == "segment_started":
                dry[event.segment] = 0
            elif event.kind == "underrun":
                dry[event.segment] += 1
    return list(dry.values()), sim


VOICES = {
    "0.7 of real time": {"piece_s": 0.1, "piece_every_s": 0.1 / 0.7},
    "bursts": {"piece_s": 0.6, "piece_every_s": 0.8},
}


@pytest.mark.parametrize("voice", VOICES.values(), ids=VOICES.keys())
def test_after_the_first_reply_a_slow_voice_no_longer_runs_dry(voice: dict[str, float]) -> None:
    dry, _ = virtual_time.run(talk(FakeTTS(**voice)))
    assert dry[0] > 0, "the first time nobody can know"
    assert dry[1:] == [0, 0]
    always, _ = virtual_time.run(talk(FakeTTS(**voice), start_buffer_s=0.0))
    assert min(always) > 0, "the test can fail"


def test_a_fast_voice_is_never_waited_for() -> None:
    for voice in ({"piece_every_s": 0.0}, {"piece_s": 0.2, "piece_every_s": 0.15}):
        took = []
        for most_s in (1.0, 0.0):
            dry, sim = virtual_time.run(talk(FakeTTS(**voice), start_buffer_s=most_s))
            assert dry == [0, 0, 0]
            took.append([metrics.first_sample_s for metrics in sim.told(TurnMetrics)])
        assert took[0] == took[1]
        assert len(took[0]) == 3


def test_a_voice_that_fails_while_it_is_waited_for_is_heard_as_far_as_it_came() -> None:
    async def main() -> None:
        tts = FakeTTS(piece_s=0.1, piece_every_s=0.1 / 0.7)
        async with conversation(Cast(tts=tts)) as sim:
            said = sim.session.say(SAID)
            await sim.until(said.done, 60)
            tts.failure = Failure("raise", after=4)
            said = sim.session.say(SAID)
            await sim.until(said.done, 60)
            message = said.message
            assert message is not None
            assert message.interrupted
            assert message.text.startswith("This")

    virtual_time.run(main())
