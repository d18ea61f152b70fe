# distutils: language = c
"""The port and what lives on it. Contracts: csrc/port.h and csrc/playout.h; the face is _port.pyi.

The binding checks arguments, turns results into exceptions, holds the lock that makes the writer "one thread at a time",
and keeps memory alive: regions are freed when the last object that looks into them is gone.
"""

from collections import namedtuple

cimport numpy as np
from cpython.pycapsule cimport PyCapsule_New
from cpython.pythread cimport (
    NOWAIT_LOCK,
    WAIT_LOCK,
    PyThread_acquire_lock,
    PyThread_allocate_lock,
    PyThread_free_lock,
    PyThread_release_lock,
    PyThread_type_lock,
)
from libc.math cimport isfinite, pow
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

import numpy as np

from rtaudio.core._ring import LostSamples

np.import_array()

include "event.pxi"

cdef extern from "base.h" nogil:
    ctypedef enum rta_status:
        RTA_OK
        RTA_FULL
        RTA_EMPTY
        RTA_CLOSED
        RTA_CUT
        RTA_ORDER
        RTA_INVALID
        RTA_BUSY
        RTA_NOMEM
        RTA_SYSTEM
        RTA_LOST
        RTA_CORRUPT
        RTA_TIMEOUT
    const char *rta_status_name(rta_status status)

cdef extern from "platform.h" nogil:
    int64_t rta_clock_ns()
    void rta_sleep_until_ns(int64_t deadline_ns)

cdef extern from "ring.h" nogil:
    ctypedef struct rta_ring_span:
        void *first
        void *second
        uint64_t first_count
        uint64_t second_count

cdef extern from "history.h" nogil:
    ctypedef struct rta_history_reader:
        uint64_t position
        uint64_t lost
        uint64_t capacity
        uint64_t guard
    uint64_t rta_history_available(const rta_history_reader *r)
    uint64_t rta_history_oldest(const rta_history_reader *r)
    rta_status rta_history_read(rta_history_reader *r, void *elems, uint64_t count)
    rta_status rta_history_copy(const rta_history_reader *r, uint64_t start, void *elems, uint64_t count)
    rta_status rta_history_view(const rta_history_reader *r, uint64_t commit, uint64_t start, uint64_t count,
                                rta_ring_span *span)
    bint rta_history_valid(const rta_history_reader *r, uint64_t start)

cdef extern from "journal.h" nogil:
    ctypedef struct rta_journal
    rta_status rta_journal_create(rta_journal **journal, uint64_t ring_bytes)
    void rta_journal_destroy(rta_journal *journal)
    size_t rta_journal_drain(rta_journal *journal, void *buffer, size_t buffer_bytes)
    uint64_t rta_journal_lost(const rta_journal *journal)

cdef extern from "resample.h" nogil:
    ctypedef struct rta_resampler
    rta_status rta_resampler_create(rta_resampler **r, uint32_t from_rate, uint32_t to_rate)
    void rta_resampler_destroy(rta_resampler *r)
    uint32_t rta_resampler_delay(const rta_resampler *r)
    uint64_t rta_resampler_max_out(const rta_resampler *r, uint64_t in_count)
    rta_status rta_resampler_process(rta_resampler *r, const float *samples, uint64_t in_count, float *out,
                                     uint64_t *out_count)
    rta_status rta_resampler_flush(rta_resampler *r, float *out, uint64_t *out_count)

cdef extern from "playout.h" nogil:
    enum:
        RTA_SEGMENT_UNKNOWN
        RTA_SEGMENT_QUEUED
        RTA_SEGMENT_PLAYING
        RTA_SEGMENT_DONE
        RTA_SEGMENT_CUT
        RTA_PLAYOUT_SEGMENTS
    ctypedef struct rta_playout_config:
        uint32_t rate
        uint64_t queue_samples
        uint64_t history_samples
        uint64_t background_samples
    ctypedef struct rta_playout_controls:
        pass
    ctypedef struct rta_playout_engine
    ctypedef struct rta_playout_writer
    ctypedef struct rta_playout_consumer
    ctypedef struct rta_playout_ledger:
        uint64_t segment, written, played, queued, dropped, replayed, high, refused
        uint64_t silence, concealed, pulled, underruns, faults
        uint32_t state, paused
    ctypedef struct rta_playout_heard_at:
        uint64_t now, final, bound
    uint64_t rta_playout_flush(rta_playout_controls *own)
    void rta_playout_pause(rta_playout_controls *own)
    void rta_playout_resume(rta_playout_controls *own, bint rewind_to_word)
    rta_status rta_playout_duck(rta_playout_controls *own, float gain, uint32_t ramp_samples)
    rta_status rta_playout_volume(rta_playout_controls *own, float gain, uint32_t ramp_samples)
    rta_status rta_playout_open(rta_playout_writer *w, uint64_t *segment)
    rta_status rta_playout_write(rta_playout_writer *w, uint64_t segment, const float *samples, uint64_t count,
                                 uint64_t *accepted)
    uint64_t rta_playout_room(rta_playout_writer *w)
    rta_status rta_playout_end(rta_playout_writer *w, uint64_t segment)
    rta_status rta_playout_add_text(rta_playout_writer *w, uint64_t segment, uint64_t sample, uint32_t text_offset,
                                    bint word_start)
    rta_status rta_playout_add_mark(rta_playout_writer *w, uint64_t segment, uint64_t sample, uint64_t mark)
    rta_status rta_playout_text_offset(const rta_playout_writer *w, uint64_t segment, uint64_t sample,
                                       uint32_t *offset)
    rta_status rta_playout_background(rta_playout_writer *w, const float *samples, uint64_t count)
    bint rta_playout_is_cut(const rta_playout_writer *w, uint64_t segment)
    bint rta_playout_flush_done(const rta_playout_writer *w, uint64_t ticket)
    uint64_t rta_playout_cut_by(rta_playout_writer *w, uint64_t ticket, uint64_t before)
    bint rta_playout_engine_flush_done(const rta_playout_engine *engine, uint64_t ticket)
    rta_status rta_playout_snapshot(rta_playout_writer *w, uint64_t segment, rta_playout_ledger *ledger)
    rta_status rta_playout_heard(rta_playout_writer *w, uint64_t segment, int64_t now_ns, rta_playout_heard_at *heard)
    rta_status rta_playout_attach(rta_playout_consumer *c)
    void rta_playout_detach(rta_playout_consumer *c)
    rta_status rta_playout_pull(rta_playout_consumer *c, float *out, uint64_t count, int64_t device_ns,
                                int64_t bound_ns)

