"""What a speech-to-speech model is: audio in, audio and its text out, over one connection that knows the conversation.

    session ──push, commit, respond, cancel, truncate, tool_result, …──► stream ──► server
            ◄──────────────── events, in the server's order ─────────────

Calls on a stream never block and never wait for an answer: they are handed over in order, and what the server makes of
them comes back as events. A stream is one connection. When it ends, raises or is closed it is over; the session opens
another and gives it the conversation so far.

Who decides turns is the model's `turns`:

    "local"    our detector does. A turn's audio is pushed from before its first word on, then `commit` makes it the
               user's message, and `respond` asks for an answer. The server answers nothing by itself.
    "server"   the server does. It gets all that the microphone hears, tells when the user began (UserBegan) and when a
               turn is over (UserTurn), answers by itself, and interrupts itself when the user speaks (Interrupted).
               `commit` and `clear` are not used; `respond` still is, for what no turn asks for, as a tool's result.

Audio is mono float32 NumPy in [-1, 1]: 16 kHz in, with its rate beside it out. What real servers offer, and how each
fits in here: docs/decisions/realtime.md.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol, runtime_checkable

from rtaudio.voice.protocols import Audio, ToolCall, ToolSpec, Usage, Word

if TYPE_CHECKING:
    from rtaudio.voice.chat import ChatContext, ChatMessage

INPUT_RATE: Final = 16000
"""Of what is pushed. A model whose server wants another rate resamples (rtaudio.Resampler)."""

TurnsBy = Literal["server", "local"]


@dataclass(frozen=True, slots=True)
class RealtimeEvent:
    """What a stream tells."""


@dataclass(frozen=True, slots=True)
class Ready(RealtimeEvent):
    """The server has taken the conversation and its settings: the first event of a stream. No response is asked
    for before; audio and messages may be given to the stream, which hands them over then."""


@dataclass(frozen=True, slots=True)
class Expiring(RealtimeEvent):
    """The connection will be ended by the server within `in_s` seconds. The session takes another one at the next quiet
    moment."""

    in_s: float


@dataclass(frozen=True, slots=True)
class UserBegan(RealtimeEvent):
    """Server turns: the user speaks, since `audio_ms` of the audio pushed on this stream; None: the server does not
    say."""

    audio_ms: int | None = None


@dataclass(frozen=True, slots=True)
class UserTurn(RealtimeEvent):
    """The user's speech has become a message of the conversation, `item`. Local turns: one for each `commit`, in their
    order. Server turns: the server's word that the turn is over; it ended at `audio_ms` of what was pushed (None: the
    server does not say)."""

    item: str
    audio_ms: int | None = None


@dataclass(frozen=True, slots=True)
class UserTranscript(RealtimeEvent):
    """What the user said in `item`, so far or for good. May come long after the answer, or before UserTurn."""

    item: str
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class UserTranscriptFailed(RealtimeEvent):
    """There will be no transcript of `item`; the model heard it all the same."""

    item: str
    what: str


@dataclass(frozen=True, slots=True)
class ResponseBegan(RealtimeEvent):
    """A response is under way; at most one is. `request`: the one it was asked for by; None: by the server itself."""

    response: str
    request: int | None = None


@dataclass(frozen=True, slots=True)
class ResponseRefused(RealtimeEvent):
    """There will be no response to that request."""

    request: int
    what: str


@dataclass(frozen=True, slots=True)
class TextDelta(RealtimeEvent):
    """The text of what is spoken in the message `item` goes on with `text`. It runs a little ahead of the audio, or
    beside it."""

    response: str
    item: str
    text: str


@dataclass(frozen=True, slots=True)
class AudioDelta(RealtimeEvent):
    """The audio of the message `item` goes on. `words`: seconds from the start of the item's audio, characters of its
    text so far; where there are none, words are found by their sound."""

    response: str
    item: str
    samples: Audio
    rate: int
    words: Sequence[Word] = field(default=())


@dataclass(frozen=True, slots=True)
class ToolCalled(RealtimeEvent):
    """The model calls a tool; the call is complete. Its result is given by `tool_result` with the call's own id."""

    response: str
    call: ToolCall


@dataclass(frozen=True, slots=True)
class ResponseDone(RealtimeEvent):
    """The last event of a response, also of one that was cancelled. `what`: where it failed, why; "" else."""

    response: str
    what: str = ""


@dataclass(frozen=True, slots=True)
class Interrupted(RealtimeEvent):
    """Server turns: the server takes the user to have interrupted the agent: nothing more of its speech is to be heard.
    A response that is under way ends with a ResponseDone."""


@dataclass(frozen=True, slots=True)
class Used(RealtimeEvent):
    """What the response has used in all, tokens of audio among them; before its ResponseDone. Of several the last one
    holds."""

    response: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class Troubled(RealtimeEvent):
    """Something went wrong that ends neither the stream nor a response: it is reported."""

    what: str


@runtime_checkable
class RealtimeStream(Protocol):
    """One connection. Its methods are called from the loop's thread, never block, and keep their order; a stream that
    cannot keep up raises BufferError, which ends it. Iterated over once."""

    def push(self, samples: Audio) -> None:
        """Takes 16 kHz samples of the user's."""

    def commit(self) -> None:
        """Local turns: what was pushed since the last commit or clear is a turn of the user's; UserTurn follows."""

    def clear(self) -> None:
        """Local turns: forget what was pushed since then."""

    def append(self, message: ChatMessage) -> None:
        """The conversation has one more message, which did not come of this stream: text of the user or the agent,
        tool calls with their results."""

    def tool_result(self, call: str, output: str, failed: bool) -> None:
        """The result of a ToolCalled of this stream; once for each."""

    def update(self, instructions: str, tools: Sequence[ToolSpec]) -> None:
        """From the next response on."""

    def respond(self, request: int, instructions: str | None = None, tools: Sequence[ToolSpec] | None = None) -> None:
        """Asks for a response to the conversation as it is. Answered by ResponseBegan or ResponseRefused with this
        `request`. Only while no response is under way. For this response: `instructions` beside those of the stream,
        and `tools` in the place of the stream's; None: those."""

    def cancel(self) -> None:
        """Ends the response under way, or asked for; its ResponseDone follows, if it is not on its way yet. Its calls
        of tools count as made: each gets its result."""

    def truncate(self, item: str, audio_end_ms: int) -> None:
        """Of the agent's message `item` only that much was heard, at most what was sent."""

    def delete(self, item: str) -> None:
        """The agent's message `item` was not heard at all: as if it had not been."""

    def __aiter__(self) -> AsyncIterator[RealtimeEvent]: ...

    async def aclose(self) -> None:
        """Ends the connection; at any moment, more than once, must not raise."""


@runtime_checkable
class RealtimeModel(Protocol):
    """A speech-to-speech model. `name` appears in events and errors. `turns`: who decides them. `truncates`: whether it
    can be told what was heard (`truncate`, `delete`); where not, what it remembers of an interrupted answer is its own
    affair."""

    name: str
    turns: TurnsBy
    truncates: bool

    def connect(self, chat: ChatContext, tools: Sequence[ToolSpec] = ()) -> RealtimeStream:
        """Opens a stream that knows the conversation so far; `chat` holds what was heard. Cheap: connecting goes on in
        the background, its failure comes out of the stream's iterator."""

    async def warm_up(self) -> None: ...

    async def aclose(self) -> None: ...
