"""Law 11 at the port: bad input gets an error that says what, where and what to do, and leaves the port usable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rtaudio import AudioPort, CoreJournal, LostSamples, Playout, PortClosed

RATE = 24000

BAD_SPEECH: list[tuple[Any, type[Exception], str]] = [
    (np.zeros(4, np.float64), TypeError, "float32 or int16, not float64"),
    (np.zeros((2, 4), np.float32), ValueError, r"shape \(n,\), not \(2, 4\)"),
    (np.zeros(8, np.float32)[::2], ValueError, "contiguous"),
    (np.array([0, np.nan, 0], np.float32), ValueError, "finite"),
    (np.array([0, np.inf], np.float32), ValueError, "finite"),
    (b"\x00\x01\x02", ValueError, "3 bytes are not whole 16-bit samples"),
    ([0.0, 0.1], TypeError, "NumPy array"),
    ("speech", TypeError, "NumPy array"),
]


@pytest.mark.parametrize(("samples", "error", "says"), BAD_SPEECH)
@pytest.mark.parametrize("rate", [RATE, 16000])
def test_bad_speech_is_refused_whole_and_the_segment_goes_on(
    samples: Any, error: type[Exception], says: str, rate: int
) -> None:
    playout = Playout(RATE)
    segment = playout.open_segment()
    segment.write(np.zeros(0, np.float32), rate)
    with pytest.raises(error, match=says):
        segment.write(samples, rate)
    assert playout.ledger().written == 0
    assert segment.write(np.ones(480, np.float32), rate) == 480
    segment.end()
    assert playout.pull(480).any()


def test_zero_length_and_int16_and_bytes_are_welcome() -> None:
    playout = Playout(RATE)
    segment = playout.open_segment()
    assert segment.write(np.zeros(0, np.float32)) == 0
    assert segment.write(b"") == 0
    assert segment.write(np.array([16384, -32768], np.int16)) == 2
    assert segment.write(np.array([16384], "<i2").tobytes()) == 1
    np.testing.assert_array_equal(playout.pull(3), np.array([0.5, -1.0, 0.5], np.float32))


def test_rates_are_checked() -> None:
    segment = Playout(RATE).open_segment()
    with pytest.raises(ValueError, match=r"from 11000 to 24000 Hz.*vhq"):
        segment.write(np.zeros(4, np.float32), 11000)
    segment.write(np.zeros(4, np.float32), 16000)
    with pytest.raises(ValueError, match="rate cannot change to 48000"):
        segment.write(np.zeros(4, np.float32), 48000)
    for rate in (0, -1, 24000.0, "24000", 1_000_000):
        with pytest.raises((ValueError, TypeError)):
            Playout(rate)  # type: ignore[arg-type]


def test_segments_are_written_in_order_and_not_after_their_end() -> None:
    playout = Playout(RATE)
    first, second = playout.open_segment(), playout.open_segment()
    first.write(np.ones(10, np.float32))
    with pytest.raises(RuntimeError, match="earlier segment is still open"):
        second.write(np.ones(10, np.float32))
    first.end()
    first.end()
    assert second.write(np.ones(10, np.float32)) == 10
    with pytest.raises(ValueError, match="has ended"):
        first.write(np.ones(10, np.float32))


def test_bounds_say_when_they_are_reached() -> None:
    """Law 8."""
    playout = Playout(RATE)
    for _ in range(64):
        playout.open_segment().end()
    with pytest.raises(BlockingIOError, match="64 segments are waiting"):
        playout.open_segment()
    playout.pull(1)
    segment = playout.open_segment()
    for mark in range(32):
        segment.add_mark(mark, mark)
    with pytest.raises(BlockingIOError):
        segment.add_mark(33, 33)


@pytest.mark.parametrize(
    "use",
    [
        lambda port: port.playout.open_segment(),
        lambda port: port.playout.pull(10),
        lambda port: port.playout.flush(),
        lambda port: port.playout.pause(),
        lambda port: port.playout.duck(-3),
        lambda port: port.mic(),
        lambda port: port.events(),
        lambda port: port.write_mic(np.zeros(3, np.float32)),
        lambda port: port.commit,
        lambda port: CoreJournal(port),
    ],
)
def test_a_closed_port_says_so(use: Callable[[AudioPort], object]) -> None:
    port = AudioPort(RATE)
    segment = port.playout.open_segment()
    port.close()
    port.close()
    with pytest.raises(PortClosed, match="closed"):
        use(port)
    with pytest.raises(PortClosed):
        segment.write(np.ones(3, np.float32))


def test_readers_say_what_was_lost_and_go_on() -> None:
    port = AudioPort(RATE)
    reader = port.mic(0)
    chunk = np.arange(50_000, dtype=np.float32)
    for _ in range(12):
        port.write_mic(chunk)
    with pytest.raises(LostSamples) as lost:
        reader.read(100)
    assert lost.value.samples == reader.lost == reader.oldest
    assert reader.read(100)[0] == reader.position % 50_000 - 100
    with pytest.raises(LostSamples):
        reader.copy(0, 10)
    with pytest.raises(ValueError, match="not there yet"):
        reader.copy(port.mic_written - 5, 10)


def test_views_are_given_only_behind_the_commit_bound() -> None:
    port = AudioPort(RATE)
    port.write_mic(np.arange(10_000, dtype=np.float32))
    port.commit = 4000
    reader = port.mic(0)
    (view,) = reader.view(4000, 1000)
    assert not view.flags.writeable
    np.testing.assert_array_equal(view, np.arange(4000, 5000, dtype=np.float32))
    assert reader.valid(4000)
    with pytest.raises(LostSamples):
        reader.view(3999, 10)
    for position in (3999, 10_001):
        with pytest.raises(ValueError, match="commit position"):
            port.commit = position


def test_controls_check_their_numbers() -> None:
    playout = Playout(RATE)
    for wrong in (1.0, float("nan")):
        with pytest.raises(ValueError, match=r"dB|db"):
            playout.duck(wrong)
    with pytest.raises(ValueError, match="ramp_s"):
        playout.duck(-3, -1)
    with pytest.raises(ValueError, match="at most 18"):
        playout.set_gain(30)
    with pytest.raises(ValueError, match="background_s"):
        playout.set_background(np.zeros(5, np.float32))
    with pytest.raises(ValueError, match=r"1\.\.65536"):
        playout.pull(0)
    with pytest.raises(TypeError, match="float32"):
        playout.pull_into(np.zeros(4))


def test_the_engine_side_of_a_shared_port_says_where_the_session_is() -> None:
    port = AudioPort.create_shared(RATE)
    with pytest.raises(RuntimeError, match="session side is where it was attached"):
        port.playout.open_segment()
    assert not port.playout.pull(480).any(), "without a session there is silence"


def test_memory_outlives_close_while_somebody_looks() -> None:
    port = AudioPort(RATE)
    port.write_mic(np.arange(100, dtype=np.float32))
    reader = port.mic(0)
    (view,) = reader.view(0, 100)
    port.close()
    del port, reader
    assert view.sum() == sum(range(100))
