"""What other frameworks' tests expect of a conversation, tried on a session of ours: `rtaudio-bench scenarios`.

Each line of a file is played on virtual time; what happened is set beside what is expected. Times must agree within
TOLERANCE_S, all else exactly. `better_by` names the rule of docs/scenarios.md by which a difference is wanted.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from typing import Any, Final

from rtaudio.bench import scenario_form as form
from rtaudio.bench.scenario_call import play
from rtaudio.bench.scenario_seen import Seen
from rtaudio.bench.scenario_steps import play_steps
from rtaudio.testing.virtual_time import run as run_virtual

TOLERANCE_S: Final = 0.05
_WITHOUT: Final = "_without_warmup"
SOONER: Final = "interrupted-sooner"
_OF_INTERRUPTION: Final = ("interrupted_at", "playback_position", "agent_listening_at", "playback_finished_at")


def run(options: argparse.Namespace, progress: Callable[[str], None]) -> dict[str, Any]:
    """`rtaudio-bench scenarios`. FormError (a ValueError), OSError: a file that cannot be played."""
    scenarios = [scenario for path in options.files for scenario in form.load(path)]
    for scenario in scenarios:  # before any is played
        _check(scenario)
    results = []
    for scenario in scenarios:
        progress(scenario.id)
        results.append(tried(scenario))
        if options.plot is not None and isinstance(scenario, form.Call):
            from rtaudio.bench.scenario_plot import plot  # needs matplotlib

            plot(run_virtual(play(scenario)), results[-1], options.plot)
    return {
        "equal": sum(result["equal"] for result in results),
        "better": sum(result["better_by"] is not None for result in results),
        "of": len(results),
        "scenarios": results,
    }


def tried(scenario: form.Scenario) -> dict[str, Any]:
    """One scenario's line of the result."""
    _check(scenario)
    if isinstance(scenario, form.Steps):
        wanted: dict[str, Any] = {name: count for _, name, count in scenario.checks if name}
        got: dict[str, Any] = run_virtual(play_steps(scenario))
        return {"id": scenario.id, "expected": wanted, "got": got, "equal": got == wanted, "better_by": None}
    seen, without = run_virtual(play(scenario)), None
    if any(name.endswith(_WITHOUT) for name in scenario.expect):
        call = dataclasses.replace(scenario, options={**scenario.options, "aec_warmup": None})
        without = run_virtual(play(call))
    got = {}
    for name, expected in scenario.expect.items():
        if name.endswith(_WITHOUT) and without is not None:
            got[name] = without.value(name.removesuffix(_WITHOUT), expected)
        else:
            got[name] = seen.value(name, expected)
    off = {name for name in got if not agree(scenario.expect[name], got[name])}
    return {
        "id": scenario.id,
        "expected": scenario.expect,
        "got": {name: rounded(value) for name, value in got.items()},
        "equal": not off,
        "better_by": _better_by(scenario, got, off),
    }


def _check(scenario: form.Scenario) -> None:
    if isinstance(scenario, form.Steps):
        return
    known = Seen.names()
    for name in scenario.expect:
        if name.removesuffix(_WITHOUT) not in known:
            raise form.FormError(f"{scenario.id}: expect: no {name!r}; there are {', '.join(known)}")


def agree(expected: object, got: object) -> bool:
    """Numbers that are no counts within the tolerance, all else exactly."""
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(map(agree, expected, got))
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(got, float) and isinstance(expected, int | float):
        return abs(expected - got) <= TOLERANCE_S + 1e-9
    return expected == got


def _better_by(scenario: form.Call, got: dict[str, Any], off: set[str]) -> str | None:
    """The rule by which all that differs is better; see docs/scenarios.md."""
    if scenario.options["interrupt_min_words"] or scenario.options["aec_warmup"]:
        return None  # what comes before those is no interruption
    if not off or any(name.removesuffix(_WITHOUT) not in _OF_INTERRUPTION for name in off):
        return None
    for name in off:
        if not isinstance(got[name], float) or not isinstance(scenario.expect[name], int | float):
            return None
        if got[name] > scenario.expect[name]:
            return None
    interrupted = [got[name] for name in off if name.endswith("_at")]
    spoke = [speech["start"] for speech in scenario.user[1:]]
    if any(not any(start <= at_s for start in spoke) for at_s in interrupted):
        return None
    return SOONER


def rounded(value: object) -> object:
    """To milliseconds, in lists as well."""
    if isinstance(value, float):
        return round(value, 3)
    return [rounded(item) for item in value] if isinstance(value, list) else value
