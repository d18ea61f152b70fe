"""The tasks that read a reply's providers: each turns what comes, late or wrong, into items, and closes its stream.

A pump ends when its stream does, when it fails, when it is cancelled, or when its reply is no longer wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rtaudio.voice import items as it
from rtaudio.voice.chat import ChatContext
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.protocols import LLM, TTS, Audio, ProviderKind, Speech, ToolCall, ToolSpec
from rtaudio.voice.segment_writer import SegmentWriter
from rtaudio.voice.streams import Stalled, close_stream, describe, next_within
from rtaudio.voice.tasks import Signal
from rtaudio.voice.word_finder import WordFinder

MOST_CALLS: Final = 64
"""Of tools, in one reply."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What a pump works with: where items go, what time it is, and the signal that room may have come."""

    options: SessionOptions
    post: Callable[[it.Item], None]
    stamp: Callable[[], it.Stamp]
    moved: Signal

    def troubled(self, kind: ProviderKind, provider: str) -> Callable[[str], None]:
        return lambda what: self.post(it.ProviderTroubled(self.stamp(), kind, provider, what))


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
        source, limit_s, came, calls = aiter(stream), desk.options.llm_first_timeout_s, may_be_silent, 0
        while wanted():
            try:
                token = await next_within(source, limit_s, "token")
            except StopAsyncIteration:
                return desk.post(it.TokensEnded(desk.stamp(), reply, llm.name)) if came else failed("sent nothing")
            if isinstance(token, ToolCall):
                if (wrong := _wrong_call(token, tools, calls)) is not None:
                    return failed(wrong)
                limit_s, came, calls = desk.options.llm_next_timeout_s, True, calls + 1
                desk.post(it.CallCame(desk.stamp(), reply, token))
            elif token.text:
                limit_s, came = desk.options.llm_next_timeout_s, True
                desk.post(it.TokenCame(desk.stamp(), reply, token.text))
            while wanted() and not ready():
                await desk.moved.wait()
    except Stalled as error:
        failed(str(error))
    except Exception as error:
        failed(describe(error))
    finally:
        await close_stream(stream, desk.options.close_timeout_s, desk.troubled("llm", llm.name))


def _wrong_call(call: ToolCall, tools: Sequence[ToolSpec], before: int) -> str | None:
    """What ends the reply; a tool that is not there, or arguments that do not fit, are told to the model instead."""
    if not all(isinstance(text, str) for text in (call.id, call.name, call.arguments)):
        return f"sent a tool call that is not made of text: {call!r:.200}"
    if not tools:
        return f"called the tool {call.name[:64]!r}, but was offered none"
    return f"called more than {MOST_CALLS} tools in one reply" if before == MOST_CALLS else None


async def pump_speech(
    desk: Desk,
    tts: TTS,
    text: str,
    reply: int,
    clause: int,
    wanted: Callable[[], bool],
    writer: SegmentWriter,
    finder: WordFinder,
) -> None:
    """Reads the audio of one clause, at most `ahead_s` of it beyond what the playout took, and has `finder` look for
    its words where the TTS does not say where they are."""

    async def find(*, complete: bool) -> None:
        if found := await finder.look(complete=complete):
            desk.post(it.WordsFound(desk.stamp(), reply, clause, found.words, found.until_s))

    def failed(what: str) -> None:
        desk.post(it.AudioFailed(desk.stamp(), reply, clause, tts.name, what))

    try:
        stream = tts.stream(text)
    except Exception as error:
        return failed(describe(error))
    try:
        source, limit_s = aiter(stream), desk.options.tts_first_timeout_s
        while wanted():
            try:
                speech = checked(await next_within(source, limit_s, "audio"))
            except StopAsyncIteration:
                await find(complete=True)
                return desk.post(it.AudioEnded(desk.stamp(), reply, clause, tts.name))
            count = len(speech.samples)
            if count:
                limit_s = desk.options.tts_next_timeout_s
                writer.hold(clause, speech.samples, speech.rate)
            words = tuple(speech.words)
            desk.post(it.AudioCame(desk.stamp(), reply, clause, tts.name, count, speech.rate, words))
            finder.add(speech)
            if finder.due:
                await find(complete=False)
            while wanted() and writer.held(clause) > desk.options.ahead_s * speech.rate:
                await desk.moved.wait()
    except Stalled as error:
        failed(str(error))
    except Exception as error:
        failed(describe(error))
    finally:
        await close_stream(stream, desk.options.close_timeout_s, desk.troubled("tts", tts.name))


def checked(speech: Speech) -> Speech:
    """Raises TypeError or ValueError for audio that is not what the protocol says."""
    samples: Audio = speech.samples
    if not isinstance(samples, np.ndarray) or samples.dtype != np.float32:
        raise TypeError(f"samples must be a float32 array, not {getattr(samples, 'dtype', type(samples).__name__)}")
    if samples.ndim != 1:
        raise ValueError(f"samples must be mono, shape (n,), not {samples.shape}")
    if not isinstance(speech.rate, int) or speech.rate <= 0:
        raise ValueError(f"rate must be a whole number of Hz, not {speech.rate!r}")
    if not np.isfinite(samples).all():
        raise ValueError("samples hold NaN or infinity")
    return Speech(np.ascontiguousarray(samples), speech.rate, speech.words)
