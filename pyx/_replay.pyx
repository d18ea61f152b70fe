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
    ctypedef enum rta_remote:
        RTA_REMOTE_PLAYS
        RTA_REMOTE_DUCKS
    ctypedef struct rta_remote_report:
        uint64_t played
        uint64_t clear

cdef extern from "playout_replay.h" nogil:
    ctypedef struct rta_playout_replay
    rta_status rta_playout_replay_create(rta_playout_replay **replay, const rta_playout_config *config)
    void rta_playout_replay_destroy(rta_playout_replay *replay)
    rta_status rta_playout_replay_op(rta_playout_replay *replay, const rta_op *op, const float *samples)
    rta_status rta_playout_replay_background(rta_playout_replay *replay, const float *samples, uint64_t count)
    rta_status rta_playout_replay_pull(rta_playout_replay *replay, const rta_playout_inputs *inputs, float *out,
                                       uint64_t count, int64_t device_ns, int64_t bound_ns, uint64_t mic)
    rta_status rta_playout_replay_pull_ahead(rta_playout_replay *replay, const rta_playout_inputs *inputs,
                                             rta_remote remote, float *out, uint64_t room, uint64_t due, uint64_t lead,
                                             int64_t device_ns, int64_t bound_ns, uint64_t mic, uint64_t *count)
    rta_status rta_playout_replay_report(rta_playout_replay *replay, const rta_remote_report *report)
    bint rta_playout_replay_event(rta_playout_replay *replay, rta_event *event)

cdef struct pull_head:  # the first part of RTA_J_PULL
    uint64_t count
    int64_t device_ns
    int64_t bound_ns
    uint64_t mic

cdef struct pull_ahead_head:  # of RTA_J_PULL_AHEAD
    uint64_t due
    int64_t device_ns
    int64_t bound_ns
    uint64_t mic
    uint64_t remote
    uint64_t lead
    uint64_t room


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
    def ops_of(bytes payload, str kind):
        """How many ops had been taken by a record: "pull", "pull_ahead" or "settle"."""
        cdef rta_playout_inputs inputs
        cdef size_t at = sizeof(pull_head)
        if kind == "settle":
            at = sizeof(uint64_t)
        elif kind == "pull_ahead":
            at = sizeof(pull_ahead_head)
        if len(payload) != <Py_ssize_t>(at + sizeof(rta_playout_inputs)):
            raise ValueError(f"a pull of {len(payload)} bytes is not of this version")
        memcpy(&inputs, <const unsigned char *>payload + at, sizeof(inputs))
        return inputs.ops

    def pull(self, bytes payload):
        """A PULL record's payload: gives what was put out."""
        cdef pull_head head
        cdef rta_playout_inputs inputs
        self.ops_of(payload, "pull")
        memcpy(&head, <const unsigned char *>payload, sizeof(head))
        memcpy(&inputs, <const unsigned char *>payload + sizeof(head), sizeof(inputs))
        if not 0 < head.count <= 65536:
            raise ValueError(f"a pull of {head.count} samples cannot have been")
        cdef np.ndarray out = np.empty(head.count, dtype=np.float32)
        rta_playout_replay_pull(self.replay, &inputs, <float *>np.PyArray_DATA(out), head.count, head.device_ns,
                                head.bound_ns, head.mic)
        return out

    def pull_ahead(self, bytes payload):
        """A PULL_AHEAD record's payload: gives what was put out."""
        cdef pull_ahead_head head
        cdef rta_playout_inputs inputs
        cdef uint64_t count = 0
        self.ops_of(payload, "pull_ahead")
        memcpy(&head, <const unsigned char *>payload, sizeof(head))
        memcpy(&inputs, <const unsigned char *>payload + sizeof(head), sizeof(inputs))
        if not (RTA_REMOTE_PLAYS <= head.remote <= RTA_REMOTE_DUCKS and head.due <= head.room <= 65536):
            raise ValueError(f"a pull of {head.due} samples due, with room for {head.room}, cannot have been")
        cdef np.ndarray out = np.empty(head.room, dtype=np.float32)
        rta_playout_replay_pull_ahead(self.replay, &inputs, <rta_remote>head.remote, <float *>np.PyArray_DATA(out),
                                      head.room, head.due, head.lead, head.device_ns, head.bound_ns, head.mic, &count)
        return out[:count]

    def report(self, bytes payload):
        """A REMOTE_REPORT record's payload."""
        cdef rta_remote_report report
        if len(payload) != <Py_ssize_t>sizeof(report):
            raise ValueError(f"a report of {len(payload)} bytes is not of this version")
        memcpy(&report, <const unsigned char *>payload, sizeof(report))
        if rta_playout_replay_report(self.replay, &report) != RTA_OK:
            raise ValueError("a report that cannot have been taken: the journal has been altered")

    def settle(self, bytes payload):
        """A SETTLE record's payload."""
        cdef rta_playout_inputs inputs
        cdef uint64_t mic = 0
        self.ops_of(payload, "settle")
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
