# SPDX-License-Identifier: Apache-2.0
#
# jitter.pxi: csrc/jitter.h.

cdef extern from "jitter.h" nogil:
    ctypedef struct rta_jitter_packet:
        uint16_t seq
        uint8_t payload_type
        uint32_t timestamp
        uint32_t ssrc
        int64_t arrival_ns
        const uint8_t *payload
        uint32_t bytes
    ctypedef struct rta_jitter_packets:
        uint64_t received, used, late_discarded, duplicate, superseded, queued
        uint64_t expected, received_unique, missing, refused, restarts
    ctypedef struct rta_jitter_config:
        uint32_t rate, clock, channels, capacity, packet_most, conceal_most
        int64_t wait_least_ns, wait_most_ns, link_lost_ns
        uint8_t codecs[128]
    ctypedef struct rta_jitter_frame:
        uint32_t kind, samples
        uint64_t position
        int64_t arrival_ns
        uint32_t timestamp
        uint16_t seq
    ctypedef struct rta_jitter_figures:
        rta_jitter_packets packets
        uint64_t total_samples, concealed_samples, silent_concealed_samples, concealment_events
        uint64_t interruptions, interruption_samples, silence_samples, skipped_samples
        uint64_t emitted_count, delay_sample_us, timestamp_jumps, link_losses
        uint64_t fec_received, fec_discarded, recovered_samples, corrupt
        uint64_t inserted_samples, removed_samples, target_sample_us, buffered_samples
        int64_t target_ns, wait_ns, jitter_ns
    ctypedef struct rta_jitter
    ctypedef enum rta_jitter_kind:
        RTA_JITTER_AUDIO
    ctypedef enum rta_jitter_taken:
        RTA_JITTER_TAKEN
    ctypedef enum rta_jitter_refused:
        RTA_JITTER_FINE
    void rta_jitter_defaults(rta_jitter_config *config)
    bint rta_jitter_wants_opus(const rta_jitter_config *config)
    rta_status rta_jitter_check(const rta_jitter_config *config, const char **why)
    rta_status rta_jitter_create(rta_jitter **out, const rta_jitter_config *config)
    void rta_jitter_destroy(rta_jitter *jitter)
    rta_jitter_refused rta_jitter_put(rta_jitter *jitter, const rta_jitter_packet *packet, rta_jitter_taken *taken)
    rta_status rta_jitter_get(rta_jitter *jitter, int64_t now_ns, rta_jitter_frame *frame, int16_t *out)
    uint32_t rta_jitter_frame_most(const rta_jitter *jitter)
    int64_t rta_jitter_due_ns(rta_jitter *jitter)
    void rta_jitter_read_figures(const rta_jitter *jitter, rta_jitter_figures *figures)

cdef extern from "jitter_play.h" nogil:
    ctypedef struct rta_play_config:
        rta_jitter_config jitter
        uint32_t rule
        float late
        int64_t least_ns, most_ns, start_ns
    ctypedef struct rta_play
    void rta_play_defaults(rta_play_config *config)
    rta_status rta_play_check(const rta_play_config *config, const char **why)
    rta_status rta_play_create(rta_play **out, const rta_play_config *config)
    void rta_play_destroy(rta_play *play)
    rta_jitter_refused rta_play_put(rta_play *play, const rta_jitter_packet *packet, rta_jitter_taken *taken)
    void rta_play_get(rta_play *play, int64_t now_ns, rta_jitter_frame *frame, int16_t *out)
    void rta_play_read_figures(const rta_play *play, rta_jitter_figures *figures)

cdef tuple _KINDS = (None, "audio", "concealed", "silence", "link_lost", "link_back")
cdef tuple _TAKEN = ("taken", "late", "duplicate", "held", "restarted")
cdef tuple _REFUSED = (None, "too_long", "not_whole")


cdef int64_t time_of(object value, str what) except? -1:
    if not -(1 << 63) <= value < 1 << 63:
        raise ValueError(f"{what}={value!r}: expected nanoseconds in 64 bits")
    return value


cdef int64_t nanoseconds(object seconds, str what, double most_s) except? -1:
    cdef double value = seconds
    if not 0.0 <= value <= most_s:
        raise ValueError(f"{what}={seconds!r}: expected 0 .. {most_s:g} seconds")
    return <int64_t>(value * 1e9 + 0.5)


