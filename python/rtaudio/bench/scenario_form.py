"""The form in which expectations of other frameworks' tests are written down: one JSON object a line.

    {"id": "_defaults", ...} or {"id": ..., "defaults": {...}, ...}     the first line: its settings hold for all
    {"id", "options", "user", "llm", "tts", "inject", "segments", "tools", "expect"}                    a call
    {"id", "steps", "stopped_before_wait", "then", "stopped"}                                           steps

docs/scenarios.md explains each field. What is not known is an error that names the line and says what is known: a
scenario never passes because a part of it was not looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

OPTIONS: Final[dict[str, tuple[Any, tuple[str, ...]]]] = {
    # name: (default, other names)
    "vad_min_silence": (0.5, ("vad.min_silence", "vad.min_silence_duration", "min_silence_duration")),
    "vad_min_speech": (0.05, ("vad.min_speech", "vad.min_speech_duration", "min_speech_duration")),
    "endpoint_min_delay": (
        0.5,
        ("endpointing.min_delay", "endpointing_min_delay", "min_endpointing_delay"),
    ),
    "endpoint_max_delay": (
        6.0,
        ("endpointing.max_delay", "endpointing_max_delay", "max_endpointing_delay"),
    ),
    "interrupt_enabled": (
        True,
        (
            "interruption.enabled",
            "allow_interruptions",
            "interruptions",
            "interruption_enabled",
            "interruptions_enabled",
        ),
    ),
    "interrupt_min_duration": (
        0.5,
        ("interruption.min_duration", "interruption_min_duration", "min_interruption_duration"),
    ),
    "interrupt_min_words": (0, ("interruption.min_words", "interruption_min_words", "min_interruption_words")),
    "false_interruption_timeout": (
        2.0,
        ("interruption.false_interruption_timeout", "agent_false_interruption_timeout"),
    ),
    "resume_false_interruption": (True, ("interruption.resume_false_interruption",)),
    "aec_warmup": (None, ("aec_warmup_duration", "warmup", "aec.warmup")),
    "output_can_pause": (False, ("can_pause", "can_pause_audio", "output.can_pause", "pausable_output")),
    "preemptive_generation": (False, ("preemptive", "preemptive_generation.enabled")),
    "preemptive_tts": (None, ("preemptive_generation.preemptive_tts",)),
    "user_away_timeout": (None, ("away_timeout", "user_away")),
    "on_user_turn_completed_delay": (0.0, ("turn_hook_delay",)),
    "say_on_user_turn_completed": (None, ("say_on_turn",)),
    "generate_reply_on_enter": (None, ("on_enter",)),
    "greeting": (None, ("say_on_enter",)),
    "max_tool_steps": (3, ()),
    "drain_delay": (5.0, ("drain",)),
    "speed_factor": (1, ("speed",)),
}
USER: Final[dict[str, tuple[Any, tuple[str, ...]]]] = {
    "start": (..., ("start_time",)),
    "end": (..., ("end_time",)),
    "text": ("", ("transcript",)),
    "stt_delay": (0.2, ()),
    "final": (True, ()),
}
LLM: Final[dict[str, tuple[Any, tuple[str, ...]]]] = {
    "text": (None, ("content", "reply", "output")),
    "ttft": (0.1, ()),
    "duration": (0.3, ()),
    "tool_calls": ((), ("tools", "calls")),
    "input": (None, ()),
}
TTS: Final[dict[str, tuple[Any, tuple[str, ...]]]] = {
    "audio": (..., ("audio_duration",)),
    "ttfb": (0.2, ()),
    "duration": (0.3, ()),
    "input": (None, ("text",)),
}
TOOL: Final[dict[str, tuple[Any, tuple[str, ...]]]] = {
    "name": (..., ()),
    "arguments": ("{}", ("args",)),
    "call_id": (None, ("id",)),
    "duration": (0.0, ("takes", "delay", "seconds")),
    "result": ("done", ("output", "returns")),
    "error": (None, ("raises",)),
}
INJECT: Final[dict[str, tuple[Any, tuple[str, ...]]]] = {
    "at": (..., ("time",)),
    "op": (..., ("do",)),
    "text": (None, ()),
    "user_input": (None, ()),
    "instructions": (None, ()),
    "allow_interruptions": (None, ("interruptible",)),
}
SECONDS: Final = (
    *("vad_min_silence", "vad_min_speech", "endpoint_min_delay", "endpoint_max_delay", "interrupt_min_duration"),
    *("false_interruption_timeout", "aec_warmup", "user_away_timeout", "drain_delay"),
)
OPERATIONS: Final = ("interrupt", "generate_reply", "say", "close")
CALL: Final = ("id", "note", "source", "defaults", "options", "user", "llm", "tts", "inject", "segments", "expect")
STEP: Final = (
    *("id", "note", "source", "steps", "then", "stopped_before_wait", "stopped", "user_speech_timeout", "stt_timeout"),
    "defaults",
)
_STEP: Final = re.compile(r"S|E|I\d*|T\d*!?|W\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Call:
    """A scenario with a caller. The parts have every field of their table; times in seconds."""

    id: str
    options: dict[str, Any]
    user: list[dict[str, Any]]
    llm: list[dict[str, Any]] | None  # None: not said, every question has an answer
    tts: list[dict[str, Any]]
    inject: list[dict[str, Any]]
    segments: list[str]
    expect: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Steps:
    """A scenario of events about one user. `checks`: (steps, how many turns have ended by then), in order."""

    id: str
    user_speech_timeout: float
    stt_timeout: float
    checks: list[tuple[tuple[str, ...], str, int]] = field(default_factory=list)


Scenario = Call | Steps


class FormError(ValueError):
    """A line that is none of the form: which, and what is wrong with it."""


def load(path: Path) -> list[Scenario]:
    """All scenarios of a file. FormError, OSError."""
    return parse(path.read_text(encoding="utf-8").splitlines(), str(path))


def parse(lines: Iterable[str], name: str = "scenarios") -> list[Scenario]:
    """The scenarios in `lines`; `name` is for errors."""
    scenarios: list[Scenario] = []
    defaults: dict[str, Any] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{name}:{number}"
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise FormError(f"{where}: no JSON: {error}") from error
        if not isinstance(record, dict):
            raise FormError(f"{where}: a JSON object is wanted, not {type(record).__name__}")
        defaults = {**defaults, **_object(record.get("defaults", {}), f"{where}: defaults")}
        if record.get("id") == "_defaults":
            defaults |= {key: value for key, value in record.items() if key not in ("id", "note", "source", "defaults")}
            continue
        if not isinstance(record.get("id"), str):
            raise FormError(f"{where}: 'id' is missing")
        scenarios.append((_steps if "steps" in record else _call)(record, defaults, where))
    return scenarios


def options_of(given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The options that were given by any of their names, nested or not, by their names."""
    options: dict[str, Any] = {}
    for key, value in _flat(given):
        for prefix in ("turn_handling.", "extra_kwargs.", "session."):
            key = key.removeprefix(prefix)
        options[_name(key, OPTIONS, where, "option")] = value
    for name, value in options.items():
        if name not in SECONDS or (value is None and OPTIONS[name][0] is None):
            continue
        if not _is_number(value) or not 0 <= value <= 600:
            raise FormError(f"{where}: {name} = {value!r}: seconds in 0..600 are wanted")
    if options.get("speed_factor", 1) != 1:
        raise FormError(f"{where}: speed_factor {options['speed_factor']}: give times as they are, that is 1")
    return options


