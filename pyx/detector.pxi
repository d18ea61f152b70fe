# SPDX-License-Identifier: Apache-2.0
#
# detector.pxi: the detector for Python; part of _engine.pyx, which declares the core and `nanoseconds`.

cdef tuple GATES = ("silence", "rising", "speech", "falling")
cdef tuple TURNS = ("idle", "open", "waiting", "grace")
cdef tuple PROFILES = ("patient", "default", "quick")
cdef dict HINTS = {
    "words": RTA_HINT_WORDS,
    "stt": RTA_HINT_STT,
    "backchannel": RTA_HINT_BACKCHANNEL,
    "asked": RTA_HINT_ASKED,
    "thinking": RTA_HINT_THINKING,
    "min_words": RTA_HINT_MIN_WORDS,
    "warm_up": RTA_HINT_WARM_UP,
}
cdef tuple BARGES = ("quiet", "suspected", "likely", "confirmed", "false", "backchannel", "stopping", "kept")



cdef int evidence_of(object values, rta_turn_evidence *evidence) except -1:
    """A sequence of up to 16 numbers, in the order of rta_turn_evidence; what is missing is unknown."""
    cdef float *floats = <float *>evidence
    cdef Py_ssize_t i, count = len(values)
    if count > RTA_TURN_EVIDENCE_FLOATS:
        raise ValueError(f"evidence has at most {RTA_TURN_EVIDENCE_FLOATS} numbers, not {count}")
    rta_turn_evidence_clear(evidence)
    for i in range(count):
        floats[i] = values[i]
    return 0


cdef int hint_of(str kind, object value, uint64_t turn, rta_hint *hint) except -1:
    if kind not in HINTS:
        raise ValueError(f"there is no hint {kind!r}; there are {', '.join(HINTS)}")
    hint.kind, hint.value, hint.turn = HINTS[kind], value, turn
    if not rta_hint_good(hint):
        raise ValueError(f"a hint {kind!r} cannot be {value}")
    return 0


cdef class TurnConfig:
    """How the end of a turn is decided; seconds here, samples in the core. Immutable. See csrc/turn.h, turn_policy.h."""

    cdef rta_turn_config config
    cdef readonly str profile, thinking, speaking
    cdef readonly tuple ask_after_s
    cdef readonly double late_after_s, grace_s
    cdef readonly object silence_s, min_delay_s, max_delay_s, policy

    def __init__(self, *, str profile="default", str thinking=None, str speaking=None,
                 object ask_after_s=(0.0, 0.096, 0.192, 0.288), double late_after_s=0.1, double grace_s=1.5,
                 object silence_s=None, object min_delay_s=None, object max_delay_s=None, object policy=None):
        cdef rta_turn_config *c = &self.config
        cdef rta_turn_policy *p
        cdef uint32_t i
        asks = tuple(float(each) for each in ask_after_s)
        if len(asks) > RTA_TURN_QUESTIONS:
            raise ValueError(f"ask_after_s: at most {RTA_TURN_QUESTIONS} questions in a silence, not {len(asks)}")
        if any(b <= a for a, b in zip(asks, asks[1:])):
            raise ValueError(f"ask_after_s must grow, not {asks}")
        c.asks = len(asks)
        for i in range(c.asks):
            c.ask_after[i] = mic_samples(asks[i], "ask_after_s")
        c.late_after = mic_samples(late_after_s, "late_after_s")
        c.grace = mic_samples(grace_s, "grace_s")
        for i, name in enumerate((profile, thinking or profile, speaking or profile)):
            if name not in PROFILES:
                raise ValueError(f"there is no profile {name!r}; there are {', '.join(PROFILES)}")
            p = &c.policy[i]
            if policy is None:
                c.policy[i] = rta_turn_policy_profile(name.encode())[0]
            else:
                from rtaudio.core._turn import TurnPolicy

                made = TurnPolicy(name, **policy)
                c.policy[i] = (<rta_turn_policy *>PyCapsule_GetPointer(made.capsule, "rtaudio.turn_policy"))[0]
            if min_delay_s is not None:
                p.min_delay = mic_samples(min_delay_s, "min_delay_s")
            if max_delay_s is not None:
                p.max_delay = mic_samples(max_delay_s, "max_delay_s")
            if p.min_delay > p.max_delay:
                raise ValueError(f"min_delay_s must not be above max_delay_s ({p.min_delay / RTA_MIC_RATE} and "
                                 f"{p.max_delay / RTA_MIC_RATE} s of profile {name!r})")
            if silence_s is not None:
                p.silence_delay = mic_samples(silence_s, "silence_s")
                p.min_delay, p.max_delay = min(p.min_delay, p.silence_delay), max(p.max_delay, p.silence_delay)
                p.long_delay = min(p.long_delay, p.silence_delay)
        self.profile, self.thinking, self.speaking = profile, thinking, speaking
        self.ask_after_s, self.late_after_s, self.grace_s = asks, late_after_s, grace_s
        self.silence_s, self.min_delay_s, self.max_delay_s = silence_s, min_delay_s, max_delay_s
        self.policy = None if policy is None else dict(policy)

    def to_dict(self):
        """The settings by name: `TurnConfig(**config.to_dict())` is the same again."""
        return {
            "profile": self.profile,
            "thinking": self.thinking,
            "speaking": self.speaking,
            "ask_after_s": list(self.ask_after_s),
            "late_after_s": self.late_after_s,
            "grace_s": self.grace_s,
            "silence_s": self.silence_s,
            "min_delay_s": self.min_delay_s,
            "max_delay_s": self.max_delay_s,
            "policy": self.policy,
        }

    def __repr__(self):
        return f"TurnConfig({', '.join(f'{name}={value!r}' for name, value in self.to_dict().items())})"


