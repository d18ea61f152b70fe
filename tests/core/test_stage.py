"""A stage between a line's resampler and its mic ring (csrc/stage.h), with a small one in C; laws 5, 6, 7 and 11."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rtaudio import AudioPort, Engine, Journal, Resampler, SileroVad, check_replay, read_journal
from rtaudio.core.replay import replay_hearing
from tests.core.rig import LevelVad, capsule, compiled

HERE = Path(__file__).resolve().parent
DELAY, LEAD = 24, 168  # of delay_stage.c; a tick of 10 ms and 8 samples: the reference of a paced line
Audio = NDArray[np.float32]


class Stage:
    """One of the tables of tests/core/delay_stage.c."""

    def __init__(self, name: str = "delay_stage") -> None:
        self.stage = capsule("delay_stage", name, b"rtaudio.stage")


def count(name: str) -> int:
    return ctypes.c_int.in_dll(compiled("delay_stage"), name).value


def run(
    mic: Audio, *, rate: int = 16000, spoken: Audio | None = None, tick_s: float = 0.01
) -> tuple[Audio, Audio, dict[str, int]]:
    """(mic ring, what was put out, figures) after all of `mic` came to a line with the stage."""
    port = AudioPort(16000, mic_s=60, tap_s=60)
    with Engine(vad=LevelVad(), tick_s=tick_s) as engine:
        line = engine.add(port, input_rate=rate, stage=Stage(), input_s=30)
        if spoken is not None:
            assert port.playout.open_segment().write(spoken) == len(spoken)
        reader, tap = port.mic(0), port.tap(0)
        line.push(mic)
        engine.step(0)
        ticks = round(len(mic) / rate / tick_s)
        for tick in range(1, ticks + 1):
            engine.step(round(tick * tick_s * 1e9))
        heard, put_out, figures = reader.read(), tap.read(), line.figures()
    port.close()
    return heard, put_out, figures


def noise(seconds: float, seed: int = 1, rate: int = 16000) -> Audio:
    return (0.1 * np.random.default_rng(seed).normal(size=round(seconds * rate))).astype(np.float32)


def test_what_is_heard_is_what_the_stage_gave_as_late_as_declared() -> None:
    """Law 7."""
    mic = noise(1)
    heard, _, figures = run(mic)
    assert figures["input_delay_samples"] == DELAY
    assert np.array_equal(heard[DELAY:], mic[:-DELAY])
    assert not heard[:DELAY].any()


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_its_delay_adds_to_the_resamplers(rate: int) -> None:
    click = np.zeros(rate, np.float32)
    click[rate // 2] = 1.0
    heard, _, figures = run(click, rate=rate)
    assert figures["input_delay_samples"] == DELAY + Resampler(rate, 16000).delay_samples
    assert int(np.argmax(heard)) == 8000 + figures["input_delay_samples"]


def test_its_reference_is_what_was_put_out_in_order_and_in_time() -> None:
    mic = noise(2)
    heard, put_out, figures = run(mic, spoken=noise(1, seed=2))
    reference = np.concatenate([np.zeros(LEAD, np.float32), put_out])[: len(mic)]
    expected = mic - np.float32(0.5) * reference
    assert np.array_equal(heard[DELAY:], expected[:-DELAY])
    assert figures["stage_starved"] == 0


def test_ticks_of_any_length_change_no_sample_that_is_heard() -> None:
    """Law 6: frames of 80 samples, ticks of 7 ms: a frame that is not whole is held back."""
    mic = noise(0.7)
    expected, _, _ = run(mic)
    heard, _, _ = run(mic, tick_s=0.007)
    assert len(expected) - 80 < len(heard) <= len(expected)
    assert np.array_equal(heard, expected[: len(heard)])


def test_what_is_no_number_becomes_silence_and_is_counted() -> None:
    """Law 11."""
    mic = noise(1)
    mic[800] = 2.0  # the first of a frame: answered with a NaN
    heard, _, figures = run(mic)
    assert figures["stage_bad"] == 1
    assert heard[803] == 0
    assert np.isfinite(heard).all()


@pytest.mark.parametrize("wild", [1e15, 3e38])
def test_law11_it_is_given_no_reference_that_is_no_audio(wild: float) -> None:
    """One finite sample of the agent's beyond all sound: a canceller that took it in would never be well again."""
    mic, spoken = noise(1), np.zeros(8000, np.float32)
    spoken[800] = wild
    heard, put_out, figures = run(mic, spoken=spoken)
    assert np.abs(put_out).max() > 1e12  # it was put out
    assert figures["stage_bad"] == 0
    assert np.array_equal(heard[DELAY:], mic[:-DELAY])


