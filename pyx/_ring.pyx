# SPDX-License-Identifier: Apache-2.0
"""Ring and history over csrc/ring.h and csrc/history.h: arguments checked, statuses to exceptions, views in place.

The hot calls (push, pull, pull_into, write, read) work on NumPy's C structure directly. The GIL is released for blocks
of RELEASE_BYTES or more only: for a 10 ms frame, giving it up and taking it back costs more than the copy.
"""

cimport numpy as cnp
from libc.stdint cimport int64_t, uint64_t

cnp.import_array()

include "arrays.pxi"


cdef extern from "base.h":
    ctypedef enum rta_status:
        RTA_OK
        RTA_FULL
        RTA_EMPTY
        RTA_CLOSED
        RTA_INVALID
        RTA_NOMEM
        RTA_LOST
    const char *rta_status_name(rta_status status) noexcept nogil


cdef extern from "platform.h":
    ctypedef struct rta_region:
        void *base
    rta_status rta_region_private(rta_region *region, size_t bytes) noexcept nogil
    void rta_region_close(rta_region *region) noexcept nogil


cdef extern from "ring.h":
    ctypedef enum rta_ring_policy:
        RTA_RING_REJECT
        RTA_RING_DROP_NEWEST
    ctypedef struct rta_ring_producer:
        uint64_t write
        uint64_t rejected
        uint64_t dropped
        uint64_t closed
    ctypedef struct rta_ring_consumer:
        uint64_t read
    ctypedef struct rta_ring_writer:
        pass
    ctypedef struct rta_ring_reader:
        pass
    ctypedef struct rta_ring_span:
        void *first
        void *second
        uint64_t first_count
        uint64_t second_count
    rta_status rta_ring_writer_init(rta_ring_writer *w, rta_ring_producer *own, const rta_ring_consumer *peer,
                                    void *data, uint64_t capacity, uint64_t elem_bytes,
                                    rta_ring_policy policy) noexcept nogil
    rta_status rta_ring_reader_init(rta_ring_reader *r, rta_ring_consumer *own, const rta_ring_producer *peer,
                                    const void *data, uint64_t capacity, uint64_t elem_bytes) noexcept nogil
    void rta_ring_reader_may_touch(rta_ring_reader *r, void *data) noexcept nogil
    rta_status rta_ring_push(rta_ring_writer *w, const void *elems, uint64_t count) noexcept nogil
    uint64_t rta_ring_room(rta_ring_writer *w) noexcept nogil
    rta_status rta_ring_reserve(rta_ring_writer *w, uint64_t count, rta_ring_span *span) noexcept nogil
    rta_status rta_ring_commit(rta_ring_writer *w, uint64_t count) noexcept nogil
    void rta_ring_close(rta_ring_writer *w) noexcept nogil
    rta_status rta_ring_pull(rta_ring_reader *r, void *elems, uint64_t count) noexcept nogil
    uint64_t rta_ring_available(rta_ring_reader *r) noexcept nogil
    rta_status rta_ring_peek(rta_ring_reader *r, uint64_t count, rta_ring_span *span) noexcept nogil
    rta_status rta_ring_advance(rta_ring_reader *r, uint64_t count) noexcept nogil


cdef extern from "history.h":
    ctypedef struct rta_history_block:
        uint64_t write
        uint64_t reserve
        uint64_t closed
    ctypedef struct rta_history_writer:
        pass
    ctypedef struct rta_history_reader:
        uint64_t position
        uint64_t lost
    rta_status rta_history_writer_init(rta_history_writer *w, rta_history_block *own, void *data, uint64_t capacity,
                                       uint64_t elem_bytes) noexcept nogil
    rta_status rta_history_reader_init(rta_history_reader *r, const rta_history_block *peer, const void *data,
                                       uint64_t capacity, uint64_t elem_bytes, uint64_t guard,
                                       uint64_t position) noexcept nogil
    rta_status rta_history_write(rta_history_writer *w, const void *elems, uint64_t count) noexcept nogil
    void rta_history_close(rta_history_writer *w) noexcept nogil
    uint64_t rta_history_available(const rta_history_reader *r) noexcept nogil
    uint64_t rta_history_oldest(const rta_history_reader *r) noexcept nogil
    rta_status rta_history_read(rta_history_reader *r, void *elems, uint64_t count) noexcept nogil
    rta_status rta_history_copy(const rta_history_reader *r, uint64_t start, void *elems,
                                uint64_t count) noexcept nogil
    rta_status rta_history_view(const rta_history_reader *r, uint64_t commit, uint64_t start, uint64_t count,
                                rta_ring_span *span) noexcept nogil
    bint rta_history_valid(const rta_history_reader *r, uint64_t start) noexcept nogil