cdef class DetectorConfig:
    """Settings of hearing and barge-in; seconds here, samples in the core. Immutable. See csrc/detector.h."""

    cdef rta_detector_config config
    cdef readonly TurnConfig turn
    cdef readonly BargeConfig barge
    cdef readonly double on, off, min_speech_s, min_silence_s
    cdef readonly MicConfig mic

    def __init__(self, *, double on=0.5, double off=0.35, double min_speech_s=0.064, double min_silence_s=0.1,
                 object endpoint_silence_s=None, BargeConfig barge=None, object barge_in=None, object duck_db=None,
                 object duck_ramp_s=None, object pause_after_s=None, object confirm_after_s=None,
                 object false_after_s=None, object rewind_on_false=None, MicConfig mic=None, TurnConfig turn=None):
        cdef rta_detector_config c
        cdef const char *why = NULL
        cdef dict shortcuts = dict(
            enabled=barge_in, duck_db=duck_db, duck_ramp_s=duck_ramp_s, pause_after_s=pause_after_s,
            confirm_after_s=confirm_after_s, false_after_s=false_after_s, rewind_on_false=rewind_on_false,
        )
        shortcuts = {name: value for name, value in shortcuts.items() if value is not None}
        self.barge = barge if barge is not None else BargeConfig()
        if shortcuts:
            self.barge = BargeConfig(**{**self.barge.to_dict(), **shortcuts})
        rta_detector_defaults(&c)
        c.gate.on, c.gate.off = on, off
        c.window_samples = RTA_VAD_WINDOW
        c.gate.min_speech = mic_samples(min_speech_s, "min_speech_s")
        c.gate.min_silence = mic_samples(min_silence_s, "min_silence_s")
        if endpoint_silence_s is not None:
            mic_samples(endpoint_silence_s, "endpoint_silence_s")
            if turn is not None and turn.silence_s is not None:
                raise ValueError("endpoint_silence_s is turn.silence_s: give one of them")
            settings = turn.to_dict() if turn is not None else {}
            turn = TurnConfig(**{**settings, "silence_s": endpoint_silence_s})
        self.turn = turn if turn is not None else TurnConfig()
        c.turn = self.turn.config
        c.barge = self.barge.config
        self.mic = mic if mic is not None else MicConfig()
        c.mic = self.mic.config
        if rta_detector_check(&c, &why) != RTA_OK:
            raise ValueError(f"these detector settings cannot be: {why.decode()} (on={on}, off={off})")
        self.config = c
        self.on, self.off, self.min_speech_s, self.min_silence_s = on, off, min_speech_s, min_silence_s

    @property
    def endpoint_silence_s(self):
        """The silence that ends a turn where there is no evidence."""
        return self.config.turn.policy[0].silence_delay / RTA_MIC_RATE

    def to_dict(self):
        """The settings by name, sections too: `from_dict` makes it again of them."""
        return {
            "on": self.on,
            "off": self.off,
            "min_speech_s": self.min_speech_s,
            "min_silence_s": self.min_silence_s,
            "barge": self.barge.to_dict(),
            "mic": self.mic.to_dict(),
            "turn": self.turn.to_dict(),
        }

    @staticmethod
    def from_dict(settings):
        """From what `to_dict` gave."""
        sections = {
            "barge": BargeConfig(**settings.get("barge", {})),
            "mic": MicConfig(**settings.get("mic", {})),
            "turn": TurnConfig(**settings.get("turn", {})),
        }
        return DetectorConfig(**{**settings, **sections})

    def __repr__(self):
        settings = {**self.to_dict(), "barge": self.barge, "mic": self.mic, "turn": self.turn}
        return f"DetectorConfig({', '.join(f'{name}={value!r}' for name, value in settings.items())})"


cdef int settings_of(TurnConfig turn, BargeConfig barge, rta_turn_settings *settings) except -1:
    cdef const char *why = NULL
    memset(settings, 0, sizeof(rta_turn_settings))
    if turn is None and barge is None:
        raise ValueError("turn settings: give a TurnConfig, a BargeConfig, or both")
    if turn is not None:
        settings.has |= RTA_SETTINGS_TURN
        settings.turn = turn.config
    if barge is not None:
        settings.has |= RTA_SETTINGS_BARGE
        settings.barge = barge.config
    if rta_turn_settings_check(settings, &why) != RTA_OK:
        raise ValueError(f"these turn settings cannot be: {why.decode()}")
    return 0


