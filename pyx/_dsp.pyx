# SPDX-License-Identifier: Apache-2.0
#
# _dsp.pyx: csrc/dsp.h, csrc/g711.h and csrc/framer.h for Python. Arguments are checked here; all arithmetic is in the
# core.

cimport numpy as cnp
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.math cimport isfinite
from libc.stdint cimport int16_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

cnp.import_array()
include "arrays.pxi"

cdef extern from "base.h":
    ctypedef enum rta_status:
        RTA_OK
        RTA_NOMEM

cdef extern from "dsp.h" nogil:
    void rta_f32_from_i16(const int16_t *data, float *out, uint64_t count)
    void rta_i16_from_f32(const float *data, int16_t *out, uint64_t count)
    uint64_t rta_first_nonfinite(const float *data, uint64_t count)
    void rta_gain_f32(const float *data, float *out, uint64_t count, float gain)
    void rta_gain_i16(const int16_t *data, int16_t *out, uint64_t count, float gain)
    ctypedef struct rta_ramp:
        uint64_t length
        uint64_t position
    void rta_ramp_init(rta_ramp *ramp, float gain)
    void rta_ramp_to(rta_ramp *ramp, float gain, uint64_t length)
    float rta_ramp_gain(const rta_ramp *ramp)
    void rta_ramp_apply(rta_ramp *ramp, const float *data, float *out, uint64_t count)
    void rta_ramp_mix(rta_ramp *ramp, const float *data, float *io, uint64_t count)
    ctypedef struct rta_meter:
        uint64_t count
        float peak
    void rta_meter_reset(rta_meter *meter)
    void rta_meter_push_f32(rta_meter *meter, const float *data, uint64_t count)
    void rta_meter_push_i16(rta_meter *meter, const int16_t *data, uint64_t count)
    double rta_meter_rms(const rta_meter *meter)
    double rta_dbfs(double amplitude)

cdef extern from "g711.h" nogil:
    void rta_ulaw_encode(const int16_t *data, uint8_t *out, uint64_t count)
    void rta_ulaw_decode(const uint8_t *data, int16_t *out, uint64_t count)
    void rta_alaw_encode(const int16_t *data, uint8_t *out, uint64_t count)
    void rta_alaw_decode(const uint8_t *data, int16_t *out, uint64_t count)

cdef extern from "framer.h" nogil:
    ctypedef struct rta_framer
    rta_status rta_framer_create(rta_framer **framer, uint32_t frame, uint32_t hop, uint32_t elem_bytes)
    void rta_framer_destroy(rta_framer *framer)
    uint64_t rta_framer_push(rta_framer *framer, const void *data, uint64_t count)
    const void *rta_framer_frame(const rta_framer *framer, uint64_t *position)
    uint64_t rta_framer_position(const rta_framer *framer)
    uint64_t rta_framer_pending(const rta_framer *framer)
    uint64_t rta_framer_frames_for(const rta_framer *framer, uint64_t count)
    void rta_framer_reset(rta_framer *framer, uint64_t start)


cdef cnp.ndarray floats(object x, str what):
    """x as mono float32, all finite."""
    cdef cnp.ndarray array = sample_array(x, cnp.NPY_FLOAT32, what, "float32")
    cdef uint64_t count = <uint64_t>cnp.PyArray_SIZE(array)
    cdef uint64_t bad = rta_first_nonfinite(<const float *>cnp.PyArray_DATA(array), count)
    if bad != count:
        raise ValueError(f"{what}: sample {bad} is {array[bad]}, not finite")
    return array


cdef cnp.ndarray either(object x, str what):
    """x as mono int16, or float32, all finite."""
    if isinstance(x, cnp.ndarray):
        if cnp.PyArray_TYPE(<cnp.ndarray>x) == cnp.NPY_INT16:
            return sample_array(x, cnp.NPY_INT16, what, "int16")
        if cnp.PyArray_TYPE(<cnp.ndarray>x) == cnp.NPY_FLOAT32:
            return floats(x, what)
    refuse_array(x, what, "float32 or int16")


cdef float finite_gain(object gain) except? -1.0:
    cdef float value = gain
    if not isfinite(value):
        raise ValueError(f"gain {gain!r}: expected a finite number")
    return value


def to_float32(x):
    """int16 samples, or the bytes of little-endian int16 PCM, as float32 in -1 .. 1."""
    cdef cnp.ndarray array = sample_array(x if isinstance(x, cnp.ndarray) else from_pcm16(x), cnp.NPY_INT16,
                                          "to_float32", "int16")
    cdef uint64_t count = <uint64_t>cnp.PyArray_SIZE(array)
    cdef cnp.ndarray out = new_array(<Py_ssize_t>count, cnp.NPY_FLOAT32)
    with nogil:
        rta_f32_from_i16(<const int16_t *>cnp.PyArray_DATA(array), <float *>cnp.PyArray_DATA(out), count)
    return out


