"""Speech to text with pocketsphinx: US English, in this process, no network; the package carries its model.

A small recogniser of the old school: it is right on clear speech in short sentences (one word in forty wrong on the
voice of HibariTTS) and wrong in about a third of the words of people at large. Its use is that it is always there.

Decoders are not thread-safe, hold 60 MB each, and take 0.6 s to load, so a provider keeps a small pool; a stream takes
a decoder when its first audio comes and gives it back when it is over. Each stream begins with the same cepstral mean,
so that a turn's text depends on its own audio alone (law 5).

The package holds the interpreter's lock while it computes. Audio is therefore decoded in pieces of 20 ms, which take
2 to 5 ms on one core and now and then 15; nothing on the audio path waits for them (law 4).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Final
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from rtaudio.providers.packages import load, need
from rtaudio.providers.worker import Worker
from rtaudio.voice.protocols import Audio, ProviderError, Transcript

RATE: Final = 16000

_PIECE_SAMPLES: Final = RATE // 50


class PocketsphinxSTT:
    """pocketsphinx as an STT provider.

    decoders   turns that can be recognised at the same time; a further stream waits, its audio kept
    waiting_s  audio a stream may hold undecoded; beyond it `push` raises BufferError
    options    further settings of pocketsphinx.Decoder by name (`lm=`, `dict=`, `hmm=`, `jsgf=`)
    """

    name = "pocketsphinx"

    def __init__(self, *, decoders: int = 1, waiting_s: float = 60.0, options: dict[str, object] | None = None) -> None:
        if decoders < 1:
            raise ValueError(f"decoders is {decoders}; at least one is needed")
        need("pocketsphinx", extra="local", wanted_by="PocketsphinxSTT")
        # fwdflat is a second pass at the end of a turn. On the voices tried it mended nothing and cost 50 ms there.
        self._options: dict[str, object] = {"samprate": RATE, "loglevel": "FATAL", "fwdflat": False} | (options or {})
        self._seats = [_Seat(index, self._options) for index in range(decoders)]
        self._pool = list(self._seats)
        self._streams: WeakSet[PocketsphinxStream] = WeakSet()
        self._waiting: deque[asyncio.Future[_Seat]] = deque()
        self.waiting_samples = int(waiting_s * RATE)

    def stream(self) -> PocketsphinxStream:
        """Opens recognition of one turn. To be called on the event loop."""
        stream = PocketsphinxStream(self)
        self._streams.add(stream)
        return stream

    async def warm_up(self) -> None:
        """Loads the model into every decoder that is free."""
        for seat in list(self._pool):
            await seat.worker.submit(seat.load)

    async def aclose(self) -> None:
        """Closes streams still open, and ends the decoders' threads."""
        for stream in list(self._streams):
            await stream.aclose()
        for seat in self._seats:
            seat.worker.close()

    async def _take(self) -> _Seat:
        if self._pool:
            return self._pool.pop(0)
        turn: asyncio.Future[_Seat] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give(turn.result())
            raise

    def _give(self, seat: _Seat) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(seat)
                return
        self._pool.append(seat)


