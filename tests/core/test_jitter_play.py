"""The jitter buffer's play mode, row by row of the table in csrc/jitter_play.h (laws 1, 5, 6, 8, 11)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rtaudio import JitterBuffer

MS = 1_000_000
FRAME = 160  # 20 ms at 8 kHz: a packet; a frame is half of it
HELD = {"target_least_s": 0.06, "target_most_s": 0.06}  # no target that moves: nothing is stretched
Samples = NDArray[np.int16]


def tone(k: int) -> Samples:
    """Packet k of a tone of 200 Hz that goes on from packet to packet."""
    angle = 2 * np.pi * 200 / 8000 * (np.arange(FRAME) + k * FRAME)
    return np.asarray(8000 * np.sin(angle), np.int16)


def numbered(k: int) -> Samples:
    return (np.arange(FRAME) + k * FRAME).astype(np.int16)


def exact(buffer: JitterBuffer) -> None:
    """Law 1: both sums of packets, and that of the samples."""
    f = buffer.figures()
    assert f["received"] == f["used"] + f["late_discarded"] + f["duplicate"] + f["superseded"] + f["queued"]
    assert f["expected"] == f["received_unique"] + f["missing"]
    assert f["totalSamplesReceived"] + f["bufferedSamples"] == (
        f["jitterBufferEmittedCount"]
        + f["concealedSamples"]
        + f["silenceSamples"]
        + f["insertedSamplesForDeceleration"]
        - f["removedSamplesForAcceleration"]
    )


class Call:
    """Packets at their times, a frame every 10 ms."""

    def __init__(self, arrivals: dict[int, float], sound: object = tone, **options: object) -> None:
        """arrivals: packet -> ms."""
        self.buffer = JitterBuffer(8000, mode="play", **options)  # type: ignore[arg-type]
        self.todo = sorted(((at, k) for k, at in arrivals.items()), key=lambda each: each[0])
        self.make = sound
        self.now_ms = 0
        self.kinds: list[str] = []
        self.sound: list[Samples] = []
        self.delay_ms: list[float] = []

    def run(self, until_ms: int) -> Call:
        while self.now_ms < until_ms:
            while self.todo and self.todo[0][0] <= self.now_ms:
                at, k = self.todo.pop(0)
                payload = self.make(k).tobytes()  # type: ignore[operator]
                self.buffer.put(k & 0xFFFF, k * FRAME & 0xFFFFFFFF, int(at * MS), payload)
                exact(self.buffer)
            frame = self.buffer.get(self.now_ms * MS)
            assert frame is not None
            assert len(frame.samples) == 80
            exact(self.buffer)
            self.kinds.append(frame.kind)
            self.sound.append(frame.samples)
            self.delay_ms.append(np.nan if frame.timestamp is None else self.now_ms - frame.timestamp / 8)
            self.now_ms += 10
        return self

    def figures(self) -> dict[str, float]:
        return self.buffer.figures()


def even(count: int, but: dict[int, float] | None = None, lost: tuple[int, ...] = ()) -> dict[int, float]:
    return {k: 20.0 * k + (but or {}).get(k, 0.0) for k in range(count) if k not in lost}


def test_jitter_within_the_target_is_not_heard_and_every_sample_is_as_sent() -> None:
    jitter = {k: float(k * 7919 % 50) for k in range(100)} | {0: 0.0}
    call = Call(even(100, jitter), numbered, **HELD).run(2000)
    first = call.kinds.index("audio")
    assert first == 6
    assert set(call.kinds[:first]) == {"silence"}
    assert set(call.kinds[first:]) == {"audio"}
    assert np.array_equal(np.concatenate(call.sound[first:]), np.arange(80 * (200 - first)).astype(np.int16))
    assert set(call.delay_ms[first:]) == {60.0}


@pytest.mark.parametrize(
    ("lost", "interruptions"), [(1, 0), (4, 0), (5, 0), (6, 0), (7, 0), (8, 1), (9, 1)]
)  # fmt: skip
def test_lost_packets_are_one_event_of_their_length(lost: int, interruptions: int) -> None:
    call = Call(even(100, lost=tuple(range(30, 30 + lost))), **HELD).run(1800)
    f = call.figures()
    assert (f["concealmentEvents"], f["concealedSamples"]) == (1, lost * FRAME)
    assert (f["interruptions"], f["late_discarded"], f["missing"]) == (interruptions, 0, lost)


def test_a_packet_that_is_late_in_part_is_used_in_part() -> None:
    call = Call(even(100, {30: 70.0}), **HELD).run(1800)  # comes 10 ms after its time
    f = call.figures()
    assert (f["concealedSamples"], f["late_discarded"], f["used"]) == (80, 0, f["received"] - f["queued"])


def test_a_packet_that_is_too_late_is_discarded_and_counted() -> None:
    call = Call(even(100, {30: 90.0}), **HELD).run(1800)
    f = call.figures()
    assert (f["concealedSamples"], f["late_discarded"], f["missing"]) == (FRAME, 1, 0)


def test_the_delay_follows_the_line_down_and_up() -> None:
    rng = np.random.default_rng(3)
    quiet = {k: float(x) for k, x in enumerate(rng.uniform(0, 4, 500))}
    rough = {k + 500: float(x) for k, x in enumerate(rng.uniform(0, 90, 1500))}
    call = Call(even(2000, quiet | rough))
    call.run(9000)
    assert np.nanmean(call.delay_ms[-100:]) < 20
    call.run(30_000)
    assert 80 < np.nanmean(call.delay_ms[-100:]) < 115
    assert call.figures()["insertedSamplesForDeceleration"] + call.figures()["concealedSamples"] > 0


def test_after_a_stall_of_3_s_the_delay_is_back_within_a_second() -> None:
    rng = np.random.default_rng(4)
    arrivals = {k: 20.0 * k + float(rng.uniform(0, 8)) for k in range(1500)}
    arrivals |= {k: max(at, 13_000.0) for k, at in arrivals.items() if at >= 10_000}
    call = Call(arrivals).run(20_000)
    before, after = np.nanmean(call.delay_ms[900:1000]), np.nanmean(call.delay_ms[1400:1450])
    assert after < before + 10
    assert call.figures()["target_s"] < 0.03  # and the stall was not taken for jitter
    assert call.figures()["interruptions"] == 1


def test_stretching_keeps_the_pitch() -> None:
    call = Call(even(300), target_start_s=0.2).run(5000)  # the line is even: the delay falls from 200 ms
    f = call.figures()
    assert f["removedSamplesForAcceleration"] > 8 * 150
    assert f["concealedSamples"] == 0
    sound = np.concatenate(call.sound[30:]).astype(float)
    assert np.abs(np.diff(sound)).max() < 1.3 * 8000 * 2 * np.pi * 200 / 8000  # no click
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert np.argmax(spectrum) * 8000 / len(sound) == pytest.approx(200, abs=2)


def test_speech_is_stretched_no_more_than_a_little_at_a_time() -> None:
    call = Call(even(300), target_start_s=0.09).run(5000)
    before = call.figures()["removedSamplesForAcceleration"]
    taken = []
    for _ in range(60):
        call.run(call.now_ms + 10)
        taken.append(call.figures()["removedSamplesForAcceleration"] - before)
    assert max(taken) <= 120  # 15 ms


def test_the_knob_trades_delay_for_concealment() -> None:
    rng = np.random.default_rng(5)
    arrivals = even(3000, {k: float(x) for k, x in enumerate(rng.exponential(15, 3000))})
    few, many = Call(arrivals, late=0.002).run(60_000), Call(arrivals, late=0.05).run(60_000)
    assert np.nanmean(few.delay_ms) > np.nanmean(many.delay_ms) + 10
    assert few.figures()["concealedSamples"] < many.figures()["concealedSamples"]


def test_the_target_keeps_to_its_bounds() -> None:
    rng = np.random.default_rng(6)
    arrivals = even(500, {k: float(x) for k, x in enumerate(rng.uniform(0, 300, 500))})
    call = Call(arrivals, target_least_s=0.03, target_most_s=0.1).run(9000)
    assert call.figures()["target_s"] == pytest.approx(0.1)
    assert Call(even(500), target_least_s=0.03).run(9000).figures()["target_s"] == pytest.approx(0.03)


def test_a_sender_that_was_silent_is_not_concealed_and_the_delay_is_right_at_once() -> None:
    arrivals = even(50) | {k: 20.0 * k for k in range(150, 200)}
    call = Call({}, **HELD)
    call.todo = [(at, k) for k, at in arrivals.items()]
    # sequence numbers go on over the silence: only timestamps leap
    puts = iter(range(1000))
    buffer = call.buffer
    for now in range(0, 4000, 10):
        for at, k in call.todo:
            if at == now:
                seq = next(puts)
                buffer.put(seq, k * FRAME, now * MS, tone(k).tobytes() if k != 49 else b"", payload_type=13 * (k == 49))
        frame = buffer.get(now * MS)
        assert frame is not None
        call.kinds.append(frame.kind)
        call.delay_ms.append(np.nan if frame.timestamp is None else now - frame.timestamp / 8)
        exact(buffer)
    assert buffer.figures()["concealedSamples"] == 0
    assert call.kinds[110:300].count("silence") == 190
    assert call.kinds[310:380] == ["audio"] * 70
    assert set(call.delay_ms[310:380]) == {60.0}


def test_sequence_wrap_and_a_new_sequence() -> None:
    buffer = JitterBuffer(8000, mode="play", **HELD)  # type: ignore[arg-type]
    kinds = []
    for k in range(200):
        seq, ts = (65500 + k, 2**32 - 8000 + k * FRAME) if k < 100 else (7 + k, 999 + k * FRAME)
        buffer.put(seq & 0xFFFF, ts & 0xFFFFFFFF, k * 20 * MS, tone(k).tobytes(), ssrc=k // 100)
        for at in (20 * k, 20 * k + 10):
            frame = buffer.get(at * MS)
            assert frame is not None
            kinds.append(frame.kind)
            exact(buffer)
    f = buffer.figures()
    assert (f["restarts"], f["late_discarded"], f["superseded"], f["missing"]) == (1, 0, 0, 0)
    assert kinds[10:200].count("audio") == 190
    assert kinds[-100:] == ["audio"] * 100


def test_a_link_that_is_lost_gives_silence_that_is_nobody_s_concealment() -> None:
    call = Call(even(50), link_lost_s=2.0).run(20_000)
    f = call.figures()
    assert f["linkLosses"] == 1
    assert f["concealedSamples"] < 2.1 * 8000
    assert call.kinds[-1] == "silence"


def test_a_stray_packet_does_not_hide_that_the_link_is_lost() -> None:
    call = Call(even(50), link_lost_s=2.0).run(1000)
    assert call.buffer.put(9000, 77, 1000 * MS, bytes(2 * FRAME), ssrc=99) == "held"
    call.run(20_000)
    assert call.figures()["linkLosses"] == 1


steps = st.lists(
    st.tuples(
        st.integers(-20, 20),
        st.integers(0, 60),
        st.sampled_from([0, 0, 0, 0, 0, 0, 1, 30000]),
        st.sampled_from([0, 0, 0, 0, 1]),
        st.sampled_from([0, 0, 0, 0, 13, 101]),
        st.integers(0, 4),
    ),
    max_size=120,
)


@settings(max_examples=150)
@given(steps, st.sampled_from(["ours", "neteq"]), st.sampled_from([1, 2]))
def test_whatever_comes_the_sums_hold_and_there_is_always_a_frame(
    script: list[tuple[int, int, int, int, int, int]], rule: str, channels: int
) -> None:
    def run() -> list[bytes]:
        buffer = JitterBuffer(
            8000, mode="play", payload_types={0: "pcm16"}, rule=rule, channels=channels, link_lost_s=0.5
        )
        now, base, position, taken = 0, 0, 0, []
        for n, (offset, passed, leap, ssrc, payload_type, takes) in enumerate(script):
            now, base = now + passed * MS, base + leap
            seq = n + offset // 4 + base
            payload = np.repeat(tone(n), channels).tobytes() if payload_type == 0 else b"\1\2\3"
            buffer.put(
                seq & 0xFFFF, (seq * FRAME + leap) & 0xFFFFFFFF, now, payload, payload_type=payload_type, ssrc=ssrc
            )
            exact(buffer)
            for _ in range(takes):
                frame = buffer.get(now)
                assert frame is not None
                assert frame.position == position
                assert frame.samples.size == 80 * channels
                position += 80
                taken.append(frame.samples.tobytes())
                exact(buffer)
        return taken

    assert run() == run()  # law 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mode": "sing"}, "mode 'sing'"),
        ({"rule": "theirs"}, "rule 'theirs'"),
        ({"late": 0.0}, "late must"),
        ({"late": float("nan")}, "late must"),
        ({"target_least_s": 0.2, "target_most_s": 0.1}, "least <= most"),
        ({"target_most_s": 11}, "target_most_s"),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        JitterBuffer(8000, **{"mode": "play", **options})  # type: ignore[arg-type]