cdef class JitterFrame:
    """What a jitter buffer gives."""

    cdef readonly str kind
    cdef readonly cnp.ndarray samples
    cdef readonly uint64_t position
    cdef readonly object seq
    cdef readonly object timestamp
    cdef readonly object arrival_ns

    def __repr__(self):
        return f"JitterFrame({self.kind}, position={self.position}, samples={len(self.samples)}, seq={self.seq})"


cdef class JitterBuffer:
    """Packets in, sound on a media clock out."""

    cdef rta_jitter *jitter  # in listen mode
    cdef rta_play *play  # in play mode
    cdef rta_jitter_config config
    cdef cnp.ndarray scratch  # one frame
    cdef int16_t *room
    cdef readonly int rate
    cdef readonly int channels
    cdef readonly str mode

    def __cinit__(self, rate, *, str mode="listen", codec="pcm16", payload_types=None, channels=1, capacity_packets=256, packet_s=None,
                  conceal_s=1.0, wait_least_s=0.06, wait_most_s=0.12, link_lost_s=5.0, late=0.01,
                  target_least_s=0.0, target_most_s=1.0, target_start_s=0.04, str rule="ours"):
        cdef rta_jitter_config config
        cdef rta_play_config play
        cdef const char *why = NULL
        cdef rta_status status
        if mode not in ("listen", "play"):
            raise ValueError(f"mode {mode!r}: expected 'listen' or 'play'")
        if rule not in ("ours", "neteq"):
            raise ValueError(f"rule {rule!r}: expected 'ours' or 'neteq'")
        rta_play_defaults(&play)
        config = play.jitter
        self.mode = mode
        self.rate, self.channels = rate, channels
        config.rate = whole(rate, "rate", 1 << 20)
        config.channels = whole(channels, "channels", 255)
        config.capacity = whole(capacity_packets, "capacity_packets", 1 << 20)
        names = [codec] if payload_types is None else list(payload_types.values())
        if packet_s is None:
            packet_s = 0.12 if "opus" in names else 0.06
        if not 0 < packet_s <= 1:
            raise ValueError(f"packet_s={packet_s!r}: expected more than 0, at most 1")
        config.packet_most = max(1, round(packet_s * rate))
        config.conceal_most = <uint32_t>(nanoseconds(conceal_s, "conceal_s", 10) * <double>config.rate * 1e-9 + 0.5)
        config.wait_least_ns = nanoseconds(wait_least_s, "wait_least_s", 10)
        config.wait_most_ns = nanoseconds(wait_most_s, "wait_most_s", 10)
        config.link_lost_ns = nanoseconds(link_lost_s, "link_lost_s", 86400)
        memset(config.codecs, codec_number(codec) if payload_types is None else 0, 128)
        config.codecs[13] = codec_number("cn")
        for number, name in (payload_types or {}).items():
            config.codecs[whole(number, "payload type", 127)] = codec_number(name)
        if rta_jitter_wants_opus(&config):
            config.clock = 48000
        play.jitter = self.config = config
        play.rule, play.late = 1 if rule == "neteq" else 0, late
        play.least_ns = nanoseconds(target_least_s, "target_least_s", 10)
        play.most_ns = nanoseconds(target_most_s, "target_most_s", 10)
        play.start_ns = nanoseconds(target_start_s, "target_start_s", 10)
        if rta_play_check(&play, &why) != RTA_OK:
            raise ValueError(f"jitter buffer: {why.decode()}")
        if mode == "play":
            status = rta_play_create(&self.play, &play)
        else:
            status = rta_jitter_create(&self.jitter, &config)
        if status == RTA_NOMEM:
            raise MemoryError("jitter buffer: no memory")
        cdef cnp.npy_intp most = config.rate // 100 if mode == "play" else rta_jitter_frame_most(self.jitter)
        most *= channels
        self.scratch = cnp.PyArray_ZEROS(1, &most, cnp.NPY_INT16, 0)
        self.room = <int16_t *>cnp.PyArray_DATA(self.scratch)

    def __dealloc__(self):
        rta_jitter_destroy(self.jitter)
        rta_play_destroy(self.play)

    def put(self, seq, timestamp, arrival_ns, payload, *, payload_type=0, ssrc=0):
        """Takes a packet in; says what became of it."""
        cdef Py_buffer view
        cdef rta_jitter_packet packet
        cdef rta_jitter_taken taken
        cdef rta_jitter_refused refused
        packet.seq = whole(seq, "seq", 0xFFFF)
        packet.timestamp = whole(timestamp, "timestamp", 0xFFFFFFFF)
        packet.ssrc = whole(ssrc, "ssrc", 0xFFFFFFFF)
        packet.payload_type = whole(payload_type, "payload_type", 127)
        packet.arrival_ns = time_of(arrival_ns, "arrival_ns")
        PyObject_GetBuffer(payload, &view, PyBUF_SIMPLE)
        try:
            packet.payload = <const uint8_t *>view.buf
            packet.bytes = <uint32_t>min(view.len, 0xFFFFFFFF)
            # With the GIL, so that two threads that use one buffer all the same cannot break it.
            if self.play != NULL:
                refused = rta_play_put(self.play, &packet, &taken)
            else:
                refused = rta_jitter_put(self.jitter, &packet, &taken)
        finally:
            PyBuffer_Release(&view)
        return _REFUSED[refused] if refused != RTA_JITTER_FINE else _TAKEN[taken]

    def get(self, now_ns):
        """The next frame, or None."""
        cdef rta_jitter_frame frame
        cdef int64_t now = time_of(now_ns, "now_ns")
        cdef rta_status status = RTA_OK
        cdef JitterFrame out
        if self.play != NULL:
            rta_play_get(self.play, now, &frame, self.room)
        else:
            status = rta_jitter_get(self.jitter, now, &frame, self.room)
        if status != RTA_OK:
            return None
        out = JitterFrame.__new__(JitterFrame)
        out.kind = _KINDS[frame.kind]
        out.position = frame.position
        out.samples = samples_of(frame.samples, self.channels)
        memcpy(cnp.PyArray_DATA(out.samples), self.room, <size_t>frame.samples * self.channels * 2)
        if frame.kind == RTA_JITTER_AUDIO:
            out.timestamp = frame.timestamp
            if self.play == NULL:
                out.seq, out.arrival_ns = frame.seq, frame.arrival_ns
        return out

    @property
    def due_ns(self):
        """When get() has something next if no packet comes."""
        cdef int64_t due = INT64_MAX if self.play != NULL else rta_jitter_due_ns(self.jitter)
        return None if due == INT64_MAX else due

    def figures(self):
        """Counters."""
        cdef rta_jitter_figures f
        if self.play != NULL:
            rta_play_read_figures(self.play, &f)
        else:
            rta_jitter_read_figures(self.jitter, &f)
        return figures_of(&f)


