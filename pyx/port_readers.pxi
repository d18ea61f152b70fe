# Readers of a port's history rings and events; part of _port.pyx.

cdef object reader_of(AudioPort port, int what, object position):
    cdef MediaReader reader = MediaReader.__new__(MediaReader)
    cdef rta_history_reader *r = &reader.reader
    reader.port = port
    cdef uint64_t start = 0 if position is None else position
    if what == 0:
        rta_port_mic_reader(port.session_side, r, start)
    elif what == 1:
        rta_port_tap_reader(port.session_side, r, start)
    else:
        rta_port_probability_reader(port.session_side, r, start)
    if position is None:
        r.lost = 0
        r.position = r.position + rta_history_available(r)
    reader.is_mic = what == 0
    return reader


cdef class MediaReader:
    """Reads a history ring from a cursor of its own. One thread."""

    cdef rta_history_reader reader
    cdef AudioPort port
    cdef bint is_mic

    @property
    def position(self):
        """Next sample to be read."""
        return self.reader.position

    @position.setter
    def position(self, value):
        self.reader.position = value

    @property
    def available(self):
        """Samples that can be read now."""
        return rta_history_available(&self.reader)

    @property
    def oldest(self):
        """First position that can still be read."""
        return rta_history_oldest(&self.reader)

    @property
    def lost(self):
        """Samples this reader lost to overwriting."""
        return self.reader.lost

    def read(self, count=None):
        """Copies `count` samples (default: all available) and moves on; empty when fewer are there."""
        cdef uint64_t most = self.reader.capacity - self.reader.guard
        cdef uint64_t want = min(rta_history_available(&self.reader), most) if count is None else count
        cdef uint64_t lost = self.reader.lost
        if want > most:
            raise ValueError(f"at most {most} samples can be read at once, not {want}")
        cdef np.ndarray out = np.empty(want, dtype=np.float32)
        if want == 0:
            return out
        cdef rta_status status = rta_history_read(&self.reader, np.PyArray_DATA(out), want)
        if status == RTA_OK:
            return out
        if status == RTA_EMPTY or status == RTA_CLOSED:
            return out[:0]
        if status == RTA_LOST:
            raise LostSamples(self.reader.lost - lost, self.reader.position)
        raise failure(status, "reading the ring")

    def copy(self, start, count):
        """Copies [start, start + count) without moving the cursor."""
        cdef uint64_t position = start, want = count
        if want > self.reader.capacity:
            raise ValueError(f"the ring never holds {count} samples")
        cdef np.ndarray out = np.empty(want, dtype=np.float32)
        if want == 0:
            return out
        cdef rta_status status = rta_history_copy(&self.reader, position, np.PyArray_DATA(out), want)
        if status == RTA_LOST:
            raise LostSamples(max(0, self.oldest - start), self.oldest)
        if status != RTA_OK:
            raise failure(status, f"samples {start}..{start + count} are not there yet")
        return out

    def view(self, start, count):
        """One or two read-only views in place, while the writer stays away; see `valid`."""
        cdef rta_ring_span span
        cdef uint64_t commit = rta_port_commit(self.port.session_side) if self.is_mic else 0
        cdef rta_status status = rta_history_view(&self.reader, commit, start, count, &span)
        if status == RTA_LOST:
            raise LostSamples(max(0, max(self.oldest, commit) - start), max(self.oldest, commit))
        if status != RTA_OK:
            raise failure(status, f"samples {start}..{start + count} are not there yet")
        first = view_of(self, span.first, span.first_count)
        return (first, view_of(self, span.second, span.second_count)) if span.second_count else (first,)

    def valid(self, start):
        """Whether what was seen in place from `start` on had not been touched up to now."""
        return bool(rta_history_valid(&self.reader, start))


cdef class EventReader:
    """Reads a port's events beside the session; made by AudioPort.event_reader. One thread."""

    cdef rta_history_reader playout, hearing
    cdef AudioPort port

    def read(self):
        """(events of the playout, events of hearing) since the last call."""
        return _drain_events(&self.playout), _drain_events(&self.hearing)

    @property
    def lost(self):
        """Events that were overwritten before they were read."""
        return self.playout.lost + self.hearing.lost


cdef list _drain_events(rta_history_reader *r):
    cdef rta_event event
    cdef list out = []
    cdef rta_status status = RTA_OK
    while status == RTA_OK or status == RTA_LOST:
        status = rta_history_read(r, &event, 1)
        if status == RTA_OK:
            out.append(event_to_tuple(&event, Event))
    return out


cdef object view_of(object owner, void *data, uint64_t count):
    cdef np.npy_intp shape = count
    cdef np.ndarray array = np.PyArray_SimpleNewFromData(1, &shape, np.NPY_FLOAT32, data)
    np.set_array_base(array, owner)
    np.PyArray_CLEARFLAGS(array, np.NPY_ARRAY_WRITEABLE)
    return array
