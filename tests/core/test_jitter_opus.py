"""The jitter buffer with Opus: packets of any length at Opus's clock, FEC and concealment of its own, announced silence
(laws 1, 5, 6, 10, 11). What was decoded is compared with one decoder that is given every packet."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from rtaudio import Decoder, Encoder, JitterBuffer, JitterFrame, OpusMissing, find_libopus
from tests.core.test_codec import Samples, level, speech_like, voice

try:
    find_libopus()
except OpusMissing as missing:
    pytest.skip(str(missing), allow_module_level=True)

MS = 1_000_000
RATE = 16000
FIRST = 2**32 - 5000  # of the timestamps: they wrap within the first packets

Packet = tuple[int, int, bytes, int]  # seq, timestamp, payload, samples at RATE


def stream(samples: Samples, frame_s: float = 0.02, **options: object) -> list[Packet]:
    """Numbered packets; what DTX leaves out is left out of the sequence's timestamps only."""
    encoder = Encoder("opus", RATE, frame_s=frame_s, **options)  # type: ignore[arg-type]
    n, packets = encoder.frame_samples, []
    for k in range(len(samples) // n):
        payload = encoder.encode(samples[k * n : (k + 1) * n])
        if payload:
            packets.append((len(packets), (FIRST + 3 * k * n) % 2**32, payload, n))
    return packets


def decoded(packets: list[Packet]) -> Samples:
    decoder = Decoder("opus", RATE)
    return np.concatenate([decoder.decode(payload) for _, _, payload, _ in packets])


def exact(buffer: JitterBuffer) -> None:
    f = buffer.figures()
    assert f["received"] == f["used"] + f["late_discarded"] + f["duplicate"] + f["superseded"] + f["queued"]
    assert f["expected"] == f["received_unique"] + f["missing"]
    given = f["jitterBufferEmittedCount"] + f["concealedSamples"] + f["silenceSamples"]
    stretched = f["insertedSamplesForDeceleration"] - f["removedSamplesForAcceleration"]
    assert f["totalSamplesReceived"] + f["bufferedSamples"] == given + stretched
    assert f["fecPacketsDiscarded"] <= f["fecPacketsReceived"]


def drain(buffer: JitterBuffer, at_ms: float) -> Iterator[JitterFrame]:
    while (frame := buffer.get(int(at_ms * MS))) is not None:
        yield frame
        exact(buffer)


def put(buffer: JitterBuffer, packet: Packet, at_ms: float) -> str:
    seq, timestamp, payload, _ = packet
    return buffer.put(seq, timestamp, int(at_ms * MS), payload)


@pytest.mark.parametrize("frame_s", [0.01, 0.02, 0.04, 0.06])
def test_packets_in_order_are_what_one_decoder_makes_of_them(frame_s: float) -> None:
    packets = stream(speech_like(RATE, 1.0), frame_s)
    buffer = JitterBuffer(RATE, codec="opus")
    out = []
    for k, packet in enumerate(packets):
        assert put(buffer, packet, k * frame_s * 1000) == "taken"
        (frame,) = drain(buffer, k * frame_s * 1000)
        assert (frame.kind, frame.seq, frame.timestamp) == ("audio", packet[0], packet[1])
        out.append(frame.samples)
    assert np.array_equal(np.concatenate(out), decoded(packets))


def test_packets_of_all_lengths_follow_one_another() -> None:
    """2.5 to 120 ms: from a sender that is not ours, joined from ours by the rules of RFC 6716, section 3.2."""
    encoder = Encoder("opus", 48000, frame_s=0.02, bitrate=128000)
    samples = voice(48000, 1.2)
    single = [encoder.encode(samples[k * 960 : (k + 1) * 960]) for k in range(60)]
    toc = single[10][0]
    assert all(payload[0] == toc for payload in single[10:])
    assert toc >> 3 == 31  # CELT, full band, 20 ms; code 0

    def joined(payloads: list[bytes]) -> bytes:
        sizes = b""
        for payload in payloads[:-1]:
            size = len(payload) - 1
            sizes += bytes([size]) if size < 252 else bytes([252 + size % 4, (size - 252 - size % 4) // 4])
        return bytes([toc | 3, 0x80 | len(payloads)]) + sizes + b"".join(payload[1:] for payload in payloads)

    packets, at, timestamp = [], 10, 0
    for count in (1, 2, 3, 1, 2, 1, 3, 2, 1):
        payload = joined(single[at : at + count]) if count > 1 else single[at]
        if len(payload) <= 1500:
            packets.append((len(packets), timestamp, payload, 960 * count))
            at, timestamp = at + count, timestamp + 960 * count
    assert {n for _, _, _, n in packets} == {960, 1920, 2880}
    buffer, decoder = JitterBuffer(48000, codec="opus"), Decoder("opus", 48000)
    for packet in packets:
        assert put(buffer, packet, 0) == "taken"
        (frame,) = drain(buffer, 0)
        assert len(frame.samples) == packet[3]
        assert np.array_equal(frame.samples, decoder.decode(packet[2]))


def test_a_lost_packet_comes_out_of_the_next_one() -> None:
    packets = stream(speech_like(RATE, 1.0), bitrate=32000, fec=True, expected_loss=0.2)
    reference = Decoder("opus", RATE)
    lost = next(k for k in range(20, 40) if len(Decoder("opus", RATE).decode_fec(packets[k + 1][2])))
    buffer = JitterBuffer(RATE, codec="opus")
    kinds, position = [], 0
    for k, packet in enumerate(packets[: lost + 5]):
        if k == lost:
            continue
        put(buffer, packet, 20 * k)
        for frame in drain(buffer, 20 * k + (200 if k > lost else 0)):
            assert frame.position == position
            position += len(frame.samples)
            kinds.append(frame.kind)
            if frame.seq == lost:
                assert frame.timestamp == packets[lost][1]
                expected = reference.decode_fec(packets[lost + 1][2])
            else:
                expected = reference.decode(packets[frame.seq or 0][2])
            assert np.array_equal(frame.samples, expected)
    assert set(kinds) == {"audio"}
    f = buffer.figures()
    assert f["fecRecoveredSamples"] == 320
    assert f["concealedSamples"] == 0
    assert f["missing"] == 1
    assert f["fecPacketsReceived"] == f["fecPacketsDiscarded"] + 1 > 1


def test_of_a_longer_gap_fec_gives_the_last_packet_and_opus_conceals_the_rest() -> None:
    packets = stream(speech_like(RATE, 1.0), bitrate=32000, fec=True, expected_loss=0.2)
    last = next(k for k in range(22, 40) if len(Decoder("opus", RATE).decode_fec(packets[k + 1][2])))
    buffer, reference = JitterBuffer(RATE, codec="opus"), Decoder("opus", RATE)
    for k, packet in enumerate(packets[: last + 2]):
        if not last - 3 < k <= last:
            put(buffer, packet, 20 * k)
            if k < last:
                reference.decode(packet[2])
                list(drain(buffer, 20 * k))
    frames = list(drain(buffer, 20 * last + 500))
    assert [frame.kind for frame in frames] == ["concealed", "concealed", "audio", "audio"]
    assert np.array_equal(np.concatenate([f.samples for f in frames[:2]]), reference.conceal(640))
    assert np.array_equal(frames[2].samples, reference.decode_fec(packets[last + 1][2]))
    assert np.array_equal(frames[3].samples, reference.decode(packets[last + 1][2]))


def test_silence_that_opus_announces_is_silence_as_time_passes() -> None:
    """Media time runs on under DTX, and no sender that has fallen silent looks like a stall (law 10)."""
    spoken, quiet = speech_like(RATE, 1.0), np.zeros(3 * RATE, np.int16)
    packets = stream(np.concatenate([spoken, quiet, spoken]), dtx=True)
    buffer = JitterBuffer(RATE, codec="opus", link_lost_s=0.5)
    silent_ms = [(ts - FIRST) % 2**32 / 48 for _, ts, payload, _ in packets if len(payload) <= 2]
    assert silent_ms
    coming = [((ts - FIRST) % 2**32 / 48, packet) for packet in packets for ts in [packet[1]]]
    given: list[JitterFrame] = []
    for now_ms in range(0, 5000, 10):
        while coming and coming[0][0] <= now_ms:
            put(buffer, coming.pop(0)[1], now_ms)
        given += drain(buffer, now_ms)
        if 1500 < now_ms < 3900:  # in the silence media time stays with the clock
            assert abs(given[-1].position / 16 - now_ms) <= 60
    assert {frame.kind for frame in given} == {"audio", "silence"}
    assert sum(len(frame.samples) for frame in given) == 5 * RATE
    silence = np.concatenate([frame.samples for frame in given if frame.kind == "silence"])
    assert len(silence) > 2 * RATE
    assert level(silence) < 30


def test_another_sender_is_heard_by_a_decoder_that_knows_nothing_of_the_first() -> None:
    first, second = stream(speech_like(RATE, 0.5, seed=5)), stream(speech_like(RATE, 0.5, seed=6))
    buffer = JitterBuffer(RATE, codec="opus")
    for k, packet in enumerate(first):
        put(buffer, packet, 20 * k)
        list(drain(buffer, 20 * k))
    out = []
    for k, (seq, timestamp, payload, _) in enumerate(second):
        buffer.put(30000 + seq, timestamp, (2000 + 20 * k) * MS, payload, ssrc=9)
        out += [frame.samples for frame in drain(buffer, 2000 + 20 * k)]
    assert np.array_equal(np.concatenate(out), decoded(second))


@pytest.mark.parametrize("fec", [False, True])
@pytest.mark.parametrize("frame_s", [0.02, 0.06])
def test_play_mode_conceals_or_recovers_what_is_lost_and_keeps_its_sums(fec: bool, frame_s: float) -> None:
    random = np.random.default_rng(4)
    packets = stream(speech_like(RATE, 8.0), frame_s, fec=fec, bitrate=32000, expected_loss=0.2)
    buffer = JitterBuffer(RATE, mode="play", codec="opus", target_start_s=0.08, target_least_s=0.08)
    step_ms = frame_s * 1000
    kept = [(k * step_ms + random.exponential(5), packet) for k, packet in enumerate(packets) if k % 10 != 7]
    coming = sorted(kept, key=lambda item: item[0])
    out = []
    for now_ms in range(0, 8000, 10):
        while coming and coming[0][0] <= now_ms:
            at_ms, packet = coming.pop(0)
            put(buffer, packet, at_ms)
        frame = buffer.get(now_ms * MS)
        assert frame is not None
        assert len(frame.samples) == 160
        exact(buffer)
        out.append(frame.samples)
    f = buffer.figures()
    lost = len(packets) // 10 * frame_s * RATE
    if fec:
        assert f["fecRecoveredSamples"] > 0.5 * lost
        assert f["concealedSamples"] < 0.5 * lost
    else:
        assert f["fecPacketsReceived"] == f["fecRecoveredSamples"] == 0
        assert lost * 0.8 < f["concealedSamples"] < lost * 1.5
    assert level(np.concatenate(out)) > 0.5 * level(speech_like(RATE, 8.0))


@pytest.mark.parametrize("mode", ["listen", "play"])
def test_a_replay_gives_the_same_bits(mode: str) -> None:
    """Law 5, within one build of libopus."""
    packets = stream(speech_like(RATE, 2.0), fec=True, dtx=True, bitrate=32000)
    random = np.random.default_rng(8)
    arrivals = sorted((20 * k + random.exponential(20), k) for k in range(len(packets)) if random.random() > 0.1)

    def once() -> bytes:
        buffer = JitterBuffer(RATE, mode=mode, codec="opus")
        out, coming = [], list(arrivals)
        for now_ms in range(0, 2500, 10):
            while coming and coming[0][0] <= now_ms:
                at_ms, k = coming.pop(0)
                put(buffer, packets[k], at_ms)
            if mode == "play":
                frame = buffer.get(now_ms * MS)
                assert frame is not None
                out.append(frame.samples)
            else:
                out += [frame.samples for frame in drain(buffer, now_ms)]
        return np.concatenate(out).tobytes()

    assert once() == once()


def test_packets_that_cannot_be_are_refused_and_counted() -> None:
    buffer = JitterBuffer(RATE, codec="opus", packet_s=0.06)
    packets = stream(voice(RATE, 0.2))
    assert buffer.put(0, 0, 0, packets[0][2]) == "taken"
    for payload, said in (
        (bytes([packets[0][2][0] | 3, 0]), "not_whole"),  # a packet of no frames
        (bytes(1501), "too_long"),
        (bytes([0x1B, 0x82]) + bytes(30), "too_long"),  # 2 frames of 60 ms
    ):
        assert buffer.put(1, 960, 20 * MS, payload) == said
    assert buffer.figures()["refused"] == 3
    assert buffer.put(1, 960, 20 * MS, b"") == "taken"  # of no length: of no sound
    assert [frame.kind for frame in drain(buffer, 20)] == ["audio"]


def test_codecs_beside_opus_need_its_clock() -> None:
    with pytest.raises(ValueError, match="beside Opus"):
        JitterBuffer(16000, payload_types={111: "opus", 0: "pcmu"})
    with pytest.raises(ValueError, match="8, 12, 16, 24 and 48"):
        JitterBuffer(44100, codec="opus")
    both = JitterBuffer(48000, payload_types={111: "opus", 11: "l16"})
    encoder = Encoder("opus", 48000)
    both.put(0, 0, 0, encoder.encode(voice(48000, 0.02)), payload_type=111)
    both.put(1, 960, 0, bytes(1920), payload_type=11)
    assert [len(frame.samples) for frame in drain(both, 0)] == [960, 960]


def test_timestamps_that_jump_wildly_only_count_as_jumps() -> None:
    random = np.random.default_rng(2)
    packets = stream(voice(RATE, 1.0))
    buffer = JitterBuffer(RATE, codec="opus")
    total = 0
    for (seq, _, payload, _), timestamp in zip(packets, itertools.cycle(random.integers(0, 2**32, 7)), strict=False):
        buffer.put(seq, int(timestamp), seq * 20 * MS, payload)
        total += sum(frame.kind == "audio" for frame in drain(buffer, seq * 20))
    assert total == len(packets)
    assert buffer.figures()["timestampJumps"] > 10


def test_a_stray_packet_does_not_move_the_senders_clock() -> None:
    """Its timestamp lies half of all away, so that the way there and back goes once around."""
    buffer, packets = JitterBuffer(RATE, codec="opus"), stream(voice(RATE, 1.0))
    for seq, timestamp, payload, n in packets:
        assert put(buffer, (seq, timestamp, payload, n), 20 * seq) == "taken"
        (frame,) = drain(buffer, 20 * seq)
        assert (frame.kind, frame.timestamp) == ("audio", timestamp)
        if seq == 20:
            far = (timestamp + 2**31 + 10) % 2**32
            assert buffer.put(9000, far, 20 * seq * MS, payload, ssrc=9) == "held"
    assert buffer.figures()["timestampJumps"] == 0
