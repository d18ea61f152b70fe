"""The real audio path under the trap: engine thread, sound-card callbacks, pulls, flush from a second process (law 4).

Meant for ``make trap``: there the core is built with markers that call, and the library is preloaded, so anything that
allocates or locks on the way ends the test run itself. Elsewhere there is nothing to see, and these are skipped.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from rtaudio import AudioPort, DeviceCallbacks, Engine, SileroVad

pytestmark = pytest.mark.skipif(
    os.environ.get("RTAUDIO_BUILD") != "trap", reason="the core of this build has no markers that call: make trap"
)

RATE = 24000


def entries() -> int:
    """How often this process has entered the audio path."""
    count = ctypes.CDLL(None).rta_trap_entries
    count.restype = ctypes.c_ulonglong
    return int(count())


def speech(seconds: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Noise in syllables: enough to move the VAD, the detector and the ducking."""
    noise = np.random.default_rng(7).normal(0, 0.2, round(seconds * 16000)).astype(np.float32)
    envelope = np.sin(np.arange(len(noise)) * (2 * np.pi * 4 / 16000)) > 0
    return noise * envelope.astype(np.float32)


def test_pulls_and_controls_of_a_playout_keep_the_law() -> None:
    before = entries()
    port = AudioPort(RATE, background_s=1.0)
    playout = port.playout
    segment = playout.open_segment()
    segment.write(np.full(RATE, 0.5, np.float32))
    segment.add_mark(100, 1)
    segment.add_words([(0, 0), (2000, 4)])
    playout.set_background(np.full(500, 0.1, np.float32), -6.0)
    for act in (playout.pause, lambda: playout.resume(rewind_to_word=True), lambda: playout.duck(-12.0), playout.flush):
        for _ in range(5):
            playout.pull(480)
        act()
    for _ in range(5):
        playout.pull(480)
    assert entries() > before + 20
    port.close()


def test_the_engine_s_thread_with_vad_and_barge_in_keeps_the_law() -> None:
    before = entries()
    engine = Engine(tick_s=0.01, vad=SileroVad())
    ports = [AudioPort(rate) for rate in (8000, 24000, 48000)]
    lines = [engine.add(port, input_rate=rate) for port, rate in zip(ports, (8000, 48000, 16000), strict=True)]
    for port in ports:
        port.playout.open_segment().write(np.full(port.rate * 2, 0.3, np.float32))
    for line in lines:
        line.push(speech(0.4))
    engine.start()
    deadline = time.monotonic() + 20
    while engine.figures()["windows"] < 3 * 20 and time.monotonic() < deadline:
        time.sleep(0.02)
        for line in lines:
            line.push(speech(0.02))
    engine.stop()
    assert engine.figures()["windows"] >= 3 * 20
    assert entries() > before + 20
    engine.close()


def test_a_line_with_an_outside_vad_keeps_the_law() -> None:
    before = entries()
    port, engine = AudioPort(RATE, mic_s=30), Engine()
    line = engine.add(port, outside_vad=True, input_s=30.0)
    port.playout.open_segment().write(np.full(RATE, 0.3, np.float32))
    line.push(speech(25.0))
    engine.step(0)
    engine.step(20 * 10**9)
    for window in range(1, 500):
        if window % 7:
            line.post_probability(512 * window, 0.9 if window % 60 < 30 else 0.0)
    for tick in range(1, 11):
        engine.step(20 * 10**9 + tick * 10_000_000)
    assert line.figures()["windows"] == 499
    assert {"speech_started", "speech_ended"} <= {event.kind for event in port.events()}
    assert entries() > before + 10
    engine.close()


