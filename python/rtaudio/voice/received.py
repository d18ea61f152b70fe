"""What providers send, checked where it comes in: behind this, text is text and audio is audio (law 11).

Text is whole characters. Half of one (a lone surrogate, as a client makes of UTF-16 or of bytes that it took apart) is
joined with its other half if that comes next, and is U+FFFD otherwise: nothing behind here, such as a file, a socket or
another provider, could take it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from rtaudio.voice.protocols import Audio, Speech, Token, ToolCall, ToolSpec, Transcript, Usage, Word

MOST_CALLS: Final = 64
"""Of tools, in one reply."""
MOST_ARGUMENTS: Final = 1_000_000
"""Characters of the arguments of one call."""
MOST_TRANSCRIPT: Final = 100_000
"""Characters understood in one turn: two hours of speech."""
MOST_TRANSCRIPTS: Final = 100_000
"""Of one turn."""
MOST_REPLY: Final = 1_000_000
"""Characters of one reply: eighteen hours of speech."""
EMPTY_IN_A_ROW: Final = 1000
"""Pieces without anything in them, after which a stream is taken for broken."""
PIECE_CHARS: Final = 1024
"""A token that is longer is taken in pieces of this length, each when there is room: back-pressure holds for one token
of megabytes as for many small ones."""

_PAIR: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_HALF: Final = re.compile("[\ud800-\udfff]")


class Senseless(Exception):
    """What came breaks no type and has no meaning; the message says it without the name of an exception."""


def whole_characters(text: str) -> str:
    """`text` with halves of characters joined, or replaced where the other half is missing."""
    if not _HALF.search(text):
        return text
    joined = _PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)
    return _HALF.sub("\ufffd", joined)


def given_text(text: str, where: str) -> str:
    """Text that a program gives, to be said or answered. Raises ValueError where nothing in it can be, or it is longer
    than anybody would listen to."""
    if not isinstance(text, str):
        raise TypeError(f"{where.split(':')[0]}: a text is wanted, not {type(text).__name__}")
    if not any(map(str.isalnum, text)):
        raise ValueError(f"{where} in {text!r:.200}")
    if len(text) > MOST_TRANSCRIPT:
        raise ValueError(
            f"{where.split(':')[0]}: {len(text)} characters; at most {MOST_TRANSCRIPT}, two hours of speech"
        )
    return whole_characters(text)


class InARow:
    """Counts pieces without anything in them. `what`: their name."""

    def __init__(self, what: str) -> None:
        self._what, self._count = what, 0

    def came(self, something: bool) -> None:
        """Raises Senseless where nothing came too often."""
        self._count = 0 if something else self._count + 1
        if self._count == EMPTY_IN_A_ROW:
            raise Senseless(f"sent {EMPTY_IN_A_ROW} empty {self._what} in a row")


class TokenText:
    """The text of a model's tokens, in pieces of whole characters, however it was cut into tokens (law 6)."""

    def __init__(self) -> None:
        self._half = ""
        self._length = 0
        self._empty = InARow("tokens")

    def pieces(self, text: str) -> Iterator[str]:
        """Raises Senseless where too much came, or nothing too often."""
        self._empty.came(bool(text))
        text, self._half = self._half + text, ""
        if "\ud800" <= text[-1:] <= "\udbff":  # its other half may come
            text, self._half = text[:-1], text[-1]
        text = whole_characters(text)
        for start in range(0, len(text), PIECE_CHARS):
            piece = text[start : start + PIECE_CHARS]
            self._length += len(piece)
            if self._length > MOST_REPLY:
                raise Senseless(f"sent more than {MOST_REPLY} characters in one reply")
            yield piece

    def rest(self) -> str:
        """At the end: what waits for its other half."""
        half, self._half = self._half, ""
        return whole_characters(half)


def checked_token(piece: Token | ToolCall | Usage) -> Token | ToolCall | Usage:
    """Raises TypeError for what is none of them, or holds no text; ValueError for a usage that is no counts."""
    if not isinstance(piece, Token | ToolCall | Usage):
        raise TypeError(f"sent {type(piece).__name__} {piece!r:.60}, neither a Token nor a ToolCall")
    if isinstance(piece, Usage) and not all(
        isinstance(count, int) and count >= 0 for count in (piece.prompt, piece.completion, piece.cached)
    ):
        raise ValueError(f"sent {piece!r:.120}: its counts must be whole numbers from 0 on")
    if isinstance(piece, Token) and not isinstance(piece.text, str):
        raise TypeError(f"sent a Token of {type(piece.text).__name__}, not of text")
    return piece


def wrong_call(call: ToolCall, tools: Sequence[ToolSpec], before: int) -> str | None:
    """What ends the reply; a tool that is not there, or arguments that do not fit, are told to the model instead."""
    if not all(isinstance(text, str) for text in (call.id, call.name, call.arguments)):
        return f"sent a tool call that is not made of text: {call!r:.200}"
    if not tools:
        return f"called the tool {call.name[:64]!r}, but was offered none"
    if len(call.arguments) > MOST_ARGUMENTS:
        return f"called the tool {call.name[:64]!r} with {len(call.arguments)} characters of arguments"
    return f"called more than {MOST_CALLS} tools in one reply" if before == MOST_CALLS else None


def checked_transcript(transcript: Transcript) -> Transcript:
    """Raises TypeError for what is none, ValueError for one that is too long."""
    if not isinstance(transcript, Transcript) or not isinstance(transcript.text, str):
        raise TypeError(f"sent {type(transcript).__name__} {transcript!r:.60}, not a Transcript with a text")
    if len(transcript.text) > MOST_TRANSCRIPT:
        raise ValueError(f"understood {len(transcript.text)} characters in one turn; {MOST_TRANSCRIPT} are taken")
    return Transcript(whole_characters(transcript.text), bool(transcript.final), bool(transcript.complete))


def checked_speech(speech: Speech) -> Speech:
    """Raises TypeError or ValueError for audio that is not what the protocol says."""
    if not isinstance(speech, Speech):
        raise TypeError(f"sent {type(speech).__name__}, not Speech")
    samples: Audio = speech.samples
    if not isinstance(samples, np.ndarray) or samples.dtype != np.float32:
        raise TypeError(f"samples must be a float32 array, not {getattr(samples, 'dtype', type(samples).__name__)}")
    if samples.ndim != 1:
        raise ValueError(f"samples must be mono, shape (n,), not {samples.shape}")
    if not isinstance(speech.rate, int) or speech.rate <= 0:
        raise ValueError(f"rate must be a whole number of Hz, not {speech.rate!r}")
    if not np.isfinite(samples).all():
        raise ValueError("samples hold NaN or infinity")
    if not isinstance(speech.words, Sequence) or not all(isinstance(word, Word) for word in speech.words):
        raise TypeError(f"words must be a sequence of Word, not {speech.words!r:.60}")
    return Speech(np.ascontiguousarray(samples), speech.rate, speech.words)
