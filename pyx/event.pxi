# Event records of the core (csrc/event.h) as the named tuples that Python code sees. Included by the bindings that hand
# events out; the class itself lives in rtaudio.core._port.

from libc.stdint cimport uint32_t, uint64_t

cdef extern from "event.h":
    ctypedef struct rta_event:
        uint32_t kind
        uint32_t flags
        uint64_t segment
        uint64_t out
        uint64_t mic
        uint64_t decided
        uint64_t a
        uint64_t b
        uint32_t c
        float value

    enum:
        RTA_EV_SEGMENT_STARTED
        RTA_EV_SEGMENT_DONE
        RTA_EV_CUT
        RTA_EV_FLUSHED
        RTA_EV_MARK
        RTA_EV_PAUSED
        RTA_EV_RESUMED
        RTA_EV_UNDERRUN
        RTA_EV_DUCKED
        RTA_EV_CLEAR
        RTA_EV_SESSION_FAULT
        RTA_EV_SPEECH_STARTED
        RTA_EV_SPEECH_ENDED
        RTA_EV_TURN_ENDED
        RTA_EV_BARGE_IN
        RTA_EV_INPUT_STARVED
        RTA_EV_TURN_RESUMED
        RTA_EV_TURN_ASKED
        RTA_EV_TURN_ANSWERED
        RTA_EV_TURN_UNANSWERED
        RTA_EV_LINK_LOST
        RTA_EV_LINK_BACK
        RTA_EV_MIC_LEVEL
        RTA_EV_MIC_CLIPPING


cdef dict EVENT_KINDS = {
    RTA_EV_SEGMENT_STARTED: "segment_started",
    RTA_EV_SEGMENT_DONE: "segment_done",
    RTA_EV_CUT: "cut",
    RTA_EV_FLUSHED: "flushed",
    RTA_EV_MARK: "mark",
    RTA_EV_PAUSED: "paused",
    RTA_EV_RESUMED: "resumed",
    RTA_EV_UNDERRUN: "underrun",
    RTA_EV_DUCKED: "ducked",
    RTA_EV_CLEAR: "clear",
    RTA_EV_SESSION_FAULT: "session_fault",
    RTA_EV_SPEECH_STARTED: "speech_started",
    RTA_EV_SPEECH_ENDED: "speech_ended",
    RTA_EV_TURN_ENDED: "turn_ended",
    RTA_EV_BARGE_IN: "barge_in",
    RTA_EV_INPUT_STARVED: "input_starved",
    RTA_EV_TURN_RESUMED: "turn_resumed",
    RTA_EV_TURN_ASKED: "turn_asked",
    RTA_EV_TURN_ANSWERED: "turn_answered",
    RTA_EV_TURN_UNANSWERED: "turn_unanswered",
    RTA_EV_LINK_LOST: "link_lost",
    RTA_EV_LINK_BACK: "link_back",
    RTA_EV_MIC_LEVEL: "mic_level",
    RTA_EV_MIC_CLIPPING: "mic_clipping",
}


cdef object event_to_tuple(const rta_event *e, object cls):
    """`cls` is rtaudio.core._port.Event. A kind this build does not know keeps its number: "kind_99"."""
    kind = EVENT_KINDS.get(e.kind)
    if kind is None:
        kind = f"kind_{e.kind}"
    return cls(kind, e.segment, e.out, e.mic, e.decided, e.a, e.b, e.c, e.flags, e.value)
