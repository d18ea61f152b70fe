# SPDX-License-Identifier: Apache-2.0
#
# line.pxi: a line for Python (csrc/engine.h); part of _engine.pyx, which declares the core.

cdef tuple DATAGRAMS = ("taken", "dropped", "rtcp", "malformed", "stranger")


cdef int source_of(object source, rta_source *out) except -1:
    """(host, port, ...) as sockets give it; the host is an address."""
    import ipaddress

    host, port = source[0], source[1]
    address = ipaddress.ip_address(host)
    packed = address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed
    memset(out, 0, sizeof(rta_source))
    for i in range(16):
        out.address[i] = packed[i]
    out.port = whole(port, "port", 0xFFFF)
    return 0


cdef const rta_packets_config *packets_of(object packets) except NULL:
    capsule = getattr(packets, "capsule", None)
    if not PyCapsule_IsValid(capsule, "rtaudio.packets_config"):
        raise TypeError(f"packets: expected a PacketConfig, got {type(packets).__name__}")
    return <const rta_packets_config *>PyCapsule_GetPointer(capsule, "rtaudio.packets_config")


cdef int64_t lead_ns(object lead_s) except -1:
    cdef double seconds = lead_s
    if not 0 <= seconds <= 1:
        raise ValueError(f"a lead must be 0..1 seconds, not {lead_s}")
    return nanoseconds(seconds, "lead_s", 1)


