"""A sound server of one's own, without a card: two null sinks, of which one is the loudspeaker and one feeds the mic.

    agent ─ PortAudio ─ ALSA's pulse plug-in ─► speaker (null sink) ─ monitor ─► parec: what a person would hear
    paplay: what a person says ─► mic_feed (null sink) ─ monitor ─ mic (source) ─► the same way back to the agent

The server lives on a Unix socket in a scratch folder, runs as any user and without a display, and is told nothing by,
and tells nothing to, the machine's own configuration. Everything it starts is ended with it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ctypes.util import find_library
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE = 48000
NEEDED = ("pulseaudio", "pactl", "paplay", "parec")
PLUGIN = "libasound_module_pcm_pulse.so"

# All that ALSA knows here: PortAudio lists these two, and its default is the server.
ASOUND = """
pcm.!default { type pulse }
ctl.!default { type pulse }
pcm.pulse { type pulse hint { show on description "PulseAudio" } }
ctl.pulse { type pulse }
"""


def what_is_missing() -> str:
    """Why no server can be had here; empty: it can."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not installed (Debian: pulseaudio pulseaudio-utils)"
    if find_library("portaudio") is None:
        return "PortAudio is not installed (Debian: libportaudio2)"
    if not any(path for root in ("/usr/lib", "/usr/lib64") for path in Path(root).glob(f"**/alsa-lib/{PLUGIN}")):
        return "ALSA's plug-in for PulseAudio is not installed (Debian: libasound2-plugins)"
    return ""


