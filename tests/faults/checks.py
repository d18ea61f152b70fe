"""The laws, from the outside: what the sink kept against what the voice gave, the history against what was said.

Nothing here asks the session how it is; what a schedule excuses is said where it is looked at.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rtaudio.core import BargeConfig
from rtaudio.voice import AgentSpeechInterrupted, Backchannel, BargeIn, ChatMessage, ProviderFailed, SessionClosed
from tests.faults.check_events import story
from tests.faults.play import Outcome, play
from tests.faults.providers import word_starts
from tests.faults.schedule import Schedule
from tests.faults.words import OWN, QUESTION

DUCKED: Final = 10 ** (BargeConfig().duck_db / 20)
FADE: Final = 130
"""Samples: 5 ms at 24 kHz, and some."""
HONEST: Final = ("raise_at_open", "raise_on_close", "hang_on_close")
"""Faults of a voice after which what it gave is known."""


def problems_of(schedule: Schedule) -> list[str]:
    """Plays it. Empty: all laws held."""
    outcome = play(schedule)
    problems = list(outcome.problems)
    for check in (closed, accounting, heard, no_word_lost, answered, story):
        problems += check(outcome)
    return problems


def closed(out: Outcome) -> list[str]:
    """Nothing is told after SessionClosed, which comes once, and says that nothing inside broke."""
    ends = [event for event in out.events if isinstance(event, SessionClosed)]
    if len(ends) != 1 or out.events[-1] is not ends[0]:
        return [f"{len(ends)} SessionClosed, last event {out.events[-1:]}"]
    return [] if ends[0].reason == "closed" else [f"the session closed by itself: {ends[0].reason}"]


def accounting(out: Outcome) -> list[str]:
    """Law 1: the ledger in itself, and against the samples that came out."""
    if (ledger := out.ledger) is None:
        return []
    wrong = []
    if ledger.written + ledger.replayed != ledger.played + ledger.queued + ledger.dropped:
        wrong.append(f"law 1: {ledger}")
    if out.schedule.remote == "none" and out.ended != "cancelled":
        sounding = int(np.count_nonzero(out.sink))
        if not 0 <= ledger.played + ledger.concealed - sounding <= 2000:  # a fade may end in zeros
            wrong.append(
                f"law 1: {ledger.played} played and {ledger.concealed} concealed by the ledger, {sounding} at the sink"
            )
    return wrong


def reached(sink: NDArray[np.float32], made: list[list[Any]]) -> list[tuple[list[int], list[int]]]:
    """For each stream of the voice: positions at the sink of the runs of its samples, and how far each run came (its
    number within the stream), what followed without a pause in another gain included."""
    known = np.full(len(sink), -1, np.int64)
    for gain in (DUCKED, 1.0):
        numbers = sink.astype(np.float64) * (2**22 / gain)
        near = np.round(numbers)
        whole = (near >= 1) & (np.abs(numbers - near) < (0.2 if gain < 1 else 1e-9))
        step = (np.diff(near) == 1) & whole[1:] & whole[:-1]
        same = np.zeros(len(sink), bool)
        same[1:] |= step
        same[:-1] |= step
        known[same] = near[same] - 1
    at = np.flatnonzero(known >= 0)
    values = known[at]
    silent = np.flatnonzero(sink == 0)
    found: list[tuple[list[int], list[int]]] = []
    for _, first, count in made:
        inside = at[(values >= first) & (values < first + count)]
        own = values[(values >= first) & (values < first + count)] - first
        if not len(inside):
            found.append(([], []))
            continue
        breaks = np.flatnonzero(np.diff(inside) > 1)
        ends = [*breaks.tolist(), len(inside) - 1]
        positions, depths = [], []
        for end in ends:
            place = int(inside[end])
            after = np.searchsorted(silent, place)
            until = int(silent[after]) if after < len(silent) else len(sink)
            following = np.searchsorted(at, place + 1)
            if following < len(at):
                until = min(until, int(at[following]))
            positions.append(place)
            depths.append(int(own[end]) + until - place - 1)
        found.append((positions, depths))
    return found


def heard(out: Outcome) -> list[str]:
    """Laws 9 and 2: an agent's message has the words whose samples came out, and after a cut none came out."""
    schedule, tts = out.schedule, out.tts
    exact = (
        schedule.words
        and not schedule.realtime
        and schedule.rate == 24000
        and schedule.remote == "none"
        and "tts" not in schedule.fallback
    )
    exact &= not any(mode not in HONEST for _, mode, _ in schedule.tts) and tts.numbered < 2**21
    exact &= not any(stage == "tts" and mode != "fine" for stage, mode, _ in schedule.stages)
    if not exact or out.ended == "cancelled":
        return []
    places = reached(out.sink, tts.made)
    where: dict[str, list[tuple[int, float]]] = {}
    for stream, (text, _, _) in enumerate(tts.made):
        starts = word_starts(text)
        samples = [at * schedule.char * 24 for at in starts] + [len(text) * schedule.char * 24]
        for number, start in enumerate(starts):
            word = re.split(r"\s", text[start:], maxsplit=1)[0].strip(".,!?*_")
            where.setdefault(word, []).append((stream, (samples[number] + samples[number + 1]) / 2))
    wrong = []
    for message in out.history:
        if message.role == "assistant":
            wrong += _message_heard(message, where, places)
    for event in out.events if not schedule.line_stalls else ():  # in one the clock of events stands still
        if isinstance(event, AgentSpeechInterrupted) and not any(
            stage == "transcription" for stage, *_ in schedule.stages
        ):
            wrong += _silent_after(event, where, places, schedule)
    return wrong


