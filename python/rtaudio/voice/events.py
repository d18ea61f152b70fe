"""What a user of a session can observe: frozen dataclasses, one per thing that happens.

Every event says when it was taken: `at_s`, seconds of the session's media clock (mic samples / 16000). Other times are
on the same clock where they are called `..._s` and are positions, durations where they are called `..._for_s`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rtaudio.voice.policies import Interruption
from rtaudio.voice.protocols import StageKind

if TYPE_CHECKING:
    from rtaudio.core import TurnReasons

State = Literal["listening", "thinking", "speaking"]
SpeechState = Literal["waiting", "thinking", "speaking", "done", "interrupted", "failed", "cancelled"]
"""Of one text or reply that the program asked for; see rtaudio.voice.speech."""
BargeState = Literal["quiet", "suspected", "likely", "confirmed", "false", "backchannel", "stopping", "kept"]
ToolOutcome = Literal["done", "failed", "cancelled"]
ChangeReason = Literal["handoff", "program", "task", "task over"]
RecordOutcome = Literal["heard", "interrupted", "failed", "silent", "given_up"]
MicState = Literal["good", "silent", "quiet", "loud"]
EagerState = Literal["begun", "held", "kept", "dropped"]
EagerReason = Literal["spoke", "words", "unasked", "chat", "interrupted", "failed", "closed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEvent:
    """What all events have in common."""

    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStarted(SessionEvent):
    """The user speaks, since `began_s`."""

    began_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechEnded(SessionEvent):
    """The user paused at `ended_s`; the turn may go on."""

    ended_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEnded(SessionEvent):
    """The user's turn is over: speech ended at `ended_s`, which was decided at `decided_s`, for `reasons` (`str` says
    them in words)."""

    turn: int
    ended_s: float
    decided_s: float
    reasons: TurnReasons | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnResumed(SessionEvent):
    """The user goes on with a turn that had been taken to be over, since `began_s`. What was begun as an answer to it
    and not yet heard is cancelled; TurnEnded will come again."""

    turn: int
    began_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnModelSilent(SessionEvent):
    """Told once: no model says in time whether turns are complete. `late`: its answers come, but too late. Silence
    alone decides where none comes."""

    late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptUpdated(SessionEvent):
    """The words of a turn as understood so far; `final`: they will not change, unless the turn is resumed."""

    turn: int
    text: str
    final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UserText(SessionEvent):
    """Words of the user came as text (`generate_reply(user_input=...)`): a turn like one that was spoken."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitPressed(SessionEvent):
    """The user has pressed a key: one of 0-9, *, #, A-D; "•" for one that is secret (`Keypad.secret`)."""

    digit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Backchannel(SessionEvent):
    """The user said "mhm" or the like while the agent spoke on: `text` goes into the history, marked as such, and
    asks for no answer."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserAway(SessionEvent):
    """Nobody has spoken or thought for `SessionOptions.away_s`; the user was last heard `silent_for_s` ago (or the
    session began then). `times`: 1, and one more for each time that the agent spoke since and was not answered."""

    silent_for_s: float
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UserBack(SessionEvent):
    """The user who was away speaks; `away_for_s`: since the first UserAway."""

    away_for_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MicrophoneLevel(SessionEvent):
    """What the core thinks of the microphone (csrc/mic_health.h). silent: nothing comes, not even a room's noise.
    quiet, loud: the user's speech, judged over 2 s of it. `level_dbfs`: what it was judged by (a sine of full scale is
    -3)."""

    state: MicState
    before: MicState
    level_dbfs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MicrophoneClipping(SessionEvent):
    """The microphone's signal is cut off at full scale, or no longer is; `clipped_share` of the last samples were."""

    clipping: bool
    clipped_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged(SessionEvent):
    """listening: the user has the floor. thinking: a turn is being understood or answered. speaking: the agent is."""

    state: State
    before: State


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyText(SessionEvent):
    """A clause of a reply goes to be spoken: `text` begins at character `text_offset` of the reply. It may never be
    heard: see AgentSpeechHeard and AgentSpeechInterrupted."""

    reply: int
    text: str
    text_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSpeechStarted(SessionEvent):
    """The first sample of a reply was put out. `interruption`: what the user's speech does to it."""

    reply: int
    interruption: Interruption = "immediate"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSpeechHeard(SessionEvent):
    """A reply was put out to its end: `text` is what came into the history, `spoken_for_s` how long it took."""

    reply: int
    text: str
    spoken_for_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSpeechInterrupted(SessionEvent):
    """A reply ended early. `heard` came into the history, `cut` did not; `heard_for_s` of it were heard, give or take
    `bound_s`."""

    reply: int
    heard: str
    cut: str
    heard_for_s: float
    bound_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BargeIn(SessionEvent):
    """The core's view of a user who speaks while the agent does; it has already acted: suspected (ducked), likely
    (paused), confirmed (flushed), false (resumed), backchannel (resumed: it was an "mhm"), stopping (the agent will be
    flushed at the end of its sentence), kept (resumed: its policy lets nobody in; what was said is answered after it),
    quiet (the agent stopped by itself)."""

    state: BargeState
    before: BargeState


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnMetrics(SessionEvent):
    """How long a reply took, step by step: seconds since the user's speech ended (since it was begun, for a reply
    that answers no turn: `turn` is 0). None: that step was never reached."""

    turn: int
    reply: int
    turn_decided_s: float | None = None
    stt_final_s: float | None = None
    first_token_s: float | None = None
    first_clause_s: float | None = None
    first_audio_s: float | None = None
    first_sample_s: float | None = None
    heard_s: float | None = None
    tools_s: float = 0.0
    """How much of all that was spent in waiting for tools, in the steps of the same answer before this one."""
    step: int = 0
    """How many steps with tools this answer had before this reply."""
    eager_attempts: int = 0
    """How many replies were begun before the turn was over; like the rest, told with the first step of its answer."""
    eager_kept: bool = False
    """This is one of them."""
    eager_wasted_tokens: int = 0
    """What came of those that were dropped, in pieces of the model's stream."""
    eager_wasted_audio_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EagerReply(SessionEvent):
    """A reply is begun before its turn is over (`SessionOptions.eager`), then kept or dropped: each once, also for the
    last one of a session. held: an answer that was begun already, and waits for whether what was heard since has words
    (`SessionOptions.hold_thinking`); kept or dropped, too. Nobody hears anything of it before it is kept, or ever if it
    is dropped.

    `why`: of one begun, what made the end of the turn probable (complete: the STT says so; probable: the core does;
    stable: words and silence lasted); of one dropped, what became of it: spoke (the user went on), words (the words
    are others), unasked (the turn wants no answer), chat (something else comes first, or has come), interrupted,
    failed, closed; None of one kept. `held_for_s`: since it was begun. `tokens`, `audio_for_s`: what its model (in
    pieces of its stream) and its voice gave in that time: lost, if it is dropped.
    """

    turn: int
    reply: int
    state: EagerState
    why: EagerReason | Literal["complete", "probable", "stable"] | None
    held_for_s: float = 0.0
    tokens: int = 0
    audio_for_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """When an answer reached its steps: positions on the media clock, in seconds. None: it never did. The first token,
    clause and audio of an answer that was begun ahead of its turn's end lie before `turn_decided_s`."""

    speech_ended_s: float | None = None
    turn_decided_s: float | None = None
    stt_final_s: float | None = None
    asked_s: float | None = None
    """The model was."""
    first_token_s: float | None = None
    first_clause_s: float | None = None
    text_ended_s: float | None = None
    first_audio_s: float | None = None
    audio_ended_s: float | None = None
    """The last of it came from the voice."""
    first_sample_s: float | None = None
    heard_s: float | None = None
    ended_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRecord(SessionEvent):
    """What an answer took and used, told once it is over, however it ended; also of what the agent says by itself
    (`turn` is 0). An answer that called tools has one record, with its last reply.

    `outcome`: heard to its end; interrupted, when something had been heard; failed, whatever was heard before; silent,
    as a model may be; given_up with nothing heard. `steps`: the latencies of each of its replies, as they were told.
    `given_up`: replies that were begun and dropped unheard, and begun again or ahead in vain, since the last record.

    Everything used is in exactly one record; of replies given up and of turns that nobody answers, in the next one.
    `user_for_s`: of the user's audio, recognised. `synthesised_for_s`: of the agent's; `heard_for_s` of it were put
    out, the rest was for nothing. `characters`: given to the TTS. `pieces`: of text, streamed by the model; the tokens
    are as its server counts them, None where it does not say, and a reply that is stopped mostly does not. `tools`:
    calls; `TurnMetrics.tools_s` says how long they took.
    """

    turn: int
    reply: int
    outcome: RecordOutcome
    moments: Moments
    steps: tuple[TurnMetrics, ...] = ()
    tools: int = 0
    given_up: int = 0
    user_for_s: float = 0.0
    synthesised_for_s: float = 0.0
    heard_for_s: float = 0.0
    characters: int = 0
    pieces: int = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStarted(SessionEvent):
    """The model has called a tool. `call_id`: as the history will have it."""

    call_id: str
    tool: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolProgress(SessionEvent):
    """A tool tells how far it is; `spoken`: the agent says so, too."""

    call_id: str
    tool: str
    text: str
    spoken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFinished(SessionEvent):
    """A call has come to its end, `took_for_s` after it was made: done; failed (the model reads why; so it does of a
    tool that is not there, or arguments that do not fit); cancelled. Once for every ToolStarted, in no set order."""

    call_id: str
    tool: str
    took_for_s: float
    outcome: ToolOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStepsSpent(SessionEvent):
    """The model has called tools in `steps` steps of one answer, which is as many as it may
    (`SessionOptions.tool_steps`): reply `reply` has to do without."""

    reply: int
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentChanged(SessionEvent):
    """Another agent is in charge; both by name. `why`: a tool handed over, or the program did ("program"); a task took
    over, or gave back ("task over")."""

    before: str
    after: str
    why: ChangeReason


