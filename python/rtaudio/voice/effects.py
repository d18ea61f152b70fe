"""What a session's machine wants done. Plain data; a session carries them out in order, at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtaudio.voice.agent import HookName
from rtaudio.voice.chat import ChatMessage
from rtaudio.voice.events import SessionEvent, SpeechState
from rtaudio.voice.heard import WordAt
from rtaudio.voice.policies import Interruption
from rtaudio.voice.protocols import ToolCall

if TYPE_CHECKING:
    from rtaudio.core._engine import HintKind


@dataclass(frozen=True, slots=True)
class Effect:
    """What the machine wants done."""


@dataclass(frozen=True, slots=True)
class OpenRecognition(Effect):
    """Give a new STT stream the mic's audio from position `start` on, as it comes."""

    turn: int
    start: int


@dataclass(frozen=True, slots=True)
class EndRecognition(Effect):
    """Give it the audio before position `until`, then ask for the final transcript."""

    turn: int
    until: int


@dataclass(frozen=True, slots=True)
class CloseRecognition(Effect):
    """The turn's stream is not needed any more, whatever it is doing."""

    turn: int


@dataclass(frozen=True, slots=True)
class BeginReply(Effect):
    """A reply begins; the user's speech will do to its segment what `interruption` says."""

    reply: int
    interruption: Interruption


@dataclass(frozen=True, slots=True)
class StartModel(Effect):
    """Have the language model answer the history as it is now. `tools`: it may call them; else it is told that it may
    not any more. `may_be_silent`: it need not say anything. `instructions`: for this reply, beside the agent's. `only`:
    of the tools, those; None: all. `said`: answer as if this were remembered; it is what the user has probably said."""

    reply: int
    tools: bool = True
    may_be_silent: bool = False
    instructions: str = ""
    only: tuple[str, ...] | None = None
    said: Remember | None = None


@dataclass(frozen=True, slots=True)
class RunTools(Effect):
    """Run what the model called in `reply`, side by side; answered by ToolsDelivered. `only`: names of those
    that it may call; None: all there are."""

    reply: int
    calls: tuple[ToolCall, ...]
    only: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class InterruptTools(Effect):
    """The user interrupted `reply`, whose calls are run: each tool's policy says what becomes of them. ToolsDelivered
    comes soon."""

    reply: int


@dataclass(frozen=True, slots=True)
class MoveOnTools(Effect):
    """The talk does not wait for the calls of `reply`: ToolsDelivered comes soon, results that are not there late."""

    reply: int


@dataclass(frozen=True, slots=True)
class StartSpeech(Effect):
    """Have the TTS speak a clause of the reply. `recording`: the ticket under which its audio is kept; 0: none is."""

    reply: int
    clause: int
    text: str
    recording: int = 0


@dataclass(frozen=True, slots=True)
class PlayAudio(Effect):
    """Write piece `number` of the clause to the reply's segment; opens the segment with the first."""

    reply: int
    clause: int
    number: int


@dataclass(frozen=True, slots=True)
class PlaceWords(Effect):
    """Words of the reply begin here in its segment."""

    reply: int
    words: tuple[WordAt, ...]


@dataclass(frozen=True, slots=True)
class PlaceSentenceEnd(Effect):
    """A sentence of the reply ends at `sample` of its segment (port rate): where it may be stopped "after_sentence"."""

    reply: int
    sample: int


@dataclass(frozen=True, slots=True)
class EndSegment(Effect):
    """All of the reply's audio was handed over."""

    reply: int


@dataclass(frozen=True, slots=True)
class StopProviders(Effect):
    """Cancel the reply's model and TTS streams; what was written goes on playing."""

    reply: int


@dataclass(frozen=True, slots=True)
class DropReply(Effect):
    """Nothing more of this reply: cancel its streams, forget its audio."""

    reply: int


@dataclass(frozen=True, slots=True)
class Flush(Effect):
    """Silence the playout. The cut of `reply` comes back as an item."""

    reply: int


@dataclass(frozen=True, slots=True)
class PutInCharge(Effect):
    """From now on this agent's providers, tools and stages are used, for whatever begins."""

    agent: int


@dataclass(frozen=True, slots=True)
class ForgetAgent(Effect):
    """It will not be put in charge (again)."""

    agent: int


@dataclass(frozen=True, slots=True)
class ChooseHistory(Effect):
    """Have the agent's history policy make what it is shown of `messages`; answered by HistoryChosen."""

    agent: int
    messages: tuple[ChatMessage, ...]


@dataclass(frozen=True, slots=True)
class RunHook(Effect):
    """Call the agent's hook, once the hook `after` (0: none) has ended; answered by HookEnded. `run`: counts them.
    `message`: for "on_turn". `digits`: for "on_digits", secret ones as masks."""

    run: int
    agent: int
    hook: HookName
    after: int = 0
    message: ChatMessage | None = None
    digits: str = ""


@dataclass(frozen=True, slots=True)
class ForgetKeys(Effect):
    """Secret keys that were pressed and not asked for."""


@dataclass(frozen=True, slots=True)
class StopHook(Effect):
    """Nobody waits for it any more."""

    run: int


@dataclass(frozen=True, slots=True)
class TaskOver(Effect):
    """Whoever waits for the task goes on: with its outcome, or, where `broken_off` says so, with that as the reason."""

    agent: int
    broken_off: str = ""


@dataclass(frozen=True, slots=True)
class Hint(Effect):
    """Tell the core what it cannot hear (`Line.post_turn_hint`); `turn`: where the turn began that words are of."""

    kind: HintKind
    value: int
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Remember(Effect):
    """The history has one more message; `instead`: in the place of the last one."""

    message: ChatMessage
    instead: bool = False


@dataclass(frozen=True, slots=True)
class SpeechMoved(Effect):
    """Whoever asked for a speech is told where it is; with its last state comes what was heard of it, if anything ever
    could be."""

    ticket: int
    state: SpeechState
    message: ChatMessage | None = None


@dataclass(frozen=True, slots=True)
class Emit(Effect):
    """Tell the observers."""

    event: SessionEvent
