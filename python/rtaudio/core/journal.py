"""The record of a session, written while it runs: enough to run it again (law 5).

Two streams, as the core sees the call and as the session does, in one file:

    file   = "RTAJ" u32 version, then chunks
    chunk  = u32 stream, u32 bytes, u32 crc32 of the payload, payload
    stream = 1 header (JSON) · 2 engine, 3 consumer, 4 writer (records of csrc/journal.h) · 5 session (JSON lines)
             6 check (JSON lines: what came out, to compare a replay with) · 7 end (JSON: what was lost)

A thread of its own drains the core's rings and the session's queue and appends whole chunks; a crash of the process
loses at most the last interval, and a chunk cut short is recognised. Rings, queue and file are bounded; what did not
fit is counted in the end chunk, and a replay refuses to guess it.
"""

from __future__ import annotations

import json
import struct
import threading
import zlib
from collections import deque
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, Literal

from rtaudio.core._engine import DetectorConfig
from rtaudio.core._port import AudioPort, CoreJournal
from rtaudio.core._ring import LostSamples

if TYPE_CHECKING:
    from rtaudio.core._network import PacketConfig

MAGIC: Final = b"RTAJ"
VERSION: Final = 1
CHUNK: Final = struct.Struct("<III")
RECORD: Final = struct.Struct("<IHHQ")
STREAMS: Final = ("", "header", "engine", "consumer", "writer", "session", "check", "end")
RINGS: Final[tuple[Literal["engine", "consumer", "writer"], ...]] = ("engine", "consumer", "writer")


