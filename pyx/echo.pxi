# SPDX-License-Identifier: Apache-2.0
#
# echo.pxi: the echo guard for those who drive it by themselves, and the capsule of a stage; part of _engine.pyx.

cdef enum:
    ECHO_PIECE = 4096  # samples that one call of the core takes


cdef const rta_stage *stage_of(object stage, object capsule) except? NULL:
    """The table in the capsule of a stage, which must be kept as long; NULL for None."""
    cdef const rta_stage *table
    if stage is None:
        return NULL
    if not PyCapsule_IsValid(capsule, "rtaudio.stage"):
        raise TypeError(f"stage: {type(stage).__name__} has no `stage`, a capsule \"rtaudio.stage\" (csrc/stage.h)")
    table = <const rta_stage *>PyCapsule_GetPointer(capsule, "rtaudio.stage")
    if table.rate != RTA_MIC_RATE:
        raise ValueError(f"stage: works at {table.rate} Hz; a line hears at {RTA_MIC_RATE} Hz")
    if not 1 <= table.frame_samples <= RTA_STAGE_FRAME:
        raise ValueError(f"stage: frames of {table.frame_samples} samples; must be 1..{RTA_STAGE_FRAME}")
    if table.delay_samples > RTA_MIC_RATE:
        raise ValueError(f"stage: a delay of {table.delay_samples} samples; must be at most {RTA_MIC_RATE}")
    if table.state_bytes > RTA_STAGE_STATE:
        raise ValueError(f"stage: a state of {table.state_bytes} bytes; must be at most {RTA_STAGE_STATE}")
    if table.run == NULL:
        raise ValueError("stage: there is no run in its table (csrc/stage.h)")
    return table


cdef const float *echo_samples(object samples, str name, uint64_t *count) except? NULL:
    """A mono float32 array's memory, finite throughout."""
    cdef cnp.ndarray array
    cdef const float *data
    if not (isinstance(samples, cnp.ndarray) and cnp.PyArray_TYPE(<cnp.ndarray>samples) == cnp.NPY_FLOAT32
            and RTA_ARRAY_OK(<cnp.ndarray>samples)):
        refuse_array(samples, name, "float32")
    array = samples
    count[0] = <uint64_t>array.shape[0]
    data = <const float *>cnp.PyArray_DATA(array)
    cdef uint64_t bad = rta_first_nonfinite(data, count[0])
    if bad < count[0]:
        raise ValueError(f"{name}: sample {bad} is not a finite number; silence it first")
    return data


cdef class EchoGuard:
    """The guard of csrc/echo_guard.h for those who drive it by themselves. One thread."""

    cdef rta_echo_guard *guard

    def __cinit__(self, int ref_rate=24000):
        cdef rta_status status
        if not 1 <= ref_rate <= 1000000:
            raise ValueError(f"ref_rate must be a rate in Hz, not {ref_rate}")
        status = rta_echo_guard_create(&self.guard, <uint32_t>ref_rate)
        if status == RTA_INVALID:
            raise ValueError(f"no way from ref_rate={ref_rate} to 8000 Hz; use 8000, 11025, 12000, 16000, 22050, 24000, "
                             f"32000, 44100 or 48000")
        if status != RTA_OK:
            raise failure(status, "echo guard")

    def __dealloc__(self):
        rta_echo_guard_destroy(self.guard)

    def put_out(self, samples):
        """What was put out next."""
        cdef uint64_t count, done = 0
        cdef const float *data = echo_samples(samples, "put_out", &count)
        while done < count:
            rta_echo_guard_ref(self.guard, data + done, min(<uint64_t>ECHO_PIECE, count - done))
            done += min(<uint64_t>ECHO_PIECE, count - done)

    def heard(self, samples):
        """What was heard next."""
        cdef uint64_t count, done = 0
        cdef const float *data = echo_samples(samples, "heard", &count)
        while done < count:
            rta_echo_guard_mic(self.guard, data + done, min(<uint64_t>ECHO_PIECE, count - done))
            done += min(<uint64_t>ECHO_PIECE, count - done)

    def share(self):
        """The echo's share of what was heard since the call before."""
        return rta_echo_guard_share(self.guard)

    def align(self):
        """Keeps the counts of two clocks together; between put_out and heard."""
        rta_echo_guard_align(self.guard)

    @property
    def delay_samples(self):
        """At 16 kHz, from put out to heard; None: no echo is known."""
        cdef rta_echo_figures f
        rta_echo_guard_figures(self.guard, &f)
        return f.delay_samples if f.found else None

    def figures(self):
        """What the guard knows."""
        cdef rta_echo_figures f
        rta_echo_guard_figures(self.guard, &f)
        return {"found": int(f.found), "delay_samples": f.delay_samples, "share": f.share, "score": f.score,
                "moved": f.moved, "starved": f.starved, "realigned": f.realigned}
