"""Timings of real packets: CSV traces and rtpplay dumps; and links made up from a seed, of kinds that hurt.

CSV (also .gz): arrival_ms, seq, rtp_ts, marker, bytes. rtpplay dumps (rtptools): a text line, 16 bytes of header, then
for each packet its length with 8 bytes of header, the length of the RTP packet, ms since the start, and the packet.
"""

from __future__ import annotations

import csv
import gzip
import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
CLOCKS = (8000, 12000, 16000, 24000, 32000, 44100, 48000)


class BadTrace(ValueError):
    """A file that is no trace; says where and why."""


@dataclass
class Trace:
    """Packets in the order of their arrival."""

    arrival_ms: Floats
    seq: list[int]
    timestamp: list[int]
    clock: int
    payloads: list[bytes] = field(default_factory=list)  # empty: only the timing is known
    note: str = ""

    def __len__(self) -> int:
        return len(self.seq)

    def media_ms(self) -> Floats:
        """Of each packet, on the sender's clock, from the first; wrapped timestamps go on."""
        steps = np.diff(np.array(self.timestamp, np.int64)).astype(np.int32)  # as far as half the range, either way
        ticks: Floats = np.concatenate([[0], np.cumsum(steps, dtype=np.int64)]).astype(np.float64)
        return ticks * (1000.0 / self.clock)

    def relative_ms(self) -> Floats:
        """How much later than the fastest packet each came: arrival less media time less the least of these."""
        transit: Floats = self.arrival_ms - self.media_ms()
        return transit - float(transit.min())

    def packet_samples(self) -> int:
        """The usual distance of neighbours."""
        order = np.argsort(self.media_ms(), kind="stable")
        steps = np.diff(self.media_ms()[order])
        steps = steps[steps > 0]
        return max(1, round(float(np.median(steps)) * self.clock / 1000)) if len(steps) else self.clock // 50


def guess_clock(arrival_ms: Floats, timestamp: list[int]) -> int:
    """The usual rate nearest to what the timestamps advance in the time that passes."""
    span_ms = float(arrival_ms[-1] - arrival_ms[0])
    ticks = (timestamp[-1] - timestamp[0]) % 2**32
    if span_ms <= 0 or ticks == 0:
        raise BadTrace("too short to guess its clock rate: give --clock")
    rate = ticks / span_ms * 1000
    return min(CLOCKS, key=lambda clock: abs(np.log(clock / rate)))


def read(path: Path, clock: int | None, say: Callable[[str], None]) -> Trace:
    """A trace by its file name: .rtp is an rtpplay dump, anything else CSV. BadTrace says what is wrong with it."""
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
    except OSError as error:
        raise BadTrace(f"{path}: {error}") from None
    found = list(_rtpplay(data, path) if path.suffix == ".rtp" else _csv(data, path))
    if len(found) < 2:
        raise BadTrace(f"{path}: {len(found)} packets; at least 2 are wanted")
    arrival = np.array([row[0] for row in found])
    timestamp = [row[2] for row in found]
    if clock is None:
        clock = guess_clock(arrival, timestamp)
        say(f"{path.name}: clock rate {clock} Hz, guessed from the timestamps; --clock says otherwise")
    payloads = [row[3] for row in found if row[3] is not None]
    return Trace(arrival, [row[1] for row in found], timestamp, clock, payloads, path.name)


def _csv(data: bytes, path: Path) -> Iterator[tuple[float, int, int, bytes | None]]:
    try:
        rows = csv.DictReader(io.StringIO(data.decode("utf-8")))
        for row in rows:
            yield float(row["arrival_ms"]), int(row["seq"]) & 0xFFFF, int(row["rtp_ts"]) & 0xFFFFFFFF, None
    except (KeyError, TypeError, ValueError) as error:
        raise BadTrace(f"{path}: expected columns arrival_ms, seq, rtp_ts, marker, bytes: {error!r}") from None