cdef extern from "port.h" nogil:
    enum:
        RTA_MIC_RATE
        RTA_VAD_WINDOW
        RTA_PORT_CURSORS
    ctypedef struct rta_port_config:
        rta_playout_config playout
        uint64_t mic_samples
        uint64_t tap_samples
        uint64_t epoch
    ctypedef struct rta_port_engine
    ctypedef struct rta_port_session
    rta_status rta_port_config_check(const rta_port_config *config, const char **why)
    rta_status rta_port_engine_create(rta_port_engine **port, const rta_port_config *config, bint shared)
    int rta_port_engine_fd(const rta_port_engine *port)
    rta_status rta_port_engine_accept(rta_port_engine *port, int session_fd)
    void rta_port_engine_destroy(rta_port_engine *port)
    const rta_port_config *rta_port_engine_config(const rta_port_engine *port)
    rta_playout_consumer *rta_port_consumer(rta_port_engine *port)
    rta_playout_controls *rta_port_engine_controls(rta_port_engine *port)
    const rta_playout_engine *rta_port_playout_state(const rta_port_engine *port)
    rta_status rta_port_mic_write(rta_port_engine *port, const float *samples, uint64_t count)
    uint64_t rta_port_mic_written(const rta_port_engine *port)
    void rta_port_engine_journal(rta_port_engine *port, rta_journal *engine, rta_journal *consumer)
    rta_status rta_port_session_private(rta_port_session **session, rta_port_engine *port)
    rta_status rta_port_session_attach(rta_port_session **session, int engine_fd)
    int rta_port_session_fd(const rta_port_session *session)
    void rta_port_session_destroy(rta_port_session *session)
    const rta_port_config *rta_port_session_config(const rta_port_session *session)
    rta_playout_writer *rta_port_writer(rta_port_session *session)
    rta_playout_controls *rta_port_session_controls(rta_port_session *session)
    void rta_port_session_journal(rta_port_session *session, rta_journal *writer)
    bint rta_port_next_event(rta_port_session *session, rta_event *event)
    void rta_port_event_readers(const rta_port_session *session, rta_history_reader *playout,
                                rta_history_reader *hearing)
    uint64_t rta_port_events_dropped(const rta_port_session *session)
    rta_status rta_port_mic_reader(const rta_port_session *session, rta_history_reader *reader, uint64_t position)
    rta_status rta_port_tap_reader(const rta_port_session *session, rta_history_reader *reader, uint64_t position)
    rta_status rta_port_probability_reader(const rta_port_session *session, rta_history_reader *reader,
                                           uint64_t position)
    uint64_t rta_port_commit(const rta_port_session *session)
    rta_status rta_port_set_commit(rta_port_session *session, uint64_t position)
    uint64_t rta_port_cursor(const rta_port_session *session, unsigned index)
    void rta_port_set_cursor(rta_port_session *session, unsigned index, uint64_t position)

MIC_RATE = RTA_MIC_RATE
VAD_WINDOW = RTA_VAD_WINDOW
cdef enum:
    CHUNK = 1024  # input samples resampled at once

Event = namedtuple("Event", "kind segment out mic decided a b c flags value", module=__name__)
Event.__doc__ = """One record of csrc/event.h; `kind` is its name in lower case ("cut", "speech_started", ...)."""
Ledger = namedtuple(
    "Ledger",
    "segment written played queued dropped replayed high refused silence concealed pulled underruns faults state paused",
    module=__name__,
)
Ledger.__doc__ = """One consistent account in samples at the port's rate (law 1); segment 0 is the whole port."""
Heard = namedtuple("Heard", "now final bound", module=__name__)
Heard.__doc__ = """Samples of a segment from its start: out of the loudspeaker, beyond recall, and +- bound."""
Cut = namedtuple("Cut", "segment played dropped high text_offset", module=__name__)
Cut.__doc__ = """What a flush did to one segment; text_offset: of the last text entry at or before `high`, by now."""
cdef dict STATES = {
    RTA_SEGMENT_UNKNOWN: "unknown",
    RTA_SEGMENT_QUEUED: "queued",
    RTA_SEGMENT_PLAYING: "playing",
    RTA_SEGMENT_DONE: "done",
    RTA_SEGMENT_CUT: "cut",
}


class SegmentCut(Exception):
    """The segment was cut by a flush: nothing of this write was taken. `.segment` is its id."""

    def __init__(self, segment):
        super().__init__(
            f"segment {segment} was cut by a flush: nothing was taken; open a new segment for what is to be said next"
        )
        self.segment = segment


class Flush(int):
    """The ticket of a flush. `await flush` waits until its cuts are complete and gives them as Playout.cuts does;
    TimeoutError where a consumer is attached but has not pulled for `timeout_s`."""

    timeout_s = 1.0
    playout = None

    def __new__(cls, ticket, playout):
        self = int.__new__(cls, ticket)
        self.playout = playout
        return self

    def __await__(self):
        return self._wait().__await__()

    async def _wait(self):
        from asyncio import get_running_loop, sleep

        end = get_running_loop().time() + self.timeout_s
        while not self.playout.flushed(self):
            if get_running_loop().time() >= end:
                raise TimeoutError(f"flush {int(self)}: the consumer has not pulled for {self.timeout_s} s; the cut is "
                                   "complete when it does, or when it detaches")
            await sleep(0.002)
        return self.playout.cuts(self)


class PortClosed(Exception):
    """The port, engine or journal has been closed."""


class SecondConsumer(RuntimeError):
    """Somebody else already pulls this playout."""


def clock_ns():
    """The core's monotonic clock in ns."""
    return rta_clock_ns()


