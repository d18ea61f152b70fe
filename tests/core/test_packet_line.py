"""Packets into a line: by its jitter buffer to the mic ring, the detector, the journal. Laws 1, 5, 6, 8, 10, 11."""

from __future__ import annotations

import resource
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio import (
    AudioPort,
    DetectorConfig,
    Encoder,
    Engine,
    Journal,
    JournalError,
    OpusMissing,
    PacketConfig,
    Resampler,
    SileroVad,
    find_libopus,
    opus_version,
    read_journal,
    ulaw_decode,
    ulaw_encode,
)
from rtaudio.core.replay import check_replay, replay_hearing, windows_of
from tests.core.rig import RATE, TICK_NS, Audio, LevelVad, Rig, W, level

MS = 1_000_000
PCM = PacketConfig(16000, codec="pcm16")
N = 320  # samples of a packet: 20 ms
DECISIONS = (
    "speech_started",
    "speech_ended",
    "turn_ended",
    "turn_resumed",
    "barge_in",
    "mic_level",
    "link_lost",
    "link_back",
)
SPOKEN = level((0.5, 0), (0.8, 0.9), (1.5, 0), (0.6, 0.9), (0.3, 0), (0.7, 0.9), (2.0, 0))


@dataclass(frozen=True)
class Packet:
    seq: int
    timestamp: int
    payload: bytes
    arrival_ns: int
    payload_type: int = 0
    ssrc: int = 7


def pcm16(samples: Audio) -> bytes:
    return (samples * 32768).round().astype("<i2").tobytes()


