# distutils: language = c
"""The port and what lives on it. Contracts: csrc/port.h and csrc/playout.h; the face is _port.pyi.

The binding checks arguments, turns results into exceptions, holds the lock that makes the writer "one thread at a time",
and keeps memory alive: regions are freed when the last object that looks into them is gone.
"""

from collections import namedtuple

cimport numpy as np
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

include "capsule.pxi"
include "port_decl.pxi"
include "port_types.pxi"


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
        """A capsule for the engine binding (capsule.pxi); keep this object alive while it is used."""
        self._need_engine()
        return port_capsule(self.engine_side)

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
        if self.is_closed:
            return playout_on(self)  # not kept: the two would hold each other until the garbage collector comes
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

    @property
    def events_taken(self):
        """How many events of the playout and of hearing events() has taken or lost: where a successor goes on."""
        cdef uint64_t playout = 0, hearing = 0
        self._need_session()
        rta_port_events_taken(self.session_side, &playout, &hearing)
        return playout, hearing

    def events_from(self, playout, hearing):
        """events() goes on there; what is not retained any more counts as dropped."""
        self._need_session()
        if rta_port_events_from(self.session_side, playout, hearing) != RTA_OK:
            raise ValueError(f"this port has not told {playout} events of playout and {hearing} of hearing yet: "
                             "these counts are another port's")

    def event_reader(self):
        """A reader of the same events for somebody beside the session (the journal); one thread."""
        cdef EventReader reader = EventReader.__new__(EventReader)
        self._need_session()
        reader.port = self
        rta_port_event_readers(self.session_side, &reader.playout, &reader.hearing)
        return reader

    def outgoing(self, position=None, *, played=False):
        """What is put out, with what a remote is to be told in its place: see Outgoing."""
        if self.is_closed:
            raise PortClosed("the port is closed")
        return outgoing_of(self, position, played)

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
        self._playout = None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


include "port_readers.pxi"
include "port_outgoing.pxi"
include "port_playout.pxi"


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
