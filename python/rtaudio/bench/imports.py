"""What ``import rtaudio`` costs on top of NumPy alone, in fresh interpreters."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

# Every public name is touched: names load their modules when first used, and a figure that leaves that out is no
# figure.
_WITH = "import numpy, rtaudio\nfor name in rtaudio.__all__: getattr(rtaudio, name)"
_WITHOUT = "import numpy"
# As for a package that is installed: its byte code is there, or is kept by the first run.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
_REPORT = """
import resource
usage = resource.getrusage(resource.RUSAGE_SELF)
with open("/proc/self/statm") as statm:
    pages = int(statm.read().split()[1])
print(usage.ru_utime + usage.ru_stime, pages * resource.getpagesize() / 2**20)
"""


def _once(program: str) -> tuple[float, float]:
    """CPU seconds and resident MB of an interpreter that ran `program`."""
    done = subprocess.run(
        [sys.executable, "-c", program + _REPORT],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=_ENVIRONMENT,
    )
    cpu_s, rss_mb = done.stdout.split()
    return float(cpu_s), float(rss_mb)


def measure(runs: int = 15) -> dict[str, float]:
    """``import_cpu_s`` and ``import_rss_mb``: median with rtaudio less median with NumPy alone, run in turns."""
    _once(_WITH)  # byte code is compiled, files are in the cache
    with_us, without_us = [], []
    for _ in range(runs):
        with_us.append(_once(_WITH))
        without_us.append(_once(_WITHOUT))
    median = statistics.median
    return {
        "import_cpu_s": median(cpu for cpu, _ in with_us) - median(cpu for cpu, _ in without_us),
        "import_rss_mb": median(rss for _, rss in with_us) - median(rss for _, rss in without_us),
    }
