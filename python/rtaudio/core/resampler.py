"""One class for every change of rate: our own filter for live streams, soxr for files and recordings."""

from __future__ import annotations

import operator
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from rtaudio.core._resample import FROM_RATES, TO_RATES, FirResampler

__all__ = ["FROM_RATES", "TO_RATES", "Resampler", "resample"]

Quality = Literal["fir", "vhq"]
Dtype = Literal["float32", "int16"]
S = TypeVar("S", np.float32, np.int16)


class _Stream(Protocol):
    """What `Resampler` needs of either way to resample."""

    @property
    def delay_samples(self) -> int: ...
    def process(self, x: Any) -> Any: ...
    def flush(self) -> Any: ...
    def reset(self) -> None: ...


class Resampler:
    """Changes the rate of one stream, chunk by chunk.

    ``quality="fir"`` (live audio): a polyphase Kaiser FIR, mono, from any of `FROM_RATES` to any of `TO_RATES`. Its
    delay is constant and declared: ``delay_samples`` output samples, at most 2 ms (4 ms where a side is below 16 kHz).
    Tones at and above the lower Nyquist come out at -90 dB or less; it is flat within 0.1 dB up to 0.8 of the lower
    Nyquist. Chunking never changes the output, nor does the instruction set.

    ``quality="vhq"`` (files, recordings): the soxr package at its very high quality, any rates, any number of
    channels. Its output is aligned with its input (``delay_samples`` is 0), but it comes in bursts: how much is held
    back varies, up to 150 ms and more at low rates, and is to be read from ``held_samples`` after each chunk. soxr
    adds dither to int16.

    Arrays are [n] (mono), or [n, channels] for ``channels`` > 1. Thread rule: one stream belongs to one thread.
    """

    __slots__ = ("_stream", "channels", "dtype", "from_rate", "quality", "to_rate")

    _stream: _Stream

    def __init__(
        self,
        from_rate: int,
        to_rate: int,
        *,
        quality: Quality = "fir",
        dtype: Dtype = "float32",
        channels: int = 1,
    ) -> None:
        """ValueError for a pair of rates, quality, dtype or number of channels that is not served."""
        if quality == "fir":
            if channels != 1:
                raise ValueError(f"quality='fir' is mono, got channels={channels}; quality='vhq' takes any number")
            self._stream = FirResampler(from_rate, to_rate, dtype)
        elif quality == "vhq":
            self._stream = _SoxrStream(from_rate, to_rate, dtype, channels)
        else:
            raise ValueError(f"quality {quality!r}: expected 'fir' or 'vhq'")
        self.from_rate = from_rate
        self.to_rate = to_rate
        self.quality = quality
        self.dtype = dtype
        self.channels = channels

    @property
    def delay_samples(self) -> int:
        """By how many output samples the output lies behind the input. Constant."""
        return self._stream.delay_samples

    @property
    def held_samples(self) -> int:
        """Output samples owed for what was taken so far: what `flush` would give now. (For a stream not yet flushed.)

        Constant (``delay_samples``) for ``fir``, varying for ``vhq``.
        """
        return self._stream.held_samples if isinstance(self._stream, _SoxrStream) else self._stream.delay_samples

    def process(self, x: NDArray[S]) -> NDArray[S]:
        """Takes a chunk of any length, also none; gives what can be given: a new array, possibly empty.

        TypeError for another dtype; ValueError for another shape, an array that is not contiguous, a sample that is
        not finite (the error names the first; nothing of the chunk is taken), and after `flush`.
        """
        out: NDArray[S] = self._stream.process(x)
        return out

    def flush(self) -> NDArray[Any]:
        """The rest, as if silence followed. Afterwards only `reset` is allowed.

        With ``fir`` the whole output is then ``delay_samples + ceil(n * to_rate / from_rate)`` long.
        """
        out: NDArray[Any] = self._stream.flush()
        return out

    def reset(self) -> None:
        """Begins a new stream, as if newly made."""
        self._stream.reset()


