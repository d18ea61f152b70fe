"""``python -m tests.fuzz``: fuzzes the targets of `targets.py` for as long as is wanted (``make fuzz``).

What breaks a target is kept in ``build/fuzz/``, to be run again: ``python -m tests.fuzz --only NAME --input FILE``.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

from tests.fuzz.fuzzer import fuzz, name_of
from tests.fuzz.targets import TARGETS

FOUND = Path("build/fuzz")


def main() -> int:
    """Gives the exit code: 1 if anything broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzzes the readers of foreign files.")
    parser.add_argument("--seconds", type=float, default=60, help="for each target (default 60)")
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    parser.add_argument("--only", metavar="NAME", choices=[target.name for target in TARGETS])
    parser.add_argument("--input", type=Path, metavar="FILE", help="run this input alone, errors and all")
    options = parser.parse_args()
    broken = False
    for target in TARGETS:
        if options.only not in (None, target.name):
            continue
        if options.input is not None:
            print(target.run(options.input.read_bytes()))
            continue
        seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
        result = fuzz(target, seed=seed, seconds=options.seconds)
        print(f"{target.name}: seed {seed}, {result.inputs} inputs, {result.lines} pairs of lines reached", flush=True)
        for where, (data, trace) in result.failures.items():
            broken = True
            FOUND.mkdir(parents=True, exist_ok=True)
            path = FOUND / f"{target.name}-{name_of(data)}"
            path.write_bytes(data)
            print(f"{where}: {path}\n{trace}", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
