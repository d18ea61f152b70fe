"""A caller beyond a network, without a browser: a player that counts, and a call that speaks on cue.

`RemotePlayer` does what player-core.js does, but for fades: pure, driven by how many samples are played. `RemoteCaller`
drives it and a microphone at the pace of the event loop's clock over a `WebSocketClient`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rtaudio.transports.websocket import messages as say
from rtaudio.transports.websocket.client import WebSocketClient
from rtaudio.transports.websocket.frames import AudioFrame

FRAME_S: Final = 0.02
REPORT_EVERY: Final = 5
START_S: Final = 0.06


class RemotePlayer:
    """A queue of what the agent says. received = played + dropped + queued, in samples."""

    def __init__(self, rate: int, start_s: float = START_S) -> None:
        """`start_s`: how much is held before it begins, or how long it waits for that."""
        self._start = round(start_s * rate)
        self._queue: deque[AudioFrame] = deque()
        self._waited = 0
        self._playing = False
        self._ended = True
        self.position = self.received = self.played = self.dropped = self.queued = self.underruns = 0

    def push(self, frame: AudioFrame) -> None:
        """Takes what came."""
        self._queue.append(frame)
        self.received += len(frame.samples)
        self.queued += len(frame.samples)

    def play(self, count: int) -> NDArray[np.int16]:
        """The next `count` samples; silence where there are none."""
        out = np.zeros(count, np.int16)
        at = 0
        while at < count:
            if not self._queue:
                self.underruns += self._playing and not self._ended
                self._playing, self._waited = False, 0
                break
            if not self._playing:
                whole = self.queued >= self._start or any(frame.end for frame in self._queue)
                wait = 0 if whole else min(self._start - self._waited, count - at)
                self._waited += wait
                at += wait
                self._playing = whole or self._waited >= self._start
                continue
            at += self._play_some(out[at:])
        return out

    def clear(self, clear: say.Clear) -> say.Cleared:
        """Drops what is held before its position; the answer."""
        position, dropped = self.position, 0
        while self._queue and self._queue[0].position < clear.position:
            frame = self._queue.popleft()
            gone = min(len(frame.samples), clear.position - frame.position)
            dropped += gone
            if gone < len(frame.samples):
                self._queue.appendleft(AudioFrame(clear.position, frame.samples[gone:], frame.start, frame.end))
        self.queued -= dropped
        self.dropped += dropped
        self.position = max(self.position, clear.position)
        self._playing, self._ended, self._waited = False, True, 0
        return say.Cleared(id=clear.id, position=position, played=self.played, dropped=dropped)

    def report(self) -> say.Played:
        """How far it has come."""
        return say.Played(position=self.position, played=self.played, queued=self.queued)

    def _play_some(self, out: NDArray[np.int16]) -> int:
        frame = self._queue.popleft()
        count = min(len(out), len(frame.samples))
        out[:count] = frame.samples[:count]
        if count < len(frame.samples):
            rest = AudioFrame(frame.position + count, frame.samples[count:], False, frame.end)
            self._queue.appendleft(rest)
        else:
            self._ended = frame.end
        self.position = frame.position + count
        self.played += count
        self.queued -= count
        return count


class RemoteCaller:
    """Use as `async with RemoteCaller(client) as caller`. Silent until told to `speak`; plays what
    comes; keeps all messages (`messages`), frames (`frames`) and answers to clears (`cleared`)."""

    def __init__(self, client: WebSocketClient, *, start_s: float = START_S) -> None:
        self._client = client
        self.player = RemotePlayer(client.welcome.output.rate, start_s)
        self.messages: list[say.FromServer] = []
        self.frames: list[AudioFrame] = []
        self.cleared: list[say.Cleared] = []
        self.heard: list[NDArray[np.int16]] = []
        self._clips: deque[NDArray[np.float32]] = deque()
        self._news = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []

    def speak(self, clip: NDArray[np.float32]) -> None:
        """Says a clip, float32 at the input's rate, after what is being said."""
        self._clips.append(clip)

    @property
    def talks(self) -> bool:
        """A clip is being said, or waits to be."""
        return bool(self._clips)

    async def until(self, holds: Callable[[RemoteCaller], bool], within_s: float = 30.0) -> None:
        """Waits until `holds(self)`, looked at after each message and each report. TimeoutError; ConnectionError when
        the call ends before."""
        async with asyncio.timeout(within_s), self._news:
            while not holds(self):
                if self._client.closed_with is not None:
                    raise ConnectionResetError(f"the call ended: {self._client.closed_with}")
                await self._news.wait()

    def said(self, kind: type[say.Message]) -> list[say.Message]:
        """All messages of a kind so far."""
        return [message for message in self.messages if isinstance(message, kind)]

    async def __aenter__(self) -> RemoteCaller:
        self._tasks = [asyncio.create_task(work) for work in (self._listen(), self._run())]
        return self

    async def __aexit__(self, *exc: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self) -> None:
        async for item in self._client:
            if isinstance(item, AudioFrame):
                self.frames.append(item)
                self.player.push(item)
            else:
                self.messages.append(item)
                if isinstance(item, say.Clear):
                    self.cleared.append(self.player.clear(item))
                    await self._client.report(self.cleared[-1])
            await self._tell()
        await self._tell()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        rates = self._client.welcome.input.rate, self._client.welcome.output.rate
        frame, block = (round(rate * FRAME_S) for rate in rates)
        begin, done = loop.time(), 0
        while True:
            await asyncio.sleep(begin + (done + 1) * FRAME_S - loop.time())
            done += 1
            self.heard.append(self.player.play(block))
            try:
                await self._client.push(self._next(frame))
                if done % REPORT_EVERY == 0:
                    await self._client.report(self.player.report())
                    await self._tell()
            except ConnectionError:
                return

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    def _next(self, count: int) -> NDArray[np.float32]:
        out = np.zeros(count, np.float32)
        if self._clips:
            clip = self._clips.popleft()
            out[: min(count, len(clip))] = clip[:count]
            if len(clip) > count:
                self._clips.appendleft(clip[count:])
        return out