class _SoxrStream:
    """soxr.ResampleStream with the checks of the compiled one."""

    delay_samples = 0

    def __init__(self, from_rate: int, to_rate: int, dtype: str, channels: int) -> None:
        if dtype not in ("float32", "int16"):
            raise ValueError(f"dtype {dtype!r}: expected 'float32' or 'int16'")
        for rate in (from_rate, to_rate):
            if operator.index(rate) <= 0:
                raise ValueError(f"rate {rate!r}: expected a positive whole number of Hz")
        if channels < 1:
            raise ValueError(f"channels={channels}: expected 1 or more")
        import soxr  # type: ignore[import-untyped]  # not at the top: live streams never need it

        self._soxr = soxr.ResampleStream(from_rate, to_rate, channels, dtype=dtype, quality="VHQ")
        self._dtype = np.dtype(dtype)
        self._channels = channels
        self._flushed = False

    @property
    def held_samples(self) -> int:
        return 0 if self._flushed else round(self._soxr.delay())

    def process(self, x: Any) -> Any:
        if self._flushed:
            raise ValueError("resampler: the stream was flushed; reset() begins a new one")
        _check(x, self._dtype, self._channels)
        return self._soxr.resample_chunk(x)

    def flush(self) -> Any:
        if self._flushed:
            raise ValueError("resampler: the stream was flushed; reset() begins a new one")
        self._flushed = True
        nothing = np.empty(0 if self._channels == 1 else (0, self._channels), self._dtype)
        return self._soxr.resample_chunk(nothing, last=True)

    def reset(self) -> None:
        self._flushed = False
        self._soxr.clear()


def _check(x: Any, dtype: np.dtype[Any] | None, channels: int | None) -> None:
    """dtype None: float32 or int16; channels None: any, by the shape."""
    if not isinstance(x, np.ndarray):
        raise TypeError(f"resampler input: expected a NumPy array, got {type(x).__name__}")
    if x.dtype not in ([np.dtype(np.float32), np.dtype(np.int16)] if dtype is None else [dtype]):
        raise TypeError(f"resampler input: expected dtype {dtype or 'float32 or int16'}, got {x.dtype}")
    mono = x.ndim == 1
    if not (mono if channels == 1 else x.ndim == 2 if channels else x.ndim in (1, 2)):
        raise ValueError(f"resampler input: expected {'[n]' if channels == 1 else '[n, channels]'}, got {x.shape}")
    if not mono and x.shape[1] != (channels or x.shape[1]):
        raise ValueError(f"resampler input: expected {channels} channels, got shape {x.shape}")
    if not x.flags.c_contiguous:
        raise ValueError("resampler input: expected a contiguous array; pass numpy.ascontiguousarray(x)")
    if x.dtype == np.float32 and not np.isfinite(x).all():
        first = np.argwhere(~np.isfinite(x))[0]
        raise ValueError(f"resampler input: sample {first[0]} is {x[tuple(first)]}, not finite; nothing was taken")


def resample(x: NDArray[S], from_rate: int, to_rate: int, *, quality: Quality = "vhq") -> NDArray[S]:
    """Resamples a whole recording at once, aligned: output sample k lies at the time k / to_rate of the input.

    x: float32 or int16, [n], or [n, channels] with ``quality="vhq"``. The result has about n * to_rate / from_rate
    samples (rounded up with ``fir``). Equal rates give a copy. Errors as `Resampler.process`.
    """
    _check(x, None, None)
    if quality == "fir":
        if x.ndim != 1:
            raise ValueError(f"quality='fir' is mono, got shape {x.shape}; quality='vhq' takes any number of channels")
        stream = Resampler(from_rate, to_rate, dtype="int16" if x.dtype == np.int16 else "float32")
        whole: NDArray[S] = np.concatenate([stream.process(x), stream.flush()])
        return whole[stream.delay_samples :]
    channels = 1 if x.ndim == 1 else x.shape[1]
    rest = Resampler(
        from_rate, to_rate, quality=quality, dtype="int16" if x.dtype == np.int16 else "float32", channels=channels
    )
    if from_rate == to_rate:
        return x.copy()
    joined: NDArray[S] = np.concatenate([rest.process(x), rest.flush()])
    return joined
