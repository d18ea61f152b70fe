"""Caller and agent side by side where each has a clock of its own: device and network lines, row by row of the table in
csrc/media_map.h. What is judged is what was recorded, against the true times of the simulation."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from rtaudio import AudioPort, Engine, Journal, PacketConfig, read_journal, to_int16
from rtaudio.cli.placing import Placing
from rtaudio.cli.recorder import Recorder
from rtaudio.core.replay import check_replay

TONE_HZ = 440.0
TICK_S = 0.05
LOOK_S = 0.25
ANCHOR = 26
"""RTA_J_ANCHOR."""


@dataclass
class Kept:
    blocks: list[NDArray[np.float32]] = field(default_factory=list)

    def write(self, frames: NDArray[np.float32]) -> None:
        self.blocks.append(frames.copy())


@dataclass
class Call:
    """A caller who hums by the true time, on a clock of their own; an output on another."""

    rate: int = 24000
    input_rate: int = 16000
    kind: Literal["device", "network"] = "device"
    seconds: float = 60.0
    input_ppm: float = 0.0
    output_ppm: float = 0.0
    late_ms: float = 0.0
    input_starts_s: float = 0.3
    block_s: float = 0.02
    comes: Callable[[float], float | None] = lambda at: at
    """When a block that was complete at `at` comes; None: never."""
    output_stands_s: tuple[float, float] = (0.0, 0.0)
    collect_s: float = 0.5
    marks: bool = True
    packets: bool = False

    def run(self, journal: Path | None = None) -> Call:
        rng = np.random.default_rng(1)
        input_hz = self.input_rate * (1 + self.input_ppm * 1e-6)
        output_hz = self.rate * (1 + self.output_ppm * 1e-6)
        heard, put_out = round(self.input_rate * self.block_s), round(self.rate * self.block_s)
        events: list[tuple[float, int, int]] = []
        for k in range(int((self.seconds - self.input_starts_s) * input_hz / heard)):
            comes = self.comes(self.input_starts_s + (k + 1) * heard / input_hz)
            if comes is not None:
                events.append((comes + rng.uniform(0, self.late_ms) / 1e3, 0, k))
        stands, goes = self.output_stands_s
        for k in range(int(self.seconds * output_hz / put_out)):
            at = k * put_out / output_hz
            if self.kind == "device":
                events.append((at + (goes - stands if at >= stands else 0.0), 1, k))
        events += [((k + 1) * TICK_S, 2, k) for k in range(int(self.seconds / TICK_S))]
        self.kept = Kept()
        with Engine(tick_s=TICK_S) as engine, AudioPort(self.rate) as port, ExitStack() as also:
            kept = also.enter_context(Journal(journal, port, input_rate=self.input_rate)) if journal else None
            packets = PacketConfig(self.input_rate, codec="pcm16") if self.packets else None
            if packets is not None:
                line = engine.add(port, kind=self.kind, packets=packets)
            else:
                line = engine.add(port, kind=self.kind, input_rate=self.input_rate, journal=kept)
            delay = line.figures()["input_delay_samples"]
            self.recorder = Recorder(port, [self.kept], input_delay_samples=delay, anchors=line.anchors)
            engine.step(0)
            came_ns, collected_s = 0, 0.0
            for at, what, k in sorted(events):
                now_ns = round(at * 1e9)
                if what == 0:
                    came_ns = max(came_ns, now_ns)
                    true_s = self.input_starts_s + (k * heard + np.arange(heard)) / input_hz
                    hum = 0.5 * np.sin(2 * np.pi * TONE_HZ * true_s)
                    if packets is not None:
                        payload = to_int16(hum.astype(np.float32))
                        line.put_packet(k & 0xFFFF, k * heard, payload, arrival_ns=came_ns)
                        continue
                    assert line.push(hum.astype(np.float32), arrival_ns=came_ns if self.marks else None) == heard
                elif what == 1:
                    port.playout.pull(put_out, device_ns=now_ns)
                else:
                    engine.step(now_ns)
                    if at - collected_s >= self.collect_s:
                        self.recorder.collect()
                        collected_s = at
            self.recorder.close()
            self.anchors = line.anchors()[1]
            engine.remove(line)
        self.output_hz = output_hz
        self.caller = np.concatenate(self.kept.blocks)[:, 0]
        return self

    @property
    def placing(self) -> Placing:
        assert self.recorder.placing is not None
        return self.recorder.placing

    def off_samples(self, begin_s: float, end_s: float, output_lost_s: float = 0.0) -> NDArray[np.float64]:
        """By how many out samples the hum lies later than the out samples leaving when it was hummed; NaN: silence."""
        first = TICK_S if self.kind == "network" else 0.0  # the first tick's samples leave at its end
        look, offs = round(LOOK_S * self.rate), []
        for at in range(round(begin_s * self.rate), round(end_s * self.rate) - look, look):
            true_s = first + output_lost_s + np.arange(at, at + look) / self.output_hz
            found = np.dot(self.caller[at : at + look], np.exp(-2j * np.pi * TONE_HZ * true_s))
            turns = -(np.angle(found) + np.pi / 2) / (2 * np.pi)
            period = self.rate / TONE_HZ
            offs.append(((turns + 0.5) % 1 - 0.5) * period if abs(found) > look / 8 else np.nan)
        return np.array(offs)


@pytest.mark.parametrize(("input_ppm", "output_ppm"), [(300.0, -200.0), (-450.0, 50.0), (0.0, 0.0)])
@pytest.mark.parametrize(("input_rate", "rate"), [(16000, 24000), (48000, 48000), (44100, 16000), (8000, 8000)])
def test_both_sides_stay_within_one_sample(input_ppm: float, output_ppm: float, input_rate: int, rate: int) -> None:
    """A sound card whose microphone and loudspeaker drift apart: all of a minute, from where the microphone begins."""
    call = Call(rate, input_rate, input_ppm=input_ppm, output_ppm=output_ppm).run()
    assert np.abs(call.off_samples(0.5, 59.0)).max() <= 1.0
    begin = round(0.29 * rate)
    assert not call.caller[:begin].any()
    assert call.caller[begin:][round(0.03 * rate) :][: rate // 10].any()
    assert len(call.caller) == call.recorder.frames
    assert call.recorder.lost == 0


def test_over_half_an_hour_nothing_adds_up() -> None:
    """500 ppm apart are 900 ms in that time."""
    call = Call(16000, seconds=1800.0, input_ppm=300.0, output_ppm=-200.0, block_s=0.06).run()
    offs = np.abs(call.off_samples(1.0, 1790.0))
    assert offs.max() <= 1.0
    assert offs[40:].max() <= 0.05
    assert call.placing.worst_off_samples <= 0.001
    assert (call.placing.skipped_samples, call.recorder.lost) == (0, 0)


@pytest.mark.parametrize("kind", ["device", "network"])
def test_jitter_moves_what_is_mapped_and_not_what_is_placed(kind: Any) -> None:
    """Where blocks come late by 0 to 20 ms, the true place is known to 2 ms; the recording follows what is known to a
    thousandth of a sample."""
    call = Call(kind=kind, seconds=120.0, input_ppm=-200.0, late_ms=20.0).run()
    off = call.off_samples(1.0, 115.0)
    assert np.abs(off - np.median(off)).max() / call.rate <= 0.002
    assert call.placing.worst_off_samples <= 0.001


def test_packets_are_placed_by_their_arrival() -> None:
    """A lost one is concealed, and keeps its place."""

    def comes(at: float) -> float | None:
        return None if round(at * 100) % 300 < 2 else at

    call = Call(kind="network", seconds=40.0, input_ppm=120.0, packets=True, comes=comes).run()
    off = call.off_samples(1.0, 39.0)
    assert np.nanmax(np.abs(off)) <= 2.0  # what is concealed hums a little off
    assert np.nanmedian(np.abs(off)) <= 0.05


def test_without_marks_the_tick_serves() -> None:
    call = Call(seconds=30.0, input_ppm=100.0, marks=False).run()
    assert len(call.anchors) > 20
    assert call.placing.worst_off_samples <= 0.001


def test_a_stall_with_a_flood_behind_it_leaves_no_trace() -> None:
    """STALLED -> RUNNING: all of it came, so all of it lies where it was said."""

    def comes(at: float) -> float:
        return 23.0 + (at - 20.0) * 0.12 if 20.0 <= at < 23.4 else at  # as much as the line's ring has room for

    call = Call(kind="network", seconds=40.0, input_ppm=-200.0, comes=comes).run()
    assert np.abs(call.off_samples(0.75, 39.0)).max() <= 1.0
    assert call.placing.silence_samples <= 0.31 * call.rate


@pytest.mark.parametrize("length_s", [0.4, 3.0, 7.0])
def test_what_a_stall_swallowed_is_silence_of_its_length_where_it_was(length_s: float) -> None:
    """STALLED -> RUNNING: the rest came later for good."""
    end = 20.0 + length_s
    call = Call(kind="network", seconds=60.0, input_ppm=150.0, comes=lambda at: None if 20.0 <= at < end else at).run()
    before, after = call.off_samples(0.75, 19.5), call.off_samples(end + 0.5, 59.0)
    assert np.abs(before).max() <= 1.0
    assert np.abs(after).max() <= 1.0
    # In out samples the stall begins a tick earlier: those of the first tick leave at its end. A block is 20 ms.
    begin, over = (round((at - TICK_S) * call.rate) for at in (20.0 + 0.05, end - 0.05))
    assert not call.caller[begin:over].any()
    swallowed = call.placing.silence_samples - (call.input_starts_s - TICK_S) * call.rate
    assert swallowed == pytest.approx(length_s * call.rate, abs=0.021 * call.rate)


def test_a_caller_who_is_gone_for_long_is_given_up_and_taken_up_again() -> None:
    """STALLED -> GIVEN_UP -> RUNNING: the recording does not wait for ever."""
    call = Call(kind="network", seconds=70.0, comes=lambda at: None if 10.0 <= at < 45.0 else at).run()
    assert np.abs(call.off_samples(0.75, 9.5)).max() <= 1.0
    assert np.isnan(call.off_samples(10.25, 44.5)).all()
    assert np.abs(call.off_samples(46.0, 69.0)).max() <= 1.0
    mics = [mic for _, mic in call.anchors]
    assert max(mics.count(mic) for mic in mics) > 10  # told as it went on, not only at its end


def test_a_caller_who_is_gone_to_the_end_is_silence() -> None:
    call = Call(kind="network", seconds=20.0, comes=lambda at: None if at >= 10.0 else at).run()
    assert np.isnan(call.off_samples(10.5, 19.5)).all()
    assert call.recorder.frames == 20 * call.rate


def test_an_output_that_stood_still_passes_over_what_was_said_meanwhile() -> None:
    """The recording is as long as what was put out."""
    call = Call(seconds=60.0, output_stands_s=(30.0, 30.5)).run()
    assert np.abs(call.off_samples(0.75, 28.0)).max() <= 1.0
    later = call.off_samples(32.0, 58.0, output_lost_s=0.5)
    assert np.abs(later).max() <= 1.0
    assert call.placing.skipped_samples == pytest.approx(8000, abs=500)


def test_a_call_too_short_for_anchors_begins_as_one_clock() -> None:
    call = Call(seconds=3.0, input_starts_s=0.0).run()
    assert call.anchors == []
    assert np.abs(call.off_samples(0.25, 2.9)).max() <= 1.0


def test_when_it_is_collected_never_changes_the_recording() -> None:  # law 6
    calls = [Call(seconds=30.0, input_ppm=-300.0, late_ms=5.0, collect_s=every).run() for every in (0.05, 0.7, 4.0)]
    assert calls[0].caller.tobytes() == calls[1].caller.tobytes() == calls[2].caller.tobytes()


def test_anchors_are_journalled_and_change_no_replay(tmp_path: Path) -> None:  # law 5
    path = tmp_path / "call.rtj"
    call = Call(kind="network", seconds=12.0, input_ppm=80.0).run(path)
    file = read_journal(path)
    assert file.complete
    assert len(call.anchors) > 5
    assert [struct.unpack("<Qd", record.payload) for record in file.engine if record.kind == ANCHOR] == call.anchors
    assert check_replay(file).found == []


def test_a_paced_line_has_no_anchors() -> None:
    with Engine() as engine, AudioPort(16000) as port:
        line = engine.add(port)
        for tick in range(600):
            line.push(np.zeros(160, np.float32), arrival_ns=tick * 10_000_000)
            engine.step(tick * 10_000_000)
        assert line.anchors() == (0, [])
        with pytest.raises(ValueError, match="arrival_ns"):
            line.push(np.zeros(160, np.float32), arrival_ns=0.5)  # type: ignore[arg-type]


def test_anchors_are_read_from_any_number_on() -> None:
    call = Call(seconds=15.0).run()
    assert len(call.anchors) > 8
    outs = [out for out, _ in call.anchors]
    mics = [mic for _, mic in call.anchors]
    assert outs == sorted(outs)
    assert mics == sorted(mics)
