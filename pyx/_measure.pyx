# SPDX-License-Identifier: Apache-2.0
"""Costs of the core measured in C, without Python around each call: for ``rtaudio-bench``. See csrc/port_measure.h."""

cimport numpy as cnp

from libc.stdint cimport int64_t, uint32_t, uint64_t

import numpy as np

cnp.import_array()


include "capsule.pxi"

cdef extern from "base.h":
    ctypedef enum rta_status:
        RTA_OK
        RTA_INVALID
    const char *rta_status_name(rta_status status)


cdef extern from "port.h":
    ctypedef struct rta_port_engine:
        pass
    ctypedef struct rta_playout_consumer:
        pass
    ctypedef struct rta_playout_controls:
        pass
    rta_playout_consumer *rta_port_consumer(rta_port_engine *port) nogil
    rta_playout_controls *rta_port_engine_controls(rta_port_engine *port) nogil


cdef extern from "port_measure.h":
    ctypedef struct rta_port_measurement:
        double pull_ns
        double pull_median_ns
        double memcpy_ns
        uint64_t mismatches
    rta_status rta_port_measure(rta_port_measurement *result, uint32_t rate, uint64_t frame_samples,
                                   uint64_t frames) nogil
    rta_status rta_playout_flush_race(rta_playout_consumer *consumer, rta_playout_controls *controls, float *out,
                                      uint64_t pulls, uint64_t frame_samples, int64_t delay_ns,
                                      uint64_t *returned_at) nogil


def measure_pull(*, uint32_t rate=48000, uint64_t frame_samples=480, uint64_t frames=10000):
    cdef rta_port_measurement result
    cdef rta_status status
    with nogil:
        status = rta_port_measure(&result, rate, frame_samples, frames)
    if status == RTA_INVALID:
        raise ValueError(
            f"cannot measure {frames} frames of {frame_samples} samples at {rate} Hz: "
            "frames of at most half a second, 1 to 256 seconds in all"
        )
    _check(status)
    return {
        "pull_ns": result.pull_ns,
        "pull_median_ns": result.pull_median_ns,
        "memcpy_ns": result.memcpy_ns,
        "mismatches": result.mismatches,
    }


def flush_race(port, cnp.ndarray out not None, uint64_t frame_samples, int64_t delay_ns):
    if out.dtype.type is not np.float32 or out.ndim != 1 or not out.flags.c_contiguous or not out.flags.writeable:
        raise TypeError("out must be a writable contiguous float32 array of shape (n,)")
    if frame_samples == 0 or out.shape[0] == 0 or out.shape[0] % frame_samples:
        raise ValueError(f"out must hold a whole number of frames of {frame_samples} samples, not {out.shape[0]} samples")
    cdef float *data = <float *>cnp.PyArray_DATA(out)
    port.playout.attach()
    cdef rta_port_engine *engine
    cdef rta_status status
    cdef uint64_t returned_at = 0
    cdef uint64_t pulls = out.shape[0] // frame_samples
    try:
        capsule = port._engine_capsule
        engine = <rta_port_engine *>port_handle(capsule)
        with nogil:
            status = rta_playout_flush_race(rta_port_consumer(engine), rta_port_engine_controls(engine), data, pulls,
                                            frame_samples, delay_ns, &returned_at)
    finally:
        port.playout.detach()
    _check(status)
    return returned_at


cdef _check(rta_status status):
    if status != RTA_OK:
        raise RuntimeError(f"measuring failed: {rta_status_name(status).decode()}")
