"""The jitter buffer's listen mode, row by row of the table in csrc/jitter.h, and its sums (laws 1, 5, 6, 8, 10, 11)."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rtaudio import JitterBuffer, JitterFrame, RtpPacket, alaw_encode, ulaw_decode, ulaw_encode

MS = 1_000_000
FRAME = 160  # 20 ms at 8 kHz
Samples = NDArray[np.int16]


def numbered(k: int) -> Samples:
    """Packet k's samples: every one has a name."""
    return (np.arange(FRAME) + k * FRAME).astype(np.int16)


class Line:
    """A sender of numbered PCM packets every 20 ms, and what comes out."""

    def __init__(self, **options: object) -> None:
        self.buffer = JitterBuffer(8000, **options)  # type: ignore[arg-type]
        self.out: list[JitterFrame] = []

    def put(self, k: int, at_ms: float, *, seq: int | None = None, ts: int | None = None, ssrc: int = 0) -> str:
        seq = k if seq is None else seq
        ts = k * FRAME if ts is None else ts
        said = self.buffer.put(seq & 0xFFFF, ts & 0xFFFFFFFF, int(at_ms * MS), numbered(k).tobytes(), ssrc=ssrc)
        exact(self.buffer)
        return said

    def get(self, at_ms: float) -> list[JitterFrame]:
        frames: list[JitterFrame] = []
        while (frame := self.buffer.get(int(at_ms * MS))) is not None:
            frames.append(frame)
            exact(self.buffer)
        self.out += frames
        return frames

    def kinds(self, at_ms: float) -> list[str]:
        return [frame.kind for frame in self.get(at_ms)]

    def sound(self) -> Samples:
        return np.concatenate([frame.samples for frame in self.out])


def exact(buffer: JitterBuffer) -> None:
    """Law 1: both sums, and that of the samples."""
    f = buffer.figures()
    assert f["received"] == f["used"] + f["late_discarded"] + f["duplicate"] + f["superseded"] + f["queued"]
    assert f["expected"] == f["received_unique"] + f["missing"]
    assert f["totalSamplesReceived"] == f["jitterBufferEmittedCount"] + f["concealedSamples"] + f["silenceSamples"]


def test_packets_in_order_pass_at_once_and_unchanged() -> None:
    line = Line()
    for k in range(50):
        line.put(k, 20 * k + k % 7)
        (frame,) = line.get(20 * k + k % 7)
        assert (frame.kind, frame.position, frame.timestamp) == ("audio", k * FRAME, k * FRAME)
        assert frame.arrival_ns == (20 * k + k % 7) * MS
        assert np.array_equal(frame.samples, numbered(k))
    assert line.buffer.figures()["jitterBufferDelay"] == 0


def test_a_burst_after_a_stall_comes_out_whole_and_media_time_stood_still() -> None:
    """Law 10: what was said during a stall of 3 s is heard, and nothing was put in its place."""
    line = Line()
    for k in range(10):
        line.put(k, 20 * k)
    assert len(line.get(180)) == 10
    for at in range(200, 3200, 10):
        assert line.get(at) == []
    for k in range(10, 160):
        line.put(k, 3200)
    assert [frame.kind for frame in line.get(3200)] == ["audio"] * 150
    assert np.array_equal(line.sound(), np.concatenate([numbered(k) for k in range(160)]))


def test_a_packet_that_was_overtaken_is_waited_for() -> None:
    line = Line()
    for k, at in ((0, 0), (2, 40), (3, 60), (1, 75)):
        line.put(k, at)
        line.get(at)
    assert np.array_equal(line.sound(), np.concatenate([numbered(k) for k in range(4)]))
    assert line.buffer.figures()["concealedSamples"] == 0