def packets_of(samples: Audio, start_ns: int = 0) -> list[Packet]:
    """20 ms of `samples` every 20 ms."""
    return [
        Packet(k, N * k, pcm16(samples[N * k : N * (k + 1)]), start_ns + 20 * MS * (k + 1))
        for k in range(len(samples) // N)
    ]


def quantised(samples: Audio) -> Audio:
    return (samples * 32768).round().astype(np.int16) * np.float32(1 / 32768)


class PacketRig(Rig):
    def __init__(self, packets: PacketConfig = PCM, **settings: object) -> None:
        super().__init__(kind="network", packets=packets, **settings)  # type: ignore[arg-type]

    def put(self, packet: Packet) -> bool:
        return self.line.put_packet(
            packet.seq,
            packet.timestamp,
            packet.payload,
            payload_type=packet.payload_type,
            ssrc=packet.ssrc,
            arrival_ns=packet.arrival_ns,
        )

    def play(self, packets: Sequence[Packet], until_s: float, steps_s: Sequence[float] = (0.01,)) -> None:
        """Each packet is put at the last moment before the step that is not before its arrival."""
        waiting = sorted(packets, key=lambda packet: packet.arrival_ns)
        at, i = 0, 0
        while self.now_ns < until_s * 1e9:
            step_ns = max(1, round(steps_s[i % len(steps_s)] * 1e9))
            i += 1
            while at < len(waiting) and waiting[at].arrival_ns <= self.now_ns + step_ns:
                assert self.put(waiting[at])
                at += 1
            self.run(step_ns * 1e-9, [step_ns * 1e-9])

    def decisions(self) -> list[tuple[object, ...]]:
        return [(e.kind, e.mic, e.decided, e.a, e.b) for e in self.events(*DECISIONS)]


def check_sums(rig: Rig) -> dict[str, float]:
    f, line = rig.line.link_figures(), rig.line.figures()
    assert f["received"] == f["used"] + f["late_discarded"] + f["duplicate"] + f["superseded"] + f["queued"]
    assert f["expected"] == f["received_unique"] + f["missing"]
    assert f["totalSamplesReceived"] == f["concealedSamples"] + f["silenceSamples"] + f["jitterBufferEmittedCount"]
    given = line["input_taken"] + line["input_concealed"] + line["input_silence"]
    assert 0 <= f["totalSamplesReceived"] - given <= 960  # a packet of which a part waits for the next tick
    return f


# ---- media time


def test_packets_in_order_are_heard_at_once() -> None:
    rig = PacketRig(hears=False)
    noise = np.random.default_rng(1).uniform(-0.9, 0.9, 16000).astype(np.float32)
    for packet in packets_of(noise):
        rig.put(packet)
        rig.run(0.02)
        assert rig.port.mic_written == N * (packet.seq + 1)
    np.testing.assert_array_equal(rig.mic.read(), quantised(noise))
    assert check_sums(rig)["used"] == 50


def test_g711_is_decoded_and_resampled_as_outside_a_line() -> None:
    rig = PacketRig(PacketConfig(8000, payload_types={0: "pcmu"}), hears=False)
    codes = ulaw_encode(np.random.default_rng(2).integers(-20000, 20000, 8000).astype(np.int16))
    for k in range(50):
        assert rig.put(Packet(k, 160 * k, codes[160 * k : 160 * (k + 1)].tobytes(), 20 * MS * k))
        rig.run(0.02)
    expected = Resampler(8000, 16000).process(ulaw_decode(codes) * np.float32(1 / 32768))
    np.testing.assert_array_equal(rig.mic.read(), expected)


def test_two_channels_are_mixed() -> None:
    rig = PacketRig(PacketConfig(16000, codec="l16", channels=2), hears=False)
    both = np.random.default_rng(3).integers(-32768, 32768, (N, 2)).astype(np.int16)
    rig.put(Packet(0, 0, both.astype(">i2").tobytes(), 0))
    rig.run(0.01)
    np.testing.assert_array_equal(rig.mic.read(), both.astype(np.int32).sum(axis=1).astype(np.float32) / 65536)


@pytest.mark.parametrize("stall_at_s", [0.7, 1.0, 2.9, 3.5])
def test_law10_a_stall_of_3_s_with_a_flood_behind_it_changes_no_decision(stall_at_s: float) -> None:
    steady, stalled = PacketRig(), PacketRig()
    packets = packets_of(SPOKEN)
    steady.play(packets, 11.0)
    begins, ends = round(stall_at_s * 1e9), round((stall_at_s + 3) * 1e9)
    stalled.play([replace(p, arrival_ns=ends) if begins <= p.arrival_ns < ends else p for p in packets], 11.0)
    np.testing.assert_array_equal(stalled.mic.read(), steady.mic.read())
    decided = steady.decisions()
    assert stalled.decisions() == decided
    assert [kind for kind, *_ in decided].count("turn_ended") == 2
    assert check_sums(stalled)["used"] == len(packets)
    assert stalled.line.figures()["link_silent_ms"] >= 2900


def test_silence_that_is_announced_runs_on_and_ends_the_turn() -> None:
    rig = PacketRig()
    packets = packets_of(level((0.2, 0), (0.8, 0.9)))
    packets.append(Packet(len(packets), N * len(packets), b"\x40", packets[-1].arrival_ns + 20 * MS, payload_type=13))
    rig.play(packets, 4.0)
    assert [kind for kind, *_ in rig.decisions() if kind == "turn_ended"] == ["turn_ended"]
    figures = rig.line.figures()
    assert (figures["input_taken"], figures["input_concealed"]) == (16000, 0)
    assert figures["input_silence"] == rig.port.mic_written - 16000 > 40000
    assert rig.events("mic_level") == []


def test_law10_a_stray_packet_in_announced_silence_keeps_no_turn_open() -> None:
    rig = PacketRig()
    packets = packets_of(level((0.2, 0), (0.8, 0.9)))
    after_ns = packets[-1].arrival_ns
    packets.append(Packet(len(packets), N * len(packets), b"\x40", after_ns + 20 * MS, payload_type=13))
    packets.append(Packet(9000, 77, bytes(2 * N), after_ns + 40 * MS, ssrc=99))
    rig.play(packets, 4.0)
    assert "turn_ended" in [kind for kind, *_ in rig.decisions()]
    assert check_sums(rig)["queued"] == 1


def test_silence_without_a_word_is_a_stall_until_the_next_packet() -> None:
    rig = PacketRig()
    packets = packets_of(level((0.2, 0), (0.8, 0.9)))
    rig.play(packets, 4.0)
    assert rig.port.mic_written == 16000
    last = packets[-1]
    rig.put(Packet(last.seq + 1, last.timestamp + 48000, bytes(2 * N), rig.now_ns))
    rig.run(0.2)
    assert rig.port.mic_written == 16000 + 48000
    assert "turn_ended" in [kind for kind, *_ in rig.decisions()]


# ---- what is lost


def test_what_never_came_is_concealed_counted_apart_and_neither_speech_nor_silence() -> None:
    """0.4 s of a sentence are lost: it is one turn, whose speech goes on."""
    rig = PacketRig()
    packets = [p for p in packets_of(level((0.5, 0), (2.0, 0.9), (2.0, 0))) if not 50 <= p.seq < 70]
    rig.play(packets, 6.0)
    told = [kind for kind, *_ in rig.decisions()]
    assert told == ["speech_started", "speech_ended", "turn_ended"]
    figures = rig.line.figures()
    assert (figures["input_concealed"], figures["input_taken"]) == (20 * N, 72000 - 20 * N)
    assert figures["mic_written"] == 72000
    assert check_sums(rig)["missing"] == 20


def test_law10_a_gap_at_the_end_of_a_sentence_ends_no_turn() -> None:
    """The caller's pause is lost, and half a second more: what he says behind it goes on with his turn."""
    rig = PacketRig(PacketConfig(16000, codec="pcm16", conceal_s=5.0))
    packets = [
        p for p in packets_of(level((0.5, 0), (1.0, 0.9), (1.0, 0), (1.0, 0.9), (2.0, 0))) if not 77 <= p.seq < 125
    ]
    rig.play(packets, 7.0)
    assert [kind for kind, *_ in rig.decisions()].count("turn_ended") == 1


def test_the_journal_says_how_much_of_a_window_was_concealed(tmp_path: Path) -> None:
    path, port, engine = tmp_path / "call.rtj", AudioPort(RATE), Engine(vad=LevelVad())
    with Journal(path, port, packets=PCM) as journal:
        line = engine.add(port, kind="network", packets=PCM, journal=journal)
        engine.step(0)
        for packet in packets_of(level((1.0, 0.5))):
            if packet.seq not in (10, 30):
                line.put_packet(packet.seq, packet.timestamp, packet.payload, arrival_ns=packet.arrival_ns)
        for tick in range(1, 150):
            engine.step(tick * TICK_NS)
        engine.remove(line)
    concealed = [window.concealed for window in windows_of(read_journal(path).engine)]
    expected = np.zeros(16000)
    expected[10 * N : 11 * N] = expected[30 * N : 31 * N] = 1
    assert concealed == expected[: 31 * W].reshape(-1, W).sum(axis=1).tolist()


# ---- laws 5 and 6

rough = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 0, 0, 5, 30, 90, 400]),  # ms late
        st.sampled_from([1, 1, 1, 1, 1, 1, 0, 2]),  # times it comes
        st.sampled_from([0, 0, 0, 0, 0, 0, 1, 2]),  # comfort noise; a jump of the timestamps
    ),
    min_size=5,
    max_size=60,
)


