"""What comes into a session's machine: one item at a time, each stamped with when it was taken.

Items are plain data. `encode` and `decode` turn them into JSON-able dicts and back, for a journal; a list of items fed
to a new machine gives the same effects again (law 5). Audio stays outside: an item only counts its samples.

`Stamp.mic`: samples of the mic ring (16 kHz) when it was taken. `Stamp.time_ns`: the loop's clock then; used for
latencies alone, never for a decision.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rtaudio.core.turns import TurnReasons
from rtaudio.voice.agent import AgentSettings
from rtaudio.voice.chat import ChatMessage, ToolUse
from rtaudio.voice.events import BargeState, MicState, ToolOutcome
from rtaudio.voice.history_policy import Kept, share
from rtaudio.voice.policies import Interruption, Priority
from rtaudio.voice.protocols import StageKind, ToolCall, Usage, Word

if TYPE_CHECKING:
    from rtaudio.voice.machine_state import MachineState


@dataclass(frozen=True, slots=True)
class Stamp:
    """When an item was taken."""

    mic: int
    time_ns: int


@dataclass(frozen=True, slots=True)
class Item:
    """What all items have in common."""

    at: Stamp


# ---- From the core.


@dataclass(frozen=True, slots=True)
class SpeechBegan(Item):
    """The user speaks since mic position `begin`; decided at `decided`."""

    begin: int
    decided: int


@dataclass(frozen=True, slots=True)
class SpeechPaused(Item):
    """The user fell silent at mic position `end`; the turn may go on."""

    end: int
    decided: int


@dataclass(frozen=True, slots=True)
class TurnOver(Item):
    """The user's turn is over: speech ended at mic position `end`; decided at `decided`, for `reasons`. `barge`: what
    became of it as an interruption; None: see the BargeChanged before."""

    end: int
    decided: int
    barge: BargeState | None = None
    reasons: TurnReasons | None = None


@dataclass(frozen=True, slots=True)
class TurnWentOn(Item):
    """The speech that began last goes on with the turn that began at mic position `turn` and had ended. By now `heard`
    samples (port rate) of `reply` (0: none) have left the loudspeaker."""

    turn: int
    reply: int = 0
    heard: int = 0


@dataclass(frozen=True, slots=True)
class TurnWeighed(Item):
    """The core has weighed the silence that began at mic position `end`: the turn is complete with `probability`. It
    may come before the SpeechPaused of that silence, and anew as more is known."""

    end: int
    probability: float


@dataclass(frozen=True, slots=True)
class TurnUnanswered(Item):
    """For the first time nobody said in time whether a turn was complete."""

    late: bool


@dataclass(frozen=True, slots=True)
class BargeChanged(Item):
    """The core's judgement of speech while the agent speaks; it has acted on it."""

    state: BargeState
    before: BargeState


@dataclass(frozen=True, slots=True)
class LineStarved(Item):
    """The line brought too little audio: `samples` of silence took its place."""

    samples: int  # at 16 kHz


@dataclass(frozen=True, slots=True)
class LinkChanged(Item):
    """The link of a network line counts as lost, or brings something again; it had brought nothing for `without_ms`."""

    lost: bool
    without_ms: int


@dataclass(frozen=True, slots=True)
class MicLevelChanged(Item):
    """The core's judgement of the microphone's level; `mean_square`: what it was judged by (full scale 1)."""

    state: MicState
    before: MicState
    mean_square: float


@dataclass(frozen=True, slots=True)
class MicClippingChanged(Item):
    """The microphone clips, or no longer does: `clipped` samples of the last `judged`."""

    clipping: bool
    clipped: int
    judged: int


@dataclass(frozen=True, slots=True)
class EventsLost(Item):
    """`count` events of the core were dropped: the session did not take them in time."""

    count: int


@dataclass(frozen=True, slots=True)
class AudioLost(Item):
    """Mic audio was overwritten before recognition got it."""

    samples: int


@dataclass(frozen=True, slots=True)
class ReplySounded(Item):
    """The first sample of the reply's segment was put out."""

    reply: int


@dataclass(frozen=True, slots=True)
class ReplyAudible(Item):
    """It has left the loudspeaker, `samples` ago (port rate)."""

    reply: int
    samples: int


@dataclass(frozen=True, slots=True)
class ReplyDone(Item):
    """All of its segment was put out."""

    reply: int


@dataclass(frozen=True, slots=True)
class ReplyCut(Item):
    """Its segment was cut; `heard` samples (port rate) were heard for good, give or take `bound`."""

    reply: int
    heard: int
    bound: int


# ---- From providers.


@dataclass(frozen=True, slots=True)
class TranscriptCame(Item):
    """The whole text of the turn (of this part of it) as understood so far. `complete`: the STT takes it for all."""

    turn: int
    text: str
    final: bool
    complete: bool = False