def test_a_gap_is_given_up_after_the_wait_and_marked() -> None:
    line = Line(wait_most_s=0.12)
    line.put(0, 0)
    line.get(0)
    line.put(2, 40)
    assert line.get(40) == line.get(159.9) == []
    assert line.buffer.due_ns == 160 * MS
    concealed, audio = line.get(160)
    assert (concealed.kind, concealed.position, len(concealed.samples)) == ("concealed", FRAME, FRAME)
    assert (audio.kind, audio.position) == ("audio", 2 * FRAME)
    assert line.put(1, 170) == "late"
    f = line.buffer.figures()
    assert (f["late_discarded"], f["missing"], f["concealmentEvents"]) == (1, 0, 1)


@pytest.mark.parametrize(("lost", "interruptions"), [(1, 0), (4, 0), (7, 0), (8, 1), (9, 1)])
def test_lost_packets_are_one_event_and_an_interruption_from_150_ms(lost: int, interruptions: int) -> None:
    line = Line()
    for k in (0, lost + 1, lost + 2):
        line.put(k, 20 * k)
        line.get(20 * k + 121)
    f = line.buffer.figures()
    assert (f["concealmentEvents"], f["concealedSamples"]) == (1, lost * FRAME)
    assert f["interruptions"] == interruptions


def test_a_longer_gap_is_concealed_to_a_bound_and_the_rest_counted() -> None:
    line = Line(conceal_s=0.5)
    line.put(0, 0)
    line.put(101, 2020)
    line.get(2200)
    f = line.buffer.figures()
    assert (f["concealedSamples"], f["skippedSamples"]) == (25 * FRAME, 75 * FRAME)


def test_the_wait_follows_the_line() -> None:
    """Gaps that are never filled bring the wait down to its least; packets overtaken by 80 ms bring it up again."""
    line = Line(wait_least_s=0.02, wait_most_s=0.2)
    at = 0
    for k in range(0, 140, 2):
        line.put(k, at)
        at += 300
        line.get(at)
    assert line.buffer.figures()["wait_s"] == pytest.approx(0.02)
    line.put(140, at)
    line.put(141, at + 20)
    line.put(139, at + 80)
    assert line.buffer.figures()["wait_s"] == pytest.approx(0.105)  # 80 ms late: 1.25 times, and 5 ms


def test_a_way_in_that_keeps_the_order_never_waits() -> None:
    line = Line(wait_least_s=0, wait_most_s=0)
    line.put(0, 0)
    line.put(2, 40)
    assert line.kinds(40) == ["audio", "concealed", "audio"]


def test_duplicates_are_counted_and_dropped() -> None:
    line = Line()
    assert [line.put(k, 20 * n) for n, k in enumerate([0, 1, 1, 0, 3, 3, 2, 2])] == [
        *("taken", "taken", "duplicate", "duplicate", "taken", "duplicate", "taken", "duplicate")
    ]
    assert len(line.get(200)) == 4
    assert line.put(3, 210) == "duplicate"


def test_sequence_and_timestamp_wrap() -> None:
    line = Line()
    for k in range(40):
        line.put(k, 20 * k, seq=65520 + k, ts=2**32 - 5 * FRAME + k * FRAME)
        assert line.kinds(20 * k) == ["audio"]
    f = line.buffer.figures()
    assert (f["expected"], f["missing"], f["timestampJumps"]) == (40, 0, 0)


def test_a_gap_in_the_timestamps_alone_is_the_sender_s_silence() -> None:
    line = Line()
    line.put(0, 0)
    line.get(0)
    line.put(1, 1000, ts=50 * FRAME)
    frames = line.get(1000)
    assert [frame.kind for frame in frames] == ["silence"] * 49 + ["audio"]
    assert frames[-1].position == 50 * FRAME


def test_law8_silence_that_nobody_announced_is_made_up_for_to_a_bound_and_the_rest_counted() -> None:
    """Who was muted for ten minutes is heard when he speaks again, not after ten minutes of silence."""
    line = Line()
    line.put(0, 0)
    line.get(0)
    line.put(1, 600_000, ts=30_000 * FRAME)
    frames = line.get(600_000)
    assert [frame.kind for frame in frames] == ["silence"] * 500 + ["audio"]
    assert line.buffer.figures()["skippedSamples"] == (30_000 - 1 - 500) * FRAME
    line.put(2, 600_020, ts=30_001 * FRAME)
    assert line.kinds(600_020) == ["audio"]


