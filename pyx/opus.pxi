# SPDX-License-Identifier: Apache-2.0
#
# opus.pxi: csrc/opus_library.h: libopus is found and bound when an Opus codec is first made, in each compiled module.

from rtaudio.core import libopus as _libopus

cdef extern from "opus_library.h" nogil:
    ctypedef struct rta_opus_library:
        const char *(*get_version_string)() noexcept nogil
    rta_status rta_opus_bind(const char *path, char *why, size_t why_bytes)
    const rta_opus_library *rta_opus()


cdef int bind_opus() except -1:
    """Finds and binds libopus, once for each compiled module."""
    cdef char why[256]
    cdef bytes path
    if rta_opus() == NULL:
        path = _libopus.find_libopus().encode()
        why[0] = 0
        if rta_opus_bind(path, why, sizeof(why)) != RTA_OK:
            raise _libopus.refused(path.decode(), (<bytes>why).decode(errors="replace"))
    return 0
