"""The session's half of the journal, and running it again.

A session's machine is a function of its items, in order. So the journal keeps the items, and beside them the effects
that came of them: a replay feeds the items to a new machine and must get the same effects (law 5).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rtaudio.voice.agent import Agent
from rtaudio.voice.chat import ChatContext
from rtaudio.voice.effects import Effect
from rtaudio.voice.items import Item, decode, encode
from rtaudio.voice.machine import Machine
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.session import Recorder

if TYPE_CHECKING:
    from rtaudio.core.journal import Journal, JournalFile


def encode_effect(effect: Effect) -> dict[str, Any]:
    """As plain data; what a replay is compared with."""
    return {"effect": type(effect).__name__, **asdict(effect)}


def session_recorder(
    journal: Journal,
    agent: Agent,
    port_rate: int,
    options: SessionOptions | None = None,
    history: ChatContext | None = None,
) -> Recorder:
    """For `Session(..., recorder=...)`; the other arguments are those of that session."""
    start = {
        "agent": asdict(agent),
        "options": asdict(options if options is not None else SessionOptions()),
        "port_rate": port_rate,
        "history": history.to_dict() if history is not None else None,
    }
    journal.session({"session": start})

    def record(what: Item | Effect) -> None:
        journal.session(encode(what) if isinstance(what, Item) else encode_effect(what))

    return record


def replay_session(journal: JournalFile) -> tuple[Machine, list[dict[str, Any]]]:
    """Runs the session's machine again on the recorded items. Gives the machine as it was at the end (its `history` is
    the conversation) and every effect as plain data. ValueError: no session was recorded."""
    records = iter(journal.session)
    start = next((record["session"] for record in records if "session" in record), None)
    if start is None:
        raise ValueError("this journal holds no session: only the core was recorded")
    history = ChatContext.from_dict(start["history"]) if start["history"] is not None else None
    agent, options = Agent(**start["agent"]), SessionOptions(**start["options"])
    machine = Machine(agent, options, start["port_rate"], history)
    effects: list[dict[str, Any]] = []
    for record in records:
        if "item" in record:
            effects += (encode_effect(effect) for effect in machine.handle(decode(record)))
    return machine, effects


def session_differences(journal: JournalFile) -> list[str]:
    """Where the replayed effects differ from the recorded ones; empty: nowhere."""
    replayed = [json.loads(json.dumps(effect)) for effect in replay_session(journal)[1]]
    recorded = [record for record in journal.session if "effect" in record]
    for index, (new, old) in enumerate(zip(replayed, recorded, strict=False)):
        if new != old:
            return [f"effect {index}: replayed {new}, recorded {old}"]
    if len(replayed) != len(recorded):
        return [f"{len(replayed)} effects replayed, {len(recorded)} recorded"]
    return []
