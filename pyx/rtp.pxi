# SPDX-License-Identifier: Apache-2.0
#
# rtp.pxi: csrc/rtp.h. Bytes are copied out of what is parsed, so that a packet outlives the buffer it came in.

cdef extern from "rtp.h" nogil:
    ctypedef enum rta_rtp_result:
        RTA_RTP_OK
    ctypedef struct rta_rtp_packet:
        uint8_t payload_type
        bint marker
        bint has_extension
        uint8_t csrc_count
        uint8_t padding_bytes
        uint16_t seq
        uint32_t timestamp
        uint32_t ssrc
        uint32_t csrc[15]
        uint16_t extension_profile
        uint32_t extension_bytes
        uint32_t payload_bytes
        const uint8_t *extension
        const uint8_t *payload
    rta_rtp_result rta_rtp_parse(const uint8_t *data, size_t count, rta_rtp_packet *packet)
    const char *rta_rtp_result_text(rta_rtp_result result)
    rta_status rta_rtp_build(const rta_rtp_packet *packet, uint8_t *out, size_t room, size_t *count)
    bint rta_rtp_is_rtcp(const uint8_t *data, size_t count)


class RtpMalformed(ValueError):
    """These bytes are no RTP packet."""


cdef uint32_t whole(object value, str what, uint32_t most) except? 0xFFFFFFFF:
    if not 0 <= value <= most:
        raise ValueError(f"{what}={value!r}: expected 0 .. {most}")
    return value


cdef class RtpPacket:
    """One RTP packet."""

    cdef readonly int payload_type
    cdef readonly bint marker
    cdef readonly int seq
    cdef readonly uint32_t timestamp
    cdef readonly uint32_t ssrc
    cdef readonly tuple csrcs
    cdef readonly object extension
    cdef readonly bytes payload
    cdef readonly int padding_bytes

    def __init__(self, payload_type, seq, timestamp, ssrc, payload=b"", *, marker=False, csrcs=(), extension=None,
                 padding_bytes=0):
        self.payload_type = whole(payload_type, "payload_type", 127)
        self.seq = whole(seq, "seq", 0xFFFF)
        self.timestamp = whole(timestamp, "timestamp", 0xFFFFFFFF)
        self.ssrc = whole(ssrc, "ssrc", 0xFFFFFFFF)
        self.payload = bytes(memoryview(payload))
        self.marker = marker
        self.csrcs = tuple([whole(each, "csrcs", 0xFFFFFFFF) for each in csrcs])
        if len(self.csrcs) > 15:
            raise ValueError(f"csrcs: {len(self.csrcs)} of them; at most 15 have room")
        self.padding_bytes = whole(padding_bytes, "padding_bytes", 255)
        if extension is not None:
            profile, data = extension
            extension = (int(whole(profile, "extension profile", 0xFFFF)), bytes(memoryview(data)))
            if len(extension[1]) % 4:
                raise ValueError(f"extension: {len(extension[1])} bytes are not a whole number of 32-bit words")
        self.extension = extension

    @staticmethod
    def parse(data):
        """Reads one packet."""
        cdef Py_buffer view
        cdef rta_rtp_packet p
        cdef rta_rtp_result result
        cdef RtpPacket packet = RtpPacket.__new__(RtpPacket)
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            result = rta_rtp_parse(<const uint8_t *>view.buf, <size_t>view.len, &p)
            if result != RTA_RTP_OK:
                raise RtpMalformed(f"RTP packet of {view.len} bytes: {rta_rtp_result_text(result).decode()}")
            packet.payload = PyBytes_FromStringAndSize(<const char *>p.payload, p.payload_bytes)
            if p.has_extension:
                packet.extension = (p.extension_profile,
                                    PyBytes_FromStringAndSize(<const char *>p.extension, p.extension_bytes))
        finally:
            PyBuffer_Release(&view)
        packet.payload_type, packet.marker, packet.seq = p.payload_type, p.marker, p.seq
        packet.timestamp, packet.ssrc, packet.padding_bytes = p.timestamp, p.ssrc, p.padding_bytes
        packet.csrcs = tuple([p.csrc[i] for i in range(p.csrc_count)])
        return packet

    def build(self):
        """The packet as it is sent."""
        cdef rta_rtp_packet p
        cdef bytes extension = b"" if self.extension is None else self.extension[1]
        cdef size_t count = 0
        cdef rta_status status
        p.payload_type, p.marker, p.seq = self.payload_type, self.marker, self.seq
        p.timestamp, p.ssrc, p.padding_bytes = self.timestamp, self.ssrc, self.padding_bytes
        p.csrc_count = len(self.csrcs)
        for i in range(p.csrc_count):
            p.csrc[i] = self.csrcs[i]
        p.has_extension = self.extension is not None
        p.extension_profile = self.extension[0] if p.has_extension else 0
        p.extension_bytes, p.extension = len(extension), <const uint8_t *>PyBytes_AS_STRING(extension)
        p.payload_bytes, p.payload = len(self.payload), <const uint8_t *>PyBytes_AS_STRING(self.payload)
        status = rta_rtp_build(&p, NULL, 0, &count)
        if status == RTA_INVALID:
            raise ValueError(f"a packet with {len(self.payload)} bytes of payload and {len(extension)} of extension is "
                             f"longer than 65535 bytes")
        cdef bytes out = PyBytes_FromStringAndSize(NULL, count)
        rta_rtp_build(&p, <uint8_t *>PyBytes_AS_STRING(out), count, &count)
        return out

    def __eq__(self, other):
        return isinstance(other, RtpPacket) and self._fields() == (<RtpPacket>other)._fields()

    def __hash__(self):
        return hash(self._fields())

    def __repr__(self):
        return (f"RtpPacket(payload_type={self.payload_type}, seq={self.seq}, timestamp={self.timestamp}, "
                f"ssrc={self.ssrc:#x}, payload={len(self.payload)} bytes)")

    cdef tuple _fields(self):
        return (self.payload_type, self.marker, self.seq, self.timestamp, self.ssrc, self.csrcs, self.extension,
                self.payload, self.padding_bytes)


def is_rtcp(data):
    """Whether bytes that came in on a shared port are RTCP."""
    cdef Py_buffer view
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        return bool(rta_rtp_is_rtcp(<const uint8_t *>view.buf, <size_t>view.len))
    finally:
        PyBuffer_Release(&view)
