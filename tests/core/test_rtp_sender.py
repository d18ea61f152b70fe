"""From what is put out to RTP packets: one stream whose time is the media clock, with the declared delay and nothing of
before a cut (laws 1, 2, 6, 7, 11). Another Opus (FFmpeg's, through PyAV) understands what is sent, and ours what it
sends."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rtaudio import Decoder, OpusMissing, RtpConfig, RtpPacket, RtpSender, find_libopus, ulaw_encode
from tests.core.test_codec import lag, level, speech_like, voice

Audio = NDArray[np.float32]

try:
    find_libopus()
except OpusMissing as missing:
    WITHOUT = str(missing)
else:
    WITHOUT = ""
opus = pytest.mark.skipif(bool(WITHOUT), reason=WITHOUT)


def floats(samples: NDArray[np.int16]) -> Audio:
    return (samples / np.float32(32768)).astype(np.float32)


def sent(sender: RtpSender, samples: Audio, block: int = 240) -> list[RtpPacket]:
    packets = [p for i in range(0, len(samples), block) for p in sender.write(samples[i : i + block])]
    return [RtpPacket.parse(packet) for packet in packets]


def test_g711_is_what_was_put_out_one_frame_a_packet() -> None:
    sender = RtpSender(8000, RtpConfig("pcmu", 8000, payload_type=0, ssrc=7, seq=65530, timestamp=2**32 - 400))
    samples = speech_like(8000, 1.0)
    packets = sent(sender, floats(samples), 80)
    assert sender.delay_samples == 0
    assert len(packets) == 50
    assert b"".join(p.payload for p in packets) == ulaw_encode(samples).tobytes()
    assert [p.seq for p in packets] == [(65530 + k) % 65536 for k in range(50)]
    assert [p.timestamp for p in packets] == [(2**32 - 400 + 160 * k) % 2**32 for k in range(50)]
    assert {(p.ssrc, p.payload_type) for p in packets} == {(7, 0)}
    assert [p.marker for p in packets] == [True] + 49 * [False]
    f = sender.figures()
    assert (f["samples"], f["packetsSent"], f["bytesSent"], f["silent_frames"]) == (8000, 50, 8000, 0)


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=12), st.sampled_from([0.01, 0.02, 0.04, 0.06]))
@settings(max_examples=30)
def test_how_samples_come_does_not_matter(cuts: list[int], frame_s: float) -> None:
    """Law 6; and none is lost: packets x frame + what waits = what was written."""
    samples = floats(speech_like(24000, 1.0))[: sum(cuts)]
    settled = {"payload_type": 96, "ssrc": 1, "seq": 1, "timestamp": 1, "frame_s": frame_s}
    whole, pieces = (RtpSender(24000, RtpConfig("l16", 16000, **settled)) for _ in "ab")  # type: ignore[arg-type]
    expected, out, at = whole.write(samples), [], 0
    for n in cuts:
        out += pieces.write(samples[at : at + n])
        at += n
    assert out == expected
    assert pieces.figures() == whole.figures()


@pytest.mark.parametrize(("codec", "rate"), [("l16", 16000), ("l16", 8000), ("opus", 16000), ("opus", 48000)])
def test_the_delay_is_what_is_declared(codec: str, rate: int) -> None:
    if codec == "opus" and WITHOUT:
        pytest.skip(WITHOUT)
    sender, decoder = RtpSender(24000, RtpConfig(codec, rate, payload_type=96, bitrate=96000)), Decoder(codec, rate)
    source = speech_like(48000, 1.5)
    out = np.concatenate([decoder.decode(p.payload) for p in sent(sender, floats(source[::2].copy()))])
    aligned = source[:: 48000 // rate].copy()
    found = lag(aligned[: len(out)], out, 3 * sender.delay_samples + 10)
    assert abs(found - sender.delay_samples) <= rate // 16000  # the source itself is thinned without a filter


@opus
def test_timestamps_go_on_through_silence_that_is_not_sent() -> None:
    sender = RtpSender(24000, RtpConfig("opus", 24000, payload_type=111, timestamp=0, seq=0, dtx=True))
    spoken, quiet = floats(speech_like(24000, 1.0)), np.zeros(2 * 24000, np.float32)
    first, silent, again = sent(sender, spoken), sent(sender, quiet), sent(sender, spoken)
    packets = first + silent + again
    assert [p.seq for p in packets] == list(range(len(packets)))
    assert all(p.timestamp % 960 == 0 for p in packets)
    assert again[-1].timestamp == 4 * 48000 - 960
    assert len(silent) < 50
    marked = [p for p in packets if p.marker]
    assert marked[0] is packets[0]
    assert any(p.marker and p.timestamp >= 3 * 48000 - 960 for p in marked)
    assert not any(len(p.payload) <= 2 for p in marked)
    f = sender.figures()
    assert f["frames"] == f["packetsSent"] + f["silent_frames"] == 200


@opus
def test_after_a_cut_nothing_of_before_is_sent_and_time_goes_on() -> None:
    """Law 2: the same bits as from a sender that had said nothing before."""
    loud, after = floats(voice(24000, 0.5)), floats(speech_like(24000, 0.5, seed=3))
    used = RtpSender(24000, RtpConfig("opus", 24000, payload_type=111, timestamp=0, seq=0))
    before = sent(used, loud)
    used.cut()
    new = RtpSender(24000, RtpConfig("opus", 24000, payload_type=111))
    packets, fresh = sent(used, after), sent(new, after)
    assert [p.payload for p in packets] == [p.payload for p in fresh]
    assert packets[0].timestamp == before[-1].timestamp + 960
    assert packets[0].seq == before[-1].seq + 1
    without = RtpSender(
        24000, RtpConfig("opus", 24000, payload_type=111)
    )  # the test can fail: without a cut they differ
    sent(without, loud)
    assert [p.payload for p in sent(without, after)] != [p.payload for p in fresh]


@opus
def test_another_opus_decodes_what_we_send() -> None:
    av = pytest.importorskip("av", reason="PyAV is not installed: pip install 'rtaudio[opus]'")
    sender = RtpSender(48000, RtpConfig("opus", 48000, payload_type=111, bitrate=48000, frame_s=0.02))
    source = speech_like(48000, 1.0)
    context: Any = av.CodecContext.create("opus", "r")
    context.sample_rate = 48000
    context.layout = "mono"
    heard = []
    for packet in sent(sender, floats(source)):
        decoded = context.decode(av.Packet(packet.payload))
        heard += [np.asarray(frame.to_ndarray(), np.float32)[0] for frame in decoded]
    out = (np.concatenate(heard) * 32767).astype(np.int16)
    assert len(out) >= 45 * 960
    assert abs(lag(source[: len(out)], out, 3 * sender.delay_samples) - sender.delay_samples) <= 2
    assert level(out) > 0.5 * level(source)


@opus
def test_ours_decodes_what_another_opus_sends() -> None:
    av = pytest.importorskip("av", reason="PyAV is not installed: pip install 'rtaudio[opus]'")
    try:
        context: Any = av.CodecContext.create("libopus", "w")
    except av.error.FFmpegError:
        pytest.skip("this FFmpeg has no libopus encoder")
    context.sample_rate, context.layout, context.format, context.bit_rate = 48000, "mono", "s16", 48000
    context.time_base = Fraction(1, 48000)
    source, decoder, out = speech_like(48000, 1.0), Decoder("opus", 16000), []
    for at in range(0, 48000 - 960, 960):
        frame = av.AudioFrame.from_ndarray(source[None, at : at + 960].copy(), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, at, Fraction(1, 48000)
        out += [decoder.decode(bytes(packet)) for packet in context.encode(frame)]
    heard = np.concatenate(out)
    assert level(heard[3200:]) > 0.5 * level(source[9600:])
    assert abs(lag(source[: 3 * len(heard) : 3].copy(), heard, 400) - 104) <= 2  # 6.5 ms at 16 kHz


def test_what_cannot_be_is_said() -> None:
    for wrong, said in (
        (lambda: RtpSender(7000, RtpConfig("l16", 16000, payload_type=96)), "no resampler"),
        (lambda: RtpSender(24000, RtpConfig("cn", 8000, payload_type=13)), "decoded only"),
        (lambda: RtpSender(24000, RtpConfig("pcmu", 8000, payload_type=128)), "payload_type"),
        (lambda: RtpSender(24000, RtpConfig("pcmu", 8000, payload_type=0, seq=65536)), "seq"),
        (
            lambda: RtpSender(8000, RtpConfig("pcmu", 8000, payload_type=0)).write(np.full(3, np.nan, np.float32)),
            "not finite",
        ),
    ):
        with pytest.raises(ValueError, match=said):
            wrong()
    with pytest.raises(TypeError, match="float32"):
        RtpSender(8000, RtpConfig("pcmu", 8000, payload_type=0)).write(np.zeros(3, np.int16))  # type: ignore[arg-type]