def over(link: list[tuple[int, int, int]], samples: Audio) -> list[Packet]:
    packets, jumped = [], 0
    for packet in packets_of(samples):
        late_ms, times, odd = link[packet.seq % len(link)]
        jumped += 1600 if odd == 2 else 0
        came = replace(
            packet,
            arrival_ns=packet.arrival_ns + late_ms * MS,
            timestamp=packet.timestamp + jumped,
            payload_type=13 if odd == 1 else 0,
        )
        packets += [replace(came, arrival_ns=came.arrival_ns + n * 3 * MS) for n in range(times)]
    return packets


@settings(max_examples=25, deadline=None)
@given(rough, st.lists(st.floats(0.0001, 0.3), min_size=1, max_size=10))
def test_law6_when_steps_happen_never_changes_what_is_heard(
    link: list[tuple[int, int, int]], steps_s: list[float]
) -> None:
    packets, rigs = over(link, SPOKEN[8000:40000]), (PacketRig(), PacketRig())
    rigs[0].play(packets, 3.0)
    rigs[1].play(packets, 3.0, steps_s)
    for rig in rigs:
        check_sums(rig)
        rig.run(4.0 - rig.now_ns * 1e-9, [0.1])
    np.testing.assert_array_equal(rigs[1].mic.read(), rigs[0].mic.read())
    assert rigs[1].decisions() == rigs[0].decisions()
    assert rigs[1].line.link_figures() == rigs[0].line.link_figures()


