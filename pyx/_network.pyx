# SPDX-License-Identifier: Apache-2.0
#
# _network.pyx: what lies between a network and the audio, for Python: csrc/rtp.h (rtp.pxi) and csrc/jitter.h
# (jitter.pxi). Arguments are checked here; what is decided is decided in the core.

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint16_t, uint32_t

cdef extern from "base.h":
    ctypedef enum rta_status:
        RTA_OK
        RTA_FULL
        RTA_INVALID

include "rtp.pxi"