cdef dict turn_figures(const rta_turn_counts *counts):
    return {
        "turn_asked": counts.asked,
        "turn_answered": counts.answered,
        "turn_late": counts.late,
        "turn_stale": counts.stale,
        "turn_unanswered": counts.unanswered,
        "turn_resumed": counts.resumed,
    }


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

    cdef list _told(self, rta_detector_output *output):
        return [event_to_tuple(&output.events[i], Event) for i in range(output.event_count)]

    cdef uint64_t _now(self, object at) except? 0:
        if at is None:
            return self.detector.position
        if at < self.detector.position:
            raise ValueError(f"at must not lie before the last window's end, {self.detector.position}, as {at} does")
        return at

    def evidence(self, uint64_t question, evidence, at=None):
        """What a model says to a question, taken at mic position `at`; events."""
        cdef rta_turn_evidence c_evidence
        cdef rta_detector_output output
        evidence_of(evidence, &c_evidence)
        rta_detector_evidence(&self.detector, question, &c_evidence, self._now(at), &output)
        return self._told(&output)

    def hint(self, str kind, uint32_t value, uint64_t turn=0, at=None):
        """What a session knows, taken at mic position `at`; events."""
        cdef rta_hint c_hint
        cdef rta_detector_output output
        hint_of(kind, value, turn, &c_hint)
        rta_detector_hint(&self.detector, &c_hint, self._now(at), &output)
        return self._told(&output)

    def settings(self, TurnConfig turn=None, BargeConfig barge=None, at=None):
        """Other settings, taken at mic position `at`; events."""
        cdef rta_turn_settings settings
        settings_of(turn, barge, &settings)
        return self._settle(&settings, at)

    def recorded_settings(self, bytes payload, at=None):
        """The same from a journal record's payload."""
        cdef rta_turn_settings settings
        cdef const char *why = b"it is of another length"
        cdef const unsigned char *data = payload
        cdef bint good = len(payload) == sizeof(settings)
        if good:
            memcpy(&settings, data, sizeof(settings))
            good = rta_turn_settings_check(&settings, &why) == RTA_OK
        if not good:
            raise ValueError(f"turn settings that cannot have been: {why.decode()}; the journal has been altered")
        return self._settle(&settings, at)

    cdef list _settle(self, const rta_turn_settings *settings, object at):
        cdef rta_detector_output output
        rta_detector_settings(&self.detector, settings, self._now(at), &output)
        return self._told(&output)

    def step(self, float probability, uint64_t position_end, bint speaking=False, uint64_t segment=0,
             float echo=0.0, uint64_t decided=0, *, mic=None, float near=NAN, int policy=0, uint64_t sentences=0,
             power=(0.0,) * 4, edge=(0.0,) * 4, uint32_t concealed=0, float cleaned=NAN):
        """One window that ends at `position_end`: (wishes as a sum of the class's bits, events)."""
        cdef rta_window window
        cdef rta_detector_output output
        if position_end <= self.detector.position:
            raise ValueError(f"position_end must grow: {position_end} after {self.detector.position}")
        memset(&window, 0, sizeof(window))
        window.position_end, window.segment = position_end, segment
        window.speaking, window.probability = speaking, probability
        window.near, window.echo, window.policy, window.sentences = near, echo, policy, sentences
        for i in range(4):
            window.power[i], window.edge[i] = power[i], edge[i]
        window.mean_square, window.clipped, window.starved = mic if mic is not None else (0.0, 0, RTA_VAD_WINDOW)
        window.decided, window.concealed, window.cleaned = decided, concealed, cleaned
        rta_detector_step(&self.detector, &window, &output)
        return output.actions, self._told(&output)

    def peek(self, float probability, uint64_t position_end, bint speaking=False, uint64_t segment=0, *,
             float echo=0.0, int policy=0, float mean_square=0.0, uint32_t concealed=0):
        """An early look that ends at `position_end`, between two windows."""
        cdef rta_peek peek
        cdef rta_detector_output output
        cdef uint32_t i
        memset(&peek, 0, sizeof(peek))
        peek.position_end, peek.segment, peek.speaking = position_end, segment, speaking
        peek.policy, peek.probability, peek.echo, peek.mean_square = policy, probability, echo, mean_square
        peek.concealed = concealed
        rta_detector_peek(&self.detector, &peek, &output)
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
        """'idle', 'open', 'waiting' or 'grace'."""
        return TURNS[self.detector.turn.state]

    @property
    def turn_began(self):
        """Mic position at which the turn began, or the last one."""
        return self.detector.turn.started_at

    @property
    def turn_delay_s(self):
        """The silence that ends the turn, as last decided; 0 before the first silence."""
        return self.detector.turn.delay / RTA_MIC_RATE

    def figures(self):
        """Counters of csrc/turn.h: questions and what became of them."""
        return turn_figures(&self.detector.turn.counts)

    @property
    def barge(self):
        """'quiet', 'suspected', 'likely', 'stopping' or 'confirmed' (until the segment it cut is gone)."""
        return BARGES[self.detector.barge.state]
