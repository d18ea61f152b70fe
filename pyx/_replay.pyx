"""A playout run again from its journal. Contract: csrc/playout_replay.h; records: csrc/journal.h."""

cimport numpy as np
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

import numpy as np

from rtaudio.core._port import Event

np.import_array()

include "event.pxi"

cdef extern from "base.h" nogil:
    ctypedef enum rta_status:
        RTA_OK
        RTA_FULL
        RTA_INVALID
        RTA_NOMEM

cdef extern from "playout.h" nogil:
    enum:
        RTA_OP_WRITE
    ctypedef struct rta_playout_config:
        uint32_t rate
        uint64_t queue_samples
        uint64_t history_samples
        uint64_t background_samples
    ctypedef struct rta_op:
        uint64_t segment
        uint64_t a
        uint64_t b
        uint32_t kind
    ctypedef struct rta_playout_inputs:
        uint64_t ops

cdef extern from "playout_replay.h" nogil:
    ctypedef struct rta_playout_replay
    rta_status rta_playout_replay_create(rta_playout_replay **replay, const rta_playout_config *config)
    void rta_playout_replay_destroy(rta_playout_replay *replay)
    rta_status rta_playout_replay_op(rta_playout_replay *replay, const rta_op *op, const float *samples)
    rta_status rta_playout_replay_background(rta_playout_replay *replay, const float *samples, uint64_t count)
    rta_status rta_playout_replay_pull(rta_playout_replay *replay, const rta_playout_inputs *inputs, float *out,
                                       uint64_t count, int64_t device_ns, int64_t bound_ns, uint64_t mic)
    bint rta_playout_replay_event(rta_playout_replay *replay, rta_event *event)

cdef struct pull_head:  # the first part of RTA_J_PULL
    uint64_t count
    int64_t device_ns
    int64_t bound_ns
    uint64_t mic


cdef class PlayoutReplay:
    """The consumer of a playout, driven by journal records. One thread."""

    cdef rta_playout_replay *replay
    cdef readonly uint64_t ops

    def __init__(self, *, rate, queue_samples, history_samples, background_samples):
        cdef rta_playout_config config
        memset(&config, 0, sizeof(config))
        config.rate = rate
        config.queue_samples = queue_samples
        config.history_samples = history_samples
        config.background_samples = background_samples
        if self.replay != NULL:
            raise RuntimeError("this replay has begun already; make a new one")
        if rta_playout_replay_create(&self.replay, &config) != RTA_OK:
            raise ValueError(f"no playout can have been like this: {rate} Hz, {queue_samples} samples of queue")

    def __dealloc__(self):
        if self.replay != NULL:
            rta_playout_replay_destroy(self.replay)

    def op(self, bytes payload):
        """The next OP record's payload."""
        cdef rta_op op
        cdef size_t length = len(payload)
        cdef const unsigned char *data = payload
        cdef const float *samples = NULL
        cdef rta_status status
        if length < sizeof(rta_op):
            raise ValueError(f"an op of {length} bytes is cut short")
        memcpy(&op, data, sizeof(rta_op))
        if op.kind == RTA_OP_WRITE:
            if op.a > (1 << 32) or length != sizeof(rta_op) + op.a * sizeof(float):
                raise ValueError(f"an op that writes {op.a} samples comes with {length - sizeof(rta_op)} bytes")
            samples = <const float *>(data + sizeof(rta_op))
        status = rta_playout_replay_op(self.replay, &op, samples)
        if status != RTA_OK:
            raise ValueError(f"op {self.ops + 1} does not fit where the journal puts it: the journal has been altered")
        self.ops += 1

    def background(self, bytes payload):
        """A BACKGROUND record's payload."""
        cdef const unsigned char *data = payload
        if rta_playout_replay_background(self.replay, <const float *>data, len(payload) // sizeof(float)) != RTA_OK:
            raise ValueError("more background sound than this playout had room for")

    @staticmethod
    def ops_of(bytes payload, bint settles):
        """How many ops had been taken by a PULL or SETTLE record."""
        cdef rta_playout_inputs inputs
        cdef size_t at = sizeof(uint64_t) if settles else sizeof(pull_head)
        if len(payload) != <Py_ssize_t>(at + sizeof(rta_playout_inputs)):
            raise ValueError(f"a pull of {len(payload)} bytes is not of this version")
        memcpy(&inputs, <const unsigned char *>payload + at, sizeof(inputs))
        return inputs.ops

    def pull(self, bytes payload):
        """A PULL record's payload: gives what was put out."""
        cdef pull_head head
        cdef rta_playout_inputs inputs
        self.ops_of(payload, False)
        memcpy(&head, <const unsigned char *>payload, sizeof(head))
        memcpy(&inputs, <const unsigned char *>payload + sizeof(head), sizeof(inputs))
        if not 0 < head.count <= 65536:
            raise ValueError(f"a pull of {head.count} samples cannot have been")
        cdef np.ndarray out = np.empty(head.count, dtype=np.float32)
        rta_playout_replay_pull(self.replay, &inputs, <float *>np.PyArray_DATA(out), head.count, head.device_ns,
                                head.bound_ns, head.mic)
        return out

    def settle(self, bytes payload):
        """A SETTLE record's payload."""
        cdef rta_playout_inputs inputs
        cdef uint64_t mic = 0
        self.ops_of(payload, True)
        memcpy(&mic, <const unsigned char *>payload, sizeof(mic))
        memcpy(&inputs, <const unsigned char *>payload + sizeof(mic), sizeof(inputs))
        rta_playout_replay_pull(self.replay, &inputs, NULL, 0, 0, 0, mic)

    def events(self):
        """Events since the last call."""
        cdef rta_event event
        cdef list out = []
        while rta_playout_replay_event(self.replay, &event):
            out.append(event_to_tuple(&event, Event))
        return out
