# Segments and the playout; part of _port.pyx.

# In the order of rta_barge_policy (csrc/window.h).
cdef tuple POLICIES = ("immediate", "pause", "duck_only", "after_sentence", "off")

cdef class Segment:
    """One utterance of the agent; made by Playout.open_segment."""

    cdef AudioPort port
    cdef readonly uint64_t id
    cdef readonly str policy
    cdef rta_resampler *resampler
    cdef uint32_t source_rate
    cdef uint64_t skip  # resampler delay still to be taken off the front
    cdef bint flushed, has_ended
    cdef np.ndarray staging
    cdef np.ndarray tail
    cdef uint64_t tail_at

    def __dealloc__(self):
        if self.resampler != NULL:
            rta_resampler_destroy(self.resampler)

    @property
    def rate(self):
        """Rate of the segment's samples: the port's."""
        return self.port.rate

    @property
    def written(self):
        """Samples accepted, at the port's rate."""
        return self.ledger().written

    @property
    def ended(self):
        """Whether end() was taken."""
        return bool(self.has_ended)

    @property
    def is_cut(self):
        """Whether a flush has cut it."""
        cdef rta_playout_writer *w = self.port._writer()
        try:
            return bool(rta_playout_is_cut(w, self.id))
        finally:
            self.port._leave()

    cdef object _failure(self, rta_status status, str what):
        if status == RTA_CUT:
            return SegmentCut(self.id)
        if status == RTA_ORDER:
            return RuntimeError(f"segment {self.id}: an earlier segment is still open; end() it first")
        if status == RTA_CLOSED:
            return ValueError(f"segment {self.id} has ended; open a new one")
        if status == RTA_INVALID:
            return ValueError(f"segment {self.id}: samples must be finite numbers (found NaN or infinity)")
        if status == RTA_LOST:
            return LookupError(f"segment {self.id} is too long ago to be remembered")
        return failure(status, f"segment {self.id}: {what}")

    def write(self, samples, rate=None):
        """Takes mono samples at `rate` and returns how many it took; see _port.pyi."""
        cdef np.ndarray array = mono(samples, "Segment.write")
        cdef uint64_t count = array.shape[0], taken = 0
        cdef const float *data = <const float *>np.PyArray_DATA(array)
        cdef rta_playout_writer *w = self.port._writer()
        cdef rta_status status
        try:
            self._set_rate(self.port.rate if rate is None else rate)
            if self.resampler == NULL:
                with nogil:
                    status = rta_playout_write(w, self.id, data, count, &taken)
            else:
                status = self._write_resampled(w, data, count, &taken)
        finally:
            self.port._leave()
        if status != RTA_OK and status != RTA_FULL:
            raise self._failure(status, "write")
        return taken

    cdef int _set_rate(self, object rate) except -1:
        cdef uint32_t port_rate = self.port._config().playout.rate
        if self.source_rate == rate:
            return 0
        if self.source_rate != 0:
            raise ValueError(f"segment {self.id} is written at {self.source_rate} Hz; its rate cannot change to {rate}")
        if not isinstance(rate, int) or rate <= 0:
            raise ValueError(f"rate must be a whole number of Hz, not {rate!r}")
        if rate != port_rate:
            if rta_resampler_create(&self.resampler, rate, port_rate) != RTA_OK:
                raise ValueError(
                    f"no resampling from {rate} to {port_rate} Hz: from 8000, 11025, 12000, 16000, 22050, 24000, 32000, "
                    "44100 or 48000 to 8000, 16000, 24000 or 48000; use rtaudio.Resampler(quality='vhq') for others"
                )
            self.skip = rta_resampler_delay(self.resampler)
            self.staging = np.empty(rta_resampler_max_out(self.resampler, CHUNK) + 1, dtype=np.float32)
        self.source_rate = rate
        return 0

    cdef rta_status _write_resampled(self, rta_playout_writer *w, const float *data, uint64_t count, uint64_t *taken):
        cdef float *out = <float *>np.PyArray_DATA(self.staging)
        cdef uint64_t produced, drop, accepted, run, i
        cdef rta_status status = rta_playout_write(w, self.id, out, 0, &accepted)  # cut, ended, out of order?
        if status != RTA_OK:
            if status == RTA_CUT:
                rta_playout_write(w, self.id, out, 0, &accepted)
            return status
        with nogil:
            for i in range(count):
                if not isfinite(data[i]):
                    return RTA_INVALID
            while taken[0] < count:
                run = min(count - taken[0], <uint64_t>CHUNK)
                while run > 0 and rta_resampler_max_out(self.resampler, run) > rta_playout_room(w):
                    run //= 2
                if run == 0:
                    return RTA_FULL
                rta_resampler_process(self.resampler, data + taken[0], run, out, &produced)
                drop = min(self.skip, produced)
                self.skip -= drop
                if produced > drop:
                    status = rta_playout_write(w, self.id, out + drop, produced - drop, &accepted)
                    if status != RTA_OK:
                        return status
                taken[0] += run
        return RTA_OK

    def end(self):
        """No more will be written; gives the resampler's tail. BlockingIOError when the queue is full: call again."""
        cdef rta_playout_writer *w = self.port._writer()
        cdef rta_status status = RTA_OK
        cdef uint64_t produced = 0, accepted = 0, drop
        try:
            if self.has_ended:
                return
            if self.resampler != NULL and not self.flushed:
                self.tail = np.empty(rta_resampler_max_out(self.resampler, 0) + rta_resampler_delay(self.resampler) + 2,
                                     dtype=np.float32)
                rta_resampler_flush(self.resampler, <float *>np.PyArray_DATA(self.tail), &produced)
                drop = min(self.skip, produced)
                self.skip -= drop
                self.tail = self.tail[drop:produced]
                self.flushed = True
            while self.tail is not None and self.tail_at < <uint64_t>self.tail.shape[0] and status == RTA_OK:
                status = rta_playout_write(w, self.id, <const float *>np.PyArray_DATA(self.tail) + self.tail_at,
                                           self.tail.shape[0] - self.tail_at, &accepted)
                self.tail_at += accepted
            if status == RTA_OK:
                status = rta_playout_end(w, self.id)
            if status == RTA_OK or status == RTA_CUT:
                self.has_ended = True
                return
        finally:
            self.port._leave()
        raise self._failure(status, "end")

    def add_text(self, sample, text_offset, word_start=True):
        """At `sample` of the segment (port rate) the text has come to `text_offset`; a word starts there."""
        cdef rta_playout_writer *w = self.port._writer()
        cdef rta_status status
        try:
            status = rta_playout_add_text(w, self.id, sample, text_offset, word_start)
        finally:
            self.port._leave()
        if status != RTA_OK:
            raise self._failure(status, "add_text")

    def add_words(self, words):
        """(sample, text offset) of word starts."""
        for sample, text_offset in words:
            self.add_text(sample, text_offset)

    def add_mark(self, sample, mark):
        """Event "mark" (a = mark) when `sample` has been played."""
        cdef rta_playout_writer *w = self.port._writer()
        cdef rta_status status
        try:
            status = rta_playout_add_mark(w, self.id, sample, mark)
        finally:
            self.port._leave()
        if status != RTA_OK:
            raise self._failure(status, "add_mark")

    def add_sentence_end(self, sample):
        """A sentence of the agent ends at `sample`: where the policy "after_sentence" may cut."""
        cdef rta_playout_writer *w = self.port._writer()
        cdef rta_status status
        try:
            status = rta_playout_add_sentence_end(w, self.id, sample)
        finally:
            self.port._leave()
        if status != RTA_OK:
            raise self._failure(status, "add_sentence_end")

    def text_offset(self, sample):
        """Text offset of the last entry at or before `sample`; 0 before the first."""
        cdef rta_playout_writer *w = self.port._writer()
        cdef uint32_t offset = 0
        cdef rta_status status
        try:
            status = rta_playout_text_offset(w, self.id, sample, &offset)
        finally:
            self.port._leave()
        if status != RTA_OK:
            raise self._failure(status, "text_offset")
        return offset

    def ledger(self):
        """Consistent account of this segment (law 1)."""
        return account(self.port, self.id)

    def heard(self, now_ns=None):
        """Heard.now, .final, .bound: samples of this segment."""
        cdef rta_playout_heard_at heard
        cdef int64_t now = rta_clock_ns() if now_ns is None else now_ns
        cdef rta_playout_writer *w = self.port._writer()
        cdef rta_status status
        try:
            with nogil:
                status = rta_playout_heard(w, self.id, now, &heard)
        finally:
            self.port._leave()
        if status != RTA_OK:
            raise self._failure(status, "heard")
        return Heard(heard.now, heard.final, heard.bound)


