"""The sound card's callbacks, called as PortAudio calls them: by address, with times made up. Laws 2, 4, 8."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rtaudio import AudioPort, DeviceCallbacks, Engine, PortClosed, SecondConsumer, clock_ns
from tests.core.rig import RATE, LevelVad, level, numbered

Audio = NDArray[np.float32]
INPUT_OVERFLOW, OUTPUT_UNDERFLOW = 2, 4


class TimeInfo(ctypes.Structure):
    _fields_ = (("input_adc", ctypes.c_double), ("current", ctypes.c_double), ("output_dac", ctypes.c_double))


CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_ulong,
    ctypes.POINTER(TimeInfo),
    ctypes.c_ulong,
    ctypes.c_void_p,
)


class Card:
    """A sound card that calls when the test says so. Its clock has nothing to do with ours."""

    def __init__(self, *, inputs: int = 1, outputs: int = 1, input_rate: int = 16000, **latency: float) -> None:
        self.inputs, self.outputs = inputs, outputs
        self.port = AudioPort(RATE)
        self.engine = Engine(vad=LevelVad())
        self.line = self.engine.add(self.port, kind="device", input_rate=input_rate)
        self.callbacks = DeviceCallbacks(self.line, input_channels=inputs, output_channels=outputs, **latency)
        self.engine.step(0)
        self.now_ns = 0

    def record(self, samples: Audio | None, frames: int = 0, *, adc_ago_s: float = 0.01, status: int = 0) -> None:
        time = TimeInfo(5000.0 - adc_ago_s, 5000.0, 0.0)
        data = None if samples is None else np.ascontiguousarray(samples).ctypes.data
        frames = frames if samples is None else len(samples)
        call = CALLBACK(self.callbacks.input_callback)
        assert call(data, None, frames, ctypes.byref(time), status, self.callbacks.userdata) == 0

    def play(self, frames: int, *, dac_in_s: float = 0.02, status: int = 0, told: bool = True) -> Audio:
        out = np.full((frames, self.outputs), np.nan, np.float32)
        time = TimeInfo(0.0, 5000.0, 5000.0 + dac_in_s)
        call = CALLBACK(self.callbacks.output_callback)
        info = ctypes.byref(time) if told else None
        assert call(None, out.ctypes.data, frames, info, status, self.callbacks.userdata) == 0
        return out

    def tick(self) -> None:
        self.now_ns += 10_000_000
        self.engine.step(self.now_ns)


def test_output_is_the_playout_and_silence_around_it() -> None:
    card = Card()
    segment = card.port.playout.open_segment()
    segment.write(numbered(1, 1000))
    segment.end()
    out = np.concatenate([card.play(480), card.play(7), card.play(2000)])[:, 0]  # more than a chunk
    np.testing.assert_array_equal(out[:1000], numbered(1, 1000))
    assert not out[1000:].any()
    assert card.callbacks.figures()["output_samples"] == 2487
    assert card.port.playout.ledger().played == 1000


@pytest.mark.parametrize("channels", [2, 8])
def test_every_channel_gets_the_mono_signal(channels: int) -> None:
    card = Card(outputs=channels)
    card.port.playout.open_segment().write(numbered(1, 5000))
    out = card.play(3000)
    for channel in range(channels):
        np.testing.assert_array_equal(out[:, channel], numbered(1, 3000))


def test_input_reaches_the_mic_ring() -> None:
    card = Card()
    mic = card.port.mic(0)
    for at in range(0, 4800, 480):
        card.record(numbered(at + 1, 480))
    card.record(numbered(4801, 3000))
    card.tick()
    np.testing.assert_array_equal(mic.read(), numbered(1, 7800))


def test_a_device_of_several_channels_is_heard_as_their_mean() -> None:
    card = Card(inputs=2)
    mic = card.port.mic(0)
    stereo = np.stack([numbered(0, 2000) * 2, np.zeros(2000, np.float32)], axis=1)
    card.record(stereo)
    card.tick()
    np.testing.assert_array_equal(mic.read(), numbered(0, 2000))


def test_a_block_without_data_is_silence_of_its_length() -> None:
    card = Card()
    mic = card.port.mic(0)
    card.record(numbered(1, 100))
    card.record(None, 1500, status=INPUT_OVERFLOW)
    card.record(numbered(1, 100))
    card.tick()
    heard = mic.read()
    assert len(heard) == 1700
    assert not heard[100:1600].any()
    assert card.callbacks.figures()["input_overflows"] == 1


def test_law2_a_flush_reaches_the_card_at_its_next_callback() -> None:
    card = Card()
    segment = card.port.playout.open_segment()
    segment.write(np.full(RATE, 0.5, np.float32))
    card.play(480)
    card.port.playout.flush()
    out = card.play(480)[:, 0]
    assert not out[RATE * 5 // 1000 :].any()
    assert segment.ledger().state == "cut"


def test_barge_in_is_acted_on_with_the_card_pulling() -> None:
    card = Card()
    segment = card.port.playout.open_segment()
    segment.write(numbered(1, 5 * RATE))
    card.play(240)
    for _ in range(60):
        card.record(level((0.01, 0.9)))
        card.tick()
        out = card.play(240)
    assert segment.ledger().state == "cut"
    assert not out.any()
    assert "cut" in [e.kind for e in card.port.events()]


# ---- times


def test_the_cards_own_time_becomes_the_time_heard() -> None:
    card = Card(output_latency_s=0.5)
    segment = card.port.playout.open_segment()
    segment.write(numbered(1, RATE))
    before = clock_ns()
    card.play(2400, dac_in_s=0.25)
    after = clock_ns()
    f = card.callbacks.figures()
    assert f["output_latency_ns"] == pytest.approx(250_000_000, abs=1000)
    assert before + 249_999_000 <= f["first_output_ns"] <= after + 250_001_000
    assert segment.heard(before + 249_000_000).now == 0
    heard = segment.heard(after + 250_000_000 + 50_000_000)
    assert 1200 <= heard.now <= 1200 + (after - before) * RATE // 10**9 + 2
    assert heard.final == 2400
    assert heard.bound in (2400, 2401)  # one block, rounded up


@pytest.mark.parametrize("dac_in_s", [0.0, -3.0, 5000.0, float("nan")])
def test_where_the_host_gives_no_time_the_reported_latency_stands(dac_in_s: float) -> None:
    card = Card(output_latency_s=0.1)
    segment = card.port.playout.open_segment()
    segment.write(numbered(1, RATE))
    card.play(2400, dac_in_s=dac_in_s)
    assert card.callbacks.figures()["output_latency_ns"] == 100_000_000
    assert segment.heard().bound in (2400, 2401)  # 100 ms: the device holds something between nothing and that


def test_no_time_at_all_is_no_crash() -> None:
    card = Card(output_latency_s=0.1)
    card.play(240, told=False)
    card.callbacks.set_latency(0.05, 0.03)
    card.play(240, told=False)
    assert card.callbacks.figures()["output_latency_ns"] == 50_000_000


def test_input_time_is_that_of_its_first_sample() -> None:
    card = Card()
    before = clock_ns()
    card.record(numbered(1, 160), adc_ago_s=0.03)
    after = clock_ns()
    f = card.callbacks.figures()
    assert before - 30_001_000 <= f["first_input_ns"] <= after - 29_999_000
    first = f["first_input_ns"]
    card.record(numbered(1, 160), adc_ago_s=0.05)
    f = card.callbacks.figures()
    assert f["first_input_ns"] == first
    assert f["input_latency_ns"] == pytest.approx(50_000_000, abs=1000)


def test_law8_what_the_card_reports_is_counted() -> None:
    card = Card()
    card.play(240, status=OUTPUT_UNDERFLOW)
    card.play(240)
    card.record(numbered(1, 160), status=INPUT_OVERFLOW)
    f = card.callbacks.figures()
    assert (f["output_callbacks"], f["output_underflows"]) == (2, 1)
    assert (f["input_callbacks"], f["input_overflows"], f["input_samples"]) == (1, 1, 160)


def test_law8_input_that_nobody_takes_is_dropped_at_its_bound() -> None:
    card = Card()
    for _ in range(10):
        card.record(numbered(1, 8000))
    assert card.line.figures()["input_dropped"] == 80000 - 32768


# ---- roles


def test_there_is_one_consumer_and_one_producer() -> None:
    card = Card()
    with pytest.raises(SecondConsumer):
        card.port.playout.pull(10)
    with pytest.raises(SecondConsumer):
        DeviceCallbacks(card.line)
    with pytest.raises(RuntimeError, match="callback"):
        card.line.push(numbered(1, 10))
    card.callbacks.close()
    card.callbacks.close()
    with pytest.raises(PortClosed):
        card.callbacks.figures()
    assert card.line.push(numbered(1, 10)) == 10
    assert len(card.port.playout.pull(10)) == 10


def test_a_stream_may_outlive_its_engine() -> None:
    """PortAudio calls until the stream is closed, whatever the program has let go of by then."""
    card = Card()
    card.engine.close()
    card.record(numbered(1, 100))
    assert not card.play(100).any()


def test_refusals() -> None:
    engine = Engine()
    with pytest.raises(ValueError, match="device"):
        DeviceCallbacks(engine.add(AudioPort(RATE)))
    line = engine.add(AudioPort(RATE), kind="device")
    with pytest.raises(ValueError, match="input_channels"):
        DeviceCallbacks(line, input_channels=0)
    with pytest.raises(ValueError, match="output_channels"):
        DeviceCallbacks(line, output_channels=9)
    with pytest.raises(ValueError, match="latency"):
        DeviceCallbacks(line, output_latency_s=-1.0)


def test_the_types_are_those_of_the_sounddevice_package() -> None:
    ffi = pytest.importorskip("_sounddevice", reason="the sounddevice package is not installed").ffi
    assert ffi.sizeof("PaStreamCallbackTimeInfo") == ctypes.sizeof(TimeInfo)
    names = ("inputBufferAdcTime", "currentTime", "outputBufferDacTime")
    assert [ffi.offsetof("PaStreamCallbackTimeInfo", name) for name in names] == [
        getattr(TimeInfo, name).offset for name in ("input_adc", "current", "output_dac")
    ]
    assert ffi.sizeof("PaStreamCallbackFlags") == ctypes.sizeof(ctypes.c_ulong)


def test_the_types_are_portaudios(tmp_path: Path, repo_root: Path) -> None:
    compiler = shlex.split(os.environ.get("CC", "")) or [p for p in map(shutil.which, ("cc", "gcc", "clang")) if p][:1]
    if not compiler:
        pytest.skip("no C compiler: install gcc or set CC")
    source = tmp_path / "layout.c"
    source.write_text(
        """
        #include <portaudio.h>
        #include "device.h"
        #define SAME(a, b) _Static_assert((a) == (b), #a)
        SAME(sizeof(rta_pa_time_info), sizeof(PaStreamCallbackTimeInfo));
        SAME(offsetof(rta_pa_time_info, input_adc_time), offsetof(PaStreamCallbackTimeInfo, inputBufferAdcTime));
        SAME(offsetof(rta_pa_time_info, current_time), offsetof(PaStreamCallbackTimeInfo, currentTime));
        SAME(offsetof(rta_pa_time_info, output_dac_time), offsetof(PaStreamCallbackTimeInfo, outputBufferDacTime));
        SAME(sizeof(unsigned long), sizeof(PaStreamCallbackFlags));
        SAME(RTA_PA_INPUT_UNDERFLOW, paInputUnderflow);
        SAME(RTA_PA_INPUT_OVERFLOW, paInputOverflow);
        SAME(RTA_PA_OUTPUT_UNDERFLOW, paOutputUnderflow);
        SAME(RTA_PA_OUTPUT_OVERFLOW, paOutputOverflow);
        SAME(RTA_PA_PRIMING_OUTPUT, paPrimingOutput);
        SAME(0, paContinue);
        """,
        encoding="utf-8",
    )
    own = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    command = [*compiler, "-std=gnu11", f"-I{repo_root / 'csrc'}", "-fsyntax-only", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, env=own, check=False)
    if "portaudio.h: No such file" in done.stderr or "'portaudio.h' file not found" in done.stderr:
        pytest.skip("portaudio.h is not installed (Debian: portaudio19-dev)")
    assert done.returncode == 0, done.stderr
