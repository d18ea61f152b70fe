"""The port and all that lives on it: playout, segments, mic ring, tap, detector, engine, wake-up, device callbacks.

Units: `*_samples` at the rate named in the class; `*_ns` monotonic clock; `*_s` seconds, at the edge only.
Thread rules are those of the C headers: controls (flush, pause, resume, duck, volume) from any thread; one writer of
speech at a time (a lock in the binding); one consumer; one reader thread for events.
"""

from collections.abc import Generator, Sequence
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rtaudio.core._ring import LostSamples as LostSamples

Samples = NDArray[np.float32] | NDArray[np.int16]

class SegmentCut(Exception):
    """The segment was cut by a flush: nothing of this write was taken. `.segment` is its id."""

    segment: int

class PortClosed(Exception):
    """The port, engine or journal has been closed."""

class SecondConsumer(RuntimeError):
    """Somebody else already pulls this playout."""

class Ledger(NamedTuple):
    """One consistent snapshot, in samples at the port's rate.

    Law 1: written + replayed == played + queued + dropped."""

    segment: int  # 0: the whole port
    written: int
    played: int
    queued: int
    dropped: int
    replayed: int
    high: int  # furthest sample beyond recall, from the segment's start
    refused: int  # writes refused because the segment was cut
    recalled: int  # of those played: taken back from a remote, which threw them away
    silence: int  # port only, as are those below: samples of silence put out
    concealed: int
    pulled: int
    underruns: int
    faults: int
    ahead: int  # put out, and its time has not come
    state: Literal["unknown", "queued", "playing", "done", "cut"]
    paused: bool

class Heard(NamedTuple):
    """Samples of a segment from its start; high-water marks, each +- bound."""

    now: int
    final: int
    bound: int

class Cut(NamedTuple):
    """What a flush did to one segment, in samples; `text_offset` of the last text entry at or before `high`, by now."""

    segment: int
    played: int
    dropped: int
    high: int
    text_offset: int

class Flush(int):
    """The ticket of a flush. `await flush` gives its cuts when they are complete; TimeoutError where a consumer is
    attached but does not pull for `timeout_s`."""

    timeout_s: float
    playout: Playout
    def __new__(cls, ticket: int, playout: Playout) -> Flush: ...
    def __await__(self) -> Generator[Any, None, list[Cut]]: ...

class Event(NamedTuple):
    """One record of csrc/event.h. `kind` is its name in lower case ("cut", "speech_started", ...)."""

    kind: str
    segment: int
    out: int
    mic: int
    decided: int
    a: int
    b: int
    c: int
    flags: int
    value: float

class MediaReader:
    """Reads a history ring (mic, tap, probabilities) from a cursor of its own. One thread."""

    position: int
    @property
    def available(self) -> int: ...
    @property
    def oldest(self) -> int: ...
    @property
    def lost(self) -> int: ...
    def read(self, count: int | None = None) -> NDArray[np.float32]:
        """Copies `count` samples (default: all available) and moves on. Fewer are available: gives an empty array.
        Overtaken by the writer: raises LostSamples once, counted, and goes on at the oldest sample."""
    def copy(self, start: int, count: int) -> NDArray[np.float32]: ...
    def view(self, start: int, count: int) -> tuple[NDArray[np.float32], ...]:
        """One or two read-only views in place; LostSamples before the commit position or too near the writer."""
    def valid(self, start: int) -> bool: ...

class OutAudio(NamedTuple):
    """Samples from out position `out` on, float32 at the port's rate."""

    out: int
    samples: NDArray[np.float32]

class OutClear(NamedTuple):
    """The remote is to throw away what it holds of before `out`, with a fade of 5 ms, and to report the position at
    which it stopped with `clear`, the number of this clear (`Line.report_remote`). What comes next follows at once."""

    out: int
    clear: int

class OutDuck(NamedTuple):
    """The remote is to bring what it plays to `gain` (linear, product of ducks and volume) over `ramp_samples`; from
    `out` on it is in the samples already. Where the line's remote does not duck, all of the ramp is."""

    out: int
    gain: float
    ramp_samples: int

class OutLost(NamedTuple):
    """The reader was too slow: `samples` before `out` were overwritten; 0: what a remote was to be told, perhaps."""

    out: int
    samples: int