cdef object account(AudioPort port, uint64_t segment):
    cdef rta_playout_ledger ledger
    cdef rta_playout_writer *w = port._writer()
    cdef rta_status status
    try:
        with nogil:
            status = rta_playout_snapshot(w, segment, &ledger)
    finally:
        port._leave()
    if status == RTA_LOST:
        raise LookupError(f"segment {segment} is too long ago to be remembered")
    if status != RTA_OK:
        raise failure(status, "reading the account")
    return ledger_of(&ledger)


cdef object playout_on(AudioPort port):
    cdef Playout playout = Playout.__new__(Playout)
    playout.port = port
    return playout


cdef class Playout:
    """The session side of a playout; `Playout(rate)` is a private port with both sides. See _port.pyi."""

    cdef AudioPort port

    def __init__(self, rate=24000, *, queue_s=30.0, history_s=2.0):
        if self.port is not None:
            raise RuntimeError("this playout already belongs to a port")
        self.port = AudioPort(rate, queue_s=queue_s, history_s=history_s)

    @property
    def rate(self):
        """Rate in Hz."""
        return self.port.rate

    @property
    def room(self):
        """Samples that can be written now."""
        cdef rta_playout_writer *w = self.port._writer()
        try:
            return rta_playout_room(w)
        finally:
            self.port._leave()

    def open_segment(self, policy="immediate"):
        """A new segment, to be played after those opened before. BlockingIOError when too many are waiting."""
        cdef Segment segment = Segment.__new__(Segment)
        cdef uint64_t id = 0
        cdef rta_playout_writer *w = self.port._writer()
        cdef rta_status status
        try:
            if policy not in POLICIES:
                raise ValueError(f"policy must be one of {', '.join(map(repr, POLICIES))}, not {policy!r}")
            status = rta_playout_open(w, <rta_barge_policy><int>POLICIES.index(policy), &id)
        finally:
            self.port._leave()
        if status == RTA_FULL:
            raise BlockingIOError(f"{RTA_PLAYOUT_SEGMENTS} segments are waiting to be played; try again when one is done")
        if status != RTA_OK:
            raise failure(status, "opening a segment")
        segment.port = self.port
        segment.id = id
        segment.policy = policy
        return segment

    def flush(self):
        """Lock-free; takes effect at the consumer's next pull. Returns a ticket for flushed()."""
        return Flush(rta_playout_flush(self.port._controls()), self)

    def cuts(self, ticket):
        """What that flush cut, oldest first; complete once flushed() says so."""
        cdef uint64_t id = 0
        cdef uint32_t offset = 0
        cdef rta_playout_ledger ledger
        cdef list found = []
        cdef rta_playout_writer *w = self.port._writer()
        try:
            while True:
                id = rta_playout_cut_by(w, ticket, id)
                if id == 0:
                    break
                if rta_playout_snapshot(w, id, &ledger) == RTA_OK:
                    rta_playout_text_offset(w, id, ledger.high, &offset)
                    found.append(Cut(id, ledger.played, ledger.dropped, ledger.high, offset))
        finally:
            self.port._leave()
        found.reverse()
        return found

    def flushed(self, ticket):
        """Whether the cuts of that flush are complete; completes them itself where nobody consumes."""
        cdef rta_playout_consumer *c
        if not self._flush_done(ticket) and self.port.engine_side != NULL:
            c = rta_port_consumer(self.port.engine_side)
            if rta_playout_attach(c) == RTA_OK:
                rta_playout_detach(c)
        return self._flush_done(ticket)

    cdef bint _flush_done(self, uint64_t ticket) except *:
        self.port._controls()
        if self.port.session_side != NULL:
            return rta_playout_flush_done(rta_port_writer(self.port.session_side), ticket)
        return rta_playout_engine_flush_done(rta_port_playout_state(self.port.engine_side), ticket)

    def pause(self):
        """Fades out within 5 ms from the next pull on and stands still; nothing is lost (law 3)."""
        rta_playout_pause(self.port._controls())

    def resume(self, rewind_to_word=False):
        """Goes on with the very next sample, or from the start of the word (counted as replayed)."""
        rta_playout_resume(self.port._controls(), rewind_to_word)

    def duck(self, db, ramp_s=0.02):
        """Lowers speech by db <= 0 dB over ramp_s; 0 ends it."""
        if not db <= 0:
            raise ValueError(f"db must be 0 or less, not {db}")
        rta_playout_duck(self.port._controls(), amplitude(db, "db"), ramp_of(ramp_s, self.port.rate))

    def set_gain(self, db, ramp_s=0.02):
        """Volume of speech in dB, at most 18."""
        self.port._need_session()
        rta_playout_volume(rta_port_session_controls(self.port.session_side), amplitude(db, "db"),
                           ramp_of(ramp_s, self.port.rate))

    def set_background(self, samples, gain_db=0.0):
        """Loops `samples` (port rate) under speech; None ends it. The port needs background_s of room for it."""
        cdef np.ndarray array = mono(np.zeros(0, np.float32) if samples is None else samples, "set_background")
        array = np.multiply(array, np.float32(amplitude(gain_db, "gain_db")), dtype=np.float32)
        cdef rta_status status
        cdef rta_playout_writer *w
        cdef int tries
        for tries in range(100):
            w = self.port._writer()
            try:
                status = rta_playout_background(w, <const float *>np.PyArray_DATA(array), array.shape[0])
            finally:
                self.port._leave()
            if status != RTA_BUSY:
                break
            with nogil:
                rta_sleep_until_ns(rta_clock_ns() + 1000000)
        if status == RTA_INVALID:
            raise ValueError(
                f"{array.shape[0]} samples of background do not fit or are not finite; the port has room for "
                f"{self.port._config().playout.background_samples} (AudioPort(background_s=...))"
            )
        if status != RTA_OK:
            raise failure(status, "the old background is still being faded out; call again after the next pull")

    def ledger(self):
        """Consistent account of the whole port (law 1)."""
        return account(self.port, 0)

    def device_time(self, out):
        """(ns, +- ns) of the core's clock at which tap sample `out` leaves the loudspeaker; of the last 128 pulls."""
        cdef int64_t device_ns = 0, bound_ns = 0
        cdef rta_playout_writer *w = self.port._writer()
        cdef rta_status status
        try:
            status = rta_playout_device_time(w, out, &device_ns, &bound_ns)
        finally:
            self.port._leave()
        if status == RTA_EMPTY:
            raise ValueError(f"sample {out} has not been put out yet")
        if status == RTA_LOST:
            raise LookupError(f"sample {out} was put out too long ago (the times of the last 128 pulls are kept), or recalled")
        if status != RTA_OK:
            raise failure(status, "reading the device's times")
        return device_ns, bound_ns

    def attach(self):
        """Takes the consumer's role."""
        self.port._need_engine()
        if self.port.pulling:
            return
        if rta_playout_attach(rta_port_consumer(self.port.engine_side)) != RTA_OK:
            raise SecondConsumer("this playout already has a consumer (an engine, a device, or another pull loop)")
        self.port.pulling = True

    def detach(self):
        """Gives the consumer's role back; a pending cut is completed."""
        self.port._need_engine()
        if self.port.pulling:
            self.port.pulling = False
            rta_playout_detach(rta_port_consumer(self.port.engine_side))

    def pull(self, count, device_ns=None, bound_ns=0):
        """The next `count` samples that are put out (speech, silence, everything). One thread."""
        if not 0 < count <= 65536:
            raise ValueError(f"count must be 1..65536 samples, not {count}")
        cdef np.ndarray out = np.empty(count, dtype=np.float32)
        self.pull_into(out, device_ns, bound_ns)
        return out

    def pull_into(self, out, device_ns=None, bound_ns=0):
        """The same into a float32 array of the caller."""
        if not isinstance(out, np.ndarray) or out.dtype != np.float32 or out.ndim != 1 or not out.flags.c_contiguous:
            raise TypeError("out must be a contiguous float32 array of shape (n,)")
        cdef np.ndarray array = out
        cdef uint64_t count = array.shape[0]
        cdef int64_t at = rta_clock_ns() if device_ns is None else device_ns
        cdef int64_t bound = bound_ns
        cdef rta_status status
        cdef float *data = <float *>np.PyArray_DATA(array)
        if not self.port.pulling:
            self.attach()
        self.port._need_engine()
        with nogil:
            PyThread_acquire_lock(self.port.pull_lock, WAIT_LOCK)
            status = rta_playout_pull(rta_port_consumer(self.port.engine_side), data, count, at, bound)
            PyThread_release_lock(self.port.pull_lock)
        if status != RTA_OK:
            raise ValueError(f"out must hold 1..65536 samples, not {count}")

    def events(self):
        """All events of the port since the last call."""
        return self.port.events()

    def close(self):
        """Closes the port."""
        self.port.close()