cdef extern from "ring_measure.h":
    ctypedef struct rta_ring_measurement:
        double ring_ns
        double ring_median_ns
        double one_thread_ns
        double handover_ns
        double memcpy_ns
        uint64_t mismatches
        uint64_t processors
    rta_status rta_ring_measure(rta_ring_measurement *result, uint64_t frames, uint64_t frame_samples,
                                uint64_t capacity_frames) noexcept nogil


cdef extern from *:
    """
    #define RTA_LOAD(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
    #define RTA_STORE(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
    """
    uint64_t RTA_LOAD(uint64_t *p) noexcept nogil
    void RTA_STORE(uint64_t *p, uint64_t v) noexcept nogil


cdef enum:
    RELEASE_BYTES = 1 << 16
    HEADER_BYTES = 256  # counters, each on cache lines of its own, before the data
    MOST_SAMPLES = 1 << 30


class RingClosed(Exception):
    """The ring or history has been closed: nothing more goes in, or nothing more will come."""


class LostSamples(Exception):
    """What was asked for has been overwritten: `samples` of it; `position` is the oldest that is left."""

    def __init__(self, samples, position):
        super().__init__(f"{samples} samples have been overwritten; the oldest left is at {position}")
        self.samples = samples
        self.position = position


cdef object fail(rta_status status, str what):
    if status == RTA_CLOSED:
        raise RingClosed(f"{what}: closed")
    if status == RTA_NOMEM:
        raise MemoryError(f"{what}: out of memory")
    raise RuntimeError(f"{what}: {rta_status_name(status).decode()}")


cdef (int, uint64_t) sample_type(object dtype) except *:
    if dtype == "float32":
        return cnp.NPY_FLOAT32, 4
    if dtype == "int16":
        return cnp.NPY_INT16, 2
    raise ValueError(f"dtype: expected 'float32' or 'int16', got {dtype!r}")


cdef uint64_t power_of_two(object capacity) except 0:
    cdef int64_t value = capacity
    if value < 2 or value > MOST_SAMPLES:
        raise ValueError(f"capacity: expected a power of two from 2 to 2**30 samples, got {capacity}")
    if value & (value - 1):
        raise ValueError(f"capacity: expected a power of two, got {capacity}; "
                         f"the next is {1 << int(value).bit_length()}")
    return <uint64_t>value


cdef uint64_t count_of(int64_t count, uint64_t least, uint64_t most, str what) except? 0:
    if count < <int64_t>least or count > <int64_t>most:
        raise ValueError(f"{what}: expected {least} to {most} samples, got {count}")
    return <uint64_t>count


cdef uint64_t position_of(object position, str what) except? 0:
    if not 0 <= position < 1 << 63:
        raise ValueError(f"{what}: expected a position, 0 or more, got {position}")
    return <uint64_t>position


cdef cnp.ndarray view_of(void *at, uint64_t count, int dtype, object owner, bint writable):
    cdef cnp.npy_intp shape = <cnp.npy_intp>count
    cdef cnp.ndarray array = cnp.PyArray_SimpleNewFromData(1, &shape, dtype, at)
    if not writable:
        cnp.PyArray_CLEARFLAGS(array, cnp.NPY_ARRAY_WRITEABLE)
    cnp.set_array_base(array, owner)
    return array


cdef tuple views(const rta_ring_span *span, int dtype, object owner, bint writable):
    cdef cnp.ndarray first = view_of(span.first, span.first_count, dtype, owner, writable)
    if span.second_count == 0:
        return (first,)
    return first, view_of(span.second, span.second_count, dtype, owner, writable)