def _call(record: dict[str, Any], defaults: dict[str, Any], where: str) -> Call:
    _known(record, CALL, where)
    own = options_of(_object(record.get("options", {}), f"{where}: options"), f"{where}: options")
    options = {name: default for name, (default, _) in OPTIONS.items()}
    options |= options_of(defaults, f"{where}: defaults") | own
    if options["preemptive_tts"] is not None and "preemptive_generation" not in own:
        options["preemptive_generation"] = True
    user = _parts(record.get("user", []), USER, f"{where}: user")
    for one, other in pairwise(user):
        if one["end"] > other["start"]:
            raise FormError(f"{where}: user: two speeches overlap, at {other['start']} s")
    llm = _parts(record["llm"], LLM, f"{where}: llm") if "llm" in record else None
    for answer in llm or []:
        answer["tool_calls"] = _parts(answer["tool_calls"], TOOL, f"{where}: llm: tool_calls")
    inject = sorted(_parts(record.get("inject", []), INJECT, f"{where}: inject"), key=lambda part: float(part["at"]))
    for part in inject:
        if part["op"] not in OPERATIONS:
            raise FormError(f"{where}: inject: no op {part['op']!r}; there are {', '.join(OPERATIONS)}")
        if part["op"] == "say" and not part["text"]:
            raise FormError(f"{where}: inject: say needs a text")
    segments = record.get("segments", [])
    if not isinstance(segments, list) or not all(isinstance(text, str) and text.strip() for text in segments):
        raise FormError(f"{where}: segments: a list of texts is wanted")
    expect = _object(record.get("expect", {}), f"{where}: expect")
    if not expect:
        raise FormError(f"{where}: nothing is expected: 'expect' is missing or empty")
    tts = _parts(record.get("tts", []), TTS, f"{where}: tts")
    return Call(record["id"], options, user, llm, tts, inject, segments, expect)


