"""Codecs: what goes in comes out after the declared delay (law 7), with nothing of before a reset (law 2), whatever
comes in (law 11). Opus where there is a libopus."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import rtaudio.core._dsp as dsp_module
from rtaudio import (
    Decoder,
    Encoder,
    OpusMissing,
    alaw_decode,
    alaw_encode,
    find_libopus,
    opus_version,
    ulaw_decode,
    ulaw_encode,
)

Samples = NDArray[np.int16]
PLAIN = ["pcm16", "l16", "pcmu", "pcma"]
OPUS_RATES = [8000, 12000, 16000, 24000, 48000]

try:
    find_libopus()
except OpusMissing as missing:
    WITHOUT = str(missing)
else:
    WITHOUT = ""
opus = pytest.mark.skipif(bool(WITHOUT), reason=WITHOUT)


def speech_like(rate: int, seconds: float, seed: int = 1) -> Samples:
    """Coloured noise in syllables: something in every band, and what a speech codec expects."""
    noise = np.random.default_rng(seed).standard_normal(round(rate * seconds))
    dull = np.convolve(noise, 0.8 ** np.arange(30), "same")
    dull *= 0.2 + 0.8 * np.abs(np.sin(np.arange(len(dull)) * 9 / rate))
    return np.asarray(dull / np.abs(dull).max() * 12000, np.int16)


def voice(rate: int, seconds: float) -> Samples:
    """A tone of 150 Hz with harmonics, steady: what is concealed can go on."""
    t = np.arange(round(rate * seconds)) / rate
    return np.asarray(sum(4000 / k * np.sin(2 * np.pi * 150 * k * t) for k in range(1, 8)), np.int16)


def frames(samples: Samples, encoder: Encoder) -> list[Samples]:
    n = encoder.frame_samples
    return [samples[i : i + n] for i in range(0, len(samples) - n + 1, n)]


def through(samples: Samples, encoder: Encoder, decoder: Decoder) -> Samples:
    return np.concatenate([decoder.decode(encoder.encode(frame)) for frame in frames(samples, encoder)])


def level(samples: Samples) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


def lag(reference: Samples, late: Samples, most: int) -> int:
    """By how many samples `late` is late: where the correlation is greatest."""
    n = len(reference) // 4
    first = reference[n : 2 * n].astype(np.float64)
    found = [np.dot(first, late[n + k : 2 * n + k].astype(np.float64)) for k in range(most)]
    return int(np.argmax(found))


# ---- Codecs without a state.


def test_plain_codecs_are_their_tables_and_have_no_delay() -> None:
    samples = np.arange(-32768, 32768, 40).astype(np.int16)[:1600]
    expected: dict[str, Callable[[Samples], Samples]] = {
        "pcm16": lambda x: x,
        "l16": lambda x: x,
        "pcmu": lambda x: ulaw_decode(ulaw_encode(x)),
        "pcma": lambda x: alaw_decode(alaw_encode(x)),
    }
    for codec, table in expected.items():
        encoder, decoder = Encoder(codec, 16000), Decoder(codec, 16000)
        assert encoder.delay_samples == decoder.delay_samples == 0
        assert np.array_equal(through(samples, encoder, decoder), table(samples))
    assert Encoder("l16", 8000).encode(np.full(160, 0x0102, np.int16))[:2] == b"\x01\x02"
    assert Encoder("pcm16", 8000).encode(np.full(160, 0x0102, np.int16))[:2] == b"\x02\x01"


@pytest.mark.parametrize("codec", PLAIN)
def test_two_channels_are_interleaved(codec: str) -> None:
    encoder, decoder = Encoder(codec, 8000, channels=2), Decoder(codec, 8000, channels=2)
    both = np.stack([np.full(160, 8000, np.int16), np.full(160, -8000, np.int16)], axis=1)
    out = decoder.decode(encoder.encode(np.ascontiguousarray(both)))
    assert out.shape == (160, 2)
    assert (out[:, 0] > 7000).all()
    assert (out[:, 1] < -7000).all()


def test_comfort_noise_is_as_loud_as_its_packet_says() -> None:
    """RFC 3389: a byte, the level below that of a square wave of full scale, in dB."""
    decoder = Decoder("cn", 8000)
    assert level(decoder.conceal(8000)) == 0  # no packet has said anything
    for minus_db in (45, 60, 70):
        assert len(decoder.decode(bytes([minus_db, 1, 2, 3]))) == 0
        measured_db = 20 * np.log10(level(decoder.conceal(16000)) / 32768)
        assert abs(measured_db + minus_db) < 1.5, minus_db
    decoder.decode(b"\x00")  # as loud as can be: nobody's silence is; bounded
    assert level(decoder.conceal(16000)) < 450


# ---- Opus.


@opus
@pytest.mark.parametrize("rate", OPUS_RATES)
@pytest.mark.parametrize("frame_s", [0.01, 0.02, 0.04, 0.06])
def test_opus_has_the_delay_it_declares(rate: int, frame_s: float) -> None:
    """Law 7. Exact where CELT takes part; in SILK alone libopus keeps its own resampler within 0.1 ms of it."""
    white = np.asarray(np.random.default_rng(1).normal(0, 4000, rate), np.int16)
    for samples, bitrate, slack in ((white, 96000, 0), (speech_like(rate, 1.0), 12000, rate // 10000)):
        encoder, decoder = Encoder("opus", rate, frame_s=frame_s, bitrate=bitrate), Decoder("opus", rate)
        assert encoder.frame_samples == round(rate * frame_s)
        assert encoder.clock_rate == decoder.clock_rate == 48000
        declared = encoder.delay_samples + decoder.delay_samples
        assert declared == rate * 65 // 10000
        out = through(samples, encoder, decoder)
        assert abs(lag(samples[: len(out)], out, 2 * declared) - declared) <= slack, bitrate


@opus
def test_opus_sounds_like_what_went_in() -> None:
    samples = speech_like(16000, 2.0)
    ratios_db = []
    for bitrate in (12000, 24000, 64000):
        encoder, decoder = Encoder("opus", 16000, bitrate=bitrate), Decoder("opus", 16000)
        out = through(samples, encoder, decoder)[encoder.delay_samples :].astype(np.float64)
        true = samples[: len(out)].astype(np.float64)
        ratios_db.append(10 * np.log10(np.sum(true**2) / np.sum((out - true) ** 2)))
    assert 2 < ratios_db[0] < ratios_db[1] < ratios_db[2]
    assert ratios_db[2] > 5


@opus
def test_opus_of_two_channels_keeps_them_apart() -> None:
    encoder, decoder = Encoder("opus", 48000, channels=2, bitrate=96000), Decoder("opus", 48000, channels=2)
    left = voice(48000, 0.5)
    both = np.ascontiguousarray(np.stack([left, np.zeros_like(left)], axis=1))
    out = np.concatenate([decoder.decode(encoder.encode(both[i : i + 960])) for i in range(0, len(both), 960)])
    assert level(out[9600:, 0]) > 20 * level(out[9600:, 1])


@opus
@pytest.mark.parametrize("options", [{}, {"dtx": True}, {"fec": True}, {"bitrate": 96000}, {"frame_s": 0.06}])
def test_after_a_reset_an_encoder_gives_the_bits_of_a_new_one(options: dict[str, object]) -> None:
    """Law 2: nothing that was said before a flush is in what is sent after it."""
    used = Encoder("opus", 24000, **options)  # type: ignore[arg-type]
    for frame in [*frames(speech_like(24000, 1.0, seed=2), used), *frames(np.zeros(48000, np.int16), used)]:
        used.encode(frame)
    used.reset()
    new = Encoder("opus", 24000, **options)  # type: ignore[arg-type]
    for frame in frames(speech_like(24000, 1.0, seed=3), new):
        assert used.encode(frame) == new.encode(frame)


@opus
def test_after_a_reset_a_decoder_gives_the_samples_of_a_new_one() -> None:
    encoder = Encoder("opus", 16000, fec=True)
    packets = [encoder.encode(frame) for frame in frames(speech_like(16000, 1.0), encoder)]
    used = Decoder("opus", 16000)
    for packet in packets:
        used.decode(packet)
    used.conceal(77)  # a unit that was begun is forgotten, too
    used.reset()
    new = Decoder("opus", 16000)
    for packet in packets:
        assert np.array_equal(used.decode(packet), new.decode(packet))
    assert np.array_equal(used.conceal(160), new.conceal(160))


@opus
@given(st.lists(st.integers(0, 700), min_size=1, max_size=8), st.sampled_from([0.01, 0.02, 0.06]))
@settings(max_examples=20)
def test_how_concealment_is_cut_does_not_matter(cuts: list[int], frame_s: float) -> None:
    """Law 6."""
    encoder = Encoder("opus", 16000, frame_s=frame_s)
    packets = [encoder.encode(frame) for frame in frames(voice(16000, 0.3), encoder)]
    whole, cut = Decoder("opus", 16000), Decoder("opus", 16000)
    for packet in packets:
        whole.decode(packet)
        cut.decode(packet)
    expected = whole.conceal(sum(cuts))
    assert np.array_equal(np.concatenate([cut.conceal(n) for n in cuts]), expected)


@opus
def test_opus_goes_on_with_a_voice_where_a_packet_is_missing() -> None:
    encoder, decoder = Encoder("opus", 16000), Decoder("opus", 16000)
    packets = [encoder.encode(frame) for frame in frames(voice(16000, 1.0), encoder)]
    for packet in packets[:30]:
        heard = decoder.decode(packet)
    assert level(decoder.conceal(320)) > 0.5 * level(heard)
    later = decoder.conceal(16000)[-320:]
    assert level(later) < 0.1 * level(heard)


@opus
def test_fec_gives_the_lost_packet_out_of_the_next_better_than_concealment() -> None:
    samples = speech_like(16000, 2.0)
    encoder = Encoder("opus", 16000, bitrate=32000, fec=True, expected_loss=0.2)
    packets = [encoder.encode(frame) for frame in frames(samples, encoder)]
    whole, recovering, concealing = (Decoder("opus", 16000) for _ in range(3))
    error_fec = error_plc = power = 0.0
    recovered = 0
    for k, packet in enumerate(packets[:-1]):  # every fifth is lost
        true = whole.decode(packet).astype(np.float64)
        if k % 5 == 4:
            fec = recovering.decode_fec(packets[k + 1])
            plc = concealing.conceal(320)
            if len(fec) == 0:
                recovering.conceal(320)
                continue
            recovered += 1
            power += float(np.sum(true**2))
            error_fec += float(np.sum((fec - true) ** 2))
            error_plc += float(np.sum((plc - true) ** 2))
        else:
            recovering.decode(packet)
            concealing.decode(packet)
    assert recovered >= 10
    assert error_fec < 0.5 * error_plc
    assert error_fec < power


@opus
def test_without_fec_there_is_nothing_to_recover() -> None:
    encoder, decoder = Encoder("opus", 16000), Decoder("opus", 16000)
    for frame in frames(voice(16000, 0.4), encoder):
        assert len(decoder.decode_fec(encoder.encode(frame))) == 0


@opus
def test_dtx_sends_a_word_at_the_beginning_of_silence_and_little_after() -> None:
    encoder = Encoder("opus", 16000, dtx=True)
    spoken = [encoder.encode(frame) for frame in frames(speech_like(16000, 1.0), encoder)]
    silent = [encoder.encode(frame) for frame in frames(np.zeros(4 * 16000, np.int16), encoder)]
    again = [encoder.encode(frame) for frame in frames(speech_like(16000, 0.2), encoder)]
    assert all(len(p) > 2 for p in spoken)
    said = [k for k, p in enumerate(silent) if 0 < len(p) <= 2]
    assert said[0] < 25  # half a second after the last sound
    assert sum(len(p) == 0 for p in silent) > 0.8 * len(silent)
    assert all(len(p) > 2 for p in again)
    decoder = Decoder("opus", 16000)
    for packet in [p for p in spoken + silent if p]:
        decoder.decode(packet)
    assert level(decoder.conceal(1600)) < 30


def test_what_cannot_be_is_said() -> None:
    for wrong, said in (
        (lambda: Decoder("g729", 8000), "expected one of"),
        (lambda: Decoder("none", 8000), "unknown codec"),
        (lambda: Decoder("pcmu", 7999), "rate must"),
        (lambda: Decoder("pcmu", 8000, channels=3), "channels must"),
        (lambda: Encoder("cn", 8000), "decoded only"),
        (lambda: Encoder("pcmu", 8000, frame_s=0.03), "10, 20, 40 or 60 ms"),
        (lambda: Encoder("pcmu", 8000, frame_s=2), "frame_s=2"),
        (lambda: Encoder("pcmu", 8000, dtx=True), "of Opus only"),
        (lambda: Encoder("pcmu", 8000, expected_loss=0.6), "expected_loss"),
        (lambda: Encoder("pcmu", 8000).encode(np.zeros(159, np.int16)), "frame of 160 samples"),
        (lambda: Decoder("l16", 8000).decode(b"\x00"), "no l16"),
        (lambda: Decoder("pcmu", 8000).conceal(80), "no concealment"),
        (lambda: Decoder("pcmu", 8000).decode(bytes(70000)), "65535"),
    ):
        with pytest.raises(ValueError, match=said):
            wrong()
    with pytest.raises(TypeError, match="int16"):
        Encoder("pcmu", 8000).encode(np.zeros(160, np.float32))  # type: ignore[arg-type]


@opus
def test_what_opus_cannot_be_is_said() -> None:
    for wrong, said in (
        (lambda: Decoder("opus", 44100), "8, 12, 16, 24 and 48"),
        (lambda: Encoder("opus", 16000, bitrate=500), "bitrate must"),
        (lambda: Encoder("opus", 16000, complexity=11), "complexity"),
        (lambda: Decoder("opus", 16000).decode(b"\x03"), "no opus"),
    ):
        with pytest.raises(ValueError, match=said):
            wrong()
    assert len(Decoder("opus", 16000).decode(b"")) == 0


@opus
@given(st.binary(max_size=80), st.sampled_from(OPUS_RATES), st.integers(1, 2))
def test_any_bytes_are_decoded_or_refused(payload: bytes, rate: int, channels: int) -> None:
    """Law 11. tests/c/codec_fuzz.c has millions, under sanitizers."""
    decoder = Decoder("opus", rate, channels=channels)
    try:
        samples = decoder.decode(payload)
    except ValueError:
        return
    assert len(samples) <= rate * 12 // 100


@opus
def test_libopus_says_its_version() -> None:
    assert opus_version().startswith("libopus")


def run(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )


def test_a_library_that_is_not_there_is_named_with_what_to_install() -> None:
    done = run("import rtaudio; rtaudio.Decoder('opus', 16000)", RTAUDIO_LIBOPUS="/nowhere/libopus.so")
    assert "OpusMissing" in done.stderr
    for word in ("/nowhere/libopus.so", "RTAUDIO_LIBOPUS", "rtaudio[opus]", "libopus0"):
        assert word in done.stderr


def test_a_library_that_is_no_libopus_is_refused() -> None:
    other = dsp_module.__file__  # a shared library, to be sure
    assert other
    done = run("import rtaudio; rtaudio.Decoder('opus', 16000)", RTAUDIO_LIBOPUS=other)
    assert "OpusMissing" in done.stderr
    assert "it has no opus_decoder_get_size" in done.stderr
