"""Replays a trace through the jitter buffer on virtual time: what it delays, conceals, discards and costs.

Delay is always playout time - (media time + the trace's fastest transit): 0 would be a line without jitter. In listen
mode the playout time of a packet is the moment at which it comes out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtaudio import JitterBuffer, JitterFrame
from rtaudio.bench import jitter_speech, traces
from rtaudio.bench.traces import Trace

Say = Callable[[str], None]


def run(options: argparse.Namespace, progress: Say) -> dict[str, Any]:
    """`rtaudio-bench jitter`. ValueError: a trace or options that cannot be."""
    if options.speech and not (options.trace or options.link):
        return {"speech": jitter_speech.measure(options.speech, progress)}
    if options.link:
        trace = traces.synthetic(options.link, options.seed)
    elif options.trace:
        trace = traces.read(options.trace, options.clock, progress)
    else:
        raise ValueError("give --trace FILE, --link KIND or --speech WAV")
    progress(f"{trace.note}: {len(trace)} packets, {trace.arrival_ms[-1] / 1000:.1f} s, {trace.clock} Hz")
    if options.mode == "play":
        from rtaudio.bench import jitter_play

        if options.clean:
            raise ValueError("--clean: only in listen mode, where sound is never stretched")
        figures = jitter_play.measure(
            trace, codec=options.codec, channels=options.channels, late=options.late, plot=options.plot
        )
    else:
        figures = measure(trace, codec=options.codec, channels=options.channels)
    if options.speech:
        figures["speech"] = jitter_speech.measure(options.speech, progress)
    if options.clean:
        clean = traces.read(options.clean, trace.clock, progress)
        figures |= compare(trace, clean, options.codec, options.channels)
    return figures


def oracle_ms(trace: Trace) -> float:
    """The least fixed delay with at most 1 % of the packets late."""
    late_first = np.sort(trace.relative_ms())[::-1]
    return float(late_first[int(len(late_first) * 0.01)])


def payloads(trace: Trace, codec: str, channels: int) -> list[bytes]:
    """What the packets carry: their own, or a tone where only the timing is known."""
    if trace.payloads:
        return trace.payloads
    samples = trace.packet_samples()
    tone = (6000 * np.sin(2 * np.pi * 200 / trace.clock * np.arange(samples))).astype(np.int16)
    from rtaudio import alaw_encode, ulaw_encode

    sound = np.repeat(tone, channels)
    coded = sound.byteswap() if codec == "l16" else (ulaw_encode if codec == "pcmu" else alaw_encode)(sound)
    return [coded.tobytes()] * len(trace)


def replay(
    trace: Trace,
    codec: str,
    channels: int,
    put_out: Callable[[int, JitterFrame], None],
    put_in: Callable[[int, int], None] = lambda seq, timestamp: None,
    **options: Any,
) -> JitterBuffer:
    """Puts every packet at its time, takes what is there then and whenever the buffer says something is due.

    `put_in` is called before each packet is put.
    """
    buffer = JitterBuffer(trace.clock, codec=codec, channels=channels, packet_s=0.2, **options)
    sent = payloads(trace, codec, channels)
    arrivals = [round(ms * 1e6) for ms in trace.arrival_ms]

    def take(now: int) -> None:
        while (frame := buffer.get(now)) is not None:
            put_out(now, frame)

    for arrival, seq, timestamp, payload in zip(arrivals, trace.seq, trace.timestamp, sent, strict=True):
        while (due := buffer.due_ns) is not None and due < arrival:
            take(due)
        put_in(seq, timestamp)
        buffer.put(seq, timestamp, arrival, payload)
        take(arrival)
    take(arrivals[-1] + 1_000_000_000)
    return buffer


def measure(trace: Trace, *, codec: str = "pcmu", channels: int = 1) -> dict[str, Any]:
    """All figures of listen mode for one trace."""
    given: list[tuple[int, JitterFrame]] = []
    in_order: set[tuple[int, int]] = set()  # packets before which nothing was missing when they came
    front: int | None = None

    def put_in(seq: int, timestamp: int) -> None:
        if front is None or seq == front:
            in_order.add((seq, timestamp))

    def put_out(now: int, frame: JitterFrame) -> None:
        nonlocal front
        given.append((now, frame))
        front = front if frame.seq is None else (frame.seq + 1) % 65536

    buffer = replay(trace, codec, channels, put_out, put_in)
    figures = buffer.figures()
    media = trace.media_ms()
    fastest = float((trace.arrival_ms - media).min())
    media_of = dict(zip(zip(trace.seq, trace.timestamp, strict=True), media, strict=True))

    delays, weights, added = [], [], []
    for now, frame in given:
        if frame.kind != "audio":
            continue
        assert frame.seq is not None
        assert frame.timestamp is not None
        assert frame.arrival_ns is not None
        delays.append(now / 1e6 - media_of[frame.seq, frame.timestamp] - fastest)
        weights.append(len(frame.samples))
        if (frame.seq, frame.timestamp) in in_order:
            added.append((now - frame.arrival_ns) / 1e6)
    total = max(1.0, figures["totalSamplesReceived"])
    received = max(1.0, figures["received"])
    return {
        "trace": trace.note,
        "mode": "listen",
        "packets": len(trace),
        "mean_delay_ms": float(np.average(delays, weights=weights)),
        "p95_delay_ms": float(np.percentile(delays, 95)),
        "added_delay_ms_inorder": max(added),
        "concealed_ratio": figures["concealedSamples"] / total,
        "stretched_ratio": 0.0,
        "true_loss_ratio": figures["missing"] / max(1.0, figures["expected"]),
        "late_ratio": figures["late_discarded"] / received,
        "never_used_ratio": (figures["late_discarded"] + figures["superseded"]) / received,
        "interruptions": figures["interruptions"],
        "oracle_delay_ms": oracle_ms(trace),
        "neteq_rule": None,  # a rule for the delay of a player: there is no such delay here
        "aiortc": aiortc(trace),
        "cpu_us_per_packet": cpu_us(trace, codec, channels),
        "accounting_error": [
            figures["received"]
            - sum(figures[name] for name in ("used", "late_discarded", "duplicate", "superseded", "queued")),
            figures["expected"] - figures["received_unique"] - figures["missing"],
        ],
        "silence_ratio": figures["silenceSamples"] / total,
        "wait_ms": figures["wait_s"] * 1e3,
    }


def cpu_us(trace: Trace, codec: str, channels: int) -> float:
    """Processor time of put and get, binding included; the best of five replays."""
    sent = payloads(trace, codec, channels)
    arrivals = [round(ms * 1e6) for ms in trace.arrival_ms]
    rows = list(zip(arrivals, trace.seq, trace.timestamp, sent, strict=True))
    best = float("inf")
    for _ in range(5):
        buffer = JitterBuffer(trace.clock, codec=codec, channels=channels, packet_s=0.2)
        began = time.process_time_ns()
        for arrival, seq, timestamp, payload in rows:
            buffer.put(seq, timestamp, arrival, payload)
            while buffer.get(arrival) is not None:
                pass
        best = min(best, (time.process_time_ns() - began) / len(rows) / 1000)
    return best


def aiortc(trace: Trace) -> dict[str, float] | None:
    """The same replay through aiortc's jitter buffer, where it is installed; frames come out as they are complete."""
    try:
        from aiortc.jitterbuffer import JitterBuffer as Theirs  # type: ignore[import-not-found,unused-ignore]
        from aiortc.rtp import RtpPacket as TheirPacket  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return None
    buffer = Theirs(capacity=16, prefetch=4)  # as RTCRtpReceiver makes it for audio
    media = trace.media_ms()
    fastest = float((trace.arrival_ms - media).min())
    media_of = dict(zip(trace.timestamp, media, strict=True))
    delays = []
    for arrival, seq, timestamp in zip(trace.arrival_ms, trace.seq, trace.timestamp, strict=True):
        packet = TheirPacket(sequence_number=seq, timestamp=timestamp, payload=b"x")
        packet._data = b"x"
        _, frame = buffer.add(packet)
        if frame is not None:
            delays.append(arrival - media_of[frame.timestamp] - fastest)
    return {
        "mean_delay_ms": float(np.mean(delays)) if delays else float("nan"),
        "never_used_ratio": 1 - len(delays) / len(trace),
    }