cdef object failure(rta_status status, str what):
    name = rta_status_name(status).decode()
    if status == RTA_NOMEM:
        return MemoryError(what)
    if status == RTA_CLOSED:
        return PortClosed(what)
    if status == RTA_FULL or status == RTA_BUSY:
        return BlockingIOError(f"{what}: {name}")
    if status == RTA_SYSTEM:
        return OSError(f"{what}: the operating system refused")
    if status == RTA_TIMEOUT:
        return TimeoutError(f"{what}: the other side did not answer")
    return ValueError(f"{what}: {name}")


cdef np.ndarray mono(object samples, str what):
    """float32 mono samples, contiguous; int16 and s16le bytes are scaled by 1/32768."""
    cdef np.ndarray array
    if isinstance(samples, (bytes, bytearray, memoryview)):
        if len(samples) % 2:
            raise ValueError(f"{what}: {len(samples)} bytes are not whole 16-bit samples; keep the odd byte for the next")
        samples = np.frombuffer(samples, dtype="<i2")
    if not isinstance(samples, np.ndarray):
        raise TypeError(f"{what}: samples must be a NumPy array (float32 or int16) or bytes, not {type(samples).__name__}")
    array = samples
    if array.ndim != 1:
        raise ValueError(f"{what}: samples must be mono, shape (n,), not {samples.shape}")
    if not samples.flags.c_contiguous:
        raise ValueError(f"{what}: samples must be contiguous; pass np.ascontiguousarray(samples)")
    if np.PyArray_TYPE(array) == np.NPY_FLOAT32:
        return array
    if np.PyArray_TYPE(array) == np.NPY_INT16:
        return np.multiply(samples, np.float32(1 / 32768), dtype=np.float32)
    raise TypeError(f"{what}: samples must be float32 or int16, not {samples.dtype}")


cdef float amplitude(double db, str what) except -1.0:
    if db != db or db > 18.0:
        raise ValueError(f"{what} must be a number of dB, at most 18; got {db}")
    return <float>pow(10.0, db / 20.0)


cdef uint32_t ramp_of(double ramp_s, uint32_t rate) except? 0xffffffff:
    if not (0 <= ramp_s <= 60):
        raise ValueError(f"ramp_s must be 0..60 seconds, not {ramp_s}")
    return <uint32_t>(ramp_s * rate)


cdef object ledger_of(const rta_playout_ledger *l):
    return Ledger(l.segment, l.written, l.played, l.queued, l.dropped, l.replayed, l.high, l.refused, l.silence,
                  l.concealed, l.pulled, l.underruns, l.faults, STATES[l.state], bool(l.paused))


cdef uint64_t power_of_two(double samples) except 0:
    cdef uint64_t size = 1024
    if not (samples == samples) or samples < 0 or samples > 1 << 28:
        raise ValueError(f"a history of {samples} samples is not possible")
    while size < samples:
        size <<= 1
    return size