class Outgoing:
    """Reads what a playout puts out, for who sends it. Made by `AudioPort.outgoing`. One thread."""

    @property
    def position(self) -> int:
        """Out position of the next sample."""
    def read(self) -> list[OutAudio | OutClear | OutDuck | OutLost]:
        """All there is now, in the order in which it left; orders to a remote in their exact places among the samples.
        Raises PortClosed."""

class Segment:
    """One utterance of the agent. Written by one thread at a time; samples in, at any supported rate."""
    @property
    def id(self) -> int: ...
    @property
    def policy(self) -> str:
        """How it may be interrupted, as given to open_segment()."""
    @property
    def rate(self) -> int: ...
    @property
    def written(self) -> int: ...
    @property
    def is_cut(self) -> bool: ...
    @property
    def ended(self) -> bool: ...
    def write(self, samples: Samples | bytes, rate: int | None = None) -> int:
        """Takes mono samples (float32 in [-1, 1], int16, or s16le bytes) at `rate` (default: the port's) and returns
        how many it took: fewer than given when the queue is full. Resampled segments stay aligned: sample k at `rate`
        is sample k * port rate / rate of the segment. The rate may not change within a segment.
        Raises SegmentCut, PortClosed, ValueError, TypeError."""
    def end(self) -> None:
        """No more will be written; gives the resampler's tail. BlockingIOError when the queue is full (call again)."""
    def add_text(self, sample: int, text_offset: int, word_start: bool = True) -> None: ...
    def add_words(self, words: Sequence[tuple[int, int]]) -> None:
        """(sample, text offset) of word starts."""
    def add_mark(self, sample: int, mark: int) -> None: ...
    def add_sentence_end(self, sample: int) -> None:
        """A sentence (or clause) of the agent ends at `sample` of the segment, port rate: where the policy
        "after_sentence" may cut. Before or after the audio; at most 64 in a segment. The end of a segment is always
        one."""
    def text_offset(self, sample: int) -> int: ...
    def ledger(self) -> Ledger: ...
    def heard(self, now_ns: int | None = None) -> Heard: ...

class Playout:
    """The session side of a playout. Made by a port; `Playout(rate)` makes a private port of its own with both sides,
    for frameworks that want nothing else. On the engine side of a shared port, only controls and pulling work here:
    flush, pause, resume and duck then write the engine's words, which hold beside the session's (paused if either
    pauses)."""
    def __init__(self, rate: int = 24000, *, queue_s: float = 30.0, history_s: float = 2.0) -> None: ...
    @property
    def rate(self) -> int: ...
    @property
    def room(self) -> int: ...
    def open_segment(self, policy: str = "immediate") -> Segment:
        """A segment to be played after those opened before. `policy` says what the engine does by itself when the user
        speaks while it sounds (csrc/barge.h): "immediate" ducks, pauses, flushes; "pause" ducks and pauses but leaves
        the flush to the session; "duck_only"; "after_sentence" flushes at the next sentence end
        (Segment.add_sentence_end); "off": nothing. Raises BlockingIOError when 64 segments are waiting, ValueError for
        another policy."""
    def flush(self) -> Flush:
        """Lock-free. Takes effect at the consumer's next pull. The ticket it returns may be awaited for the cuts."""
    def cuts(self, ticket: int) -> list[Cut]:
        """What that flush cut, oldest first; complete once `flushed(ticket)`. Session side."""
    def flushed(self, ticket: int) -> bool:
        """True once every cut of that flush is complete. Where no consumer is attached, completes it itself."""
    def pause(self) -> None: ...
    def resume(self, rewind_to_word: bool = False) -> None: ...
    def duck(self, db: float, ramp_s: float = 0.02) -> None:
        """db <= 0; 0 ends ducking."""
    def set_gain(self, db: float, ramp_s: float = 0.02) -> None: ...
    def set_background(self, samples: Samples | None, gain_db: float = 0.0) -> None: ...
    def ledger(self) -> Ledger: ...
    def device_time(self, out: int) -> tuple[int, int]:
        """(ns, +- ns) of the core's clock at which tap sample `out` leaves the loudspeaker. Session side.
        LookupError: put out more than 128 pulls ago, or recalled from a remote; ValueError: not yet put out."""
    # Consumer side, only for a playout in this process.
    def attach(self) -> None:
        """Takes the consumer's role; raises SecondConsumer. pull() attaches by itself."""
    def detach(self) -> None: ...
    def pull(self, count: int, device_ns: int | None = None, bound_ns: int = 0) -> NDArray[np.float32]: ...
    def pull_into(self, out: NDArray[np.float32], device_ns: int | None = None, bound_ns: int = 0) -> None: ...
    def events(self) -> list[Event]: ...
    def close(self) -> None: ...

