"""Is an installed wheel whole? Run by ``make wheel`` in an empty environment that has the wheel and what it requires.

Only the standard library, NumPy and rtaudio are here: no extras, no test tools, no source tree, no network.
"""

from __future__ import annotations

import importlib.metadata
import pathlib
import subprocess
import sys

import numpy as np

import rtaudio


def the_package_is_the_installed_one() -> None:
    place = pathlib.Path(rtaudio.__file__).resolve()
    assert "site-packages" in place.parts, f"this is not the wheel: {place}"
    assert importlib.metadata.version("rtaudio") == rtaudio.__version__
    assert (place.parent / "py.typed").exists()
    stubs = {path.stem for path in (place.parent / "core").glob("*.pyi")}
    assert {"_port", "_engine", "_ring", "_dsp", "_resample", "_kernels"} <= stubs


def the_page_is_in_it() -> None:
    static = pathlib.Path(rtaudio.__file__).parent / "web" / "static"
    assert {"index.html", "page.js", "page.css", "client.js", "player-worklet.js"} <= {p.name for p in static.iterdir()}


def every_public_name_is_there() -> None:
    for name in rtaudio.__all__:
        getattr(rtaudio, name)


def playout_puts_out_what_was_written_and_flushes() -> None:
    playout = rtaudio.Playout(16000)
    segment = playout.open_segment()
    samples = np.linspace(0.1, 0.2, 1600, dtype=np.float32)
    assert segment.write(samples) == 1600
    assert np.array_equal(playout.pull(160), samples[:160])
    playout.flush()
    assert not playout.pull(320)[80:].any()
    ledger = playout.ledger()
    assert ledger.written == ledger.played + ledger.dropped == 1600
    playout.close()


def the_vad_works_offline() -> None:
    stream = rtaudio.VadStream(rtaudio.SileroVad())
    assert stream is not None


def the_engine_runs_a_port_with_the_vad() -> None:
    engine = rtaudio.Engine(vad=rtaudio.SileroVad())
    port = rtaudio.AudioPort(24000)
    line = engine.add(port, input_rate=48000)
    line.push(np.zeros(48000, np.float32))
    for tick in range(60):
        engine.step(tick * 10_000_000)
    probabilities = port.probabilities(0).read()
    assert len(probabilities) > 10
    assert probabilities.max() < 0.5
    engine.close()
    port.close()


def a_missing_extra_is_named() -> None:
    """The commands are installed without the extras they need: they say what to install, and do not crash."""
    scripts = pathlib.Path(sys.executable).parent
    done = subprocess.run([str(scripts / "rtaudio"), "--help"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([str(scripts / "rtaudio"), "demo"], capture_output=True, text=True, timeout=60, check=False)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "pip install" in said, said
    assert "Traceback" not in said, said


CHECKS = [
    the_package_is_the_installed_one,
    the_page_is_in_it,
    every_public_name_is_there,
    playout_puts_out_what_was_written_and_flushes,
    the_vad_works_offline,
    the_engine_runs_a_port_with_the_vad,
    a_missing_extra_is_named,
]

if __name__ == "__main__":
    for check in CHECKS:
        check()
        print("passed:", check.__name__.replace("_", " "))
    print(f"rtaudio {rtaudio.__version__}: the wheel is whole ({len(CHECKS)} checks)")
