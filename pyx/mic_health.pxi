# SPDX-License-Identifier: Apache-2.0
#
# mic_health.pxi: what is wrong with a microphone, for Python; part of _engine.pyx. Contract: csrc/mic_health.h.

cdef tuple MIC_LEVELS = ("good", "silent", "quiet", "loud")


cdef double mean_square(double dbfs, str name) except -1:
    if not (-150 <= dbfs <= 60):
        raise ValueError(f"{name} must be -150..60 dBFS, not {dbfs}")
    return pow(10.0, dbfs / 10.0)


cdef class MicConfig:
    """When a microphone is silent, quiet, loud or clipping. Immutable."""

    cdef rta_mic_health_config config
    cdef readonly bint enabled
    cdef readonly double silent_dbfs, quiet_dbfs, loud_dbfs, hysteresis_db
    cdef readonly double silent_first_s, silent_after_s, judged_s, clip_share

    def __init__(self, *, bint enabled=True, double silent_dbfs=-75.0, double quiet_dbfs=-45.0, double loud_dbfs=-12.0,
                 double hysteresis_db=3.0, double silent_first_s=5.0, double silent_after_s=30.0, double judged_s=2.0,
                 double clip_share=0.001):
        cdef rta_mic_health_config c
        cdef const char *why = NULL
        rta_mic_health_defaults(&c)
        if not hysteresis_db >= 0:
            raise ValueError(f"hysteresis_db must be 0 or more, not {hysteresis_db}")
        c.enabled = enabled
        c.silent = <float>mean_square(silent_dbfs, "silent_dbfs")
        c.quiet = <float>mean_square(quiet_dbfs, "quiet_dbfs")
        c.quiet_back = <float>mean_square(quiet_dbfs + hysteresis_db, "quiet_dbfs + hysteresis_db")
        c.loud_back = <float>mean_square(loud_dbfs - hysteresis_db, "loud_dbfs - hysteresis_db")
        c.loud = <float>mean_square(loud_dbfs, "loud_dbfs")
        c.silent_first = mic_samples(silent_first_s, "silent_first_s")
        c.silent_after = mic_samples(silent_after_s, "silent_after_s")
        c.judged = mic_samples(judged_s, "judged_s")
        c.clip_share = <float>clip_share
        if rta_mic_health_check(&c, &why) != RTA_OK:
            raise ValueError(f"these microphone settings cannot be: {why.decode()}")
        self.config = c
        self.enabled, self.silent_dbfs, self.quiet_dbfs, self.loud_dbfs = enabled, silent_dbfs, quiet_dbfs, loud_dbfs
        self.hysteresis_db, self.silent_first_s, self.silent_after_s = hysteresis_db, silent_first_s, silent_after_s
        self.judged_s, self.clip_share = judged_s, clip_share

    def to_dict(self):
        """The settings by name: `MicConfig(**config.to_dict())` is the same again."""
        return {"enabled": bool(self.enabled), "silent_dbfs": self.silent_dbfs, "quiet_dbfs": self.quiet_dbfs,
                "loud_dbfs": self.loud_dbfs, "hysteresis_db": self.hysteresis_db,
                "silent_first_s": self.silent_first_s, "silent_after_s": self.silent_after_s,
                "judged_s": self.judged_s, "clip_share": self.clip_share}

    def __repr__(self):
        return f"MicConfig({', '.join(f'{name}={value}' for name, value in self.to_dict().items())})"


cdef class MicMeter:
    """Levels of the windows of a microphone, for those who step a Detector by themselves. One thread."""

    cdef rta_mic_meter meter

    def __cinit__(self):
        rta_mic_meter_init(&self.meter, RTA_VAD_WINDOW)

    def process(self, samples, *, bint starved=False):
        """Takes 16 kHz samples; gives (mean square, clipped, starved samples) of each window that they complete."""
        cdef cnp.ndarray array
        cdef const float *data
        cdef uint64_t count, taken
        cdef bool_t done = False
        cdef rta_mic_window window
        cdef list out = []
        if not (isinstance(samples, cnp.ndarray) and cnp.PyArray_TYPE(<cnp.ndarray>samples) == cnp.NPY_FLOAT32
                and RTA_ARRAY_OK(<cnp.ndarray>samples)):
            refuse_array(samples, "process", "float32")
        array = samples
        data = <const float *>cnp.PyArray_DATA(array)
        count = <uint64_t>array.shape[0]
        while count:
            taken = rta_mic_meter_take(&self.meter, data, count, starved, &window, &done)
            data, count = data + taken, count - taken
            if done:
                out.append((window.mean_square, window.clipped, window.starved))
        return out