def test_announced_silence_runs_on_with_time() -> None:
    line = Line()
    line.put(0, 0)
    line.get(0)
    line.buffer.put(1, FRAME, 20 * MS, b"\x4e", payload_type=13)
    given = sum(len(line.get(at)) for at in range(20, 1021, 10))
    assert given == 50
    assert {frame.kind for frame in line.out[1:]} == {"silence"}
    line.put(2, 1040, ts=51 * FRAME)
    assert line.kinds(1040)[-1] == "audio"
    assert line.out[-1].position in (51 * FRAME, 52 * FRAME)
    assert line.buffer.figures()["concealedSamples"] == 0


def test_a_stray_packet_does_not_hold_up_announced_silence() -> None:
    """It waits for its like, which never comes; the sender's silence goes on (law 11)."""
    line = Line()
    line.put(0, 0)
    line.get(0)
    line.buffer.put(1, FRAME, 20 * MS, b"\x4e", payload_type=13)
    assert line.put(7, 30, seq=9000, ssrc=99) == "held"
    given = sum(len(line.get(at)) for at in range(30, 1021, 10))
    assert given == 50
    line.get(70_000)
    assert line.out[-1].kind == "link_lost"


def test_speech_that_comes_before_announced_silence_was_over_is_not_delayed() -> None:
    line = Line()
    line.put(0, 0)
    line.buffer.put(1, FRAME, 20 * MS, b"\x4e", payload_type=13)
    line.get(620)  # 30 frames of silence given
    line.put(2, 621, ts=28 * FRAME)
    assert line.kinds(621) == ["audio"]
    assert line.buffer.figures()["timestampJumps"] == 0


def test_a_timestamp_that_leaps_costs_nothing() -> None:
    line = Line()
    for k, ts in enumerate([0, FRAME, 1_000_000_000, 1_000_000_160, 5, 165]):
        line.put(k, 20 * k, ts=ts)
        assert line.kinds(20 * k) == ["audio"]
    assert line.buffer.figures()["timestampJumps"] == 2
    assert np.array_equal(line.sound(), np.concatenate([numbered(k) for k in range(6)]))


def test_a_sequence_that_begins_again_loses_no_packet() -> None:
    line = Line()
    for k in range(5):
        line.put(k, 20 * k)
    line.get(80)
    assert line.put(5, 100, seq=30000, ts=77) == "held"
    assert line.put(6, 120, seq=30001, ts=77 + FRAME) == "restarted"
    assert line.kinds(120) == ["audio", "audio"]
    assert np.array_equal(line.sound(), np.concatenate([numbered(k) for k in range(7)]))
    assert line.buffer.figures()["restarts"] == 1


def test_another_source_takes_over_with_its_second_packet() -> None:
    line = Line()
    line.put(0, 0, ssrc=1)
    line.put(1, 20, ssrc=2)
    line.put(2, 40, ssrc=2)
    assert line.kinds(40) == ["audio"] * 3


def test_a_stray_packet_changes_nothing() -> None:
    line = Line()
    for k in range(10):
        line.put(k, 20 * k)
        line.put(99, 20 * k, seq=k * 5000, ssrc=7)
        assert line.kinds(20 * k) == ["audio"]
    f = line.buffer.figures()
    assert (f["restarts"], f["superseded"], f["queued"], f["missing"]) == (0, 9, 1, 0)