class Journal:
    """Writes the journal of one port to `path`. Make it before the port is driven; close it after.

    `input_rate`, `packets`, `detector` and `outside_vad` are those given to Engine.add. `session()` may be called from
    any thread. Close is idempotent and joins the thread. OSError: the file cannot be made; a disk that fills later ends
    the record and is told by `failure`.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        port: AudioPort,
        *,
        input_rate: int | None = None,
        packets: PacketConfig | None = None,
        detector: DetectorConfig | None = None,
        outside_vad: bool = False,
        max_bytes: int = 1 << 30,
        interval_s: float = 0.1,
    ) -> None:
        config = detector if detector is not None else DetectorConfig()
        self._core = CoreJournal(port)
        self._events = port.event_reader()
        self._tap = port.tap(0)
        self._tap_crc = 0
        self._tap_known = True
        self._queue: deque[str] = deque()
        self._queue_bound = 100_000
        self._lost_session = 0
        self._left = max_bytes
        self._full = False
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._interval_s = interval_s
        self.failure: OSError | None = None
        from pathlib import Path

        self.path = Path(path)
        self._file = self.path.open("wb")
        self._file.write(MAGIC + struct.pack("<I", VERSION))
        header = {
            "port": self._core.config,
            "input_rate": packets.rate if packets is not None else 16000 if input_rate is None else input_rate,
            "packets": packets.to_dict() if packets is not None else None,
            "outside_vad": outside_vad,
            "detector": config.to_dict(),
        }
        self._chunk("header", json.dumps(header).encode())
        self._thread = threading.Thread(target=self._run, name=f"journal {self.path.name}")
        self._thread.start()

    def session(self, record: dict[str, Any]) -> None:
        """Appends a record of the session's stream: plain data. Any thread; never blocks on the disk."""
        line = json.dumps(record, separators=(",", ":"))
        with self._lock:
            if len(self._queue) >= self._queue_bound:
                self._lost_session += 1
            else:
                self._queue.append(line)

    def close(self) -> None:
        """Writes what is left and the end."""
        if self._stop.is_set():
            return
        self._stop.set()
        self._thread.join()
        self._drain()
        lost = {"core": self._core.lost(), "session": self._lost_session, "events": self._events.lost}
        self._chunk("end", json.dumps({"lost": lost, "full": self._full}).encode(), last=True)
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            self._drain()

    def _drain(self) -> None:
        for ring in RINGS:
            while data := self._core.drain(ring):
                self._chunk(ring, data)
        with self._lock:
            lines = list(self._queue)
            self._queue.clear()
        if lines:
            self._chunk("session", "\n".join(lines).encode())
        self._chunk_checks()
        if not self._file.closed and self.failure is None:
            try:
                self._file.flush()
            except OSError as error:
                self.failure = error

    def _chunk_checks(self) -> None:
        playout, hearing = self._events.read()
        checks: list[dict[str, Any]] = [{"playout": list(event)} for event in playout]
        checks += [{"hearing": list(event)} for event in hearing]
        try:
            out = self._tap.read()
        except LostSamples:
            self._tap_known = False
        else:
            if len(out) and self._tap_known:
                self._tap_crc = zlib.crc32(out.tobytes(), self._tap_crc)
                checks.append({"out": self._tap.position, "crc": self._tap_crc})
        if checks:
            self._chunk("check", "\n".join(map(json.dumps, checks)).encode())

    def _chunk(self, stream: str, payload: bytes, last: bool = False) -> None:
        size = CHUNK.size + len(payload)
        if self.failure is not None or (not last and (self._full or size > self._left)):
            self._full = True
            return
        self._left -= size
        try:
            self._file.write(CHUNK.pack(STREAMS.index(stream), len(payload), zlib.crc32(payload)) + payload)
        except OSError as error:
            self.failure = error


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the core: `kind` as in csrc/journal.h."""

    kind: int
    stamp: int
    payload: bytes


@dataclass(slots=True)
class JournalFile:
    """A journal as read back. `complete`: it was closed, and nothing was lost."""

    header: dict[str, Any]
    engine: list[Record] = field(default_factory=list)
    consumer: list[Record] = field(default_factory=list)
    writer: list[Record] = field(default_factory=list)
    session: list[dict[str, Any]] = field(default_factory=list)
    check: list[dict[str, Any]] = field(default_factory=list)
    end: dict[str, Any] | None = None

    @property
    def complete(self) -> bool:
        return self.end is not None and not self.end["full"] and not any(self.end["lost"].values())


class JournalError(ValueError):
    """The file is no journal, or not one that can be used; says what and where."""


def read_journal(path: str | PathLike[str]) -> JournalFile:
    """Reads a journal. What a crash cut short at the end is left out (then `complete` is False); JournalError for what
    is not a journal of this version or is damaged before its end."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:4] != MAGIC or len(data) < 8:
        raise JournalError(f"{path}: not a journal (it does not begin with {MAGIC.decode()})")
    if (version := struct.unpack_from("<I", data, 4)[0]) != VERSION:
        raise JournalError(f"{path}: a journal of version {version}; this rtaudio reads version {VERSION}")
    at, parts = 8, {name: bytearray() for name in RINGS}
    journal: JournalFile | None = None
    while at + CHUNK.size <= len(data):
        stream, size, crc = CHUNK.unpack_from(data, at)
        payload = data[at + CHUNK.size : at + CHUNK.size + size]
        if len(payload) < size:
            break
        if zlib.crc32(payload) != crc or not 0 < stream < len(STREAMS):
            raise JournalError(f"{path}: damaged at byte {at}")
        at += CHUNK.size + size
        name = STREAMS[stream]
        if name == "header":
            journal = JournalFile(json.loads(payload))
        elif journal is None:
            raise JournalError(f"{path}: the header is missing")
        elif name == "end":
            journal.end = json.loads(payload)
        elif name in parts:
            parts[name] += payload
        else:
            (journal.session if name == "session" else journal.check).extend(map(json.loads, payload.split(b"\n")))
    if journal is None:
        raise JournalError(f"{path}: the header is missing")
    journal.engine, journal.consumer, journal.writer = (_records(bytes(parts[name]), path) for name in RINGS)
    return journal


def _records(data: bytes, path: str | PathLike[str]) -> list[Record]:
    records, at = [], 0
    while at < len(data):
        if at + RECORD.size > len(data):
            raise JournalError(f"{path}: a record is cut short")
        size, kind, _version, stamp = RECORD.unpack_from(data, at)
        end = at + RECORD.size + size
        if end > len(data):
            raise JournalError(f"{path}: a record is cut short")
        records.append(Record(kind, stamp, data[at + RECORD.size : end]))
        at = end + (-end) % 8
    return records
