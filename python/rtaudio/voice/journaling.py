"""The session's half of the journal, and running it again.

A session's machine is a function of its items, in order. So the journal keeps the items, and beside them the effects
that came of them: a replay feeds the items to a new machine and must get the same effects (law 5). The machine of its
tools' calls has items and effects of its own, in the same journal: replayed likewise, and no tool is run.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rtaudio.voice.agent import Agent, AgentSettings, settings_of
from rtaudio.voice.cast import RealtimeKind, machine_for
from rtaudio.voice.chat import ChatContext
from rtaudio.voice.effects import Effect
from rtaudio.voice.items import Item, decode, encode
from rtaudio.voice.machine import Machine
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.session import Recorder

if TYPE_CHECKING:
    from rtaudio.core.journal import Journal, JournalFile
    from rtaudio.voice.tools.call_effects import CallEffect
    from rtaudio.voice.tools.call_items import CallItem


def encode_effect(effect: Effect) -> dict[str, Any]:
    """As plain data; what a replay is compared with."""
    return {"effect": type(effect).__name__, **asdict(effect)}


def session_recorder(
    journal: Journal,
    agent: Agent,
    port_rate: int,
    options: SessionOptions | None = None,
    history: ChatContext | None = None,
    realtime: RealtimeKind | None = None,
) -> Recorder:
    """For `Session(..., recorder=...)`; the other arguments are those of that session. `realtime`: for one on a
    speech-to-speech model, `RealtimeKind.of(model, speaks=...)`, where `speaks` says whether it has a TTS, too."""
    start = {
        "agent": asdict(settings_of(agent)),
        "options": asdict(options if options is not None else SessionOptions()),
        "port_rate": port_rate,
        "history": history.to_dict() if history is not None else None,
        "realtime": asdict(realtime) if realtime is not None else None,
    }
    journal.session({"session": start})

    def record(what: Item | Effect | CallItem | CallEffect) -> None:
        match what:
            case Item():
                journal.session(encode(what))
            case Effect():
                journal.session(encode_effect(what))
            case _:
                journal.session(_encode_call(what))

    return record


def _encode_call(what: CallItem | CallEffect) -> dict[str, Any]:
    from rtaudio.voice.tools import call_effects, call_items  # only where there are tools: it loads pydantic

    return call_items.encode(what) if isinstance(what, call_items.CallItem) else call_effects.encode(what)


def replay_session(journal: JournalFile) -> tuple[Machine, list[dict[str, Any]]]:
    """Runs the session's machine again on the recorded items. Gives the machine as it was at the end (its `history` is
    the conversation) and every effect as plain data. ValueError: no session was recorded."""
    start, history = _start(journal)
    settings = AgentSettings.from_dict(start["agent"])
    options = SessionOptions(**start["options"])
    realtime = RealtimeKind(**start["realtime"]) if start.get("realtime") is not None else None
    machine = machine_for(settings, options, start["port_rate"], history, realtime)
    effects: list[dict[str, Any]] = []
    for record in journal.session:
        if "item" in record:
            effects += (encode_effect(effect) for effect in machine.handle(decode(record)))
    return machine, effects


def replay_calls(journal: JournalFile) -> list[dict[str, Any]]:
    """Runs the machine of tool calls again on its recorded items, without any tool; every effect as plain data, none
    for a session without tools. ValueError: no session was recorded."""
    _, history = _start(journal)
    records = [record for record in journal.session if "call_item" in record]
    if not records:
        return []
    from rtaudio.voice.tools import call_effects, call_items
    from rtaudio.voice.tools.calls import Calls

    calls = Calls(ids=[use.id for message in history or () for use in message.tools])
    return [call_effects.encode(effect) for record in records for effect in calls.handle(call_items.decode(record))]


def session_differences(journal: JournalFile) -> list[str]:
    """Where the replayed effects differ from the recorded ones, of session or tools; empty: nowhere."""
    return [
        *_differences("effect", replay_session(journal)[1], journal),
        *_differences("call_effect", replay_calls(journal), journal),
    ]


def _start(journal: JournalFile) -> tuple[dict[str, Any], ChatContext | None]:
    start = next((record["session"] for record in journal.session if "session" in record), None)
    if start is None:
        raise ValueError("this journal holds no session: only the core was recorded")
    return start, ChatContext.from_dict(start["history"]) if start["history"] is not None else None


def _differences(kind: str, effects: list[dict[str, Any]], journal: JournalFile) -> list[str]:
    replayed = [json.loads(json.dumps(effect)) for effect in effects]
    recorded = [record for record in journal.session if kind in record]
    for index, (new, old) in enumerate(zip(replayed, recorded, strict=False)):
        if new != old:
            return [f"{kind} {index}: replayed {new}, recorded {old}"]
    if len(replayed) != len(recorded):
        return [f"{len(replayed)} of kind {kind} replayed, {len(recorded)} recorded"]
    return []
