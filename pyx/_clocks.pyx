# SPDX-License-Identifier: Apache-2.0
#
# _clocks.pyx: two clocks that drift apart, for Python: csrc/resample_variable.h, clock_track.h, clock_bridge.h. Arguments
# are checked here; what is decided is decided in the core.

cimport numpy as cnp
from libc.stdint cimport int64_t, uint32_t, uint64_t

cnp.import_array()
include "arrays.pxi"

cdef extern from "base.h":
    ctypedef enum rta_status:
        RTA_OK
        RTA_FULL
        RTA_INVALID
        RTA_NOMEM

cdef extern from "dsp.h" nogil:
    uint64_t rta_first_nonfinite(const float *data, uint64_t count)

cdef extern from "resample_variable.h" nogil:
    int RTA_VARIABLE_PPM
    int RTA_VARIABLE_ROOM
    ctypedef struct rta_variable
    rta_status rta_variable_create(rta_variable **r, uint32_t from_rate, uint32_t to_rate)
    void rta_variable_destroy(rta_variable *r)
    void rta_variable_reset(rta_variable *r)
    uint32_t rta_variable_delay(const rta_variable *r)
    rta_status rta_variable_steer(rta_variable *r, double ppm, uint64_t over)
    double rta_variable_ppm(const rta_variable *r)
    rta_status rta_variable_put(rta_variable *r, const float *data, uint64_t count)
    uint64_t rta_variable_room(const rta_variable *r)
    uint64_t rta_variable_get(rta_variable *r, float *out, uint64_t most)
    uint64_t rta_variable_needs(const rta_variable *r, uint64_t count)
    double rta_variable_ahead(const rta_variable *r)

cdef extern from "clock_track.h" nogil:
    ctypedef struct rta_clock_track:
        uint32_t state
        uint64_t marks, steps, backwards, seconds
    void rta_clock_track_init(rta_clock_track *track, uint32_t rate)
    void rta_clock_track_mark(rta_clock_track *track, uint64_t position, int64_t now_ns)
    double rta_clock_track_beyond(const rta_clock_track *track, uint64_t position, int64_t now_ns)
    double rta_clock_track_ppm(const rta_clock_track *track)
    double rta_clock_track_sigma_s(const rta_clock_track *track)
    double rta_clock_track_sigma_ppm(const rta_clock_track *track)

cdef extern from "clock_bridge.h" nogil:
    ctypedef struct rta_clock_bridge
    ctypedef struct rta_clock_bridge_config:
        uint32_t source_rate, sink_rate
        double target_s, most_ppm
        uint64_t capacity
    ctypedef struct rta_clock_bridge_figures:
        uint32_t state, delay_samples
        double level_s, drift_ppm, ppm, source_ppm, sink_ppm, read_position
        uint64_t taken, dropped, used, skipped, queued
        uint64_t pulled, played, waited, starved
        uint64_t underruns, overruns, locks, clock_steps, times_back, marks_dropped
    rta_status rta_clock_bridge_create(rta_clock_bridge **bridge, const rta_clock_bridge_config *config)
    void rta_clock_bridge_destroy(rta_clock_bridge *bridge)
    rta_status rta_clock_bridge_push(rta_clock_bridge *bridge, const float *samples, uint64_t count, int64_t now_ns,
                                     uint64_t *taken)
    void rta_clock_bridge_pull(rta_clock_bridge *bridge, float *out, uint64_t count, int64_t now_ns)
    void rta_clock_bridge_figures_read(const rta_clock_bridge *bridge, rta_clock_bridge_figures *figures)

cdef tuple _FROM = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
cdef tuple _TO = (8000, 16000, 24000, 48000)
cdef tuple _BRIDGE_STATES = ("waiting", "settling", "locked")
cdef tuple _TRACK_STATES = ("empty", "first", "tracking", "doubt")


cdef int check_rates(object source, object to, str what) except -1:
    if source not in _FROM or to not in _TO:
        raise ValueError(f"{what}: no filter from {source} to {to} Hz; from any of {', '.join(map(str, _FROM))} to any "
                         f"of {', '.join(map(str, _TO))}")
    return 0


cdef uint64_t count_of(object value, str what, uint64_t most) except? 0xffffffffffffffff:
    if isinstance(value, bool) or not hasattr(value, "__index__") or not 0 <= value <= most:
        raise ValueError(f"{what}={value!r}: expected a whole number, 0 .. {most}")
    return value


cdef int64_t time_of(object value, str what) except? -1:
    # within 2^61 of 0, so that no difference of two of them overflows: 73 years to either side
    if isinstance(value, bool) or not hasattr(value, "__index__") or not -(1 << 61) < value < 1 << 61:
        raise ValueError(f"{what}={value!r}: expected whole nanoseconds, within 73 years of 0")
    return value


