# cython: language_level=3
"""rtaudio.core._turn: the policy of turns (csrc/turn_policy.h) for fits, benchmarks, tests and TurnConfig."""

from libc.stdint cimport uint32_t, uint64_t
from cpython.pycapsule cimport PyCapsule_New

cdef extern from "turn_policy.h":
    ctypedef enum rta_status:
        RTA_OK
    enum: RTA_TURN_QUESTIONS
    enum: RTA_TURN_EVIDENCE_FLOATS
    enum: RTA_TURN_TERMS
    enum: RTA_TURN_KNOTS
    ctypedef struct rta_turn_evidence:
        pass
    ctypedef struct rta_turn_facts:
        uint32_t answered, hints, words, pauses
        uint64_t pause, silence, speech
        rta_turn_evidence evidence[4]
    ctypedef struct rta_turn_policy:
        uint64_t min_delay, max_delay, silence_delay, long_delay
        float weight[16]
        float centre[16]
        float bias
        float doubt[4]
        uint32_t knots
        float knot_score[6]
        float knot_delay_s[6]
        float stt_end, stt_open, asked_short, asked_long, while_thinking, while_speaking, pause_margin, alone
    ctypedef struct rta_turn_reasons:
        float score, probability
        uint32_t why, answers
    const rta_turn_policy *rta_turn_policy_profile(const char *name)
    rta_status rta_turn_policy_check(const rta_turn_policy *policy, const char **why)
    void rta_turn_evidence_clear(rta_turn_evidence *evidence)
    void rta_turn_terms(const rta_turn_facts *facts, float *terms)
    uint64_t rta_turn_delay(const rta_turn_policy *policy, const rta_turn_facts *facts, rta_turn_reasons *reasons)

cdef double RATE = 16000.0

TERMS = ("p_first", "p_mean", "p_trimmed", "f0_rise", "f0_fall", "f0_high", "f0_low", "f0_floor", "last_length",
         "short", "short_p", "noise", "noise_p", "long", "voiced", "p_drift")
HINTS = {"agent_thinking": 1, "agent_speaking": 2, "asked_short": 4, "asked_long": 8, "stt_end": 16, "stt_open": 32}
REASONS = {1: "model", 2: "prosody", 4: "silence", 8: "short", 16: "noise", 32: "stt", 64: "question", 128: "agent",
           256: "pauses", 512: "least", 1024: "fallback"}


cdef uint64_t samples(double seconds, str name) except? 0:
    if not 0.0 <= seconds <= 3600.0:
        raise ValueError(f"{name} must be 0..3600 seconds, not {seconds}")
    return <uint64_t>(seconds * RATE + 0.5)


cdef class TurnFacts:
    """What is known about a silence."""

    cdef rta_turn_facts facts

    def __init__(self, answers=(), *, hints=(), uint32_t words=0, uint32_t pauses=0, double pause_s=0.0,
                 double silence_s=0.0, double speech_s=0.0):
        cdef float *to
        cdef int i, j
        if len(answers) > RTA_TURN_QUESTIONS:
            raise ValueError(f"answers: at most {RTA_TURN_QUESTIONS} questions in a silence, not {len(answers)}")
        for i in range(RTA_TURN_QUESTIONS):
            rta_turn_evidence_clear(&self.facts.evidence[i])
        for i, evidence in enumerate(answers):
            if evidence is None:
                continue
            if len(evidence) > RTA_TURN_EVIDENCE_FLOATS:
                raise ValueError(f"evidence has at most {RTA_TURN_EVIDENCE_FLOATS} numbers, not {len(evidence)}")
            to = <float *>&self.facts.evidence[i]
            for j in range(len(evidence)):
                to[j] = evidence[j]
            self.facts.answered |= 1 << i
        for hint in hints:
            if hint not in HINTS:
                raise ValueError(f"there is no hint {hint!r}; there are {', '.join(HINTS)}")
            self.facts.hints |= <uint32_t>HINTS[hint]
        self.facts.words, self.facts.pauses = words, pauses
        self.facts.pause = samples(pause_s, "pause_s")
        self.facts.silence, self.facts.speech = samples(silence_s, "silence_s"), samples(speech_s, "speech_s")

    @property
    def terms(self):
        cdef float terms[16]
        rta_turn_terms(&self.facts, terms)
        return {TERMS[i]: terms[i] for i in range(RTA_TURN_TERMS)}


