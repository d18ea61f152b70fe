"""How a reply takes what its providers send: the pure reactions of reply.py's state to tokens and audio.

Each is a generator: its steps change the reply and give the effects in between, in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import items as it
from rtaudio.voice.chat import ChatMessage
from rtaudio.voice.clauses import Clause
from rtaudio.voice.protocols import ProviderKind
from rtaudio.voice.reply import MIC_RATE as MIC_RATE
from rtaudio.voice.reply import Reply
from rtaudio.voice.turns import EagerTally


def take_tokens(
    reply: Reply, item: it.TokenCame | it.CallCame | it.TokensEnded | it.TokensFailed
) -> Iterator[do.Effect]:
    """The model's stream brought something, ended or failed."""
    if reply.text_ended:
        return
    match item:
        case it.TokenCame():
            reply.times.first_token = reply.times.first_token or item.at.time_ns
            yield from _speak(reply, reply.add_text(item.text), item.at)
        case it.CallCame():
            reply.times.first_token = reply.times.first_token or item.at.time_ns
            reply.calls.append(item.call)
        case it.TokensEnded():
            yield from _speak(reply, reply.end_text(complete=True), item.at)
            if not (reply.speaks or reply.calls or reply.may_be_silent):
                reply.model_failed = True
                yield _failed(item, "llm", item.provider, "sent nothing that can be spoken")
        case it.TokensFailed():
            reply.model_failed = True
            reply.calls.clear()
            yield _failed(item, "llm", item.provider, item.what)
            yield from _speak(reply, reply.end_text(complete=False), item.at)
        case _:
            assert_never(item)
    yield from _end_segment(reply)


def take_all(reply: Reply, text: str, at: it.Stamp) -> Iterator[do.Effect]:
    """The whole text at once, of a reply that needs no model."""
    yield from _speak(reply, reply.add_recorded(text) if reply.recording else reply.add_text(text), at)
    yield from _speak(reply, reply.end_text(complete=True), at)
    yield from _end_segment(reply)


def take_audio(
    reply: Reply, item: it.AudioCame | it.WordsFound | it.AudioEnded | it.AudioFailed
) -> Iterator[do.Effect]:
    """The TTS's stream of a clause brought something, ended or failed."""
    if reply.broken:
        return
    match item:
        case it.AudioCame():
            yield from _audio_came(reply, item)
        case it.WordsFound():
            reply.clauses[item.clause].found = item.words
            reply.clauses[item.clause].found_until_s = item.until_s
        case it.AudioEnded():
            if reply.clauses[item.clause].samples:
                yield from reply.end_clause(item.clause)
                yield from reply.start_clauses()
            else:
                yield from _break(reply, item, item.provider, "gave no audio")
        case it.AudioFailed():
            yield from _break(reply, item, item.provider, item.what)
        case _:
            assert_never(item)
    yield from _end_segment(reply)


def _audio_came(reply: Reply, item: it.AudioCame) -> Iterator[do.Effect]:
    if item.samples:
        reply.times.first_audio = reply.times.first_audio or item.at.time_ns
        try:
            yield from reply.add_audio(item)
        except ValueError as error:
            yield from _break(reply, item, item.provider, str(error))
            return
    if item.words:
        try:
            reply.add_words(item)
        except ValueError as error:
            yield _failed(item, "tts", item.provider, f"{error}; its words are placed in proportion instead")


def _speak(reply: Reply, clauses: list[Clause], at: it.Stamp) -> Iterator[do.Effect]:
    for clause in clauses:
        reply.times.first_clause = reply.times.first_clause or at.time_ns
        yield do.Emit(
            ev.ReplyText(
                at_s=at.mic / MIC_RATE, reply=reply.number, text=clause.spoken, text_offset=clause.spoken_offset
            )
        )
    yield from reply.start_clauses()


def _break(reply: Reply, item: it.Item, provider: str, what: str) -> Iterator[do.Effect]:
    """No audio after what came: the reply ends there."""
    reply.broken = reply.text_ended = True
    yield _failed(item, "tts", provider, what)
    yield from reply.play()
    yield do.StopProviders(reply.number)


def _end_segment(reply: Reply) -> Iterator[do.Effect]:
    if reply.finish_writing() and reply.opened:
        yield do.EndSegment(reply.number)


def _failed(item: it.Item, kind: ProviderKind, provider: str, what: str) -> do.Effect:
    return do.Emit(ev.ProviderFailed(at_s=item.at.mic / MIC_RATE, kind=kind, provider=provider, what=what))


def ending(reply: Reply, message: ChatMessage, heard: int, bound: int, at: it.Stamp) -> Iterator[do.Effect]:
    """What is told of a reply that is over: nothing where it had no words."""
    at_s, heard_for_s, bound_s = at.mic / MIC_RATE, heard / reply.port_rate, bound / reply.port_rate
    if message.interrupted:
        yield do.Emit(
            ev.AgentSpeechInterrupted(
                at_s=at_s,
                reply=reply.number,
                heard=message.text,
                cut=message.unheard,
                heard_for_s=heard_for_s,
                bound_s=bound_s,
            )
        )
    elif message.text:
        yield do.Emit(ev.AgentSpeechHeard(at_s=at_s, reply=reply.number, text=message.text, spoken_for_s=heard_for_s))


def metrics(reply: Reply, at: it.Stamp) -> ev.TurnMetrics:
    """How long the reply took so far, step by step."""
    times = reply.times
    eager = reply.answers.eager if reply.answers is not None and not reply.steps else EagerTally()

    def since(mark: int | None) -> float | None:
        return None if mark is None else (mark - times.origin_ns) / 1e9

    return ev.TurnMetrics(
        at_s=at.mic / MIC_RATE,
        turn=reply.answers.turn if reply.answers is not None else 0,
        reply=reply.number,
        turn_decided_s=since(times.turn_decided),
        stt_final_s=since(times.stt_final),
        first_token_s=since(times.first_token),
        first_clause_s=since(times.first_clause),
        first_audio_s=since(times.first_audio),
        first_sample_s=since(times.first_sample),
        heard_s=since(times.heard),
        tools_s=reply.tools_ns / 1e9,
        step=reply.steps,
        eager_attempts=eager.attempts,
        eager_kept=eager.kept,
        eager_wasted_tokens=eager.wasted_tokens,
        eager_wasted_audio_s=eager.wasted_audio_s,
    )
