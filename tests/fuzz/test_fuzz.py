"""A short run of every fuzz target (law 11), and the fuzzer itself. The long run: ``make fuzz``."""

from __future__ import annotations

import pytest

from tests.fuzz.fuzzer import Target, fuzz
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_any_bytes_are_read_or_refused_as_documented(target: Target) -> None:
    result = fuzz(target, seed=1, inputs=1500)
    assert result.inputs == 1500
    assert not result.failures, "\n".join(trace for _, trace in result.failures.values())


def fragile(data: bytes) -> None:
    if data[:1] == b"R" and data[1:2] > b"\x80":
        raise IndexError("planted")
    raise ValueError("refused")


def test_a_planted_bug_is_found_and_is_the_same_for_a_seed() -> None:
    target = Target("planted", fragile, (ValueError,), lambda: [b"R\x01abc"], ("test_fuzz.py",))
    one, other = (fuzz(target, seed=5, inputs=400) for _ in range(2))
    (where,) = one.failures
    assert where.startswith("IndexError at test_fuzz.py")
    assert one.failures[where][0] == other.failures[where][0]
    assert one.lines >= 3