cdef class AudioPort:
    """A port: private, or one side of a shared one. See _port.pyi and csrc/port.h."""

    cdef rta_port_engine *engine_side
    cdef rta_port_session *session_side
    cdef PyThread_type_lock lock  # one writer of speech at a time
    cdef PyThread_type_lock pull_lock  # a pull from Python against accept() from another thread
    cdef object _playout, _journal
    cdef bint is_closed, pulling
    cdef object __weakref__

    def __cinit__(self):
        self.lock = PyThread_allocate_lock()
        self.pull_lock = PyThread_allocate_lock()
        if self.lock == NULL or self.pull_lock == NULL:
            raise MemoryError("no lock for the port")

    def __init__(self, rate=24000, *, queue_s=30.0, history_s=2.0, mic_s=20.0, tap_s=8.0, background_s=0.0, epoch=0):
        self._open(rate, queue_s, history_s, mic_s, tap_s, background_s, epoch, False)
        cdef rta_status status
        with nogil:
            status = rta_port_session_private(&self.session_side, self.engine_side)
        if status != RTA_OK:
            raise failure(status, "the session side of the port")

    def _open(self, rate, queue_s, history_s, mic_s, tap_s, background_s, epoch, shared):
        cdef rta_port_config config
        cdef const char *why = NULL
        if self.engine_side != NULL or self.session_side != NULL:
            raise RuntimeError("this port is already open; make a new one")
        for name, value in (("queue_s", queue_s), ("history_s", history_s), ("background_s", background_s)):
            if not 0 <= value <= 3600:
                raise ValueError(f"{name} must be 0..3600 seconds, not {value}")
        if not isinstance(rate, int) or not 8000 <= rate <= 192000:
            raise ValueError(f"rate must be a whole number of Hz, 8000..192000, not {rate!r}")
        memset(&config, 0, sizeof(config))
        config.playout.rate = rate
        config.playout.queue_samples = <uint64_t>(queue_s * rate)
        config.playout.history_samples = <uint64_t>(history_s * rate)
        config.playout.background_samples = <uint64_t>(background_s * rate)
        config.mic_samples = power_of_two(max(mic_s, 20.0) * RTA_MIC_RATE + 4096)
        config.tap_samples = power_of_two(tap_s * rate)
        config.epoch = epoch
        if rta_port_config_check(&config, &why) != RTA_OK:
            raise ValueError(f"this port cannot be: {why.decode()}")
        cdef rta_status status = rta_port_engine_create(&self.engine_side, &config, shared)
        if status != RTA_OK:
            raise failure(status, "the memory of the port")

    @classmethod
    def create_shared(cls, rate=24000, *, queue_s=30.0, history_s=2.0, mic_s=20.0, tap_s=8.0, background_s=0.0,
                      epoch=0):
        """The engine side of a port whose session side will be in another process (`attach`, then `accept`)."""
        cdef AudioPort port = cls.__new__(cls)
        port._open(rate, queue_s, history_s, mic_s, tap_s, background_s, epoch, True)
        return port

    @classmethod
    def attach(cls, engine_fd):
        """The session side of a port, by the engine side's descriptor (duplicated)."""
        cdef AudioPort port = cls.__new__(cls)
        cdef rta_status status = rta_port_session_attach(&port.session_side, engine_fd)
        if status == RTA_INVALID:
            raise ValueError(f"descriptor {engine_fd} is not the engine side of a port of this version, or is not sealed")
        if status != RTA_OK:
            raise failure(status, f"attaching to descriptor {engine_fd}")
        return port

    def accept(self, session_fd):
        """Engine side: takes the session side's region by its descriptor; a successor's replaces the one before."""
        cdef rta_status status
        cdef int fd = session_fd
        self._need_engine()
        with nogil:
            PyThread_acquire_lock(self.pull_lock, WAIT_LOCK)
            if self.pulling:  # nobody else would take the new session over meanwhile
                rta_playout_detach(rta_port_consumer(self.engine_side))
            status = rta_port_engine_accept(self.engine_side, fd)
            if self.pulling:
                rta_playout_attach(rta_port_consumer(self.engine_side))
            PyThread_release_lock(self.pull_lock)
        if status == RTA_INVALID:
            raise ValueError(f"descriptor {session_fd} is not the session side of this port, or is not sealed")
        if status != RTA_OK:
            raise failure(status, "taking the session side")

    def __dealloc__(self):
        if self.session_side != NULL:
            rta_port_session_destroy(self.session_side)
        if self.engine_side != NULL:
            rta_port_engine_destroy(self.engine_side)
        if self.lock != NULL:
            PyThread_free_lock(self.lock)
        if self.pull_lock != NULL:
            PyThread_free_lock(self.pull_lock)

    cdef int _need_engine(self) except -1:
        if self.is_closed:
            raise PortClosed("the port is closed")
        if self.engine_side == NULL:
            raise RuntimeError("this is the session side of a port; the engine side is in the process that made it")
        return 0

    cdef int _need_session(self) except -1:
        if self.is_closed:
            raise PortClosed("the port is closed")
        if self.session_side == NULL:
            raise RuntimeError("this is the engine side of a shared port; the session side is where it was attached")
        return 0

    cdef rta_playout_writer *_writer(self) except NULL:
        """Checks, takes the writer's lock and gives the writer; the caller calls _leave."""
        self._need_session()
        if not PyThread_acquire_lock(self.lock, NOWAIT_LOCK):
            with nogil:
                PyThread_acquire_lock(self.lock, WAIT_LOCK)
        return rta_port_writer(self.session_side)

    cdef rta_playout_controls *_controls(self) except NULL:
        """The words this side may write: the session's, or on the engine side of a shared port the engine's."""
        if self.is_closed:
            raise PortClosed("the port is closed")
        if self.session_side != NULL:
            return rta_port_session_controls(self.session_side)
        return rta_port_engine_controls(self.engine_side)

    cdef void _leave(self) noexcept:
        PyThread_release_lock(self.lock)

    cdef const rta_port_config *_config(self) noexcept:
        if self.engine_side != NULL:
            return rta_port_engine_config(self.engine_side)
        return rta_port_session_config(self.session_side)

    @property
    def _engine_capsule(self):
        """PyCapsule "rtaudio.port_engine" for the engine binding; keep this object alive while it is used."""
        self._need_engine()
        return PyCapsule_New(self.engine_side, "rtaudio.port_engine", NULL)

    @property
    def fd(self):
        """Descriptor of this side's region; -1 for a private port."""
        if self.engine_side != NULL:
            return rta_port_engine_fd(self.engine_side)
        return rta_port_session_fd(self.session_side)

    @property
    def side(self):
        """'both', 'engine' or 'session'."""
        if self.engine_side == NULL:
            return "session"
        return "both" if self.session_side != NULL else "engine"

    @property
    def rate(self):
        """Rate of playout and tap in Hz."""
        return self._config().playout.rate

    @property
    def epoch(self):
        """Which setting-up of the stream this is; stamps the journal."""
        return self._config().epoch

    @property
    def closed(self):
        """Whether close() was called."""
        return bool(self.is_closed)

    @property
    def playout(self):
        """The playout of this port."""
        if self._playout is None:
            self._playout = playout_on(self)
        return self._playout

    def mic(self, position=None):
        """A reader of the mic ring: 16 kHz float32 as the detector hears it."""
        self._need_session()
        return reader_of(self, 0, self.mic_written if position is None else position)

    def tap(self, position=None):
        """A reader of the reference tap: what was really put out, at the port's rate."""
        self._need_session()
        return reader_of(self, 1, position)

    def probabilities(self, position=None):
        """A reader of the speech probabilities, one per 512-sample window."""
        self._need_session()
        return reader_of(self, 2, position)

    @property
    def mic_written(self):
        """Samples ever written to the mic ring."""
        cdef rta_history_reader r
        if self.engine_side != NULL:
            return rta_port_mic_written(self.engine_side)
        rta_port_mic_reader(self.session_side, &r, 0)
        r.position = 0
        return rta_history_available(&r)

    @property
    def commit(self):
        """Mic position up to which the session has dealt with everything."""
        self._need_session()
        return rta_port_commit(self.session_side)

    @commit.setter
    def commit(self, position):
        self._need_session()
        if rta_port_set_commit(self.session_side, position) != RTA_OK:
            raise ValueError(f"commit position {position} must be from {self.commit} to {self.mic_written}")

    def cursor(self, index):
        """A shared cursor: 0 session, 1 turn model, 2 recorder, 3 successor, 4..7 free."""
        self._need_session()
        if not 0 <= index < RTA_PORT_CURSORS:
            raise IndexError(f"cursor index must be 0..{RTA_PORT_CURSORS - 1}, not {index}")
        return rta_port_cursor(self.session_side, index)

    def set_cursor(self, index, position):
        """Sets a shared cursor."""
        self.cursor(index)
        rta_port_set_cursor(self.session_side, index, position)

    def events(self):
        """All events since the last call. Never blocks; one thread."""
        cdef rta_event event
        cdef list out = []
        self._need_session()
        while rta_port_next_event(self.session_side, &event):
            out.append(event_to_tuple(&event, Event))
        return out

    def event_reader(self):
        """A reader of the same events for somebody beside the session (the journal); one thread."""
        cdef EventReader reader = EventReader.__new__(EventReader)
        self._need_session()
        reader.port = self
        rta_port_event_readers(self.session_side, &reader.playout, &reader.hearing)
        return reader

    @property
    def events_dropped(self):
        """Events lost because events() was not called in time."""
        self._need_session()
        return rta_port_events_dropped(self.session_side)

    def write_mic(self, samples):
        """Engine side without an engine: 16 kHz samples straight into the mic ring. One thread."""
        self._need_engine()
        cdef np.ndarray array = mono(samples, "write_mic")
        cdef uint64_t count = array.shape[0], at = 0, run
        cdef const float *data = <const float *>np.PyArray_DATA(array)
        while at < count:
            run = min(count - at, <uint64_t>65536)
            rta_port_mic_write(self.engine_side, data + at, run)
            at += run

    def close(self):
        """Ends the port; what is still queued is dropped. Memory goes with the last object that looks into it."""
        if self.is_closed:
            return
        if self.session_side != NULL:
            rta_playout_flush(rta_port_session_controls(self.session_side))
        if self.pulling:
            rta_playout_detach(rta_port_consumer(self.engine_side))
            self.pulling = False
        self.is_closed = True

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