cdef class VariableResampler:
    """One mono stream through a filter whose ratio is steered."""

    cdef rta_variable *resampler
    cdef bint busy
    cdef readonly int from_rate
    cdef readonly int to_rate
    cdef readonly int delay_samples

    MOST_PPM = RTA_VARIABLE_PPM

    def __cinit__(self, from_rate, to_rate):
        check_rates(from_rate, to_rate, "variable resampler")
        self.from_rate, self.to_rate = from_rate, to_rate
        if rta_variable_create(&self.resampler, from_rate, to_rate) != RTA_OK:
            raise MemoryError("variable resampler: no memory for the filter")
        self.delay_samples = rta_variable_delay(self.resampler)

    def __dealloc__(self):
        rta_variable_destroy(self.resampler)

    cdef int enter(self) except -1:
        if self.busy:
            raise RuntimeError("variable resampler: used from two threads at once; one stream belongs to one thread")
        self.busy = True
        return 0

    def steer(self, ppm, over_samples=0):
        """From the next output on, the ratio runs straight to `ppm`."""
        cdef uint64_t over = count_of(over_samples, "over_samples", 1 << 40)
        cdef double wanted = ppm
        self.enter()
        cdef rta_status status = rta_variable_steer(self.resampler, wanted, over)
        self.busy = False
        if status != RTA_OK:
            raise ValueError(f"ppm={ppm!r}: expected -{RTA_VARIABLE_PPM} .. {RTA_VARIABLE_PPM}")

    @property
    def ppm(self):
        return rta_variable_ppm(self.resampler)

    @property
    def ahead_samples(self):
        return rta_variable_ahead(self.resampler)

    @property
    def room_samples(self):
        return rta_variable_room(self.resampler)

    def put(self, x):
        """Takes samples, all or none."""
        cdef cnp.ndarray chunk = sample_array(x, cnp.NPY_FLOAT32, "variable resampler input", "float32")
        cdef uint64_t count = <uint64_t>cnp.PyArray_SIZE(chunk)
        cdef const float *data = <const float *>cnp.PyArray_DATA(chunk)
        cdef uint64_t bad = rta_first_nonfinite(data, count)
        cdef rta_status status
        if bad != count:
            raise ValueError(f"variable resampler input: sample {bad} is {chunk[bad]}, not finite; nothing was taken")
        self.enter()
        status = rta_variable_put(self.resampler, data, count)
        self.busy = False
        if status != RTA_OK:
            raise ValueError(f"variable resampler: {count} samples are more than room_samples "
                             f"({rta_variable_room(self.resampler)}); take outputs first")

    def get(self, most):
        """The next outputs, at most `most`."""
        cdef uint64_t wanted = count_of(most, "most", 1 << 24), given
        cdef cnp.ndarray out = new_array(<Py_ssize_t>wanted, cnp.NPY_FLOAT32)
        cdef float *to = <float *>cnp.PyArray_DATA(out)
        self.enter()
        with nogil:
            given = rta_variable_get(self.resampler, to, wanted)
        self.busy = False
        return out if given == wanted else out[:given].copy()

    def needs(self, count):
        """How many more samples must be put before `count` more outputs can be had."""
        return rta_variable_needs(self.resampler, count_of(count, "count", 1 << 24))

    def process(self, x):
        """Takes a chunk; gives all outputs that can be computed."""
        cdef cnp.ndarray chunk = sample_array(x, cnp.NPY_FLOAT32, "variable resampler input", "float32")
        cdef uint64_t count = <uint64_t>cnp.PyArray_SIZE(chunk), done = 0, given = 0, run
        cdef const float *data = <const float *>cnp.PyArray_DATA(chunk)
        cdef uint64_t bad = rta_first_nonfinite(data, count)
        if bad != count:
            raise ValueError(f"variable resampler input: sample {bad} is {chunk[bad]}, not finite; nothing was taken")
        cdef uint64_t most = <uint64_t>((count + RTA_VARIABLE_ROOM + 1024.0) * self.to_rate / self.from_rate * 1.006) + 2
        cdef cnp.ndarray out = new_array(<Py_ssize_t>most, cnp.NPY_FLOAT32)
        cdef float *to = <float *>cnp.PyArray_DATA(out)
        self.enter()
        with nogil:
            while True:
                given += rta_variable_get(self.resampler, to + given, most - given)
                if done == count:
                    break
                run = min(rta_variable_room(self.resampler), count - done)
                rta_variable_put(self.resampler, data + done, run)
                done += run
        self.busy = False
        return out[:given].copy()

    def reset(self):
        """Begins a new stream, at 0 ppm."""
        self.enter()
        rta_variable_reset(self.resampler)
        self.busy = False


