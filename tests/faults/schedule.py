"""What happens in one run, as plain data: drawn by a seed, written as one line of JSON, made smaller field by field.

A field that is as its default is left out of the line, so that a schedule which was made small reads like its cause.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, fields
from typing import Any, Final, get_args

from rtaudio.testing.failures import Mode
from rtaudio.voice.options import EagerMode
from rtaudio.voice.policies import INTERRUPTIONS

ANY_STREAM: Final = ("raise_at_open", "raise", "hang", "nothing", "raise_on_close", "hang_on_close", "swallow", "wrong")
"""Faults of every kind of provider, at piece `after` of a stream of it (of stream -1: when it is warmed up). swallow:
it takes no cancellation, twice; wrong: something that is no piece at all."""
FAULTS: Final = {
    "stt": (*ANY_STREAM, "cancelled", "raise_on_push", "early", "twice", "half", "huge", "empty", "late"),
    "llm": (*ANY_STREAM, "cancelled", "half", "huge", "empty", "unspeakable"),
    "tts": (*ANY_STREAM, "cancelled", "other_rate", "no_rate", "nan", "stereo", "int16", "empty", "long", "odd_words"),
}
STAGES: Final = ("stt", "llm", "tts", "transcription")
STAGE_FAULTS: Final = ("fine", "raise", "hang", "nothing", "swallow", "wrong", "cancelled")
TEXTS: Final = ("short", "long", "marked", "one")
TOOLS: Final = (
    *("quick", "raises", "hangs", "waits", "blocks", "odd", "much", "tells", "fills", "detaches", "says", "replies"),
    *(
        "asks",
        "page",
        "hands_over",
        "hands_badly",
        "runs_task",
        "cancels_itself",
        "cancelled",
        "interrupts",
        "swallows",
    ),
    *("joins", "retries", "unknown"),
)
ARGUMENTS: Final = ("{}", "{}", "{}", '{"a": 1}', "{", "[]", "", '{"a": "\\ud83d"}', "nul", "deep")
HOOKS: Final = ("on_enter", "on_exit", "on_turn")
HOOK_FAULTS: Final = ("fine", "raise", "hang", "says", "runs_task", "cancelled", "stops", "swallow")
OTHERS: Final = (
    *(
        "fresh",
        "copy",
        "last",
        "filtered",
        "filter_raises",
        "summary",
        "summary_raises",
        "summary_hangs",
        "summary_model",
    ),
    *("own_voice", "own_model", "own_ear", "turns", "speaks_first", "enter_raises", "fails"),
)
"""What agents have that the talk is handed over to, and tasks."""
ACTS: Final = (
    *("say", "say_now", "say_low", "say_off", "say_audio", "say_broken_audio", "reply", "reply_now", "user_text"),
    *("interrupt", "interrupt_last", "cancel_waiting", "stall", "hand_over", "run_task", "cancel_task", "task_late"),
    *("client_comes", "client_goes", "client_calls", "drop", "close", "cancel_main"),
)
RARE: Final = ("close", "cancel_main")
SAYS: Final = ("question", "question", "question", "mhm", "stop")
OPTIONS: Final[dict[str, tuple[Any, ...]]] = {
    "interruption": INTERRUPTIONS,
    "eager": get_args(EagerMode),
    "eager_stable_s": (None, 0.1, 0.3),
    "min_words": (None, 0, 1, 3),
    "language": (None, "en", "de", "ja"),
    "text_transforms": (("markdown", "emoji"), (), ("markdown", "emoji", "urls")),
    "start_buffer_s": (1.0, 0.0, 0.3),
    "clauses_in_flight": (3, 1, 2),
    "clauses_waiting": (64, 1),
    "ahead_s": (10.0, 0.5),
    "first_clause_chars": (10, 1, 40),
    "away_s": (None, 1.0),
    "tool_steps": (8, 1, 2),
    "pre_roll_s": (0.3, 0.0),
    "stt_failed_text": (None, "Sorry, not understood."),
    "llm_failed_text": (None, "Sorry, no answer now."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Times are milliseconds of virtual time. Entries of the tuples: see `drawn`."""

    tick: int = 20
    latency: int = 0
    kind: str = "paced"
    line_stalls: tuple[tuple[int, int, bool], ...] = ()
    remote: str = "none"
    remote_way: int = 20
    remote_lies: bool = False
    greeting: str | None = None
    greeting_policy: str | None = None
    cues: tuple[tuple[int, str, int, str], ...] = ()
    options: tuple[tuple[str, Any], ...] = ()
    stt: tuple[tuple[int, str, int], ...] = ()
    llm: tuple[tuple[int, str, int], ...] = ()
    tts: tuple[tuple[int, str, int], ...] = ()
    fallback: tuple[str, ...] = ()
    stages: tuple[tuple[str, str, int], ...] = ()
    realtime: tuple[Any, ...] = ()
    complete: bool = False
    hooks: tuple[tuple[str, str], ...] = ()
    others: tuple[str, ...] = ()
    replies: tuple[Any, ...] = ("short",)
    waits: tuple[int, int, int] = (100, 100, 50)
    words: bool = True
    rate: int = 24000
    char: int = 25
    piece: int = 200
    piece_every: int = 0
    acts: tuple[tuple[int, str], ...] = ()
    client: bool = False
    journal: bool = False

    def line(self) -> str:
        """As one line of JSON; `read` gives it back."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}
        return json.dumps(own, separators=(",", ":"))

    @classmethod
    def read(cls, line: str) -> Schedule:
        return cls(**{name: _tuples(value) for name, value in json.loads(line).items()})

    def has(self, *acts: str) -> bool:
        """The program does one of these."""
        return any(act in acts for _, act in self.acts)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(each) for each in value) if isinstance(value, list) else value


def drawn(seed: int) -> Schedule:
    """Each part uniformly and independently; every other schedule has few faults, so that what needs a long talk
    without any is met, too."""
    r = random.Random(seed)
    often = r.choice((0.0, 0.0, 0.05, 0.3))

    def faults(kind: str) -> tuple[tuple[int, str, int], ...]:
        return tuple(
            (r.choice((-1, 0, 0, 1, 1, 2, 3)), r.choice(FAULTS[kind]), r.randrange(4))
            for _ in range(3)
            if r.random() < often
        )

    def reply() -> Any:
        if r.random() < 0.7:
            return r.choice(TEXTS)
        many = 70 if r.random() < 0.03 else r.choice((1, 1, 1, 2, 3))
        calls = tuple((r.choice(TOOLS), r.choice(ARGUMENTS), r.choice(("c1", "c2", "", "new"))) for _ in range(many))
        return (r.choice(("", *TEXTS)), calls)

    kind = r.choice(("paced", "paced", "network"))
    piece = r.choice((20, 100, 200, 1000))
    acts = [r.choice(ACTS) for _ in range(r.choice((0, 1, 2, 3, 4, 8)))]
    acts = [act for act in acts if act not in RARE or r.random() < 0.5]
    realtime: tuple[Any, ...] = ()
    if r.random() < 0.15:
        failure = (r.choice(get_args(Mode)), r.randrange(12), r.randrange(1, 3), r.randrange(2))
        expires = r.choice((0, 0, 0, 2500, 4000))
        realtime = (r.choice(("local", "server")), failure if r.random() < 2 * often else (), expires)
    return Schedule(
        tick=r.choice((10, 20, 20, 20)),
        latency=r.choice((0, 0, 0, 20, 120)),
        kind=kind,
        line_stalls=tuple(
            (r.randrange(200, 5000), r.choice((60, 300, 1500, 6000)), r.random() < 0.3) for _ in range(r.randrange(3))
        )
        if kind == "network"
        else (),
        remote=r.choice(("none", "none", "none", "none", "plays", "clears", "ducks")),
        remote_way=r.choice((0, 20, 150, 400)),
        remote_lies=r.random() < 0.3,
        greeting=r.choice((None, None, "short", "long")),
        greeting_policy=r.choice((None, *INTERRUPTIONS)),
        cues=tuple(
            (
                r.choice((100, 200, 400, 700, 1200)),
                r.choice(("starts", "stops", "at")),
                r.choice((0, 50, 100, 300, 600, 1000, 1500)),
                r.choice(SAYS),
            )
            for _ in range(r.choice((1, 2, 2, 3, 4)))
        ),
        options=tuple((name, r.choice(values)) for name, values in OPTIONS.items() if r.random() < 0.3),
        stt=faults("stt"),
        llm=faults("llm"),
        tts=faults("tts"),
        fallback=tuple(kind for kind in ("stt", "llm", "tts") if r.random() < 0.1),
        stages=tuple(
            (stage, r.choice(STAGE_FAULTS) if r.random() < 4 * often else "fine", r.randrange(3))
            for stage in STAGES
            if r.random() < 0.1
        ),
        others=tuple(r.choice(OTHERS) for _ in range(r.randrange(4))),
        hooks=tuple((hook, r.choice(HOOK_FAULTS)) for hook in HOOKS if r.random() < 0.15),
        replies=tuple(reply() for _ in range(r.choice((1, 2, 3, 4)))),
        waits=(r.choice((0, 50, 100, 400, 900)), r.choice((0, 50, 100, 300, 900)), r.choice((0, 50, 100, 300, 900))),
        realtime=realtime,
        complete=r.random() < 0.3,
        words=r.random() < 0.6,
        rate=r.choice((24000, 24000, 24000, 16000, 48000)),
        char=r.choice((15, 25, 40)),
        piece=piece,
        piece_every=r.choice((0, 0, 0, 20, 150)) if piece >= 200 else r.choice((0, 0, 15)),
        acts=tuple((r.choice((0, 1, 100, 300, 700, 1500)), act) for act in acts),
        client=r.random() < 0.5,
        journal=r.random() < 0.2,
    )
