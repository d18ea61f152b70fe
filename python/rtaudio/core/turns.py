"""What is known about a turn: the evidence that a model gives, and the reasons for which the turn ended.

`TurnEvidence` goes in (`Line.post_turn_evidence`, `Detector.evidence`), `TurnReasons` come out: every "turn_ended"
event carries them, so that "why did it cut me off" has an answer. The machine is csrc/turn.h, how it weighs is
turn_policy.h.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from rtaudio.core._port import MIC_RATE

if TYPE_CHECKING:
    from rtaudio.core._port import Event

__all__ = ["TurnEvidence", "TurnReasons"]

UNKNOWN: Final = math.nan


class TurnEvidence(NamedTuple):
    """The answer to one question, all of it about the audio up to the asked position; NaN: unknown.

    As rta_turn_evidence in csrc/turn_policy.h, which says more: dB and dBFS of levels, semitones of F0, seconds.
    """

    p_trimmed: float = UNKNOWN
    p_asked: float = UNKNOWN
    f0_move_st: float = UNKNOWN
    f0_end_st: float = UNKNOWN
    f0_range_st: float = UNKNOWN
    last_syllable_s: float = UNKNOWN
    syllable_rate: float = UNKNOWN
    syllables: float = UNKNOWN
    speech_s: float = UNKNOWN
    silence_s: float = UNKNOWN
    noise_dbfs: float = UNKNOWN
    speech_dbfs: float = UNKNOWN
    decay_db: float = UNKNOWN
    end_voiced: float = UNKNOWN
    f0_floor_st: float = UNKNOWN
    last_nucleus_s: float = UNKNOWN


Reason = Literal[
    "model", "prosody", "silence", "short", "noise", "stt", "question", "agent", "pauses", "least", "fallback",
    "unanswered", "resumed",
]  # fmt: skip
AgentState = Literal["listening", "thinking", "speaking"]

_REASONS: Final[tuple[tuple[int, Reason, str], ...]] = (
    # bit of csrc/turn_policy.h and turn.h, name, what it says
    (0, "model", "the model was asked"),
    (1, "prosody", "melody, lengths and levels counted"),
    (2, "silence", "there was no evidence: silence decided"),
    (3, "short", "little was said, which made it wait"),
    (4, "noise", "noise made it wait"),
    (5, "stt", "the speech recognition's words counted"),
    (6, "question", "what the agent had asked counted"),
    (7, "agent", "the delay is another while the agent thinks or speaks"),
    (8, "pauses", "the caller's own pauses made it wait"),
    (9, "least", "the shortest delay there is"),
    (10, "fallback", "the longest delay there is"),
    (16, "unanswered", "a question found no answer in time"),
    (17, "resumed", "it had ended before and went on"),
)
_AGENT: Final[tuple[AgentState, ...]] = ("listening", "thinking", "speaking")


@dataclass(frozen=True, slots=True)
class TurnReasons:
    """Why a turn ended when it did. `str` says it in words.

    `silence_s`: since speech ended, as far as it was heard; `delay_s`: how much of it was wanted. `probability`: that
    the turn was complete, by the evidence; None: there was none. `asked`, `answered`: questions in this last silence.
    `agent`: what the agent did meanwhile. `why`: what made the delay what it is.
    """

    silence_s: float
    delay_s: float
    probability: float | None
    asked: int
    answered: int
    agent: AgentState
    why: tuple[Reason, ...]

    @classmethod
    def of(cls, event: Event) -> TurnReasons:
        """Of an event "turn_ended"; ValueError for another one."""
        if event.kind != "turn_ended":
            raise ValueError(f"TurnReasons.of: an event 'turn_ended' is wanted, not {event.kind!r}")
        return cls(
            silence_s=event.a / MIC_RATE,
            delay_s=event.segment / MIC_RATE,
            probability=event.value if event.value >= 0 else None,
            asked=event.flags & 0xFF,
            answered=(event.flags >> 8 & 0xFF).bit_count(),
            agent=_AGENT[min(event.flags >> 16, len(_AGENT) - 1)],
            why=tuple(name for bit, name, _ in _REASONS if event.c >> bit & 1),
        )

    def __str__(self) -> str:
        said = f"{self.silence_s:.2f} s of silence, {self.delay_s:.2f} s were wanted"
        if self.probability is not None:
            said += f": complete with probability {self.probability:.2f}, by {self.answered} of {self.asked} answers"
        words = {name: text for _, name, text in _REASONS}
        return "; ".join([said, *(words[name] for name in self.why)])
