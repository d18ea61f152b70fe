# SPDX-License-Identifier: Apache-2.0
#
# _resample.pyx: csrc/resample.h for Python. Arguments are checked here; all arithmetic is in the core.

cimport numpy as cnp
from libc.stdint cimport int16_t, uint32_t, uint64_t

cnp.import_array()
include "arrays.pxi"

cdef extern from "base.h":
    ctypedef enum rta_status:
        RTA_OK
        RTA_CLOSED
        RTA_NOMEM

cdef extern from "dsp.h" nogil:
    uint64_t rta_first_nonfinite(const float *data, uint64_t count)

cdef extern from "resample.h" nogil:
    ctypedef struct rta_resampler
    ctypedef enum rta_simd:
        RTA_SIMD_SCALAR
        RTA_SIMD_AVX2
        RTA_SIMD_AVX512
        RTA_SIMD_NEON
    rta_status rta_resampler_create(rta_resampler **r, uint32_t from_rate, uint32_t to_rate)
    void rta_resampler_destroy(rta_resampler *r)
    uint32_t rta_resampler_delay(const rta_resampler *r)
    uint64_t rta_resampler_out_count(const rta_resampler *r, uint64_t in_count)
    rta_status rta_resampler_process(rta_resampler *r, const float *data, uint64_t in_count, float *out,
                                     uint64_t *out_count)
    rta_status rta_resampler_flush(rta_resampler *r, float *out, uint64_t *out_count)
    rta_status rta_resampler_process_i16(rta_resampler *r, const int16_t *data, uint64_t in_count, int16_t *out,
                                         uint64_t *out_count)
    rta_status rta_resampler_flush_i16(rta_resampler *r, int16_t *out, uint64_t *out_count)
    void rta_resampler_reset(rta_resampler *r)
    rta_simd rta_resampler_simd()
    rta_status rta_resampler_set_simd(rta_simd simd)

FROM_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
TO_RATES = (8000, 16000, 24000, 48000)

_SIMD = {"scalar": RTA_SIMD_SCALAR, "avx2": RTA_SIMD_AVX2, "avx512": RTA_SIMD_AVX512, "neon": RTA_SIMD_NEON}


def simd():
    """The instruction set that new resamplers use."""
    return {number: name for name, number in _SIMD.items()}[rta_resampler_simd()]


def set_simd(str name):
    """Makes new resamplers use one instruction set, for tests."""
    if name not in _SIMD:
        raise ValueError(f"no instruction set {name!r}; one of {', '.join(_SIMD)}")
    if rta_resampler_set_simd(_SIMD[name]) != RTA_OK:
        raise ValueError(f"this CPU has no {name}")


cdef class FirResampler:
    """One mono stream through the polyphase filter."""

    cdef rta_resampler *resampler
    cdef int dtype
    cdef bint busy
    cdef readonly int from_rate
    cdef readonly int to_rate
    cdef readonly int delay_samples

    def __cinit__(self, from_rate, to_rate, str dtype="float32"):
        if from_rate not in FROM_RATES or to_rate not in TO_RATES:
            raise ValueError(f"no filter from {from_rate} to {to_rate} Hz; from any of {', '.join(map(str, FROM_RATES))} "
                             f"to any of {', '.join(map(str, TO_RATES))} (others: quality='vhq')")
        if dtype not in ("float32", "int16"):
            raise ValueError(f"dtype {dtype!r}: expected 'float32' or 'int16'")
        self.dtype = cnp.NPY_FLOAT32 if dtype == "float32" else cnp.NPY_INT16
        self.from_rate = from_rate
        self.to_rate = to_rate
        if rta_resampler_create(&self.resampler, from_rate, to_rate) != RTA_OK:
            raise MemoryError("resampler: no memory for the filter")
        self.delay_samples = rta_resampler_delay(self.resampler)

    def __dealloc__(self):
        rta_resampler_destroy(self.resampler)

    cdef int enter(self) except -1:
        if self.busy:
            raise RuntimeError("resampler: used from two threads at once; one stream belongs to one thread")
        self.busy = True
        return 0

    cdef int leave(self, rta_status status) except -1:
        self.busy = False
        if status == RTA_CLOSED:
            raise ValueError("resampler: the stream was flushed; reset() begins a new one")
        return 0

    def process(self, x):
        """Takes a chunk; gives all outputs that can be computed."""
        cdef bint is_float = self.dtype == cnp.NPY_FLOAT32
        cdef cnp.ndarray chunk = sample_array(x, self.dtype, "resampler input", "float32" if is_float else "int16")
        cdef uint64_t count = <uint64_t>cnp.PyArray_SIZE(chunk), bad = count, given = 0
        cdef void *data = cnp.PyArray_DATA(chunk)
        cdef cnp.ndarray out
        cdef void *to
        cdef rta_status status = RTA_OK
        self.enter()
        try:
            out = new_array(<Py_ssize_t>rta_resampler_out_count(self.resampler, count), self.dtype)
        except BaseException:
            self.busy = False
            raise
        to = cnp.PyArray_DATA(out)
        with nogil:
            if is_float:
                bad = rta_first_nonfinite(<const float *>data, count)
                if bad == count:
                    status = rta_resampler_process(self.resampler, <const float *>data, count, <float *>to, &given)
            else:
                status = rta_resampler_process_i16(self.resampler, <const int16_t *>data, count, <int16_t *>to, &given)
        self.leave(status)
        if bad != count:
            raise ValueError(f"resampler input: sample {bad} is {chunk[bad]}, not finite; nothing was taken")
        return out

    def flush(self):
        """Ends the stream: the last `delay_samples` outputs."""
        cdef uint64_t given = 0
        cdef cnp.ndarray out = new_array(self.delay_samples, self.dtype)
        cdef void *to = cnp.PyArray_DATA(out)
        cdef rta_status status
        self.enter()
        with nogil:
            if self.dtype == cnp.NPY_FLOAT32:
                status = rta_resampler_flush(self.resampler, <float *>to, &given)
            else:
                status = rta_resampler_flush_i16(self.resampler, <int16_t *>to, &given)
        self.leave(status)
        return out

    def reset(self):
        """Begins a new stream."""
        self.enter()
        rta_resampler_reset(self.resampler)
        self.leave(RTA_OK)