cdef class Ring:
    cdef rta_region region
    cdef rta_ring_producer *producer
    cdef rta_ring_consumer *consumer
    cdef rta_ring_writer writer
    cdef rta_ring_reader reader
    cdef int type_num
    cdef uint64_t elem_bytes
    cdef readonly uint64_t capacity
    cdef readonly str dtype
    cdef readonly str policy

    def __cinit__(self, capacity, dtype="float32", policy="reject", *, uint64_t start=0):
        cdef unsigned char *base
        self.capacity = power_of_two(capacity)
        self.type_num, self.elem_bytes = sample_type(dtype)
        if policy not in ("reject", "drop_newest"):
            raise ValueError(f"policy: expected 'reject' or 'drop_newest', got {policy!r}")
        self.dtype, self.policy = str(dtype), policy
        cdef rta_status status = rta_region_private(&self.region, HEADER_BYTES + self.capacity * self.elem_bytes)
        if status != RTA_OK:
            fail(status, "Ring")
        base = <unsigned char *>self.region.base
        self.producer = <rta_ring_producer *>base
        self.consumer = <rta_ring_consumer *>(base + HEADER_BYTES // 2)
        self.producer.write = self.consumer.read = start
        status = rta_ring_writer_init(&self.writer, self.producer, self.consumer, base + HEADER_BYTES, self.capacity,
                                      self.elem_bytes,
                                      RTA_RING_REJECT if policy == "reject" else RTA_RING_DROP_NEWEST)
        if status == RTA_OK:
            status = rta_ring_reader_init(&self.reader, self.consumer, self.producer, base + HEADER_BYTES,
                                          self.capacity, self.elem_bytes)
        if status != RTA_OK:
            fail(status, "Ring")
        rta_ring_reader_may_touch(&self.reader, base + HEADER_BYTES)

    def __dealloc__(self):
        rta_region_close(&self.region)

    # ---- Producer

    def push(self, frame):
        cdef cnp.ndarray array = sample_array(frame, self.type_num, "push", self.dtype)
        cdef uint64_t count = <uint64_t>cnp.PyArray_SIZE(array)
        cdef void *data = cnp.PyArray_DATA(array)
        cdef uint64_t dropped = self.producer.dropped
        cdef rta_status status
        if count == 0 or count > self.capacity:
            count_of(count, 1, self.capacity, "push")
        if count * self.elem_bytes < RELEASE_BYTES:
            status = rta_ring_push(&self.writer, data, count)
        else:
            with nogil:
                status = rta_ring_push(&self.writer, data, count)
        if status == RTA_OK:
            return self.producer.dropped == dropped
        if status == RTA_FULL:
            return False
        fail(status, "push")

    def reserve(self, int64_t count):
        cdef rta_ring_span span
        cdef rta_status status = rta_ring_reserve(&self.writer, count_of(count, 1, self.capacity, "reserve"), &span)
        if status == RTA_OK:
            return views(&span, self.type_num, self, True)
        if status == RTA_FULL:
            return ()
        fail(status, "reserve")

    def commit(self, int64_t count):
        cdef rta_status status = rta_ring_commit(&self.writer, count_of(count, 0, self.capacity, "commit"))
        if status == RTA_INVALID:
            raise ValueError(f"commit: {count} samples are more than is reserved")
        if status != RTA_OK:
            fail(status, "commit")

    def close(self):
        rta_ring_close(&self.writer)

    @property
    def room(self):
        return rta_ring_room(&self.writer)

    # ---- Consumer

    def pull(self, int64_t count):
        cdef cnp.ndarray array
        cdef rta_status status
        if count <= 0 or <uint64_t>count > self.capacity:
            count_of(count, 1, self.capacity, "pull")
        array = new_array(count, self.type_num)
        status = self.take(cnp.PyArray_DATA(array), <uint64_t>count)
        if status == RTA_OK:
            return array
        if status == RTA_EMPTY:
            return new_array(0, self.type_num)
        fail(status, "pull")

    def pull_into(self, out):
        cdef cnp.ndarray array = sample_array(out, self.type_num, "pull_into", self.dtype)
        cdef uint64_t count = <uint64_t>cnp.PyArray_SIZE(array)
        if not cnp.PyArray_ISWRITEABLE(array):
            raise ValueError("pull_into: expected a writable array")
        if count == 0 or count > self.capacity:
            count_of(count, 1, self.capacity, "pull_into")
        cdef rta_status status = self.take(cnp.PyArray_DATA(array), count)
        if status == RTA_OK:
            return True
        if status == RTA_EMPTY:
            return False
        fail(status, "pull_into")

    cdef rta_status take(self, void *to, uint64_t count):
        cdef rta_status status
        if count * self.elem_bytes < RELEASE_BYTES:
            return rta_ring_pull(&self.reader, to, count)
        with nogil:
            status = rta_ring_pull(&self.reader, to, count)
        return status

    def peek(self, int64_t count):
        cdef rta_ring_span span
        cdef rta_status status = rta_ring_peek(&self.reader, count_of(count, 1, self.capacity, "peek"), &span)
        if status == RTA_OK:
            return views(&span, self.type_num, self, False)
        if status == RTA_EMPTY:
            return ()
        fail(status, "peek")

    def advance(self, int64_t count):
        cdef rta_status status = rta_ring_advance(&self.reader, count_of(count, 0, self.capacity, "advance"))
        if status == RTA_EMPTY or status == RTA_CLOSED:
            raise ValueError(f"advance: {count} samples are more than the {self.available} available")
        if status != RTA_OK:
            fail(status, "advance")

    @property
    def available(self):
        return rta_ring_available(&self.reader)

    # ---- Any thread

    @property
    def written(self):
        return RTA_LOAD(&self.producer.write)

    @property
    def read(self):
        return RTA_LOAD(&self.consumer.read)

    @property
    def rejected(self):
        return RTA_LOAD(&self.producer.rejected)

    @property
    def dropped(self):
        return RTA_LOAD(&self.producer.dropped)

    @property
    def closed(self):
        return RTA_LOAD(&self.producer.closed) != 0


cdef class History:
    cdef rta_region region
    cdef rta_history_block *block
    cdef rta_history_writer writer
    cdef unsigned char *data
    cdef uint64_t committed
    cdef int type_num
    cdef uint64_t elem_bytes
    cdef readonly uint64_t capacity
    cdef readonly uint64_t guard
    cdef readonly str dtype

    def __cinit__(self, capacity, dtype="float32", guard=None):
        self.capacity = power_of_two(capacity)
        self.type_num, self.elem_bytes = sample_type(dtype)
        self.dtype = str(dtype)
        self.guard = count_of(self.capacity // 8 if guard is None else guard, 0, self.capacity - 1, "guard")
        cdef rta_status status = rta_region_private(&self.region, HEADER_BYTES + self.capacity * self.elem_bytes)
        if status != RTA_OK:
            fail(status, "History")
        self.block = <rta_history_block *>self.region.base
        self.data = <unsigned char *>self.region.base + HEADER_BYTES
        status = rta_history_writer_init(&self.writer, self.block, self.data, self.capacity, self.elem_bytes)
        if status != RTA_OK:
            fail(status, "History")

    def __dealloc__(self):
        rta_region_close(&self.region)

    def write(self, frame):
        cdef cnp.ndarray array = sample_array(frame, self.type_num, "write", self.dtype)
        cdef uint64_t count = <uint64_t>cnp.PyArray_SIZE(array)
        cdef void *data = cnp.PyArray_DATA(array)
        cdef rta_status status
        count_of(count, 1, self.capacity // 2, "write")
        if count * self.elem_bytes < RELEASE_BYTES:
            status = rta_history_write(&self.writer, data, count)
        else:
            with nogil:
                status = rta_history_write(&self.writer, data, count)
        if status != RTA_OK:
            fail(status, "write")

    def reader(self, position=None):
        return HistoryReader(self, self.written if position is None else position)

    def close(self):
        rta_history_close(&self.writer)

    @property
    def commit(self):
        return RTA_LOAD(&self.committed)

    @commit.setter
    def commit(self, position):
        if not self.committed <= position <= self.written:
            raise ValueError(f"commit: expected {self.committed} to {self.written}, got {position}: "
                             "it never falls and never passes what is written")
        RTA_STORE(&self.committed, position)

    @property
    def written(self):
        return RTA_LOAD(&self.block.write)

    @property
    def closed(self):
        return RTA_LOAD(&self.block.closed) != 0


cdef class HistoryReader:
    cdef rta_history_reader handle
    cdef History history

    def __cinit__(self, History history not None, position):
        cdef uint64_t start = position_of(position, "position")
        self.history = history
        cdef rta_status status = rta_history_reader_init(&self.handle, history.block, history.data, history.capacity,
                                                         history.elem_bytes, history.guard, start)
        if status != RTA_OK:
            fail(status, "HistoryReader")

    @property
    def position(self):
        return self.handle.position

    @position.setter
    def position(self, position):
        self.handle.position = position_of(position, "position")

    @property
    def available(self):
        return rta_history_available(&self.handle)

    @property
    def oldest(self):
        return rta_history_oldest(&self.handle)

    @property
    def lost(self):
        return self.handle.lost

    def read(self, count=None):
        cdef uint64_t most = self.history.capacity - self.history.guard
        cdef uint64_t lost = self.handle.lost
        cdef uint64_t wanted
        if count is None:
            wanted = min(rta_history_available(&self.handle), most)
            if wanted == 0 and not self.history.closed:
                return new_array(0, self.history.type_num)
            wanted = wanted or 1
        else:
            wanted = count_of(count, 1, most, "read")
        cdef cnp.ndarray array = new_array(<Py_ssize_t>wanted, self.history.type_num)
        cdef void *to = cnp.PyArray_DATA(array)
        cdef rta_status status
        if wanted * self.history.elem_bytes < RELEASE_BYTES:
            status = rta_history_read(&self.handle, to, wanted)
        else:
            with nogil:
                status = rta_history_read(&self.handle, to, wanted)
        if status == RTA_OK:
            return array
        if status == RTA_EMPTY:
            return new_array(0, self.history.type_num)
        if status == RTA_LOST:
            raise LostSamples(self.handle.lost - lost, self.handle.position)
        fail(status, "read")

    def copy(self, start, int64_t count):
        cdef uint64_t at = position_of(start, "copy")
        cdef uint64_t wanted = count_of(count, 1, self.history.capacity - self.history.guard, "copy")
        cdef cnp.ndarray array = new_array(<Py_ssize_t>wanted, self.history.type_num)
        cdef void *to = cnp.PyArray_DATA(array)
        cdef rta_status status
        if wanted * self.history.elem_bytes < RELEASE_BYTES:
            status = rta_history_copy(&self.handle, at, to, wanted)
        else:
            with nogil:
                status = rta_history_copy(&self.handle, at, to, wanted)
        if status == RTA_OK:
            return array
        self.refuse(status, at, self.oldest, "copy")

    def view(self, start, int64_t count):
        cdef uint64_t at = position_of(start, "view")
        cdef rta_ring_span span
        cdef uint64_t commit = self.history.commit
        cdef uint64_t wanted = count_of(count, 1, self.history.capacity - self.history.guard, "view")
        cdef rta_status status = rta_history_view(&self.handle, commit, at, wanted, &span)
        if status == RTA_OK:
            return views(&span, self.history.type_num, self.history, False)
        self.refuse(status, at, max(commit, self.oldest), "view")

    def valid(self, start):
        return rta_history_valid(&self.handle, position_of(start, "valid"))

    cdef object refuse(self, rta_status status, uint64_t start, object oldest, str what):
        if status == RTA_LOST:
            raise LostSamples(max(0, oldest - start), oldest)
        if status == RTA_EMPTY:
            raise ValueError(f"{what}: not yet written up to there; written: {self.history.written}")
        fail(status, what)


def measure_ring_ns(uint64_t frames=100000):
    cdef rta_ring_measurement result
    cdef rta_status status
    with nogil:
        status = rta_ring_measure(&result, frames, 480, 64)
    if status == RTA_INVALID:
        raise ValueError(f"frames: expected at least 32, got {frames}")
    if status != RTA_OK:
        fail(status, "measure_ring_ns")
    return {
        "ring_ns_per_10ms_frame": result.ring_ns,
        "ring_median_ns": result.ring_median_ns,
        "one_thread_ns": result.one_thread_ns,
        "handover_ns": result.handover_ns,
        "memcpy_ns": result.memcpy_ns,
        "mismatches": result.mismatches,
        "processors": result.processors,
    }