cdef class TurnPolicy:
    """From evidence to a delay."""

    cdef rta_turn_policy policy

    def __cinit__(self, *_, **__):
        self.policy = rta_turn_policy_profile(b"default")[0]  # sound, whatever becomes of __init__

    def __init__(self, str profile="default", **changes):
        cdef const rta_turn_policy *found = rta_turn_policy_profile(profile.encode())
        cdef const char *why = NULL
        cdef int i
        if found == NULL:
            raise ValueError(f"there is no profile {profile!r}; there are patient, default, quick")
        self.policy = found[0]
        p = &self.policy
        for name, value in changes.items():
            if name == "min_delay_s":
                p.min_delay = samples(value, name)
            elif name == "max_delay_s":
                p.max_delay = samples(value, name)
            elif name == "silence_delay_s":
                p.silence_delay = samples(value, name)
            elif name == "long_delay_s":
                p.long_delay = samples(value, name)
            elif name == "weights" or name == "centres":
                for term, number in value.items():
                    if term not in TERMS:
                        raise ValueError(f"{name}: there is no term {term!r}; there are {', '.join(TERMS)}")
                    if name == "weights":
                        p.weight[<int>TERMS.index(term)] = number
                    else:
                        p.centre[<int>TERMS.index(term)] = number
            elif name == "bias":
                p.bias = value
            elif name == "doubts":
                if len(value) != RTA_TURN_QUESTIONS:
                    raise ValueError(f"doubts: one for each of {RTA_TURN_QUESTIONS} counts of answers")
                for i in range(RTA_TURN_QUESTIONS):
                    p.doubt[i] = value[i]
            elif name == "knots":
                if not 1 <= len(value) <= RTA_TURN_KNOTS:
                    raise ValueError(f"knots: 1 to {RTA_TURN_KNOTS} of (score, delay in seconds)")
                p.knots = len(value)
                for i in range(len(value)):
                    p.knot_score[i], p.knot_delay_s[i] = value[i]
            elif name == "stt_end":
                p.stt_end = value
            elif name == "stt_open":
                p.stt_open = value
            elif name == "asked_short":
                p.asked_short = value
            elif name == "asked_long":
                p.asked_long = value
            elif name == "while_thinking":
                p.while_thinking = value
            elif name == "while_speaking":
                p.while_speaking = value
            elif name == "pause_margin":
                p.pause_margin = value
            elif name == "alone":
                p.alone = value
            else:
                raise TypeError(f"TurnPolicy has no setting {name!r}")
        if rta_turn_policy_check(p, &why) != RTA_OK:
            raise ValueError(f"TurnPolicy: {why.decode()}")

    def settings(self):
        cdef rta_turn_policy *p = &self.policy
        return {
            "min_delay_s": p.min_delay / RATE,
            "max_delay_s": p.max_delay / RATE,
            "silence_delay_s": p.silence_delay / RATE,
            "long_delay_s": p.long_delay / RATE,
            "weights": {TERMS[i]: p.weight[i] for i in range(RTA_TURN_TERMS)},
            "centres": {TERMS[i]: p.centre[i] for i in range(RTA_TURN_TERMS)},
            "bias": p.bias,
            "doubts": tuple(p.doubt[i] for i in range(RTA_TURN_QUESTIONS)),
            "knots": tuple((p.knot_score[i], p.knot_delay_s[i]) for i in range(p.knots)),
            "stt_end": p.stt_end,
            "stt_open": p.stt_open,
            "asked_short": p.asked_short,
            "asked_long": p.asked_long,
            "while_thinking": p.while_thinking,
            "while_speaking": p.while_speaking,
            "pause_margin": p.pause_margin,
            "alone": p.alone,
        }

    def delay(self, TurnFacts facts not None):
        cdef rta_turn_reasons reasons
        cdef uint64_t delay = rta_turn_delay(&self.policy, &facts.facts, &reasons)
        why = tuple(name for bit, name in REASONS.items() if reasons.why & bit)
        return delay, reasons.score, reasons.probability, why

    @property
    def capsule(self):
        """A `const rta_turn_policy *`, valid while this object lives."""
        return PyCapsule_New(&self.policy, "rtaudio.turn_policy", NULL)