def from_pcm16(data):
    """The bytes of little-endian int16 PCM as an int16 array (a copy)."""
    cdef Py_buffer view
    cdef cnp.ndarray out
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        if view.len % 2 != 0:
            raise ValueError(f"int16 PCM: {view.len} bytes are not a whole number of samples; "
                             f"keep the odd byte for the next chunk")
        out = new_array(view.len // 2, cnp.NPY_INT16)
        memcpy(cnp.PyArray_DATA(out), view.buf, <size_t>view.len)
    finally:
        PyBuffer_Release(&view)
    return out


def to_int16(x):
    """float32 samples as int16: nearest, halves to even, saturated; NaN gives 0."""
    cdef cnp.ndarray array = sample_array(x, cnp.NPY_FLOAT32, "to_int16", "float32")
    cdef uint64_t count = <uint64_t>cnp.PyArray_SIZE(array)
    cdef cnp.ndarray out = new_array(<Py_ssize_t>count, cnp.NPY_INT16)
    with nogil:
        rta_i16_from_f32(<const float *>cnp.PyArray_DATA(array), <int16_t *>cnp.PyArray_DATA(out), count)
    return out


def gain(x, gain):
    """x times gain; int16 rounds and saturates."""
    cdef cnp.ndarray array = either(x, "gain")
    cdef float factor = finite_gain(gain)
    cdef int dtype = cnp.PyArray_TYPE(array)
    cdef uint64_t count = <uint64_t>cnp.PyArray_SIZE(array)
    cdef cnp.ndarray out = new_array(<Py_ssize_t>count, dtype)
    cdef const void *source = cnp.PyArray_DATA(array)
    cdef void *to = cnp.PyArray_DATA(out)
    with nogil:
        if dtype == cnp.NPY_FLOAT32:
            rta_gain_f32(<const float *>source, <float *>to, count, factor)
        else:
            rta_gain_i16(<const int16_t *>source, <int16_t *>to, count, factor)
    return out


def dbfs(double amplitude):
    """20 log10(amplitude); -inf for 0."""
    if not amplitude >= 0.0:
        raise ValueError(f"amplitude {amplitude!r}: expected 0 or more")
    return rta_dbfs(amplitude)


cdef class Ramp:
    """A gain that moves in a straight line, over a stream."""

    cdef rta_ramp ramp

    def __cinit__(self, gain=1.0):
        rta_ramp_init(&self.ramp, finite_gain(gain))

    @property
    def gain(self):
        """Of the next sample."""
        return rta_ramp_gain(&self.ramp)

    @property
    def moving(self):
        """Whether the goal is still ahead."""
        return self.ramp.position < self.ramp.length

    def to(self, gain, length_samples):
        """Sets out from the present gain to another."""
        cdef float goal = finite_gain(gain)
        if length_samples < 0 or length_samples >= 1 << 53:
            raise ValueError(f"length_samples={length_samples}: expected 0 or more")
        rta_ramp_to(&self.ramp, goal, length_samples)

    def apply(self, x):
        """x times the moving gain."""
        cdef cnp.ndarray array = floats(x, "ramp input")
        cdef uint64_t count = <uint64_t>cnp.PyArray_SIZE(array)
        cdef cnp.ndarray out = new_array(<Py_ssize_t>count, cnp.NPY_FLOAT32)
        rta_ramp_apply(&self.ramp, <const float *>cnp.PyArray_DATA(array), <float *>cnp.PyArray_DATA(out), count)
        return out

    def mix(self, speech, background):
        """speech + background times the moving gain."""
        cdef cnp.ndarray over = floats(speech, "speech"), under = floats(background, "background")
        cdef uint64_t count = <uint64_t>cnp.PyArray_SIZE(over)
        if <uint64_t>cnp.PyArray_SIZE(under) != count:
            raise ValueError(f"speech has {count} samples, background {cnp.PyArray_SIZE(under)}; expected as many")
        cdef cnp.ndarray out = new_array(<Py_ssize_t>count, cnp.NPY_FLOAT32)
        memcpy(cnp.PyArray_DATA(out), cnp.PyArray_DATA(over), count * sizeof(float))
        rta_ramp_mix(&self.ramp, <const float *>cnp.PyArray_DATA(under), <float *>cnp.PyArray_DATA(out), count)
        return out


cdef class Meter:
    """Level of a stream."""

    cdef rta_meter meter

    def __cinit__(self):
        rta_meter_reset(&self.meter)

    def push(self, x):
        """Takes a chunk into account."""
        cdef cnp.ndarray array = either(x, "meter input")
        cdef uint64_t count = <uint64_t>cnp.PyArray_SIZE(array)
        if cnp.PyArray_TYPE(array) == cnp.NPY_FLOAT32:
            rta_meter_push_f32(&self.meter, <const float *>cnp.PyArray_DATA(array), count)
        else:
            rta_meter_push_i16(&self.meter, <const int16_t *>cnp.PyArray_DATA(array), count)

    def reset(self):
        """Forgets all."""
        rta_meter_reset(&self.meter)

    @property
    def samples(self):
        return self.meter.count

    @property
    def rms(self):
        return rta_meter_rms(&self.meter)

    @property
    def peak(self):
        return self.meter.peak

    @property
    def rms_dbfs(self):
        return rta_dbfs(rta_meter_rms(&self.meter))

    @property
    def peak_dbfs(self):
        return rta_dbfs(self.meter.peak)


ctypedef void (*encoder)(const int16_t *, uint8_t *, uint64_t) noexcept nogil
ctypedef void (*decoder)(const uint8_t *, int16_t *, uint64_t) noexcept nogil


cdef object encode(encoder law, object x, str what):
    cdef cnp.ndarray array = sample_array(x, cnp.NPY_INT16, what, "int16")
    cdef uint64_t count = <uint64_t>cnp.PyArray_SIZE(array)
    cdef cnp.ndarray out = new_array(<Py_ssize_t>count, cnp.NPY_UINT8)
    with nogil:
        law(<const int16_t *>cnp.PyArray_DATA(array), <uint8_t *>cnp.PyArray_DATA(out), count)
    return out


cdef object decode(decoder law, object octets, str what):
    cdef Py_buffer view
    cdef cnp.ndarray out
    if isinstance(octets, cnp.ndarray):
        sample_array(octets, cnp.NPY_UINT8, what, "uint8")
    PyObject_GetBuffer(octets, &view, PyBUF_SIMPLE)
    try:
        out = new_array(view.len, cnp.NPY_INT16)
        with nogil:
            law(<const uint8_t *>view.buf, <int16_t *>cnp.PyArray_DATA(out), <uint64_t>view.len)
    finally:
        PyBuffer_Release(&view)
    return out


def ulaw_encode(x):
    """int16 to mu-law octets."""
    return encode(rta_ulaw_encode, x, "ulaw_encode")


def ulaw_decode(octets):
    """mu-law octets to int16."""
    return decode(rta_ulaw_decode, octets, "ulaw_decode")


def alaw_encode(x):
    """int16 to A-law octets."""
    return encode(rta_alaw_encode, x, "alaw_encode")


def alaw_decode(octets):
    """A-law octets to int16."""
    return decode(rta_alaw_decode, octets, "alaw_decode")


cdef class Framer:
    """Re-blocks a stream into frames."""

    cdef rta_framer *framer
    cdef int dtype
    cdef readonly int frame_samples
    cdef readonly int hop_samples

    def __cinit__(self, frame_samples, hop_samples=None, str dtype="float32"):
        hop = frame_samples if hop_samples is None else hop_samples
        if dtype not in ("float32", "int16"):
            raise ValueError(f"dtype {dtype!r}: expected 'float32' or 'int16'")
        if not 1 <= frame_samples <= 1 << 24 or not 1 <= hop <= 1 << 24:
            raise ValueError(f"frame_samples={frame_samples}, hop_samples={hop}: expected 1 .. {1 << 24}")
        self.dtype = cnp.NPY_FLOAT32 if dtype == "float32" else cnp.NPY_INT16
        self.frame_samples = frame_samples
        self.hop_samples = hop
        if rta_framer_create(&self.framer, frame_samples, hop, 4 if dtype == "float32" else 2) != RTA_OK:
            raise MemoryError("framer: no memory")

    def __dealloc__(self):
        rta_framer_destroy(self.framer)

    @property
    def position(self):
        """Of the first sample of the next frame."""
        return rta_framer_position(self.framer)

    @property
    def pending_samples(self):
        """Samples of the next frame that are there."""
        return rta_framer_pending(self.framer)

    def push(self, x):
        """Takes a chunk; gives the frames it completes, [frames, frame_samples]."""
        cdef cnp.ndarray array = sample_array(x, self.dtype, "framer input",
                                              "float32" if self.dtype == cnp.NPY_FLOAT32 else "int16")
        cdef uint64_t count = <uint64_t>cnp.PyArray_SIZE(array), taken
        cdef cnp.npy_intp shape[2]
        shape[0] = <cnp.npy_intp>rta_framer_frames_for(self.framer, count)
        shape[1] = self.frame_samples
        cdef cnp.ndarray out = cnp.PyArray_SimpleNew(2, shape, self.dtype)
        cdef size_t width = cnp.PyArray_ITEMSIZE(array)
        cdef size_t frame_bytes = <size_t>self.frame_samples * width
        cdef const char *source = <const char *>cnp.PyArray_DATA(array)
        cdef char *to = <char *>cnp.PyArray_DATA(out)
        cdef const void *frame
        while count > 0:
            taken = rta_framer_push(self.framer, source, count)
            source += taken * width
            count -= taken
            frame = rta_framer_frame(self.framer, NULL)
            if frame != NULL:
                memcpy(to, frame, frame_bytes)
                to += frame_bytes
        return out

    def reset(self, position=0):
        """Forgets all; the next sample has the position given."""
        if position < 0 or position >= 1 << 63:
            raise ValueError(f"position={position}: expected 0 or more")
        rta_framer_reset(self.framer, position)
