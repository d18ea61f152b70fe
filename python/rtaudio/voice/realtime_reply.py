"""A reply that a speech-to-speech model speaks: its messages are the clauses, whose text and audio come side by side.

Beyond that it is a Reply like any other: one segment, words placed by the model or by their sound, heard by law 9.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from rtaudio.voice import effects as do
from rtaudio.voice.clauses import Clause
from rtaudio.voice.reply import ClauseAudio, Reply
from rtaudio.voice.transforms import SpokenText

WORDLESS: Final = "[speech]"
"""Stands for the words of the agent where the model gave audio and no text."""


class Played(NamedTuple):
    """What was heard of one message of a reply that was cut; `audio_end_ms` None: nothing."""

    clause: int
    audio_end_ms: int | None


def grow_to(reply: Reply, clause: int) -> Iterator[do.Effect]:
    """The reply has a message of that number; those before it are complete."""
    while len(reply.clauses) <= clause:
        if reply.clauses and not reply.clauses[-1].done:
            yield from reply.end_clause(len(reply.clauses) - 1)
        if reply.text:
            reply.text += " "
        reply.clauses.append(ClauseAudio(Clause("", len(reply.text)), SpokenText.of("")))


def add_text(reply: Reply, clause: int, text: str) -> int:
    """The message goes on; gives the character of the reply's text where `text` begins. ValueError: a later message
    has begun already."""
    if clause != len(reply.clauses) - 1:
        raise ValueError(f"gave text of message {clause + 1} after message {len(reply.clauses)} had begun")
    audio, begin = reply.clauses[clause], len(reply.text)
    reply.text += text
    audio.clause = Clause(audio.clause.text + text, audio.clause.offset)
    audio.spoken = SpokenText.of(audio.clause.text)
    return begin


def name_wordless(reply: Reply) -> None:
    """Audio without text is words all the same: the last message, if it has none."""
    if reply.clauses and reply.clauses[-1].samples and not any(map(str.isalnum, reply.clauses[-1].clause.text)):
        add_text(reply, len(reply.clauses) - 1, WORDLESS)


def played(reply: Reply, heard: int) -> Iterator[Played]:
    """What of its messages was not heard whole, given how far its segment was, in samples at the port's rate."""
    for number, clause in enumerate(reply.clauses):
        if number > reply.current or not clause.played:
            yield Played(number, None)
            continue
        here = heard - _at_port(reply, clause.begin)
        if here <= 0:
            yield Played(number, None)
        elif heard < _at_port(reply, clause.begin + clause.samples) or not clause.done:
            sent_ms = clause.samples * 1000 // reply.rate
            yield Played(number, min(here * 1000 // reply.port_rate, sent_ms))


def _at_port(reply: Reply, sample: int) -> int:
    return sample * reply.port_rate // reply.rate if reply.rate else 0