def test_a_link_that_brings_nothing_is_lost_once_and_told_when_it_is_back() -> None:
    line = Line(link_lost_s=2.0)
    assert line.get(10_000) == []
    line.put(0, 10_000)
    line.get(10_000)
    assert line.kinds(11_999) == []
    assert line.kinds(12_000) == ["link_lost"]
    assert line.kinds(60_000) == []
    line.put(1, 60_000)
    assert line.kinds(60_000) == ["link_back", "audio"]
    assert line.out[-1].position == FRAME  # media time stood still


def test_codecs_are_told_by_payload_type_and_others_keep_their_place() -> None:
    speech = (8000 * np.sin(np.arange(FRAME) / 5)).astype(np.int16)
    coded: list[tuple[int, Any]] = [(0, ulaw_encode(speech)), (8, alaw_encode(speech)), (97, speech.byteswap())]
    coded.append((101, b"\1\0\0\xa0"))  # a telephone event
    buffer = JitterBuffer(8000, payload_types={0: "pcmu", 8: "pcma", 97: "l16", 98: "pcm16"})
    ts = 0
    for seq, (payload_type, payload) in enumerate([*coded, (98, speech)]):
        buffer.put(seq, ts, seq * 20 * MS, payload, payload_type=payload_type)
        ts += FRAME if payload_type != 101 else 0
    frames = [frame for _ in range(6) if (frame := buffer.get(100 * MS))]
    assert [frame.timestamp for frame in frames] == [0, FRAME, 2 * FRAME, 3 * FRAME]
    assert np.array_equal(frames[0].samples, ulaw_decode(coded[0][1]))
    for frame in frames[2:]:
        assert np.array_equal(frame.samples, speech)
    f = buffer.figures()
    assert (f["used"], f["missing"], f["concealedSamples"]) == (5, 0, 0)


def test_two_channels_come_out_as_they_went_in() -> None:
    buffer = JitterBuffer(16000, channels=2)
    sound = np.arange(640, dtype=np.int16).reshape(320, 2)
    buffer.put(0, 0, 0, sound)
    frame = buffer.get(0)
    assert frame is not None
    assert np.array_equal(frame.samples, sound)


def test_more_packets_than_there_is_room_for_supersede_the_oldest() -> None:
    """Law 8: memory is bounded, whatever comes and nobody takes."""
    line = Line(capacity_packets=64)
    for k in range(20_000):
        line.put(k, 0)
    f = line.buffer.figures()
    assert (f["queued"], f["superseded"], f["missing"]) == (64, 20_000 - 64, 0)
    frames = line.get(0)
    assert np.array_equal(frames[-1].samples, numbered(19_999))
    assert len(frames) == 64


