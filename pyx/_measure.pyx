# SPDX-License-Identifier: Apache-2.0
"""Costs of the core measured in C, without Python around each call: for ``rtaudio-bench``. See csrc/playout_measure.h."""

from libc.stdint cimport uint32_t, uint64_t


cdef extern from "base.h":
    ctypedef enum rta_status:
        RTA_OK
        RTA_INVALID
    const char *rta_status_name(rta_status status)


cdef extern from "playout_measure.h":
    ctypedef struct rta_playout_measurement:
        double pull_ns
        double pull_median_ns
        double memcpy_ns
        uint64_t mismatches
    rta_status rta_playout_measure(rta_playout_measurement *result, uint32_t rate, uint64_t frame_samples,
                                   uint64_t frames) nogil


def measure_pull(*, uint32_t rate=48000, uint64_t frame_samples=480, uint64_t frames=10000):
    cdef rta_playout_measurement result
    cdef rta_status status
    with nogil:
        status = rta_playout_measure(&result, rate, frame_samples, frames)
    if status == RTA_INVALID:
        raise ValueError(
            f"cannot measure {frames} frames of {frame_samples} samples at {rate} Hz: "
            "frames of at most half a second, 1 to 256 seconds in all"
        )
    if status != RTA_OK:
        raise RuntimeError(f"measuring failed: {rta_status_name(status).decode()}")
    return {
        "pull_ns": result.pull_ns,
        "pull_median_ns": result.pull_median_ns,
        "memcpy_ns": result.memcpy_ns,
        "mismatches": result.mismatches,
    }
