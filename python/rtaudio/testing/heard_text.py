"""A call as people read it: who said what from when to when, and a strip on which both are seen beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Final

Span = tuple[float, float]
Row = tuple[str, str, str, Sequence[Span]]
"""Who, what was heard of it, what was not, when it sounded."""
STEPS: Final = 60
"""Characters in a line of the strip."""
FINEST_S: Final = 0.1


def shown(rows: Sequence[Row], overlaps: Sequence[Span], duration_s: float) -> str:
    """One line for each row and overlap, in order of time; then the strip."""
    lines = [_line(*row) for row in rows]
    lines += [f"{begin:6.2f}-{end:6.2f}  both sound" for begin, end in overlaps]
    return "\n".join([*(sorted(lines) or ["(nobody said anything)"]), *_strip(rows, duration_s)])


def _line(who: str, text: str, unheard: str, spans: Sequence[Span]) -> str:
    cut = f" / cut: {unheard}" if unheard else ""
    pauses = "" if len(spans) == 1 else f" ({len(spans) - 1} pauses)"
    return f"{spans[0][0]:6.2f}-{spans[-1][1]:6.2f}  {who:6}  {text or '(a clip)'}{cut}{pauses}"


def _strip(rows: Sequence[Row], duration_s: float) -> list[str]:
    """Some lines of the call, each character a step of time."""
    end_s = max([duration_s if not rows else 0.0, *(span[1] for row in rows for span in row[3])])
    step_s = max(FINEST_S, round(end_s / (4 * STEPS) + 0.05, 1))
    lines: list[str] = []
    line_s = STEPS * step_s
    for number in range(ceil(end_s / line_s)):
        begin_s = number * line_s
        lines += [f"{begin_s:6.2f} s, {step_s:g} s each"]
        lines += [f"  {who:6}  {_marks(rows, who, begin_s, step_s)}" for who in ("caller", "agent")]
    return lines


def _marks(rows: Sequence[Row], who: str, begin_s: float, step_s: float) -> str:
    spans = [span for row in rows if row[0] == who for span in row[3]]
    steps = (begin_s + at * step_s for at in range(STEPS))
    return "".join("#" if any(a < at + step_s and b > at for a, b in spans) else "." for at in steps)
