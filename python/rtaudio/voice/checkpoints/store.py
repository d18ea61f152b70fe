"""Where checkpoints go: one session's, of which the last is wanted."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import Protocol


class CheckpointStore(Protocol):
    """One session's. `save` is called on the event loop, one call at a time, and takes the place of what was saved
    before. It may be async; one that is not must be quick. What it raises is told (CheckpointFailed), and changes
    nothing for the talk. It may be cancelled, and another `save` follows: it must leave either the old or the new."""

    def save(self, checkpoint: bytes) -> Awaitable[None] | None: ...


class MemoryStore:
    """Keeps the last one; for tests, and for whoever hands it on by ways of their own."""

    def __init__(self) -> None:
        self.last: bytes | None = None
        self.count = 0

    def save(self, checkpoint: bytes) -> None:
        self.last = checkpoint
        self.count += 1


class FileStore:
    """A file, written beside its place and renamed, in a thread: whoever reads it gets a whole one. `durable`: it is
    also there after the machine broke down, and not only the process; that takes as long as the disk does."""

    def __init__(self, path: str | Path, *, durable: bool = False) -> None:
        self.path, self._durable = Path(path), durable

    async def save(self, checkpoint: bytes) -> None:
        # To its end, also when cancelled: a write that is older than the next one must not come after it.
        writing = asyncio.get_running_loop().run_in_executor(None, self._write, checkpoint)
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])
            raise

    def load(self) -> bytes | None:
        """The last one; None: there is none. Blocks for a moment."""
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None

    def _write(self, checkpoint: bytes) -> None:
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(checkpoint)
                file.flush()
                if self._durable:
                    os.fsync(file.fileno())
            os.replace(name, self.path)
            if self._durable:
                folder = os.open(self.path.parent, os.O_RDONLY)
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
