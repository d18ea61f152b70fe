"""A small fuzzer for readers of foreign bytes: mutates examples, keeps what reaches new code, reports what breaks.

A `Target` reads bytes and may raise the errors it documents; anything else it raises is a bug, and so is taking longer
than `SLOWEST_S`. Coverage is that of pairs of lines, by a trace of the files that the target names. The same seed gives
the same inputs.
"""

from __future__ import annotations

import hashlib
import random
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

SLOWEST_S = 10.0
LONGEST = 1 << 16
_NUMBERS = [0, 1, 2, 3, 4, 7, 8, 9, 10, 15, 16, 31, 32, 63, 64, 127, 128, 255]


@dataclass(frozen=True, slots=True)
class Target:
    """`run` is given bytes; `allowed`: the errors it documents; `files`: names of the sources whose coverage counts;
    `tokens`: pieces of the format, to be put in anywhere."""

    name: str
    run: Callable[[bytes], object]
    allowed: tuple[type[Exception], ...]
    examples: Callable[[], list[bytes]]
    files: tuple[str, ...]
    tokens: tuple[bytes, ...] = ()


@dataclass(slots=True)
class Result:
    """What a run found."""

    inputs: int = 0
    lines: int = 0
    """Pairs of lines that were reached."""
    failures: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    """By where it broke: the input, and the traceback."""


def mutated(rng: random.Random, data: bytes, others: list[bytes], tokens: tuple[bytes, ...]) -> bytes:
    """One to four random changes: bits, bytes, numbers, stretches cut out, doubled, moved or taken from elsewhere."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(out))
        size = min(rng.choice([1, 1, 2, 4, 8, 32, 200]), len(out) - at)
        match rng.randrange(8):
            case 0 if out:
                out[at % len(out)] ^= 1 << rng.randrange(8)
            case 1 if out:
                out[at % len(out)] = rng.choice(_NUMBERS)
            case 2:
                out[at:at] = rng.randbytes(rng.randint(1, 10))
            case 3:
                del out[at : at + size]
            case 4:
                out[at:at] = out[at : at + size]
            case 5:
                other = rng.choice(others)
                begin = rng.randint(0, len(other))
                out[at : at + size] = other[begin : begin + rng.choice([1, 4, 16, 64, 400])]
            case 6 if tokens:
                out[at : at + rng.choice([0, size])] = rng.choice(tokens)
            case _:
                del out[at:]
    return bytes(out[:LONGEST])


def _traced(
    run: Callable[[bytes], object], data: bytes, files: tuple[str, ...]
) -> tuple[set[Any], BaseException | None]:
    """The pairs of lines that were reached, and what was raised."""
    seen: set[Any] = set()

    def inside(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal before
        if event == "line":
            seen.add((before, frame.f_lineno))
            before = frame.f_lineno
        return inside

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        return inside if frame.f_code.co_filename.endswith(files) else None

    before, outer = 0, sys.gettrace()
    sys.settrace(trace)
    try:
        run(data)
    except Exception as error:
        return seen, error
    finally:
        sys.settrace(outer)
    return seen, None


def _where(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {last.filename.rpartition('/')[2]}:{last.lineno}"


def _inputs(target: Target, rng: random.Random, corpus: list[bytes]) -> Iterator[bytes]:
    yield from list(corpus)
    while True:
        yield mutated(rng, rng.choice(corpus), corpus, target.tokens)


def fuzz(target: Target, *, seed: int, inputs: int | None = None, seconds: float | None = None) -> Result:
    """Runs until so many inputs, or so long. Stops early at ten different failures."""
    rng, corpus, reached = random.Random(seed), target.examples(), set[Any]()
    result, until = Result(), time.monotonic() + (seconds if seconds is not None else 1e9)
    for data in _inputs(target, rng, corpus):
        if (inputs is not None and result.inputs >= inputs) or time.monotonic() > until or len(result.failures) >= 10:
            break
        began = time.monotonic()
        seen, error = _traced(target.run, data, target.files)
        result.inputs += 1
        if error is not None and not isinstance(error, target.allowed):
            result.failures.setdefault(_where(error), (data, "".join(traceback.format_exception(error))))
        if time.monotonic() - began > SLOWEST_S:
            result.failures.setdefault("too slow", (data, f"took {time.monotonic() - began:.0f} s"))
        if not seen <= reached:
            reached |= seen
            corpus.append(data)
    result.lines = len(reached)
    return result


def name_of(data: bytes) -> str:
    """A file name for an input."""
    return hashlib.sha256(data).hexdigest()[:16]