class AudioPort:
    """A port. `AudioPort(rate)` is private (both sides here). `AudioPort.create_shared()` is the engine side alone,
    `AudioPort.attach(fd)` the session side alone, in this or another process."""
    def __init__(
        self,
        rate: int = 24000,
        *,
        queue_s: float = 30.0,
        history_s: float = 2.0,
        mic_s: float = 20.0,
        tap_s: float = 8.0,
        background_s: float = 0.0,
        epoch: int = 0,
    ) -> None: ...
    @classmethod
    def create_shared(cls, rate: int = 24000, **sizes: float) -> AudioPort: ...
    @classmethod
    def attach(cls, engine_fd: int) -> AudioPort: ...
    def accept(self, session_fd: int) -> None:
        """Engine side: take the session side's region (a successor's too)."""
    @property
    def fd(self) -> int:
        """This side's region; -1 for a private port."""
    @property
    def epoch(self) -> int:
        """Which setting-up of the stream this is; stamps the journal."""
    @property
    def closed(self) -> bool: ...
    @property
    def side(self) -> Literal["both", "engine", "session"]: ...
    @property
    def rate(self) -> int: ...
    @property
    def playout(self) -> Playout: ...
    def mic(self, position: int | None = None) -> MediaReader:
        """16 kHz float32 as the detector hears it; from `position` (default: now)."""
    def tap(self, position: int | None = None) -> MediaReader:
        """What was really put out, at the port's rate."""
    def probabilities(self, position: int | None = None) -> MediaReader:
        """Speech probability per 512-sample window; element k is the window ending at mic sample 512 * (k + 1)."""
    @property
    def mic_written(self) -> int: ...
    commit: int
    def cursor(self, index: int) -> int: ...
    def set_cursor(self, index: int, position: int) -> None: ...
    def events(self) -> list[Event]:
        """All events since the last call; playout's and the engine's each in order. Never blocks. One thread."""
    @property
    def events_taken(self) -> tuple[int, int]:
        """How many events of the playout, and of hearing, `events` has taken or lost: where a successor goes on."""
    def events_from(self, playout: int, hearing: int) -> None:
        """`events` goes on there: a successor takes what the one before had not. What is not retained any more (1,024
        of each are) counts as dropped. ValueError for more than the port has told. The thread of `events`."""
    def outgoing(self, position: int | None = None, *, played: bool = False) -> Outgoing:
        """What is put out from `position` (default: now) on, on either side of a port: samples, ahead of time where a
        line has a lead, and what its remote is to be told. `played`: samples alone, as their time comes, without what
        was recalled before it had come: what is heard beside the mic at the same time."""
    def event_reader(self) -> EventReader:
        """A reader of the same events for somebody beside the session (the journal)."""
    @property
    def events_dropped(self) -> int: ...
    def write_mic(self, samples: Samples) -> None:
        """Engine side without an engine (tests, frameworks): 16 kHz samples straight into the mic ring."""
    def close(self) -> None: ...
    def __enter__(self) -> AudioPort: ...
    def __exit__(self, *exc: object) -> None: ...

class EventReader:
    """Reads a port's events beside the session, from the oldest retained on. One thread."""
    def read(self) -> tuple[list[Event], list[Event]]:
        """(events of the playout, events of hearing) since the last call."""
    @property
    def lost(self) -> int: ...

class CoreJournal:
    """Three bounded record rings of a port (engine, consumer, writer); drained by a thread outside the core. Must be
    made before the port is driven (RuntimeError)."""
    def __init__(self, port: AudioPort, *, ring_bytes: int = 4 << 20) -> None: ...
    def drain(self, which: Literal["engine", "consumer", "writer"]) -> bytes: ...
    def lost(self) -> int: ...
    @property
    def config(self) -> dict[str, int]:
        """What a replay needs to know of the port: rate, queue_samples, history_samples, background_samples, epoch."""

def clock_ns() -> int:
    """The core's monotonic clock."""

MIC_RATE: Final = 16000
VAD_WINDOW: Final = 512