cdef object reader_of(AudioPort port, int what, object position):
    cdef MediaReader reader = MediaReader.__new__(MediaReader)
    cdef rta_history_reader *r = &reader.reader
    reader.port = port
    cdef uint64_t start = 0 if position is None else position
    if what == 0:
        rta_port_mic_reader(port.session_side, r, start)
    elif what == 1:
        rta_port_tap_reader(port.session_side, r, start)
    else:
        rta_port_probability_reader(port.session_side, r, start)
    if position is None:
        r.lost = 0
        r.position = r.position + rta_history_available(r)
    reader.is_mic = what == 0
    return reader


cdef class MediaReader:
    """Reads a history ring from a cursor of its own. One thread."""

    cdef rta_history_reader reader
    cdef AudioPort port
    cdef bint is_mic

    @property
    def position(self):
        """Next sample to be read."""
        return self.reader.position

    @position.setter
    def position(self, value):
        self.reader.position = value

    @property
    def available(self):
        """Samples that can be read now."""
        return rta_history_available(&self.reader)

    @property
    def oldest(self):
        """First position that can still be read."""
        return rta_history_oldest(&self.reader)

    @property
    def lost(self):
        """Samples this reader lost to overwriting."""
        return self.reader.lost

    def read(self, count=None):
        """Copies `count` samples (default: all available) and moves on; empty when fewer are there."""
        cdef uint64_t most = self.reader.capacity - self.reader.guard
        cdef uint64_t want = min(rta_history_available(&self.reader), most) if count is None else count
        cdef uint64_t lost = self.reader.lost
        if want > most:
            raise ValueError(f"at most {most} samples can be read at once, not {want}")
        cdef np.ndarray out = np.empty(want, dtype=np.float32)
        if want == 0:
            return out
        cdef rta_status status = rta_history_read(&self.reader, np.PyArray_DATA(out), want)
        if status == RTA_OK:
            return out
        if status == RTA_EMPTY or status == RTA_CLOSED:
            return out[:0]
        if status == RTA_LOST:
            raise LostSamples(self.reader.lost - lost, self.reader.position)
        raise failure(status, "reading the ring")

    def copy(self, start, count):
        """Copies [start, start + count) without moving the cursor."""
        cdef uint64_t position = start, want = count
        if want > self.reader.capacity:
            raise ValueError(f"the ring never holds {count} samples")
        cdef np.ndarray out = np.empty(want, dtype=np.float32)
        if want == 0:
            return out
        cdef rta_status status = rta_history_copy(&self.reader, position, np.PyArray_DATA(out), want)
        if status == RTA_LOST:
            raise LostSamples(max(0, self.oldest - start), self.oldest)
        if status != RTA_OK:
            raise failure(status, f"samples {start}..{start + count} are not there yet")
        return out

    def view(self, start, count):
        """One or two read-only views in place, while the writer stays away; see `valid`."""
        cdef rta_ring_span span
        cdef uint64_t commit = rta_port_commit(self.port.session_side) if self.is_mic else 0
        cdef rta_status status = rta_history_view(&self.reader, commit, start, count, &span)
        if status == RTA_LOST:
            raise LostSamples(max(0, max(self.oldest, commit) - start), max(self.oldest, commit))
        if status != RTA_OK:
            raise failure(status, f"samples {start}..{start + count} are not there yet")
        first = view_of(self, span.first, span.first_count)
        return (first, view_of(self, span.second, span.second_count)) if span.second_count else (first,)

    def valid(self, start):
        """Whether what was seen in place from `start` on had not been touched up to now."""
        return bool(rta_history_valid(&self.reader, start))


cdef class EventReader:
    """Reads a port's events beside the session; made by AudioPort.event_reader. One thread."""

    cdef rta_history_reader playout, hearing
    cdef AudioPort port

    def read(self):
        """(events of the playout, events of hearing) since the last call."""
        return _drain_events(&self.playout), _drain_events(&self.hearing)

    @property
    def lost(self):
        """Events that were overwritten before they were read."""
        return self.playout.lost + self.hearing.lost


cdef list _drain_events(rta_history_reader *r):
    cdef rta_event event
    cdef list out = []
    cdef rta_status status = RTA_OK
    while status == RTA_OK or status == RTA_LOST:
        status = rta_history_read(r, &event, 1)
        if status == RTA_OK:
            out.append(event_to_tuple(&event, Event))
    return out


cdef object view_of(object owner, void *data, uint64_t count):
    cdef np.npy_intp shape = count
    cdef np.ndarray array = np.PyArray_SimpleNewFromData(1, &shape, np.NPY_FLOAT32, data)
    np.set_array_base(array, owner)
    np.PyArray_CLEARFLAGS(array, np.NPY_ARRAY_WRITEABLE)
    return array