@cython.no_gc_clear
cdef class Line:
    """A port under an engine; made by Engine.add()."""

    cdef rta_line *line
    cdef bint attached  # in the table of an engine
    cdef readonly object port
    cdef readonly str kind
    cdef readonly int input_rate
    cdef readonly bint outside_vad
    cdef readonly bint cleaned
    cdef readonly object packets, socket, rtp
    cdef readonly object ssrc  # of what it sends; None: nothing
    cdef object source_name  # of the last datagram, as it was given
    cdef rta_source source
    cdef object wake, journal, stage
    cdef object device  # weak reference to the callbacks that push into it
    cdef object __weakref__

    def __init__(self):
        raise TypeError("lines are made by Engine.add()")

    def __dealloc__(self):
        rta_line_free(self.line)

    cdef void release(self) noexcept:
        """The engine has let go of it."""
        self.attached = False
        if isinstance(self.wake, Wake):
            (<Wake>self.wake).users -= 1
        self.wake = None
        if self.socket is not None:
            (<UdpSocket>self.socket).used = False
        driven.pop(id(self.port), None)

    def push(self, samples, cleaned=None, *, arrival_ns=None):
        """Input at the line's rate; returns how many were taken (the rest dropped, counted)."""
        cdef uint64_t taken = 0, count
        cdef int64_t arrival = 0
        cdef const float *data
        cdef cnp.ndarray array, beside
        self._need_engine("push")
        if self.packets is not None:
            raise ValueError("push: this line takes packets (put_packet); add the port without packets= for samples")
        if self.device is not None and not getattr(self.device(), "detoured", True):
            raise RuntimeError("push: the sound card's callback already pushes into this line")
        if isinstance(samples, cnp.ndarray) and samples.dtype == np.int16 and samples.ndim == 1:
            samples = np.multiply(samples, np.float32(1 / 32768), dtype=np.float32)
        if not (isinstance(samples, cnp.ndarray) and cnp.PyArray_TYPE(<cnp.ndarray>samples) == cnp.NPY_FLOAT32
                and RTA_ARRAY_OK(<cnp.ndarray>samples)):
            refuse_array(samples, "push", "float32 or int16")
        array = samples
        data = <const float *>cnp.PyArray_DATA(array)
        count = <uint64_t>array.shape[0]
        if arrival_ns is not None:
            if isinstance(arrival_ns, bool) or not hasattr(arrival_ns, "__index__") or not abs(arrival_ns) < 1 << 61:
                raise ValueError(f"push: arrival_ns={arrival_ns!r}: expected whole nanoseconds, within 73 years of 0")
            arrival = arrival_ns
        if cleaned is None:
            rta_line_push(self.line, data, count, &taken)
            if arrival_ns is not None:
                rta_line_mark_input(self.line, rta_line_pushed(self.line), self.input_rate, arrival)
            return taken
        if not self.cleaned:
            raise ValueError("push: this line takes nothing beside its input; add the port with cleaned=True")
        if not (isinstance(cleaned, cnp.ndarray) and cnp.PyArray_TYPE(<cnp.ndarray>cleaned) == cnp.NPY_FLOAT32
                and RTA_ARRAY_OK(<cnp.ndarray>cleaned)):
            refuse_array(cleaned, "push", "float32")
        beside = cleaned
        if <uint64_t>beside.shape[0] != count:
            raise ValueError(f"push: {beside.shape[0]} cleaned samples beside {count} of the microphone; they must be "
                             f"as many, of the same moments")
        rta_line_push_cleaned(self.line, data, <const float *>cnp.PyArray_DATA(beside), count, &taken)
        if arrival_ns is not None:
            rta_line_mark_input(self.line, rta_line_pushed(self.line), self.input_rate, arrival)
        return taken

    def anchors(self, first=0):
        """Which mic sample belongs beside which out sample, from anchor number `first` on."""
        cdef rta_anchor found[1024]
        cdef uint64_t number = first, count, k
        count = rta_line_anchors(self.line, &number, found, 1024)
        return number, [(found[k].out, found[k].mic) for k in range(count)]

    def put_packet(self, seq, timestamp, payload, *, payload_type=0, ssrc=0, arrival_ns=None):
        """One packet; False: dropped or refused, and counted."""
        cdef Py_buffer view
        cdef rta_jitter_packet packet
        cdef rta_status status
        self._need_engine("put_packet")
        if self.packets is None:
            raise ValueError("put_packet: this line takes samples (push); add the port with packets=PacketConfig(...)")
        self._need_no_socket("put_packet")
        packet.seq = whole(seq, "seq", 0xFFFF)
        packet.timestamp = whole(timestamp, "timestamp", 0xFFFFFFFF)
        packet.ssrc = whole(ssrc, "ssrc", 0xFFFFFFFF)
        packet.payload_type = whole(payload_type, "payload_type", 127)
        packet.arrival_ns = RTA_ARRIVES_NOW
        if arrival_ns is not None:
            if not -(1 << 63) < arrival_ns < 1 << 63:
                raise ValueError(f"arrival_ns={arrival_ns!r}: expected nanoseconds in 64 bits")
            packet.arrival_ns = arrival_ns
        PyObject_GetBuffer(payload, &view, PyBUF_SIMPLE)
        try:
            packet.payload = <const uint8_t *>view.buf
            packet.bytes = <uint32_t>min(view.len, 0xFFFFFFFF)
            # With the GIL: two threads that put into one line all the same cannot break it.
            status = rta_line_put_packet(self.line, &packet)
        finally:
            PyBuffer_Release(&view)
        return status == RTA_OK

    def put_datagram(self, data, arrival_ns, source=None):
        """A datagram as a socket brought it; says what became of it."""
        cdef Py_buffer view
        cdef rta_datagram what = RTA_DATAGRAM_TAKEN
        self._need_engine("put_datagram")
        if self.packets is None:
            raise ValueError("put_datagram: this line takes samples (push); add the port with packets=PacketConfig(...)")
        self._need_no_socket("put_datagram")
        if not -(1 << 63) < arrival_ns < 1 << 63:
            raise ValueError(f"arrival_ns={arrival_ns!r}: expected nanoseconds in 64 bits")
        if source is not None and source != self.source_name:
            source_of(source, &self.source)
            self.source_name = source
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            # With the GIL: two threads that put into one line all the same cannot break it.
            rta_line_put_datagram(self.line, <const uint8_t *>view.buf, view.len, NULL if source is None else &self.source,
                                  arrival_ns, &what)
        finally:
            PyBuffer_Release(&view)
        return DATAGRAMS[what]

    def link_figures(self):
        """Of a line that takes packets: counters of its jitter buffer, and what came before it."""
        cdef rta_packets_figures figures
        if self.packets is None:
            raise ValueError("link_figures: this line takes no packets")
        rta_line_packets_read(self.line, &figures)
        from rtaudio.core._network import packet_figures

        return packet_figures(PyCapsule_New(&figures, "rtaudio.packets_figures", NULL))

    def sent_figures(self):
        """Of a line that sends RTP: counters of it."""
        cdef rta_socket_figures f
        if self.rtp is None:
            raise ValueError("sent_figures: this line sends nothing by itself; add the port with rtp= and socket=")
        rta_line_sent_read(self.line, &f)
        return {
            "samples": f.samples,
            "packetsSent": f.packets,
            "bytesSent": f.payload_bytes,
            "frames": f.frames,
            "silent_frames": f.silent_frames,
            "cuts": f.cuts,
            "unaddressed": f.unaddressed,
            "dropped": f.dropped,
            "delay_samples": f.delay_samples,
        }

    cdef int _need_no_socket(self, str what) except -1:
        if self.socket is not None:
            raise RuntimeError(f"{what}: the engine itself takes what comes at this line's socket")
        return 0

    def post_probability(self, uint64_t position_end, float probability):
        """Outside VAD: the probability of the window that ends at mic sample `position_end`; False: dropped."""
        cdef rta_status status
        if not self.outside_vad:
            raise ValueError("post_probability: the engine's own VAD hears this line; add the port with outside_vad=True")
        self._need_engine("post_probability")
        status = rta_line_probability(self.line, position_end, probability)
        if status == RTA_FULL:
            return False
        if status != RTA_OK:
            if not 0 <= probability <= 1:
                raise ValueError(f"post_probability: a probability is 0..1, not {probability}")
            raise ValueError(f"post_probability: position_end must be a multiple of {RTA_VAD_WINDOW}, beyond "
                             f"{self.answered}, and at most the {self.port.mic_written} samples of the mic ring, "
                             f"not {position_end}")
        return True

    def post_turn_evidence(self, uint64_t question, evidence):
        """What a model says to a question that the line asked (`turn_asked`); False: dropped."""
        cdef rta_turn_evidence c_evidence
        evidence_of(evidence, &c_evidence)
        self._need_engine("post_turn_evidence")
        return rta_line_turn_evidence(self.line, question, &c_evidence) == RTA_OK

    def post_turn_hint(self, str kind, uint32_t value, uint64_t turn=0):
        """What the session knows; False: dropped."""
        cdef rta_hint c_hint
        hint_of(kind, value, turn, &c_hint)
        self._need_engine("post_turn_hint")
        return rta_line_turn_hint(self.line, &c_hint) == RTA_OK

    def post_turn_settings(self, TurnConfig turn=None, BargeConfig barge=None):
        """Other settings from the next tick on; False: dropped."""
        cdef rta_turn_settings settings
        settings_of(turn, barge, &settings)
        self._need_engine("post_turn_settings")
        return rta_line_turn_settings(self.line, &settings, NULL) == RTA_OK

    def set_lead(self, lead_s):
        """How far ahead of its time speech is put out, from the next tick on."""
        cdef int64_t wanted = lead_ns(lead_s)
        self._need_engine("set_lead")
        if rta_line_set_lead(self.line, wanted) != RTA_OK:
            raise ValueError("set_lead: this line has no remote that holds audio; add the port with remote=")

    def report_remote(self, played, clear=0):
        """What the remote says it has played; False: dropped, or no position."""
        cdef rta_remote_report report
        self._need_engine("report_remote")
        good = type(played) is int and type(clear) is int  # no bool
        good = good and 0 <= played < 1 << 63 and 0 <= clear < 1 << 63
        report.played = played if good else <uint64_t>-1  # beyond what was sent: refused and counted in its place
        report.clear = clear if good else 0
        cdef rta_status status = rta_line_report(self.line, &report)
        if status == RTA_INVALID:
            raise ValueError("report_remote: this line has no remote that clears; add the port with remote='clears'")
        return good and status == RTA_OK

    cdef int _need_engine(self, str what) except -1:
        if self.port.closed:
            raise PortClosed(f"{what}: the port of this line is closed")
        if not self.attached:
            raise PortClosed(f"{what}: this line was removed from its engine")
        return 0

    @property
    def answered(self):
        """Outside VAD: mic position up to which probabilities were posted; 0 without one."""
        return rta_line_answered(self.line)

    @property
    def room(self):
        """Samples that the next push could take."""
        return rta_line_room(self.line)

    @property
    def removed(self):
        """Whether the engine no longer drives this line."""
        return not self.attached

    def figures(self):
        """Counters, in samples of the clock that engine.h names."""
        cdef rta_line_figures f
        rta_line_figures_read(self.line, &f)
        return {
            "input_taken": f.input_taken,
            "input_starved": f.input_starved,
            "input_dropped": f.input_dropped,
            "input_bad": f.input_bad,
            "input_concealed": f.input_concealed,
            "input_silence": f.input_silence,
            "mic_written": f.mic_written,
            "windows": f.windows,
            "peeks": f.peeks,
            "out_pulled": f.out_pulled,
            "answers_dropped": f.answers_dropped,
            "windows_skipped": f.windows_skipped,
            **turn_figures(&f.turn),
            "evidence_dropped": f.evidence_dropped,
            "hints_dropped": f.hints_dropped,
            "settings_dropped": f.settings_dropped,
            "input_delay_samples": f.input_delay_samples,
            "echo_found": f.echo_found,
            "echo_delay_samples": f.echo_delay_samples,
            "echo_moved": f.echo_moved,
            "echo_starved": f.echo_starved,
            "echo_realigned": f.echo_realigned,
            "stage_bad": f.stage_bad,
            "stage_starved": f.stage_starved,
            "reports": f.reports,
            "reports_refused": f.reports_refused,
            "reports_dropped": f.reports_dropped,
            "lead_samples": f.lead_samples,
            "link_losses": f.link_losses,
            "link_silent_ms": f.link_silent_ms,
        }


def post_turn_hint(port, str kind, uint32_t value, uint64_t turn=0):
    """To the line that drives `port` in this process; False: there is none, or it dropped the hint."""
    cdef rta_hint c_hint
    hint_of(kind, value, turn, &c_hint)
    line = driven.get(id(port))
    if line is None or port.closed:
        return False
    return rta_line_turn_hint((<Line>line).line, &c_hint) == RTA_OK


def post_turn_settings(port, TurnConfig turn=None, BargeConfig barge=None):
    """To the line that drives `port` in this process; False: there is none, or it dropped them."""
    cdef rta_turn_settings settings
    settings_of(turn, barge, &settings)
    line = driven.get(id(port))
    if line is None or port.closed:
        return False
    return rta_line_turn_settings((<Line>line).line, &settings, NULL) == RTA_OK
