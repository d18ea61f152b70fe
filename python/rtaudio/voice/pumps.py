"""The tasks that read a reply's providers: each turns what comes, late or wrong, into items, and closes its stream.

A pump ends when its stream does, when it fails, when it is cancelled, or when its reply is no longer wanted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from rtaudio.voice import items as it
from rtaudio.voice.chat import ChatContext
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.protocols import LLM, TTS, ProviderKind, StageKind, ToolCall, ToolSpec, Usage
from rtaudio.voice.received import InARow, Senseless, TokenText, checked_speech, checked_token, wrong_call
from rtaudio.voice.segment_writer import SegmentWriter
from rtaudio.voice.streams import BREATH, Stalled, Stuck, close_stream, describe, next_within
from rtaudio.voice.tasks import Signal
from rtaudio.voice.word_finder import WordFinder


@dataclass(frozen=True, slots=True)
class Desk:
    """What a pump works with: where items go, what time it is, and the signal that room may have come."""

    options: SessionOptions
    post: Callable[[it.Item], None]
    stamp: Callable[[], it.Stamp]
    moved: Signal

    def troubled(self, kind: StageKind, provider: str) -> Callable[[str], None]:
        return lambda what: self.post(it.ProviderTroubled(self.stamp(), kind, provider, what))

    def replaced(self, kind: ProviderKind, provider: str, what: str) -> None:
        """A provider failed, and the stream that is read goes on with another."""
        self.troubled(kind, provider)(what)


async def pump_model(
    desk: Desk,
    llm: LLM,
    chat: ChatContext,
    tools: Sequence[ToolSpec],
    reply: int,
    may_be_silent: bool,
    wanted: Callable[[], bool],
    ready: Callable[[], bool],
) -> None:
    """Reads tokens, and calls of `tools`, while `ready` (few clauses wait), as long as the reply is `wanted`."""

    def failed(what: str) -> None:
        desk.post(it.TokensFailed(desk.stamp(), reply, llm.name, what))

    try:
        stream = llm.stream(chat, tools) if tools else llm.stream(chat)
    except Exception as error:
        return failed(describe(error))
    try:
        source, text, stuck = aiter(stream), TokenText(), Stuck(failed, desk.options.close_timeout_s)
        limit_s, came, calls = desk.options.llm_first_timeout_s, may_be_silent, 0
        for number in count(1):
            if not wanted():
                return
            try:
                token = checked_token(await next_within(source, limit_s, "token", stuck))
            except StopAsyncIteration:
                if rest := text.rest():
                    desk.post(it.TokenCame(desk.stamp(), reply, rest))
                return desk.post(it.TokensEnded(desk.stamp(), reply, llm.name)) if came else failed("sent nothing")
            if number % BREATH == 0:
                await asyncio.sleep(0)
            if isinstance(token, Usage):
                desk.post(it.UsageCame(desk.stamp(), reply, token))
                continue
            if isinstance(token, ToolCall):
                if (wrong := wrong_call(token, tools, calls)) is not None:
                    return failed(wrong)
                limit_s, came, calls = desk.options.llm_next_timeout_s, True, calls + 1
                desk.post(it.CallCame(desk.stamp(), reply, token))
                continue
            for piece in text.pieces(token.text):
                limit_s, came = desk.options.llm_next_timeout_s, True
                desk.post(it.TokenCame(desk.stamp(), reply, piece))
                while wanted() and not ready():
                    await desk.moved.wait()
                if not wanted():
                    return
    except (Stalled, Senseless) as error:
        failed(str(error))
    except Exception as error:
        failed(describe(error))
    finally:
        await close_stream(stream, desk.options.close_timeout_s, desk.troubled("llm", llm.name))


async def pump_speech(
    desk: Desk,
    tts: TTS,
    text: str,
    reply: int,
    clause: int,
    wanted: Callable[[], bool],
    writer: SegmentWriter,
    finder: WordFinder,
    *,
    counts: bool = True,
) -> None:
    """Reads the audio of one clause, at most `ahead_s` of it beyond what the playout took, once no more than that is
    held of the clauses before it, and has `finder` look for its words where the TTS does not say where they are.
    `counts`: it is a TTS, and not audio that is there already."""

    async def find(*, complete: bool) -> None:
        if found := await finder.look(complete=complete):
            desk.post(it.WordsFound(desk.stamp(), reply, clause, found.words, found.until_s))

    def failed(what: str) -> None:
        desk.post(it.AudioFailed(desk.stamp(), reply, clause, tts.name, what))

    while wanted() and writer.held_s > desk.options.ahead_s:  # clauses before it, complete and not played yet
        await desk.moved.wait()
    if not wanted():
        return
    if counts:
        desk.post(it.VoiceAsked(desk.stamp(), reply, len(text)))
    try:
        stream = tts.stream(text)
    except Exception as error:
        return failed(describe(error))
    try:
        source, empty, stuck = aiter(stream), InARow("pieces of audio"), Stuck(failed, desk.options.close_timeout_s)
        limit_s = desk.options.tts_first_timeout_s
        enough_s = max(desk.options.ahead_s, desk.options.start_buffer_s)  # as it may wait for that before it begins
        for number in count(1):
            if not wanted():
                return
            try:
                speech = checked_speech(await next_within(source, limit_s, "audio", stuck))
            except StopAsyncIteration:
                await find(complete=True)
                return desk.post(it.AudioEnded(desk.stamp(), reply, clause, tts.name))
            samples = len(speech.samples)
            empty.came(bool(samples or speech.words))
            if samples:
                limit_s = desk.options.tts_next_timeout_s
                writer.hold(clause, speech.samples, speech.rate)
            words = tuple(speech.words)
            desk.post(it.AudioCame(desk.stamp(), reply, clause, tts.name, samples, speech.rate, words))
            finder.add(speech)
            if finder.due:
                await find(complete=False)
            while wanted() and writer.held(clause) > enough_s * speech.rate:
                await desk.moved.wait()
            if number % BREATH == 0:
                await asyncio.sleep(0)
    except (Stalled, Senseless) as error:
        failed(str(error))
    except Exception as error:
        failed(describe(error))
    finally:
        await close_stream(stream, desk.options.close_timeout_s, desk.troubled("tts", tts.name))
