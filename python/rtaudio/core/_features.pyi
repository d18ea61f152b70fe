"""Features of speech for turn models (csrc/kernels/). The same bits on every instruction set (law 5)."""

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

class Prosody(TypedDict):
    """How speech ended; csrc/kernels/prosody.h says how each is measured. NaN: not to be found."""

    energy_end: int
    """Samples of the input up to the energy end of speech."""
    f0_move_st: float
    f0_end_st: float
    f0_floor_st: float
    f0_range_st: float
    last_syllable_s: float
    last_nucleus_s: float
    syllable_rate: float
    syllables: float
    speech_s: float
    noise_dbfs: float
    speech_dbfs: float
    decay_db: float
    end_voiced: float

class LogMel:
    """Whisper's log-mel spectrogram of the last 8 s (csrc/kernels/log_mel.h). Immutable; any thread, many at once."""
    def __init__(self, instruction_set: str | None = None) -> None:
        """`instruction_set`: default the fastest here; ValueError for one that this machine has not."""
    @property
    def instruction_set(self) -> str: ...
    def run(self, samples: NDArray[np.float32], out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """samples: (n,) at 16 kHz, nominally in [-1, 1], of which the last 128000 count, after silence.
        Gives features, float32 (80, 800), band by band, in `out` if given. Samples that are not finite, or beyond
        2**20, count as 0. Raises TypeError, ValueError. The GIL is released."""

def prosody(samples: NDArray[np.float32], speech_start: int = 0) -> Prosody:
    """samples: (n,) float32 at 16 kHz, of which the last 8 s count. `speech_start`: where speech began among them;
    what lies before it tells of noise only. Raises TypeError, ValueError. The GIL is released."""

def pitch_track(samples: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """F0 by YIN (csrc/kernels/pitch.h). samples: (n,) float32 at 16 kHz, n <= 128000. Gives, for each 10 ms, F0 in Hz
    (0: unvoiced) and periodicity (0..1); frame i is centred on sample 160 i + 80. Raises TypeError, ValueError."""
