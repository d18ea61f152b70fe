"""A remote in a process of its own: takes frames from a socket and notes when each came. Standard library alone.

    python -m rtaudio.bench.pacing_remote HOST PORT

A frame: u64 out position, u32 samples, that many int16. At the end of the stream it prints one JSON list of
[monotonic ns, out position, samples].
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import time
from typing import Final

HEAD: Final = struct.Struct("<QI")


def take(connection: socket.socket) -> list[tuple[int, int, int]]:
    """Arrivals of whole frames, until the stream ends."""
    came: list[tuple[int, int, int]] = []
    waiting = bytearray()
    while data := connection.recv(1 << 16):
        now_ns = time.monotonic_ns()
        waiting += data
        while len(waiting) >= HEAD.size:
            out, samples = HEAD.unpack_from(waiting)
            whole = HEAD.size + 2 * samples
            if len(waiting) < whole:
                break
            del waiting[:whole]
            came.append((now_ns, out, samples))
    return came


def main() -> None:
    """Arguments: the host and port to take frames from."""
    with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as connection:
        print(json.dumps(take(connection)))


if __name__ == "__main__":
    main()