@dataclass(frozen=True, slots=True, kw_only=True)
class HookFailed(SessionEvent):
    """Something of the agent's own that the session ran (`what_ran`: a hook, or the choice of history for it) raised or
    took too long. The session goes on without."""

    agent: str
    what_ran: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionResumed(SessionEvent):
    """The session goes on from a checkpoint, written down `missed_for_s` ago on the media clock. What the core has told
    since follows."""

    missed_for_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFailed(SessionEvent):
    """A checkpoint could not be made or stored. The session goes on; the last one that was stored holds."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFailed(SessionEvent):
    """A provider raised, hung or sent nothing. The session goes on."""

    kind: StageKind
    provider: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InputStarved(SessionEvent):
    """The line brought too little audio: `missing_for_s` of silence took its place."""

    missing_for_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLost(SessionEvent):
    """Nothing has come over the network line for `without_for_s`. Nothing is decided on that: media time stands still,
    a turn that is open stays open, and what the user says is answered when it comes."""

    without_for_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkBack(SessionEvent):
    """The line brings something again, after `without_for_s`."""

    without_for_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioLost(SessionEvent):
    """The session fell so far behind that `lost_for_s` of the user's audio was overwritten before it was recognised."""

    lost_for_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsLost(SessionEvent):
    """The session fell so far behind that the core dropped `count` events. What became of the reply is looked up in the
    ledger; starts and ends of the user's speech may be missing."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionClosed(SessionEvent):
    """The last event. `reason`: "closed" when asked to, else what went wrong."""

    reason: str
