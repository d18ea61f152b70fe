"""What happened in a call, as its events told it: turns, replies with what was heard of them, latencies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rtaudio.voice.chat import ChatContext
from rtaudio.voice.events import (
    AgentSpeechHeard,
    AgentSpeechInterrupted,
    AgentSpeechStarted,
    Backchannel,
    BargeIn,
    ReplyText,
    SessionEvent,
    SpeechEnded,
    SpeechStarted,
    TranscriptUpdated,
    TurnEnded,
    TurnMetrics,
    TurnResumed,
)
from rtaudio.voice.policies import Interruption


@dataclass(slots=True)
class CallerTurn:
    """One turn of the caller; times are seconds of the media clock."""

    turn: int
    text: str = ""
    ended_s: float | None = None
    decided_s: float | None = None
    backchannel: bool = False
    why: list[str] = field(default_factory=list)  # for each time it was taken to be over
    resumed_s: list[float] = field(default_factory=list)  # when the caller went on after that


@dataclass(slots=True)
class Reply:
    """One reply of the agent. `heard` and `cut` make up the text."""

    reply: int
    text: str = ""
    started_s: float | None = None
    ended_s: float | None = None
    heard: str = ""
    cut: str = ""
    interrupted: bool = False
    interruption: Interruption = "immediate"


@dataclass(slots=True)
class CallLog:
    """Takes every event of a session, in order."""

    events: list[SessionEvent] = field(default_factory=list)
    turns: dict[int, CallerTurn] = field(default_factory=dict)
    replies: dict[int, Reply] = field(default_factory=dict)
    speech: list[tuple[float, float]] = field(default_factory=list)
    barge_ins: list[BargeIn] = field(default_factory=list)
    metrics: list[TurnMetrics] = field(default_factory=list)

    def take(self, event: SessionEvent) -> None:
        """Adds one event."""
        self.events.append(event)
        match event:
            case SpeechStarted(began_s=began_s):
                self.speech.append((began_s, began_s))
            case SpeechEnded(ended_s=ended_s) if self.speech:
                self.speech[-1] = (self.speech[-1][0], ended_s)
            case TurnEnded(turn=turn, ended_s=ended_s, decided_s=decided_s, reasons=reasons):
                known_turn = self._turn(turn)
                known_turn.ended_s, known_turn.decided_s = ended_s, decided_s
                known_turn.why.append(str(reasons) if reasons is not None else "")
            case TurnResumed(turn=turn, began_s=began_s):
                self._turn(turn).resumed_s.append(began_s)
            case TranscriptUpdated(turn=turn, text=text, final=True):
                self._turn(turn).text = text
            case ReplyText(reply=reply, text=text, text_offset=offset):
                known = self._reply(reply)
                known.text = known.text[:offset].ljust(offset) + text
            case AgentSpeechStarted(reply=reply, interruption=interruption):
                self._reply(reply).started_s, self._reply(reply).interruption = event.at_s, interruption
            case Backchannel(turn=turn):
                self._turn(turn).backchannel = True
            case AgentSpeechHeard(reply=reply, text=text):
                self._reply(reply).ended_s, self._reply(reply).heard = event.at_s, text
            case AgentSpeechInterrupted(reply=reply, heard=heard, cut=cut):
                known = self._reply(reply)
                known.ended_s, known.heard, known.cut, known.interrupted = event.at_s, heard, cut, True
            case BargeIn():
                self.barge_ins.append(event)
            case TurnMetrics():
                self.metrics.append(event)

    def to_dict(self, history: ChatContext) -> dict[str, Any]:
        """As plain data, for a file."""
        return {
            "turns": [asdict(turn) for turn in self.turns.values()],
            "replies": [asdict(reply) for reply in self.replies.values()],
            "latencies": [asdict(metrics) for metrics in self.metrics],
            "history": history.to_dict(),
            "events": [{"kind": type(event).__name__, **asdict(event)} for event in self.events],
        }

    def _turn(self, turn: int) -> CallerTurn:
        return self.turns.setdefault(turn, CallerTurn(turn))

    def _reply(self, reply: int) -> Reply:
        return self.replies.setdefault(reply, Reply(reply))


STEPS: Sequence[tuple[str, str]] = (
    ("turn_decided_s", "turn decided"),
    ("stt_final_s", "words"),
    ("first_token_s", "first token"),
    ("first_sample_s", "first sample"),
    ("heard_s", "heard"),
)
"""The steps of a reply that are shown: field of TurnMetrics, and what it is called."""


def latencies(metrics: TurnMetrics) -> list[tuple[str, float]]:
    """The steps that were reached, in seconds since the caller stopped speaking."""
    return [(name, value) for field_, name in STEPS if (value := getattr(metrics, field_)) is not None]
