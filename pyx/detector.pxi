# SPDX-License-Identifier: Apache-2.0
#
# detector.pxi: the detector for Python; part of _engine.pyx, which declares the core and `nanoseconds`.

cdef tuple GATES = ("silence", "rising", "speech", "falling")
cdef tuple TURNS = ("idle", "open")
cdef tuple BARGES = ("quiet", "suspected", "likely", "confirmed", "false")


cdef uint64_t mic_samples(double seconds, str name) except? 0xffffffffffffffff:
    if not (0 <= seconds <= 3600):
        raise ValueError(f"{name} must be 0..3600 seconds, not {seconds}")
    return <uint64_t>(seconds * RTA_MIC_RATE + 0.5)


cdef class DetectorConfig:
    """Settings of hearing and barge-in; seconds here, samples in the core. Immutable. See csrc/detector.h."""

    cdef rta_detector_config config
    cdef readonly double on, off, min_speech_s, min_silence_s, endpoint_silence_s
    cdef readonly bint barge_in
    cdef readonly double duck_db, duck_ramp_s, pause_after_s, confirm_after_s, false_after_s
    cdef readonly bint rewind_on_false
    cdef readonly MicConfig mic

    def __init__(self, *, double on=0.5, double off=0.35, double min_speech_s=0.064, double min_silence_s=0.1,
                 double endpoint_silence_s=0.6, bint barge_in=True, double duck_db=-12.0, double duck_ramp_s=0.02,
                 double pause_after_s=0.096, double confirm_after_s=0.224, double false_after_s=0.4,
                 bint rewind_on_false=True, MicConfig mic=None):
        cdef rta_detector_config c
        cdef const char *why = NULL
        if duck_db != duck_db or duck_db > 0:
            raise ValueError(f"duck_db must be 0 (do not duck) or less, not {duck_db}")
        rta_detector_defaults(&c)
        c.gate.on, c.gate.off = on, off
        c.window_samples = RTA_VAD_WINDOW
        c.gate.min_speech = mic_samples(min_speech_s, "min_speech_s")
        c.gate.min_silence = mic_samples(min_silence_s, "min_silence_s")
        c.turn.endpoint_silence = mic_samples(endpoint_silence_s, "endpoint_silence_s")
        c.barge.enabled = barge_in
        c.barge.duck_gain = <float>pow(10.0, duck_db / 20.0)
        c.barge.duck_ramp_ms = <uint32_t>(nanoseconds(duck_ramp_s, "duck_ramp_s", 10) // 1000000)
        c.barge.pause_after = mic_samples(pause_after_s, "pause_after_s")
        c.barge.confirm_after = mic_samples(confirm_after_s, "confirm_after_s")
        c.barge.false_after = mic_samples(false_after_s, "false_after_s")
        c.barge.rewind_on_false = rewind_on_false
        self.mic = mic if mic is not None else MicConfig()
        c.mic = self.mic.config
        if rta_detector_check(&c, &why) != RTA_OK:
            raise ValueError(f"these detector settings cannot be: {why.decode()} (on={on}, off={off})")
        self.config = c
        self.on, self.off, self.min_speech_s, self.min_silence_s = on, off, min_speech_s, min_silence_s
        self.endpoint_silence_s, self.barge_in = endpoint_silence_s, barge_in
        self.duck_db, self.duck_ramp_s, self.pause_after_s = duck_db, duck_ramp_s, pause_after_s
        self.confirm_after_s, self.false_after_s, self.rewind_on_false = confirm_after_s, false_after_s, rewind_on_false

    def __repr__(self):
        return (f"DetectorConfig(on={self.on}, off={self.off}, min_speech_s={self.min_speech_s}, "
                f"min_silence_s={self.min_silence_s}, endpoint_silence_s={self.endpoint_silence_s}, "
                f"barge_in={bool(self.barge_in)}, duck_db={self.duck_db}, duck_ramp_s={self.duck_ramp_s}, "
                f"pause_after_s={self.pause_after_s}, confirm_after_s={self.confirm_after_s}, "
                f"false_after_s={self.false_after_s}, rewind_on_false={bool(self.rewind_on_false)}, "
                f"mic={self.mic})")


cdef class Detector:
    """The pure machine of csrc/detector.h for those who drive it by themselves. One thread."""

    DUCK = RTA_DO_DUCK
    PAUSE = RTA_DO_PAUSE
    FLUSH = RTA_DO_FLUSH
    UNDUCK = RTA_DO_UNDUCK
    RESUME = RTA_DO_RESUME
    RESUME_REWIND = RTA_DO_RESUME_REWIND

    cdef rta_detector detector

    def __init__(self, DetectorConfig config=None):
        if config is None:
            config = DetectorConfig()
        rta_detector_init(&self.detector, &config.config)

    def step(self, float probability, uint64_t position_end, bint speaking=False, uint64_t segment=0,
             float echo=0.0, *, mic=None):
        """One window that ends at `position_end`: (wishes as a sum of the class's bits, events)."""
        cdef rta_window window
        cdef rta_detector_output output
        cdef uint32_t i
        if position_end <= self.detector.position:
            raise ValueError(f"position_end must grow: {position_end} after {self.detector.position}")
        window.position_end, window.segment = position_end, segment
        window.speaking, window.probability, window.echo = speaking, probability, echo
        window.mean_square, window.clipped, window.starved = mic if mic is not None else (0.0, 0, RTA_VAD_WINDOW)
        rta_detector_step(&self.detector, &window, &output)
        return output.actions, [event_to_tuple(&output.events[i], Event) for i in range(output.event_count)]

    @property
    def mic(self):
        """'good', 'silent', 'quiet' or 'loud'."""
        return MIC_LEVELS[self.detector.mic.level]

    @property
    def clipping(self):
        """Whether the microphone clips."""
        return bool(self.detector.mic.clipping)

    @property
    def gate(self):
        """'silence', 'rising', 'speech' or 'falling'."""
        return GATES[self.detector.gate.state]

    @property
    def turn(self):
        """'idle' or 'open'."""
        return TURNS[self.detector.turn.state]

    @property
    def barge(self):
        """'quiet', 'suspected', 'likely' or 'confirmed' (until the segment it cut is gone)."""
        return BARGES[self.detector.barge.state]