@pytest.mark.parametrize("tick_s", [0.001, 0.02, 0.1])
@settings(max_examples=8, deadline=None)
@given(link=rough)
def test_law6_the_length_of_a_tick_never_changes_what_is_heard(tick_s: float, link: list[tuple[int, int, int]]) -> None:
    packets, rigs = over(link, SPOKEN[8000:40000]), (PacketRig(), PacketRig(tick_s=tick_s))
    heard = []
    for rig in rigs:
        rig.play(packets, 3.0)
        rig.run(4.0, [0.1])
        heard.append(rig.mic.read())
    np.testing.assert_array_equal(heard[1], heard[0])
    assert rigs[1].decisions() == rigs[0].decisions()


@pytest.mark.parametrize("seed", range(3))
def test_law5_a_call_of_packets_replays_bit_for_bit(seed: int, tmp_path: Path) -> None:
    vad, pick, path = SileroVad(), np.random.default_rng(seed), tmp_path / "call.rtj"
    config = PacketConfig(8000, payload_types={0: "pcmu"}, link_lost_s=0.5, wait_most_s=0.09)
    detector = DetectorConfig(endpoint_silence_s=0.3)
    port, engine = AudioPort(RATE), Engine(vad=vad)
    with Journal(path, port, packets=config, detector=detector) as journal:
        line = engine.add(port, kind="network", packets=config, detector=detector, journal=journal)
        mic, segment = port.mic(0), port.playout.open_segment()
        engine.step(0)
        late: list[tuple[int, int]] = []
        for tick in range(1, 500):
            segment.write(pick.normal(0, 0.1, 240).astype(np.float32))
            if tick % 2 == 0 and pick.random() < 0.95 and not 200 < tick < 280:
                late.append((tick + int(pick.exponential(3)), tick // 2))
            for due, k in [each for each in late if each[0] <= tick]:
                late.remove((due, k))
                payload = ulaw_encode(pick.normal(0, 3000, 160).clip(-30000, 30000).astype(np.int16)).tobytes()
                kind = 13 if pick.random() < 0.03 else 0
                stamp = None if pick.random() < 0.2 else due * TICK_NS - int(pick.integers(0, TICK_NS))
                line.put_packet(k, 160 * k, payload, payload_type=kind, arrival_ns=stamp)
            engine.step(tick * TICK_NS)
        heard, figures = mic.read(), line.link_figures()
        engine.remove(line)
    assert figures["concealedSamples"] > 0
    assert figures["silenceSamples"] > 0
    assert figures["linkLosses"] == 1
    kept = read_journal(path)
    assert kept.complete
    assert check_replay(kept, vad).found == []
    np.testing.assert_array_equal(replay_hearing(kept, vad, chunk=77).mic[: len(heard)], heard)


# ---- the link


def test_a_lost_link_is_told_when_it_is_lost_and_when_it_is_back() -> None:
    rig = PacketRig(PacketConfig(16000, codec="pcm16", link_lost_s=2.0))
    rig.play([Packet(0, 0, bytes(2 * N), 1_000_000)], 7.0)
    rig.put(Packet(1, N, bytes(2 * N), rig.now_ns))
    rig.run(0.1)
    told = [(e.kind, e.mic, e.a) for e in rig.events("link_lost", "link_back")]
    assert told == [("link_lost", N, 2000), ("link_back", N, 6999)]
    assert rig.line.figures()["link_losses"] == rig.line.link_figures()["linkLosses"] == 1


# ---- law 8


def test_law8_what_is_beyond_the_bound_is_dropped_and_counted() -> None:
    rig = PacketRig(PacketConfig(16000, codec="pcm16", waiting_packets=64))
    taken = [rig.put(p) for p in packets_of(level((4.0, 0.1)))]
    assert taken == [True] * 64 + [False] * 136
    rig.run(4.0)
    assert (check_sums(rig)["received"], rig.line.link_figures()["dropped"]) == (64, 136)


def test_law8_a_million_packets_at_once_take_no_memory() -> None:
    rig = PacketRig(hears=False)
    payload = bytes(2 * N)
    for k in range(100):
        rig.line.put_packet(k, N * k, payload)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for k in range(1_000_000):
        rig.line.put_packet(k & 0xFFFF, N * k & 0xFFFFFFFF, payload)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1024  # KiB
    rig.run(1.0)
    figures = check_sums(rig)
    assert figures["received"] + figures["dropped"] == 1_000_100


def test_law8_a_flood_is_taken_in_bounded_parts() -> None:
    rig = PacketRig(PacketConfig(16000, codec="pcm16", waiting_packets=1024), hears=False)
    for packet in packets_of(level((4.0, 0.1))):
        rig.put(replace(packet, arrival_ns=0))
    taken = []
    for _ in range(14):
        rig.run(0.01)
        taken.append(rig.port.mic_written)
    assert taken == [min(5120 * (k + 1), 64000) for k in range(14)]


# ---- law 11


@pytest.mark.parametrize("stamp", [-(1 << 63) + 1, (1 << 63) - 1, 0, 10**18, -5, 3_600_000_000_000])
def test_times_that_are_none_of_the_engines_clock_count_as_now(stamp: int) -> None:
    rig = PacketRig(hears=False)
    rig.run(20.0, [1.0])
    for k, at in enumerate((rig.now_ns, stamp, rig.now_ns)):
        rig.put(Packet(k, N * k, bytes(2 * N), at))
    rig.run(0.01)
    assert rig.port.mic_written == 3 * N
    assert rig.line.link_figures()["stamps_bad"] == 1
    rig.run(1.0)
    assert rig.events("link_lost") == []


def test_arrivals_that_go_back_keep_their_order() -> None:
    rig = PacketRig(hears=False)
    rig.run(1.0)
    for k, at in enumerate((900, 500, 950, 10)):
        rig.put(Packet(k, N * k, bytes(2 * N), at * MS))
    rig.run(0.01)
    assert (rig.port.mic_written, rig.line.link_figures()["stamps_bad"]) == (4 * N, 0)


def test_a_packet_from_ahead_waits_for_its_tick() -> None:
    rig = PacketRig(hears=False)
    rig.put(Packet(0, 0, bytes(2 * N), 55 * MS))
    rig.run(0.05)
    assert rig.port.mic_written == 0
    rig.run(0.01)
    assert rig.port.mic_written == N


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 0xFFFF),
            st.integers(0, 0xFFFFFFFF),
            st.binary(max_size=2000),
            st.integers(0, 127),
            st.integers(0, 3),
            st.one_of(st.none(), st.integers(-(1 << 63) + 1, (1 << 63) - 1)),
        ),
        max_size=60,
    )
)
def test_whatever_comes_the_sums_hold_and_the_line_goes_on(
    packets: list[tuple[int, int, bytes, int, int, int | None]],
) -> None:
    rig = PacketRig(PacketConfig(8000, payload_types={0: "pcmu", 96: "l16", 101: "none"}))
    for seq, timestamp, payload, payload_type, ssrc, stamp in packets:
        rig.line.put_packet(seq, timestamp, payload, payload_type=payload_type, ssrc=ssrc, arrival_ns=stamp)
        rig.run(0.01)
        check_sums(rig)
    rig.run(3.0)
    check_sums(rig)
    before = rig.port.mic_written
    for k in range(20):  # an honest source
        rig.line.put_packet(k, 160 * k, bytes(160), ssrc=99)
        rig.run(0.02)
    rig.run(1.0)
    assert rig.port.mic_written >= before + 20 * N


