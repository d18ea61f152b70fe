# SPDX-License-Identifier: Apache-2.0
#
# _network.pyx: what lies between a network and the audio, for Python: csrc/rtp.h (rtp.pxi), csrc/codec.h (codec.pxi),
# csrc/rtp_sender.h (rtp_sender.pxi),
# csrc/jitter.h (jitter.pxi) and how a line's packets are read (packets.pxi). Arguments are checked here; what is decided is
# decided in the core.

cimport numpy as cnp
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport INT64_MAX, int16_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

cnp.import_array()

cdef extern from "base.h":
    ctypedef enum rta_status:
        RTA_OK
        RTA_FULL
        RTA_INVALID
        RTA_NOMEM

include "arrays.pxi"
include "rtp.pxi"
include "opus.pxi"
include "codec.pxi"
include "rtp_sender.pxi"
include "jitter.pxi"
include "packets.pxi"
