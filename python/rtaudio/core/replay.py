"""A session's core run again from its journal: the same samples, events and decisions bit for bit (law 5).

Hearing (input chain, VAD, detector) and playout are each a function of their own records; what crosses between them
while live (is the agent speaking? which control words? how much of the mic is its echo, and what is heard without it?)
was recorded where it took effect. So were the answers of an outside VAD, the evidence on turns, the session's
hints and the settings it changed: they came when they came, and are taken from the record.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rtaudio.core._engine import Detector, DetectorConfig, MicMeter
from rtaudio.core._network import PacketConfig, opus_version
from rtaudio.core._port import MIC_RATE, VAD_WINDOW, Event
from rtaudio.core._replay import PlayoutReplay
from rtaudio.core._resample import FirResampler
from rtaudio.core.journal import JournalError, JournalFile, Record
from rtaudio.core.vad import SileroVad

if TYPE_CHECKING:
    from rtaudio.core._engine import HintKind

GAP, INPUT, WINDOW, PULL, SETTLE, OP, BACKGROUND, TURN_EVIDENCE, TURN_HINT = 1, 2, 3, 4, 5, 6, 7, 8, 9
TURN_SETTINGS: Final = 10
FACTS: Final = ("input_starved", "link_lost", "link_back")  # about what came in, which is recorded; nobody decided them
PACKET, PACKET_TIME = 19, 20
_PACKET: Final = struct.Struct("<qIIIHBx")  # rta_journal_packet
_TIME: Final = struct.Struct("<q")
PULL_AHEAD: Final = 24  # a pull for a remote that holds audio
REMOTE_REPORT: Final = 25  # what that said it has played
_CONSUMER: Final[dict[int, Literal["pull", "pull_ahead", "settle"]]] = {
    PULL: "pull",
    PULL_AHEAD: "pull_ahead",
    SETTLE: "settle",
}
STAGED: Final = 17  # what a stage gave, where a line has one
CLEANED: Final = 18  # what a canceller before the line gave beside its input
_WINDOW: Final = struct.Struct("<QQIfffIIQIfQ4f4fIfIxxxxQ")  # rta_journal_window
PEEK: Final = 16
_PEEK: Final = struct.Struct("<QQIIfffIIxxxxQ")  # rta_journal_peek
_EVIDENCE: Final = struct.Struct("<Q16f")
_HINT: Final = struct.Struct("<IIQ")
_HINTS: Final[tuple[HintKind, ...]] = ("words", "stt", "backchannel", "asked", "thinking", "min_words", "warm_up")
"""rta_hint_kind, from 1."""


class Window(NamedTuple):
    """A WINDOW record: what the detector was told (csrc/window.h), what it wished, when that took effect."""

    position_end: int
    segment: int
    speaking: int
    probability: float
    echo: float
    mean_square: float
    clipped: int
    starved: int
    decided: int
    policy: int
    near: float
    sentences: int
    power: tuple[float, ...]
    edge: tuple[float, ...]
    concealed: int
    cleaned: float
    actions: int
    mic: int

    @classmethod
    def of(cls, payload: bytes) -> Window:
        told = _WINDOW.unpack(payload)
        return cls._make([*told[:12], told[12:16], told[16:20], *told[20:]])


class Peek(NamedTuple):
    """A PEEK record: what the detector was told early (csrc/window.h), what it wished, when that took effect."""

    position_end: int
    segment: int
    speaking: int
    policy: int
    probability: float
    echo: float
    mean_square: float
    concealed: int
    actions: int
    mic: int

    @classmethod
    def of(cls, payload: bytes) -> Peek:
        return cls(*_PEEK.unpack(payload))


def windows_of(records: list[Record]) -> list[Window]:
    """The windows of an engine's records, in order. JournalError where records are missing."""
    return [Window.of(record.payload) for record in _of(records, WINDOW)]


@dataclass(slots=True)
class HearingReplay:
    """What the hearing of a replay gave. `mic`: 16 kHz float32; `probabilities`: one per 512-sample window (those of an
    outside VAD as recorded)."""

    mic: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    actions: list[int]
    peek_actions: list[int]
    events: list[Event]


@dataclass(slots=True)
class PlayoutReplayed:
    """`out`: all that was put out, float32 at the port's rate."""

    out: NDArray[np.float32]
    events: list[Event]