def test_a_state_is_made_and_undone_once_for_each_line() -> None:
    Stage()
    made, undone = count("stage_inits"), count("stage_dones")
    run(noise(0.1))
    import gc

    gc.collect()
    assert (count("stage_inits") - made, count("stage_dones") - undone) == (1, 1)


def test_on_a_device_line_reference_that_is_not_there_counts_as_silence() -> None:
    port = AudioPort(16000)
    with Engine(vad=LevelVad()) as engine:
        line = engine.add(port, kind="device", input_rate=16000, stage=Stage())
        mic, heard = noise(0.5), port.mic(0)
        line.push(mic)
        engine.step(0)
        engine.step(500_000_000)
        assert np.array_equal(heard.read()[DELAY:], mic[:-DELAY])
        starved = line.figures()["stage_starved"]  # the rest: the line filled up what was missing for 60 ms
        assert 0.95 * len(mic) < starved <= len(mic)
    port.close()


def test_the_guard_hears_what_the_stage_leaves() -> None:
    """The echo that the stage takes out is no echo any more; the rest of it is."""
    spoken = noise(2, seed=3)
    # comes back 168 samples later, at 0.5: just what the stage subtracts
    mic = np.float32(0.5) * np.concatenate([np.zeros(LEAD, np.float32), spoken])[: len(spoken)]
    heard, _, figures = run(mic, spoken=spoken)
    assert np.abs(heard).max() == 0
    assert figures["echo_found"] == 0
    _, _, figures = run(np.float32(2) * mic, spoken=spoken)
    assert figures["echo_found"] == 1
    assert abs(figures["echo_delay_samples"] - LEAD - DELAY) <= 2


def test_a_call_with_a_stage_replays_without_it(tmp_path: Path) -> None:
    """Law 5: what it gave is in the journal."""
    port = AudioPort(16000, mic_s=60)
    with Engine(vad=SileroVad()) as engine, Journal(tmp_path / "call.rtaj", port, input_rate=16000):
        line = engine.add(port, stage=Stage(), input_s=30)
        assert port.playout.open_segment().write(noise(2, seed=4))
        line.push(np.float32(3) * noise(3, seed=5))
        engine.step(0)
        for tick in range(1, 301):
            engine.step(tick * 10_000_000)
        heard = port.mic(0).read()
    journal = read_journal(tmp_path / "call.rtaj")
    assert np.array_equal(replay_hearing(journal).mic, heard)
    assert not check_replay(journal).found
    port.close()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wrong_rate_stage", "works at 48000 Hz"),
        ("wrong_frame_stage", "frames of 513 samples"),
        ("late_stage", "a delay of 16001 samples"),
        ("huge_stage", "a state of 16777217 bytes"),
        ("idle_stage", "no run in its table"),
        ("refusing_stage", "the stage Stage refused to begin"),
    ],
)
def test_a_table_that_cannot_be_is_refused(name: str, message: str) -> None:
    port = AudioPort(16000)
    with Engine() as engine, pytest.raises(ValueError, match=message):
        engine.add(port, stage=Stage(name))
    port.close()


def test_what_is_no_stage_and_a_port_without_a_way_to_16_khz_are_refused() -> None:
    port, odd = AudioPort(16000), AudioPort(96000)
    with Engine() as engine:
        with pytest.raises(TypeError, match=r"rtaudio\.stage"):
            engine.add(port, stage=object())
        with pytest.raises(ValueError, match="no way"):
            engine.add(odd, stage=Stage())
    port.close()
    odd.close()
