"""What is told must go together: everything that begins ends, once, and records hold no more than was given."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rtaudio.voice import events as ev
from tests.faults.play import Outcome


def story(out: Outcome) -> list[str]:
    """Events as pairs and chains."""
    wrong = _states(out.events) + _speech(out) + _eager(out.events) + _tools(out)
    return wrong + ([] if out.schedule.realtime or out.schedule.fallback else _records(out))


def _of(events: list[Any], kind: type[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def _states(events: list[Any]) -> list[str]:
    state, wrong = "listening", []
    for event in _of(events, ev.StateChanged):
        if event.before != state or event.state == state:
            wrong.append(f"events: {state} and then {event}")
        state = event.state
    return wrong


def _speech(out: Outcome) -> list[str]:
    """A reply that was begun to be heard came to one end; one that was not did not come to two."""
    started = Counter(event.reply for event in _of(out.events, ev.AgentSpeechStarted))
    kinds = (ev.AgentSpeechHeard, ev.AgentSpeechInterrupted)
    ended = Counter(event.reply for kind in kinds for event in _of(out.events, kind))
    wrong = [f"events: reply {reply} started {count} times" for reply, count in started.items() if count > 1]
    wrong += [f"events: reply {reply} ended {count} times" for reply, count in ended.items() if count > 1]
    return wrong + [f"events: reply {reply} was heard and has no end" for reply in started if reply not in ended]


def _eager(events: list[Any]) -> list[str]:
    told = _of(events, ev.EagerReply)
    begun = Counter(event.reply for event in told if event.state == "begun")
    over = Counter(event.reply for event in told if event.state != "begun")
    return [f"events: replies begun ahead {begun}, kept or dropped {over}"] if begun != over else []


def _tools(out: Outcome) -> list[str]:
    started = Counter(event.call_id for event in _of(out.events, ev.ToolStarted))
    finished = Counter(event.call_id for event in _of(out.events, ev.ToolFinished))
    wrong = [f"events: calls started {started - finished} and not finished"] if started - finished else []
    wrong += [f"events: calls finished {finished - started} and not started"] if finished - started else []
    uses = {use.id for message in out.history for use in message.tools}
    lost = [call for call in started if call not in uses]
    if lost and out.ended == "closed":
        wrong.append(f"the calls {lost} are not in the history")
    return wrong


def _records(out: Outcome) -> list[str]:
    """Everything used is in one record at most."""
    records = _of(out.events, ev.TurnRecord)
    samples = sum(count for _, _, count in out.tts.made)
    wrong = []
    own = not out.schedule.stages and not out.schedule.tts and not out.schedule.has("say_audio", "say_broken_audio")
    if own and (told := sum(record.characters for record in records)) > out.tts.given:
        wrong.append(f"records: {told} characters were spoken, {out.tts.given} were given to the voice")
    if own and (told_s := sum(record.synthesised_for_s for record in records)) > samples / out.schedule.rate + 0.01:
        wrong.append(f"records: {told_s} s synthesised, {samples / out.schedule.rate} s came from the voice")
    sounding_s = sum(record.heard_for_s for record in records)
    if out.schedule.remote == "none" and sounding_s > len(out.sink) / 24000:
        wrong.append(f"records: {sounding_s} s heard of {len(out.sink) / 24000} s")
    return wrong