@dataclass(frozen=True, slots=True)
class TranscriptFailed(Item):
    """Recognition of the turn raised, hung or ended without a final transcript."""

    turn: int
    provider: str
    what: str


@dataclass(frozen=True, slots=True)
class TokenCame(Item):
    """The reply's text goes on with `text`."""

    reply: int
    text: str


@dataclass(frozen=True, slots=True)
class CallCame(Item):
    """The model calls a tool; the reply may go on."""

    reply: int
    call: ToolCall


@dataclass(frozen=True, slots=True)
class UsageCame(Item):
    """What the model has used for the reply."""

    reply: int
    usage: Usage


@dataclass(frozen=True, slots=True)
class TokensEnded(Item):
    """The reply's text is complete."""

    reply: int
    provider: str


@dataclass(frozen=True, slots=True)
class TokensFailed(Item):
    """The model raised, hung or sent nothing."""

    reply: int
    provider: str
    what: str


@dataclass(frozen=True, slots=True)
class AudioCame(Item):
    """One more piece of a clause's audio: `samples` at `rate`; `words` as the TTS gave them with it."""

    reply: int
    clause: int
    provider: str
    samples: int
    rate: int
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class WordsFound(Item):
    """Where words of the clause begin in the first `until_s` of its audio, by its sound: the TTS gave no times."""

    reply: int
    clause: int
    words: tuple[Word, ...]
    until_s: float


@dataclass(frozen=True, slots=True)
class VoiceAsked(Item):
    """The TTS was given a clause of the reply. One that waits its turn may never be."""

    reply: int
    characters: int


@dataclass(frozen=True, slots=True)
class AudioEnded(Item):
    """The audio of a clause is complete."""

    reply: int
    clause: int
    provider: str


@dataclass(frozen=True, slots=True)
class AudioFailed(Item):
    """The TTS raised, hung or sent what is no audio."""

    reply: int
    clause: int
    provider: str
    what: str


@dataclass(frozen=True, slots=True)
class ProviderTroubled(Item):
    """A provider failed beside any turn or reply: it did not warm up, or a stream of its did not close."""

    kind: StageKind
    provider: str
    what: str


# ---- From the tools.


@dataclass(frozen=True, slots=True)
class ToolBegan(Item):
    """A call was taken; `call_id`: as the history will have it."""

    call_id: str
    tool: str


@dataclass(frozen=True, slots=True)
class ToolEnded(Item):
    """It has come to its end; once for each that was taken."""

    call_id: str
    tool: str
    outcome: ToolOutcome


@dataclass(frozen=True, slots=True)
class ToolReported(Item):
    """A tool told how far it is; `spoken`: it is said as well, by a SayAsked."""

    call_id: str
    tool: str
    text: str
    spoken: bool


@dataclass(frozen=True, slots=True)
class ToolsDelivered(Item):
    """Every call of `reply` with a result, in the order of the calls; once for every RunTools, also at the end."""

    reply: int
    uses: tuple[ToolUse, ...]
    handoffs: tuple[tuple[str, int], ...] = ()
    """(id of a call, number of the agent that its tool returned)"""


@dataclass(frozen=True, slots=True)
class LateResultCame(Item):
    """The result of the call `of`, which had been delivered as still running: a use of its own. `handoff`: number of
    the agent that its tool returned; 0: none."""

    of: str
    use: ToolUse
    handoff: int = 0


# ---- From agents.


@dataclass(frozen=True, slots=True)
class AgentCame(Item):
    """An agent that may be put in charge, as `number`. `by`: whose tool returned it; 0: no tool did. `history`: what
    it is shown of the talk; None: that is made beside the machine (effects.ChooseHistory)."""

    number: int
    settings: AgentSettings
    history: Kept | None = share
    by: int = 0


@dataclass(frozen=True, slots=True)
class HistoryChosen(Item):
    """What the agent is shown of the talk before it. `what`: why that is not as its policy says; "": it is."""

    number: int
    messages: tuple[ChatMessage, ...]
    what: str = ""


@dataclass(frozen=True, slots=True)
class HookEnded(Item):
    """Once for each RunHook. `what`: the trouble; "": none. `added`: what on_turn gave for the model. `stops`: it wants
    no answer."""

    run: int
    what: str = ""
    added: str = ""
    stops: bool = False


@dataclass(frozen=True, slots=True)
class TaskEnded(Item):
    """The task has its outcome; or nobody waits for it any more (`given_up`)."""

    number: int
    given_up: bool = False


# ---- From the user of the session.


@dataclass(frozen=True, slots=True)
class KeyPressed(Item):
    """The user of the line has pressed a key; a secret one is a mask here (keys.MASK)."""

    key: str


