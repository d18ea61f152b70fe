# Plain types, errors and argument checks of _port.pyx.

MIC_RATE = RTA_MIC_RATE
VAD_WINDOW = RTA_VAD_WINDOW
cdef enum:
    CHUNK = 1024  # input samples resampled at once

Event = namedtuple("Event", "kind segment out mic decided a b c flags value", module=__name__)
Event.__doc__ = """One record of csrc/event.h; `kind` is its name in lower case ("cut", "speech_started", ...)."""
Ledger = namedtuple(
    "Ledger",
    "segment written played queued dropped replayed high refused recalled silence concealed pulled underruns faults ahead "
    "state paused",
    module=__name__,
)
Ledger.__doc__ = """One consistent account in samples at the port's rate (law 1); segment 0 is the whole port."""
Heard = namedtuple("Heard", "now final bound", module=__name__)
Heard.__doc__ = """Samples of a segment from its start: out of the loudspeaker, beyond recall, and +- bound."""
Cut = namedtuple("Cut", "segment played dropped high text_offset", module=__name__)
Cut.__doc__ = """What a flush did to one segment; text_offset: of the last text entry at or before `high`, by now."""
cdef dict STATES = {
    RTA_SEGMENT_UNKNOWN: "unknown",
    RTA_SEGMENT_QUEUED: "queued",
    RTA_SEGMENT_PLAYING: "playing",
    RTA_SEGMENT_DONE: "done",
    RTA_SEGMENT_CUT: "cut",
}


class SegmentCut(Exception):
    """The segment was cut by a flush: nothing of this write was taken. `.segment` is its id."""

    def __init__(self, segment):
        super().__init__(
            f"segment {segment} was cut by a flush: nothing was taken; open a new segment for what is to be said next"
        )
        self.segment = segment


class Flush(int):
    """The ticket of a flush. `await flush` waits until its cuts are complete and gives them as Playout.cuts does;
    TimeoutError where a consumer is attached but has not pulled for `timeout_s`."""

    timeout_s = 1.0
    playout = None

    def __new__(cls, ticket, playout):
        self = int.__new__(cls, ticket)
        self.playout = playout
        return self

    def __await__(self):
        return self._wait().__await__()

    async def _wait(self):
        from asyncio import get_running_loop, sleep

        end = get_running_loop().time() + self.timeout_s
        while not self.playout.flushed(self):
            if get_running_loop().time() >= end:
                raise TimeoutError(f"flush {int(self)}: the consumer has not pulled for {self.timeout_s} s; the cut is "
                                   "complete when it does, or when it detaches")
            await sleep(0.002)
        return self.playout.cuts(self)


class PortClosed(Exception):
    """The port, engine or journal has been closed."""


class SecondConsumer(RuntimeError):
    """Somebody else already pulls this playout."""


def clock_ns():
    """The core's monotonic clock in ns."""
    return rta_clock_ns()


cdef object failure(rta_status status, str what):
    name = rta_status_name(status).decode()
    if status == RTA_NOMEM:
        return MemoryError(what)
    if status == RTA_CLOSED:
        return PortClosed(what)
    if status == RTA_FULL or status == RTA_BUSY:
        return BlockingIOError(f"{what}: {name}")
    if status == RTA_SYSTEM:
        return OSError(f"{what}: the operating system refused")
    if status == RTA_TIMEOUT:
        return TimeoutError(f"{what}: the other side did not answer")
    return ValueError(f"{what}: {name}")


cdef np.ndarray mono(object samples, str what):
    """float32 mono samples, contiguous; int16 and s16le bytes are scaled by 1/32768."""
    cdef np.ndarray array
    if isinstance(samples, (bytes, bytearray, memoryview)):
        if len(samples) % 2:
            raise ValueError(f"{what}: {len(samples)} bytes are not whole 16-bit samples; keep the odd byte for the next")
        samples = np.frombuffer(samples, dtype="<i2")
    if not isinstance(samples, np.ndarray):
        raise TypeError(f"{what}: samples must be a NumPy array (float32 or int16) or bytes, not {type(samples).__name__}")
    array = samples
    if array.ndim != 1:
        raise ValueError(f"{what}: samples must be mono, shape (n,), not {samples.shape}")
    if not samples.flags.c_contiguous:
        raise ValueError(f"{what}: samples must be contiguous; pass np.ascontiguousarray(samples)")
    if np.PyArray_TYPE(array) == np.NPY_FLOAT32:
        return array
    if np.PyArray_TYPE(array) == np.NPY_INT16:
        return np.multiply(samples, np.float32(1 / 32768), dtype=np.float32)
    raise TypeError(f"{what}: samples must be float32 or int16, not {samples.dtype}")


cdef float amplitude(double db, str what) except -1.0:
    if db != db or db > 18.0:
        raise ValueError(f"{what} must be a number of dB, at most 18; got {db}")
    return <float>pow(10.0, db / 20.0)


cdef uint32_t ramp_of(double ramp_s, uint32_t rate) except? 0xffffffff:
    if not (0 <= ramp_s <= 60):
        raise ValueError(f"ramp_s must be 0..60 seconds, not {ramp_s}")
    return <uint32_t>(ramp_s * rate)


cdef object ledger_of(const rta_playout_ledger *l):
    return Ledger(l.segment, l.written, l.played, l.queued, l.dropped, l.replayed, l.high, l.refused, l.recalled,
                  l.silence, l.concealed, l.pulled, l.underruns, l.faults, l.ahead, STATES[l.state], bool(l.paused))


cdef uint64_t power_of_two(double samples) except 0:
    cdef uint64_t size = 1024
    if not (samples == samples) or samples < 0 or samples > 1 << 28:
        raise ValueError(f"a history of {samples} samples is not possible")
    while size < samples:
        size <<= 1
    return size
