"""Checkpoints: a session is written down after every committed step, and another process goes on from there.

    form.py     what is written, as JSON with a version; decoding that trusts nothing
    roster.py   agents by import path: those that the program names, and no others
    schema.py   the program's own data, by a declared type
    store.py    where it goes: memory, a file, or what you write
    writer.py   one write at a time, the latest wins
    keeper.py   when: the part of a session that does it

Needs rtaudio[checkpoints].
"""

try:
    import msgspec as _msgspec  # noqa: F401
except ImportError as error:
    raise ImportError(
        "rtaudio.voice.checkpoints needs msgspec: pip install 'rtaudio[checkpoints]'", name="msgspec"
    ) from error

from rtaudio.voice.checkpoints.form import Checkpoint, CheckpointError, decode, encode
from rtaudio.voice.checkpoints.keeper import Checkpoints
from rtaudio.voice.checkpoints.roster import Checkpointed
from rtaudio.voice.checkpoints.store import CheckpointStore, FileStore, MemoryStore

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "CheckpointStore",
    "Checkpointed",
    "Checkpoints",
    "FileStore",
    "MemoryStore",
    "decode",
    "encode",
]
