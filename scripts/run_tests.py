"""All tests, in two parts: side by side in several processes, then alone what must be alone (tests/parts.py).

    python scripts/run_tests.py [--jobs N] [arguments of pytest, but for -m]

Ends with a line for each part and one for both together, in pytest's words. Exit code 0: both passed. A part in which
nothing was chosen (by -k, or by folders) is no failure; choosing nothing at all is.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTHING_CHOSEN = 5
INTERRUPTED = 2
WIDTH = 80


def counts(report: Path) -> Counter[str]:
    """Of a JUnit file that pytest wrote; nothing where it wrote none."""
    found: Counter[str] = Counter()
    if report.exists():
        (suite,) = ElementTree.parse(report).getroot().iter("testsuite")
        for name, attribute in (("failed", "failures"), ("errors", "errors"), ("skipped", "skipped")):
            found[name] = int(suite.get(attribute, 0))
        found["passed"] = int(suite.get("tests", 0)) - sum(found.values())
        found["seconds"] = round(float(suite.get("time", 0)))
    return found


def summary(name: str, found: Counter[str]) -> str:
    """As pytest's last line, so that whoever looks for that one finds this one."""
    said = [f"{found[each]} {each}" for each in ("failed", "passed", "skipped", "errors") if found[each]]
    return f" {name}{', '.join(said) or 'no tests ran'} in {found['seconds']}s ".center(WIDTH, "=")


def main() -> int:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    chosen, rest = options.parse_known_args()
    beside = ["-m", "not alone", "-n", str(chosen.jobs), "--dist", "worksteal"]
    parts = {"side by side": beside, "alone": ["-m", "alone"]}
    results: list[int] = []
    found: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, arguments in parts.items():
            report = Path(folder) / f"{len(found)}.xml"
            more = ["-p", "no:benchmark", f"--junitxml={report}", "-o", "junit_logging=no"]
            command = [sys.executable, "-m", "pytest", *arguments, *more, *rest]
            print(f"---- tests, {name}", flush=True)
            results.append(subprocess.run(command, cwd=ROOT, check=False).returncode)
            found[name] = counts(report)
            if results[-1] == INTERRUPTED:
                break
    for name, each in found.items():
        print(summary(f"{name}: ", each))
    print(summary("", sum(found.values(), Counter())), flush=True)
    failed = [result for result in results if result not in (0, NOTHING_CHOSEN)]
    if failed or len(results) < len(parts):
        return failed[0] if failed else 1
    return NOTHING_CHOSEN if set(results) == {NOTHING_CHOSEN} else 0


if __name__ == "__main__":
    sys.exit(main())