cdef dict figures_of(const rta_jitter_figures *f):
    return {
            "received": f.packets.received, "used": f.packets.used, "late_discarded": f.packets.late_discarded,
            "duplicate": f.packets.duplicate, "superseded": f.packets.superseded, "queued": f.packets.queued,
            "expected": f.packets.expected, "received_unique": f.packets.received_unique,
            "missing": f.packets.missing, "refused": f.packets.refused, "restarts": f.packets.restarts,
            "totalSamplesReceived": f.total_samples, "concealedSamples": f.concealed_samples,
            "silentConcealedSamples": f.silent_concealed_samples, "concealmentEvents": f.concealment_events,
            "interruptions": f.interruptions, "interruptionSamples": f.interruption_samples,
            "silenceSamples": f.silence_samples, "skippedSamples": f.skipped_samples,
            "jitterBufferEmittedCount": f.emitted_count, "jitterBufferDelay": f.delay_sample_us * 1e-6,
            "fecPacketsReceived": f.fec_received, "fecPacketsDiscarded": f.fec_discarded,
            "fecRecoveredSamples": f.recovered_samples, "corrupt": f.corrupt,
            "timestampJumps": f.timestamp_jumps, "linkLosses": f.link_losses,
            "insertedSamplesForDeceleration": f.inserted_samples, "removedSamplesForAcceleration": f.removed_samples,
            "jitterBufferTargetDelay": f.target_sample_us * 1e-6, "bufferedSamples": f.buffered_samples,
            "target_s": f.target_ns * 1e-9, "wait_s": f.wait_ns * 1e-9, "jitter": f.jitter_ns * 1e-9,
    }
