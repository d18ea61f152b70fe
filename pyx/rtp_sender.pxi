# SPDX-License-Identifier: Apache-2.0
#
# rtp_sender.pxi: csrc/rtp_sender.h. Include after rtp.pxi, arrays.pxi and codec.pxi.

import secrets as _secrets

from cpython.pycapsule cimport PyCapsule_New

cdef extern from "dsp.h" nogil:
    uint64_t rta_first_nonfinite(const float *samples, uint64_t count)

cdef extern from "rtp_sender.h" nogil:
    ctypedef struct rta_rtp_sender_config:
        rta_encoder_config encoder
        uint32_t input_rate
        uint8_t payload_type
        uint16_t seq
        uint32_t timestamp, ssrc
    ctypedef struct rta_rtp_sender_figures:
        uint64_t samples, packets, payload_bytes, frames, silent_frames, cuts
    ctypedef struct rta_rtp_sender
    rta_status rta_rtp_sender_check(const rta_rtp_sender_config *config, const char **why)
    rta_status rta_rtp_sender_create(rta_rtp_sender **out, const rta_rtp_sender_config *config)
    void rta_rtp_sender_destroy(rta_rtp_sender *sender)
    rta_status rta_rtp_sender_take(rta_rtp_sender *sender, const float *samples, uint64_t count, uint64_t *used,
                                   const uint8_t **packet, size_t *count_bytes)
    void rta_rtp_sender_cut(rta_rtp_sender *sender)
    uint32_t rta_rtp_sender_delay_samples(const rta_rtp_sender *sender)
    void rta_rtp_sender_read_figures(const rta_rtp_sender *sender, rta_rtp_sender_figures *figures)


cdef int begin_stream(rta_rtp_sender_config *config, ssrc, seq, timestamp) except -1:
    """The first packet's numbers; None: at random."""
    config.ssrc = whole(_secrets.randbits(32) if ssrc is None else ssrc, "ssrc", 0xFFFFFFFF)
    config.seq = whole(_secrets.randbits(15) if seq is None else seq, "seq", 0xFFFF)
    config.timestamp = whole(_secrets.randbits(32) if timestamp is None else timestamp, "timestamp", 0xFFFFFFFF)
    return 0


cdef class RtpConfig:
    """As what sound is sent."""

    cdef rta_rtp_sender_config config
    cdef tuple begin
    cdef readonly str codec
    cdef readonly int rate, payload_type, clock_rate
    cdef readonly double frame_s

    def __init__(self, codec, rate, *, payload_type, ssrc=None, seq=None, timestamp=None, frame_s=0.02, bitrate=None,
                 complexity=None, dtx=False, fec=False, expected_loss=0.1):
        encoder_config(&self.config.encoder, codec, rate, 1, frame_s, bitrate, complexity, dtx, fec, expected_loss)
        self.config.payload_type = whole(payload_type, "payload_type", 127)
        begin_stream(&self.config, ssrc, seq, timestamp)  # says what is wrong
        self.begin = ssrc, seq, timestamp
        self.codec, self.rate, self.payload_type, self.frame_s = codec, rate, payload_type, frame_s
        self.clock_rate = rta_codec_clock(self.config.encoder.codec, self.config.encoder.rate)

    @property
    def capsule(self):
        """For Engine.add(), which copies it at once: numbers that were not given are new each time."""
        begin_stream(&self.config, self.begin[0], self.begin[1], self.begin[2])
        return PyCapsule_New(&self.config, "rtaudio.rtp_config", NULL)

    def __repr__(self):
        return (f"RtpConfig({self.codec!r}, {self.rate}, payload_type={self.payload_type}, "
                f"frame_s={self.frame_s:g})")


cdef class RtpSender:
    """From what is put out to RTP packets."""

    cdef rta_rtp_sender *sender
    cdef readonly RtpConfig config
    cdef readonly int input_rate
    cdef readonly int delay_samples
    cdef readonly object ssrc

    def __cinit__(self, input_rate, RtpConfig stream not None):
        cdef const char *why = NULL
        cdef rta_rtp_sender_config config = stream.config
        config.input_rate = whole(input_rate, "input_rate", 1 << 20)
        begin_stream(&config, stream.begin[0], stream.begin[1], stream.begin[2])
        if rta_rtp_sender_check(&config, &why) != RTA_OK:
            raise ValueError(f"RTP sender of {stream.codec} at {stream.rate} Hz from {input_rate} Hz: {why.decode()}")
        if rta_rtp_sender_create(&self.sender, &config) != RTA_OK:
            raise MemoryError("RTP sender: no memory")
        self.config, self.input_rate, self.ssrc = stream, input_rate, config.ssrc
        self.delay_samples = rta_rtp_sender_delay_samples(self.sender)

    def __dealloc__(self):
        rta_rtp_sender_destroy(self.sender)

    def write(self, samples):
        """Takes samples; the packets that they complete."""
        cdef cnp.ndarray array = sample_array(samples, cnp.NPY_FLOAT32, "samples", "float32")
        cdef const float *at = <const float *>cnp.PyArray_DATA(array)
        cdef uint64_t left = cnp.PyArray_SIZE(array), used = 0
        cdef const uint8_t *packet = NULL
        cdef size_t count = 0
        cdef list packets = []
        if rta_first_nonfinite(at, left) != left:
            raise ValueError(f"samples[{rta_first_nonfinite(at, left)}] is not finite")
        while rta_rtp_sender_take(self.sender, at, left, &used, &packet, &count) == RTA_OK:
            packets.append(PyBytes_FromStringAndSize(<const char *>packet, count))
            at += used
            left -= used
        return packets

    def cut(self):
        """What is written from now on comes after a flush."""
        rta_rtp_sender_cut(self.sender)

    def figures(self):
        """Counters."""
        cdef rta_rtp_sender_figures f
        rta_rtp_sender_read_figures(self.sender, &f)
        return {"samples": f.samples, "packetsSent": f.packets, "bytesSent": f.payload_bytes, "frames": f.frames,
                "silent_frames": f.silent_frames, "cuts": f.cuts}
