"""The thread between a sound card's microphone and a line that something in Python cleans first.

    device callback (C) ─► detour ring ─► feeder thread: Cancelling ─► line's input ring ─► engine
                                               ▲
    reference tap ◄─ playout ◄─ device callback (C)

The callbacks stay in C. What runs here needs Python's lock: while Python holds it elsewhere, the microphone waits in
the ring (2 s, then it is dropped and counted) and barge-in is as late; playout, and a flush from anywhere, are not (law
4).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rtaudio.transports.cancelling import Cancelling

EVERY_S: Final = 0.005
"""How often the ring is looked at: adds half of it to the delay, on average."""


class Feeder:
    """Moves what `read` gives into `cancelling` until it is closed.

    `read`: what the microphone has brought since the last call. `on_failure` is told once, on the feeder's thread, when
    the processor was left out (the microphone then passes through) or when the thread itself ended: `died` says which.
    """

    def __init__(
        self,
        read: Callable[[], NDArray[np.float32]],
        cancelling: Cancelling,
        *,
        on_failure: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        self._read = read
        self._cancelling = cancelling
        self._on_failure = on_failure
        self._stop = threading.Event()
        self._told = False
        self.died: Exception | None = None
        """What ended the thread by itself; then nothing is heard any more. None: it runs, or was closed."""
        self._thread = threading.Thread(target=self._run, name="rtaudio-feeder", daemon=True)

    def start(self) -> None:
        """Begins; once."""
        self._thread.start()

    def close(self) -> None:
        """Ends the thread. May be called again, and without start."""
        self._stop.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def step(self) -> None:
        """What the thread does each time; for those who drive it by hand."""
        heard = self._read()
        if len(heard):
            self._cancelling.push(heard)
        if self._cancelling.failure is not None:
            self._tell(self._cancelling.failure)

    def _run(self) -> None:
        try:
            while not self._stop.wait(EVERY_S):
                self.step()
        except Exception as error:  # the port was closed under it, memory ran out
            if not self._stop.is_set():
                self.died = error
                self._tell(error)

    def _tell(self, error: Exception) -> None:
        if not self._told:
            self._told = True
            self._on_failure(error)