class PulseServer:
    """Started by `with`; ended, with all its clients of ours, on the way out."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "native"
        self._life = ExitStack()
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """For every client: this server and no other, whatever the machine has."""
        inherited = {
            k: v for k, v in os.environ.items() if not k.startswith(("PULSE_", "ALSA_", "XDG_", "DBUS_", "PIPEWIRE_"))
        }
        return inherited | {
            "XDG_RUNTIME_DIR": str(self.folder),
            "HOME": str(self.folder),
            "PULSE_SERVER": f"unix:{self.socket}",
            "PULSE_COOKIE": str(self.folder / "cookie"),
            "PULSE_SINK": "speaker",
            "PULSE_SOURCE": "mic",
            "ALSA_CONFIG_PATH": str(self.folder / "asound.conf"),
        }

    def __enter__(self) -> PulseServer:
        (self.folder / "asound.conf").write_text(ASOUND, encoding="utf-8")
        sink = f"module-null-sink rate={RATE} channels=1 format=float32le"
        log = self._life.enter_context((self.folder / "server.log").open("wb"))
        environment = self.environment
        del environment["PULSE_SERVER"]  # or it would think that there is one
        self._server = subprocess.Popen(
            [
                *(
                    "pulseaudio",
                    "-n",
                    "--daemonize=no",
                    "--use-pid-file=no",
                    "--exit-idle-time=-1",
                    "--disable-shm=yes",
                ),
                *("--realtime=no", "--high-priority=no", "--log-target=stderr"),
                *("-L", f"module-native-protocol-unix socket={self.socket} auth-anonymous=1"),
                *("-L", f"{sink} sink_name=speaker"),
                *("-L", f"{sink} sink_name=mic_feed"),
                *("-L", "module-remap-source master=mic_feed.monitor source_name=mic"),
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self._life.callback(self.stop)
        try:
            self._wait_until_it_answers()
            # A null sink that nobody hurries moves in blocks of 2 s; a real device is always live.
            held = [self._life.enter_context(self.recorded(each, wait=False)) for each in ("mic", "speaker.monitor")]
            for each in held:
                each.wait_for(1)
        except BaseException:
            self._life.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._life.close()

    def stop(self) -> None:
        """Ends the server under whoever is connected. May be called again."""
        if self._server is not None:
            end(self._server)
            self._server = None

    def signal(self, which: signal.Signals) -> None:
        """To the server's process."""
        assert self._server is not None
        self._server.send_signal(which)

    def unplug_all(self) -> None:
        """Takes the loudspeaker and the microphone away, as pulling out a headset does."""
        subprocess.run(
            ["pactl", "unload-module", "module-null-sink"], env=self.environment, check=True, stdin=subprocess.DEVNULL
        )

    def streams_that_play(self) -> int:
        """How many there are at the moment; one that is open but not started does not count."""
        listed = subprocess.run(
            ["pactl", "list", "sink-inputs"],
            env=self.environment | {"LC_ALL": "C"},
            check=True,
            capture_output=True,
            text=True,
        )
        return listed.stdout.count("Corked: no")

    def _wait_until_it_answers(self) -> None:
        assert self._server is not None
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self._server.poll() is not None:
                break
            asked = subprocess.run(
                ["pactl", "list", "short", "sources"], env=self.environment, capture_output=True, text=True, check=False
            )
            if asked.returncode == 0 and "\tmic\t" in asked.stdout:
                return
            time.sleep(0.05)
        raise RuntimeError(
            f"the sound server did not start:\n{(self.folder / 'server.log').read_text(errors='replace')}"
        )

    @contextmanager
    def recorded(self, source: str = "speaker.monitor", *, wait: bool = True) -> Iterator[Recording]:
        """What the loudspeaker puts out, from now (if we `wait` for it) to the end of the block."""
        path = self.folder / f"{source}-{time.monotonic_ns()}.f32"
        with path.open("wb") as sink:
            parec = subprocess.Popen(
                [
                    *("parec", f"--device={source}", f"--rate={RATE}", "--channels=1", "--format=float32le", "--raw"),
                    *("--latency-msec=20", "--no-remap"),
                ],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
            )
            recording = Recording(path, parec)
            try:
                if wait:
                    recording.wait_for(1)
                yield recording
            finally:
                recording.close()

    @contextmanager
    def echo(self, decibels: float) -> Iterator[None]:
        """A loudspeaker that the microphone hears, so much weaker than a person at it."""

        def pactl(*what: str) -> str:
            asked = subprocess.run(["pactl", *what], env=self.environment, capture_output=True, text=True, check=True)
            return asked.stdout

        before = set(pactl("list", "short", "sink-inputs").splitlines())
        module = pactl(
            *("load-module", "module-loopback", "source=speaker.monitor", "sink=mic_feed"),
            *("latency_msec=30", "adjust_time=0", "source_dont_move=true", "sink_dont_move=true"),
        ).strip()
        try:
            (own,) = set(pactl("list", "short", "sink-inputs").splitlines()) - before
            pactl("set-sink-input-volume", own.split()[0], f"{decibels:g}dB")
            yield
        finally:
            pactl("unload-module", module)

    def say(self, wav: Path) -> subprocess.Popen[bytes]:
        """Speaks a WAV file at the microphone, from about now on. The caller waits for it, or ends it with `end`."""
        return subprocess.Popen(
            ["paplay", "--device=mic_feed", "--latency-msec=100", str(wav)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
        )


class Recording:
    """A growing file of mono float32 samples at `RATE`."""

    def __init__(self, path: Path, parec: subprocess.Popen[bytes]) -> None:
        self._path = path
        self._parec = parec
        self._began_s = float("inf")
        self._over = threading.Event()
        self._clock = threading.Thread(target=self._keep_time, daemon=True)
        self._clock.start()

    def _keep_time(self) -> None:
        """A sample cannot be there before it was played: the earliest arrival tells when the first one was."""
        while not self._over.wait(0.005):
            count = self._path.stat().st_size // 4
            if count:
                self._began_s = min(self._began_s, time.monotonic() - count / RATE)

    def close(self) -> None:
        """Ends it; what was recorded can still be read."""
        end(self._parec, signal.SIGINT)
        self._over.set()
        self._clock.join()

    def time_of(self, sample: int) -> float:
        """When that sample was put out, on the monotonic clock; late by the way from server to file, some 20 ms."""
        return self._began_s + sample / RATE

    def samples(self) -> NDArray[np.float32]:
        """All of it so far."""
        data = self._path.read_bytes()
        return np.frombuffer(data[: len(data) // 4 * 4], np.float32)

    def wait_for(self, count: int, floor: float = -1.0) -> None:
        """Until it holds so many samples above `floor`. RuntimeError: they do not come."""
        deadline = time.monotonic() + 30
        while np.count_nonzero(np.abs(self.samples()) > floor) < count:
            if time.monotonic() > deadline or self._parec.poll() is not None:
                raise RuntimeError("nothing more comes from the loudspeaker's monitor")
            time.sleep(0.02)


def end(process: subprocess.Popen[Any], how: signal.Signals = signal.SIGTERM) -> None:
    """Asks it to end, then makes it."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