def refusals() -> Iterator[tuple[str, dict[str, object]]]:
    yield "kind='network'", {"kind": "paced", "packets": PCM}
    yield "kind='network'", {"kind": "device", "packets": PCM}
    yield "packets' to say", {"packets": PCM, "input_rate": 16000}
    yield "packets' to say", {"packets": PCM, "link_lost_s": 1.0}
    yield "cleaned", {"packets": PacketConfig(8000), "cleaned": True}


@pytest.mark.parametrize(("says", "settings"), list(refusals()))
def test_lines_that_cannot_be_are_refused(says: str, settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=says):
        Engine().add(AudioPort(RATE), **{"kind": "network", **settings})  # type: ignore[arg-type]


def test_samples_and_packets_each_have_their_line() -> None:
    rig, pcm = PacketRig(), Rig(kind="network")
    with pytest.raises(ValueError, match="put_packet"):
        rig.line.push(level((0.1, 0.1)))
    with pytest.raises(ValueError, match="push"):
        pcm.line.put_packet(0, 0, b"")
    with pytest.raises(ValueError, match="no packets"):
        pcm.line.link_figures()
    with pytest.raises(TypeError, match="PacketConfig"):
        Engine().add(AudioPort(RATE), kind="network", packets=8000)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [{"seq": 65536}, {"seq": -1}, {"timestamp": 1 << 32}, {"payload_type": 128}, {"ssrc": -1}, {"arrival_ns": 1 << 63}],
)
def test_numbers_that_no_field_holds_are_refused(wrong: dict[str, int]) -> None:
    rig = PacketRig()
    fields: dict[str, int] = {"seq": 0, "timestamp": 0, **wrong}
    with pytest.raises(ValueError, match=next(iter(wrong))):
        rig.line.put_packet(fields.pop("seq"), fields.pop("timestamp"), b"", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong", [{"waiting_packets": 0}, {"waiting_packets": 3}, {"waiting_packets": 8192}, {"codec": "mp3"}]
)
def test_configs_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PacketConfig(8000, **wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="late"):
        PacketConfig(8000, late=0.1)  # type: ignore[call-arg]