cdef class Segment:
    """One utterance of the agent; made by Playout.open_segment."""

    cdef AudioPort port
    cdef readonly uint64_t id
    cdef rta_resampler *resampler
    cdef uint32_t source_rate
    cdef uint64_t skip  # resampler delay still to be taken off the front
    cdef bint flushed, has_ended
    cdef np.ndarray staging
    cdef np.ndarray tail
    cdef uint64_t tail_at

    def __dealloc__(self):
        if self.resampler != NULL:
            rta_resampler_destroy(self.resampler)

    @property
    def rate(self):
        """Rate of the segment's samples: the port's."""
        return self.port.rate

    @property
    def written(self):
        """Samples accepted, at the port's rate."""
        return self.ledger().written

    @property
    def ended(self):
        """Whether end() was taken."""
        return bool(self.has_ended)

    @property
    def is_cut(self):
        """Whether a flush has cut it."""
        cdef rta_playout_writer *w = self.port._writer()
        try:
            return bool(rta_playout_is_cut(w, self.id))
        finally:
            self.port._leave()

    cdef object _failure(self, rta_status status, str what):
        if status == RTA_CUT:
            return SegmentCut(self.id)
        if status == RTA_ORDER:
            return RuntimeError(f"segment {self.id}: an earlier segment is still open; end() it first")
        if status == RTA_CLOSED:
            return ValueError(f"segment {self.id} has ended; open a new one")
        if status == RTA_INVALID:
            return ValueError(f"segment {self.id}: samples must be finite numbers (found NaN or infinity)")
        if status == RTA_LOST:
            return LookupError(f"segment {self.id} is too long ago to be remembered")
        return failure(status, f"segment {self.id}: {what}")

    def write(self, samples, rate=None):
        """Takes mono samples at `rate` and returns how many it took; see _port.pyi."""
        cdef np.ndarray array = mono(samples, "Segment.write")
        cdef uint64_t count = array.shape[0], taken = 0
        cdef const float *data = <const float *>np.PyArray_DATA(array)
        cdef rta_playout_writer *w = self.port._writer()
        cdef rta_status status
        try:
            self._set_rate(self.port.rate if rate is None else rate)
            if self.resampler == NULL:
                with nogil:
                    status = rta_playout_write(w, self.id, data, count, &taken)
            else:
                status = self._write_resampled(w, data, count, &taken)
        finally:
            self.port._leave()
        if status != RTA_OK and status != RTA_FULL:
            raise self._failure(status, "write")
        return taken

    cdef int _set_rate(self, object rate) except -1:
        cdef uint32_t port_rate = self.port._config().playout.rate
        if self.source_rate == rate:
            return 0
        if self.source_rate != 0:
            raise ValueError(f"segment {self.id} is written at {self.source_rate} Hz; its rate cannot change to {rate}")
        if not isinstance(rate, int) or rate <= 0:
            raise ValueError(f"rate must be a whole number of Hz, not {rate!r}")
        if rate != port_rate:
            if rta_resampler_create(&self.resampler, rate, port_rate) != RTA_OK:
                raise ValueError(
                    f"no resampling from {rate} to {port_rate} Hz: from 8000, 11025, 12000, 16000, 22050, 24000, 32000, "
                    "44100 or 48000 to 8000, 16000, 24000 or 48000; use rtaudio.Resampler(quality='vhq') for others"
                )
            self.skip = rta_resampler_delay(self.resampler)
            self.staging = np.empty(rta_resampler_max_out(self.resampler, CHUNK) + 1, dtype=np.float32)
        self.source_rate = rate
        return 0

    cdef rta_status _write_resampled(self, rta_playout_writer *w, const float *data, uint64_t count, uint64_t *taken):
        cdef float *out = <float *>np.PyArray_DATA(self.staging)
        cdef uint64_t produced, drop, accepted, run, i
        cdef rta_status status = rta_playout_write(w, self.id, out, 0, &accepted)  # cut, ended, out of order?
        if status != RTA_OK:
            if status == RTA_CUT:
                rta_playout_write(w, self.id, out, 0, &accepted)
            return status
        with nogil:
            for i in range(count):
                if not isfinite(data[i]):
                    return RTA_INVALID
            while taken[0] < count:
                run = min(count - taken[0], <uint64_t>CHUNK)
                while run > 0 and rta_resampler_max_out(self.resampler, run) > rta_playout_room(w):
                    run //= 2
                if run == 0:
                    return RTA_FULL
                rta_resampler_process(self.resampler, data + taken[0], run, out, &produced)
                drop = min(self.skip, produced)
                self.skip -= drop
                if produced > drop:
                    status = rta_playout_write(w, self.id, out + drop, produced - drop, &accepted)
                    if status != RTA_OK:
                        return status
                taken[0] += run
        return RTA_OK

    def end(self):
        """No more will be written; gives the resampler's tail. BlockingIOError when the queue is full: call again."""
        cdef rta_playout_writer *w = self.port._writer()
        cdef rta_status status = RTA_OK
        cdef uint64_t produced = 0, accepted = 0, drop
        try:
            if self.has_ended:
                return
            if self.resampler != NULL and not self.flushed:
                self.tail = np.empty(rta_resampler_max_out(self.resampler, 0) + rta_resampler_delay(self.resampler) + 2,
                                     dtype=np.float32)
                rta_resampler_flush(self.resampler, <float *>np.PyArray_DATA(self.tail), &produced)
                drop = min(self.skip, produced)
                self.skip -= drop
                self.tail = self.tail[drop:produced]
                self.flushed = True
            while self.tail is not None and self.tail_at < <uint64_t>self.tail.shape[0] and status == RTA_OK:
                status = rta_playout_write(w, self.id, <const float *>np.PyArray_DATA(self.tail) + self.tail_at,
                                           self.tail.shape[0] - self.tail_at, &accepted)
                self.tail_at += accepted
            if status == RTA_OK:
                status = rta_playout_end(w, self.id)
            if status == RTA_OK or status == RTA_CUT:
                self.has_ended = True
                return
        finally:
            self.port._leave()
        raise self._failure(status, "end")

    def add_text(self, sample, text_offset, word_start=True):
        """At `sample` of the segment (port rate) the text has come to `text_offset`; a word starts there."""
        cdef rta_playout_writer *w = self.port._writer()
        cdef rta_status status
        try:
            status = rta_playout_add_text(w, self.id, sample, text_offset, word_start)
        finally:
            self.port._leave()
        if status != RTA_OK:
            raise self._failure(status, "add_text")

    def add_words(self, words):
        """(sample, text offset) of word starts."""
        for sample, text_offset in words:
            self.add_text(sample, text_offset)

    def add_mark(self, sample, mark):
        """Event "mark" (a = mark) when `sample` has been played."""
        cdef rta_playout_writer *w = self.port._writer()
        cdef rta_status status
        try:
            status = rta_playout_add_mark(w, self.id, sample, mark)
        finally:
            self.port._leave()
        if status != RTA_OK:
            raise self._failure(status, "add_mark")

    def text_offset(self, sample):
        """Text offset of the last entry at or before `sample`; 0 before the first."""
        cdef rta_playout_writer *w = self.port._writer()
        cdef uint32_t offset = 0
        cdef rta_status status
        try:
            status = rta_playout_text_offset(w, self.id, sample, &offset)
        finally:
            self.port._leave()
        if status != RTA_OK:
            raise self._failure(status, "text_offset")
        return offset

    def ledger(self):
        """Consistent account of this segment (law 1)."""
        return account(self.port, self.id)

    def heard(self, now_ns=None):
        """Heard.now, .final, .bound: samples of this segment."""
        cdef rta_playout_heard_at heard
        cdef int64_t now = rta_clock_ns() if now_ns is None else now_ns
        cdef rta_playout_writer *w = self.port._writer()
        cdef rta_status status
        try:
            with nogil:
                status = rta_playout_heard(w, self.id, now, &heard)
        finally:
            self.port._leave()
        if status != RTA_OK:
            raise self._failure(status, "heard")
        return Heard(heard.now, heard.final, heard.bound)


