# What a playout puts out, for transports (csrc/outgoing.h); part of _port.pyx.

OutAudio = namedtuple("OutAudio", "out samples", module=__name__)
OutAudio.__doc__ = """Samples from out position `out` on, float32 at the port's rate."""
OutClear = namedtuple("OutClear", "out clear", module=__name__)
OutClear.__doc__ = """The remote is to throw away what it holds of before `out`, and to report where it stopped."""
OutDuck = namedtuple("OutDuck", "out gain ramp_samples", module=__name__)
OutDuck.__doc__ = """The remote is to bring what it plays to `gain`; from `out` on it is in the samples already."""
OutLost = namedtuple("OutLost", "out samples", module=__name__)
OutLost.__doc__ = """The reader was too slow: `samples` before `out` (0: perhaps orders) are gone."""

cdef enum:
    OUTGOING_MOST = 4800


cdef object outgoing_of(AudioPort port, object position, bint played):
    cdef Outgoing outgoing = Outgoing.__new__(Outgoing)
    cdef uint64_t start = 0 if position is None else position
    cdef rta_status status
    outgoing.port = port
    if port.engine_side != NULL:
        status = rta_port_engine_outgoing(port.engine_side, &outgoing.outgoing, start, played)
    else:
        status = rta_port_session_outgoing(port.session_side, &outgoing.outgoing, start, played)
    if status != RTA_OK:
        raise failure(status, "reading what is put out")
    if position is None:
        outgoing.outgoing.tap.position += rta_history_available(&outgoing.outgoing.tap)
    return outgoing


cdef class Outgoing:
    """Reads what a playout puts out; made by AudioPort.outgoing. One thread."""

    cdef rta_outgoing outgoing
    cdef AudioPort port

    @property
    def position(self):
        """Out position of the next sample."""
        return self.outgoing.tap.position

    def read(self):
        """All there is now, in order: OutAudio, OutClear, OutDuck, OutLost."""
        cdef rta_outgoing_item item
        cdef rta_status status
        cdef np.ndarray samples = np.empty(OUTGOING_MOST, dtype=np.float32)
        cdef list items = []
        if self.port.is_closed:
            raise PortClosed("the port is closed")
        while True:
            status = rta_outgoing_next(&self.outgoing, <float *>np.PyArray_DATA(samples), OUTGOING_MOST, &item)
            if status == RTA_EMPTY:
                return items
            if status != RTA_OK:
                raise failure(status, "reading what is put out")
            if item.kind == RTA_OUTGOING_AUDIO:
                items.append(OutAudio(item.out, samples[:item.count].copy()))
            elif item.kind == RTA_OUTGOING_CLEAR:
                items.append(OutClear(item.out, item.clear))
            elif item.kind == RTA_OUTGOING_DUCK:
                items.append(OutDuck(item.out, item.gain, item.ramp))
            else:
                items.append(OutLost(item.out, item.count))