@dataclass(frozen=True, slots=True)
class SayAsked(Item):
    """The user of the session wants `text` said; `ticket` (0: none) is who waits for it. `interruption`: what the
    user's speech does to it; None: what the session's options say. `recorded`: its audio is there, kept by the hands
    under the ticket. `while_call`: a filler, of use only until that call has its result."""

    text: str
    ticket: int
    interruption: Interruption | None = None
    priority: Priority = "normal"
    recorded: bool = False
    while_call: str = ""


@dataclass(frozen=True, slots=True)
class ReplyAsked(Item):
    """The user of the session wants the model to speak. `user_input`: words of the user, which come into the history
    and are answered by it. `instructions`: for this reply alone. `tools`: what it may call; None: all there is."""

    ticket: int
    instructions: str = ""
    user_input: str | None = None
    tools: tuple[str, ...] | None = None
    interruption: Interruption | None = None
    priority: Priority = "normal"


@dataclass(frozen=True, slots=True)
class SpeechStopAsked(Item):
    """The user of the session does not want that speech any more."""

    ticket: int


@dataclass(frozen=True, slots=True)
class InterruptAsked(Item):
    """The user of the session wants the agent to stop."""


@dataclass(frozen=True, slots=True)
class SessionBegan(Item):
    """The first agent takes over."""


@dataclass(frozen=True, slots=True)
class SessionRestored(Item):
    """This session goes on where another was when `state` was written down. Instead of SessionBegan; what the core has
    told since follows, and then SessionCaughtUp."""

    state: MachineState


@dataclass(frozen=True, slots=True)
class UnknownSounded(Item):
    """Before the restore a segment began to be put out, at mic position `mic`, of which nothing had been written down.
    `reply`: what was under way when the state was; 0: nothing."""

    mic: int
    reply: int


@dataclass(frozen=True, slots=True)
class SessionCaughtUp(Item):
    """All that the core had told by the time of the restore has been taken. `lost`: some of it was not retained."""

    lost: bool = False


@dataclass(frozen=True, slots=True)
class HandOverAsked(Item):
    """The user of the session wants the agent `number` in charge."""

    number: int


@dataclass(frozen=True, slots=True)
class TaskAsked(Item):
    """Somebody waits for what the task `number` brings."""

    number: int


@dataclass(frozen=True, slots=True)
class TimeCame(Item):
    """The media clock has reached the position at which the machine wanted to be told (`Machine.due`)."""


@dataclass(frozen=True, slots=True)
class CloseAsked(Item):
    """`heard`, `bound`: of the reply that is being spoken, if any."""

    reason: str
    heard: int = 0
    bound: int = 0


@dataclass(frozen=True, slots=True)
class Ended(Item):
    """Closing is complete: no stream or task is left. The last item."""


def encode(item: Item) -> dict[str, Any]:
    """A JSON-able dict that `decode` turns back into the same item."""
    return {"item": type(item).__name__, **asdict(item)}


def decode(data: dict[str, Any]) -> Item:
    """Raises ValueError for a kind it does not know."""
    fields, kinds = dict(data), {kind.__name__: kind for kind in Item.__subclasses__()}
    kind = kinds.get(fields.pop("item", ""))
    if kind is None:
        raise ValueError(f"{data.get('item')!r} is no kind of item; known are {sorted(kinds)}")
    fields["at"] = Stamp(**fields["at"])
    if "words" in fields:
        fields["words"] = tuple(Word(**word) for word in fields["words"])
    if "call" in fields:
        fields["call"] = ToolCall(**fields["call"])
    if "usage" in fields:
        fields["usage"] = Usage(**fields["usage"])
    if "uses" in fields:
        fields["uses"] = tuple(ToolUse(**use) for use in fields["uses"])
    if "use" in fields:
        fields["use"] = ToolUse(**fields["use"])
    if fields.get("tools") is not None:
        fields["tools"] = tuple(fields["tools"])
    if "handoffs" in fields:
        fields["handoffs"] = tuple((call, number) for call, number in fields["handoffs"])
    if "settings" in fields:
        fields["settings"] = AgentSettings.from_dict(fields["settings"])
        fields["history"] = Kept(**fields["history"]) if fields["history"] is not None else None
    if "messages" in fields:
        fields["messages"] = tuple(ChatMessage.from_dict(message) for message in fields["messages"])
    if kind is SessionRestored:
        from rtaudio.voice.checkpoints.form import state_from  # which loads msgspec

        fields["state"] = state_from(fields["state"])
    if fields.get("reasons") is not None:
        fields["reasons"] = TurnReasons(**{**fields["reasons"], "why": tuple(fields["reasons"]["why"])})
    return kind(**fields)