def test_the_sound_card_s_callbacks_keep_the_law() -> None:
    callback = ctypes.CFUNCTYPE(
        ctypes.c_int, *[ctypes.c_void_p] * 2, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p
    )
    engine = Engine(vad=SileroVad())
    port = AudioPort(RATE)
    line = engine.add(port, kind="device", input_rate=48000)
    device = DeviceCallbacks(line, input_channels=2, output_channels=2)
    port.playout.open_segment().write(np.full(3 * RATE, 0.5, np.float32))
    before = entries()
    taken, given = np.zeros((960, 2), np.float32), np.zeros((480, 2), np.float32)
    for tick in range(100):
        callback(device.input_callback)(taken.ctypes.data, None, 960, None, 0, device.userdata)
        callback(device.output_callback)(None, given.ctypes.data, 480, None, 0, device.userdata)
        engine.step(tick * 10_000_000)
    assert np.all(given == 0.5)
    assert entries() >= before + 200
    engine.close()


_FLUSHER = """
    import ctypes, sys
    from rtaudio import AudioPort
    port = AudioPort.attach(int(sys.argv[1]))
    segment = port.playout.open_segment()
    import numpy as np
    segment.write(np.full(24000, 0.5, np.float32))
    print(port.fd, flush=True)
    sys.stdin.readline()
    count = ctypes.CDLL(None).rta_trap_entries
    count.restype = ctypes.c_ulonglong
    before = count()
    port.playout.flush()
    print(count() - before, flush=True)
    sys.stdin.readline()
    print(segment.ledger().state)
"""


def test_a_flush_from_a_second_process_keeps_the_law_on_both_sides() -> None:
    port = AudioPort.create_shared(RATE)
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_FLUSHER), str(port.fd)],
        pass_fds=[port.fd],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdin is not None
    with child:
        session_fd = os.open(f"/proc/{child.pid}/fd/{child.stdout.readline().strip()}", os.O_RDONLY)
        port.accept(session_fd)
        os.close(session_fd)
        engine = Engine()
        engine.add(port)
        for tick in range(11):
            engine.step(tick * 10_000_000)
        child.stdin.write("flush\n")
        child.stdin.flush()
        assert int(child.stdout.readline()) > 0  # the other process entered its audio path, and lived
        before = entries()
        for tick in range(11, 20):
            engine.step(tick * 10_000_000)
        assert entries() > before
        child.stdin.write("end\n")
        child.stdin.flush()
        told = child.stdout.read()
        engine.close()
    assert child.returncode == 0
    assert told.strip() == "cut"


_PLANTED = """
    import ctypes, sys
    import numpy as np
    from rtaudio import AudioPort, Engine

    library = ctypes.CDLL(sys.argv[1])
    size = ctypes.c_size_t.in_dll(library, "planted_kernel_bytes").value
    address = ctypes.addressof(ctypes.c_char.in_dll(library, "planted_kernels")) + size * int(sys.argv[2])
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]

    class Planted:
        kernel = new(address, b"rtaudio.vad_kernel", None)

    engine = Engine(vad=Planted())
    line = engine.add(AudioPort(24000))
    line.push(np.zeros(16000, np.float32))
    for tick in range(20):
        engine.step(tick * 10_000_000)
    print("windows", engine.figures()["windows"])
"""


@pytest.fixture(scope="module")
def planted_library(repo_root: Path, tmp_path_factory: pytest.TempPathFactory, compiler: str) -> Path:
    library = tmp_path_factory.mktemp("kernel") / "libplanted.so"
    source = Path(__file__).with_name("planted_kernel.c")
    flags = ["-O1", "-g", "-shared", "-fPIC", "-I", str(repo_root / "csrc")]
    subprocess.run([compiler, *flags, "-o", str(library), str(source)], check=True)
    return library


@pytest.mark.parametrize(("kernel", "named"), [(0, None), (1, "malloc"), (2, "pthread_mutex_lock")])
def test_a_mistake_planted_in_a_kernel_ends_the_engine(planted_library: Path, kernel: int, named: str | None) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_PLANTED), str(planted_library), str(kernel)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    if named is None:
        assert done.returncode == 0, done.stderr
        assert "windows 5" in done.stdout
    else:
        assert done.returncode == -signal.SIGABRT
        assert f"rta_trap: {named} on the audio path" in done.stderr
        assert "libplanted" in done.stderr
