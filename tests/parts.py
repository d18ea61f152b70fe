"""Which tests run side by side, and which alone.

Most tests live on virtual time or compute: they run in as many processes as there are processors. Those here measure
or wait for real time, spin in several threads, count what the process holds, or need a sound server or a browser: they
carry the mark `alone` and run after the others, one after another. `scripts/run_tests.py` runs both.

A folder ends with a slash. One test in a file of the others is marked by hand: @pytest.mark.alone.
"""

from __future__ import annotations

from pathlib import PurePath

ALONE = (
    "tests/cli/",  # the commands as their user runs them, in real time
    "tests/sound/",
    "tests/transports/",  # sockets, stalls and memory of a server in this process
    "tests/trap/",
    "tests/web/",
    "tests/core/test_engine_syscalls.py",
    "tests/core/test_engine_thread.py",
    "tests/core/test_line_socket.py",
    "tests/core/test_outside_vad.py",
    "tests/core/test_packet_line.py",  # memory of the process
    "tests/core/test_port_processes.py",
    "tests/integrations/test_turns.py",
    "tests/test_c_programs.py",  # threads that spin against each other
    "tests/voice/test_wakeups.py",
    "tests/voice/test_watchdog.py",
)


def runs_alone(file: PurePath) -> bool:
    """`file`: from the root of the project."""
    name = file.as_posix()
    return any(name.startswith(each) if each.endswith("/") else name == each for each in ALONE)