def test_a_config_can_be_written_down_and_read_back() -> None:
    config = PacketConfig(8000, payload_types={0: "pcmu"}, wait_most_s=0.2)
    import json

    again = PacketConfig.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again.to_dict() == config.to_dict()


def opus_call(path: Path) -> None:
    """A call of Opus packets, a tenth of them lost, recorded."""
    config, pick = PacketConfig(16000, codec="opus"), np.random.default_rng(5)
    encoder = Encoder("opus", 16000, fec=True, dtx=True, expected_loss=0.2)
    frames = (np.repeat([0.0, 8000.0, 0.0], [100, 100, 100])[:, None] * pick.normal(0, 1, (300, N))).astype(np.int16)
    sent = [(k, payload) for k, payload in enumerate(encoder.encode(frame) for frame in frames) if payload]
    port, engine, tick = AudioPort(RATE), Engine(vad=SileroVad()), 0
    with Journal(path, port, packets=config) as journal:
        line = engine.add(port, kind="network", packets=config, journal=journal)
        for seq, (k, payload) in enumerate(sent):
            while tick < 2 * k + 2:
                engine.step(tick * TICK_NS)
                tick += 1
            if pick.random() > 0.1:
                line.put_packet(seq, 3 * N * k, payload)
        figures = line.link_figures()
        engine.remove(line)
    for figure in ("missing", "silenceSamples", "concealedSamples", "fecRecoveredSamples"):
        assert figures[figure] > 0, figure


def test_law5_a_call_of_opus_packets_replays_bit_for_bit_on_the_same_libopus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        find_libopus()
    except OpusMissing as missing:
        pytest.skip(str(missing))
    opus_call(tmp_path / "call.rtj")
    kept = read_journal(tmp_path / "call.rtj")
    assert kept.header["packets"]["opus"] == opus_version()
    assert check_replay(kept, SileroVad()).found == []
    monkeypatch.setitem(kept.header["packets"], "opus", "libopus 0.9")
    with pytest.raises(JournalError, match="decoded by libopus 0"):
        check_replay(kept, SileroVad())
