"""A port across two real processes: two regions, each written by one side only."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from rtaudio import AudioPort

RATE = 24000


def _session(code: str, port: AudioPort) -> tuple[subprocess.Popen[str], int]:
    """Runs `code` in another process that has attached to `port`; gives the process and its region's descriptor."""
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_PRELUDE) + textwrap.dedent(code), str(port.fd)],
        pass_fds=[port.fd],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    fd = os.open(f"/proc/{child.pid}/fd/{child.stdout.readline().strip()}", os.O_RDONLY)
    return child, fd


_PRELUDE = """
    import sys
    import numpy as np
    from rtaudio import AudioPort, SegmentCut
    port = AudioPort.attach(int(sys.argv[1]))
    print(port.fd, flush=True)
    def wait(): return sys.stdin.readline().strip()
    def say(*what): print(*what, flush=True)
    wait()
"""


def _tell(child: subprocess.Popen[str]) -> None:
    assert child.stdin is not None
    child.stdin.write("go\n")
    child.stdin.flush()


def _hear(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def _end(child: subprocess.Popen[str], fd: int) -> None:
    child.communicate(timeout=20)
    os.close(fd)
    assert child.returncode == 0


def test_speech_flush_and_account_across_two_processes() -> None:
    """Laws 1 and 2: written there, pulled here, flushed there, then flushed here."""
    port = AudioPort.create_shared(RATE)
    child, fd = _session(
        """
        first = port.playout.open_segment()
        first.write(np.arange(1, 24001, dtype=np.float32)); say("written"); wait()
        port.playout.flush(); say("flushed"); wait()
        print(*first.ledger()[1:6], flush=True)
        second = port.playout.open_segment()
        second.write(np.full(24000, 5, np.float32)); say("again"); wait()
        try: second.write(np.ones(10, np.float32))
        except SegmentCut as cut: say("refused", cut.segment)
        one = port.playout.ledger()
        say(one.written + one.replayed == one.played + one.queued + one.dropped, one.refused)
        say(*[e.kind for e in port.events()])
        """,
        port,
    )
    port.accept(fd)
    _tell(child)
    assert _hear(child) == "written"
    np.testing.assert_array_equal(port.playout.pull(480), np.arange(1, 481, dtype=np.float32))
    _tell(child)
    assert _hear(child) == "flushed"
    assert np.flatnonzero(port.playout.pull(480)).max() < RATE * 5 // 1000
    _tell(child)
    assert _hear(child).split() == ["24000", "600", "0", "23400", "0"]
    assert _hear(child) == "again"
    assert port.playout.pull(480)[0] == 5
    port.playout.flush()  # the engine's own words
    port.playout.pull(480)
    _tell(child)
    assert _hear(child) == "refused 2"
    assert _hear(child) == "True 10"
    assert _hear(child).split() == ["segment_started", "cut", "flushed", "segment_started", "cut", "flushed"]
    _end(child, fd)


def test_mic_cursors_and_commit_across_two_processes() -> None:
    port = AudioPort.create_shared(RATE)
    port.write_mic(np.arange(1000, dtype=np.float32))
    child, fd = _session(
        """
        mic = port.mic(0)
        say(int(mic.read(1000).sum())); wait()
        port.commit = 500
        port.set_cursor(0, 1000)
        say(mic.available, port.mic_written)
        """,
        port,
    )
    port.accept(fd)
    _tell(child)
    assert _hear(child) == str(sum(range(1000)))
    port.write_mic(np.zeros(24, np.float32))
    _tell(child)
    assert _hear(child) == "24 1024"
    _end(child, fd)


def test_a_successor_reads_again_what_the_dead_one_had_not_committed() -> None:
    """Law 10: the mic ring keeps the caller's words when the process that listened is killed."""
    port = AudioPort.create_shared(RATE)
    port.write_mic(np.arange(48000, dtype=np.float32))
    child, fd = _session(
        "port.commit = 1000; port.playout.open_segment().write(np.ones(9000, np.float32)); say('up'); wait()", port
    )
    port.accept(fd)
    _tell(child)
    assert _hear(child) == "up"
    port.playout.pull(480)
    child.kill()
    child.communicate()
    os.close(fd)
    port.write_mic(np.arange(48000, 64000, dtype=np.float32))
    assert port.playout.pull(480).any(), "the caller still hears what was written before the crash"
    heir = AudioPort.attach(port.fd)
    port.accept(heir.fd)
    assert not port.playout.pull(480).any(), "what the dead one had queued is gone"
    np.testing.assert_array_equal(heir.mic(1000).read(), np.arange(1000, 64000, dtype=np.float32))
    segment = heir.playout.open_segment()
    segment.write(np.full(480, 3, np.float32))
    assert port.playout.pull(480)[0] == 3
    one = heir.playout.ledger()
    assert one.written + one.replayed == one.played + one.queued + one.dropped


def test_neither_side_can_write_or_resize_the_others_region() -> None:
    port = AudioPort.create_shared(RATE)
    session = AudioPort.attach(port.fd)
    for fd in (port.fd, session.fd):
        size = os.fstat(fd).st_size
        with pytest.raises(PermissionError):
            mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        with pytest.raises(PermissionError):
            os.ftruncate(fd, 0)
        with pytest.raises(PermissionError):
            os.pwrite(fd, b"x", 0)


def test_a_descriptor_that_is_no_port_is_refused() -> None:
    """Law 11."""
    port = AudioPort.create_shared(RATE)
    other = AudioPort.create_shared(16000)
    plain = os.memfd_create("plain", os.MFD_ALLOW_SEALING)
    os.ftruncate(plain, 1 << 26)
    for make in (lambda: AudioPort.attach(plain), lambda: port.accept(plain), lambda: port.accept(other.fd)):
        with pytest.raises(ValueError, match="descriptor"):
            make()
    foreign = AudioPort.attach(other.fd)
    with pytest.raises(ValueError, match="session side of this port"):
        port.accept(foreign.fd)
    os.close(plain)