def _rtpplay(data: bytes, path: Path) -> Iterator[tuple[float, int, int, bytes | None]]:
    from rtaudio import RtpMalformed, RtpPacket, is_rtcp

    if not data.startswith(b"#!rtpplay1.0 ") or b"\n" not in data:
        raise BadTrace(f"{path}: does not begin with #!rtpplay1.0")
    at = data.index(b"\n") + 1 + 16
    while at + 8 <= len(data):
        length, _, ms = struct.unpack_from(">HHI", data, at)
        packet = data[at + 8 : at + length]
        if length < 8 or len(packet) != length - 8:
            raise BadTrace(f"{path}: the packet at byte {at} goes beyond the end")
        at += length
        if is_rtcp(packet):
            continue
        try:
            rtp = RtpPacket.parse(packet)
        except RtpMalformed as error:
            raise BadTrace(f"{path}: at byte {at}: {error}") from None
        yield float(ms), rtp.seq, rtp.timestamp, rtp.payload


# ---- links that are made up: 20 ms packets at 16 kHz for a minute or more


def _sent(seconds: float) -> tuple[NDArray[np.int64], Floats]:
    number = np.arange(round(seconds * 50), dtype=np.int64)
    return number, number.astype(np.float64) * 20.0


def _trace(name: str, number: NDArray[np.int64], arrival: Floats, kept: NDArray[np.bool_]) -> Trace:
    number, arrival = number[kept], arrival[kept]
    order = np.argsort(arrival, kind="stable")
    seq = [int(n) & 0xFFFF for n in number[order]]
    ts = [int(n) * 320 & 0xFFFFFFFF for n in number[order]]
    return Trace(arrival[order] + 30.0, seq, ts, 16000, note=name)


def synthetic(name: str, seed: int = 1, seconds: float = 120.0) -> Trace:
    """gaussian, gilbert (bursty loss), spikes, wifi, stall (3 s, with a flood), drift (300 ppm)."""
    rng = np.random.default_rng(seed)
    number, sent = _sent(seconds)
    count = len(number)
    kept = np.ones(count, np.bool_)
    if name == "gaussian":
        arrival = sent + np.abs(rng.normal(0, 12, count))
        kept = rng.random(count) >= 0.01
    elif name == "gilbert":
        bad = False
        for k in range(count):
            bad = rng.random() < (0.7 if bad else 0.02)
            kept[k] = not bad
        arrival = sent + rng.gamma(2.0, 2.0, count)
    elif name == "spikes":
        arrival = sent + rng.gamma(2.0, 2.0, count)
        for at in rng.uniform(1000, sent[-1] - 1000, int(seconds / 4)):  # falls off by 1 ms a ms: a queue that drains
            height = rng.uniform(80, 250)
            arrival = np.maximum(arrival, np.where((sent >= at) & (sent < at + height), at + height, 0))
    elif name == "wifi":
        arrival = sent + rng.gamma(1.5, 2.0, count)
        busy = rng.random(count) < 0.04
        arrival += np.where(busy, rng.exponential(35.0, count), 0)
        arrival = np.maximum.accumulate(arrival)  # one queue: nothing is overtaken
        kept = rng.random(count) >= 0.005
    elif name == "stall":
        arrival = sent + rng.gamma(2.0, 2.0, count)
        for at in np.arange(20_000.0, sent[-1] - 5000, 30_000.0):
            arrival = np.where((sent >= at) & (sent < at + 3000), at + 3000 + (sent - at) / 200, arrival)
    elif name == "drift":
        arrival = sent * (1 + 300e-6) + rng.gamma(2.0, 2.0, count)
    else:
        raise BadTrace(f"{name}: no link of this kind; there are {', '.join(LINKS)}")
    return _trace(name, number, arrival, kept)


LINKS = ("gaussian", "gilbert", "spikes", "wifi", "stall", "drift")