cdef object account(AudioPort port, uint64_t segment):
    cdef rta_playout_ledger ledger
    cdef rta_playout_writer *w = port._writer()
    cdef rta_status status
    try:
        with nogil:
            status = rta_playout_snapshot(w, segment, &ledger)
    finally:
        port._leave()
    if status == RTA_LOST:
        raise LookupError(f"segment {segment} is too long ago to be remembered")
    if status != RTA_OK:
        raise failure(status, "reading the account")
    return ledger_of(&ledger)


cdef object playout_on(AudioPort port):
    cdef Playout playout = Playout.__new__(Playout)
    playout.port = port
    return playout


cdef class Playout:
    """The session side of a playout; `Playout(rate)` is a private port with both sides. See _port.pyi."""

    cdef AudioPort port

    def __init__(self, rate=24000, *, queue_s=30.0, history_s=2.0):
        if self.port is not None:
            raise RuntimeError("this playout already belongs to a port")
        self.port = AudioPort(rate, queue_s=queue_s, history_s=history_s)

    @property
    def rate(self):
        """Rate in Hz."""
        return self.port.rate

    @property
    def room(self):
        """Samples that can be written now."""
        cdef rta_playout_writer *w = self.port._writer()
        try:
            return rta_playout_room(w)
        finally:
            self.port._leave()

    def open_segment(self):
        """A new segment, to be played after those opened before. BlockingIOError when too many are waiting."""
        cdef Segment segment = Segment.__new__(Segment)
        cdef uint64_t id = 0
        cdef rta_playout_writer *w = self.port._writer()
        cdef rta_status status
        try:
            status = rta_playout_open(w, &id)
        finally:
            self.port._leave()
        if status == RTA_FULL:
            raise BlockingIOError(f"{RTA_PLAYOUT_SEGMENTS} segments are waiting to be played; try again when one is done")
        if status != RTA_OK:
            raise failure(status, "opening a segment")
        segment.port = self.port
        segment.id = id
        return segment

    def flush(self):
        """Lock-free; takes effect at the consumer's next pull. Returns a ticket for flushed()."""
        return Flush(rta_playout_flush(self.port._controls()), self)

    def cuts(self, ticket):
        """What that flush cut, oldest first; complete once flushed() says so."""
        cdef uint64_t id = 0
        cdef uint32_t offset = 0
        cdef rta_playout_ledger ledger
        cdef list found = []
        cdef rta_playout_writer *w = self.port._writer()
        try:
            while True:
                id = rta_playout_cut_by(w, ticket, id)
                if id == 0:
                    break
                if rta_playout_snapshot(w, id, &ledger) == RTA_OK:
                    rta_playout_text_offset(w, id, ledger.high, &offset)
                    found.append(Cut(id, ledger.played, ledger.dropped, ledger.high, offset))
        finally:
            self.port._leave()
        found.reverse()
        return found

    def flushed(self, ticket):
        """Whether the cuts of that flush are complete; completes them itself where nobody consumes."""
        cdef rta_playout_consumer *c
        if not self._flush_done(ticket) and self.port.engine_side != NULL:
            c = rta_port_consumer(self.port.engine_side)
            if rta_playout_attach(c) == RTA_OK:
                rta_playout_detach(c)
        return self._flush_done(ticket)

    cdef bint _flush_done(self, uint64_t ticket) except *:
        self.port._controls()
        if self.port.session_side != NULL:
            return rta_playout_flush_done(rta_port_writer(self.port.session_side), ticket)
        return rta_playout_engine_flush_done(rta_port_playout_state(self.port.engine_side), ticket)

    def pause(self):
        """Fades out within 5 ms from the next pull on and stands still; nothing is lost (law 3)."""
        rta_playout_pause(self.port._controls())

    def resume(self, rewind_to_word=False):
        """Goes on with the very next sample, or from the start of the word (counted as replayed)."""
        rta_playout_resume(self.port._controls(), rewind_to_word)

    def duck(self, db, ramp_s=0.02):
        """Lowers speech by db <= 0 dB over ramp_s; 0 ends it."""
        if not db <= 0:
            raise ValueError(f"db must be 0 or less, not {db}")
        rta_playout_duck(self.port._controls(), amplitude(db, "db"), ramp_of(ramp_s, self.port.rate))

    def set_gain(self, db, ramp_s=0.02):
        """Volume of speech in dB, at most 18."""
        self.port._need_session()
        rta_playout_volume(rta_port_session_controls(self.port.session_side), amplitude(db, "db"),
                           ramp_of(ramp_s, self.port.rate))

    def set_background(self, samples, gain_db=0.0):
        """Loops `samples` (port rate) under speech; None ends it. The port needs background_s of room for it."""
        cdef np.ndarray array = mono(np.zeros(0, np.float32) if samples is None else samples, "set_background")
        array = np.multiply(array, np.float32(amplitude(gain_db, "gain_db")), dtype=np.float32)
        cdef rta_status status
        cdef rta_playout_writer *w
        cdef int tries
        for tries in range(100):
            w = self.port._writer()
            try:
                status = rta_playout_background(w, <const float *>np.PyArray_DATA(array), array.shape[0])
            finally:
                self.port._leave()
            if status != RTA_BUSY:
                break
            with nogil:
                rta_sleep_until_ns(rta_clock_ns() + 1000000)
        if status == RTA_INVALID:
            raise ValueError(
                f"{array.shape[0]} samples of background do not fit or are not finite; the port has room for "
                f"{self.port._config().playout.background_samples} (AudioPort(background_s=...))"
            )
        if status != RTA_OK:
            raise failure(status, "the old background is still being faded out; call again after the next pull")

    def ledger(self):
        """Consistent account of the whole port (law 1)."""
        return account(self.port, 0)

    def attach(self):
        """Takes the consumer's role."""
        self.port._need_engine()
        if self.port.pulling:
            return
        if rta_playout_attach(rta_port_consumer(self.port.engine_side)) != RTA_OK:
            raise SecondConsumer("this playout already has a consumer (an engine, a device, or another pull loop)")
        self.port.pulling = True

    def detach(self):
        """Gives the consumer's role back; a pending cut is completed."""
        self.port._need_engine()
        if self.port.pulling:
            self.port.pulling = False
            rta_playout_detach(rta_port_consumer(self.port.engine_side))

    def pull(self, count, device_ns=None, bound_ns=0):
        """The next `count` samples that are put out (speech, silence, everything). One thread."""
        if not 0 < count <= 65536:
            raise ValueError(f"count must be 1..65536 samples, not {count}")
        cdef np.ndarray out = np.empty(count, dtype=np.float32)
        self.pull_into(out, device_ns, bound_ns)
        return out

    def pull_into(self, out, device_ns=None, bound_ns=0):
        """The same into a float32 array of the caller."""
        if not isinstance(out, np.ndarray) or out.dtype != np.float32 or out.ndim != 1 or not out.flags.c_contiguous:
            raise TypeError("out must be a contiguous float32 array of shape (n,)")
        cdef np.ndarray array = out
        cdef uint64_t count = array.shape[0]
        cdef int64_t at = rta_clock_ns() if device_ns is None else device_ns
        cdef int64_t bound = bound_ns
        cdef rta_status status
        cdef float *data = <float *>np.PyArray_DATA(array)
        if not self.port.pulling:
            self.attach()
        self.port._need_engine()
        with nogil:
            PyThread_acquire_lock(self.port.pull_lock, WAIT_LOCK)
            status = rta_playout_pull(rta_port_consumer(self.port.engine_side), data, count, at, bound)
            PyThread_release_lock(self.port.pull_lock)
        if status != RTA_OK:
            raise ValueError(f"out must hold 1..65536 samples, not {count}")

    def events(self):
        """All events of the port since the last call."""
        return self.port.events()

    def close(self):
        """Closes the port."""
        self.port.close()