cdef class ClockTrack:
    """Where another clock stands, from marks that come late."""

    cdef rta_clock_track track
    cdef readonly int rate

    def __cinit__(self, rate):
        self.rate = count_of(rate, "rate", 1 << 20)
        if self.rate == 0:
            raise ValueError("rate=0: expected samples a second")
        rta_clock_track_init(&self.track, self.rate)

    def mark(self, position, now_ns):
        """By now_ns the clock had come to `position`."""
        cdef uint64_t at = count_of(position, "position", 1 << 62)
        rta_clock_track_mark(&self.track, at, time_of(now_ns, "now_ns"))

    def beyond(self, position, now_ns):
        """How far beyond `position` it stands, in samples."""
        return rta_clock_track_beyond(&self.track, count_of(position, "position", 1 << 62), time_of(now_ns, "now_ns"))

    @property
    def state(self):
        return _TRACK_STATES[self.track.state]

    @property
    def ppm(self):
        return rta_clock_track_ppm(&self.track)

    @property
    def sigma_s(self):
        return rta_clock_track_sigma_s(&self.track)

    @property
    def sigma_ppm(self):
        return rta_clock_track_sigma_ppm(&self.track)

    def figures(self):
        """Counters."""
        return {"marks": self.track.marks, "steps": self.track.steps, "backwards": self.track.backwards,
                "seconds": self.track.seconds}


cdef class ClockBridge:
    """Sound from one clock to another."""

    cdef rta_clock_bridge *bridge
    cdef bint pushing
    cdef bint pulling
    cdef readonly int source_rate
    cdef readonly int sink_rate
    cdef readonly double target_s
    cdef readonly int delay_samples

    def __cinit__(self, source_rate, sink_rate, *, target_s=0.1, capacity_s=2.0, most_ppm=1000.0):
        cdef rta_clock_bridge_config config
        cdef rta_clock_bridge_figures figures
        check_rates(source_rate, sink_rate, "clock bridge")
        if not 0.001 <= target_s <= 10.0:
            raise ValueError(f"target_s={target_s!r}: expected 0.001 .. 10 seconds")
        if not 2.0 * target_s <= capacity_s <= 60.0:
            raise ValueError(f"capacity_s={capacity_s!r}: expected twice target_s ({target_s:g}) at least, at most 60")
        if not 1.0 <= most_ppm <= 5000.0:
            raise ValueError(f"most_ppm={most_ppm!r}: expected 1 .. 5000")
        self.source_rate, self.sink_rate, self.target_s = source_rate, sink_rate, target_s
        config.source_rate, config.sink_rate = source_rate, sink_rate
        config.target_s, config.most_ppm = target_s, most_ppm
        config.capacity = 1 << (<int>(capacity_s * source_rate)).bit_length()
        if rta_clock_bridge_create(&self.bridge, &config) != RTA_OK:
            raise MemoryError("clock bridge: no memory")
        rta_clock_bridge_figures_read(self.bridge, &figures)
        self.delay_samples = figures.delay_samples

    def __dealloc__(self):
        rta_clock_bridge_destroy(self.bridge)

    def push(self, samples, now_ns):
        """The source brings samples, the last of which was taken in by now_ns; gives how many there was room for."""
        cdef cnp.ndarray chunk = sample_array(samples, cnp.NPY_FLOAT32, "clock bridge", "float32")
        cdef uint64_t count = <uint64_t>cnp.PyArray_SIZE(chunk), taken = 0
        cdef const float *data = <const float *>cnp.PyArray_DATA(chunk)
        cdef int64_t now = time_of(now_ns, "now_ns")
        if self.pushing:
            raise RuntimeError("clock bridge: pushed from two threads at once; one thread pushes")
        self.pushing = True
        with nogil:
            rta_clock_bridge_push(self.bridge, data, count, now, &taken)
        self.pushing = False
        return taken

    def pull(self, count, now_ns):
        """The sink wants samples, the first of which was due by now_ns."""
        cdef uint64_t wanted = count_of(count, "count", 1 << 22)
        cdef int64_t now = time_of(now_ns, "now_ns")
        cdef cnp.ndarray out = new_array(<Py_ssize_t>wanted, cnp.NPY_FLOAT32)
        cdef float *to = <float *>cnp.PyArray_DATA(out)
        if self.pulling:
            raise RuntimeError("clock bridge: pulled from two threads at once; one thread pulls")
        self.pulling = True
        with nogil:
            rta_clock_bridge_pull(self.bridge, to, wanted, now)
        self.pulling = False
        return out

    def figures(self):
        """Counters and what the controller knows."""
        cdef rta_clock_bridge_figures f
        rta_clock_bridge_figures_read(self.bridge, &f)
        cdef dict figures = f
        figures["state"] = _BRIDGE_STATES[f.state]
        return figures
