"""How concealed speech sounds: PLCMOS (Microsoft's estimate of a listener's mark, 1 to 5, for packet loss
concealment) of ours, of the last packet repeated, and of silence, at random and bursty loss of 20 ms packets, 16 kHz.

PLCMOS comes with the package speechmos, which is installed by hand: it is wanted here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtaudio import JitterBuffer, resample

Samples = NDArray[np.int16]
RATE, PACKET = 16000, 320
LOSSES = (0.01, 0.03, 0.05, 0.10, 0.20, 0.30)
BURST = 3.0  # packets on average


def lost_packets(count: int, loss: float, bursty: bool, seed: int) -> NDArray[np.bool_]:
    """Which packets are lost; never the first 10. Bursty: a two-state Markov chain (Gilbert)."""
    rng = np.random.default_rng(seed)
    draw = rng.random(count)
    lost = draw < loss
    if bursty:
        stay, fall = 1 - 1 / BURST, loss / (1 - loss) / BURST
        state = False
        for k in range(count):
            state = bool(draw[k] < (stay if state else fall))
            lost[k] = state
    lost[:10] = False
    return lost


def ours(sound: Samples, lost: NDArray[np.bool_]) -> Samples:
    """Through the jitter buffer, which knows of a loss by the next packet and then does not wait."""
    buffer = JitterBuffer(RATE, wait_least_s=0, wait_most_s=0)
    out = []
    for k in np.flatnonzero(~lost):
        now = int(k) * 20_000_000
        buffer.put(int(k) & 0xFFFF, int(k) * PACKET, now, sound[k * PACKET : (k + 1) * PACKET].tobytes())
        while (frame := buffer.get(now)) is not None:
            out.append(frame.samples)
    return np.concatenate(out)


def repeated(sound: Samples, lost: NDArray[np.bool_]) -> Samples:
    """The last packet that came, again and again."""
    out = sound.copy().reshape(-1, PACKET)
    for k in np.flatnonzero(lost):
        out[k] = out[k - 1]
    return out.reshape(-1)


def silenced(sound: Samples, lost: NDArray[np.bool_]) -> Samples:
    """Zeros."""
    out = sound.copy().reshape(-1, PACKET)
    out[lost] = 0
    return out.reshape(-1)


METHODS: dict[str, Callable[[Samples, NDArray[np.bool_]], Samples]] = {
    "ours": ours,
    "repeat": repeated,
    "zero": silenced,
}


def load(path: Path) -> Samples:
    """A WAV file as 16 kHz mono, a whole number of packets."""
    import soundfile  # type: ignore[import-untyped]

    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = np.ascontiguousarray(sound.mean(axis=1), np.float32)
    if rate != RATE:
        mono = resample(mono, rate, RATE, quality="vhq")
    whole = len(mono) // PACKET * PACKET
    if whole < 50 * PACKET:
        raise ValueError(f"{path}: shorter than a second")
    return np.asarray(np.clip(mono[:whole] * 32767, -32768, 32767), np.int16)


def measure(paths: list[Path], progress: Callable[[str], None], seed: int = 1) -> dict[str, Any]:
    """{"random"|"bursts": [{"loss", "ours", "repeat", "zero"}]}, means over the files. ValueError: no speechmos."""
    try:
        from speechmos import plcmos  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise ValueError("--speech is judged by PLCMOS: pip install speechmos onnxruntime") from None
    sounds = [load(path) for path in paths]
    marks: dict[str, Any] = {"files": len(sounds), "random": [], "bursts": []}
    for kind in ("random", "bursts"):
        for loss in LOSSES:
            row: dict[str, float] = {"loss": loss}
            for name, method in METHODS.items():
                found = []
                for n, sound in enumerate(sounds):
                    lost = lost_packets(len(sound) // PACKET, loss, kind == "bursts", seed + n)
                    out = method(sound, lost).astype(np.float32) / 32768
                    found.append(float(plcmos.run(out, sr=RATE)["plcmos"]))
                row[name] = float(np.mean(found))
            progress(f"{kind} {loss:.0%}: " + ", ".join(f"{name} {row[name]:.2f}" for name in METHODS))
            marks[kind].append(row)
    return marks