@dataclass(slots=True)
class Differences:
    """Where a replay and the record differ; empty: they are the same."""

    found: list[str] = field(default_factory=list)

    def compare(self, what: str, replayed: Any, recorded: Any) -> None:
        if replayed == recorded:
            return
        if isinstance(replayed, list) and isinstance(recorded, list):
            both = zip(replayed, recorded, strict=False)
            at = next((i for i, (a, b) in enumerate(both) if a != b), min(len(replayed), len(recorded)))
            new = replayed[at] if at < len(replayed) else "nothing"
            old = recorded[at] if at < len(recorded) else "nothing"
            self.found.append(f"{what} {at}: replayed {new}, recorded {old}")
        else:
            self.found.append(f"{what}: replayed {replayed}, recorded {recorded}")


def replay_hearing(journal: JournalFile, vad: SileroVad | None = None, *, chunk: int | None = None) -> HearingReplay:
    """Runs the input chain, the VAD and the detector again. `chunk`: samples at once (it must not matter, law 6)."""
    packets = journal.header.get("packets")
    if packets is not None:
        made_by = packets.get("opus")
        if made_by is not None and made_by != opus_version():
            raise JournalError(
                f"these packets were decoded by {made_by}; here is {opus_version()}, whose samples may differ: name "
                "the same one in RTAUDIO_LIBOPUS"
            )
        inputs = _unpacked(journal, PacketConfig.from_dict(packets))
    else:
        inputs = [np.frombuffer(record.payload, np.float32) for record in _of(journal.engine, INPUT)]
    heard = np.concatenate(inputs) if inputs else np.zeros(0, np.float32)
    staged = [np.frombuffer(record.payload, np.float32) for record in _of(journal.engine, STAGED)]
    came = _to_mic(heard, journal.header["input_rate"], chunk)
    cleaned = [np.frombuffer(record.payload, np.float32) for record in _of(journal.engine, CLEANED)]
    hears = np.concatenate(staged) if staged else came
    mic = np.concatenate(cleaned) if cleaned else hears
    outside = bool(journal.header["outside_vad"])
    windows = windows_of(journal.engine)
    if outside:
        probabilities = np.array([window.probability for window in windows], np.float32)
    else:
        probabilities = _heard(hears, vad if vad is not None else SileroVad(), chunk)
    detector = Detector(DetectorConfig.from_dict(journal.header["detector"]))
    measured = MicMeter().process(came)  # before any canceller
    actions: list[int] = []
    peek_actions: list[int] = []
    events: list[Event] = []
    for record in _of(journal.engine):
        if record.kind == TURN_EVIDENCE:
            question, *evidence = _EVIDENCE.unpack(record.payload)
            events += detector.evidence(question, evidence, record.stamp)
        elif record.kind == TURN_HINT:
            kind, value, turn = _HINT.unpack(record.payload)
            events += detector.hint(_HINTS[kind - 1], value, turn, record.stamp)
        elif record.kind == TURN_SETTINGS:
            events += _changed(detector, record)
        elif record.kind == PEEK:
            peek = Peek.of(record.payload)
            done, told = detector.peek(
                peek.probability,
                peek.position_end,
                bool(peek.speaking),
                peek.segment,
                echo=peek.echo,
                policy=peek.policy,
                mean_square=peek.mean_square,
                concealed=peek.concealed,
            )
            peek_actions.append(done)
            events += told
        elif record.kind == WINDOW and len(actions) < len(probabilities):
            window, probability = windows[len(actions)], float(probabilities[len(actions)])
            end = window.position_end if outside else (len(actions) + 1) * VAD_WINDOW
            # What was silence of our own is a fact about the line; the levels are worked out anew.
            level = (*measured[end // VAD_WINDOW - 1][:2], window.starved)
            speaking = bool(window.speaking)
            done, told = detector.step(
                probability,
                end,
                speaking,
                window.segment,
                window.echo,
                window.decided,
                mic=level,
                near=window.near,
                policy=window.policy,
                sentences=window.sentences,
                power=window.power,
                edge=window.edge,
                concealed=window.concealed,
                cleaned=window.cleaned,
            )
            actions.append(done)
            events += told
    return HearingReplay(mic, probabilities[: len(windows)], actions, peek_actions, events)


def _changed(detector: Detector, record: Record) -> list[Event]:
    try:
        return detector.recorded_settings(record.payload, record.stamp)
    except ValueError as error:
        raise JournalError(f"at {record.stamp}: {error}") from None


def _unpacked(journal: JournalFile, config: PacketConfig) -> list[NDArray[np.float32]]:
    """What came out of the line's jitter buffer: the same one is given the same packets at the same times."""
    buffer, samples = config.buffer(), []
    for record in _of(journal.engine):
        if record.kind == PACKET:
            now_ns, timestamp, ssrc, size, seq, payload_type = _PACKET.unpack_from(record.payload)
            payload = record.payload[_PACKET.size : _PACKET.size + size]
            buffer.put(seq, timestamp, now_ns, payload, payload_type=payload_type, ssrc=ssrc)
        elif record.kind == PACKET_TIME:
            (now_ns,) = _TIME.unpack(record.payload)
        else:
            continue
        while (frame := buffer.get(now_ns)) is not None:
            if frame.samples.ndim == 1:
                samples.append(frame.samples * np.float32(1 / 32768))
            else:
                samples.append(frame.samples.sum(axis=1, dtype=np.int32) * np.float32(1 / 65536))
    return [each.astype(np.float32) for each in samples]


def _heard(mic: NDArray[np.float32], vad: SileroVad, chunk: int | None) -> NDArray[np.float32]:
    stream = vad.stream()
    pieces = [mic] if chunk is None else [mic[i : i + chunk] for i in range(0, len(mic), chunk)]
    return np.concatenate([stream.process(piece) for piece in pieces]) if len(mic) else np.zeros(0, np.float32)


def _to_mic(heard: NDArray[np.float32], rate: int, chunk: int | None) -> NDArray[np.float32]:
    resampler = FirResampler(rate, MIC_RATE)
    pieces = [heard] if chunk is None else [heard[i : i + chunk] for i in range(0, len(heard), chunk)]
    done = [np.asarray(resampler.process(piece), np.float32) for piece in pieces]
    return np.concatenate(done) if done else heard


def replay_playout(journal: JournalFile) -> PlayoutReplayed:
    """Runs the playout's consumer again on the recorded ops, samples and control words."""
    sizes = {name: value for name, value in journal.header["port"].items() if name != "epoch"}
    playout = PlayoutReplay(**sizes)
    writer = _of(journal.writer)
    out: list[NDArray[np.float32]] = []
    events: list[Event] = []
    for record in _of(journal.consumer):
        if record.kind == REMOTE_REPORT:
            playout.report(record.payload)
            events += playout.events()
            continue
        if record.kind not in _CONSUMER:
            raise JournalError(f"a record of kind {record.kind} among the consumer's")
        _give_ops(playout, writer, PlayoutReplay.ops_of(record.payload, _CONSUMER[record.kind]))
        if record.kind == PULL:
            out.append(playout.pull(record.payload))
        elif record.kind == PULL_AHEAD:
            out.append(playout.pull_ahead(record.payload))
        else:
            playout.settle(record.payload)
        events += playout.events()
    return PlayoutReplayed(np.concatenate(out) if out else np.zeros(0, np.float32), events)


def _give_ops(playout: PlayoutReplay, writer: Iterator[Record], taken: int) -> None:
    while playout.ops < taken:
        record = next(writer, None)
        if record is None:
            raise JournalError(f"the writer's records end before op {taken}, which was taken")
        if record.kind == BACKGROUND:
            playout.background(record.payload)
        else:
            playout.op(record.payload)


def _of(records: list[Record], kind: int | None = None) -> Iterator[Record]:
    for record in records:
        if record.kind == GAP:
            lost = struct.unpack_from("<QQ", record.payload)[0]
            raise JournalError(f"{lost} records are missing at {record.stamp}: this journal cannot be replayed")
        if kind is None or record.kind == kind:
            yield record


def check_replay(journal: JournalFile, vad: SileroVad | None = None) -> Differences:
    """Replays the core and compares everything with what the journal says came out. JournalError: records missing."""
    differences = Differences()
    hearing, playout = replay_hearing(journal, vad), replay_playout(journal)
    told = windows_of(journal.engine)
    differences.compare("probability", hearing.probabilities.tolist(), [window.probability for window in told])
    differences.compare("wishes", hearing.actions, [window.actions for window in told])
    peeks = [Peek.of(record.payload).actions for record in _of(journal.engine, PEEK)]
    differences.compare("wishes of a peek", hearing.peek_actions, peeks)
    for name, events in (("playout", playout.events), ("hearing", hearing.events)):
        recorded = [Event(*check[name]) for check in journal.check if name in check]
        recorded = [event for event in recorded if event.kind not in FACTS]
        differences.compare(f"{name} event", events[: len(recorded)] if journal.end is None else events, recorded)
    for check in journal.check:
        if "out" in check and check["out"] <= len(playout.out):
            crc = zlib.crc32(playout.out[: check["out"]].tobytes())
            differences.compare(f"output up to sample {check['out']}", crc, check["crc"])
    return differences