def _steps(record: dict[str, Any], defaults: dict[str, Any], where: str) -> Steps:
    _known(record, STEP, where)
    _known(defaults, STEP, f"{where}: defaults")
    settings = {"user_speech_timeout": 0.1, "stt_timeout": 0.0, **defaults, **record}
    for name in ("user_speech_timeout", "stt_timeout"):
        if not _is_number(settings[name]) or not 0 <= settings[name] <= 60:
            raise FormError(f"{where}: {name} = {settings[name]!r}: seconds in 0..60 are wanted")
    checks = []
    for steps, expected in (("steps", "stopped_before_wait"), ("then", "stopped")):
        listed = record.get(steps, [])
        if not isinstance(listed, list) or not all(isinstance(s, str) and _STEP.fullmatch(s) for s in listed):
            raise FormError(f"{where}: {steps}: a list of S, E, I, T, T!, Wx (x seconds) is wanted, not {listed!r}")
        if expected in record:
            if not isinstance(record[expected], int) or isinstance(record[expected], bool):
                raise FormError(f"{where}: {expected}: a count is wanted, not {record[expected]!r}")
            checks.append((tuple(listed), expected, record[expected]))
        elif listed:
            checks.append((tuple(listed), "", 0))
    if not any(name for _, name, _ in checks):
        raise FormError(f"{where}: nothing is expected: neither 'stopped_before_wait' nor 'stopped' is there")
    return Steps(record["id"], float(settings["user_speech_timeout"]), float(settings["stt_timeout"]), checks)


def _parts(value: object, table: dict[str, tuple[Any, tuple[str, ...]]], where: str) -> list[dict[str, Any]]:
    """A list of objects, each with all fields of the table."""
    if isinstance(value, tuple):
        value = list(value)
    if not isinstance(value, list):
        raise FormError(f"{where}: a list is wanted, not {value!r}")
    parts = []
    for item in value:
        given = {_name(key, table, where, "field"): each for key, each in _object(item, where).items()}
        part = {name: default for name, (default, _) in table.items()} | given
        if missing := [name for name, each in part.items() if each is ...]:
            raise FormError(f"{where}: {', '.join(missing)} missing in {json.dumps(item)}")
        for name in ("start", "end", "stt_delay", "ttft", "duration", "audio", "ttfb", "at"):
            if name in part and (not _is_number(part[name]) or not 0 <= part[name] <= 3600):
                raise FormError(f"{where}: {name} = {part[name]!r}: seconds in 0..3600 are wanted")
        parts.append(part)
    return parts


def _name(key: str, table: Mapping[str, tuple[Any, tuple[str, ...]]], where: str, what: str) -> str:
    for name, (_, others) in table.items():
        if key == name or key in others:
            return name
    raise FormError(f"{where}: no {what} {key!r}; there are {', '.join(table)}")


def _known(record: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    if unknown := [key for key in record if key not in known]:
        raise FormError(f"{where}: no field {', '.join(map(repr, unknown))}; there are {', '.join(known)}")


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, each in value.items():
        if isinstance(each, dict):
            yield from _flat(each, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", each


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FormError(f"{where}: an object is wanted, not {value!r}")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