def test_what_no_packet_can_be_is_refused_and_counted() -> None:
    buffer = JitterBuffer(8000, packet_s=0.02)
    assert buffer.put(0, 0, 0, bytes(2 * FRAME + 2)) == "too_long"
    assert buffer.put(0, 0, 0, bytes(33)) == "not_whole"
    assert buffer.put(0, 0, 0, b"") == "taken"
    assert buffer.put(1, 0, 2**63 - 1, bytes(2)) == "taken"
    assert buffer.put(2, 2**32 - 1, -(2**63), bytes(2)) == "taken"
    while buffer.get(-(2**63)):
        pass
    while buffer.get(2**63 - 1):
        pass
    f = buffer.figures()
    assert (f["refused"], f["received"], f["used"]) == (2, 3, 3)
    for wrong in ({"seq": 65536}, {"timestamp": -1}, {"arrival_ns": 2**63}, {"payload_type": 128}, {"ssrc": -1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            buffer.put(**{"seq": 0, "timestamp": 0, "arrival_ns": 0, "payload": b"", **wrong})  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        buffer.put(0, 0, 0, "text")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rate": 7999}, "rate must"),
        ({"channels": 3}, "channels must"),
        ({"codec": "g729"}, "expected one of"),
        ({"payload_types": {128: "pcmu"}}, "payload type=128"),
        ({"capacity_packets": 100}, "power of two"),
        ({"packet_s": 2}, "packet_s"),
        ({"conceal_s": -1}, "conceal_s"),
        ({"wait_least_s": 0.2, "wait_most_s": 0.1}, "least <= most"),
        ({"link_lost_s": 0}, "link_lost"),
        ({"wait_most_s": float("nan")}, "wait_most_s"),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        JitterBuffer(**{"rate": 8000, **options})  # type: ignore[arg-type]


steps = st.lists(
    st.tuples(
        st.integers(-40, 40),  # sequence number against the running one
        st.integers(0, 60),  # ms that pass
        st.sampled_from([0, 0, 0, 0, 0, 1, 30000]),  # a leap of the sequence, of the timestamp
        st.sampled_from([0, 0, 0, 0, 1]),  # source
        st.sampled_from([0, 0, 0, 0, 13, 101]),  # payload type
        st.booleans(),  # whether anyone takes
    ),
    max_size=120,
)


@settings(max_examples=150)
@given(steps, st.sampled_from([32, 256]))
def test_whatever_comes_both_sums_hold_and_media_time_has_no_hole(
    script: list[tuple[int, int, int, int, int, bool]], capacity: int
) -> None:
    def run() -> list[tuple[str, int, bytes]]:
        taken: list[tuple[str, int, bytes]] = []
        buffer = JitterBuffer(8000, payload_types={0: "pcm16"}, capacity_packets=capacity, link_lost_s=0.5)
        now, base, position = 0, 0, 0
        for n, (offset, passed, leap, ssrc, payload_type, takes) in enumerate(script):
            now, base = now + passed * MS, base + leap
            seq = n + offset + base
            buffer.put(
                seq & 0xFFFF,
                (seq * FRAME + leap) & 0xFFFFFFFF,
                now,
                numbered(n).tobytes() if payload_type == 0 else b"\1\2\3",
                payload_type=payload_type,
                ssrc=ssrc,
            )
            exact(buffer)
            while takes and (frame := buffer.get(now)) is not None:
                assert frame.position == position
                position += len(frame.samples)
                taken.append((frame.kind, frame.position, frame.samples.tobytes()))
                exact(buffer)
        return taken

    assert run() == run()  # law 5


def packets_of(path: Path) -> list[tuple[int, RtpPacket]]:
    """Of an rtpplay dump: (ms, packet)."""
    data = path.read_bytes()
    at = data.index(b"\n") + 1 + 16
    found = []
    while at < len(data):
        length, _, ms = struct.unpack_from(">HHI", data, at)
        found.append((ms, RtpPacket.parse(data[at + 8 : at + length])))
        at += length
    return found


def test_a_real_jittered_stream_gives_the_clean_one_but_for_what_was_lost(shared_data: Path) -> None:
    clean = {p.seq: p.payload for _, p in packets_of(shared_data / "traces/stereo_pcmu.rtp")}
    came = packets_of(shared_data / "traces/stereo_pcmu_jitter.rtp")
    buffer = JitterBuffer(8000, codec="pcmu", channels=2)
    heard: dict[int, NDArray[np.int16]] = {}
    concealed_before: set[int] = set()
    last = ""
    for ms, packet in came:
        buffer.put(packet.seq, packet.timestamp, ms * MS, packet.payload, payload_type=packet.payload_type)
        while (frame := buffer.get(ms * MS)) is not None:
            if frame.kind == "audio":
                assert frame.seq is not None
                heard[frame.seq] = frame.samples
                if last == "concealed":
                    concealed_before.add(frame.seq)
            last = frame.kind
    exact(buffer)
    f = buffer.figures()
    assert f["late_discarded"] == 0
    assert f["used"] + f["duplicate"] + f["queued"] == len(came)
    for seq, samples in heard.items():
        sent = ulaw_decode(clean[seq]).reshape(-1, 2)
        beginning = 80 if seq in concealed_before else 0  # a cross-fade after concealment: 5 or 10 ms
        assert np.array_equal(samples[beginning:], sent[beginning:]), seq