class PocketsphinxStream:
    """One turn. `push`, `end` and `aclose` on the event loop; one task iterates.

    An interim transcript that nobody has read yet is replaced by the next one.
    """

    def __init__(self, stt: PocketsphinxSTT) -> None:
        self._stt = stt
        self._audio: deque[bytes] = deque()  # pieces to decode, bounded by waiting_samples
        self._rest = np.zeros(0, np.int16)  # less than a piece
        self._undecoded = 0
        self._ended = False
        self._closing = asyncio.Event()
        self._more = asyncio.Event()  # audio, the end, or closing
        self._latest: Transcript | None = None
        self._failure: Exception | None = None
        self._over = False  # nothing will come after _latest
        self._result = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="pocketsphinx stream")

    def push(self, samples: Audio) -> None:
        """Takes 16 kHz float32 mono. Raises BufferError when more than `waiting_s` of audio is undecoded, TypeError or
        ValueError for anything else than that, RuntimeError after `end`."""
        if self._ended:
            raise RuntimeError("pocketsphinx: audio after the end of the turn; open a new stream for the next one")
        pcm = to_int16(samples)
        if self._over or self._closing.is_set():
            return
        if self._undecoded + len(pcm) > self._stt.waiting_samples:
            raise BufferError(
                f"pocketsphinx does not keep up: {self._undecoded / RATE:.1f} s of audio wait to be decoded; "
                "give it more decoders or a faster machine"
            )
        self._undecoded += len(pcm)
        pcm = np.concatenate([self._rest, pcm])
        whole = len(pcm) - len(pcm) % _PIECE_SAMPLES
        for at in range(0, whole, _PIECE_SAMPLES):
            self._audio.append(pcm[at : at + _PIECE_SAMPLES].tobytes())
        self._rest = pcm[whole:]
        self._more.set()

    def end(self) -> None:
        """No more audio: the final transcript follows. May be called again."""
        if self._ended:
            return
        self._ended = True
        if len(self._rest):
            self._audio.append(self._rest.tobytes())
        self._more.set()

    def __aiter__(self) -> AsyncIterator[Transcript]:
        return self

    async def __anext__(self) -> Transcript:
        while self._latest is None and not self._over:
            self._result.clear()
            await self._result.wait()
        if self._latest is not None:
            transcript, self._latest = self._latest, None
            return transcript
        failure, self._failure = self._failure, None
        if failure is not None:
            raise ProviderError("stt", self._stt.name, f"stopped in the middle of a turn: {failure}") from failure
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Ends recognition. What is being decoded at this moment (20 ms of audio) is waited for, so that the decoder
        can serve the next stream."""
        self._closing.set()
        self._more.set()
        self._finish()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            if await self._wait_for_more():
                seat = await self._seat()
                if seat is not None:
                    try:
                        await self._decode(seat)
                    finally:
                        self._stt._give(seat)
        except Exception as error:
            self._failure = None if self._over else error
        finally:
            self._finish()

    async def _wait_for_more(self) -> bool:
        """True once there is audio or the turn has ended; False if the stream is being closed."""
        while not (self._audio or self._ended or self._closing.is_set()):
            self._more.clear()
            await self._more.wait()
        return not self._closing.is_set()

    async def _seat(self) -> _Seat | None:
        """A decoder, or None if the stream is closed while it waits for one."""
        taking = asyncio.ensure_future(self._stt._take())
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait([taking, closing], return_when=asyncio.FIRST_COMPLETED)
            return taking.result() if taking.done() else None
        finally:
            closing.cancel()
            taking.cancel()

    async def _decode(self, seat: _Seat) -> None:
        await seat.worker.submit(seat.begin)
        text = ""
        while await self._wait_for_more():
            if not self._audio:  # the turn has ended, and all of it is decoded
                self._show(Transcript(await seat.worker.submit(seat.finish), final=True))
                return
            piece = self._audio.popleft()
            heard = await seat.worker.submit(seat.hear, piece)
            self._undecoded -= len(piece) // 2
            if heard != text:
                text = heard
                self._show(Transcript(text, final=False))

    def _show(self, transcript: Transcript) -> None:
        if not self._over:
            self._latest = transcript
            self._result.set()

    def _finish(self) -> None:
        self._over = True
        if self._closing.is_set():
            self._latest = None
        self._result.set()


class _Seat:
    """A decoder and its thread. Its methods run in that thread."""

    def __init__(self, index: int, options: dict[str, object]) -> None:
        self.worker = Worker(f"pocketsphinx-{index}")
        self._options = options
        self._decoder: Any = None
        self._mean = ""
        self._begun = False

    def load(self) -> None:
        if self._decoder is None:
            package = load("pocketsphinx", extra="local", wanted_by="PocketsphinxSTT")
            self._decoder = package.Decoder(**self._options)
            self._mean = self._decoder.get_cmn(False)

    def begin(self) -> None:
        self.load()
        if self._begun:  # the last stream was left in the middle
            self.finish()
        self._decoder.set_cmn(self._mean)
        self._decoder.start_utt()
        self._begun = True

    def hear(self, pcm: bytes) -> str:
        self._decoder.process_raw(pcm, False, False)
        return self._text()

    def finish(self) -> str:
        self._begun = False
        self._decoder.end_utt()
        return self._text()

    def _text(self) -> str:
        hypothesis = self._decoder.hyp()
        return hypothesis.hypstr if hypothesis else ""


def to_int16(samples: Audio) -> NDArray[np.int16]:
    """float32 in [-1, 1] as int16, saturating. Raises TypeError or ValueError for what is no mono float32 audio."""
    if not isinstance(samples, np.ndarray) or samples.dtype != np.float32:
        kind = samples.dtype if isinstance(samples, np.ndarray) else type(samples).__name__
        raise TypeError(f"samples are {kind}; give a one-dimensional float32 array at 16 kHz")
    if samples.ndim != 1:
        raise ValueError(f"samples have shape {samples.shape}; give one dimension (mono)")
    if not np.isfinite(samples).all():
        raise ValueError("samples hold NaN or infinity")
    pcm: NDArray[np.int16] = np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.int16)
    return pcm