def compare(trace: Trace, clean: Trace, codec: str, channels: int) -> dict[str, Any]:
    """What came out against the clean stream of the same packets: samples of sound that differ, outside cross-fades."""
    from rtaudio import alaw_decode, ulaw_decode

    if codec == "l16":
        raise ValueError("--clean: only for pcmu and pcma")
    decoder = {"pcmu": ulaw_decode, "pcma": alaw_decode}[codec]
    sent = dict(zip(clean.timestamp, clean.payloads, strict=True))
    offset = _shift(trace, clean)
    differing = compared = 0
    last = ""

    def look(_: int, frame: JitterFrame) -> None:
        nonlocal differing, compared, last
        if frame.kind == "audio" and frame.timestamp is not None:
            known = sent.get((frame.timestamp + offset) & 0xFFFFFFFF)
            if known is not None:
                expected: NDArray[np.int16] = decoder(known).reshape(frame.samples.shape)
                begin = trace.clock // 100 if last == "concealed" else 0
                differing += int(np.count_nonzero(frame.samples[begin:] != expected[begin:]))
                compared += frame.samples[begin:].size
        last = frame.kind

    replay(trace, codec, channels, look)
    return {"clean_compared_samples": compared, "clean_differing_samples": differing}


def _shift(trace: Trace, clean: Trace) -> int:
    """What to add to a timestamp of the trace to have that of the clean stream: by the first payload that is unique."""
    once: dict[bytes, int] = {}
    for payload, timestamp in zip(clean.payloads, clean.timestamp, strict=True):
        once[payload] = -1 if payload in once else timestamp
    for payload, timestamp in zip(trace.payloads, trace.timestamp, strict=True):
        if once.get(payload, -1) >= 0:
            return once[payload] - timestamp
    raise ValueError("--clean: no packet of the trace is in it")
