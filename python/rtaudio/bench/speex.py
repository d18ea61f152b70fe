"""SpeexDSP's echo canceller, where the system has the library (Debian: libspeexdsp1): a peer to compare with."""

from __future__ import annotations

import ctypes
from ctypes.util import find_library
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FRAME: Final = 160
_TAIL: Final = 4096  # 256 ms at 16 kHz
_SET_RATE, _SET_ECHO_STATE = 24, 24

Audio = NDArray[np.float32]


def available() -> bool:
    """Whether the library is there."""
    return find_library("speexdsp") is not None


class SpeexProcessor:
    """Adaptive filter (MDF) with the preprocessor's residual suppression, 16 kHz. OSError without the library."""

    name = "speex"
    delay_samples = 160  # of the preprocessor, which overlaps frames: measured by where an impulse comes out

    def __init__(self) -> None:
        path = find_library("speexdsp")
        if path is None:
            raise OSError("libspeexdsp is not installed (Debian: libspeexdsp1)")
        library: Any = ctypes.CDLL(path)
        library.speex_echo_state_init.restype = library.speex_preprocess_state_init.restype = ctypes.c_void_p
        self._library = library
        self._echo = ctypes.c_void_p(library.speex_echo_state_init(FRAME, _TAIL))
        self._after = ctypes.c_void_p(library.speex_preprocess_state_init(FRAME, 16000))
        rate = ctypes.c_int(16000)
        library.speex_echo_ctl(self._echo, _SET_RATE, ctypes.byref(rate))
        library.speex_preprocess_ctl(self._after, _SET_ECHO_STATE, self._echo)
        denoise = ctypes.c_int(0)
        library.speex_preprocess_ctl(self._after, 0, ctypes.byref(denoise))

    def process(self, mic: Audio, reference: Audio) -> Audio:
        """[160] float32 each."""
        near = np.clip(mic * 32768, -32768, 32767).astype(np.int16)
        far = np.clip(reference * 32768, -32768, 32767).astype(np.int16)
        out = np.zeros(FRAME, np.int16)
        pointers = [ctypes.c_void_p(each.ctypes.data) for each in (near, far, out)]
        self._library.speex_echo_cancellation(self._echo, *pointers)
        self._library.speex_preprocess_run(self._after, pointers[2])
        return (out / np.float32(32768)).astype(np.float32)

    def __del__(self) -> None:
        if hasattr(self, "_after"):
            self._library.speex_preprocess_state_destroy(self._after)
            self._library.speex_echo_state_destroy(self._echo)