cdef class CoreJournal:
    """Three bounded record rings of a port: "engine", "consumer", "writer". See csrc/journal.h."""

    cdef rta_journal *rings[3]
    cdef AudioPort port
    cdef size_t ring_bytes

    def __init__(self, AudioPort port not None, *, ring_bytes=4 << 20):
        cdef int i
        if ring_bytes < 4096 or ring_bytes & (ring_bytes - 1):
            raise ValueError(f"ring_bytes must be a power of two from 4096 on, not {ring_bytes}")
        if port._journal is not None:
            raise RuntimeError("this port already has a journal")
        if port.is_closed:
            raise PortClosed("the port is closed")
        if port.mic_written or (port.session_side != NULL and port.playout.ledger().pulled):
            raise RuntimeError("a journal begins with its port: make it before the port is driven")
        for i in range(3):
            if rta_journal_create(&self.rings[i], ring_bytes) != RTA_OK:
                raise MemoryError("no memory for the journal's rings")
        self.ring_bytes = ring_bytes
        self.port = port
        if port.engine_side != NULL:
            rta_port_engine_journal(port.engine_side, self.rings[0], self.rings[1])
        if port.session_side != NULL:
            rta_port_session_journal(port.session_side, self.rings[2])
        port._journal = self

    def __dealloc__(self):
        cdef int i
        for i in range(3):
            if self.rings[i] != NULL:
                rta_journal_destroy(self.rings[i])

    def drain(self, which):
        """Whole records written since the last call, as bytes. One thread."""
        cdef int i = ("engine", "consumer", "writer").index(which)
        cdef size_t got
        buffer = np.empty(self.ring_bytes, dtype=np.uint8)
        cdef np.ndarray array = buffer
        cdef void *data = np.PyArray_DATA(array)
        with nogil:
            got = rta_journal_drain(self.rings[i], data, self.ring_bytes)
        return buffer[:got].tobytes()

    @property
    def config(self):
        """What a replay needs to know of the port, as plain numbers."""
        cdef const rta_port_config *c = self.port._config()
        return {
            "rate": c.playout.rate,
            "queue_samples": c.playout.queue_samples,
            "history_samples": c.playout.history_samples,
            "background_samples": c.playout.background_samples,
            "epoch": c.epoch,
        }

    def lost(self):
        """Records lost in all rings because they were full."""
        return rta_journal_lost(self.rings[0]) + rta_journal_lost(self.rings[1]) + rta_journal_lost(self.rings[2])