def _plain(text: str) -> list[str]:
    return [word for word in (part.strip(".,!?*_") for part in text.split()) if word and word[0].isalpha()]


def _message_heard(message: ChatMessage, where: dict[str, Any], places: list[tuple[list[int], list[int]]]) -> list[str]:
    wrong = []
    words = [(word, True) for word in _plain(message.text)] + [(word, False) for word in _plain(message.unheard)]
    counts = Counter(word for word, _ in words)
    for word, told in words:
        depths = [max(places[stream][1], default=-1) - middle for stream, middle in where.get(word, ())]
        if any(abs(depth) <= FADE for depth in depths) or counts[word] > 1:
            continue
        if not OWN.fullmatch(word):
            continue  # others say it, too
        if word not in where:
            if told:
                wrong.append(f"law 9: {word!r} is told as heard and was never spoken, in {message}")
            continue
        if told != any(depth > 0 for depth in depths):
            wrong.append(
                f"law 9: {word!r} {'told as heard, not' if told else 'unheard, but'} at the sink, in {message}"
            )
    return wrong[:1]


def _silent_after(event: AgentSpeechInterrupted, where: Any, places: Any, schedule: Schedule) -> list[str]:
    """Of this reply; one that says the same words as another one is not looked at."""
    limit = round((event.at_s + (schedule.latency + 2 * schedule.tick) / 1000) * 24000) + FADE
    for word in filter(OWN.fullmatch, _plain(f"{event.heard} {event.cut}")):
        for stream, _ in where.get(word, ()):
            late = [position for position in places[stream][0] if position > limit]
            if late and len(where[word]) == 1:
                return [
                    f"law 2: reply {event.reply} was cut at {event.at_s} s and is at the sink at {late[-1] / 24000} s"
                ]
    return []


def no_word_lost(out: Outcome) -> list[str]:
    """Law 10: each question that was understood is in the history, once; no other is."""
    said = Counter(QUESTION.findall(" ".join(m.text for m in out.history if m.role == "user")))
    wrong = [f"law 10: {word} is in the history {count} times" for word, count in said.items() if count > 1]
    understood = {word for text in out.stt.finals for word in QUESTION.findall(text)} | set(out.typed)
    if any(stage == "stt" and mode != "fine" for stage, mode, _ in out.schedule.stages):
        understood = set(out.typed)
    if out.ended not in ("closed early", "cancelled"):
        wrong += [f"law 10: {word} was understood and is not in the history" for word in sorted(understood - set(said))]
    return wrong


def answered(out: Outcome) -> list[str]:
    """Law 10: none is answered twice; where nothing excuses it, the last one is answered. A task that an on_turn runs
    is shown the question, which is answered after it: the model here answers whatever it is shown."""
    wrong: list[str] = []
    answers = Counter(
        word
        for message in out.history
        if message.role == "assistant"
        for word in re.findall(r"\bre((?:ask|typed)\w+)", message.text)
    )
    if ("on_turn", "runs_task") not in out.schedule.hooks:
        wrong += [f"law 10: {word} is answered {count} times" for word, count in answers.items() if count > 1]
    if excused(out):
        return wrong
    open_words: list[str] = []
    for message in out.history:
        if message.role == "user" and not message.backchannel:
            open_words += QUESTION.findall(message.text)
        elif message.role == "assistant" and (message.text or message.unheard):
            open_words = []
    return wrong + ([f"law 10: nobody answered {open_words}"] if open_words else [])


def excused(out: Outcome) -> bool:
    """Something in the schedule, or of what the core took for no barge-in, lets a question go without an answer."""
    schedule = out.schedule
    return bool(
        schedule.realtime  # its fake answers by number, not by what it was asked
        or out.forced
        or out.ended in ("closed early", "cancelled")
        or schedule.stt
        or schedule.llm
        or schedule.tts
        or any(mode != "fine" for _, mode, _ in schedule.stages)
        or any(mode == "stops" for _, mode in schedule.hooks)
        or schedule.has("interrupt", "interrupt_last")
        or "interrupts" in repr(schedule.replies)
        or any(not isinstance(reply, str) and not reply[0] for reply in schedule.replies)  # the model says nothing
        or any(isinstance(e, BargeIn) and e.state in ("false", "backchannel") for e in out.events)
        or any(isinstance(e, Backchannel | ProviderFailed) for e in out.events)
    )
