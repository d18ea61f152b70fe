# SPDX-License-Identifier: Apache-2.0
#
# udp.pxi: a UDP socket that the engine serves (csrc/udp.h, csrc/line_socket.h); part of _engine.pyx.

import os

from libc.errno cimport errno


cdef uint32_t whole(object value, str what, uint32_t most) except? 0xFFFFFFFF:
    if not 0 <= value <= most:
        raise ValueError(f"{what}={value!r}: expected 0 .. {most}")
    return value


cdef int address_of(object address, str what, rta_socket_address *out) except -1:
    """(host, port, ...) with a numeric host."""
    try:
        host, port = address[0], address[1]
        encoded = host.encode()
    except (TypeError, LookupError, AttributeError):
        raise TypeError(f"{what}: expected (address, port), got {address!r}") from None
    if rta_socket_address_parse(out, encoded, whole(port, f"{what}: port", 0xFFFF)) != RTA_OK:
        raise ValueError(f"{what}: {host!r} is no IPv4 or IPv6 address; look a name up first (socket.getaddrinfo)")
    return 0


cdef class UdpSocket:
    """A UDP socket that an engine serves in its tick."""

    cdef rta_udp *udp
    cdef rta_socket_address bound
    cdef bint used  # by a line of an engine

    def __cinit__(self, str host="0.0.0.0", port=0):
        cdef rta_status status
        address_of((host, port), "UdpSocket", &self.bound)
        status = rta_udp_open(&self.udp, host.encode(), port)
        if status == RTA_SYSTEM:
            raise OSError(errno, f"UdpSocket({host!r}, {port}): {os.strerror(errno)}")
        if status != RTA_OK:
            raise failure(status, "UdpSocket")

    def __dealloc__(self):
        rta_udp_close(self.udp)

    cdef rta_udp *open(self) except NULL:
        if self.udp == NULL:
            raise PortClosed("the socket is closed")
        return self.udp

    @property
    def address(self):
        """(address, port) where it is bound."""
        cdef char text[64]
        cdef uint16_t port = 0
        if rta_udp_bound(self.open(), text, &port) != RTA_OK:
            raise OSError("UdpSocket: the system does not say where it is bound")
        return (<bytes>text).decode(), port

    @property
    def closed(self):
        """Whether close() was called."""
        return self.udp == NULL

    def figures(self):
        """Counters of csrc/udp.h."""
        cdef rta_udp_figures f
        rta_udp_figures_read(self.open(), &f)
        return {
            "sent": f.sent,
            "sent_bytes": f.sent_bytes,
            "send_full": f.send_full,
            "send_errors": f.send_errors,
            "send_refused": f.send_refused,
            "received": f.received,
            "received_bytes": f.received_bytes,
            "too_long": f.too_long,
            "receive_errors": f.receive_errors,
        }

    def close(self):
        """Gives the port back. The line that uses it must be removed first."""
        if self.used:
            raise RuntimeError("a line still uses this socket; remove it from its engine first")
        rta_udp_close(self.udp)
        self.udp = NULL


cdef int socket_of(UdpSocket socket, object rtp, object send_to, bint receives, uint32_t rate,
                   rta_socket_config *out) except -1:
    """What Engine.add() was told of a socket."""
    cdef const char *why = NULL
    cdef rta_status status
    memset(out, 0, sizeof(out[0]))
    if socket is None:
        if rtp is not None or send_to is not None:
            raise ValueError("rtp, send_to: say with socket=UdpSocket(...) what they are to be sent from")
        return 0
    out.udp = socket.open()
    if socket.used:
        raise RuntimeError("socket: another line uses it; each has one of its own")
    out.receives, out.sends = receives, rtp is not None
    if rtp is None:
        if not receives:
            raise ValueError("socket: give packets= to hear what comes, rtp= to send what is said, or both")
        if send_to is not None:
            raise ValueError("send_to: say with rtp=RtpConfig(...) as what it is to be sent")
        return 0
    capsule = getattr(rtp, "capsule", None)
    if not PyCapsule_IsValid(capsule, "rtaudio.rtp_config"):
        raise TypeError(f"rtp: expected an RtpConfig, got {type(rtp).__name__}")
    out.rtp = (<const rta_rtp_sender_config *>PyCapsule_GetPointer(capsule, "rtaudio.rtp_config"))[0]
    if out.rtp.encoder.codec == RTA_CODEC_OPUS:
        bind_opus()
    status = rta_line_socket_check(out, rate, &why)
    if status == RTA_INVALID:
        raise ValueError(f"rtp: {rtp!r} from the port's {rate} Hz: {why.decode()}")
    if status != RTA_OK:
        raise failure(status, "rtp")
    if send_to is None:
        if not receives:
            raise ValueError("send_to: where to? Only a line with packets= can send to whom it hears")
        return 0
    address_of(send_to, "send_to", &out.send_to)
    if out.send_to.length != socket.bound.length:
        raise ValueError(f"send_to: {send_to[0]!r} is of another family than {socket.address[0]!r}, where the socket is "
                         f"bound (IPv4 over a socket at '::' is '::ffff:192.0.2.1')")
    if send_to[1] == 0:
        raise ValueError("send_to: port 0 cannot be sent to")
    return 0
