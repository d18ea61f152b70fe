"""A voice-activity kernel that takes anything loud for speech: exact onsets for tests.

It is called by the engine through the table of csrc/vad.h like any other kernel, but runs in Python: for simulations
only, never under the engine's thread.
"""

from __future__ import annotations

import ctypes
from typing import Any, Final

import numpy as np

_RUN = ctypes.CFUNCTYPE(
    None,
    ctypes.c_void_p,
    ctypes.c_uint32,
    ctypes.POINTER(ctypes.POINTER(ctypes.c_float)),
    ctypes.POINTER(ctypes.POINTER(ctypes.c_float)),
    ctypes.POINTER(ctypes.c_float),
    ctypes.c_void_p,
)
_CAPSULE_NAME: Final = b"rtaudio.vad_kernel"
_WINDOW: Final = 512


class _Kernel(ctypes.Structure):
    _fields_ = (
        ("model", ctypes.c_void_p),
        ("rate", ctypes.c_uint32),
        ("window_samples", ctypes.c_uint32),
        ("state_floats", ctypes.c_uint32),
        ("max_batch", ctypes.c_uint32),
        ("scratch_bytes", ctypes.c_size_t),
        ("run", _RUN),
        ("context_samples", ctypes.c_uint32),
    )


class EnergyVad:
    """Probability `speech` for a window of 512 samples with an RMS above `threshold` (full scale 1), else `silence`."""

    def __init__(self, threshold: float = 0.01, speech: float = 0.95, silence: float = 0.02) -> None:
        limit = threshold * threshold * _WINDOW

        def run(_model: Any, batch: int, _states: Any, windows: Any, probabilities: Any, _scratch: Any) -> None:
            for row in range(batch):
                window = np.ctypeslib.as_array(windows[row], (_WINDOW,))
                probabilities[row] = speech if float(window @ window) > limit else silence

        self._table = _Kernel(None, 16000, _WINDOW, 1, 8, 64, _RUN(run), 0)
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        self._capsule: object = new(ctypes.addressof(self._table), _CAPSULE_NAME, None)

    @property
    def kernel(self) -> object:
        """Capsule "rtaudio.vad_kernel"; valid as long as this object."""
        return self._capsule
