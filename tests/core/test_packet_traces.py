"""Real speech over real lines into a line with the real VAD: what came is heard, no stall ends a turn (law 10)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from rtaudio import DetectorConfig, PacketConfig, SileroVad
from rtaudio.bench.traces import Trace, read, synthetic
from rtaudio.testing.caller import read_wav
from tests.core.rig import Audio, W
from tests.core.test_packet_line import MS, Packet, PacketRig, check_sums, pcm16, quantised

CONFIG = PacketConfig(16000, codec="pcm16", conceal_s=10.0)
TURNS = ("speech_started", "speech_ended", "turn_ended", "turn_resumed")
LOSSLESS = ["kakaotalk_clean.csv.gz", "kakaotalk_stall.csv.gz", "webrtc_voice.csv.gz", "stall", "spikes"]
LOSSY = ["webrtc_stereo_pcmu_jitter.csv.gz", "wifi", "gaussian"]
CROSS_FADE = 160  # samples behind a gap


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    return SileroVad()


@pytest.fixture(scope="module")
def speech(shared_data: Path) -> Audio:
    """Two readers' sentences with pauses between, which end turns, for as long as the longest trace."""
    parts: list[Audio] = []
    for name in ("LJ001-0002", "LJ001-0004", "LJ001-0009", "LJ001-0011"):
        samples, rate = read_wav(shared_data / "speech" / "ljspeech" / f"{name}.wav")
        import soxr

        parts += [np.zeros(24000, np.float32), soxr.resample(samples, rate, 16000).astype(np.float32)]
    once = np.concatenate(parts)
    return np.tile(once, 1 + 50 * 16000 // len(once))[: 50 * 16000]


@dataclass(frozen=True)
class Call:
    mic: Audio
    lost: np.ndarray  # of the mic's samples: never came
    decided: list[tuple[str, int, int]]
    figures: dict[str, float]


def called(trace: Trace, speech: Audio, vad: SileroVad, *, on_time: bool = False) -> Call:
    """The trace's packets, in its order and at its times, with what is said at their media time in them."""
    media = np.round(trace.media_ms() * 16).astype(int)
    media -= media.min()
    size = trace.packet_samples() * 16000 // trace.clock
    heard = media + size <= len(speech)
    arrival = media / 16 if on_time else trace.arrival_ms - trace.arrival_ms.min() + 1
    order = np.argsort(arrival, kind="stable")
    packets = [
        Packet(trace.seq[k], int(media[k]), pcm16(speech[media[k] : media[k] + size]), int(arrival[k] * MS))
        for k in order
        if heard[k]
    ]
    rig = PacketRig(CONFIG, vad=vad, detector=DetectorConfig(endpoint_silence_s=0.6), input_s=2.0)
    rig.play(packets, max(p.arrival_ns for p in packets) * 1e-9 + 1.0)
    end = max(p.timestamp for p in packets) + size
    lost = np.ones(end, bool)
    for p in packets:
        lost[p.timestamp : p.timestamp + size] = False
    decided = [(e.kind, e.mic, e.decided) for e in rig.events(*TURNS)]
    return Call(rig.mic.read(), lost, decided, check_sums(rig))


def whole(trace: Trace) -> Trace:
    """The same without a loss."""
    size, last = trace.packet_samples(), round(trace.media_ms().max() * trace.clock / 1000)
    count = last // size + 1
    return replace(
        trace,
        arrival_ms=np.arange(count) * size * 1000 / trace.clock,
        seq=[k & 0xFFFF for k in range(count)],
        timestamp=[k * size for k in range(count)],
    )


def the_trace(name: str, shared_data: Path) -> Trace:
    if name.endswith(".gz"):
        return read(shared_data / "traces" / name, None, lambda _: None)
    return synthetic(name, seconds=40.0)


@pytest.mark.parametrize("name", LOSSLESS)
def test_where_nothing_is_lost_every_decision_is_the_same(
    name: str, shared_data: Path, speech: Audio, vad: SileroVad
) -> None:
    trace = the_trace(name, shared_data)
    call, steady = called(trace, speech, vad), called(trace, speech, vad, on_time=True)
    np.testing.assert_array_equal(call.mic, quantised(speech[: len(call.mic)]))
    assert len(call.mic) == len(call.lost)
    assert call.decided == steady.decided
    assert "turn_ended" in [kind for kind, *_ in call.decided]
    assert call.figures["concealedSamples"] == call.figures["missing"] == 0


@pytest.mark.parametrize("name", LOSSY)
def test_where_packets_are_lost_all_others_are_heard_and_turns_are_the_same(
    name: str, shared_data: Path, speech: Audio, vad: SileroVad
) -> None:
    trace = the_trace(name, shared_data)
    call, clean = called(trace, speech, vad), called(whole(trace), speech, vad)
    assert clean.figures["missing"] == 0
    assert call.figures["late_discarded"] == 0
    assert call.figures["concealedSamples"] == call.lost.sum() > 0
    assert len(call.mic) == len(call.lost)
    behind = np.convolve(call.lost, np.ones(CROSS_FADE + 1, bool))[: len(call.lost)] > 0
    np.testing.assert_array_equal(call.mic[~behind], quantised(speech[: len(call.mic)])[~behind])
    turns = [[end for kind, end, _ in each.decided if kind == "turn_ended"] for each in (call, clean)]
    assert len(turns[0]) == len(turns[1]) > 3
    assert max(abs(a - b) for a, b in zip(*turns, strict=True)) <= 2 * W, "to two windows"
